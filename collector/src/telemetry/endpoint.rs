//! Where the collector's own telemetry would go, and whether that is the collector itself. In:
//! environment variables and the ports. Out: endpoints.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

use http::Uri;

use crate::config::Listen;

/// Where telemetry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The environment variable that says so.
    pub(super) variable: &'static str,
    /// Its value.
    pub(super) url: String,
}

impl Endpoint {
    /// The endpoints that the variables name.
    pub(super) fn all(variables: &BTreeMap<String, String>) -> Vec<Self> {
        [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        ]
        .into_iter()
        .filter_map(|variable| {
            let url = variables.get(variable)?.trim();
            (!url.is_empty()).then(|| Self { variable, url: url.to_owned() })
        })
        .collect()
    }
}

/// The collector's own port that a URL leads to, if it does.
pub(super) fn own_port(listen: &Listen, url: &str) -> Option<u16> {
    let (host, port) = host_and_port(url)?;
    let receiving = [listen.grpc, listen.http].map(|port| listen.address(port));
    let own: Vec<SocketAddr> =
        receiving.into_iter().flatten().filter(|address| address.port() == port).collect();
    if own.is_empty() {
        return None;
    }
    let leads_here = (host.as_str(), port).to_socket_addrs().ok()?.any(|to| {
        own.iter().any(|own| own.ip() == to.ip() || (reaches_all(own.ip()) && is_own(to.ip())))
    });
    leads_here.then_some(port)
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let default = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some((host, uri.port_u16().unwrap_or(default)))
}

fn reaches_all(listening: IpAddr) -> bool {
    listening.is_unspecified()
}

/// Whether an address is one of this computer's: then a socket can be bound to it.
fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Port;

    #[test]
    fn an_endpoint_at_an_own_port_is_seen_however_it_is_written() {
        let listen = Listen::default();
        for url in [
            "http://localhost:4318",
            "http://127.0.0.1:4318/v1/traces",
            "http://127.0.0.1:4317",
            "127.0.0.1:4317",
        ] {
            assert!(own_port(&listen, url).is_some(), "{url}");
        }
        for url in [
            "http://localhost:4319",
            "http://localhost",
            "http://127.0.0.2:4318",
            "http://192.0.2.1:4318",
            "not a url",
            "",
        ] {
            assert_eq!(own_port(&listen, url), None, "{url}");
        }
    }

    #[test]
    fn a_port_that_is_open_to_all_is_found_at_every_address_of_this_computer() {
        let everywhere = Listen { host: "0.0.0.0".parse().unwrap(), ..Listen::default() };
        assert_eq!(own_port(&everywhere, "http://127.0.0.2:4318"), Some(4318));
        assert_eq!(own_port(&everywhere, "http://192.0.2.1:4318"), None, "another computer's");
        let off = Listen { http: Port::Off, ..everywhere };
        assert_eq!(own_port(&off, "http://127.0.0.1:4318"), None);
    }

    #[test]
    fn variables_without_a_value_are_none() {
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_SERVICE_NAME", "x")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(Endpoint::all(&variables.into()), []);
    }
}
