//! Where people dragged nodes, kept between runs. In: drags, by graph; a file of earlier runs. Out: the
//! places of a graph that is shown again; the file, written once nobody drags any more.
//!
//! A graph is told by where it comes from and by [`Picture::ground`](crate::picture::Picture::ground), the
//! level and filter: that is what layouts are kept by within a run, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::time::Real;
use serde::{Deserialize, Serialize};
use spanfall_collector::feed::message::Severity;
use spanfall_collector::reduce::node::NodeId;

use super::layered::Point;
use crate::activity::Activity;
use crate::panel::Remark;
use crate::whole_file;

/// Seconds that nobody dragged anything, before it is written.
const REST: f64 = 1.0;

/// Graphs that are kept at most; those that were changed longest ago go.
const MOST_GRAPHS: usize = 64;

/// Places that are kept of one graph at most; those that were put longest ago go.
const MOST_PLACES: usize = 512;

/// Characters that count of a source's name.
const LONGEST_NAME: usize = 256;

/// World units from the middle: farther away nobody drags anything.
const FARTHEST: f32 = 1e6;

/// Bytes of the file at most; what is larger was not written here.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Where nodes were dragged, and the file that this is kept in. Without a file nothing is.
#[derive(Resource, Debug, Default)]
pub struct DraggedPlaces {
    file: Option<PathBuf>,
    source: String,
    /// The one changed last at the end.
    graphs: Vec<Graph>,
    /// Grounds that were changed, and are not written yet.
    changed: BTreeSet<u64>,
    /// When something was dragged last, if that is not written yet.
    touched: Option<f64>,
    /// What was wrong with the file at the start.
    wrong: Option<String>,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    graphs: Vec<Graph>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Graph {
    source: String,
    ground: u64,
    /// The one put last at the end.
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    node: u64,
    at: Point,
}

impl DraggedPlaces {
    /// What was kept in this file, for graphs from this source. A file with mistakes keeps nothing, and
    /// is left as it is until something is dragged.
    pub fn open(file: Option<PathBuf>, source: &str) -> Self {
        let source = source.chars().take(LONGEST_NAME).collect();
        let mut dragged = Self::default();
        (dragged.file, dragged.source) = (file, source);
        let Some(file) = &dragged.file else { return dragged };
        match read(file) {
            Ok(graphs) => dragged.graphs = graphs,
            Err(wrong) => {
                warn!("where nodes were dragged in earlier runs is not used: {wrong}");
                dragged.wrong = Some(wrong);
            }
        }
        dragged
    }

    /// Where nodes of this ground were dragged.
    pub(super) fn of(&self, ground: u64) -> BTreeMap<NodeId, Point> {
        let graph = self.graphs.iter().find(|graph| self.is_this(graph, ground));
        let places = graph.map(|graph| &graph.places[..]).unwrap_or_default();
        places.iter().map(|place| (NodeId(place.node), place.at)).collect()
    }

    /// A person put a node somewhere.
    pub(super) fn put(&mut self, ground: u64, node: NodeId, at: Point, now: f64) {
        if self.file.is_none() || !is_near(at) {
            return;
        }
        let mut graph = self.take(ground).unwrap_or_else(|| Graph {
            source: self.source.clone(),
            ground,
            places: Vec::new(),
        });
        graph.places.retain(|place| place.node != node.0);
        graph.places.push(Place { node: node.0, at });
        self.graphs.push(graph);
        bound(&mut self.graphs);
        self.touch(ground, now);
    }

    /// A node is known by another name now.
    pub(super) fn rename(&mut self, ground: u64, from: NodeId, into: NodeId, now: f64) {
        if let Some(at) = self.of(ground).get(&from) {
            self.put(ground, into, *at, now);
            if let Some(graph) = self.graphs.last_mut() {
                graph.places.retain(|place| place.node != from.0);
            }
        }
    }

    /// A person wants this ground laid out anew.
    pub(super) fn forget(&mut self, ground: u64, now: f64) {
        if self.take(ground).is_some() {
            self.touch(ground, now);
        }
    }

    fn is_this(&self, graph: &Graph, ground: u64) -> bool {
        graph.source == self.source && graph.ground == ground
    }

