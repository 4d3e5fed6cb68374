//! Spanfall's collector: OTLP spans in, live traffic edges out.
//!
//! The data goes through the modules in this order; a later one may know an earlier one's output,
//! never the reverse: [`receive`] -> [`span`] -> [`reduce`] -> [`pipeline`] -> [`feed`].

pub mod cli;
mod clock;
pub mod collector;
pub mod config;
pub mod cost;
pub mod edges;
mod export;
pub mod feed;
mod figures;
mod notices;
pub mod otlp_file;
pub mod pipeline;
pub mod port_owner;
pub mod receive;
pub mod record;
pub mod reduce;
pub mod replay;
pub mod serve;
pub mod span;
pub mod stop;
pub mod telemetry;
pub mod triggers;
pub mod trouble;
mod unknown_triggers;
pub mod view;

pub use collector::Collector;
pub use config::Config;
pub use pipeline::Pipeline;
