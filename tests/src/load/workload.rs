//! The workloads that are measured. In: a name. Out: pieces.

use std::fmt;

use super::batch::Batches;
use super::piece::Pieces;
use super::small;
use crate::recording::sample;

/// Spans in a large request: what SDKs and the OpenTelemetry Collector send at most by default.
pub const LARGE: u64 = 512;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// The sample `webshop` as recorded, one request per invocation of a Lambda: some three spans.
    Webshop,
    /// The same in requests of some 512 spans, as a collector in between sends them.
    WebshopLarge,
    /// Clients and servers of 20 services with two attributes each, 512 in a request.
    Small,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Webshop, Self::WebshopLarge, Self::Small];

    /// Its batches.
    ///
    /// # Errors
    /// If the sample cannot be read.
    pub fn batches(self, seed: u64) -> anyhow::Result<Batches> {
        let webshop = |most| Batches::recording(&sample("webshop"), most, seed);
        match self {
            Self::Webshop => webshop(0),
            Self::WebshopLarge => webshop(LARGE),
            Self::Small => Ok(Batches::new(small::pairs(40, LARGE), LARGE, seed)),
        }
    }

    /// Its pieces.
    ///
    /// # Errors
    /// If the sample cannot be read.
    pub fn pieces(self, seed: u64) -> anyhow::Result<Pieces> {
        self.batches(seed).map(Pieces::new)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webshop => "webshop",
            Self::WebshopLarge => "webshop-512",
            Self::Small => "small-512",
        })
    }
}
