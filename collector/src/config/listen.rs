//! Where the collector listens. In: a host for all ports, and a port, an address or `off` for
//! each. Out: the addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address of the network interface that ports listen on unless they name their own.
    pub host: IpAddr,
    /// OTLP over gRPC.
    pub grpc: Port,
    /// OTLP over HTTP.
    pub http: Port,
    /// The feed, metrics and health.
    pub view: Port,
}

/// Where one port listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Nowhere.
    Off,
    /// On this number, at the common host. 0 lets the system choose.
    Number(u16),
    /// At an address of its own.
    At(SocketAddr),
}

impl Listen {
    /// Every port on this computer only, at numbers that the system chooses: for tests, and to
    /// embed a collector that nobody needs to find.
    pub fn anywhere() -> Self {
        let any = Port::Number(0);
        Self { grpc: any, http: any, view: any, ..Self::default() }
    }

    /// Where that port listens, unless it is off.
    pub fn address(&self, port: Port) -> Option<SocketAddr> {
        match port {
            Port::Off => None,
            Port::Number(number) => Some(SocketAddr::new(self.host, number)),
            Port::At(address) => Some(address),
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            // Spans tell much about a system, and neither they nor the feed are encrypted: whoever
            // wants to share them says so.
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            grpc: Port::Number(4317),
            http: Port::Number(4318),
            view: Port::Number(4320),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Number(number) => write!(f, "{number}"),
            Self::At(address) => write!(f, "{address}"),
        }
    }
}
