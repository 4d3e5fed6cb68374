//! Where a collector is. In: what a person types after `--connect`. Out: the feed's URL.

use std::fmt;
use std::str::FromStr;

/// The port on which collectors serve the feed, unless told otherwise.
const PORT: u16 = 4320;

/// The feed's path, unless told otherwise.
const PATH: &str = "/feed";

/// Where a collector serves its feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address, in brackets if it is of IPv6.
    host: String,
    port: u16,
    path: String,
}

/// What was typed names no collector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// There is no host in it.
    #[error("`{0}` names no host; write it like wall.example:4320")]
    NoHost(String),
    /// The port is no number.
    #[error("`{port}` in `{text}` is no port; write it like wall.example:4320")]
    Port {
        /// What stands where the port should.
        port: String,
        /// All of it.
        text: String,
    },
    /// TLS, or something that is not the web at all.
    #[error(
        "`{0}://` cannot be read here: the feed is plain WebSocket (ws:// or http://). For an \
         encrypted way, use a tunnel: ssh -N -L 4320:localhost:4320 HOST, and then \
         --connect localhost:4320"
    )]
    Scheme(String),
}

impl Endpoint {
    /// The host's name or address; of IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The URL to connect to.
    pub fn url(&self) -> String {
        format!("ws://{}:{}{}", self.host, self.port, self.path)
    }
}

/// The short form, for people: the host and the port.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some(("ws" | "http", rest)) => rest,
            Some((scheme, _)) => return Err(EndpointError::Scheme(scheme.to_owned())),
            None => text,
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = split_port(authority);
        let wrong_port = || EndpointError::Port { port: port.into(), text: text.into() };
        let port = match port {
            "" => PORT,
            port => port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong_port)?,
        };
        let is_name = |c: char| c.is_alphanumeric() || "-._[]:%".contains(c);
        if host.is_empty() || !host.chars().all(is_name) {
            return Err(EndpointError::NoHost(text.to_owned()));
        }
        let path = if path.is_empty() || path == "/" { PATH } else { path };
        Ok(Self { host: host.to_owned(), port, path: path.to_owned() })
    }
}

/// Splits `host:port`; an IPv6 address keeps its brackets, and its colons.
fn split_port(authority: &str) -> (&str, &str) {
    let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
    match authority.get(end_of_host..).and_then(|rest| rest.rfind(':')) {
        Some(at) => (&authority[..end_of_host + at], &authority[end_of_host + at + 1..]),
        None => (authority, ""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_collector_is_named_in_many_ways() {
        for (text, url) in [
            ("wall.example", "ws://wall.example:4320/feed"),
            ("wall.example:5000", "ws://wall.example:5000/feed"),
            ("ws://wall.example:4320/feed", "ws://wall.example:4320/feed"),
            ("http://10.0.0.7:4320/", "ws://10.0.0.7:4320/feed"),
            ("http://proxy.example:80/spanfall/feed", "ws://proxy.example:80/spanfall/feed"),
            ("[::1]:4320", "ws://[::1]:4320/feed"),
            ("[::1]", "ws://[::1]:4320/feed"),
            (" localhost ", "ws://localhost:4320/feed"),
        ] {
            assert_eq!(text.parse::<Endpoint>().map(|endpoint| endpoint.url()), Ok(url.into()));
        }
    }

    #[test]
    fn what_names_no_collector_is_told_how_to_write_one() {
        for text in ["", ":4320", "wall:port", "wall:70000", "wall:0", "wall example"] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains("write it like"), "{error}");
        }
        let error = "wss://wall.example".parse::<Endpoint>().unwrap_err().to_string();
        assert!(error.contains("ssh -N -L"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_an_endpoint_or_an_error(text in ".*") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert!(endpoint.url().starts_with("ws://"));
                prop_assert_eq!(endpoint.url().parse::<Endpoint>(), Ok(endpoint));
            }
        }
    }
}
