//! What `spanfall-collector edges --json` prints, as a client would read it. In: JSON of the schema
//! `spanfall.edges/1`. Out: hops by edge.

use std::collections::BTreeMap;

use serde_json::Value;

/// Hops of one edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hops {
    /// Of every class.
    pub total: u64,
    /// Refused because of a limit.
    pub throttled: u64,
    /// Failed.
    pub error: u64,
    /// Met a cold start.
    pub cold: u64,
}

/// An edge by the kinds and names of its ends: `function shop-orders`, `table orders`.
pub type Ends = (String, String);

/// `kind name` of a node in JSON.
///
/// # Panics
/// If it is none.
#[track_caller]
pub fn node(node: &Value) -> String {
    let (kind, name) = (node["kind"].as_str(), node["name"].as_str());
    let (kind, name) = kind.zip(name).unwrap_or_else(|| panic!("no node: {node}"));
    format!("{kind} {name}")
}

/// The hops of every edge.
///
/// # Panics
/// If the text is not of the schema.
#[track_caller]
pub fn hops(json: &str) -> BTreeMap<Ends, Hops> {
    let report: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(report["schema"], "spanfall.edges/1");
    let mut edges = BTreeMap::new();
    for edge in report["edges"].as_array().expect("edges") {
        let number = |class: &str| {
            let hops = &edge["hops"][class];
            hops.as_u64().unwrap_or_else(|| panic!("{class} is no whole number in {edge}"))
        };
        let hops: &mut Hops =
            edges.entry((node(&edge["source"]), node(&edge["target"]))).or_default();
        hops.total += number("total");
        hops.throttled += number("throttled");
        hops.error += number("error");
        hops.cold += number("cold");
    }
    edges
}
