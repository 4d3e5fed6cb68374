//! The simulation: a [`World`] runs for some minutes of its own time. In: a description, faults, a
//! seed. Out: every span that its instrumentation makes, and every hop that happened.
//!
//! Events are handled in the order of their time; a synchronous call is followed to its end at
//! once. All chance comes from one seeded generator, so a seed always gives the same bytes.

mod messages;
mod program;
mod steps;

use std::collections::{BTreeMap, HashMap, VecDeque};

use opentelemetry_proto::tonic::trace::v1::Span;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use spanfall_collector::reduce::hop::Class;
use spanfall_collector::reduce::node::Node;

use super::description::{ProgramId, ResourceId, Source, World};
use super::dialect::handler::Trigger;
use super::faults::{Ailments, Faults};

use messages::Message;

/// Simulated time, in microseconds since the start of the run.
pub type Micros = u64;

/// One second.
pub const SECOND: Micros = 1_000_000;
/// One millisecond.
pub const MILLI: Micros = 1_000;

/// For how long requests come in from outside, in simulated time: long enough that spans wait,
/// resolve and are learned from, as in a collector that runs.
pub const RUN: Micros = 300 * SECOND;

/// How many spans a request from outside makes, about: only sets the pace.
const SPANS_A_REQUEST: f64 = 11.0;

/// Repetitions in a huge trace.
const HUGE: usize = 1_000;

/// One span, with what the exporter and the judge have to know about it.
#[derive(Clone, Debug)]
pub struct SpanRecord {
    /// As it is sent.
    pub span: Span,
    /// The instrumentation's scope.
    pub scope: &'static str,
    /// Which invocation made it.
    pub invocation: usize,
    /// Whom it names on the other side.
    pub other: Node,
    /// When it really ended.
    pub end: Micros,
    /// Whether it is a caller's.
    pub calls: bool,
}

/// One invocation of a program.
#[derive(Clone, Copy, Debug)]
pub struct Invocation {
    /// What ran.
    pub program: ProgramId,
    /// Where.
    pub instance: usize,
    /// When it began.
    pub start: Micros,
    /// When it ended.
    pub end: Micros,
    /// Whether it was cut short, so that its spans were never sent.
    pub vanished: bool,
}

/// One instance of a program.
#[derive(Clone, Debug)]
pub struct Instance {
    /// What it runs.
    pub program: ProgramId,
    /// Which version.
    pub version: &'static str,
    /// Random.
    pub id: u64,
    free_at: Micros,
}

/// One hop that happened. Spans are given by their place in [`Happened::spans`].
#[derive(Clone, Debug)]
pub struct HopRecord {
    /// Where it came from.
    pub source: Node,
    /// Where it went.
    pub target: Node,
    /// How many messages, or 1.
    pub weight: u32,
    /// The caller's spans, the outermost first.
    pub callers: Vec<usize>,
    /// How the caller saw it go.
    pub caller_class: Class,
    /// The callee's spans, the handler's first.
    pub callees: Vec<usize>,
    /// How the callee saw it go.
    pub callee_class: Class,
    /// Whether it met a cold start.
    pub cold: bool,
}

/// Everything that happened in a run.
#[derive(Clone, Debug, Default)]
pub struct Happened {
    /// The spans, in the order in which they were made.
    pub spans: Vec<SpanRecord>,
    /// The hops.
    pub hops: Vec<HopRecord>,
    /// The invocations.
    pub invocations: Vec<Invocation>,
    /// The instances.
    pub instances: Vec<Instance>,
    /// What each program suffers from.
    pub ailments: Vec<Ailments>,
}

/// Lets a world run until it has made about this many spans.
pub fn simulate(world: &World, faults: &Faults, seed: u64, spans: usize) -> (Happened, StdRng) {
    let mut random = StdRng::seed_from_u64(seed);
    let ailments =
        world.programs.iter().map(|program| faults.ailments(program, &mut random)).collect();
    let mut run = Run {
        world,
        faults,
        random,
        happened: Happened { ailments, ..Happened::default() },
        events: BTreeMap::new(),
        order: 0,
        pools: vec![Vec::new(); world.programs.len()],
        waiting: HashMap::new(),
        pace: spans as f64 / SPANS_A_REQUEST / (RUN / SECOND) as f64,
        most_spans: spans,
    };
    run.begin();
    while let Some(((now, _), event)) = run.events.pop_first() {
        run.handle_event(now, event);
    }
    (run.happened, run.random)
}

/// What is going to happen.
#[derive(Clone, Debug)]
enum Event {
    /// The next request of a source from outside.
    Request(usize),
    /// A schedule is due.
    Due(usize),
    /// An asynchronous invocation is run.
    Later(Box<Later>),
    /// A queue or stream is looked into.
    Poll(ResourceId),
    /// A topic or bucket tells a program.
    Notify(Box<Notify>),
    /// The next step of a workflow.
    Workflow { source: usize, step: usize, attempt: u32, trace: u128, segment: u64 },
}

/// An asynchronous invocation on its way.
#[derive(Clone, Debug)]
struct Later {
    program: ProgramId,
    arrival: Arrival,
    /// The hop that its caller began.
    hop: usize,
    attempt: u32,
}

/// What a topic or bucket tells of.
#[derive(Clone, Debug)]
struct Notify {
    program: ProgramId,
    source: Node,
    /// The sender's trace, which X-Ray carries along.
    trace: u128,
}

