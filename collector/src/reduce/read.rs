//! From an export request to halves: the loop over its resources and spans.

use std::sync::atomic::Ordering;

use super::beside::{Beside, Noted};
use super::classify;
use super::exporter::Exporter;
use super::facts::Facts;
use super::half::{Half, Side, SpanKey, State};
use super::node::NodeKind;
use super::nodes::{NodeIndex, keyed};
use super::origin::{Names, Origin, Word};
use super::pair::{Context, Outcome};
use super::question;
use super::recall::{ANSWER_BITS, Recall};
use super::role::{self, Role};
use super::settings::{Settings, Spans};
use super::tally::ONE;
use super::target::{self, Expect, Trigger};
use super::{Ingested, Malformed, Reducer};
use crate::span::{self, Span, SpanKind, StatusCode};

/// One request with what does not change within it.
pub(super) struct Reading<'r> {
    pub(super) reducer: &'r Reducer,
    pub(super) settings: &'r Settings,
    known: &'r Known,
    context: Context<'r>,
    ingested: Ingested,
}

/// The settings that hold now, and what was found out by them.
#[derive(Debug, Default)]
pub(super) struct Current {
    pub(super) settings: Settings,
    known: Known,
}

impl Current {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, known: Known::default() }
    }
}

/// Whom spans talk to, by what they say of it ([`question`]).
#[derive(Debug, Default)]
struct Known {
    callers: Recall,
    callees: Recall,
}

/// An answer to such a question: a node's index, and what is to be known of it.
const FLAGS: u32 = ANSWER_BITS - 3;

fn answer(node: NodeIndex, flags: [bool; 3]) -> u32 {
    let flags = flags.into_iter().rev().fold(0, |all, flag| all << 1 | u32::from(flag));
    // An index that has no room is too large to be remembered.
    if node >> FLAGS == 0 { flags << FLAGS | node } else { u32::MAX }
}

fn answered(answer: u32) -> (NodeIndex, [bool; 3]) {
    let flags = answer >> FLAGS;
    (answer & ((1 << FLAGS) - 1), [flags & 1 != 0, flags & 2 != 0, flags & 4 != 0])
}

pub(super) fn request(reducer: &Reducer, bytes: &[u8], now_ms: u64) -> Result<Ingested, Malformed> {
    let current = reducer.current.load();
    let Current { settings, known } = &**current;
    let context = reducer.context(settings, now_ms);
    let mut reading = Reading { reducer, settings, known, context, ingested: Ingested::default() };
    let names = Names { rules: &settings.nodes, nodes: &reducer.nodes, texts: &reducer.texts };
    let result = span::for_each_resource(bytes, |spans| {
        let (origin, word) = reducer.origins.of(&spans, names)?;
        spans.for_each_span(|span| reading.span(&span, &origin, word))
    });
    reducer.spans.fetch_add(reading.ingested.spans, Ordering::Relaxed);
    result.map(|()| reading.ingested)
}

