//! Identities of what stands for several nodes or edges: the same for the same things in every run, so
//! that layouts and pictures come out alike, and none that a node or an edge of the feed can have.

use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

/// Ids of the feed have 53 bits; this one is beyond.
const MADE_HERE: u64 = 1 << 62;

/// Whether this node was made by the viewer: the collector has never heard of it.
pub fn is_made_here(id: NodeId) -> bool {
    id.0 & MADE_HERE != 0
}

/// The same for an edge.
pub fn is_edge_made_here(id: EdgeId) -> bool {
    id.0 & MADE_HERE != 0
}

/// The node that stands for what these words name.
pub(super) fn of_words(words: &[&str]) -> NodeId {
    // The words' ends count, so that ("a", "bc") and ("ab", "c") differ.
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0xff]));
    NodeId(hash(bytes) | MADE_HERE)
}

/// The edge between two nodes of which at least one was made here.
pub(super) fn of_ends(source: NodeId, target: NodeId) -> EdgeId {
    let bytes = source.0.to_le_bytes().into_iter().chain(target.0.to_le_bytes());
    EdgeId(hash(bytes) | MADE_HERE)
}

/// FNV-1a, folded to 53 bits: http://www.isthe.com/chongo/tech/comp/fnv/.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    let whole = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (whole >> 53 ^ whole) & ((1 << 53) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_of_the_feed_is_made_here_and_words_are_told_apart() {
        assert!(!is_made_here(NodeId((1 << 53) - 1)));
        assert!(is_made_here(of_words(&["zone", "eu-west-1"])));
        assert_ne!(of_words(&["a", "bc"]), of_words(&["ab", "c"]));
        let [a, b] = [NodeId(1), NodeId(2)];
        assert!(is_edge_made_here(of_ends(a, b)));
        assert_ne!(of_ends(a, b), of_ends(b, a));
    }
}
