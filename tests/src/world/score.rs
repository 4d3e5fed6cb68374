//! Scoring: what the reducer made of a recording, hop by hop. In: a [`Recording`]. Out: [`Score`].
//!
//! The requests go through the real reducer at their simulated time, with a tick every 200 ms of it.
//! Every hop that the reducer counts or takes back is kept with the span it belongs to; the truth
//! says which hop each span tells of. What is left at the end is compared, hop for hop.

mod nodes;
mod rates;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spanfall_collector::reduce::hop::Class;
use spanfall_collector::reduce::node::Node;
use spanfall_collector::reduce::{Observed, Reducer, Settings, Slow};

use super::condition::{Condition, Goal};
use super::dialect::{unknown_trigger, users};
use super::recording::Recording;
use super::truth::{Hop, How};

use nodes::Names;

/// The length of a tick, in milliseconds.
pub const TICK_MS: u64 = 200;

/// Millionths in one hop, as the reducer observes them.
const ONE: f64 = 1e6;

/// How the reducer did. All numbers are hops, by weight, unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Spans that were made.
    pub spans: usize,
    /// Hops that no span tells of: not asked for.
    pub untold: usize,
    /// Hops that spans tell of.
    pub told: f64,
    /// Counted on the right edge.
    pub right: f64,
    /// Not counted at all.
    pub missed: f64,
    /// Counted, with an end that was known shown as unknown.
    pub vague: f64,
    /// Counted on an edge between nodes that did not talk so.
    pub wrong: f64,
    /// Counted more than once.
    pub doubled: f64,
    /// Counted for spans that tell of no hop.
    pub invented: f64,
    /// On the right edge with the wrong class.
    pub wrong_class: f64,
    /// On the right edge with the wrong word on cold starts.
    pub wrong_cold: f64,
    /// Nodes that do not exist, or that exist once and are shown again.
    pub extra_nodes: usize,
    /// What the reducer says it does not know.
    pub unpaired: u64,
    /// Spans that it had to resolve before their time.
    pub early: u64,
    /// From the moment that all spans that tell of a hop were there to its tick, in milliseconds,
    /// sorted.
    pub lags: Vec<u64>,
    /// The same for hops through a gateway after the first minute.
    pub gateway_lags: Vec<u64>,
    /// The same for hops of which one side never came.
    pub experience_lags: Vec<u64>,
    /// By how many standard errors each edge's sum is off, under sampling.
    pub deviations: Vec<f64>,
    /// By how much the sum of all hops is off, as a share.
    pub rate_error: f64,
    /// The longest of [`Self::lags`], and the hop that it is of.
    pub slowest: (u64, String),
    /// The first few that went wrong, for whoever looks into it.
    pub examples: Vec<String>,
}

/// How many examples are kept.
const EXAMPLES: usize = 40;

impl Score {
    /// Share of told hops.
    pub fn share(&self, hops: f64) -> f64 {
        if self.told > 0.0 { hops / self.told } else { 0.0 }
    }

    /// Share of hops that did not happen.
    pub fn false_share(&self) -> f64 {
        self.share(self.invented + self.doubled + self.wrong)
    }

    /// What of a goal is missed.
    pub fn misses(&self, goal: Goal) -> Vec<String> {
        let mut misses = Vec::new();
        let mut must = |good: bool, what: String| {
            if !good {
                misses.push(what);
            }
        };
        const CLOSE: f64 = 1e-9;
        let right = self.share(self.right);
        must(right >= goal.right - CLOSE, format!("right {:.3}%", right * 100.0));
        let invented = self.false_share();
        must(invented <= goal.invented + CLOSE, format!("false {:.3}%", invented * 100.0));
        must(self.extra_nodes == 0 || goal.invented > 0.0, "extra nodes".to_owned());
        if goal.rates {
            let far = self.deviations.iter().filter(|deviation| **deviation > 3.0).count();
            // Three edges in a thousand are that far off by chance.
            let by_chance = 2 + self.deviations.len() / 100;
            must(far <= by_chance, format!("{far} edges more than 3 standard errors off"));
        }
        misses
    }

    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.spans += other.spans;
        self.untold += other.untold;
        self.told += other.told;
        self.right += other.right;
        self.missed += other.missed;
        self.vague += other.vague;
        self.wrong += other.wrong;
        self.doubled += other.doubled;
        self.invented += other.invented;
        self.wrong_class += other.wrong_class;
        self.wrong_cold += other.wrong_cold;
        self.extra_nodes += other.extra_nodes;
        self.unpaired += other.unpaired;
        self.early += other.early;
        for (mine, others) in [
            (&mut self.lags, other.lags),
            (&mut self.gateway_lags, other.gateway_lags),
            (&mut self.experience_lags, other.experience_lags),
        ] {
            mine.extend(others);
            mine.sort_unstable();
        }
        self.deviations.extend(other.deviations);
        self.rate_error = self.rate_error.max(other.rate_error);
        if other.slowest.0 > self.slowest.0 {
            self.slowest = other.slowest;
        }
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }
}

