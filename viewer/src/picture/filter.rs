//! What a person wants to see of a level. In: [`Filter`], rates. Out: the edges that are shown.

use std::collections::BTreeMap;

use bevy::platform::collections::{HashMap, HashSet};
use bevy::prelude::Resource;
use spanfall_collector::reduce::hop::{Class, Counts, EdgeId};
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use super::fold::prefix;
use super::zone::Zones;
use crate::figures;
use crate::traffic::{EdgeState, Traffic};

/// Which hops are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Of this class.
    Class(Class),
    /// Those that met a cold start.
    Cold,
}

impl Sort {
    /// All of them, as a person goes through them.
    pub const ALL: [Self; 5] = [
        Self::Class(Class::Error),
        Self::Class(Class::Throttled),
        Self::Class(Class::Slow),
        Self::Class(Class::Ok),
        Self::Cold,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Class(class) => class.as_str(),
            Self::Cold => "cold start",
        }
    }

    fn of(self, counts: &Counts) -> f64 {
        match self {
            Self::Class(class) => counts.of(class),
            Self::Cold => counts.cold,
        }
    }
}

/// The least rates that can be asked for, in hops a second.
pub const LEAST: [f64; 6] = [0.1, 1.0, 5.0, 20.0, 100.0, 1000.0];

/// What is shown of a level. What is selected is shown whatever this says.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Only edges with such hops.
    pub sort: Option<Sort>,
    /// Only edges with at least so many hops a second.
    pub least: Option<f64>,
    /// Only edges from or to nodes of this kind.
    pub kind: Option<NodeKind>,
    /// Only edges from or to nodes of this zone.
    pub zone: Option<NodeId>,
    /// Only edges from or to nodes whose names begin with this word.
    pub names: Option<String>,
    /// Only edges on which requests fail or are throttled, and those that lead there.
    pub trouble: bool,
}

/// How a person changes the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The next value of a line of the panel, or with `false` the one before.
    Turn(Line, bool),
    /// Only errors and what leads there, or no more.
    Trouble,
    /// Everything is shown again.
    Clear,
}

/// A line of the filter's panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Which hops.
    Sort,
    /// The least rate.
    Least,
    /// The kind of nodes.
    Kind,
    /// The zone.
    Zone,
    /// The word that names begin with.
    Names,
    /// Only errors and what leads there.
    Trouble,
}

impl Line {
    /// All lines from the top.
    pub const ALL: [Self; 6] =
        [Self::Sort, Self::Least, Self::Kind, Self::Zone, Self::Names, Self::Trouble];

    /// What it chooses by.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Sort => "Requests that are",
            Self::Least => "At least",
            Self::Kind => "Kind",
            Self::Zone => "Region",
            Self::Names => "Names begin with",
            Self::Trouble => "Only errors, and what leads there",
        }
    }
}

/// From this share of failed and throttled hops on an edge is in trouble, and below the second one it
/// is no more: what wavers in between stays as it is.
const TROUBLE: f64 = 0.01;
const TROUBLE_OVER: f64 = 0.002;

/// An edge that is shown for its rate stays until it falls below this share of what was asked for.
const LEAST_OVER: f64 = 0.5;

impl Filter {
    /// Whether it leaves anything out.
    pub fn is_on(&self) -> bool {
        *self != Self::default()
    }

    /// Whether what it leaves out depends on rates.
    pub fn follows_rates(&self) -> bool {
        self.sort.is_some() || self.least.is_some() || self.trouble
    }

    /// Changes what is chosen.
    pub fn change(&mut self, change: Change, traffic: &Traffic, zones: &Zones) {
        match change {
            Change::Clear => *self = Self::default(),
            Change::Trouble | Change::Turn(Line::Trouble, _) => self.trouble = !self.trouble,
            Change::Turn(Line::Sort, on) => self.sort = turn(self.sort, &Sort::ALL, on),
            Change::Turn(Line::Least, on) => self.least = turn(self.least, &LEAST, on),
            Change::Turn(Line::Kind, on) => {
                let there = |kind: &NodeKind| traffic.nodes.values().any(|node| node.kind == *kind);
                let kinds: Vec<NodeKind> = NodeKind::ALL.into_iter().filter(there).collect();
                self.kind = turn(self.kind, &kinds, on);
            }
            Change::Turn(Line::Zone, on) => {
                let mut all: Vec<(&str, NodeId)> =
                    zones.all.iter().map(|(id, zone)| (zone.name.as_str(), *id)).collect();
                all.sort_unstable();
                let all: Vec<NodeId> = all.into_iter().map(|(_, id)| id).collect();
                self.zone = turn(self.zone, &all, on);
            }
            Change::Turn(Line::Names, on) => {
                self.names = turn(self.names.clone(), &words(traffic), on);
            }
        }
    }

