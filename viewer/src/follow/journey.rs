//! A followed request's way in dilated time: which hop is under way when, where somebody works
//! meanwhile, and when what called gets its answer. In: the hops of a [`Trace`]. Out: [`Leg`]s, one after
//! the other, so that one marker can go along.
//!
//! Every leg takes as long as it really did, times one factor, within bounds: what took a hundred times
//! as long takes longer, and still the whole is over in twelve seconds.

use spanfall_collector::feed::message::{Trace, TraceHop};

/// Seconds that the whole way takes at most.
pub const WHOLE: f64 = 12.0;
/// Seconds that a leg takes at least, unless there are too many for that.
const LEAST: f64 = 0.35;
/// Seconds that a leg takes at most.
const MOST: f64 = 4.0;
/// Of [`WHOLE`], what is divided evenly at most; the rest is by time.
const EVEN: f64 = 0.6;
/// Seconds at the end before it begins again.
const PAUSE: f64 = 1.5;

/// What happens to the request in a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It goes along the edge of this hop.
    Goes(usize),
    /// Whoever this hop called is at work.
    Stays(usize),
    /// The answer of this hop goes back along its edge.
    Returns(usize),
}

impl Step {
    /// The hop that it is about.
    pub fn hop(self) -> usize {
        match self {
            Self::Goes(hop) | Self::Stays(hop) | Self::Returns(hop) => hop,
        }
    }
}

/// A part of the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leg {
    /// What happens.
    pub step: Step,
    /// From when to when it is shown, in seconds.
    pub shown: (f64, f64),
    /// From when to when it was, in microseconds since the first hop set out.
    pub was: (f64, f64),
}

/// A moment of the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// What happens.
    pub step: Step,
    /// How much of that is over, from 0 to 1.
    pub part: f32,
    /// When it was, in microseconds since the first hop set out.
    pub at_us: f64,
}

/// The whole way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journey {
    legs: Vec<Leg>,
    /// Of each hop: the one that led to it.
    parents: Vec<Option<usize>>,
    /// Until when the request took, in microseconds since the first hop set out.
    end_us: f64,
}

impl Journey {
    /// The way of a request.
    pub fn of(trace: &Trace) -> Self {
        let hops = &trace.hops;
        let parents: Vec<Option<usize>> = (0..hops.len()).map(|hop| parent(hops, hop)).collect();
        let end_us = hops.iter().map(end).max().unwrap_or(0) as f64;
        let mut legs = steps(hops, &parents);
        time(&mut legs);
        Self { legs, parents, end_us }
    }

    /// Its parts, in order.
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// Seconds until it begins again.
    pub fn round(&self) -> f64 {
        self.legs.last().map_or(0.0, |leg| leg.shown.1 + PAUSE)
    }

    /// What the request took, in microseconds.
    pub fn end_us(&self) -> f64 {
        self.end_us
    }

    /// How many hops led to a hop.
    pub fn depth(&self, hop: usize) -> usize {
        let mut depth = 0;
        let mut at = hop;
        // Parents come before their children, so this ends.
        while let Some(parent) = self.parents.get(at).copied().flatten() {
            depth += 1;
            at = parent;
        }
        depth
    }

    /// What happens after so many seconds; at the end, what happened last. Nothing without hops.
    pub fn at(&self, seconds: f64) -> Option<Moment> {
        let later = self.legs.partition_point(|leg| leg.shown.1 <= seconds);
        let leg = self.legs.get(later).or(self.legs.last())?;
        let (from, until) = leg.shown;
        let length = (until - from).max(1e-9);
        let part = ((seconds - from) / length).clamp(0.0, 1.0);
        let at_us = leg.was.0 + (leg.was.1 - leg.was.0) * part;
        Some(Moment { step: leg.step, part: part as f32, at_us })
    }
}

/// When a hop's caller had its answer, or whoever it called was done.
fn end(hop: &TraceHop) -> u64 {
    let answered = hop.at_us.saturating_add(hop.took_us);
    answered.max(hop.callee.map_or(0, |_| arrival(hop).saturating_add(work(hop))))
}

/// When a hop arrived: when whoever was called began, if its clock makes that possible. What sends no
/// span is there at once.
fn arrival(hop: &TraceHop) -> u64 {
    let began = hop.callee.map_or(hop.at_us, |callee| u64::try_from(callee.at_us).unwrap_or(0));
    began.max(hop.at_us)
}

fn work(hop: &TraceHop) -> u64 {
    hop.callee.map_or(hop.took_us, |callee| callee.took_us)
}

