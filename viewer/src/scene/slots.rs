//! Which slot of the edges' buffer each edge has. Particles name their edge by its slot, so a slot
//! keeps its edge for as long as particles may fly there.

use std::collections::VecDeque;

use bevy::platform::collections::{HashMap, HashSet};
use bevy::prelude::*;
use spanfall_collector::reduce::hop::EdgeId;

/// Seconds for which the slot of an edge that is gone stays unused: longer than any particle lives.
const REST: f64 = 10.0;

/// The slots of all edges.
#[derive(Resource, Clone, Debug, Default)]
pub struct EdgeSlots {
    of: HashMap<EdgeId, u32>,
    /// Slots of edges that are gone, and since when, oldest first.
    resting: VecDeque<(u32, f64)>,
    count: u32,
}

impl EdgeSlots {
    /// The slot of this edge.
    pub fn of(&self, edge: EdgeId) -> Option<u32> {
        self.of.get(&edge).copied()
    }

    /// Slots in use or resting: the length of the edges' buffer.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Gives every edge a slot, and takes back those of edges that are gone. `now` is in seconds.
    pub fn assign<'a>(&mut self, edges: impl Iterator<Item = &'a EdgeId> + Clone, now: f64) {
        let wanted: HashSet<EdgeId> = edges.clone().copied().collect();
        let resting = &mut self.resting;
        self.of.retain(|edge, slot| {
            let stays = wanted.contains(edge);
            if !stays {
                resting.push_back((*slot, now));
            }
            stays
        });
        for edge in edges {
            if self.of.contains_key(edge) {
                continue;
            }
            let rested = self.resting.front().is_some_and(|(_, since)| now - since > REST);
            let slot = match rested.then(|| self.resting.pop_front()).flatten() {
                Some((slot, _)) => slot,
                None => {
                    self.count += 1;
                    self.count - 1
                }
            };
            self.of.insert(*edge, slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_keeps_its_slot_and_a_gone_one_rests_before_it_is_used_again() {
        let [a, b, c, d] = [1, 2, 3, 4].map(EdgeId);
        let mut slots = EdgeSlots::default();
        slots.assign([a, b].iter(), 0.0);
        let slot_a = slots.of(a).unwrap();
        slots.assign([b, c].iter(), 1.0);
        assert_eq!(slots.of(a), None);
        assert_eq!(slots.count(), 3);
        assert_ne!(slots.of(c), Some(slot_a));
        slots.assign([b, c, d].iter(), 1.0 + REST + 0.1);
        assert_eq!(slots.of(d), Some(slot_a));
        assert_eq!(slots.count(), 3);
    }

    #[test]
    fn no_two_edges_share_a_slot_however_they_come_and_go() {
        let mut slots = EdgeSlots::default();
        for round in 0..200_u64 {
            let edges: Vec<EdgeId> =
                (0..20).filter(|i| (i * 7 + round) % 3 != 0).map(EdgeId).collect();
            slots.assign(edges.iter(), round as f64);
            let mut used: Vec<u32> = edges.iter().map(|edge| slots.of(*edge).unwrap()).collect();
            used.sort_unstable();
            used.dedup();
            assert_eq!(used.len(), edges.len());
            assert!(used.iter().all(|slot| *slot < slots.count()));
        }
        assert!(slots.count() < 200);
    }
}