/// Runs a recording through the reducer and compares.
pub fn score(recording: &Recording, condition: &Condition) -> Score {
    let (reducer, seen) = reduce(recording, condition);
    let names = Names::new(&recording.truth);
    let mut judge = Judge {
        reducer: &reducer,
        names,
        score: Score {
            spans: recording.spans,
            untold: recording.truth.untold,
            unpaired: reducer.stats().unpaired,
            early: reducer.stats().early,
            ..Score::default()
        },
        nodes: HashMap::new(),
    };
    let mut by_key: HashMap<u64, usize> = HashMap::new();
    for (index, hop) in recording.truth.hops.iter().enumerate() {
        for &(trace, span) in &hop.spans {
            by_key.entry(reducer.key_of(trace.to_be_bytes(), span)).or_insert(index);
        }
    }
    let mut of_hop: Vec<Vec<Seen>> = vec![Vec::new(); recording.truth.hops.len()];
    let mut of_none = Vec::new();
    for seen in seen {
        match by_key.get(&seen.observed.key) {
            Some(&index) => of_hop[index].push(seen),
            None => of_none.push(seen),
        }
    }
    for (hop, seen) in recording.truth.hops.iter().zip(&of_hop) {
        judge.judge(hop, seen);
    }
    judge.judge_invented(&of_none);
    let mut score = judge.finish();
    if condition.faults.sampling.is_some_and(|sampling| sampling.thresholds) {
        rates::judge(&mut score, &reducer, recording, condition);
    }
    score
}

/// One observation and the end of its tick.
#[derive(Clone, Copy, Debug)]
struct Seen {
    observed: Observed,
    tick_ms: u64,
}

/// Feeds the reducer as time goes.
fn reduce(recording: &Recording, condition: &Condition) -> (Reducer, Vec<Seen>) {
    let mut reducer = Reducer::new(Settings {
        triggers: condition.rules(&recording.world),
        // How slow is slow is another question.
        slow: Slow::Over(Duration::from_secs(86_400)),
        ..Settings::default()
    });
    let seen: Arc<Mutex<(u64, Vec<Seen>)>> = Arc::default();
    let into = Arc::clone(&seen);
    reducer.observe(move |observed| {
        let mut seen = into.lock().unwrap_or_else(PoisonError::into_inner);
        let tick_ms = seen.0;
        seen.1.push(Seen { observed, tick_ms });
    });
    let set_tick = |ms: u64| seen.lock().unwrap_or_else(PoisonError::into_inner).0 = ms;
    let mut tick_ms = TICK_MS;
    set_tick(tick_ms);
    for export in &recording.exports {
        while tick_ms <= export.arrival_ms {
            reducer.drain(tick_ms);
            tick_ms += TICK_MS;
            set_tick(tick_ms);
        }
        // What cannot be read shows as missed.
        let _ = reducer.ingest(&export.bytes, export.arrival_ms);
    }
    let wait_ms = u64::try_from(Settings::default().wait.as_millis()).unwrap_or(0);
    for _ in 0..=wait_ms / TICK_MS + 1 {
        reducer.drain(tick_ms);
        tick_ms += TICK_MS;
        set_tick(tick_ms);
    }
    reducer.resolve_all();
    reducer.drain(tick_ms);
    let seen = std::mem::take(&mut seen.lock().unwrap_or_else(PoisonError::into_inner).1);
    (reducer, seen)
}

/// What is left of a hop's observations: how much on which edge, with which class and coldness.
type Net = HashMap<(u32, u32, Class, bool), i64>;

fn net(seen: &[Seen]) -> Net {
    let mut net = Net::new();
    for Seen { observed, .. } in seen {
        let Observed { source, target, class, cold, weight, .. } = *observed;
        *net.entry((source, target, class, cold)).or_default() += weight;
    }
    net.retain(|_, weight| *weight != 0);
    net
}

struct Judge<'a> {
    reducer: &'a Reducer,
    names: Names,
    score: Score,
    /// Names of the reducer's nodes.
    nodes: HashMap<u32, Node>,
}

