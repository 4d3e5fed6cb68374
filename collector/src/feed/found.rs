//! Found: nodes by the names of their operations and versions, which graphs do not tell. In: words. Out: a
//! message.

use super::message::{Found, FoundNode};
use crate::reduce::Reducer;

/// Characters that are looked for at most: names of operations are rarely longer.
pub(super) const LONGEST: usize = 80;

/// Nodes that are told of.
const MOST_NODES: usize = 200;

/// Names that are told of each.
const MOST_NAMES: usize = 20;

pub(super) fn found(reducer: &Reducer, find: &str) -> Found {
    let words: Vec<String> = find.split_whitespace().map(str::to_lowercase).collect();
    let mut nodes = if words.is_empty() { Vec::new() } else { reducer.find(&words) };
    nodes.truncate(MOST_NODES);
    let node = |(node, mut names): (_, Vec<String>)| {
        names.truncate(MOST_NAMES);
        FoundNode { node, names }
    };
    Found { find: find.to_owned(), nodes: nodes.into_iter().map(node).collect() }
}
