//! The configuration: what a collector can be told.

use std::net::{Ipv4Addr, SocketAddr};

use crate::feed::hub;
use crate::reduce;

/// A collector's configuration. Every setting has a default that works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `[listen]`: the ports.
    pub listen: Listen,
    /// `[reduce]`: from spans to edges.
    pub reduce: reduce::Settings,
    /// `[feed]`: to viewers.
    pub feed: hub::Settings,
}

/// The ports; `None` where one is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// OTLP over gRPC.
    pub grpc: Option<SocketAddr>,
    /// OTLP over HTTP.
    pub http: Option<SocketAddr>,
    /// The feed, metrics and health.
    pub view: Option<SocketAddr>,
}

impl Default for Listen {
    fn default() -> Self {
        let local = |port| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Self { grpc: local(4317), http: local(4318), view: local(4320) }
    }
}
