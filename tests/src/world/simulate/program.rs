//! Invocations: one program runs once. In: how the request arrived. Out: the handler's spans and
//! those of everything it does, and the hop that led to it.

use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use rand::Rng as _;
use spanfall_collector::reduce::hop::Class;
use spanfall_collector::reduce::node::Node;

use super::super::attributes::Attributes;
use super::super::description::{ProgramId, Source};
use super::super::dialect::handler::{self, HandlerFacts, Trigger};
use super::super::dialect::{Dialect, Told, unknown_trigger};
use super::super::faults::Sampling;
use super::{Arrival, HopRecord, Instance, Invocation, Micros, Run, SECOND, SpanRecord};

/// When a run begins, in nanoseconds since 1970.
const BEGIN_NS: u64 = 1_795_000_000 * 1_000_000_000;

/// After how long Lambda stops a function that does not end.
const TIMEOUT: Micros = 6 * SECOND;

/// Instances of programs that serve many requests at once.
const REPLICAS: usize = 3;

/// A running invocation, as its steps need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) program: ProgramId,
    pub(super) invocation: usize,
    pub(super) trace: u128,
    /// What calls are children of: the handler's span, or one inside it.
    pub(super) parent: u64,
    /// The handler's own parent, where nobody exports it.
    pub(super) segment: u64,
}

/// How an invocation went.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) end: Micros,
    pub(super) failed: bool,
    pub(super) timed_out: bool,
    pub(super) cold: bool,
    pub(super) spans: Vec<usize>,
}

/// One span in the making.
pub(super) struct Making {
    pub(super) told: Told,
    pub(super) id: u64,
    pub(super) parent: u64,
    pub(super) remote: bool,
    pub(super) start: Micros,
    pub(super) end: Micros,
    pub(super) calls: bool,
}

