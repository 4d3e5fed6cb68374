//! What can be set, and what each setting's values are. In: a key and a value. Out: the value in
//! its place in a [`Config`], or what was expected instead.

mod list;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Config;
use super::file::nearest;
use super::listen::Port;
use super::value::{AUTO, Given, size_text, time_text};
use crate::cost::Price;
use crate::feed::{NoTraceUrl, TraceUrl};
use crate::receive::Authorization;
use crate::reduce::Slow;

/// Everything that can be set.
pub const SETTINGS: &[Setting] = list::SETTINGS;

/// One thing that can be set.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name: table and key of the file, such as `reduce.wait`.
    pub key: &'static str,
    /// What it does, in a sentence or two.
    pub help: &'static str,
    /// What a value looks like, for settings without a default.
    pub example: &'static str,
    /// When a change of it takes effect.
    pub change: Change,
    field: Field,
}

/// When a change of a setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// At once.
    AtOnce,
    /// When the collector starts again.
    AtRestart,
}

/// Where in a [`Config`] a setting is, and what its values are.
#[derive(Clone, Copy, Debug)]
enum Field {
    /// A length of time within bounds.
    Time { at: fn(&mut Config) -> &mut Duration, least: Duration, most: Duration },
    /// Which requests are slow: those over a length of time within bounds, or by what is usual.
    Slow { at: fn(&mut Config) -> &mut Slow, least: Duration, most: Duration },
    /// A number of bytes within bounds.
    Size { at: Number, least: u64, most: u64 },
    /// A number of things within bounds.
    Count { at: Number, least: u64, most: u64 },
    /// Yes or no.
    Flag { at: fn(&mut Config) -> &mut bool },
    /// One of some words.
    Choice {
        read: fn(&Config) -> &'static str,
        /// Takes one of the words.
        write: fn(&mut Config, &str),
        words: &'static [&'static str],
    },
    /// A list of texts.
    Words { at: fn(&mut Config) -> &mut Vec<String> },
    /// A short text.
    Text { at: fn(&mut Config) -> &mut String },
    /// An amount of money.
    Price { at: fn(&mut Config) -> &mut Price },
    /// What to log.
    LogFilter { at: fn(&mut Config) -> &mut String },
    /// The address of a network interface.
    Host { at: fn(&mut Config) -> &mut IpAddr },
    /// Where to listen.
    Port { at: fn(&mut Config) -> &mut Port },
    /// A file or folder, or none.
    Path { at: fn(&mut Config) -> &mut Option<PathBuf> },
    /// The address of a trace's page, or none.
    TraceUrl { at: fn(&mut Config) -> &mut Option<TraceUrl> },
    /// A header that senders must show, or none. Never shown.
    Secret { at: fn(&mut Config) -> &mut Option<Authorization> },
}

/// Where a whole number is, whatever its type.
#[derive(Clone, Copy, Debug)]
enum Number {
    Usize(fn(&mut Config) -> &mut usize),
    U64(fn(&mut Config) -> &mut u64),
}

impl Number {
    fn read(self, config: &mut Config) -> u64 {
        match self {
            Self::Usize(at) => *at(config) as u64,
            Self::U64(at) => *at(config),
        }
    }

    fn write(self, config: &mut Config, number: u64) {
        match self {
            Self::Usize(at) => *at(config) = usize::try_from(number).unwrap_or(usize::MAX),
            Self::U64(at) => *at(config) = number,
        }
    }
}

/// The setting of that name.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

