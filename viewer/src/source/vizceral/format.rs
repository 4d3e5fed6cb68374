//! Vizceral's format as it is read: nodes in nodes, and connections between them. In: JSON text.
//! Out: [`Level`]s; or what is wrong, and where. Unknown fields are passed over, `null` is as if
//! nothing was there.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Rates beyond this are no rates but mistakes: a day of it would not be counted exactly.
const MOST: f64 = 1e10;

/// A node of Vizceral's format, at every level.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a node: an object with a `name`")]
pub(super) struct Level {
    #[serde(deserialize_with = "name")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) renderer: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) display_name: String,
    #[serde(default, rename = "node_type", deserialize_with = "or_default")]
    pub(super) node_type: String,
    /// Where requests enter; `INTERNET` if it is not said.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) entry_node: String,
    /// When it was brought up to date: seconds or milliseconds since 1970.
    #[serde(default)]
    pub(super) updated: Option<f64>,
    #[serde(default)]
    pub(super) server_update_time: Option<f64>,
    /// None where the field is missing.
    #[serde(default)]
    pub(super) nodes: Option<Vec<Level>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) connections: Vec<Connection>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) notices: Vec<VizNotice>,
}

/// What goes from one node to another of the same level.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a connection: an object with `source` and `target`")]
pub(super) struct Connection {
    #[serde(deserialize_with = "name")]
    pub(super) source: String,
    #[serde(deserialize_with = "name")]
    pub(super) target: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metrics: Metrics,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) notices: Vec<VizNotice>,
}

/// Requests a second, by how they went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Metrics {
    /// Those of class `normal`, and of classes that only the page's own style knows.
    pub(super) normal: f64,
    pub(super) warning: f64,
    pub(super) danger: f64,
}

impl Metrics {
    pub(super) fn add(&mut self, other: Self) {
        self.normal += other.normal;
        self.warning += other.warning;
        self.danger += other.danger;
    }

    /// Raises each rate to the other's.
    pub(super) fn raise(&mut self, other: Self) {
        self.normal = self.normal.max(other.normal);
        self.warning = self.warning.max(other.warning);
        self.danger = self.danger.max(other.danger);
    }

    pub(super) fn total(self) -> f64 {
        self.normal + self.warning + self.danger
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Metadata {
    #[serde(default)]
    streaming: serde_json::Value,
}

impl Metadata {
    /// Whether its rates are news: they are, unless `streaming` is false or 0.
    pub(super) fn streams(&self) -> bool {
        match &self.streaming {
            serde_json::Value::Bool(streams) => *streams,
            serde_json::Value::Number(number) => number.as_f64() != Some(0.0),
            _ => true,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a notice: an object with a `title`")]
pub(super) struct VizNotice {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) title: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) subtitle: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) link: String,
    /// 0 is good to know, 1 a warning, 2 an error.
    #[serde(default)]
    pub(super) severity: Option<f64>,
}

/// Why something is not what Vizceral reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is no JSON, or only the beginning of one.
    #[error("it is no JSON: {0}")]
    Json(String),
    /// It is JSON, and something in it is not as Vizceral has it.
    #[error("{path} (line {line}, column {column}): {what}")]
    Field {
        /// The way to it, such as `nodes[1].connections[0].metrics.danger`.
        path: String,
        /// Its line, from 1.
        line: usize,
        /// Its column, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// There are no nodes.
    #[error(
        "it has no `nodes`, so it is not Vizceral's traffic. Give the JSON that Vizceral's page \
         loads: an object with `renderer`, `name`, `nodes` and `connections`"
    )]
    NoNodes,
    /// Regions in regions without end.
    #[error("{path}: regions lie more than {most} deep in each other; give one of the inner ones")]
    TooDeep {
        /// The way to it.
        path: String,
        /// How deep they may lie.
        most: usize,
    },
    /// More than can be drawn.
    #[error("it has more than {most} {what}; give one of its regions")]
    TooMany {
        /// Nodes or connections.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
}

/// Reads all of it.
pub(super) fn read(text: &[u8]) -> Result<Level, FormatError> {
    let level = match serde_json::from_slice::<Level>(text) {
        Ok(level) => level,
        Err(error) if error.is_data() => return Err(misfit(text, &error)),
        Err(error) => return Err(plain(&error)),
    };
    if level.nodes.is_some() { Ok(level) } else { Err(FormatError::NoNodes) }
}

/// Reads it once more, to find the way to the mistake.
fn misfit(text: &[u8], error: &serde_json::Error) -> FormatError {
    let mut again = serde_json::Deserializer::from_slice(text);
    match serde_path_to_error::deserialize::<_, Level>(&mut again) {
        Err(found) => field(found.path().to_string(), found.inner()),
        Ok(_) => plain(error),
    }
}

fn plain(error: &serde_json::Error) -> FormatError {
    let hint = if error.is_eof() { "; it ends too early: is it still being written?" } else { "" };
    FormatError::Json(format!("{error}{hint}"))
}

fn field(path: String, error: &serde_json::Error) -> FormatError {
    let what = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    FormatError::Field {
        path: if path == "." { "at the top".to_owned() } else { path },
        line: error.line(),
        column: error.column(),
        what: what.strip_suffix(&place).unwrap_or(&what).to_owned(),
    }
}

/// `null` is as if the field was missing.
fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A name, which is not empty.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.trim().is_empty() {
        return Err(de::Error::custom("it is empty; Vizceral knows nodes by their names"));
    }
    Ok(name)
}

