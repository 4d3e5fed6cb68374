//! Frames as a film keeps them: ticks, which are nearly all of it, in a seventh of their size. In: frames.
//! Out: bytes, and the same frames again.

use std::borrow::Cow;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};
use spanfall_collector::feed::message::{EdgeTick, InstanceTick, Tick, VersionTick};
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::NodeId;

use super::Frame;

/// The edges of ticks, which know them by their places here: ids are long, and the same ones move in each
/// tick.
type Edges = IndexSet<EdgeId>;

/// Frames that are kept, in order.
#[derive(Debug, Default)]
pub(super) struct Roll {
    frames: Vec<Kept>,
    edges: Edges,
}

impl Roll {
    /// How many frames there are.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Adds a frame; returns how many bytes that takes, by and large.
    pub(super) fn push(&mut self, frame: Frame) -> usize {
        // An id, its hash, and a place in a table.
        const EDGE: usize = 24;
        let before = self.edges.len();
        let kept = Kept::of(frame, &mut self.edges);
        let bytes = kept.bytes() + EDGE * (self.edges.len() - before);
        self.frames.push(kept);
        bytes
    }

    /// A frame.
    pub(super) fn get(&self, number: usize) -> Option<Shot<'_>> {
        self.frames.get(number).map(|kept| Shot { kept, roll: self })
    }

    /// All of them.
    pub(super) fn frames(&self) -> impl Iterator<Item = Cow<'_, Frame>> {
        self.frames.iter().map(|kept| Shot { kept, roll: self }.frame())
    }
}

/// A frame of a roll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shot<'a> {
    kept: &'a Kept,
    roll: &'a Roll,
}

impl<'a> Shot<'a> {
    /// What is kept. Bytes that were packed are always read.
    pub(super) fn frame(self) -> Cow<'a, Frame> {
        let unpack = |bytes: &[u8]| unpack(bytes, |number| self.roll.edges.get_index(number));
        match self.kept {
            Kept::Tick(_, bytes) => Cow::Owned(Frame::Tick(unpack(bytes))),
            Kept::Again(bytes) => Cow::Owned(Frame::Again(unpack(bytes))),
            Kept::Whole(frame) => Cow::Borrowed(frame),
        }
    }

    /// When the tick began that it is, in milliseconds since 1970; none of what is no tick, or came before.
    pub(super) fn start(self) -> Option<u64> {
        match self.kept {
            Kept::Tick(start, _) => Some(*start),
            Kept::Whole(frame) => match &**frame {
                Frame::Tick(tick) => Some(tick.t),
                _ => None,
            },
            Kept::Again(_) => None,
        }
    }
}

/// A frame that is kept.
#[derive(Debug)]
enum Kept {
    /// When a tick began, in milliseconds since 1970, and its bytes.
    Tick(u64, Box<[u8]>),
    /// The bytes of a tick that came before.
    Again(Box<[u8]>),
    /// As it came, as is what could not be packed.
    Whole(Box<Frame>),
}

impl Kept {
    fn of(frame: Frame, edges: &mut Edges) -> Self {
        let packed = match &frame {
            Frame::Tick(tick) => pack(tick, edges).map(|bytes| Self::Tick(tick.t, bytes)),
            Frame::Again(tick) => pack(tick, edges).map(Self::Again),
            Frame::Graph(_) | Frame::Notice(_) => None,
        };
        packed.unwrap_or_else(|| Self::Whole(Box::new(frame)))
    }

    /// How many bytes it takes, by and large.
    fn bytes(&self) -> usize {
        // What memory is given out in, beside what is asked for.
        const EACH: usize = 16;
        let apart = match self {
            Self::Tick(_, bytes) | Self::Again(bytes) => bytes.len(),
            Self::Whole(frame) => size_of::<Frame>() + frame.parts(),
        };
        size_of::<Self>() + EACH + apart
    }
}

impl Frame {
    /// How many bytes its lists and texts take, by and large.
    fn parts(&self) -> usize {
        match self {
            Self::Tick(tick) | Self::Again(tick) => {
                size_of_val(&tick.edges[..])
                    + size_of_val(&tick.instances[..])
                    + size_of_val(&tick.versions[..])
            }
            Self::Graph(graph) => graph.nodes.len() * 200 + size_of_val(&graph.edges[..]),
            Self::Notice(notice) => notice.text.len(),
        }
    }
}

