//! Spanfall's collector: OTLP spans in, live traffic edges out.
//!
//! The data goes through the modules in this order; a later one may know an earlier one's output,
//! never the reverse: [`receive`] -> `span` -> [`reduce`] -> [`feed`].

pub mod edges;
pub mod feed;
pub mod receive;
pub mod record;
pub mod reduce;
pub mod replay;