impl Setting {
    /// The table of the file that it is in; empty for those before the first table.
    pub fn table(&self) -> &'static str {
        self.key.rsplit_once('.').map_or("", |(table, _)| table)
    }

    /// Its name within its table.
    pub fn name(&self) -> &'static str {
        self.key.rsplit_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The environment variable that overrides the file.
    pub fn variable(&self) -> String {
        format!("SPANFALL_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// Its value as it is written in its environment variable; `None` where there is none, or it is
    /// a secret.
    pub fn variable_value(&self, config: &Config) -> Option<String> {
        match self.field {
            Field::Words { at } => Some(at(&mut config.clone()).join(",")),
            _ => self.value(config).map(|value| value.trim_matches('"').to_owned()),
        }
    }

    /// Its value as it is written in a file; `None` where there is none, or it is a secret.
    pub fn value(&self, config: &Config) -> Option<String> {
        let config = &mut config.clone();
        let quoted = |text: String| Some(format!("{text:?}"));
        match self.field {
            Field::Time { at, .. } => quoted(time_text(*at(config))),
            Field::Slow { at, .. } => match *at(config) {
                Slow::Auto => quoted(AUTO.to_owned()),
                Slow::Over(limit) => quoted(time_text(limit)),
            },
            Field::Size { at, .. } => quoted(size_text(at.read(config))),
            Field::Count { at, .. } => Some(at.read(config).to_string()),
            Field::Flag { at } => Some(at(config).to_string()),
            Field::Choice { read, .. } => quoted(read(config).to_owned()),
            Field::Words { at } => Some(format!("{:?}", at(config))),
            Field::Text { at } | Field::LogFilter { at } => quoted(at(config).clone()),
            Field::Price { at } => Some(at(config).to_string()),
            Field::Host { at } => quoted(at(config).to_string()),
            Field::Port { at } => match at(config) {
                Port::Number(number) => Some(number.to_string()),
                other => quoted(other.to_string()),
            },
            Field::Path { at } => quoted(at(config).as_ref()?.display().to_string()),
            Field::TraceUrl { at } => quoted(at(config).as_ref()?.to_string()),
            Field::Secret { .. } => None,
        }
    }

    /// Whether two configurations differ in it.
    pub fn differs(&self, a: &Config, b: &Config) -> bool {
        match self.field {
            Field::Secret { at } => at(&mut a.clone()) != at(&mut b.clone()),
            _ => self.value(a) != self.value(b),
        }
    }

    /// Puts a value in its place, or says what is expected instead.
    pub(super) fn write(&self, config: &mut Config, given: Given<'_>) -> Result<(), String> {
        match self.field {
            Field::Time { at, least, most } => {
                *at(config) = within(given.time()?, least, most, time_text)?;
            }
            Field::Slow { at, least, most } => {
                *at(config) = match given.time_or_auto()? {
                    None => Slow::Auto,
                    Some(limit) => Slow::Over(within(limit, least, most, time_text)?),
                };
            }
            Field::Size { at, least, most } => {
                at.write(config, within(given.size()?, least, most, size_text)?);
            }
            Field::Count { at, least, most } => {
                at.write(config, within(given.count()?, least, most, |n| n.to_string())?);
            }
            Field::Flag { at } => *at(config) = given.flag()?,
            Field::Choice { write, words, .. } => write(config, one_of(words, given.text()?)?),
            Field::Words { at } => *at(config) = given.words()?,
            Field::Text { at } => *at(config) = short_text(given.text()?)?,
            Field::Price { at } => *at(config) = given.price()?,
            Field::LogFilter { at } => *at(config) = log_filter(given.text()?)?,
            Field::Host { at } => *at(config) = given.host()?,
            Field::Port { at } => *at(config) = given.port()?,
            Field::Path { at } => {
                let path = given.text()?;
                *at(config) = (!path.is_empty()).then(|| PathBuf::from(path));
            }
            Field::TraceUrl { at } => {
                let url = given.text()?;
                *at(config) = match url {
                    "" => None,
                    url => Some(url.parse().map_err(|error: NoTraceUrl| error.to_string())?),
                };
            }
            Field::Secret { at } => {
                let value = given.text()?;
                *at(config) = (!value.is_empty()).then(|| Authorization::new(value));
            }
        }
        Ok(())
    }
}

fn one_of<'a>(words: &[&str], text: &'a str) -> Result<&'a str, String> {
    if words.contains(&text) {
        return Ok(text);
    }
    Err(match nearest(text, words.iter().copied()) {
        Some(near) => format!("there is no `{text}` here; did you mean `{near}`?"),
        None => format!("one of {} is expected, not `{text}`", words.join(", ")),
    })
}

fn within<T: PartialOrd + Copy>(
    value: T,
    least: T,
    most: T,
    show: impl Fn(T) -> String,
) -> Result<T, String> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{} is not between {} and {}", show(value), show(least), show(most)))
    }
}

/// A word for a panel: not nothing, and nothing that could break a line.
fn short_text(text: &str) -> Result<String, String> {
    let fits = (1..=12).contains(&text.chars().count()) && !text.contains(char::is_control);
    fits.then(|| text.to_owned()).ok_or_else(|| "1 to 12 characters are expected".to_owned())
}

