//! Messages: queues, topics, streams and buckets between programs. In: what was sent. Out: batches
//! that run programs, again where they fail, and dead letters.

use spanfall_collector::reduce::node::NodeKind;

use super::super::description::{ProgramId, ResourceId, Source};
use super::super::dialect::Dialect;
use super::super::dialect::handler::Trigger;
use super::{Arrival, Event, LinkTo, Micros, Notify, Run};

/// A message is handed out this often before it counts as dead.
const MOST_RECEIVES: u32 = 2;

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    /// The context that it carries.
    pub(super) trace: u128,
    pub(super) span: u64,
    /// The trace in which it was really sent.
    pub(super) sender: u128,
    pub(super) receives: u32,
    pub(super) visible: Micros,
}

/// Who reads a channel.
#[derive(Clone, Copy, Debug)]
struct Reader {
    program: ProgramId,
    batch: usize,
    dead_letters: Option<ResourceId>,
}

impl Run<'_> {
    fn reader(&self, of: ResourceId) -> Option<Reader> {
        self.world.sources.iter().find_map(|source| match source {
            Source::Messages { channel, program, batch, dead_letters } if *channel == of => {
                Some(Reader { program: *program, batch: *batch, dead_letters: *dead_letters })
            }
            _ => None,
        })
    }

    /// Puts a message into a channel.
    pub(super) fn deliver(&mut self, channel: ResourceId, message: Message, now: Micros) {
        for index in 0..self.world.sources.len() {
            match &self.world.sources[index] {
                Source::Topic { topic, program } if *topic == channel => {
                    let due = now + self.between(15.0, 120.0);
                    let source = self.world.resources[topic.0].clone();
                    let notify = Notify { program: *program, source, trace: message.sender };
                    self.plan(due, Event::Notify(Box::new(notify)));
                }
                Source::TopicToQueue { topic, queue } if *topic == channel => {
                    // SNS wraps the message into another one, with an id and no context of its own.
                    let wrapped = Message {
                        id: self.request_id(),
                        trace: self.trace_id(),
                        span: self.span_id(),
                        ..message.clone()
                    };
                    self.deliver(*queue, wrapped, now + super::MILLI);
                }
                _ => {}
            }
        }
        if self.reader(channel).is_some() {
            let due = message.visible.max(now) + self.between(10.0, 300.0);
            self.waiting.entry(channel).or_default().push_back(message);
            self.plan(due, Event::Poll(channel));
        }
    }

    /// Hands out what lies in a queue.
    pub(super) fn poll(&mut self, channel: ResourceId, now: Micros) {
        let Some(reader) = self.reader(channel) else { return };
        let queue = self.waiting.entry(channel).or_default();
        let mut batch = Vec::new();
        let mut rest = std::collections::VecDeque::new();
        while let Some(message) = queue.pop_front() {
            if batch.len() < reader.batch && message.visible <= now {
                batch.push(message);
            } else {
                rest.push_back(message);
            }
        }
        *queue = rest;
        if batch.is_empty() {
            return;
        }
        let answer = self.receive(channel, reader, &batch, now);
        if answer {
            return;
        }
        for mut message in batch {
            message.receives += 1;
            message.visible = now + Self::VISIBILITY;
            if message.receives < MOST_RECEIVES {
                self.deliver(channel, message, now);
            } else if let Some(dead) = reader.dead_letters {
                // SQS moves it itself; no span tells.
                message.receives = 0;
                message.visible = now;
                self.deliver(dead, message, now);
            }
        }
    }

    /// Runs a program with messages; whether they are dealt with.
    fn receive(
        &mut self,
        channel: ResourceId,
        reader: Reader,
        batch: &[Message],
        now: Micros,
    ) -> bool {
        let node = self.world.resources[channel.0].clone();
        let program = &self.world.programs[reader.program.0];
        let cut = self.hit(self.faults.cut_queues);
        // Kafka's consumers are children of the sender's span.
        let child = program.dialect == Dialect::Service && !cut;
        let unexported = program.dialect.is_lambda() && self.hit(self.faults.unexported_parents);
        let parent = match (child, unexported) {
            (true, _) => batch[0].span,
            (_, true) => self.span_id(),
            _ => 0,
        };
        let links = batch
            .iter()
            .filter(|_| !cut)
            .map(|message| LinkTo {
                trace: message.trace,
                span: message.span,
                message: Some(message.id.clone()),
            })
            .collect();
        // Nothing in Lambda's instrumentation knows of streams.
        let silent = node.kind == NodeKind::Stream && program.dialect.is_lambda();
        let arrival = Arrival {
            trace: if child { batch[0].trace } else { self.trace_id() },
            parent,
            unexported,
            links: if silent { Vec::new() } else { links },
            trigger: if silent {
                Trigger::Silent
            } else {
                Trigger::Messages(node.clone(), batch.len())
            },
            request_id: self.request_id(),
        };
        let answer = self.enter(node, reader.program, arrival, now, 1);
        !answer.failed && !answer.timed_out
    }

    /// A topic or bucket runs a program; nothing but X-Ray's trace id comes along.
    pub(super) fn notify(&mut self, notify: Notify, now: Micros) {
        let mut arrival = self.entry_arrival(Trigger::Silent);
        if arrival.unexported {
            arrival.trace = notify.trace;
        }
        self.enter(notify.source, notify.program, arrival, now, 1);
    }

    /// Tells whoever wants to know of a bucket's new objects.
    pub(super) fn objects_changed(&mut self, changed: ResourceId, trace: u128, now: Micros) {
        for index in 0..self.world.sources.len() {
            if let Source::Objects { bucket, program } = &self.world.sources[index]
                && *bucket == changed
            {
                let due = now + self.between(200.0, 900.0);
                let source = self.world.resources[bucket.0].clone();
                let notify = Notify { program: *program, source, trace };
                self.plan(due, Event::Notify(Box::new(notify)));
            }
        }
    }
}