/// A [`Tick`], of which [`postcard`] makes few bytes: small whole numbers take one or two.
#[derive(Default, Serialize, Deserialize)]
struct Packed {
    t: u64,
    ms: u32,
    spans: u64,
    unknown: Number,
    edges: Vec<PackedEdge>,
    /// The numbers of all edges that are not zero: of those whose numbers are whole, and of the others.
    whole: Vec<i64>,
    other: Vec<f64>,
    instances: Vec<InstanceTick>,
    versions: Vec<(NodeId, u32, Number)>,
}

/// An [`EdgeTick`]: its edge's place, which of its [`NUMBERS`] are not zero, and its latencies.
#[derive(Serialize, Deserialize)]
struct PackedEdge(usize, u8, u64, u64);

/// An edge's counts from `ok` to `cold`, and what is told again.
const NUMBERS: usize = 6;

/// Says that an edge's numbers are not all whole.
const OTHER: u8 = 1 << NUMBERS;

/// Counts are whole numbers but where sampled spans stand for more.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Number {
    Whole(i64),
    Other(f64),
}

impl Default for Number {
    fn default() -> Self {
        Self::Whole(0)
    }
}

impl From<f64> for Number {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "only what is whole, and small enough, is cast"
    )]
    fn from(number: f64) -> Self {
        // Up to here every whole number is a double.
        const MOST: f64 = 9_007_199_254_740_992.0;
        let whole = number.fract() == 0.0 && number.abs() <= MOST;
        if whole { Self::Whole(number as i64) } else { Self::Other(number) }
    }
}

impl From<Number> for f64 {
    #[expect(clippy::cast_precision_loss, reason = "what was a double is one again")]
    fn from(number: Number) -> Self {
        match number {
            Number::Whole(number) => number as Self,
            Number::Other(number) => number,
        }
    }
}

impl Packed {
    fn put(&mut self, tick: &EdgeTick, edges: &mut Edges) {
        let Counts { ok, slow, throttled, error, cold } = tick.counts;
        let numbers = [ok, slow, throttled, error, cold, tick.again];
        let there = || (0..).zip(numbers).filter(|(_, number)| *number != 0.0);
        let mut which: u8 = there().map(|(place, _)| 1 << place).sum();
        if there().all(|(_, number)| matches!(Number::from(number), Number::Whole(_))) {
            let whole = there().filter_map(|(_, number)| match Number::from(number) {
                Number::Whole(number) => Some(number),
                Number::Other(_) => None,
            });
            self.whole.extend(whole);
        } else {
            which |= OTHER;
            self.other.extend(there().map(|(_, number)| number));
        }
        let (edge, _) = edges.insert_full(tick.edge);
        self.edges.push(PackedEdge(edge, which, tick.p50_us, tick.p99_us));
    }
}

fn pack(tick: &Tick, edges: &mut Edges) -> Option<Box<[u8]>> {
    let versions = tick.versions.iter().map(|told| (told.0, told.1, told.2.into()));
    let mut packed = Packed {
        t: tick.t,
        ms: tick.ms,
        spans: tick.spans,
        unknown: tick.unknown.into(),
        instances: tick.instances.clone(),
        versions: versions.collect(),
        ..Packed::default()
    };
    tick.edges.iter().for_each(|edge| packed.put(edge, edges));
    postcard::to_stdvec(&packed).ok().map(Vec::into_boxed_slice)
}

