//! Whatever a person does with time, frame by frame.

use proptest::prelude::*;
use spanfall_collector::feed::message::{EdgeTick, GraphEdge, GraphNode, SourceLabel, Unit};
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::{NodeId, NodeKind};

use super::*;

const T0: u64 = 1_800_000_000_000;
const FRAME: f64 = 0.025;

/// What a person does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Wait(u8),
    Pause,
    Seek(f64),
    Live,
    Step(bool),
    Faster(bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (1u8..120).prop_map(Deed::Wait),
        1 => Just(Deed::Pause),
        2 => (0.0..1.1f64).prop_map(Deed::Seek),
        1 => Just(Deed::Live),
        2 => any::<bool>().prop_map(Deed::Step),
        3 => any::<bool>().prop_map(Deed::Faster),
    ]
}

struct Rig {
    reel: Reel,
    traffic: Traffic,
    frames: u64,
    ticks: u64,
    /// What was played, with the epoch in which it was.
    played: Vec<(u64, Played)>,
}

impl Rig {
    fn new() -> Self {
        let mut reel = Reel::new(900.0);
        let hello = Hello {
            protocol: 1,
            version: String::new(),
            tick_ms: 200,
            source: SourceLabel::Live,
            unit: Unit::Requests,
            now_ms: T0,
        };
        reel.greet(&hello, 0.0);
        let node = |id| GraphNode {
            id: NodeId(id),
            kind: NodeKind::Function,
            name: id.to_string(),
            account: String::new(),
            region: String::new(),
            entry: false,
        };
        let edge = GraphEdge { id: EdgeId(12), source: NodeId(1), target: NodeId(2) };
        let (nodes, edges) = (vec![node(1), node(2)], vec![edge]);
        reel.take_graph(&Graph { complete: true, nodes, edges, ..Graph::default() });
        Self { reel, traffic: Traffic::default(), frames: 0, ticks: 0, played: Vec::new() }
    }

    /// One frame, with a tick of one hop whenever one is over.
    fn frame(&mut self) {
        self.frames += 1;
        let wall = self.frames as f64 * FRAME;
        while (self.ticks + 1) as f64 * 0.2 <= wall {
            let counts = Counts { ok: 1.0, ..Counts::default() };
            let edge = EdgeTick { edge: EdgeId(12), counts, p50_us: 1, p99_us: 1, again: 0.0 };
            let t = T0 + self.ticks * 200;
            let tick = Tick { t, ms: 200, edges: vec![edge], ..Tick::default() };
            self.ticks += 1;
            self.reel.take(&tick, wall);
        }
        let mut out = Vec::new();
        self.reel.advance(wall, FRAME, &mut self.traffic, &mut out);
        let epoch = self.reel.epoch();
        self.played.extend(out.into_iter().map(|played| (epoch, played)));
    }

    fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Wait(frames) => (0..frames).for_each(|_| self.frame()),
            Deed::Pause => self.reel.toggle_pause(false),
            Deed::Seek(part) => {
                if let Some((begin, end)) = self.reel.range() {
                    self.reel.seek(begin + (end - begin) * part);
                }
            }
            Deed::Live => self.reel.live(),
            Deed::Step(forward) => self.reel.step(forward),
            Deed::Faster(faster) => self.reel.faster(faster),
        }
    }
}

proptest! {
    #[test]
    fn no_hop_is_shown_twice_or_lost_whatever_a_person_does_with_time(
        deeds in prop::collection::vec(deed(), 1..60),
    ) {
        let mut rig = Rig::new();
        rig.does(Deed::Wait(200));
        for deed in deeds {
            let before = rig.reel.clock.now();
            rig.does(deed);
            rig.frame();
            prop_assert!(rig.reel.clock.now() >= before, "the clock of particles goes back");
            // Every tick that began by the moment that is shown counts once in the figures.
            let shown = rig.reel.clock.feed_now().unwrap();
            let began = |at: f64| {
                (((at - seconds(T0)) / 0.2).floor() + 1.0).min(rig.ticks as f64)
            };
            let counted: f64 = rig.traffic.total.seconds.iter().map(Counts::total).sum();
            // Moments that are close are the same.
            let few = began(shown - 2.0 * CLOSE)..=began(shown + 2.0 * CLOSE);
            prop_assert!(few.contains(&counted), "{} at {} after {:?}", counted, shown, deed);
        }
        // Between two jumps every tick is played, once, in order, and where it belongs.
        for pair in rig.played.windows(2) {
            let [(epoch, a), (next, b)] = pair else { unreachable!() };
            if epoch == next {
                prop_assert_eq!(b.tick.t, a.tick.t + 200);
                prop_assert!(b.start >= a.start - CLOSE);
            }
        }
    }

    #[test]
    fn at_any_speed_the_picture_goes_as_fast_as_it_says(
        steps in prop::collection::vec(any::<bool>(), 0..12),
    ) {
        let mut rig = Rig::new();
        rig.does(Deed::Wait(u8::MAX));
        (0..40).for_each(|_| rig.does(Deed::Wait(u8::MAX)));
        rig.reel.seek(0.0);
        steps.into_iter().for_each(|faster| rig.reel.faster(faster));
        rig.frame();
        let (speed, before) = (rig.reel.pace(), rig.reel.clock.feed_now().unwrap());
        prop_assert!(SPEEDS.contains(&speed));
        (0..20).for_each(|_| rig.frame());
        let passed = rig.reel.clock.feed_now().unwrap() - before;
        prop_assert!((passed - speed * 20.0 * FRAME).abs() < 1e-6, "{passed} at {speed}");
    }
}
