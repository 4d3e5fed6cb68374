//! Versions: how many hops arrive at each version of a node. In: hops by version of the target, at
//! every drain. Out: names and hops, of the nodes that requests reach in two or more versions.
//!
//! Most nodes have one version, and all their hops are its: nothing is told of those but that what
//! was counted is there once a second version turns up. Then its versions are named once, and drains
//! refer to them by their place in that list.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::activity::LATELY_MS;
use super::node::NodeId;
use super::tally::ONE;

/// Versions of a node that are kept apart; those that were not seen for longest go first.
const MOST_VERSIONS: usize = 16;

/// The text that stands for no version.
const NONE: u32 = 0;

/// The versions of a node that drains tell of from now on, by the place in this list; an empty list
/// where they do so no more.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedVersions {
    /// Which node.
    pub node: NodeId,
    /// Their names, and the hops that arrived at each up to the drain before.
    pub versions: Vec<(String, f64)>,
}

/// Hops that arrived at one version of a node since the last drain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VersionHops {
    /// Which node.
    pub node: NodeId,
    /// Which of its [`NamedVersions`].
    pub version: u32,
    /// How many; negative where more are taken back.
    pub hops: f64,
}

/// Hops at a target by the text of its version, in millionths.
pub(super) type Arrived = (NodeId, u32, i64);

#[derive(Clone, Copy, Debug)]
struct Version {
    text: u32,
    /// Up to the last drain, in millionths.
    before: i64,
    /// Since then.
    now: i64,
    seen_ms: u64,
}

#[derive(Debug, Default)]
struct Node {
    versions: SmallVec<[Version; 1]>,
    /// The texts of those that are told, in the order of the list.
    told: SmallVec<[u32; 2]>,
}

impl Node {
    fn version(&mut self, text: u32) -> &mut Version {
        let at = self.versions.iter().position(|version| version.text == text);
        let at = at.unwrap_or_else(|| {
            if self.versions.len() >= MOST_VERSIONS {
                let ages = self.versions.iter().enumerate();
                let oldest = ages.min_by_key(|(_, version)| version.seen_ms);
                oldest.map(|(at, _)| at).map(|at| self.versions.remove(at));
            }
            self.versions.push(Version { text, before: 0, now: 0, seen_ms: 0 });
            self.versions.len() - 1
        });
        &mut self.versions[at]
    }

    /// Whether other versions are told of from now on than before.
    fn choose(&mut self, now_ms: u64) -> bool {
        let is_recent = |version: &&Version| version.seen_ms + LATELY_MS > now_ms;
        let recent: SmallVec<[u32; 2]> =
            self.versions.iter().filter(is_recent).map(|version| version.text).collect();
        if recent.len() < 2 {
            return !std::mem::take(&mut self.told).is_empty();
        }
        let news = recent.iter().any(|text| !self.told.contains(text))
            || self.told.iter().any(|text| self.versions.iter().all(|known| known.text != *text));
        if news {
            self.told = recent;
        }
        news
    }
}

/// The versions of all nodes.
#[derive(Debug, Default)]
pub(super) struct Versions {
    nodes: HashMap<NodeId, Node, foldhash::fast::RandomState>,
}

impl Versions {
    /// Takes what arrived since the last drain. `merged` are nodes that turned out to be others,
    /// `name` says what a text is.
    pub(super) fn drain(
        &mut self,
        mut arrived: Vec<Arrived>,
        merged: &[(NodeId, NodeId)],
        now_ms: u64,
        name: impl Fn(u32) -> String,
    ) -> (Vec<NamedVersions>, Vec<VersionHops>) {
        for (from, into) in merged {
            self.merge(*from, *into);
            arrived.push((*into, NONE, 0));
        }
        arrived.sort_unstable();
        let (mut named, mut hops) = (Vec::new(), Vec::new());
        for same in arrived.chunk_by(|one, other| one.0 == other.0) {
            let id = same[0].0;
            let known = same.iter().any(|(_, text, _)| *text != NONE);
            if !known && !self.nodes.contains_key(&id) {
                continue;
            }
            let node = self.nodes.entry(id).or_default();
            for (_, text, count) in same.iter().filter(|(_, text, _)| *text != NONE) {
                let version = node.version(*text);
                version.now += count;
                if *count > 0 {
                    version.seen_ms = now_ms;
                }
            }
            if node.choose(now_ms) {
                let told = node.told.clone();
                let versions =
                    told.iter().map(|text| (name(*text), whole(node.version(*text).before)));
                named.push(NamedVersions { node: id, versions: versions.collect() });
            }
            for version in &mut node.versions {
                let count = std::mem::take(&mut version.now);
                version.before += count;
                let place = node.told.iter().position(|text| *text == version.text);
                if let Some(place) = place.and_then(|place| u32::try_from(place).ok())
                    && count != 0
                {
                    hops.push(VersionHops { node: id, version: place, hops: whole(count) });
                }
            }
        }
        (named, hops)
    }