impl Reading<'_> {
    fn span(&mut self, span: &Span<'_>, origin: &Origin, word: Word) -> Result<(), Malformed> {
        self.ingested.spans += 1;
        if span.trace_id == [0; 16] || span.span_id == 0 {
            self.ingested.rejected += 1;
            let reason = "a span without a valid trace id (16 bytes) and span id (8 bytes), \
                          not all zero";
            self.ingested.reason.get_or_insert(reason);
            return Ok(());
        }
        if self.settings.spans == Spans::Remote && role::is_inside(span) {
            return Ok(());
        }
        let keys = self.reducer.keys_of(span.trace_id, span.span_id, span.parent_id);
        // What its attributes say is found out until that is there.
        self.reducer.pairing.prefetch(keys.0, keys.1);
        let mut facts = Facts::default();
        facts.fill(span.attributes())?;
        let Some(role) = role::of(span, &facts, self.settings.spans) else { return Ok(()) };
        let own = self.own(span, origin)?;
        let mut half = self.half(span, keys, &facts, origin, own.index, role)?;
        let weight = half.weight;
        match role {
            Role::Caller => self.caller(&mut half, span, &facts, origin, &own.name),
            Role::Callee { consumer } => {
                self.callee(&mut half, span, &facts, origin, consumer, &own.name)?;
            }
            Role::Step => self.step(&mut half, span, &facts, origin, &own.name),
        }
        if self.settings.spans == Spans::All {
            self.follow(&mut half, span, origin, weight)?;
        }
        self.reducer.tally.traces.put(half.key, span.trace_id, span.end_ns);
        self.reducer.tally.recent.saw(&half, span.trace_id, self.context.now_ms);
        let outcome = self.reducer.pairing.arrive(&mut half, &self.context);
        match word {
            // A span that was named by an attribute of its own has nothing to ask or tell.
            _ if half.own != origin.node => {}
            Word::Handlers if !half.is_caller() => self.tell_exporter(&half, span, origin),
            Word::Resources if half.is_caller() => self.ask_exporter(&half, span, origin),
            Word::Known | Word::Handlers | Word::Resources => {}
        }
        // Another thread may have met an earlier invocation before this one was there to be told.
        if half.cold && !facts.cold && !origin.is_first(half.key) {
            self.reducer.pairing.set_cold(half.key, false, &self.context);
        }
        if !outcome.duplicate && !half.ignored && role != Role::Step {
            let beside = Beside { reducer: self.reducer, context: &self.context };
            let consumer = role == Role::Callee { consumer: true };
            let noted = Noted { half: &half, span, facts: &facts, weight, consumer };
            beside.note(&noted, origin)?;
        }
        if outcome != Outcome::default() {
            self.reducer.duplicates.fetch_add(u64::from(outcome.duplicate), Ordering::Relaxed);
            self.reducer.early.fetch_add(outcome.early, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Takes in what leads to a span.
    fn follow(
        &self,
        half: &mut Half,
        span: &Span<'_>,
        origin: &Origin,
        weight: i64,
    ) -> Result<(), Malformed> {
        for mut lead in self.leads(half, span, origin, weight)? {
            self.reducer.tally.traces.put(lead.key, span.trace_id, span.end_ns);
            self.reducer.tally.recent.saw(&lead, span.trace_id, self.context.now_ms);
            // A span that comes again is a duplicate once, not once for each of these.
            let Outcome { duplicate: _, early } =
                self.reducer.pairing.arrive(&mut lead, &self.context);
            self.reducer.early.fetch_add(early, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A handler says of which account its function is, which other exports of it do not.
    fn tell_exporter(&self, half: &Half, span: &Span<'_>, origin: &Origin) {
        let key = keyed(&self.reducer.hasher, (span.trace_id, origin.id));
        let exporter = Exporter { own: half.own, account: origin.here().account.into() };
        for caller in self.reducer.exporters.tell(key, exporter.clone()) {
            self.reducer.pairing.rename(caller, &exporter, &self.context);
        }
    }

    fn ask_exporter(&self, half: &Half, span: &Span<'_>, origin: &Origin) {
        let key = keyed(&self.reducer.hasher, (span.trace_id, origin.id));
        if let Some(exporter) = self.reducer.exporters.ask(key, half.key) {
            self.reducer.pairing.rename(half.key, &exporter, &self.context);
        }
    }

    /// What both sides have in common.
    fn half(
        &self,
        span: &Span<'_>,
        (key, parent): (SpanKey, SpanKey),
        facts: &Facts<'_>,
        origin: &Origin,
        own: NodeIndex,
        role: Role,
    ) -> Result<Half, Malformed> {
        #[expect(clippy::cast_possible_truncation, reason = "at most a million times a million")]
        let weight = (classify::weight(span.trace_state) * ONE as f64) as i64;
        Ok(Half {
            key,
            parent,
            link: 0,
            request: 0,
            bridge: 0,
            bridged: 0,
            unsure: false,
            side: Side::Sends,
            state: State::Waiting,
            own,
            other: own,
            called: origin.called,
            origin: origin.id,
            sdk: false,
            class: classify::of_span(span, facts, role, &self.settings.expected_errors)?,
            failed: span.status == StatusCode::Error,
            message: matches!(span.kind, SpanKind::Producer | SpanKind::Consumer),
            cold: false,
            ignored: false,
            start_us: span.start_ns / 1000,
            duration_us: span.duration_us(),
            weight,
            operation: self.reducer.texts.index(span.name),
            version: 0,
            told: 0,
        })
    }

    fn request_key(&self, facts: &Facts<'_>) -> u64 {
        facts.request_id.map_or(0, |id| keyed(&self.reducer.hasher, id) | 1)
    }

    /// What calls to a function and its invocations have in common within one trace.
    fn bridge(&self, span: &Span<'_>, kind: NodeKind, name: &str) -> u64 {
        let function = kind == NodeKind::Function;
        if function { keyed(&self.reducer.hasher, (span.trace_id, name)) | 1 } else { 0 }
    }

    /// The span that the first link leads to.
    fn first_link(&self, span: &Span<'_>) -> Result<u64, Malformed> {
        let mut first = 0;
        span.for_each_link(|link| {
            if first == 0 && link.span_id != 0 {
                first = self.reducer.key_of(link.trace_id, link.span_id);
            }
            Ok(())
        })?;
        Ok(first)
    }

    fn caller(
        &self,
        half: &mut Half,
        span: &Span<'_>,
        facts: &Facts<'_>,
        origin: &Origin,
        own: &str,
    ) {
        half.unsure = role::is_unsure(span, facts);
        // Only an invocation's request id is known on both sides.
        if facts.invoked_name.is_some() {
            half.request = self.request_key(facts);
        }
        let question = question::asked(facts, &self.reducer.hasher) ^ origin.place;
        let bridged = facts.invoked_name.is_some() && half.request == 0;
        if !bridged
            && self.settings.nodes.ignores.is_empty()
            && let Some(known) = self.known.callers.get(question)
        {
            let (node, [calls, messages, sdk]) = answered(known);
            (half.other, half.sdk) = (node, sdk);
            half.side = if calls { Side::Calls } else { Side::Sends };
            half.weight *= if messages { self::messages(facts, 0) } else { 1 };
            return;
        }
        let mut target = target::of_caller(facts, origin.here());
        if bridged {
            half.bridge = self.bridge(span, target.node.kind, &target.node.name);
            half.called = self.reducer.nodes.index(&target.node);
        }
        let rules = &self.settings.nodes;
        rules.rename(&mut target.node);
        half.ignored = rules.ignores(span.name, facts, [own, &target.node.name]);
        half.sdk = target.sdk;
        half.side = match target.expect {
            Expect::Callee => Side::Calls,
            Expect::Messages | Expect::Nothing => Side::Sends,
        };
        if target.expect == Expect::Messages {
            half.weight *= messages(facts, 0);
        }
        half.other = self.reducer.nodes.index_near(target.node, origin.here().account);
        let flags = [half.side == Side::Calls, target.expect == Expect::Messages, target.sdk];
        self.known.callers.put(question, answer(half.other, flags));
    }

    fn callee(
        &self,
        half: &mut Half,
        span: &Span<'_>,
        facts: &Facts<'_>,
        origin: &Origin,
        consumer: bool,
        own: &str,
    ) -> Result<(), Malformed> {
        let trigger = self.trigger(half, span, facts, origin, consumer, own);
        half.version = origin.version;
        half.side = Side::Called { by_messages: trigger.by_messages, evidence: trigger.evidence };
        if trigger.by_messages {
            half.weight *= messages(facts, span.link_count()?);
        } else {
            half.request = self.request_key(facts);
            // A handler that messages run has links to their senders, whatever its parent.
            if half.parent == 0 || facts.trigger == Some("pubsub") {
                half.link = self.first_link(span)?;
            }
            // A gateway that the span names called it; no function of its trace did.
            if !trigger.gateway {
                half.bridge = self.bridge(span, origin.kind, &origin.name);
            }
        }
        // Asked in any case: a start that says it is cold is the one that later ones are not.
        let first = self.is_first(half.key, span, origin);
        half.cold = facts.cold || first;
        Ok(())
    }

    /// What runs a callee, as far as it or the configuration tells.
    fn trigger(
        &self,
        half: &mut Half,
        span: &Span<'_>,
        facts: &Facts<'_>,
        origin: &Origin,
        consumer: bool,
        own: &str,
    ) -> Runs {
        let asked = u64::from(consumer) << 63 | u64::from(half.parent == 0) << 62;
        let question = question::asked(facts, &self.reducer.hasher) ^ origin.place ^ asked;
        if self.settings.nodes.ignores.is_empty()
            && let Some(known) = self.known.callees.get(question)
        {
            let (node, [by_messages, evidence, gateway]) = answered(known);
            half.other = node;
            return Runs { by_messages, evidence, gateway };
        }
        let mut trigger = target::of_callee(facts, origin.here(), consumer);
        let gateway = matches!(trigger, Trigger::Named(_));
        if let Trigger::Unknown | Trigger::Timer = trigger
            && let Some(source) = self.settings.trigger(&origin.name, origin.here(), facts.trigger)
        {
            trigger = Trigger::Named(source.clone());
        }
        if half.parent == 0 {
            trigger = target::of_root(trigger, facts, origin.kind, consumer);
        }
        let mut source = trigger.node();
        let rules = &self.settings.nodes;
        rules.rename(&mut source);
        // A queue is the other side for certain; anything else may yet turn out to be a caller.
        let by_messages = matches!(trigger, Trigger::Messages(_));
        let other = if by_messages { &source.name } else { own };
        half.ignored = rules.ignores(span.name, facts, [own, other]);
        half.other = self.reducer.nodes.index_near(source, origin.here().account);
        let evidence = matches!(trigger, Trigger::Named(_) | Trigger::Timer);
        let flags = [by_messages, evidence, gateway];
        self.known.callees.put(question, answer(half.other, flags));
        Runs { by_messages, evidence, gateway }
    }

    /// Whether this is the earliest invocation seen of its instance, which then was a cold start.
    fn is_first(&self, key: u64, span: &Span<'_>, origin: &Origin) -> bool {
        let Some(instance) = &origin.instance else { return false };
        let mut first = instance.first.lock();
        let before = *first;
        match before {
            Some((start, known)) if (start, known) <= (span.start_ns, key) => known == key,
            before => {
                *first = Some((span.start_ns, key));
                drop(first);
                if let Some((_, later)) = before {
                    self.reducer.pairing.set_cold(later, false, &self.context);
                }
                true
            }
        }
    }
}

/// What is known of what ran a callee.
struct Runs {
    by_messages: bool,
    evidence: bool,
    /// Whether the span itself names the gateway that called it.
    gateway: bool,
}

/// How many messages one span stands for.
fn messages(facts: &Facts<'_>, links: i64) -> i64 {
    /// Far above what any queue hands out at once (SQS: 10,000).
    const MOST: i64 = 100_000;
    facts.message_count.unwrap_or(0).max(links).clamp(1, MOST)
}