    /// What a line says is chosen; empty where it leaves nothing out.
    pub fn chosen(&self, line: Line, zones: &Zones) -> String {
        match line {
            Line::Sort => self.sort.map(|sort| sort.as_str().to_owned()),
            Line::Least => self.least.map(|least| format!("{}/s", figures::number(least))),
            Line::Kind => self.kind.map(|kind| kind.to_string()),
            Line::Zone => self
                .zone
                .map(|id| zones.all.get(&id).map_or_else(String::new, |zone| zone.name.clone())),
            Line::Names => self.names.clone(),
            Line::Trouble => self.trouble.then(|| "yes".to_owned()),
        }
        .unwrap_or_default()
    }

    /// What is shown, in a few words; empty when everything is.
    pub fn words(&self, zones: &Zones) -> String {
        let parts = Line::ALL.into_iter().filter_map(|line| {
            let chosen = self.chosen(line, zones);
            (!chosen.is_empty()).then(|| match line {
                Line::Least => format!("at least {chosen}"),
                Line::Names => format!("{chosen}…"),
                Line::Trouble => "errors and what leads there".to_owned(),
                Line::Sort | Line::Kind | Line::Zone => chosen,
            })
        });
        parts.collect::<Vec<String>>().join(" · ")
    }

    /// The edges that are shown. `before` are those that were.
    pub fn edges(
        &self,
        traffic: &Traffic,
        zones: &Zones,
        before: &HashSet<EdgeId>,
    ) -> HashSet<EdgeId> {
        let wanted = |(id, edge): &(&EdgeId, &EdgeState)| {
            let was = before.contains(*id);
            self.by_rate(&edge.rates.per_second, was) && self.by_ends(edge, traffic, zones)
        };
        let found = traffic.edges.iter().filter(wanted);
        if self.trouble { in_trouble(found, before) } else { found.map(|(id, _)| *id).collect() }
    }

    fn by_rate(&self, rates: &Counts, was: bool) -> bool {
        let slack = if was { LEAST_OVER } else { 1.0 };
        self.sort.is_none_or(|sort| sort.of(rates) > 0.0)
            && self.least.is_none_or(|least| rates.total() >= least * slack)
    }

    fn by_ends(&self, edge: &EdgeState, traffic: &Traffic, zones: &Zones) -> bool {
        let either = |has: &dyn Fn(NodeId) -> bool| has(edge.source) || has(edge.target);
        let node = |id: NodeId| traffic.nodes.get(&id);
        self.kind.is_none_or(|kind| either(&|id| node(id).is_some_and(|node| node.kind == kind)))
            && self.zone.is_none_or(|zone| either(&|id| zones.of(id) == Some(zone)))
            && self.names.as_deref().is_none_or(|word| {
                either(&|id| node(id).is_some_and(|node| prefix(&node.name) == Some(word)))
            })
    }
}

/// The next of all values, or the one before; after the last comes none.
fn turn<T: PartialEq + Clone>(now: Option<T>, all: &[T], on: bool) -> Option<T> {
    // None stands before the first and after the last.
    let count = all.len() + 1;
    let place = now.and_then(|now| all.iter().position(|value| *value == now));
    let place = place.map_or(0, |place| place + 1);
    let next = (place + if on { 1 } else { count - 1 }) % count;
    next.checked_sub(1).and_then(|index| all.get(index)).cloned()
}

/// Words that a name may have to begin with, that several names have, by the alphabet.
fn words(traffic: &Traffic) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in traffic.nodes.values().filter_map(|node| prefix(&node.name)) {
        *counts.entry(word).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(word, _)| word.to_owned()).collect()
}

/// Those edges that are in trouble, and all that lead to them.
fn in_trouble<'a>(
    edges: impl Iterator<Item = (&'a EdgeId, &'a EdgeState)>,
    before: &HashSet<EdgeId>,
) -> HashSet<EdgeId> {
    let mut found = HashSet::default();
    let mut callers: Vec<NodeId> = Vec::new();
    let mut into: HashMap<NodeId, Vec<(EdgeId, NodeId)>> = HashMap::default();
    for (&id, edge) in edges {
        into.entry(edge.target).or_default().push((id, edge.source));
        if is_in_trouble(&edge.rates.per_second, before.contains(&id)) {
            found.insert(id);
            callers.push(edge.source);
        }
    }
    // Each node's edges are taken once, so circles end.
    while let Some(node) = callers.pop() {
        for (id, source) in into.remove(&node).unwrap_or_default() {
            found.insert(id);
            callers.push(source);
        }
    }
    found
}

