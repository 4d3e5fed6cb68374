//! Where the user's own trace store shows a trace: X-Ray, Jaeger, Tempo, Honeycomb, whatever has a page for
//! each. In: `trace.url` of the configuration. Out: a page's address.

use std::fmt;
use std::str::FromStr;

use super::message::TraceId;
use crate::trouble::is_web_page;

/// The address of a trace's page, with names in braces in place of what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceUrl(String);

/// What may stand in braces.
const NAMES: [&str; 6] = ["trace_id", "xray_trace_id", "start_ms", "end_ms", "start_s", "end_s"];

/// Why a text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTraceUrl {
    /// A browser would not show it.
    #[error("an address is expected that begins with https:// or http://")]
    NoWebPage,
    /// It is the same for every trace.
    #[error(
        "it must say where the trace's id stands: {{trace_id}}, or {{xray_trace_id}} for X-Ray"
    )]
    NoTraceId,
    /// Something else stands in braces.
    #[error(
        "`{{{0}}}` means nothing here; known are {{trace_id}}, {{xray_trace_id}}, {{start_ms}}, \
         {{end_ms}}, {{start_s}} and {{end_s}}"
    )]
    UnknownName(String),
}

impl FromStr for TraceUrl {
    type Err = NoTraceUrl;

    fn from_str(text: &str) -> Result<Self, NoTraceUrl> {
        if !is_web_page(text) {
            return Err(NoTraceUrl::NoWebPage);
        }
        if let Some(name) = names(text).find(|name| !NAMES.contains(name)) {
            return Err(NoTraceUrl::UnknownName(name.to_owned()));
        }
        if !names(text).any(|name| name.ends_with("trace_id")) {
            return Err(NoTraceUrl::NoTraceId);
        }
        Ok(Self(text.to_owned()))
    }
}

/// What stands in braces and looks like a name; pages of Grafana have JSON in their address.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).filter(
        |name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
    )
}

impl fmt::Display for TraceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TraceUrl {
    /// The page of a trace that began and ended then, in milliseconds since 1970.
    pub fn page(&self, trace: TraceId, start_ms: u64, end_ms: u64) -> String {
        let with = |text: String, (name, value): (&str, String)| {
            text.replace(&format!("{{{name}}}"), &value)
        };
        // A trace that is over within its second is in the next one, too.
        let values = [
            trace.to_string(),
            trace.as_xray(),
            start_ms.to_string(),
            end_ms.to_string(),
            (start_ms / 1_000).to_string(),
            (end_ms / 1_000 + 1).to_string(),
        ];
        NAMES.into_iter().zip(values).fold(self.0.clone(), with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "5759e988bd862e3fe1be46a994272793";

    #[test]
    fn names_in_braces_give_way_to_what_they_stand_for() {
        for (url, page) in [
            ("http://jaeger:16686/trace/{trace_id}", format!("http://jaeger:16686/trace/{TRACE}")),
            (
                "https://aws.example/#xray:traces/{xray_trace_id}",
                "https://aws.example/#xray:traces/1-5759e988-bd862e3fe1be46a994272793".to_owned(),
            ),
            (
                "https://h.example/trace?trace_id={trace_id}&trace_start_ts={start_s}&trace_end_ts={end_s}",
                format!(
                    "https://h.example/trace?trace_id={TRACE}&trace_start_ts=12&trace_end_ts=14"
                ),
            ),
            (
                "https://g.example/explore?left={\"q\":\"{trace_id}\",\"from\":{start_ms},\"to\":{end_ms}}",
                format!(
                    "https://g.example/explore?left={{\"q\":\"{TRACE}\",\"from\":12345,\"to\":13999}}"
                ),
            ),
        ] {
            let url: TraceUrl = url.parse().unwrap();
            assert_eq!(url.page(TRACE.parse().unwrap(), 12_345, 13_999), page);
        }
    }

    #[test]
    fn a_mistake_is_told_with_what_is_known() {
        let told = |text: &str| text.parse::<TraceUrl>().unwrap_err().to_string();
        assert!(told("jaeger/{trace_id}").contains("https://"));
        assert!(told("https://a b/{trace_id}").contains("https://"));
        assert!(told("https://jaeger/trace").contains("{trace_id}"));
        assert!(told("https://jaeger/{traceid}").contains("`{traceid}`"));
    }
}
