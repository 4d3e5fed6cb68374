//! Halves: what one span knows of a request. A caller's half and a callee's half make a hop.

use super::histogram;
use super::hop::Class;
use super::nodes::{NodeIndex, Nodes};
use super::sides::{Sides, Sighting};
use super::tally::Counted;
use crate::reduce::node::NodeKind;

/// Names a span, and thereby its half: a hash of trace and span id. Its low bits name the trace's
/// shard; 0 is no span.
pub(super) type SpanKey = u64;

/// Which side of the request the span is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// It calls, and a callee's half is awaited.
    Calls,
    /// It calls something that sends no spans, or a queue.
    Sends,
    /// It is called.
    Called {
        /// By messages, whose queue it names; such a half needs no caller.
        by_messages: bool,
        /// Whether it knows something about its trigger beyond that there was one.
        evidence: bool,
    },
    /// It is a step of something larger: another span leads to it, and that is all there is to
    /// tell.
    Step,
}

/// What has become of a half so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The other half may still come, and nothing is shown.
    Waiting,
    /// Shown by what the half itself knows; taken back if the other half comes.
    Guessed(Counted),
    /// Shown, and nothing can make it truer.
    Certain(Counted),
    /// Met its other half. The hop is kept with the callee; `None` on a caller.
    Paired(Option<Counted>),
    /// Nothing came that leads to this step; it shows nothing.
    Unmet,
    /// Another span of the same process stands for the same request.
    Silent,
}

impl State {
    /// The same with another hop, if there is one.
    pub(super) fn with(self, change: impl FnOnce(Counted) -> Counted) -> Self {
        match self {
            Self::Guessed(hop) => Self::Guessed(change(hop)),
            Self::Certain(hop) => Self::Certain(change(hop)),
            Self::Paired(hop) => Self::Paired(hop.map(change)),
            Self::Waiting | Self::Unmet | Self::Silent => self,
        }
    }
}

/// What one span knows of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    pub(super) key: SpanKey,
    pub(super) parent: SpanKey,
    /// The span that a link leads to from a callee without a parent; 0 is none.
    pub(super) link: SpanKey,
    /// Hash of the invocation's request id; 0 is none.
    pub(super) request: u64,
    /// Hash of the trace and the name of the function that is called; 0 where a bridge is not to be
    /// looked for.
    pub(super) bridge: u64,
    /// The half that it is bridged to; 0 is none.
    pub(super) bridged: SpanKey,
    pub(super) side: Side,
    pub(super) state: State,
    /// Where the span was made.
    pub(super) own: NodeIndex,
    /// The other side, as far as this span can tell.
    pub(super) other: NodeIndex,
    /// The function that is called, by the name that spans give it, whatever it is shown as.
    pub(super) called: NodeIndex,
    /// The exact origin: tells spans of one process from spans of its peers.
    pub(super) origin: u64,
    /// A caller by its attributes only, of a dialect in which a callee has the same.
    pub(super) unsure: bool,
    /// A caller above plain HTTP; see [`super::target::Target`].
    pub(super) sdk: bool,
    pub(super) class: Class,
    /// Whether the span's status says so, whatever class that is.
    pub(super) failed: bool,
    /// Whether the span's kind says that it sends or receives messages.
    pub(super) message: bool,
    pub(super) cold: bool,
    /// Since 1970, by the clock of its own machine.
    pub(super) start_us: u64,
    /// Whether its request is left out. One of the two sides is enough.
    pub(super) ignored: bool,
    pub(super) duration_us: u64,
    /// In millionths of a request.
    pub(super) weight: i64,
    pub(super) operation: u32,
    pub(super) version: u32,
    /// The tick that first showed the request, whichever way ([`super::tally::Tally::tick`]); 0 is
    /// none yet.
    pub(super) told: u16,
}

impl Half {
    pub(super) fn is_caller(&self) -> bool {
        matches!(self.side, Side::Calls | Side::Sends)
    }

    /// What this half alone saw of its request.
    pub(super) fn sighting(&self) -> Sighting {
        let latency = histogram::bucket(self.duration_us);
        let (sides, client, server) = if self.is_caller() {
            (Sides::Client, latency, 0)
        } else {
            (Sides::Server, 0, latency)
        };
        Sighting { sides, failed: self.failed, client, server }
    }

