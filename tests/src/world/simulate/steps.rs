//! Steps: what an invocation asks of others. In: a step and when it begins. Out: the caller's
//! spans, the hop, and when it ended.

use spanfall_collector::reduce::hop::Class;
use spanfall_collector::reduce::node::{Node, NodeKind};

use super::super::description::{ProgramId, ResourceId, Step};
use super::super::dialect::call::{self, Call, CallFacts, Outcome};
use super::super::dialect::handler::Trigger;
use super::super::dialect::{Dialect, host_of};
use super::messages::Message;
use super::program::{Frame, Making};
use super::{Arrival, Event, HopRecord, Later, LinkTo, MILLI, Micros, Run, SECOND};

/// How often Lambda runs an asynchronous invocation again that failed (in life up to twice).
const MOST_RETRIES: u32 = 1;

/// Requests to what is outside fail, and are refused, this often.
const OUTSIDE_ERRORS: f64 = 0.02;

/// A caller's spans before they are made: their ids.
#[derive(Clone, Copy, Debug)]
struct Ids {
    outer: u64,
    inner: u64,
    doubled: bool,
}

impl Ids {
    /// What goes on the wire is the innermost span.
    fn on_the_wire(self) -> u64 {
        if self.doubled { self.inner } else { self.outer }
    }
}