impl Judge<'_> {
    fn node(&mut self, place: u32) -> Node {
        let reducer = self.reducer;
        self.nodes
            .entry(place)
            .or_insert_with(|| reducer.node_at(place).unwrap_or_default())
            .clone()
    }

    fn judge(&mut self, hop: &Hop, seen: &[Seen]) {
        let (mut right, mut vague, mut wrong) = (0.0, 0.0, 0.0);
        let (mut class, mut cold) = (0.0, 0.0);
        let mut shown = Vec::new();
        for ((source, target, of_class, is_cold), weight) in net(seen) {
            let (source, target) = (self.node(source), self.node(target));
            let weight = weight as f64 / ONE;
            let fits = |shown: &Node, truth: &Node| self.names.fits(shown, truth);
            let fallback = |shown: &Node, truth: &Node| {
                fits(shown, truth) || *shown == unknown_trigger() || *shown == users()
            };
            if fits(&source, &hop.source) && fits(&target, &hop.target) {
                right += weight;
                class += if of_class == hop.class { 0.0 } else { weight };
                cold += if hop.cold.is_none_or(|it| it == is_cold) { 0.0 } else { weight };
            } else if fallback(&source, &hop.source) && fits(&target, &hop.target) {
                vague += weight;
            } else {
                wrong += weight;
            }
            self.names.show(&source);
            self.names.show(&target);
            shown.push(format!(
                "{} > {} {of_class} cold {is_cold} x{weight}",
                source.name, target.name
            ));
        }
        let total = right + vague + wrong;
        let kept = |part: f64, used: f64| part.clamp(0.0, (hop.weight - used).max(0.0));
        let right = kept(right, 0.0);
        let vague = kept(vague, right);
        let wrong = kept(wrong, right + vague);
        let score = &mut self.score;
        score.told += hop.weight;
        score.right += right;
        score.vague += vague;
        score.wrong += wrong;
        // Sampling thresholds have a finite number of digits.
        let excess = total - hop.weight;
        let close = hop.weight * 1e-4;
        score.doubled += if excess > close { excess } else { 0.0 };
        score.missed += if excess < -close { -excess } else { 0.0 };
        score.wrong_class += class.clamp(0.0, right);
        score.wrong_cold += cold.clamp(0.0, right);
        if right < hop.weight - close || excess > close || class > close || cold > close {
            self.example(hop, &shown);
        } else {
            self.time(hop, seen);
        }
    }

    fn example(&mut self, hop: &Hop, shown: &[String]) {
        if self.score.examples.len() < EXAMPLES {
            self.score.examples.push(format!("{}: [{}]", told(hop), shown.join("; ")));
        }
    }

    /// How long it took to be right.
    fn time(&mut self, hop: &Hop, seen: &[Seen]) {
        let Some(last) = self.last_change(seen) else { return };
        let lag = last.saturating_sub(hop.known_ms);
        match hop.how {
            How::Spans => {
                self.score.lags.push(lag);
                if lag > self.score.slowest.0 {
                    self.score.slowest = (lag, told(hop));
                }
            }
            How::Gateway if hop.known_ms > 60_000 => self.score.gateway_lags.push(lag),
            How::Gateway => {}
            How::Experience => self.score.experience_lags.push(lag),
        }
    }

    /// The last tick that changed what was shown. A node that gets its full name changes nothing, and
    /// whether a start was cold is a question of other invocations' spans.
    fn last_change(&mut self, seen: &[Seen]) -> Option<u64> {
        let mut ticks: Vec<u64> = seen.iter().map(|seen| seen.tick_ms).collect();
        ticks.sort_unstable();
        ticks.dedup();
        while let Some(&last) = ticks.last().filter(|_| ticks.len() > 1) {
            let of_last: Vec<Seen> =
                seen.iter().copied().filter(|seen| seen.tick_ms == last).collect();
            let mut change: HashMap<(Node, Node, Class), i64> = HashMap::new();
            for ((source, target, class, _), weight) in net(&of_last) {
                let edge = (self.node(source), self.node(target), class);
                *change.entry(edge).or_default() += weight;
            }
            if change.values().any(|weight| *weight != 0) {
                break;
            }
            ticks.pop();
        }
        ticks.last().copied()
    }

    fn judge_invented(&mut self, seen: &[Seen]) {
        let mut by_key: HashMap<u64, Vec<Seen>> = HashMap::new();
        for &seen in seen {
            by_key.entry(seen.observed.key).or_default().push(seen);
        }
        for seen in by_key.values() {
            for ((source, target, class, _), weight) in net(seen) {
                let (source, target) = (self.node(source), self.node(target));
                self.names.show(&source);
                self.names.show(&target);
                let weight = weight as f64 / ONE;
                self.score.invented += weight;
                if self.score.examples.len() < EXAMPLES {
                    let text =
                        format!("nothing: [{} > {} {class} x{weight}]", source.name, target.name);
                    self.score.examples.push(text);
                }
            }
        }
    }

    fn finish(self) -> Score {
        let mut score = self.score;
        score.extra_nodes = self.names.extra();
        score.lags.sort_unstable();
        score.gateway_lags.sort_unstable();
        score.experience_lags.sort_unstable();
        score
    }
}

/// One hop of the truth, for people.
fn told(hop: &Hop) -> String {
    let Hop { source, target, class, cold, weight, how, known_ms, .. } = hop;
    let spans: Vec<_> =
        hop.spans.iter().map(|(trace, id)| format!("{trace:032x}:{id:016x}")).collect();
    format!(
        "{} {} > {} {} {class} cold {cold:?} x{weight} ({how:?} at {known_ms} ms) spans {}",
        source.kind,
        source.name,
        target.kind,
        target.name,
        spans.join(" ")
    )
}

/// The value below which a share of sorted values lies; 0 where there are none.
pub fn quantile(sorted: &[u64], share: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}
