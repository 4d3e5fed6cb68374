//! Where spans can be sent to, for people who have none coming yet. In: the addresses that a
//! collector listens on, and where this computer is in its network. Out: the environment variables
//! of a function that is to send its spans there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use bevy::prelude::*;

/// Where spans can be sent to.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub enum Intake {
    /// Nowhere: a recording plays.
    #[default]
    Nowhere,
    /// To the collector within the viewer.
    Here {
        /// Where OTLP over HTTP comes in, if it does.
        http: Option<SocketAddr>,
        /// Where OTLP over gRPC comes in, if it does.
        grpc: Option<SocketAddr>,
    },
    /// To the collector on this host, as the command line names it.
    Elsewhere(String),
}

/// What a function needs to be told to send its spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The OTLP endpoint, a URL.
    pub endpoint: String,
    /// Its protocol, as OpenTelemetry names it.
    pub protocol: &'static str,
    /// Who can send there.
    pub reach: Reach,
}

/// Who can send spans to a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Whoever is in one of its networks.
    Networks,
    /// Its own computer only.
    ThisComputer,
    /// Not known: it is not within this viewer.
    Unknown,
}

/// OTLP over HTTP, and its usual port.
const HTTP: (&str, u16) = ("http/protobuf", 4318);
const GRPC: &str = "grpc";

impl Intake {
    /// How a function sends its spans there. `outward` is this computer's address in its network;
    /// see [`outward`]. None where nothing listens.
    pub fn setup(&self, outward: Option<IpAddr>) -> Option<Setup> {
        let (host, port, protocol, reach) = match self {
            Self::Nowhere => return None,
            Self::Here { http, grpc } => {
                let (address, protocol) = match (http, grpc) {
                    (Some(address), _) => (address, HTTP.0),
                    (None, Some(address)) => (address, GRPC),
                    (None, None) => return None,
                };
                let ip = address.ip();
                let reach = if ip.is_loopback() { Reach::ThisComputer } else { Reach::Networks };
                (Host::of(ip, outward), address.port(), protocol, reach)
            }
            Self::Elsewhere(host) => {
                let host = match host.trim_matches(['[', ']']).parse() {
                    Ok(ip) => Host::of(ip, outward),
                    Err(_) if host == "localhost" => Host::of(Ipv4Addr::LOCALHOST.into(), outward),
                    Err(_) => Host::Named(host.clone()),
                };
                (host, HTTP.1, HTTP.0, Reach::Unknown)
            }
        };
        Some(Setup { endpoint: format!("http://{host}:{port}"), protocol, reach })
    }
}

/// The host of a URL.
enum Host {
    Address(IpAddr),
    Named(String),
}

impl Host {
    /// What others call a host that listens on this address: an address that is everywhere, or only
    /// here, is no way to it.
    fn of(ip: IpAddr, outward: Option<IpAddr>) -> Self {
        let vague = ip.is_loopback() || ip.is_unspecified();
        match outward.filter(|_| vague) {
            Some(outward) => Self::Address(outward),
            None if vague => Self::Named("localhost".to_owned()),
            None => Self::Address(ip),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Address(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl Setup {
    /// The environment variables of a Lambda function with an OpenTelemetry layer.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &self.endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", self.protocol),
            // Without it the layer is there and does nothing.
            ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/otel-instrument"),
            // The usual sampler heeds X-Ray, which leaves out most requests.
            ("OTEL_TRACES_SAMPLER", "always_on"),
        ]
    }

    /// The same as text: a variable a line.
    pub fn text(&self) -> String {
        self.variables().map(|(name, value)| format!("{name}={value}\n")).concat()
    }
}

/// This computer's address in the network that leads to others; none where there is no network.
/// Nothing is sent: a datagram socket only looks up the way.
pub fn outward() -> Option<IpAddr> {
    // Addresses set aside for documentation: they are on no network, so the way leads outward.
    let ways: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ];
    ways.into_iter().find_map(|(from, to)| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTWARD: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));

    fn here(http: &str, outward: Option<IpAddr>) -> Setup {
        Intake::Here { http: http.parse().ok(), grpc: "127.0.0.1:4317".parse().ok() }
            .setup(outward)
            .unwrap()
    }

    #[test]
    fn a_function_is_told_the_address_that_leads_here() {
        let setup = here("0.0.0.0:4318", Some(OUTWARD));
        assert_eq!(
            (setup.endpoint.as_str(), setup.protocol, setup.reach),
            ("http://10.1.2.3:4318", "http/protobuf", Reach::Networks)
        );
        let setup = here("192.168.7.9:5318", Some(OUTWARD));
        assert_eq!(setup.endpoint, "http://192.168.7.9:5318", "it listens there and nowhere else");
        let six = "2001:db8::7".parse().unwrap();
        assert_eq!(here("[::]:4318", Some(six)).endpoint, "http://[2001:db8::7]:4318");
    }

    #[test]
    fn a_collector_that_answers_this_computer_only_says_so() {
        let setup = here("127.0.0.1:4318", Some(OUTWARD));
        assert_eq!(setup.reach, Reach::ThisComputer);
        assert_eq!(setup.endpoint, "http://10.1.2.3:4318", "where it will be once it is opened");
        assert_eq!(here("127.0.0.1:4318", None).endpoint, "http://localhost:4318");
    }

    #[test]
    fn without_http_a_function_is_told_to_speak_grpc_and_without_both_nothing() {
        let setup = here("", Some(OUTWARD));
        assert_eq!((setup.endpoint.as_str(), setup.protocol), ("http://10.1.2.3:4317", "grpc"));
        assert_eq!(Intake::Here { http: None, grpc: None }.setup(Some(OUTWARD)), None);
        assert_eq!(Intake::Nowhere.setup(Some(OUTWARD)), None);
    }

    #[test]
    fn a_collector_elsewhere_is_where_the_command_line_says() {
        let endpoint = |host: &str| {
            let setup = Intake::Elsewhere(host.to_owned()).setup(Some(OUTWARD)).unwrap();
            assert_eq!(setup.reach, Reach::Unknown);
            setup.endpoint
        };
        assert_eq!(endpoint("wall.example"), "http://wall.example:4318");
        assert_eq!(endpoint("[2001:db8::1]"), "http://[2001:db8::1]:4318");
        assert_eq!(endpoint("localhost"), "http://10.1.2.3:4318");
        assert_eq!(endpoint("127.0.0.1"), "http://10.1.2.3:4318");
    }

    #[test]
    fn the_readme_names_the_same_variables() {
        let readme = include_str!("../../../README.md");
        let setup = here("0.0.0.0:4318", None);
        for (name, value) in setup.variables() {
            let value = value.replace("localhost", "YOUR-HOST");
            assert!(readme.contains(&format!("\n{name}={value}\n")), "{name}={value}");
        }
        assert_eq!(setup.text().lines().count(), 4);
    }

    #[test]
    fn the_address_of_this_computer_is_one_that_others_can_use() {
        // Without a network there is none, which is no mistake.
        if let Some(ip) = outward() {
            assert!(!ip.is_loopback() && !ip.is_unspecified(), "{ip}");
        }
    }
}