    fn merge(&mut self, from: NodeId, into: NodeId) {
        let Some(former) = self.nodes.remove(&from) else { return };
        let node = self.nodes.entry(into).or_default();
        for theirs in former.versions {
            let version = node.version(theirs.text);
            version.before += theirs.before;
            version.now += theirs.now;
            version.seen_ms = version.seen_ms.max(theirs.seen_ms);
        }
        // What was told of them is no longer so.
        node.told.clear();
    }
}

fn whole(millionths: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion hops")]
    let sum = millionths as f64;
    sum / ONE as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn name(text: u32) -> String {
        format!("v{text}")
    }

    /// What a reader makes of it.
    #[derive(Default)]
    struct Reader {
        named: BTreeMap<NodeId, Vec<(String, f64)>>,
    }

    impl Reader {
        fn read(&mut self, (named, hops): (Vec<NamedVersions>, Vec<VersionHops>)) {
            for NamedVersions { node, versions } in named {
                self.named.insert(node, versions);
            }
            for VersionHops { node, version, hops } in hops {
                self.named.get_mut(&node).unwrap()[version as usize].1 += hops;
            }
        }

        fn node(&self, id: u64) -> Vec<(&str, f64)> {
            let versions = self.named.get(&NodeId(id)).into_iter().flatten();
            versions.map(|(name, hops)| (name.as_str(), *hops)).collect()
        }
    }

    #[test]
    fn a_node_of_one_version_is_not_told_until_a_second_one_comes_and_then_with_its_past() {
        let (mut versions, mut reader) = (Versions::default(), Reader::default());
        let node = NodeId(7);
        let first = versions.drain(vec![(node, 1, 3 * ONE), (node, NONE, ONE)], &[], 0, name);
        assert_eq!(first, (Vec::new(), Vec::new()));
        reader.read(versions.drain(vec![(node, 2, ONE), (node, 1, ONE)], &[], 200, name));
        assert_eq!(reader.node(7), [("v1", 4.0), ("v2", 1.0)]);
        let (named, hops) = versions.drain(vec![(node, 2, -ONE)], &[], 400, name);
        assert!(named.is_empty(), "names are told once");
        assert_eq!(hops, [VersionHops { node, version: 1, hops: -1.0 }]);
    }

    #[test]
    fn when_an_old_version_gets_no_more_requests_nothing_more_is_told() {
        let (mut versions, mut reader) = (Versions::default(), Reader::default());
        let node = NodeId(7);
        reader.read(versions.drain(vec![(node, 1, ONE), (node, 2, ONE)], &[], 0, name));
        reader.read(versions.drain(vec![(node, 2, ONE)], &[], LATELY_MS, name));
        assert!(reader.node(7).is_empty());
        reader.read(versions.drain(vec![(node, 3, ONE)], &[], LATELY_MS + 1, name));
        assert_eq!(reader.node(7), [("v2", 2.0), ("v3", 1.0)]);
    }

    #[test]
    fn versions_without_end_take_no_memory_without_end() {
        let mut versions = Versions::default();
        for text in 1..1_000 {
            let (named, hops) =
                versions.drain(vec![(NodeId(7), text, ONE)], &[], u64::from(text), name);
            assert!(named.iter().all(|named| named.versions.len() <= MOST_VERSIONS));
            assert!(hops.len() <= 1);
        }
        assert_eq!(versions.nodes[&NodeId(7)].versions.len(), MOST_VERSIONS);
    }

    proptest! {
        #[test]
        fn what_was_named_and_the_ticks_add_up_to_the_account(
            drains in prop::collection::vec(
                prop::collection::vec((0_u64..3, 0_u32..4, -2_i64..5), 0..6), 1..40),
            merged_at in 0_usize..40,
        ) {
            let (mut versions, mut reader) = (Versions::default(), Reader::default());
            let mut account: BTreeMap<(NodeId, u32), f64> = BTreeMap::new();
            for (drain, drained) in drains.into_iter().enumerate() {
                let merged = drain == merged_at;
                let into = |id: u64| if id == 0 && drain >= merged_at { 1 } else { id };
                let arrived: Vec<_> =
                    drained.iter().map(|(id, text, n)| (NodeId(into(*id)), *text, n * ONE)).collect();
                if merged {
                    let theirs = account.clone().into_iter().filter(|((id, _), _)| *id == NodeId(0));
                    for ((id, text), hops) in theirs {
                        account.remove(&(id, text));
                        *account.entry((NodeId(1), text)).or_default() += hops;
                    }
                }
                for (id, text, hops) in &arrived {
                    *account.entry((*id, *text)).or_default() += whole(*hops);
                }
                let pair = [(NodeId(0), NodeId(1))];
                let merged = if merged { &pair[..] } else { &[] };
                if !merged.is_empty() {
                    reader.named.remove(&NodeId(0));
                }
                reader.read(versions.drain(arrived, merged, 0, name));
                for (node, told) in &reader.named {
                    for (version, hops) in told {
                        let text = version[1..].parse().unwrap();
                        prop_assert_eq!(*hops, account[&(*node, text)]);
                    }
                }
            }
        }
    }
}
