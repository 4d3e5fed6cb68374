//! What the collector counts about itself, in one list for everyone who wants to know. In: the
//! counters of its parts. Out: families of numbers with names, units and meanings.

use std::sync::Arc;

use super::beside;
use crate::clock::Clock;
use crate::cost::PriceList;
use crate::feed::hub::{Hub, HubStats};
use crate::receive::{Compression, Counter, Counters, Protocol, Receiver};
use crate::record::{Recorder, Status};
use crate::reduce::{Reducer, Stats};

/// Everything that counts.
#[derive(Clone)]
pub(crate) struct Readings {
    pub(crate) reducer: Arc<Reducer>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) prices: PriceList,
    pub(crate) receiver: Option<Arc<Receiver>>,
    pub(crate) recorder: Option<Arc<Recorder>>,
    pub(crate) clock: Clock,
}

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows.
    Counter,
    /// It comes and goes.
    Gauge,
}

/// Numbers of one meaning.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    /// Its name as OpenTelemetry writes it: words with dots.
    pub(crate) name: &'static str,
    /// Its unit in the code of UCUM; empty or in braces where things are counted.
    pub(crate) unit: &'static str,
    /// What it means.
    pub(crate) help: &'static str,
    /// How it behaves.
    pub(crate) kind: Kind,
    /// The numbers, told apart by labels.
    pub(crate) points: Vec<Point>,
}

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// What it is the number of.
    pub(crate) labels: Vec<(&'static str, String)>,
    /// The number.
    pub(crate) value: f64,
}

impl Readings {
    /// Reads everything now.
    pub(crate) fn read(&self) -> Vec<Family> {
        let mut families = self.about_the_program();
        families.extend(about_reducing(&self.reducer.stats()));
        families.push(gauge(
            "spanfall.hops.unknown",
            "{hop}",
            "Hops of which one end is not known: their trigger is, or their callee's span is missing.",
            self.reducer.unknown().round() as u64,
        ));
        families.extend(beside::families(&self.reducer, &self.prices.now()));
        families.extend(about_the_feed(&self.hub.stats()));
        if let Some(receiver) = &self.receiver {
            families.extend(about_receiving(receiver.counters()));
        }
        if let Some(recorder) = &self.recorder {
            families.extend(about_recording(&recorder.status()));
        }
        families
    }

    fn about_the_program(&self) -> Vec<Family> {
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        vec![
            Family {
                points: vec![Point { labels: version, value: 1.0 }],
                ..gauge("spanfall.build.info", "", "The version that runs.", 1)
            },
            gauge(
                "spanfall.uptime",
                "s",
                "How long the collector has been running.",
                self.clock.elapsed_ms() / 1_000,
            ),
        ]
    }
}

fn about_reducing(stats: &Stats) -> Vec<Family> {
    let Stats {
        spans,
        duplicates,
        hops,
        ignored,
        unpaired,
        pending,
        early,
        dropped,
        learned_entries,
    } = *stats;
    vec![
        counter("spanfall.spans", "{span}", "Spans received.", spans),
        counter(
            "spanfall.spans.duplicate",
            "{span}",
            "Spans received before, and left out.",
            duplicates,
        ),
        counter(
            "spanfall.spans.early",
            "{span}",
            "Spans that did not wait their time for the other side of their request, because more \
             than reduce.max_pending waited.",
            early,
        ),
        gauge(
            "spanfall.spans.pending",
            "{span}",
            "Spans that wait for the other side of their request.",
            pending,
        ),
        gauge(
            "spanfall.spans.unpaired",
            "{span}",
            "Spans whose other side has not come, yet or ever, though one was to be expected.",
            unpaired,
        ),
        gauge("spanfall.hops", "{hop}", "Hops, those that were taken back netted.", hops),
        gauge(
            "spanfall.hops.ignored",
            "{hop}",
            "Hops that [[node.ignore]] leaves out: they are on no edge, and not among spanfall.hops.",
            ignored,
        ),
        gauge(
            "spanfall.hops.dropped",
            "{hop}",
            "Hops on no edge, because there are too many edges.",
            dropped,
        ),
        gauge(
            "spanfall.entries.learned",
            "{node}",
            "Nodes whose callers never turn up: their requests are shown at once as entering there.",
            learned_entries,
        ),
    ]
}