    /// Whether the other half is still looked for, be it shown or not.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Waiting | State::Unmet | State::Guessed(_))
    }

    /// Whether it is free to be bridged. A refused call has no callee, and a callee without a
    /// parent has no caller in its trace.
    pub(super) fn may_be_bridged(&self) -> bool {
        let could = match self.side {
            Side::Calls => self.class != Class::Throttled,
            Side::Called { by_messages: false, .. } => self.parent != 0,
            Side::Sends | Side::Called { .. } | Side::Step => false,
        };
        could && self.bridge != 0 && self.bridged == 0 && self.is_open()
    }

    /// Whether the function that one of the two calls may be the one that the other ran in.
    pub(super) fn may_be_of(&self, other: &Self, nodes: &Nodes) -> bool {
        nodes.may_be_same(self.called, other.called)
    }

    pub(super) fn end_us(&self) -> u64 {
        self.start_us.saturating_add(self.duration_us)
    }

    /// The hop that this half is by itself.
    pub(super) fn alone(&self) -> Counted {
        let (source, target) =
            if self.is_caller() { (self.own, self.other) } else { (self.other, self.own) };
        Counted {
            source,
            target,
            class: self.class,
            cold: self.cold,
            ignored: self.ignored,
            latency: histogram::bucket(self.duration_us),
            weight: self.weight,
            operation: self.operation,
            version: self.version,
            sighting: self.sighting(),
        }
    }

    /// The hop that a caller's half and a callee's half are together. Latency is the caller's: it
    /// is what the request took. What is behind a queue or a cloud API is called by that.
    pub(super) fn with_callee(&self, callee: &Self, nodes: &Nodes) -> Counted {
        let direct = self.side != Side::Sends;
        let duration_us = if direct { self.duration_us } else { callee.duration_us };
        let class = if direct { self.class.max(callee.class) } else { callee.class };
        // A function's own span is named for the function; its caller's says what was asked of it.
        let by_caller = direct && nodes.kind(callee.own) == NodeKind::Function;
        Counted {
            source: if direct { self.own } else { self.other },
            target: callee.own,
            class,
            cold: callee.cold,
            ignored: callee.ignored || (direct && self.ignored),
            latency: histogram::bucket(duration_us),
            weight: self.weight.max(callee.weight),
            operation: if by_caller { self.operation } else { callee.operation },
            version: callee.version,
            sighting: if direct {
                let message = self.message || callee.message;
                let sides = if message { Sides::Across } else { Sides::Both };
                self.sighting().with(&callee.sighting(), sides)
            } else {
                callee.sighting()
            },
        }
    }

    /// The hop from a parent that is no caller: the process recorded no call, or there was none, as
    /// between steps.
    pub(super) fn called_by(&self, source: NodeIndex) -> Counted {
        Counted { source, ..self.alone() }
    }

    /// Whether it is shown without the other half, though there should be one.
    pub(super) fn is_unpaired(&self) -> bool {
        let expected = match self.side {
            // A refused call has no callee.
            Side::Calls => self.class != Class::Throttled,
            Side::Called { by_messages: false, evidence: false } => {
                self.parent != 0 || self.request != 0
            }
            Side::Step => self.parent != 0,
            Side::Sends | Side::Called { .. } => false,
        };
        expected && !self.ignored && matches!(self.state, State::Guessed(_) | State::Unmet)
    }

    /// Takes over from another half that showed their request and shows it no more. A batch that was
    /// shown as one request is news when it is shown as its messages.
    pub(super) fn take_over(&mut self, other: &mut Self) {
        if other.counted().is_some() {
            return;
        }
        let told = std::mem::take(&mut other.told);
        let same = other.weight == self.weight && self.counted().is_none();
        // Numbers of ticks begin anew after hours; no two of those that meet are so far apart.
        let earlier = told.wrapping_sub(self.told).cast_signed() < 0;
        if same && told != 0 && (self.told == 0 || earlier) {
            self.told = told;
        }
    }

    /// The hop that is shown for this half now.
    pub(super) fn counted(&self) -> Option<Counted> {
        match self.state {
            State::Guessed(hop) | State::Certain(hop) | State::Paired(Some(hop)) => Some(hop),
            State::Waiting | State::Paired(None) | State::Unmet | State::Silent => None,
        }
    }
}
