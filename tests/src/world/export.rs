//! Exports: the requests that the spans of a run are sent in, and when each arrives. In: what
//! happened. Out: bytes and times.
//!
//! A function sends at the end of each invocation what that invocation made; sometimes the clock of
//! its batch processor comes first and sends the spans that have ended by then, so that children
//! arrive before their parents. A process in a container sends by the clock alone.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use rand::Rng as _;
use rand::rngs::StdRng;

use super::attributes::{attribute, text};
use super::description::World;
use super::dialect::resource::{self, InstanceFacts};
use super::faults::Faults;
use super::simulate::{Happened, MILLI, Micros, SECOND};

/// How often the clock of a function that was frozen strikes in the middle of its next invocation.
const SPLIT: f64 = 0.04;
/// The batch processor's clock.
const TIMER: Micros = 5 * SECOND;
/// The batch processor's largest request, in spans.
const LARGEST: usize = 512;

/// One export request on its way to the collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// When it arrives, in milliseconds since the start of the run.
    pub arrival_ms: u64,
    /// `ExportTraceServiceRequest` in protobuf.
    pub bytes: Vec<u8>,
}

/// All requests in the order of their arrival, and when each span arrived first, by its place in
/// [`Happened::spans`]; `None` where it never did.
pub fn exports(
    world: &World,
    happened: &Happened,
    faults: &Faults,
    random: &mut StdRng,
) -> (Vec<Export>, Vec<Option<u64>>) {
    let mut arrivals = vec![None; happened.spans.len()];
    let mut exports = Vec::new();
    for (sent, spans) in batches(world, happened, faults, random) {
        let calls = spans.iter().any(|&index| happened.spans[index].calls);
        let mut delay = random.random_range(2 * MILLI..40 * MILLI);
        delay += seconds(faults.any_order_s, random);
        if calls && random.random_bool(faults.late_callers) {
            delay += seconds(faults.late_by_s, random);
        }
        let arrival_ms = (sent + delay) / MILLI;
        for &index in &spans {
            arrivals[index] = Some(arrival_ms);
        }
        let bytes = request(world, happened, faults, &spans, random);
        if random.random_bool(faults.resent) {
            let again_ms = arrival_ms + seconds(30.0, random) / MILLI;
            exports.push(Export { arrival_ms: again_ms, bytes: bytes.clone() });
        }
        exports.push(Export { arrival_ms, bytes });
    }
    exports.sort_by_key(|export| export.arrival_ms);
    (exports, arrivals)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time")]
fn seconds(most: f64, random: &mut StdRng) -> Micros {
    (random.random_range(0.0..=1.0) * most * 1e6) as Micros
}

/// The spans of each request, and when it is sent.
fn batches(
    world: &World,
    happened: &Happened,
    faults: &Faults,
    random: &mut StdRng,
) -> Vec<(Micros, Vec<usize>)> {
    let phases: Vec<Micros> =
        happened.instances.iter().map(|_| random.random_range(0..TIMER)).collect();
    // When the clock of a function that was frozen strikes.
    let splits: Vec<Option<Micros>> = happened
        .invocations
        .iter()
        .map(|it| random.random_bool(SPLIT).then(|| random.random_range(it.start..=it.end)))
        .collect();
    // By instance, then by when it is sent and by which of two requests of the same moment.
    let mut batches: BTreeMap<(Micros, usize, usize), Vec<usize>> = BTreeMap::new();
    for (index, record) in happened.spans.iter().enumerate() {
        let invocation = &happened.invocations[record.invocation];
        let kept = faults.sampling.is_none_or(|it| it.keeps(trace_of(&record.span)));
        if invocation.vanished || !kept || random.random_bool(faults.lost) {
            continue;
        }
        let phase = phases[invocation.instance];
        let timer = (record.end + phase).next_multiple_of(TIMER) - phase;
        let sent = if world.programs[invocation.program.0].dialect.flushes() {
            let thawed = splits[record.invocation].filter(|thawed| record.end <= *thawed);
            timer.min(thawed.unwrap_or(Micros::MAX)).min(invocation.end)
        } else {
            timer
        };
        batches.entry((sent, invocation.instance, record.invocation)).or_default().push(index);
    }
    join_by_timer(world, happened, batches)
        .into_iter()
        .flat_map(|(sent, spans)| {
            spans.chunks(LARGEST).map(|some| (sent, some.to_vec())).collect::<Vec<_>>()
        })
        .collect()
}

/// Spans that one instance sends at one moment go in one request, whatever invocation made them.
fn join_by_timer(
    world: &World,
    happened: &Happened,
    batches: BTreeMap<(Micros, usize, usize), Vec<usize>>,
) -> Vec<(Micros, Vec<usize>)> {
    let mut joined: BTreeMap<(Micros, usize, usize), Vec<usize>> = BTreeMap::new();
    for ((sent, instance, invocation), spans) in batches {
        let program = happened.instances[instance].program;
        let whose = if world.programs[program.0].dialect.flushes() { invocation } else { 0 };
        joined.entry((sent, instance, whose)).or_default().extend(spans);
    }
    joined.into_iter().map(|((sent, ..), spans)| (sent, spans)).collect()
}

/// The trace id of a span.
pub fn trace_of(span: &Span) -> u128 {
    span.trace_id[..].try_into().map(u128::from_be_bytes).unwrap_or_default()
}

/// The id of a span.
pub fn id_of(span: &Span) -> u64 {
    span.span_id[..].try_into().map(u64::from_be_bytes).unwrap_or_default()
}

fn request(
    world: &World,
    happened: &Happened,
    faults: &Faults,
    spans: &[usize],
    random: &mut StdRng,
) -> Vec<u8> {
    let Some(&first) = spans.first() else { return Vec::new() };
    let instance =
        &happened.instances[happened.invocations[happened.spans[first].invocation].instance];
    let ailments = &happened.ailments[instance.program.0];
    let attributes = resource::attributes(&InstanceFacts {
        program: &world.programs[instance.program.0],
        service_name: &ailments.service_name,
        version: instance.version,
        id: instance.id,
        bare: ailments.bare,
    });
    let mut scopes: Vec<ScopeSpans> = Vec::new();
    for &index in spans {
        let record = &happened.spans[index];
        let mut span = record.span.clone();
        if random.random_bool(faults.odd_values) {
            make_odd(&mut span, random);
        }
        let same = |scope: &ScopeSpans| {
            scope.scope.as_ref().is_some_and(|scope| scope.name == record.scope)
        };
        match scopes.iter_mut().find(|scope| same(scope)) {
            Some(scope) => scope.spans.push(span),
            None => scopes.push(ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: record.scope.to_owned(),
                    ..InstrumentationScope::default()
                }),
                spans: vec![span],
                ..ScopeSpans::default()
            }),
        }
    }
    let resource = Resource { attributes: attributes.0, ..Resource::default() };
    let resource_spans =
        ResourceSpans { resource: Some(resource), scope_spans: scopes, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

/// What programs really put into spans now and then. What the span tells stays the same.
fn make_odd(span: &mut Span, random: &mut StdRng) {
    let odd: [KeyValue; 6] = [
        attribute("peer.service", text("")),
        KeyValue { key: "http.route".to_owned(), value: None, ..KeyValue::default() },
        attribute("", text("no key")),
        attribute("payload", text(&"x".repeat(9_000))),
        attribute("ratio", Value::DoubleValue(f64::NAN)),
        attribute("blob", Value::BytesValue(vec![0, 255, 128])),
    ];
    span.attributes.insert(0, odd[random.random_range(0..odd.len())].clone());
    match random.random_range(0..5) {
        // Numbers as texts: some exporters write all values as text.
        0 => {
            for attribute in &mut span.attributes {
                if let Some(AnyValue { value: Some(Value::IntValue(number)) }) = attribute.value {
                    attribute.value = Some(AnyValue { value: Some(text(&number.to_string())) });
                }
            }
        }
        1 => span.name.clear(),
        2 => span.end_time_unix_nano = span.start_time_unix_nano.saturating_sub(5_000_000),
        3 if span.trace_state.is_empty() => span.trace_state = "vendor=1,ot=th:zz".to_owned(),
        _ => span.name = "é".repeat(3_000),
    }
}
