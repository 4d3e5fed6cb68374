//! Nodes pulse when requests arrive. In: how many arrive where and when, per edge and tick. Out:
//! one brightness a node. The work grows with edges and ticks, never with particles.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use spanfall_collector::reduce::node::NodeId;

/// How much of the way to full brightness one arrival takes a node.
const KICK: f32 = 0.45;
/// Seconds in which a pulse fades to a third.
const FADE: f32 = 0.28;
/// Below this nothing is seen any more.
const DARK: f32 = 0.004;
/// Arrivals of one edge in one tick that are told apart; more look like a steady light anyway.
const MOST_APART: u32 = 5;
/// Pulses waiting for their moment. Past it new ones are left out: pulses are an ornament.
const MAX_WAITING: usize = 1 << 14;

/// How brightly each node pulses now, and what is going to arrive.
#[derive(Resource, Clone, Debug, Default)]
pub struct Pulses {
    waiting: BinaryHeap<Reverse<Arrival>>,
    bright: HashMap<NodeId, f32>,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: f64,
    node: NodeId,
    kick: f32,
}

impl Pulses {
    /// How brightly this node pulses, from 0 to 1.
    pub fn of(&self, node: NodeId) -> f32 {
        self.bright.get(&node).copied().unwrap_or(0.0)
    }

    /// Whether any node pulses, or will.
    pub fn is_still(&self) -> bool {
        self.waiting.is_empty() && self.bright.is_empty()
    }

    /// Learns that `count` particles arrive at `node` from `first` on, spread over `length` seconds
    /// of the playback clock.
    pub fn schedule(&mut self, node: NodeId, first: f64, length: f64, count: u32) {
        let apart = count.min(MOST_APART);
        // A beat that stands for many arrivals kicks harder, never beyond full brightness.
        let kick = 1.0 - (1.0 - KICK).powf(count as f32 / apart.max(1) as f32);
        for index in 0..apart {
            if self.waiting.len() >= MAX_WAITING {
                return;
            }
            let at = first + length * (f64::from(index) + 0.5) / f64::from(apart);
            self.waiting.push(Reverse(Arrival { at, node, kick }));
        }
    }

    /// Goes on to `now`, `passed` seconds after the last time.
    pub fn advance(&mut self, now: f64, passed: f32) {
        let fade = (-passed.max(0.0) / FADE).exp();
        self.bright.retain(|_, bright| {
            *bright *= fade;
            *bright > DARK
        });
        while let Some(Reverse(arrival)) = self.waiting.peek().copied().filter(|a| a.0.at <= now) {
            self.waiting.pop();
            let bright = self.bright.entry(arrival.node).or_default();
            *bright += (1.0 - *bright) * arrival.kick;
        }
    }

    /// Forgets everything: another source plays.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.bright.clear();
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Arrival {}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.total_cmp(&other.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(1);

    #[test]
    fn a_node_is_dark_until_the_request_arrives_and_fades_after() {
        let mut pulses = Pulses::default();
        pulses.schedule(NODE, 2.0, 0.2, 1);
        pulses.advance(2.0, 0.016);
        assert_eq!(pulses.of(NODE), 0.0);
        pulses.advance(2.2, 0.2);
        assert!((pulses.of(NODE) - KICK).abs() < 1e-6);
        pulses.advance(2.5, 0.3);
        assert!(pulses.of(NODE) < KICK / 2.0);
        pulses.advance(9.0, 6.5);
        assert!(pulses.is_still());
    }

    #[test]
    fn a_busy_node_shines_steadily_and_never_beyond_full() {
        let mut pulses = Pulses::default();
        for tick in 0..50 {
            pulses.schedule(NODE, f64::from(tick) * 0.2, 0.2, 10_000);
        }
        let mut least = 1.0_f32;
        for frame in 1..600 {
            pulses.advance(f64::from(frame) / 60.0, 1.0 / 60.0);
            assert!(pulses.of(NODE) <= 1.0);
            if frame > 60 {
                least = least.min(pulses.of(NODE));
            }
        }
        assert!(least > 0.8, "{least}");
    }

    #[test]
    fn waiting_pulses_are_bounded() {
        let mut pulses = Pulses::default();
        for node in 0..100_000 {
            pulses.schedule(NodeId(node), 1e9, 0.2, 100);
        }
        assert_eq!(pulses.waiting.len(), MAX_WAITING);
    }
}
