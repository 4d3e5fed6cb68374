//! What a person calls the hops of a feed. In: the unit that the feed's hello says. Out: words.

use spanfall_collector::feed::message::Unit;

/// The words for hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// One of them.
    pub(super) one: &'static str,
    /// Several.
    pub(super) many: &'static str,
    /// So many a second.
    pub(super) rate: &'static str,
    /// So many that arrive a second.
    pub(super) rate_in: &'static str,
    /// So many that leave a second.
    pub(super) rate_out: &'static str,
    /// What is said of a node in place of the nodes before it, where there need not be any.
    pub(super) entry: &'static str,
    /// What leads to a node, and what a node leads to, as headings.
    pub(super) ends: [&'static str; 2],
}

impl Words {
    /// Those for a feed's unit.
    pub(super) const fn of(unit: Unit) -> Self {
        match unit {
            Unit::Steps => Self {
                one: "step",
                many: "steps",
                rate: "steps/s",
                rate_in: "steps/s in",
                rate_out: "steps/s out",
                entry: "what happens begins here",
                ends: ["After", "Before"],
            },
            // What a later collector counts is most like requests.
            Unit::Requests | Unit::Other => Self {
                one: "request",
                many: "requests",
                rate: "req/s",
                rate_in: "req/s in",
                rate_out: "req/s out",
                entry: "requests enter the system here",
                ends: ["Called by", "Calls"],
            },
        }
    }
}