impl Run<'_> {
    /// A request from outside.
    pub(super) fn request_from_outside(
        &mut self,
        gateway: Option<Node>,
        id: ProgramId,
        now: Micros,
    ) {
        let program = &self.world.programs[id.0];
        let trigger = match &gateway {
            Some(api) => Trigger::Gateway(api.name.clone()),
            None if program.dialect.is_lambda() => Trigger::Silent,
            None => Trigger::Http,
        };
        let source = gateway.unwrap_or_else(|| match trigger {
            Trigger::Silent => unknown_trigger(),
            _ => super::super::dialect::users(),
        });
        let arrival = self.entry_arrival(trigger);
        self.enter(source, id, arrival, now, 1);
    }

    /// Runs a program whose caller is no program, and takes note of the hop.
    pub(super) fn enter(
        &mut self,
        source: Node,
        id: ProgramId,
        arrival: Arrival,
        now: Micros,
        repeat: usize,
    ) -> Answer {
        let weight = match arrival.trigger {
            Trigger::Messages(_, batch) => u32::try_from(batch).unwrap_or(1),
            _ => 1,
        };
        let answer = self.handle(id, now, arrival, repeat);
        let target = self.world.programs[id.0].node.clone();
        self.happened.hops.push(HopRecord {
            source,
            target,
            weight,
            callers: Vec::new(),
            caller_class: Class::Ok,
            callees: answer.spans.clone(),
            callee_class: if answer.failed { Class::Error } else { Class::Ok },
            cold: answer.cold,
        });
        answer
    }

    /// Runs a program once.
    pub(super) fn handle(
        &mut self,
        id: ProgramId,
        start: Micros,
        arrival: Arrival,
        repeat: usize,
    ) -> Answer {
        let program = &self.world.programs[id.0];
        let (instance, cold) = self.instance(id, start);
        let start = start + if cold { self.between(150.0, 900.0) } else { 0 };
        let invocation = self.happened.invocations.len();
        self.happened.invocations.push(Invocation {
            program: id,
            instance,
            start,
            end: start,
            vanished: false,
        });
        let handler = self.span_id();
        let own = self.about(program.work_ms);
        let mut frame = Frame {
            program: id,
            invocation,
            trace: arrival.trace,
            parent: handler,
            segment: if arrival.unexported { arrival.parent } else { 0 },
        };
        let begin = start + own / 3;
        let mut at = begin;
        let inside = self.hit(0.3).then(|| self.span_id());
        frame.parent = inside.unwrap_or(handler);
        for _ in 0..repeat {
            for step in &program.steps {
                at = self.step(&frame, step, at);
            }
        }
        let failed = self.hit(program.errors);
        let timed_out = program.timeouts > 0.0 && self.hit(program.timeouts);
        let end = if timed_out { start + TIMEOUT.max(at - start) } else { at + own / 3 };
        if let Some(inside) = inside {
            self.business(&frame, inside, handler, (begin, at));
        }
        let facts = HandlerFacts {
            program,
            trigger: arrival.trigger.clone(),
            request_id: arrival.request_id.clone(),
            failed,
            cold,
            by_arn: self.hit(self.faults.arns),
        };
        let spans = self.handler_spans(&frame, &facts, &arrival, handler, (start, end));
        self.happened.invocations[invocation].end = end;
        self.happened.invocations[invocation].vanished = timed_out;
        self.happened.instances[instance].free_at = end;
        Answer { end, failed, timed_out, cold, spans }
    }

    fn handler_spans(
        &mut self,
        frame: &Frame,
        facts: &HandlerFacts<'_>,
        arrival: &Arrival,
        id: u64,
        (start, end): (Micros, Micros),
    ) -> Vec<usize> {
        let (outer, child) = handler::told(facts);
        // Where a child names the messages, the links are its; with old packages there are none.
        let old =
            matches!(facts.program.dialect, Dialect::OldPythonLambda | Dialect::OldNodeLambda);
        let links: Vec<Link> = if old && matches!(arrival.trigger, Trigger::Messages(..)) {
            Vec::new()
        } else {
            arrival.links.iter().map(link).collect()
        };
        let remote = arrival.parent != 0;
        let making =
            Making { told: outer, id, parent: arrival.parent, remote, start, end, calls: false };
        let handler = self.record(frame, making);
        if facts.failed {
            self.happened.spans[handler].span.events.push(exception(end));
        }
        let Some(told) = child else {
            self.happened.spans[handler].span.links = links;
            return vec![handler];
        };
        let inner = Making {
            told,
            id: self.span_id(),
            parent: id,
            remote: false,
            start: start + 50,
            end: end - 50,
            calls: false,
        };
        let child = self.record(frame, inner);
        self.happened.spans[child].span.links = links;
        vec![handler, child]
    }

    /// A span of the program's own, which is nobody's hop.
    fn business(&mut self, frame: &Frame, id: u64, parent: u64, (start, end): (Micros, Micros)) {
        let told = Told {
            scope: "shop",
            name: "compute".to_owned(),
            kind: SpanKind::Internal,
            attributes: Attributes::of(&[("code.function.name", "compute")]).int("items", 3),
            other: Node::default(),
            error: None,
        };
        let making = Making { told, id, parent, remote: false, start, end, calls: false };
        self.record(frame, making);
    }

    /// Makes a span, with all that this program's instrumentation gets wrong.
    pub(super) fn record(&mut self, frame: &Frame, making: Making) -> usize {
        let Making { told, id, parent, remote, start, end, calls } = making;
        let program = &self.world.programs[frame.program.0];
        let ailments = &self.happened.ailments[frame.program.0];
        let to_lambda = told.attributes.0.iter().any(|it| it.key == "faas.invoked_name");
        let kind = match ailments.kind {
            Some(wrong) => wrong,
            None if ailments.server_calls && to_lambda => SpanKind::Server,
            None => told.kind,
        };
        let flags = if ailments.no_remote_flags { 0 } else { program.dialect.flags(remote) };
        let clock =
            |time: Micros| BEGIN_NS.saturating_add_signed(ailments.skew_us * 1000) + time * 1000;
        let status = told.error.map(|message| Status { code: 2, message: message.to_owned() });
        let span = Span {
            trace_id: frame.trace.to_be_bytes().to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
            trace_state: self.faults.sampling.map(Sampling::trace_state).unwrap_or_default(),
            flags,
            name: told.name,
            kind: kind.into(),
            start_time_unix_nano: clock(start),
            end_time_unix_nano: clock(end),
            attributes: told.attributes.0,
            status,
            ..Span::default()
        };
        self.happened.spans.push(SpanRecord {
            span,
            scope: told.scope,
            invocation: frame.invocation,
            other: told.other,
            end,
            calls,
        });
        self.happened.spans.len() - 1
    }

    /// A free instance of a program, or a new one, which is a cold start.
    fn instance(&mut self, id: ProgramId, now: Micros) -> (usize, bool) {
        let program = &self.world.programs[id.0];
        let shared = !program.dialect.flushes();
        let pool = &self.pools[id.0];
        let free = if shared && pool.len() >= REPLICAS {
            Some(pool[self.random.random_range(0..pool.len())])
        } else {
            pool.iter().copied().find(|&it| self.happened.instances[it].free_at <= now)
        };
        let (index, cold) = match free {
            Some(index) => (index, false),
            None => {
                let version = program.versions[self.random.random_range(0..program.versions.len())];
                let instance =
                    Instance { program: id, version, id: self.random.random(), free_at: 0 };
                self.happened.instances.push(instance);
                let index = self.happened.instances.len() - 1;
                self.pools[id.0].push(index);
                (index, program.dialect != Dialect::Service)
            }
        };
        self.happened.instances[index].free_at = Micros::MAX;
        (index, cold)
    }

    /// One step of a workflow; a step that fails is tried once more.
    pub(super) fn workflow(
        &mut self,
        source: usize,
        step: usize,
        attempt: u32,
        (trace, segment): (u128, u64),
        now: Micros,
    ) {
        let Source::Workflow { workflow, programs, .. } = &self.world.sources[source] else {
            return;
        };
        let Some(&program) = programs.get(step) else { return };
        let unexported = self.hit(self.faults.unexported_parents);
        let arrival = Arrival {
            trace: if unexported { trace } else { self.trace_id() },
            parent: if unexported { segment } else { 0 },
            unexported,
            links: Vec::new(),
            trigger: Trigger::Silent,
            request_id: self.request_id(),
        };
        let from = self.world.resources[workflow.0].clone();
        let answer = self.enter(from, program, arrival, now, 1);
        let next = answer.end + self.between(10.0, 40.0);
        let (step, attempt) = if answer.failed && attempt == 0 { (step, 1) } else { (step + 1, 0) };
        if !answer.failed || attempt == 1 {
            let event = super::Event::Workflow { source, step, attempt, trace, segment };
            self.plan(next, event);
        }
    }
}

fn link(to: &super::LinkTo) -> Link {
    let attributes = match &to.message {
        Some(id) => Attributes::of(&[("messaging.message.id", id)]).0,
        None => Vec::new(),
    };
    Link {
        trace_id: to.trace.to_be_bytes().to_vec(),
        span_id: to.span.to_be_bytes().to_vec(),
        attributes,
        ..Link::default()
    }
}

fn exception(at: Micros) -> Event {
    Event {
        name: "exception".to_owned(),
        time_unix_nano: BEGIN_NS + at * 1000,
        attributes: Attributes::of(&[
            ("exception.type", "KeyError"),
            ("exception.message", "'price'"),
        ])
        .0,
        ..Event::default()
    }
}
