//! The places of a world: which levels have nodes of their own, and which lie in which. In: a
//! [`Level`]. Out: an [`Atlas`].

use std::collections::{HashMap, HashSet};

use super::format::{FormatError, Level};

/// How deep places may lie in each other. Vizceral itself draws two.
const MAX_DEPTH: usize = 8;

/// Times below this are seconds since 1970, and others milliseconds.
const SECONDS: f64 = 1e11;

/// All places of a world.
#[derive(Default)]
pub(super) struct Atlas<'a> {
    pub(super) places: Vec<Region<'a>>,
    /// Which places have this name.
    by_name: HashMap<&'a str, Vec<usize>>,
}

pub(super) struct Region<'a> {
    pub(super) level: &'a Level,
    within: Option<usize>,
    /// The names from the outermost region to this one; empty for the world.
    pub(super) path: String,
    pub(super) updated_ms: Option<u64>,
    /// Its nodes that are no places.
    leaves: HashSet<&'a str>,
    /// Its nodes that are.
    pub(super) inner: HashMap<&'a str, usize>,
}

/// Whether a node is a place with nodes in it. A service lists its instances, without connections.
fn is_place(level: &Level) -> bool {
    let nodes = level.nodes.as_ref().is_some_and(|nodes| !nodes.is_empty());
    nodes && (!level.connections.is_empty() || matches!(&*level.renderer, "region" | "global"))
}

impl<'a> Atlas<'a> {
    pub(super) fn explore(
        &mut self,
        level: &'a Level,
        within: Option<usize>,
        way: &str,
        depth: usize,
    ) -> Result<usize, FormatError> {
        if depth > MAX_DEPTH {
            return Err(FormatError::TooDeep { path: way.to_owned(), most: MAX_DEPTH });
        }
        let this = self.places.len();
        let outer = within.and_then(|outer| self.places.get(outer));
        let path = match outer {
            // A world is called "edge" or so, which is no place. A region alone is one.
            None if level.renderer == "region" => level.name.clone(),
            None => String::new(),
            Some(outer) if outer.path.is_empty() => level.name.clone(),
            Some(outer) => format!("{}/{}", outer.path, level.name),
        };
        let updated_ms = level.updated.or(level.server_update_time).and_then(milliseconds);
        let updated_ms = updated_ms.or(outer.and_then(|outer| outer.updated_ms));
        self.places.push(Region {
            level,
            within,
            path,
            updated_ms,
            leaves: HashSet::new(),
            inner: HashMap::new(),
        });
        self.by_name.entry(&level.name).or_default().push(this);
        for (index, node) in level.nodes.iter().flatten().enumerate() {
            if is_place(node) {
                let way = format!("{way}[{index}].nodes");
                let inner = self.explore(node, Some(this), &way, depth + 1)?;
                self.places[this].inner.insert(&node.name, inner);
            } else {
                self.places[this].leaves.insert(&node.name);
            }
        }
        Ok(this)
    }

    /// Where `orders (us-east-1)` is, if there is such a region elsewhere and it has such a node.
    pub(super) fn elsewhere(&self, name: &'a str, here: usize) -> Option<(&'a str, usize)> {
        let (name, region) = name.strip_suffix(')')?.rsplit_once(" (")?;
        let places = self.by_name.get(region)?;
        let has = |place: &&usize| **place != here && self.places[**place].leaves.contains(name);
        places.iter().find(has).map(|place| (name, *place))
    }

    /// A place and those that it is in, without the world.
    pub(super) fn around(&self, place: usize) -> impl Iterator<Item = usize> {
        let outer = |place: &usize| self.places[*place].within;
        std::iter::successors(Some(place), outer)
            .filter(|place| !self.places[*place].path.is_empty())
    }
}

fn milliseconds(time: f64) -> Option<u64> {
    let milliseconds = if time < SECONDS { time * 1e3 } else { time };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked")]
    (1.0..1e15).contains(&milliseconds).then_some(milliseconds as u64)
}