fn unpack<'a>(bytes: &[u8], edge: impl Fn(usize) -> Option<&'a EdgeId>) -> Tick {
    let packed: Packed = postcard::from_bytes(bytes).unwrap_or_default();
    let (mut whole, mut other) = (packed.whole.into_iter(), packed.other.into_iter());
    let edges = packed.edges.into_iter().filter_map(|PackedEdge(place, which, p50_us, p99_us)| {
        let mut number = |place: usize| match (which >> place & 1, which & OTHER) {
            (0, _) => 0.0,
            (_, 0) => whole.next().map(Number::Whole).unwrap_or_default().into(),
            _ => other.next().unwrap_or_default(),
        };
        let [ok, slow, throttled, error, cold, again] = std::array::from_fn(&mut number);
        let counts = Counts { ok, slow, throttled, error, cold };
        Some(EdgeTick { edge: *edge(place)?, counts, p50_us, p99_us, again })
    });
    let versions = packed
        .versions
        .into_iter()
        .map(|(node, version, hops)| VersionTick(node, version, hops.into()));
    Tick {
        t: packed.t,
        ms: packed.ms,
        spans: packed.spans,
        unknown: packed.unknown.into(),
        edges: edges.collect(),
        instances: packed.instances,
        versions: versions.collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_number() -> impl Strategy<Value = f64> {
        prop_oneof![
            3 => (-5_i32..500).prop_map(f64::from),
            1 => any::<f64>().prop_filter("a count", |number| number.is_finite()),
        ]
    }

    fn any_edge() -> impl Strategy<Value = EdgeTick> {
        let counts = prop::array::uniform5(any_number());
        (any::<u64>(), counts, any::<u64>(), any::<u64>(), any_number()).prop_map(
            |(edge, [ok, slow, throttled, error, cold], p50_us, p99_us, again)| EdgeTick {
                edge: EdgeId(edge),
                counts: Counts { ok, slow, throttled, error, cold },
                p50_us,
                p99_us,
                again,
            },
        )
    }

    fn any_tick() -> impl Strategy<Value = Tick> {
        let head = (any::<u64>(), any::<u32>(), any::<u64>(), any_number());
        let instance = (any::<u64>(), any::<u64>(), any::<u64>())
            .prop_map(|(node, live, cold)| InstanceTick(NodeId(node), live, cold));
        let version = (any::<u64>(), any::<u32>(), any_number())
            .prop_map(|(node, version, hops)| VersionTick(NodeId(node), version, hops));
        let lists = (
            prop::collection::vec(any_edge(), 0..20),
            prop::collection::vec(instance, 0..5),
            prop::collection::vec(version, 0..5),
        );
        (head, lists).prop_map(|((t, ms, spans, unknown), (edges, instances, versions))| Tick {
            t,
            ms,
            spans,
            unknown,
            edges,
            instances,
            versions,
        })
    }

    proptest! {
        #[test]
        fn every_tick_comes_out_as_it_went_in(ticks in prop::collection::vec(any_tick(), 1..4)) {
            let mut roll = Roll::default();
            for tick in &ticks {
                roll.push(Frame::Tick(tick.clone()));
                roll.push(Frame::Again(tick.clone()));
            }
            prop_assert_eq!(roll.len(), 2 * ticks.len());
            for (number, tick) in ticks.iter().enumerate() {
                let (now, again) = (roll.get(2 * number).unwrap(), roll.get(2 * number + 1).unwrap());
                prop_assert_eq!((now.start(), again.start()), (Some(tick.t), None));
                let Frame::Tick(found) = now.frame().into_owned() else { panic!("{now:?}") };
                prop_assert_eq!(&found, tick);
                let Frame::Again(found) = again.frame().into_owned() else { panic!("{again:?}") };
                prop_assert_eq!(&found, tick);
            }
        }
    }

    #[test]
    fn an_edge_of_a_busy_tick_takes_at_most_13_bytes() {
        let edge = |id: u64| EdgeTick {
            // As large as ids are.
            edge: EdgeId((1 << 53) - 1 - id),
            counts: Counts { ok: 12.0, slow: 1.0, error: 2.0, ..Counts::default() },
            p50_us: 250_000,
            p99_us: 1_900_000,
            again: 0.0,
        };
        let edges: Vec<EdgeTick> = (0..1_000).map(edge).collect();
        let tick = Tick { t: 1_800_000_000_000, ms: 200, edges, ..Tick::default() };
        let mut roll = Roll::default();
        let first = roll.push(Frame::Tick(tick.clone()));
        let second = roll.push(Frame::Tick(tick));
        assert!(first <= 13 * 1_000 + 24 * 1_000 + 100, "{first}");
        assert!(second <= 13 * 1_000 + 100, "{second}");
    }
}