fn log_filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("not a log filter: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::{Listen, Record};
    use crate::cost::Prices;
    use crate::feed::hub;
    use crate::receive::Limits;
    use crate::reduce::NodeRules;
    use crate::{record, reduce};

    #[test]
    fn names_are_unique_and_so_are_their_environment_variables() {
        let keys: HashSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        let variables: HashSet<_> = SETTINGS.iter().map(Setting::variable).collect();
        assert_eq!((keys.len(), variables.len()), (SETTINGS.len(), SETTINGS.len()));
        assert_eq!(find("reduce.wait").unwrap().variable(), "SPANFALL_REDUCE_WAIT");
    }

    #[test]
    fn every_field_of_the_configuration_can_be_set() {
        // A new field fails to compile here: give it an entry in the list, and name it.
        let Config { log: _, listen, receive, reduce, feed, prices, runbooks, record } =
            Config::default();
        assert_eq!(runbooks, []);
        let Listen { host: _, grpc: _, http: _, view: _ } = listen;
        let Limits {
            max_request_bytes: _,
            max_decompressed_bytes: _,
            max_in_flight_bytes: _,
            max_connections: _,
            body_timeout: _,
            idle_timeout: _,
            retry_after: _,
            shutdown_grace: _,
            authorization: _,
        } = receive;
        let reduce::Settings {
            wait: _,
            correct: _,
            max_pending: _,
            slow: _,
            expected_errors: _,
            triggers: _,
            spans: _,
            nodes,
        } = reduce;
        let NodeRules { attributes: _, kind: _, renames: _, ignores: _ } = &*nodes;
        let Prices {
            currency: _,
            x86_gb_second: _,
            arm64_gb_second: _,
            million_requests: _,
            functions: _,
        } = prices;
        let hub::Settings {
            tick: _,
            history: _,
            history_bytes: _,
            max_lag: _,
            max_viewers: _,
            allowed_origins: _,
            trace_url: _,
        } = feed;
        let Record { target: _, options } = record;
        let record::Options {
            compress: _,
            rotate_size: _,
            rotate_age: _,
            keep_files: _,
            keep_size: _,
        } = options;
        assert_eq!(SETTINGS.len(), 1 + 4 + 9 + 6 + 2 + 4 + 6 + 1 + 6);
    }

    #[test]
    fn every_default_and_every_example_is_a_value_that_the_setting_takes() {
        for setting in SETTINGS {
            let mut config = Config::default();
            if let Some(default) = setting.value(&Config::default()) {
                let text = format!("x = {default}");
                let table = toml::de::DeTable::parse(&text).unwrap();
                let value = table.get_ref().get("x").unwrap().get_ref();
                setting.write(&mut config, Given::Toml(value)).unwrap();
                assert_eq!(config, Config::default(), "{}", setting.key);
            }
            setting
                .write(&mut config, Given::Text(setting.example))
                .unwrap_or_else(|error| panic!("{}: {error}", setting.key));
        }
    }

    #[test]
    fn every_default_is_a_value_of_the_environment_variable() {
        for setting in SETTINGS {
            let mut config = Config::default();
            if let Some(default) = setting.variable_value(&config) {
                setting.write(&mut config, Given::Text(&default)).unwrap();
                assert_eq!(config, Config::default(), "{}", setting.key);
            }
        }
    }

    #[test]
    fn a_secret_is_never_shown_and_yet_a_change_of_it_is_seen() {
        let setting = find("receive.authorization").unwrap();
        let mut config = Config::default();
        setting.write(&mut config, Given::Text("Bearer s3cret")).unwrap();
        assert_eq!(setting.value(&config), None);
        assert!(setting.differs(&config, &Config::default()));
        assert!(!setting.differs(&config, &config.clone()));
    }

    #[test]
    fn what_is_slow_is_a_length_of_time_or_found_out() {
        let setting = find("reduce.slow").unwrap();
        let mut config = Config::default();
        assert_eq!(setting.value(&config).unwrap(), "\"auto\"");
        for (text, expected) in [
            ("1500ms", Slow::Over(Duration::from_millis(1_500))),
            ("Auto", Slow::Auto),
            ("2 s", Slow::Over(Duration::from_secs(2))),
        ] {
            setting.write(&mut config, Given::Text(text)).unwrap();
            assert_eq!(config.reduce.slow, expected);
        }
        for text in ["often", "3", "", "0s", "2d"] {
            let told = setting.write(&mut config, Given::Text(text)).unwrap_err();
            assert!(told.contains("auto") || told.contains("between"), "{told}");
        }
    }

    #[test]
    fn a_value_out_of_bounds_is_told_the_bounds() {
        let error = find("feed.tick")
            .unwrap()
            .write(&mut Config::default(), Given::Text("5s"))
            .unwrap_err();
        assert_eq!(error, "5s is not between 50ms and 1s");
    }
}
