//! Input that nobody should send, over the wire to a running collector: it says what is wrong,
//! stays within its memory, and goes on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use spanfall_tests::collector::Collector;
use spanfall_tests::http::{self, Answer};
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

/// The most memory that the collector may ever have held while all of this went on. Its own limit
/// for requests that are being read is 256 MiB; the rest is the program and its allocator.
const MEMORY: u64 = 384 << 20;

/// A request that is as it should be.
fn good() -> Vec<u8> {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "good".into(),
        kind: 2,
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 2_000_000_000,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn post(collector: &Collector, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    http::post(collector.http, "/v1/traces", headers, body).unwrap()
}

/// The collector is alive, takes a good request, and never held more than it may.
#[track_caller]
fn goes_on(collector: &Collector) {
    let answer = collector.post(&good());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(http::get(collector.view, "/healthz").unwrap().status, 200);
    let peak = collector.program.peak_memory();
    assert!(peak < MEMORY, "it held {} MiB", peak >> 20);
}

/// A length-delimited field of protobuf.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut field);
    field.extend(content);
    field
}

#[test]
fn truncated_requests_are_refused() {
    let collector = Collector::start(&["serve"], &[]);
    let good = good();
    for length in 1..good.len() {
        let answer = post(&collector, &[PROTOBUF], &good[..length]);
        assert_eq!(answer.status, 400, "{length} of {} bytes: {}", good.len(), answer.text());
    }
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01"}]}]}]}"#;
    for length in 1..json.len() {
        let answer = post(&collector, &[JSON], &json[..length]);
        assert_eq!(answer.status, 400, "{length} of {} bytes: {}", json.len(), answer.text());
    }
    // The body is shorter than its length says, and the connection stays open for a while.
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n\
         content-length: {}\r\n\r\n",
        good.len()
    );
    drop(std::net::TcpStream::connect(collector.http).unwrap().write_all(head.as_bytes()));
    goes_on(&collector);
}

#[test]
fn random_bytes_are_refused_on_both_ports() {
    let collector = Collector::start(&["serve"], &[]);
    let mut random = StdRng::seed_from_u64(4317);
    let mut refused = 0;
    for _ in 0..300 {
        let mut bytes = vec![0; random.random_range(16..4_000)];
        random.fill(&mut bytes[..]);
        for headers in [
            &[PROTOBUF][..],
            &[JSON],
            &[PROTOBUF, ("content-encoding", "gzip")],
            &[JSON, ("content-encoding", "zstd")],
        ] {
            let status = post(&collector, headers, &bytes).status;
            // A few random bytes may happen to be fields that no one knows.
            assert!(status == 200 || (400..500).contains(&status), "{status} for {headers:?}");
            refused += usize::from(status != 200);
        }
        // What is no HTTP at all need not be answered.
        let _ = http::say(collector.grpc, &[&bytes]);
    }
    assert!(refused > 1_150, "only {refused} of 1200 random requests were refused");
    goes_on(&collector);
}

#[test]
fn wrong_types_are_refused_with_the_reason() {
    let collector = Collector::start(&["serve"], &[]);
    for json in [
        "[]",
        "42",
        r#""resourceSpans""#,
        r#"{"resourceSpans":{}}"#,
        r#"{"resourceSpans":[7]}"#,
        r#"{"resourceSpans":[{"scopeSpans":"x"}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":12}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":{}}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"noon"}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]"#,
    ] {
        let answer = post(&collector, &[JSON], json.as_bytes());
        assert_eq!(answer.status, 400, "{json}: {}", answer.text());
        assert!(answer.text().contains("message"), "{json}: no Status in {}", answer.text());
    }
    // Fields with another wire type than theirs.
    for protobuf in [vec![0x08, 0x01], field(1, &[0x10, 0x01]), field(1, &field(2, &[0x15, 1]))] {
        let answer = post(&collector, &[PROTOBUF], &protobuf);
        assert_eq!(answer.status, 400, "{protobuf:?}: {}", answer.text());
    }
    for content in ["text/plain", "application/xml", "image/png"] {
        let answer = post(&collector, &[("content-type", content)], &good());
        assert_eq!(answer.status, 415, "{content}: {}", answer.text());
    }
    let answer = post(&collector, &[PROTOBUF, ("content-encoding", "br")], &good());
    assert_eq!(answer.status, 415, "{}", answer.text());
    goes_on(&collector);
}