fn about_the_feed(stats: &HubStats) -> Vec<Family> {
    let HubStats { viewers, turned_away, ticks, lost_ticks, nodes, edges } = *stats;
    vec![
        gauge("spanfall.nodes", "{node}", "Nodes in the graph.", nodes),
        gauge("spanfall.edges", "{edge}", "Edges in the graph.", edges),
        gauge("spanfall.viewers", "{viewer}", "Viewers that watch now.", viewers),
        counter(
            "spanfall.viewers.refused",
            "{viewer}",
            "Viewers turned away because there were too many.",
            turned_away,
        ),
        counter("spanfall.ticks", "{tick}", "Ticks sent to viewers.", ticks),
        counter(
            "spanfall.ticks.lost",
            "{tick}",
            "Ticks that viewers lost because they could not keep up, summed over viewers.",
            lost_ticks,
        ),
    ]
}

fn about_receiving(counters: &Counters) -> Vec<Family> {
    // A new counter fails to compile here until it has a place.
    let Counters {
        requests,
        bytes,
        spans: _,
        rejected,
        metrics_dropped,
        logs_dropped,
        malformed,
        too_large,
        pushed_back,
        unsupported,
        unauthorized,
        timed_out,
        failed,
        connections_refused,
        connections,
        in_flight_bytes,
    } = counters;
    let by_way = |count: &dyn Fn(Protocol, Compression) -> u64| {
        let ways = Protocol::ALL.into_iter().flat_map(|protocol| {
            Compression::ALL.map(|compression| Point {
                labels: vec![
                    ("protocol", protocol.as_str().to_owned()),
                    ("compression", compression.as_str().to_owned()),
                ],
                value: whole(count(protocol, compression)),
            })
        });
        ways.collect()
    };
    let refused = [
        ("malformed", malformed),
        ("too_large", too_large),
        ("pushed_back", pushed_back),
        ("unsupported", unsupported),
        ("unauthorized", unauthorized),
        ("timed_out", timed_out),
        ("failed", failed),
    ];
    vec![
        Family {
            points: by_way(&|protocol, compression| requests.get(protocol, compression)),
            ..counter("spanfall.requests", "{request}", "Export requests, of every signal.", 0)
        },
        Family {
            points: by_way(&|protocol, compression| bytes.get(protocol, compression)),
            ..counter("spanfall.received", "By", "Bytes of export requests, as they came.", 0)
        },
        labelled(
            counter("spanfall.requests.refused", "{request}", "Export requests refused.", 0),
            "reason",
            &refused,
        ),
        labelled(
            counter(
                "spanfall.requests.dropped",
                "{request}",
                "Export requests of other signals than traces, accepted and dropped.",
                0,
            ),
            "signal",
            &[("metrics", metrics_dropped), ("logs", logs_dropped)],
        ),
        counter(
            "spanfall.spans.rejected",
            "{span}",
            "Spans that no one can use; their senders were told.",
            rejected.get(),
        ),
        gauge("spanfall.connections", "{connection}", "Open connections.", connections.get()),
        counter(
            "spanfall.connections.refused",
            "{connection}",
            "Connections closed at once because too many were open.",
            connections_refused.get(),
        ),
        gauge(
            "spanfall.in_flight",
            "By",
            "Bytes of requests that are being read or reduced.",
            in_flight_bytes.get(),
        ),
    ]
}

fn about_recording(status: &Status) -> Vec<Family> {
    let Status { requests, bytes, lost, stopped, file: _ } = status;
    vec![
        counter("spanfall.recorded.requests", "{request}", "Requests recorded.", *requests),
        counter("spanfall.recorded", "By", "Bytes recorded, not compressed.", *bytes),
        counter(
            "spanfall.recorded.lost",
            "{request}",
            "Requests left out of the recording.",
            *lost,
        ),
        gauge(
            "spanfall.recording",
            "",
            "1 while the recording goes on, 0 once it has stopped.",
            u64::from(stopped.is_none()),
        ),
    ]
}

fn counter(name: &'static str, unit: &'static str, help: &'static str, value: u64) -> Family {
    let points = vec![Point { labels: Vec::new(), value: whole(value) }];
    Family { name, unit, help, kind: Kind::Counter, points }
}

fn gauge(name: &'static str, unit: &'static str, help: &'static str, value: u64) -> Family {
    Family { kind: Kind::Gauge, ..counter(name, unit, help, value) }
}

fn labelled(family: Family, label: &'static str, counts: &[(&str, &Counter)]) -> Family {
    let points = counts.iter().map(|(value, count)| Point {
        labels: vec![(label, (*value).to_owned())],
        value: whole(count.get()),
    });
    Family { points: points.collect(), ..family }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn whole(count: u64) -> f64 {
    count as f64
}
