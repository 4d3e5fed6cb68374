//! Other people's formats out. In: the reducer's edges, and what the collector counts about
//! itself. Out: numbers for Prometheus and for OpenTelemetry, a picture for Vizceral.

mod beside;
pub(crate) mod page;
pub(crate) mod prometheus;
pub(crate) mod readings;
pub(crate) mod service_graph;
pub(crate) mod vizceral;