    fn take(&mut self, ground: u64) -> Option<Graph> {
        let at = self.graphs.iter().position(|graph| self.is_this(graph, ground))?;
        Some(self.graphs.remove(at))
    }

    fn touch(&mut self, ground: u64, now: f64) {
        self.changed.insert(ground);
        self.touched = Some(now);
    }

    /// Writes what was changed here into what is in the file now: another viewer may have written too.
    fn write(&mut self) -> Option<Remark> {
        self.touched = None;
        let file = self.file.as_ref()?;
        let changed = std::mem::take(&mut self.changed);
        let is_ours =
            |graph: &Graph| graph.source == self.source && changed.contains(&graph.ground);
        if let Ok(mut graphs) = read(file) {
            graphs.retain(|graph| !is_ours(graph));
            graphs.extend(self.graphs.iter().filter(|graph| is_ours(graph)).cloned());
            bound(&mut graphs);
            self.graphs = graphs;
        }
        let kept = Kept { graphs: self.graphs.clone() };
        let written = serde_json::to_string(&kept).map_err(std::io::Error::from);
        let error = written.and_then(|text| whole_file::write(file, &text)).err()?;
        let text = format!(
            "Where nodes were dragged is not kept: {} cannot be written: {error}",
            file.display()
        );
        warn!("{text}");
        Some(Remark { severity: Severity::Warning, text })
    }
}

/// The graphs in a file, none where there is none.
fn read(file: &Path) -> Result<Vec<Graph>, String> {
    let name = file.display();
    let text = whole_file::read(file, LARGEST)
        .map_err(|error| format!("{name} cannot be read: {error}"))?;
    let Some(text) = text else { return Ok(Vec::new()) };
    let mut kept: Kept = serde_json::from_str(&text).map_err(|error| {
        format!("{name} is damaged: {error}. It is written anew when a node is dragged")
    })?;
    for graph in &mut kept.graphs {
        graph.places.retain(|place| is_near(place.at));
    }
    bound(&mut kept.graphs);
    Ok(kept.graphs)
}

fn is_near(at: Point) -> bool {
    at.iter().all(|value| value.abs() <= FARTHEST)
}

/// Lets go what was changed longest ago.
fn bound(graphs: &mut Vec<Graph>) {
    graphs.drain(..graphs.len().saturating_sub(MOST_GRAPHS));
    for Graph { places, .. } in graphs {
        places.drain(..places.len().saturating_sub(MOST_PLACES));
    }
}

/// Writes what was dragged, once nobody drags any more; and says what was wrong at the start.
pub(super) fn keep(
    time: Res<'_, Time<Real>>,
    mut dragged: ResMut<'_, DraggedPlaces>,
    mut remarks: MessageWriter<'_, Remark>,
    mut activity: ResMut<'_, Activity>,
) {
    let dragged = dragged.bypass_change_detection();
    if let Some(wrong) = dragged.wrong.take() {
        let text = format!("Where nodes were dragged in earlier runs is not used. {wrong}");
        remarks.write(Remark { severity: Severity::Warning, text });
    }
    let Some(touched) = dragged.touched else { return };
    if time.elapsed_secs_f64() - touched < REST {
        activity.extend(&time, REST);
    } else if let Some(remark) = dragged.write() {
        remarks.write(remark);
    }
}

/// What was dragged in the last second is kept too.
impl Drop for DraggedPlaces {
    fn drop(&mut self) {
        if self.touched.is_some() {
            self.write();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HERE: u64 = 7;

    fn at(dragged: &DraggedPlaces, ground: u64, node: u64) -> Option<Point> {
        dragged.of(ground).get(&NodeId(node)).copied()
    }

    #[test]
    fn each_source_and_each_ground_has_places_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/places.json");
        let mut first = DraggedPlaces::open(Some(file.clone()), "ws://wall:4320/feed");
        first.put(HERE, NodeId(1), [3.5, -4.0], 0.0);
        first.put(8, NodeId(1), [9.0, 9.0], 0.0);
        drop(first);
        let again = DraggedPlaces::open(Some(file.clone()), "ws://wall:4320/feed");
        assert_eq!(at(&again, HERE, 1), Some([3.5, -4.0]));
        assert_eq!(at(&again, 8, 1), Some([9.0, 9.0]));
        assert_eq!(at(&again, 9, 1), None);
        let other = DraggedPlaces::open(Some(file), "ws://other:4320/feed");
        assert_eq!(at(&other, HERE, 1), None);
    }

    #[test]
    fn two_viewers_of_two_systems_keep_what_the_other_one_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("places.json");
        let open = |source| DraggedPlaces::open(Some(file.clone()), source);
        let (mut one, mut two) = (open("one"), open("two"));
        one.put(HERE, NodeId(1), [1.0, 1.0], 0.0);
        two.put(HERE, NodeId(2), [2.0, 2.0], 0.0);
        drop(one);
        drop(two);
        assert_eq!(at(&open("one"), HERE, 1), Some([1.0, 1.0]));
        assert_eq!(at(&open("two"), HERE, 2), Some([2.0, 2.0]));
        let mut one = open("one");
        one.forget(HERE, 0.0);
        drop(one);
        assert_eq!(at(&open("one"), HERE, 1), None);
        assert_eq!(at(&open("two"), HERE, 2), Some([2.0, 2.0]));
    }