/// Requests a second.
struct Rate(f64);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rate: Option<f64> = Option::deserialize(deserializer)?;
        let rate = rate.unwrap_or(0.0);
        if (0.0..=MOST).contains(&rate) {
            return Ok(Self(rate));
        }
        Err(de::Error::custom(format!("{rate} is no number of requests a second, from 0 to 1e10")))
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Classes;

        impl<'de> Visitor<'de> for Classes {
            type Value = Metrics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("requests a second by class: `normal`, `warning`, `danger`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
                let mut metrics = Metrics::default();
                while let Some(class) = map.next_key::<String>()? {
                    let Rate(rate) = map.next_value()?;
                    match class.as_str() {
                        "danger" => metrics.danger += rate,
                        "warning" => metrics.warning += rate,
                        _ => metrics.normal += rate,
                    }
                }
                Ok(metrics)
            }
        }

        deserializer.deserialize_map(Classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let text = "{\"name\": \"edge\", \"nodes\": [\n {\"name\": \"a\"},\n {\"name\": \"b\", \
                    \"connections\": [\n  {\"source\": \"x\", \"target\": \"y\", \"metrics\": \
                    {\"normal\": \"fast\"}}]}]}";
        let error = told(text);
        assert!(error.starts_with("nodes[1].connections[0].metrics.normal (line 4,"), "{error}");
        assert!(error.contains("string \"fast\"") && !error.contains("at line"), "{error}");

        let negative = text.replace("\"fast\"", "-3");
        assert!(told(&negative).contains("-3 is no number of requests a second"));

        let nameless = r#"{"name": "edge", "nodes": [{"name": "a"}, {"renderer": "region"}]}"#;
        let error = told(nameless);
        assert!(error.starts_with("nodes[1] (line 1,") && error.contains("`name`"), "{error}");
        let empty = r#"{"name": "edge", "nodes": [{"name": " "}]}"#;
        assert!(told(empty).starts_with("nodes[0].name"), "{}", told(empty));
        let end = r#"{"name": "edge", "nodes": [], "connections": [{"source": "a"}]}"#;
        assert!(told(end).contains("`target`"), "{}", told(end));
    }

    #[test]
    fn what_is_no_vizceral_at_all_is_told_what_to_give() {
        assert!(told("<html>").starts_with("it is no JSON: expected value at line 1 column 1"));
        assert!(told(r#"{"name": "edge", "nodes": ["#).contains("still being written"));
        assert!(told(r#"{"name": "spanfall"}"#).contains("no `nodes`"));
        assert!(told("[]").starts_with("at the top (line 1,"), "{}", told("[]"));
        let deep = r#"{"name": "a", "nodes": ["#.repeat(10_000);
        assert!(told(&deep).contains("recursion"), "{}", told(&deep));
    }

    #[test]
    fn nulls_and_unknown_fields_are_as_if_nothing_was_there() {
        let text = r#"{"name": "edge", "nodes": [{"name": "a", "nodes": null, "props": {"x": []},
            "notices": null, "displayName": null, "updated": null, "class": 7}], "connections": [
            {"source": "a", "target": "a", "metrics": null, "metadata": null},
            {"source": "a", "target": "a", "metrics": {"danger": null, "own": 2, "normal": 1}}]}"#;
        let level = read(text.as_bytes()).unwrap();
        assert_eq!(level.connections[0].metrics, Metrics::default());
        let metrics = Metrics { normal: 3.0, ..Metrics::default() };
        assert_eq!(level.connections[1].metrics, metrics);
    }

    #[test]
    fn what_does_not_stream_is_said_by_false_or_0() {
        for (streaming, streams) in
            [("true", true), ("1", true), ("null", true), ("false", false), ("0", false)]
        {
            let text = format!(r#"{{"streaming": {streaming}}}"#);
            let metadata: Metadata = serde_json::from_str(&text).unwrap();
            assert_eq!(metadata.streams(), streams, "{streaming}");
        }
        assert!(Metadata::default().streams());
    }
}