/// Which hop led to this one: of those before it that arrived at its source, the last one during whose
/// work it set out, or else the last one.
fn parent(hops: &[TraceHop], of: usize) -> Option<usize> {
    let hop = &hops[of];
    let before = || (0..of).rev().filter(|other| hops[*other].target == hop.source);
    let works = |other: &usize| {
        let other = &hops[*other];
        let (from, until) = (arrival(other), end(other));
        (from..=until).contains(&hop.at_us)
    };
    before().find(works).or_else(|| before().next())
}

/// Whether whoever sent a hop waited for its answer, as far as times tell: a message is not answered.
fn is_answered(hop: &TraceHop) -> bool {
    hop.callee.is_none() || hop.at_us.saturating_add(hop.took_us) >= end(hop)
}

/// The legs with the times when they were, which never go back: what happened at once is shown one after
/// the other, and time stands still meanwhile.
struct Way<'a> {
    hops: &'a [TraceHop],
    parents: &'a [Option<usize>],
    legs: Vec<Leg>,
    now: f64,
}

impl Way<'_> {
    fn add(&mut self, step: Step, until: f64) {
        let was = (self.now, until.max(self.now));
        self.legs.push(Leg { step, shown: (0.0, 0.0), was });
        self.now = was.1;
    }

    /// From the target of `from` back to that of `to`, or all the way, by `until`.
    fn go_back(&mut self, from: usize, to: Option<usize>, until: f64) {
        if self.hops[from].callee.is_some() {
            let done = arrival(&self.hops[from]).saturating_add(work(&self.hops[from]));
            self.add(Step::Stays(from), (done as f64).min(until));
        }
        let mut at = Some(from);
        while let Some(hop) = at.filter(|_| at != to) {
            if !is_answered(&self.hops[hop]) {
                // Nobody waits any more.
                break;
            }
            self.add(Step::Returns(hop), (end(&self.hops[hop]) as f64).min(until));
            at = self.parents[hop];
        }
    }
}

fn steps(hops: &[TraceHop], parents: &[Option<usize>]) -> Vec<Leg> {
    let mut way = Way { hops, parents, legs: Vec::new(), now: 0.0 };
    for (index, hop) in hops.iter().enumerate() {
        let (set_out, parent) = (hop.at_us as f64, parents[index]);
        let before = index.checked_sub(1);
        if let Some(before) = before.filter(|before| parent != Some(*before)) {
            let common = common_ancestor(before, parent, parents);
            way.go_back(before, common, set_out);
        }
        if let Some(parent) = parent {
            way.add(Step::Stays(parent), set_out);
        }
        // Of what sends no span nobody knows how long its request was on its way.
        let arrives = match hop.callee {
            Some(_) => arrival(hop) as f64,
            None => set_out + hop.took_us as f64 / 2.0,
        };
        // One that set out before this one arrived is shown after it, and sets out no later for that.
        let next = hops.get(index + 1).map_or(f64::INFINITY, |next| next.at_us as f64);
        way.now = way.now.max(set_out);
        way.add(Step::Goes(index), arrives.min(next));
    }
    if let Some(last) = hops.len().checked_sub(1) {
        way.go_back(last, None, f64::INFINITY);
    }
    way.legs
}

/// The last hop that led to both; none where only the beginning did.
fn common_ancestor(one: usize, other: Option<usize>, parents: &[Option<usize>]) -> Option<usize> {
    let (mut one, mut other) = (Some(one), other);
    // Whichever is later cannot be an ancestor of the other.
    while one != other {
        if one > other { one = parents[one?] } else { other = parents[other?] }
    }
    one
}

/// Divides the seconds among the legs.
fn time(legs: &mut [Leg]) {
    let count = legs.len() as f64;
    let least = LEAST.min(WHOLE * EVEN / count.max(1.0));
    let length = |leg: &Leg, factor: f64| ((leg.was.1 - leg.was.0) * factor).clamp(least, MOST);
    let whole = |legs: &[Leg], factor: f64| legs.iter().map(|leg| length(leg, factor)).sum::<f64>();
    // Seconds a microsecond: the largest factor with which all of it fits. Sixty halvings are exact.
    let (mut low, mut high) = (0.0, MOST);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if whole(legs, middle) <= WHOLE { low = middle } else { high = middle }
    }
    let mut at = 0.0;
    for leg in legs {
        let until = at + length(leg, low);
        leg.shown = (at, until);
        at = until;
    }
}

#[cfg(test)]
mod tests;