/// How a request reaches a program.
#[derive(Clone, Debug)]
struct Arrival {
    trace: u128,
    /// 0 is none.
    parent: u64,
    /// Whether nobody exports the parent.
    unexported: bool,
    links: Vec<LinkTo>,
    trigger: Trigger,
    request_id: String,
}

/// A span that a link leads to, and the message that carried it.
#[derive(Clone, Debug)]
struct LinkTo {
    trace: u128,
    span: u64,
    message: Option<String>,
}

struct Run<'w> {
    world: &'w World,
    faults: &'w Faults,
    random: StdRng,
    happened: Happened,
    events: BTreeMap<(Micros, u64), Event>,
    /// Keeps events of the same time apart, in the order in which they were planned.
    order: u64,
    /// The instances of each program.
    pools: Vec<Vec<usize>>,
    waiting: HashMap<ResourceId, VecDeque<Message>>,
    /// Requests from outside a second.
    pace: f64,
    most_spans: usize,
}

impl Run<'_> {
    fn plan(&mut self, at: Micros, event: Event) {
        self.order += 1;
        self.events.insert((at, self.order), event);
    }

    fn hit(&mut self, rate: f64) -> bool {
        self.random.random_bool(rate.clamp(0.0, 1.0))
    }

    fn between(&mut self, low_ms: f64, high_ms: f64) -> Micros {
        to_micros(self.random.random_range(low_ms..high_ms))
    }

    /// Log-normal, as latencies are.
    fn about(&mut self, median_ms: f64) -> Micros {
        // Twelve uniform numbers make one that is normal enough.
        let normal: f64 = (0..12).map(|_| self.random.random_range(0.0..1.0)).sum::<f64>() - 6.0;
        to_micros(median_ms * (0.4 * normal).exp())
    }

    fn span_id(&mut self) -> u64 {
        self.random.random_range(1..=u64::MAX)
    }

    fn trace_id(&mut self) -> u128 {
        let id: u128 = self.random.random_range(1..=u128::MAX);
        let short = self.hit(self.faults.short_trace_ids);
        if short { id & u128::from(u64::MAX) | 1 } else { id }
    }

    fn request_id(&mut self) -> String {
        let id: u128 = self.random.random();
        let hex = format!("{id:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn begin(&mut self) {
        for (index, source) in self.world.sources.iter().enumerate() {
            match source {
                Source::Requests { .. } | Source::Workflow { .. } => self.next_request(index, 0),
                Source::Schedule { every_s, .. } => {
                    let first = self.between(0.0, every_s * 1000.0);
                    self.plan(first, Event::Due(index));
                }
                _ => {}
            }
        }
    }

    fn next_request(&mut self, source: usize, now: Micros) {
        let share = |source: &Source| match source {
            Source::Requests { share, .. } | Source::Workflow { share, .. } => *share,
            _ => 0.0,
        };
        let all: f64 = self.world.sources.iter().map(share).sum();
        let rate = self.pace * share(&self.world.sources[source]) / all.max(1e-9);
        let uniform: f64 = self.random.random_range(f64::EPSILON..1.0);
        let next = now + to_micros(-uniform.ln() / rate.max(1e-6) * 1e3);
        if self.goes_on(next) {
            self.plan(next, Event::Request(source));
        }
    }

    fn goes_on(&self, at: Micros) -> bool {
        at < RUN && self.happened.spans.len() < self.most_spans
    }

    fn handle_event(&mut self, now: Micros, event: Event) {
        match event {
            Event::Request(source) => {
                self.next_request(source, now);
                self.request(source, now);
            }
            Event::Due(source) => self.due(source, now),
            Event::Later(later) => self.run_later(*later, now),
            Event::Poll(channel) => self.poll(channel, now),
            Event::Notify(notify) => self.notify(*notify, now),
            Event::Workflow { source, step, attempt, trace, segment } => {
                self.workflow(source, step, attempt, (trace, segment), now);
            }
        }
    }

    fn request(&mut self, source: usize, now: Micros) {
        match &self.world.sources[source] {
            Source::Requests { gateway, program, .. } => {
                let gateway = gateway.map(|id| self.world.resources[id.0].clone());
                self.request_from_outside(gateway, *program, now);
            }
            Source::Workflow { .. } => {
                let (trace, segment) = (self.trace_id(), self.span_id());
                self.workflow(source, 0, 0, (trace, segment), now);
            }
            _ => {}
        }
    }

    fn due(&mut self, source: usize, now: Micros) {
        let Source::Schedule { schedule, program, every_s } = &self.world.sources[source] else {
            return;
        };
        let next = now + to_micros(every_s * 1000.0);
        if self.goes_on(next) {
            self.plan(next, Event::Due(source));
        }
        let repeat = if self.hit(self.faults.huge_traces) { HUGE } else { 1 };
        let arrival = self.entry_arrival(Trigger::Silent);
        let schedule = self.world.resources[schedule.0].clone();
        self.enter(schedule, *program, arrival, now, repeat);
    }

    /// How a request arrives that no program's span began.
    fn entry_arrival(&mut self, trigger: Trigger) -> Arrival {
        let unexported = self.hit(self.faults.unexported_parents);
        let parent = if unexported { self.span_id() } else { 0 };
        Arrival {
            trace: self.trace_id(),
            parent,
            unexported,
            links: Vec::new(),
            trigger,
            request_id: self.request_id(),
        }
    }
}

/// From milliseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time")]
fn to_micros(millis: f64) -> Micros {
    (millis * 1e3) as Micros
}
