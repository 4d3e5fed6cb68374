//! The list of everything that can be set, in the order of the sample file. To add a setting, add
//! an entry here; the tests say what else belongs to it.

use std::sync::Arc;
use std::time::Duration;

use super::{Change, Field, Number, Setting};
use crate::reduce::Spans;
use crate::reduce::node::NodeKind;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

const MIB: u64 = 1 << 20;
const DAY: Duration = seconds(86_400);

/// What nodes can be.
const KINDS: [&str; NodeKind::ALL.len()] = {
    let mut words = [""; NodeKind::ALL.len()];
    let mut index = 0;
    while index < words.len() {
        words[index] = NodeKind::ALL[index].as_str();
        index += 1;
    }
    words
};

/// See the module's text.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "log",
        help: "Which log lines are written to standard error: error, warn, info, debug or trace; \
               also for one part of the program, as in \"info,spanfall_collector::receive=debug\".",
        example: "info",
        change: Change::AtOnce,
        field: Field::LogFilter { at: |c| &mut c.log },
    },
    Setting {
        key: "listen.host",
        help: "The network interface that ports listen on: 127.0.0.1 for programs on this computer \
               only, 0.0.0.0 for whoever can reach it. Nothing is encrypted.",
        example: "0.0.0.0",
        change: Change::AtRestart,
        field: Field::Host { at: |c| &mut c.listen.host },
    },
    Setting {
        key: "listen.grpc",
        help: "Where OTLP over gRPC comes in: a port number, an address such as \"0.0.0.0:4317\", \
               or \"off\".",
        example: "0.0.0.0:4317",
        change: Change::AtRestart,
        field: Field::Port { at: |c| &mut c.listen.grpc },
    },
    Setting {
        key: "listen.http",
        help: "Where OTLP over HTTP comes in, at /v1/traces.",
        example: "0.0.0.0:4318",
        change: Change::AtRestart,
        field: Field::Port { at: |c| &mut c.listen.http },
    },
    Setting {
        key: "listen.view",
        help: "Where viewers connect, at /feed; also /metrics, /vizceral.json and /healthz.",
        example: "0.0.0.0:4320",
        change: Change::AtRestart,
        field: Field::Port { at: |c| &mut c.listen.view },
    },
    Setting {
        key: "receive.max_request_bytes",
        help: "The largest request that is accepted, as it comes over the wire.",
        example: "16MiB",
        change: Change::AtOnce,
        field: Field::Size {
            at: Number::Usize(|c| &mut c.receive.max_request_bytes),
            least: 1 << 10,
            most: 1 << 30,
        },
    },
    Setting {
        key: "receive.max_decompressed_bytes",
        help: "The largest request that is accepted, once decompressed.",
        example: "64MiB",
        change: Change::AtOnce,
        field: Field::Size {
            at: Number::Usize(|c| &mut c.receive.max_decompressed_bytes),
            least: 1 << 10,
            most: 4 << 30,
        },
    },
    Setting {
        key: "receive.max_in_flight_bytes",
        help: "Bytes of all requests that are being read at once. Past it senders are asked to come \
               back later.",
        example: "256MiB",
        change: Change::AtOnce,
        field: Field::Size {
            at: Number::Usize(|c| &mut c.receive.max_in_flight_bytes),
            least: MIB,
            most: 1 << 40,
        },
    },
    Setting {
        key: "receive.max_connections",
        help: "Connections from senders that may be open at once.",
        example: "4096",
        change: Change::AtOnce,
        field: Field::Count {
            at: Number::Usize(|c| &mut c.receive.max_connections),
            least: 1,
            most: 1_000_000,
        },
    },
    Setting {
        key: "receive.body_timeout",
        help: "How long the body of one request may take to arrive.",
        example: "30s",
        change: Change::AtOnce,
        field: Field::Time {
            at: |c| &mut c.receive.body_timeout,
            least: seconds(1),
            most: seconds(3_600),
        },
    },
    Setting {
        key: "receive.idle_timeout",
        help: "How long a connection may do nothing before it is closed.",
        example: "2m",
        change: Change::AtOnce,
        field: Field::Time { at: |c| &mut c.receive.idle_timeout, least: seconds(1), most: DAY },
    },
    Setting {
        key: "receive.retry_after",
        help: "How long a sender that is turned away is asked to wait.",
        example: "1s",
        change: Change::AtOnce,
        field: Field::Time {
            at: |c| &mut c.receive.retry_after,
            least: Duration::from_millis(100),
            most: seconds(300),
        },
    },
    Setting {
        key: "receive.shutdown_grace",
        help: "How long requests that are being read may take once the collector stops.",
        example: "3s",
        change: Change::AtOnce,
        field: Field::Time {
            at: |c| &mut c.receive.shutdown_grace,
            least: Duration::ZERO,
            most: seconds(3),
        },
    },
    Setting {
        key: "receive.authorization",
        help: "What senders must show in the header `Authorization` (exporters: \
               OTEL_EXPORTER_OTLP_HEADERS). Without it everyone may send.",
        example: "Bearer 1234",
        change: Change::AtOnce,
        field: Field::Secret { at: |c| &mut c.receive.authorization },
    },
    Setting {
        key: "reduce.wait",
        help: "How long a span waits for the other side of its request before it is shown by what \
               its own attributes say. Not less than the slowest exporter's delay.",
        example: "30s",
        change: Change::AtOnce,
        field: Field::Time {
            at: |c| &mut c.reduce.wait,
            least: Duration::from_millis(100),
            most: seconds(3_600),
        },
    },
    Setting {
        key: "reduce.correct",
        help: "How long after that a late other side still corrects what was shown.",
        example: "5m",
        change: Change::AtOnce,
        field: Field::Time { at: |c| &mut c.reduce.correct, least: Duration::ZERO, most: DAY },
    },
    Setting {
        key: "reduce.max_pending",
        help: "How many spans may wait at once (64 bytes each). Past it the oldest do not wait \
               their time; a notice says so.",
        example: "1000000",
        change: Change::AtOnce,
        field: Field::Count {
            at: Number::Usize(|c| &mut c.reduce.max_pending),
            least: 1_000,
            most: 1_000_000_000,
        },
    },
    Setting {
        key: "reduce.slow",
        help: "Which requests that work are slow: those that take longer than this, or \"auto\": \
               those that take much longer than is usual between the same two, once there were 30.",
        example: "1s",
        change: Change::AtOnce,
        field: Field::Slow {
            at: |c| &mut c.reduce.slow,
            least: Duration::from_millis(1),
            most: DAY,
        },
    },
    Setting {
        key: "reduce.expected_errors",
        help: "Errors that programs expect and handle: requests that end so are not errors.",
        example: "",
        change: Change::AtOnce,
        field: Field::Words { at: |c| &mut c.reduce.expected_errors },
    },
    Setting {
        key: "reduce.spans",
        help: "Which spans are followed from one to another: \"remote\", callers and callees, or \
               \"all\", whatever leads from one node's span to another's, by a link or, where it has \
               none, from its parent. Then the steps of a build are a graph.",
        example: "all",
        change: Change::AtOnce,
        field: Field::Choice {
            read: |c| c.reduce.spans.as_str(),
            write: |c, word| {
                c.reduce.spans =
                    if word == Spans::All.as_str() { Spans::All } else { Spans::Remote };
            },
            words: &Spans::WORDS,
        },
    },
    Setting {
        key: "node.attributes",
        help: "Attributes of a resource that name its node: the first that is there, before the \
               name that it would have otherwise. With reduce.spans = \"all\" also attributes of the \
               span, and `span.name`, its name. A change counts for spans that come after it.",
        example: "service.namespace,k8s.deployment.name",
        change: Change::AtOnce,
        field: Field::Words { at: |c| &mut Arc::make_mut(&mut c.reduce.nodes).attributes },
    },
    Setting {
        key: "node.kind",
        help: "What a node is that one of these attributes names: function, service, queue, topic, \
               stream, table, database, bucket, api, host, schedule or users.",
        example: "function",
        change: Change::AtOnce,
        field: Field::Choice {
            read: |c| c.reduce.nodes.kind.as_str(),
            write: |c, word| {
                let kind = NodeKind::ALL.into_iter().find(|kind| kind.as_str() == word);
                let nodes = Arc::make_mut(&mut c.reduce.nodes);
                nodes.kind = kind.unwrap_or(nodes.kind);
            },
            words: &KINDS,
        },
    },
    Setting {
        key: "cost.currency",
        help: "What functions cost is estimated from their time, their memory and these prices \
               (Lambda's, without free tiers and discounts). In what the prices are.",
        example: "USD",
        change: Change::AtOnce,
        field: Field::Text { at: |c| &mut c.prices.currency },
    },
    Setting {
        key: "cost.x86_gb_second",
        help: "A gigabyte of memory for a second on x86.",
        example: "0.0000166667",
        change: Change::AtOnce,
        field: Field::Price { at: |c| &mut c.prices.x86_gb_second },
    },
    Setting {
        key: "cost.arm64_gb_second",
        help: "A gigabyte of memory for a second on arm64.",
        example: "0.0000133334",
        change: Change::AtOnce,
        field: Field::Price { at: |c| &mut c.prices.arm64_gb_second },
    },
    Setting {
        key: "cost.million_requests",
        help: "A million invocations.",
        example: "0.2",
        change: Change::AtOnce,
        field: Field::Price { at: |c| &mut c.prices.million_requests },
    },
    Setting {
        key: "feed.tick",
        help: "How often viewers hear what happened. Longer ticks cost less; pictures stay smooth.",
        example: "200ms",
        change: Change::AtRestart,
        field: Field::Time {
            at: |c| &mut c.feed.tick,
            least: Duration::from_millis(50),
            most: seconds(1),
        },
    },
    Setting {
        key: "feed.history",
        help: "How much of the past a new viewer receives.",
        example: "5m",
        change: Change::AtOnce,
        field: Field::Time { at: |c| &mut c.feed.history, least: seconds(1), most: seconds(3_600) },
    },
    Setting {
        key: "feed.history_bytes",
        help: "The past is shorter where it would need more memory than this.",
        example: "32MiB",
        change: Change::AtOnce,
        field: Field::Size {
            at: Number::Usize(|c| &mut c.feed.history_bytes),
            least: MIB,
            most: 16 << 30,
        },
    },
    Setting {
        key: "feed.max_lag",
        help: "How far a viewer may fall behind before it loses ticks.",
        example: "10s",
        change: Change::AtOnce,
        field: Field::Time { at: |c| &mut c.feed.max_lag, least: seconds(1), most: seconds(300) },
    },
    Setting {
        key: "feed.max_viewers",
        help: "How many viewers may watch at once.",
        example: "64",
        change: Change::AtOnce,
        field: Field::Count {
            at: Number::Usize(|c| &mut c.feed.max_viewers),
            least: 1,
            most: 10_000,
        },
    },
    Setting {
        key: "feed.allowed_origins",
        help: "Web pages that may read the feed in a browser, by origin, such as \
               \"https://wall.example\"; \"*\" is all of them. Pages of this computer always may.",
        example: "https://wall.example",
        change: Change::AtOnce,
        field: Field::Words { at: |c| &mut c.feed.allowed_origins },
    },
    Setting {
        key: "trace.url",
        help: "Where your trace store shows a trace, to be opened from a request that is followed in the \
               viewer. {trace_id} stands for its id, {xray_trace_id} for X-Ray's form of it; \
               {start_ms}, {end_ms}, {start_s} and {end_s} are when it began and ended.",
        example: "http://jaeger.example:16686/trace/{trace_id}",
        change: Change::AtOnce,
        field: Field::TraceUrl { at: |c| &mut c.feed.trace_url },
    },
    Setting {
        key: "record.target",
        help: "Where everything that is received is written as OTLP JSON lines: a folder, or a \
               single file if the name ends in .jsonl or .jsonl.zst. Without it nothing is.",
        example: "recordings",
        change: Change::AtRestart,
        field: Field::Path { at: |c| &mut c.record.target },
    },
    Setting {
        key: "record.compress",
        help: "Whether recordings are compressed with zstd, to about a tenth.",
        example: "true",
        change: Change::AtRestart,
        field: Field::Flag { at: |c| &mut c.record.options.compress },
    },
    Setting {
        key: "record.rotate_size",
        help: "A new file begins once this one holds so many bytes, not compressed.",
        example: "256MiB",
        change: Change::AtRestart,
        field: Field::Size {
            at: Number::U64(|c| &mut c.record.options.rotate_size),
            least: MIB,
            most: 1 << 40,
        },
    },
    Setting {
        key: "record.rotate_age",
        help: "A new file begins once this one is so old.",
        example: "1h",
        change: Change::AtRestart,
        field: Field::Time {
            at: |c| &mut c.record.options.rotate_age,
            least: seconds(1),
            most: seconds(366 * 86_400),
        },
    },
    Setting {
        key: "record.keep_files",
        help: "How many files are kept; the oldest go first. 0 keeps all.",
        example: "24",
        change: Change::AtRestart,
        field: Field::Count {
            at: Number::Usize(|c| &mut c.record.options.keep_files),
            least: 0,
            most: 1_000_000,
        },
    },
    Setting {
        key: "record.keep_size",
        help: "How many bytes of recordings are kept on disk; the oldest go first. 0 keeps all.",
        example: "10GiB",
        change: Change::AtRestart,
        field: Field::Size {
            at: Number::U64(|c| &mut c.record.options.keep_size),
            least: 0,
            most: 1 << 50,
        },
    },
];