impl Run<'_> {
    /// Does a step; returns when it ended.
    pub(super) fn step(&mut self, frame: &Frame, step: &Step, at: Micros) -> Micros {
        match step {
            Step::Together(steps) => {
                let ends: Vec<Micros> = steps
                    .iter()
                    .map(|step| {
                        let start = at + self.between(0.1, 1.0);
                        self.step(frame, step, start)
                    })
                    .collect();
                ends.into_iter().max().unwrap_or(at)
            }
            Step::Sometimes(rate, step) if self.hit(*rate) => self.step(frame, step, at),
            Step::Sometimes(..) => at,
            Step::Invoke(program) => self.invoke(frame, *program, at),
            Step::InvokeLater(program) => self.invoke_later(frame, *program, at),
            Step::Http(program) => self.serve(frame, *program, Trigger::Http, at),
            Step::Grpc(program) => self.serve(frame, *program, Trigger::Grpc, at),
            Step::Use(resource) => self.use_of(frame, *resource, at),
            Step::Send(channel) => self.send(frame, *channel, 1, at),
            Step::SendBatch(channel, count) => self.send(frame, *channel, *count, at),
        }
    }

    fn caller_dialect(&self, frame: &Frame) -> Dialect {
        self.world.programs[frame.program.0].dialect
    }

    fn ids(&mut self) -> Ids {
        let doubled = self.hit(self.faults.doubled);
        Ids { outer: self.span_id(), inner: self.span_id(), doubled }
    }

    /// Whether the caller's span will tell the request id.
    fn tells_request_id(&self, frame: &Frame) -> bool {
        self.caller_dialect(frame).has_request_ids()
            && !self.happened.ailments[frame.program.0].no_request_ids
    }

    /// How an invoked function's spans hang together with their caller's.
    fn arrival(&mut self, frame: &Frame, via: u64) -> Arrival {
        let told = self.tells_request_id(frame);
        let broken = if told {
            self.faults.unexported_parents
        } else {
            self.faults.unexported_parents_without_ids
        };
        let mut arrival = Arrival {
            trace: frame.trace,
            parent: via,
            unexported: false,
            links: Vec::new(),
            trigger: Trigger::Invoked,
            request_id: self.request_id(),
        };
        if self.hit(self.faults.links_for_parents) {
            arrival.links = vec![LinkTo { trace: frame.trace, span: via, message: None }];
            (arrival.trace, arrival.parent) = (self.trace_id(), 0);
        } else if told && self.hit(self.faults.own_traces) {
            let segment = self.hit(0.5);
            arrival.trace = self.trace_id();
            arrival.parent = if segment { self.span_id() } else { 0 };
            arrival.unexported = segment;
        } else if self.hit(broken) {
            // With PassThrough the callee's parent is the caller's own; with Active it is new.
            let pass_through = frame.segment != 0 && self.hit(0.5);
            arrival.parent = if pass_through { frame.segment } else { self.span_id() };
            arrival.unexported = true;
        }
        arrival
    }

    fn invoke(&mut self, frame: &Frame, callee: ProgramId, at: Micros) -> Micros {
        let ids = self.ids();
        let program = &self.world.programs[callee.0];
        let refused = self.hit(program.throttles);
        let arrival = self.arrival(frame, ids.on_the_wire());
        let told_id = self.tells_request_id(frame).then(|| arrival.request_id.clone());
        let call = Call::Invoke(program.node.clone(), told_id);
        if refused {
            let end = at + self.between(3.0, 9.0);
            let callers = self.call(frame, call, Outcome::Throttled, ids, (at, end));
            self.hop(frame, &program.node, callers, Class::Throttled);
            return end;
        }
        let sent = at + self.between(0.8, 3.0);
        let answer = self.handle(callee, sent, arrival, 1);
        let end = answer.end + self.between(0.8, 3.0);
        // A function error is HTTP 200 to its caller.
        let callers = self.call(frame, call, Outcome::Fine, ids, (at, end));
        let hop = self.hop(frame, &program.node, callers, Class::Ok);
        let hop = &mut self.happened.hops[hop];
        hop.callees = answer.spans;
        hop.callee_class = if answer.failed { Class::Error } else { Class::Ok };
        hop.cold = answer.cold;
        end
    }

    fn invoke_later(&mut self, frame: &Frame, callee: ProgramId, at: Micros) -> Micros {
        let ids = self.ids();
        let program = &self.world.programs[callee.0];
        let arrival = self.arrival(frame, ids.on_the_wire());
        let told_id = self.tells_request_id(frame).then(|| arrival.request_id.clone());
        let end = at + self.between(4.0, 12.0);
        let call = Call::Invoke(program.node.clone(), told_id);
        let callers = self.call(frame, call, Outcome::Fine, ids, (at, end));
        let hop = self.hop(frame, &program.node, callers, Class::Ok);
        let due = end + self.between(5.0, 400.0);
        self.plan(due, Event::Later(Box::new(Later { program: callee, arrival, hop, attempt: 0 })));
        end
    }

    /// Runs an asynchronous invocation, and again if it failed: that is a hop of its own.
    pub(super) fn run_later(&mut self, later: Later, now: Micros) {
        let answer = self.handle(later.program, now, later.arrival.clone(), 1);
        let first = &self.happened.hops[later.hop];
        let hop = HopRecord {
            callees: answer.spans,
            callee_class: if answer.failed { Class::Error } else { Class::Ok },
            cold: answer.cold,
            ..first.clone()
        };
        if later.attempt == 0 {
            self.happened.hops[later.hop] = hop;
        } else {
            self.happened.hops.push(hop);
        }
        if answer.failed && !answer.timed_out && later.attempt < MOST_RETRIES {
            let due = answer.end + self.between(55_000.0, 65_000.0);
            self.plan(due, Event::Later(Box::new(Later { attempt: later.attempt + 1, ..later })));
        }
    }

    /// Calls a program that listens itself.
    fn serve(&mut self, frame: &Frame, callee: ProgramId, by: Trigger, at: Micros) -> Micros {
        let ids = Ids { doubled: false, ..self.ids() };
        let program = &self.world.programs[callee.0];
        let host = host_of(&program.node, program.dialect);
        let call = match by {
            Trigger::Grpc => Call::Grpc(host, format!("shop.{}", program.node.name)),
            _ => Call::Http(host),
        };
        if self.hit(program.throttles) {
            let end = at + self.between(1.0, 3.0);
            let callers = self.call(frame, call, Outcome::Throttled, ids, (at, end));
            let hop = self.hop(frame, &program.node, callers, Class::Throttled);
            // A proxy in front refuses: the program itself never hears of it.
            debug_assert!(self.happened.hops[hop].callees.is_empty());
            return end;
        }
        let arrival = Arrival {
            trace: frame.trace,
            parent: ids.outer,
            unexported: false,
            links: Vec::new(),
            trigger: by,
            request_id: self.request_id(),
        };
        let sent = at + self.between(0.3, 2.0);
        let answer = self.handle(callee, sent, arrival, 1);
        let end = answer.end + self.between(0.3, 2.0);
        let outcome = if answer.failed { Outcome::Failed } else { Outcome::Fine };
        let class = if answer.failed { Class::Error } else { Class::Ok };
        let callers = self.call(frame, call, outcome, ids, (at, end));
        let hop = self.hop(frame, &program.node, callers, class);
        let hop = &mut self.happened.hops[hop];
        (hop.callees, hop.callee_class, hop.cold) = (answer.spans, class, answer.cold);
        end
    }

    fn use_of(&mut self, frame: &Frame, resource: ResourceId, at: Micros) -> Micros {
        let used = self.world.resources[resource.0].clone();
        let ids = self.ids();
        let (median, outcome) = match used.kind {
            NodeKind::Host if self.hit(OUTSIDE_ERRORS) => (60.0, Outcome::Failed),
            NodeKind::Host | NodeKind::Table if self.hit(OUTSIDE_ERRORS) => {
                (20.0, Outcome::Throttled)
            }
            NodeKind::Host => (60.0, Outcome::Fine),
            _ => (7.0, Outcome::Fine),
        };
        let end = at + self.about(median) + MILLI;
        let callers = self.call(frame, Call::Use(used.clone()), outcome, ids, (at, end));
        let class = match outcome {
            Outcome::Fine => Class::Ok,
            Outcome::Throttled => Class::Throttled,
            Outcome::Failed => Class::Error,
        };
        self.hop(frame, &used, callers, class);
        if used.kind == NodeKind::Bucket {
            self.objects_changed(resource, frame.trace, end);
        }
        end
    }

    fn send(&mut self, frame: &Frame, channel: ResourceId, count: u32, at: Micros) -> Micros {
        let node = self.world.resources[channel.0].clone();
        let ids = self.ids();
        let dialect = self.caller_dialect(frame);
        let messages: Vec<String> = (0..count).map(|_| self.request_id()).collect();
        // A batch of messages has no one id; topics tell ids that consumers never see.
        let told_id = (count == 1 && node.kind == NodeKind::Queue).then(|| messages[0].clone());
        let end = at + self.about(8.0) + MILLI;
        let call = Call::Send(node.clone(), count, told_id);
        let callers = self.call(frame, call, Outcome::Fine, ids, (at, end));
        let both = callers.len() > 1;
        self.hop(frame, &node, callers, Class::Ok);
        // botocore puts no context into messages; what stands over it (boto3sqs) does.
        let marked = dialect.marks_messages() || both;
        for id in messages {
            let span = if marked { ids.outer } else { self.span_id() };
            let trace = if marked { frame.trace } else { self.trace_id() };
            let message =
                Message { id, trace, span, sender: frame.trace, receives: 0, visible: end };
            self.deliver(channel, message, end);
        }
        end
    }

    /// Makes the caller's spans of one call.
    fn call(
        &mut self,
        frame: &Frame,
        call: Call,
        outcome: Outcome,
        ids: Ids,
        (start, end): (Micros, Micros),
    ) -> Vec<usize> {
        let facts = CallFacts {
            caller: &self.world.programs[frame.program.0],
            call,
            outcome,
            by_arn: self.hit(self.faults.arns),
            doubled: ids.doubled,
            api_id: self.request_id().to_uppercase(),
        };
        let (outer, inner) = call::told(&facts);
        let making = |told, id, parent, start, end| Making {
            told,
            id,
            parent,
            remote: false,
            start,
            end,
            calls: true,
        };
        let mut spans =
            vec![self.record(frame, making(outer, ids.outer, frame.parent, start, end))];
        if let Some(inner) = inner {
            let (start, end) = (start + 100, end.saturating_sub(100).max(start + 100));
            spans.push(self.record(frame, making(inner, ids.inner, ids.outer, start, end)));
        }
        spans
    }

    /// Takes note of a hop from the running program.
    fn hop(&mut self, frame: &Frame, target: &Node, callers: Vec<usize>, class: Class) -> usize {
        self.happened.hops.push(HopRecord {
            source: self.world.programs[frame.program.0].node.clone(),
            target: target.clone(),
            weight: 1,
            callers,
            caller_class: class,
            callees: Vec::new(),
            callee_class: Class::Ok,
            cold: false,
        });
        self.happened.hops.len() - 1
    }

    /// How long Lambda waits before it looks into a queue again that gave back a message.
    pub(super) const VISIBILITY: Micros = 30 * SECOND;
}