#[test]
fn huge_lengths_are_refused_before_they_cost_anything() {
    let collector = Collector::start(&["serve"], &[]);
    for length in [1_u64 << 20, 1 << 31, 1 << 40, u64::MAX >> 1, u64::MAX] {
        let mut body = vec![0x0a];
        prost::encoding::encode_varint(length, &mut body);
        body.extend([0; 64]);
        assert_eq!(post(&collector, &[PROTOBUF], &body).status, 400, "field of {length} bytes");
    }
    for length in [64_u64 << 20, 1 << 40, u64::MAX] {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             content-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n"
        );
        // 2^64 - 1 is not even a length to HTTP's parser.
        let answer = http::say(collector.http, &[head.as_bytes()]).unwrap();
        assert!(matches!(answer.status, 400 | 413 | 431), "{length}: {}", answer.head);
    }
    let large = vec![b' '; 20 << 20];
    assert_eq!(post(&collector, &[JSON], &large).status, 413);
    goes_on(&collector);
}

/// `AnyValue.array_value.values` (fields 5 and 1) over and over, an empty value in the middle.
fn nested(depth: usize) -> Vec<u8> {
    // From the inside out, and so from the end to the beginning.
    let mut reversed = Vec::new();
    for number in [1_u8, 5].repeat(depth) {
        let mut head = vec![number << 3 | 2];
        prost::encoding::encode_varint(reversed.len() as u64, &mut head);
        reversed.extend(head.iter().rev());
    }
    reversed.reverse();
    reversed
}

#[test]
fn deep_nesting_ends_neither_the_stack_nor_the_collector() {
    let collector = Collector::start(&["serve"], &[]);
    for depth in [200, 10_000, 500_000] {
        let brackets = "[".repeat(depth);
        assert_eq!(post(&collector, &[JSON], brackets.as_bytes()).status, 400);
        let value = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"a","value":{}"#,
            r#"{"arrayValue":{"values":["#.repeat(depth)
        );
        assert_eq!(post(&collector, &[JSON], value.as_bytes()).status, 400);
        let unknown = format!(r#"{{"later":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        let status = post(&collector, &[JSON], unknown.as_bytes()).status;
        assert!(matches!(status, 200 | 400), "{status}");
    }
    let value = nested(200_000);
    let attribute = [field(1, b"deep"), field(2, &value)].concat();
    let resource = field(1, &field(1, &field(1, &attribute)));
    let status = post(&collector, &[PROTOBUF], &resource).status;
    assert!(matches!(status, 200 | 400), "{status}");
    goes_on(&collector);
}

/// Zeros, compressed.
fn bomb(mebibytes: usize, mut encoder: impl std::io::Write) {
    let zeros = vec![0; 1 << 20];
    for _ in 0..mebibytes {
        encoder.write_all(&zeros).unwrap();
    }
}

#[test]
fn bombs_do_not_go_off() {
    let collector = Collector::start(&["serve"], &[]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    bomb(2_048, &mut gzip);
    let gzip = gzip.finish().unwrap();
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).unwrap();
    bomb(4_096, &mut zstd);
    let zstd = zstd.finish().unwrap();
    assert!(gzip.len() < 16 << 20 && zstd.len() < 16 << 20, "too large to be taken as it comes");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for (encoding, body) in [("gzip", &gzip), ("zstd", &zstd)] {
                    for format in [PROTOBUF, JSON] {
                        let headers = [format, ("content-encoding", encoding)];
                        let status = post(&collector, &headers, body).status;
                        // Zeros are neither protobuf nor JSON, which may show before the size does;
                        // and six bombs at once may be more than is taken at once.
                        assert!(matches!(status, 400 | 413 | 429 | 503), "{encoding}: {status}");
                    }
                }
            });
        }
    });
    goes_on(&collector);
}

#[tokio::test]
async fn grpc_answers_bad_messages_with_a_status() {
    let collector = Collector::start(&["serve"], &[]);
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", collector.grpc));
    let channel = channel.unwrap().connect().await.unwrap();
    let mut random = StdRng::seed_from_u64(4318);
    let mut refused = 0;
    for _ in 0..100 {
        let mut bytes = vec![0; random.random_range(16..4_000)];
        random.fill(&mut bytes[..]);
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        // prost writes `Bytes` as field 1, which is `resource_spans`: so this is a message with
        // random bytes where a resource's spans should be.
        let codec = ProstCodec::<Bytes, ()>::default();
        let path = PathAndQuery::from_static(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        );
        let request = tonic::Request::new(Bytes::from(bytes));
        if let Err(status) = client.unary(request, path, codec).await {
            assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status}");
            refused += 1;
        }
    }
    assert!(refused > 95, "only {refused} of 100 random messages were refused");

    let name = "x".repeat(20 << 20);
    let spans = vec![Span { name, ..Span::default() }];
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let mut client = TraceServiceClient::new(channel);
    let status = client.export(ExportTraceServiceRequest { resource_spans }).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status}");
    goes_on(&collector);
}