    #[test]
    fn of_too_many_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("places.json");
        let mut dragged = DraggedPlaces::open(Some(file.clone()), "here");
        for ground in 0..=MOST_GRAPHS as u64 {
            dragged.put(ground, NodeId(1), [0.0, 0.0], 0.0);
        }
        for node in 0..=MOST_PLACES as u64 {
            dragged.put(9, NodeId(node), [-123_456.79, 1e-7], 0.0);
        }
        drop(dragged);
        let dragged = DraggedPlaces::open(Some(file), "here");
        assert_eq!(dragged.graphs.len(), MOST_GRAPHS);
        assert_eq!((at(&dragged, 0, 1), at(&dragged, 1, 1)), (None, Some([0.0, 0.0])));
        assert_eq!(dragged.of(9).len(), MOST_PLACES);
        assert_eq!((at(&dragged, 9, 0), at(&dragged, 9, 1).is_some()), (None, true));
    }

    #[test]
    fn the_largest_file_that_is_written_can_be_read() {
        let place = Place { node: u64::MAX, at: [-123_456.79, -1.234_567_9e-38] };
        let source = "\u{1}".repeat(LONGEST_NAME);
        let graph = Graph { source, ground: u64::MAX, places: vec![place; MOST_PLACES] };
        let text = serde_json::to_string(&Kept { graphs: vec![graph; MOST_GRAPHS] }).unwrap();
        assert!((text.len() as u64) < LARGEST, "{}", text.len());
    }

    #[test]
    fn a_damaged_file_is_told_left_alone_and_written_anew_with_the_next_drag() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("places.json");
        for damaged in [&b"{\"graphs\":[{\"sour"[..], b"", b"\xff\xfe", b"[]", b"{\"graphs\":{}}"] {
            fs::write(&file, damaged).unwrap();
            let mut dragged = DraggedPlaces::open(Some(file.clone()), "here");
            let wrong = dragged.wrong.clone().unwrap();
            assert!(wrong.contains("places.json"), "{wrong}");
            assert_eq!(fs::read(&file).unwrap(), damaged);
            dragged.put(HERE, NodeId(1), [1.0, 2.0], 0.0);
            drop(dragged);
            let dragged = DraggedPlaces::open(Some(file.clone()), "here");
            assert_eq!((at(&dragged, HERE, 1), &dragged.wrong), (Some([1.0, 2.0]), &None));
        }
    }

    #[test]
    fn places_out_of_the_world_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("places.json");
        let places = r#"[{"node":1,"at":[1e38,0]},{"node":2,"at":[0,-2e6]},{"node":3,"at":[4,5]}]"#;
        let text =
            format!(r#"{{"graphs":[{{"source":"here","ground":{HERE},"places":{places}}}]}}"#);
        fs::write(&file, text).unwrap();
        let dragged = DraggedPlaces::open(Some(file), "here");
        assert_eq!(dragged.of(HERE), BTreeMap::from([(NodeId(3), [4.0, 5.0])]));
    }
}