/// Whether so many requests fail or are throttled that it matters; `was` says that they did.
pub(super) fn is_in_trouble(rates: &Counts, was: bool) -> bool {
    let bad = rates.error + rates.throttled;
    bad > 0.0 && bad > rates.total() * if was { TROUBLE_OVER } else { TROUBLE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::sample::graph;

    fn shown(filter: &Filter, traffic: &Traffic, before: &[u64]) -> Vec<u64> {
        let before = before.iter().copied().map(EdgeId).collect();
        let edges = filter.edges(traffic, &Zones::find(traffic), &before);
        let mut ids: Vec<u64> = edges.iter().map(|id| id.0).collect();
        ids.sort_unstable();
        ids
    }

    /// 1 calls 2 and 3, 2 calls 4, 3 calls 5, which calls 3 again.
    fn traffic() -> Traffic {
        let mut traffic = graph(5, &[(1, 2), (1, 3), (2, 4), (3, 5), (5, 3)]);
        for (id, ok, error) in
            [(1, 10.0, 0.0), (2, 4.0, 0.0), (3, 1.0, 0.0), (4, 50.0, 2.0), (5, 0.2, 0.0)]
        {
            traffic.edges[&EdgeId(id)].rates.per_second = Counts { ok, error, ..Counts::default() };
        }
        traffic
    }

    #[test]
    fn errors_are_shown_with_all_that_leads_there() {
        let trouble = Filter { trouble: true, ..Filter::default() };
        assert_eq!(shown(&trouble, &traffic(), &[]), [2, 4, 5]);
    }

    #[test]
    fn what_wavers_about_the_limit_stays_as_it_is() {
        let least = Filter { least: Some(5.0), ..Filter::default() };
        assert_eq!(shown(&least, &traffic(), &[]), [1, 4]);
        assert_eq!(shown(&least, &traffic(), &[2, 3]), [1, 2, 4]);
        let mut traffic = traffic();
        traffic.edges[&EdgeId(4)].rates.per_second.error = 0.3;
        let trouble = Filter { trouble: true, ..Filter::default() };
        assert!(shown(&trouble, &traffic, &[]).is_empty());
        assert_eq!(shown(&trouble, &traffic, &[4]), [2, 4, 5]);
    }

    #[test]
    fn a_line_turns_through_all_values_and_none() {
        let (traffic, zones) = (traffic(), Zones::default());
        let mut filter = Filter::default();
        let mut seen = Vec::new();
        for _ in 0..=Sort::ALL.len() {
            filter.change(Change::Turn(Line::Sort, true), &traffic, &zones);
            seen.push(filter.sort);
        }
        assert_eq!(seen[..5], Sort::ALL.map(Some));
        assert_eq!(seen[5], None);
        filter.change(Change::Turn(Line::Least, false), &traffic, &zones);
        filter.change(Change::Trouble, &traffic, &zones);
        assert_eq!(filter.words(&zones), "at least 1.0k/s · errors and what leads there");
        filter.change(Change::Clear, &traffic, &zones);
        assert!(!filter.is_on() && filter.words(&zones).is_empty());
        // Where there is nothing to choose from, nothing is chosen.
        filter.change(Change::Turn(Line::Zone, true), &traffic, &zones);
        assert!(!filter.is_on());
    }

    #[test]
    fn kinds_names_and_classes_choose_edges() {
        let mut traffic = traffic();
        traffic.nodes[&NodeId(4)].kind = NodeKind::Table;
        traffic.nodes[&NodeId(2)].name = "orders-create".to_owned();
        let kind = Filter { kind: Some(NodeKind::Table), ..Filter::default() };
        assert_eq!(shown(&kind, &traffic, &[]), [3]);
        let names = Filter { names: Some("orders".to_owned()), ..Filter::default() };
        assert_eq!(shown(&names, &traffic, &[]), [1, 3]);
        let errors = Filter { sort: Some(Sort::Class(Class::Error)), ..Filter::default() };
        assert_eq!(shown(&errors, &traffic, &[]), [4]);
        assert_eq!(shown(&Filter::default(), &traffic, &[]), [1, 2, 3, 4, 5]);
    }
}
