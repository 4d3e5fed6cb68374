//! The OTLP/HTTP door.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use parking_lot::Mutex;
use prost::Message;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::rig::{
    HttpAnswer, PATIENCE, Rig, exchange, gzip, head, request, request_with_a_bad_span, zstd,
};
use crate::receive::{Authorization, Compression, Limits, Protocol, traces_to_json};

const PROTOBUF: &str = "Content-Type: application/x-protobuf\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

fn small() -> Limits {
    Limits {
        max_request_bytes: 1000,
        max_decompressed_bytes: 4000,
        max_in_flight_bytes: 0,
        ..Limits::default()
    }
}

/// The message of a `google.rpc.Status` in either format.
fn status_message(answer: &HttpAnswer, json: bool) -> String {
    if json {
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let status: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        status["message"].as_str().unwrap().to_owned()
    } else {
        assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
        tonic_types::Status::decode(&answer.body[..]).unwrap().message
    }
}

#[tokio::test]
async fn spans_reach_the_sink_in_every_format_and_encoding() {
    let rig = Rig::start(Limits::default()).await;
    let sent = request(3);
    let protobuf = sent.encode_to_vec();
    let json = traces_to_json(&protobuf).unwrap();
    let formats = [
        ("application/x-protobuf", &protobuf),
        ("application/json", &json),
        ("Application/JSON; charset=utf-8", &json),
    ];
    for (content_type, body) in formats {
        for (encoding, body) in [
            ("", body.clone()),
            ("Content-Encoding: identity\r\n", body.clone()),
            ("Content-Encoding: gzip\r\n", gzip(body)),
            ("content-encoding: GZIP\r\n", gzip(body)),
            ("Content-Encoding: zstd\r\n", zstd(body)),
        ] {
            let headers = format!("Content-Type: {content_type}\r\n{encoding}");
            let answer = rig.post("/v1/traces", &headers, &body).await;
            assert_eq!(answer.status, 200, "{headers}: {answer:?}");
            let format = content_type.split(';').next().unwrap().to_lowercase();
            assert_eq!(answer.header("content-type"), Some(&*format));
            assert_eq!(answer.text(), if format.ends_with("json") { "{}" } else { "" });
            assert_eq!(rig.kept(), std::slice::from_ref(&sent));
        }
    }
    let counters = rig.receiver.counters();
    assert_eq!(counters.requests.get(Protocol::HttpProtobuf, Compression::Identity), 2);
    assert_eq!(counters.requests.get(Protocol::HttpJson, Compression::Gzip), 4);
    let zstd_bytes = counters.bytes.get(Protocol::HttpProtobuf, Compression::Zstd);
    assert_eq!(zstd_bytes, zstd(&protobuf).len() as u64);
    assert_eq!((counters.spans.get(), counters.requests.total()), (45, 15));
    assert_eq!(counters.in_flight_bytes.get(), 0);
    rig.finish().await;
}

#[tokio::test]
async fn large_requests_reach_the_sink_too() {
    let rig = Rig::start(Limits::default()).await;
    let sent = request(100_000);
    let protobuf = sent.encode_to_vec();
    assert!(protobuf.len() > 3 << 20);
    for (encoding, body) in [
        ("", protobuf.clone()),
        ("Content-Encoding: gzip\r\n", gzip(&protobuf)),
        ("Content-Encoding: zstd\r\n", zstd(&protobuf)),
    ] {
        let answer = rig.post("/v1/traces", &format!("{PROTOBUF}{encoding}"), &body).await;
        assert_eq!(answer.status, 200);
        assert!(rig.kept() == std::slice::from_ref(&sent));
    }
    rig.finish().await;
}

#[tokio::test]
async fn chunked_bodies_are_read() {
    let rig = Rig::start(Limits::default()).await;
    let body = request(1).encode_to_vec();
    let headers = format!("{PROTOBUF}Transfer-Encoding: chunked\r\n");
    let mut bytes = head("POST", "/v1/traces", &headers).into_bytes();
    for piece in body.chunks(7) {
        bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
        bytes.extend([piece, b"\r\n"].concat());
    }
    bytes.extend(b"0\r\n\r\n");
    assert_eq!(exchange(rig.http, &bytes).await.status, 200);
    assert_eq!(rig.kept(), [request(1)]);
    rig.finish().await;
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let rig = Rig::start(Limits::default()).await;
    let body = request(1).encode_to_vec();
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    for _ in 0..3 {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\n{PROTOBUF}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut buffer = [0; 500];
            let read = timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
            assert_ne!(read, 0);
            answer.extend(&buffer[..read]);
        }
        assert_eq!(HttpAnswer::parse(&answer).status, 200);
    }
    assert_eq!(rig.kept().len(), 3);
    drop(stream);
    rig.finish().await;
}

#[tokio::test]
async fn rejected_spans_are_a_partial_success() {
    let rig = Rig::start(Limits::default()).await;
    let protobuf = request_with_a_bad_span().encode_to_vec();
    let answer = rig.post("/v1/traces", PROTOBUF, &protobuf).await;
    let response = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!((answer.status, partial.rejected_spans), (200, 1));
    assert_eq!(partial.error_message, "1 of 2 spans rejected: no trace id");

    let answer = rig.post("/v1/traces", JSON, &traces_to_json(&protobuf).unwrap()).await;
    let response: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let message = "1 of 2 spans rejected: no trace id";
    let expected = json!({"partialSuccess": {"rejectedSpans": "1", "errorMessage": message}});
    assert_eq!((answer.status, response), (200, expected));
    let counters = rig.receiver.counters();
    assert_eq!((counters.spans.get(), counters.rejected.get()), (4, 2));
    rig.finish().await;
}

#[tokio::test]
async fn malformed_requests_are_told_what_is_wrong_and_where() {
    let rig = Rig::start(Limits::default()).await;
    let protobuf = request(2).encode_to_vec();
    let cut = &protobuf[..protobuf.len() - 1];
    let answer = rig.post("/v1/traces", PROTOBUF, cut).await;
    assert_eq!(answer.status, 400);
    let message = status_message(&answer, false);
    assert_eq!(message, "malformed protobuf at byte 7: prost says no");
    assert_eq!(tonic_types::Status::decode(&answer.body[..]).unwrap().code, 3);

    let text = br#"{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "12"}]}]}]}"#;
    let answer = rig.post("/v1/traces", JSON, text).await;
    assert_eq!(answer.status, 400);
    let message = status_message(&answer, true);
    assert!(message.contains("line 1, byte 62"), "{message}");
    assert!(message.contains("resourceSpans[0].scopeSpans[0].spans[0].traceId"), "{message}");

    let zipped = gzip(&protobuf);
    for (encoding, body) in [
        ("gzip", &protobuf[..]),
        ("gzip", &zipped[..zipped.len() / 2]),
        ("gzip", &[&zipped[..], b"more"].concat()),
        ("zstd", &protobuf[..]),
        ("zstd", &zstd(&protobuf)[..20]),
        ("zstd", b""),
    ] {
        let headers = format!("{PROTOBUF}Content-Encoding: {encoding}\r\n");
        let answer = rig.post("/v1/traces", &headers, body).await;
        assert_eq!(answer.status, 400, "{encoding} {body:?}");
        let message = status_message(&answer, false);
        assert!(message.starts_with(&format!("malformed {encoding} near byte")), "{message}");
    }
    assert_eq!(rig.receiver.counters().malformed.get(), 8);
    assert!(rig.kept().is_empty());
    rig.finish().await;
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_however_its_length_is_told() {
    let rig = Rig::start(small()).await;
    let body = vec![b' '; 200_000];
    let answer = rig.post("/v1/traces", JSON, &body).await;
    assert_eq!(answer.status, 413);
    let message = status_message(&answer, true);
    assert!(message.contains("larger than 1000 bytes"), "{message}");
    assert!(message.contains("max_request_bytes"), "{message}");

    // In chunks, without ever telling the length.
    let head = head("POST", "/v1/traces", &format!("{PROTOBUF}Transfer-Encoding: chunked\r\n"));
    let mut bytes = head.into_bytes();
    for _ in 0..100 {
        bytes.extend(b"3e8\r\n");
        bytes.extend([b' '; 1000]);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    assert_eq!(exchange(rig.http, &bytes).await.status, 413);
    assert_eq!(rig.receiver.counters().too_large.get(), 2);
    rig.finish().await;
}

#[tokio::test]
async fn a_sender_that_asks_first_is_refused_before_it_sends() {
    let rig = Rig::start(small()).await;
    let headers = format!("{PROTOBUF}Expect: 100-continue\r\nContent-Length: 5000\r\n");
    let answer = exchange(rig.http, head("POST", "/v1/traces", &headers).as_bytes()).await;
    assert_eq!(answer.status, 413);
    rig.finish().await;
}

#[tokio::test]
async fn bombs_are_refused_at_the_limit() {
    let rig = Rig::start(Limits { max_decompressed_bytes: 1 << 20, ..Limits::default() }).await;
    let zeros = vec![0; 100 << 20];
    for (encoding, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
        assert!(bomb.len() < 1 << 20);
        let headers = format!("{PROTOBUF}Content-Encoding: {encoding}\r\n");
        let answer = rig.post("/v1/traces", &headers, &bomb).await;
        assert_eq!(answer.status, 413);
        let message = status_message(&answer, false);
        assert!(message.contains("larger than 1048576 bytes when decompressed"), "{message}");
    }
    assert_eq!(rig.receiver.counters().too_large.get(), 2);
    rig.finish().await;
}

#[tokio::test]
async fn too_much_in_flight_pushes_back_and_then_recovers() {
    // 1000 + 2 * 1001 bytes may be in flight.
    let rig = Rig::start(Limits { max_decompressed_bytes: 1000, ..small() }).await;
    let mut body = request(1).encode_to_vec();
    body.resize(1000, 0); // not protobuf any more; nobody gets to look at it before its end
    let head = head("POST", "/v1/traces", &format!("{PROTOBUF}Content-Length: 1000\r\n"));
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(rig.http).await.unwrap();
        stream.write_all(&[head.as_bytes(), &body[..990]].concat()).await.unwrap();
        waiting.push(stream);
    }
    rig.until("2970 bytes wait", |r| r.counters().in_flight_bytes.get() >= 2970).await;

    let answer = rig.post("/v1/traces", PROTOBUF, &body).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(status_message(&answer, false).contains("try again in 1 s"));
    assert_eq!(rig.receiver.counters().pushed_back.get(), 1);

    for mut stream in waiting {
        stream.write_all(&body[990..]).await.unwrap();
        assert_eq!(HttpAnswer::read(stream).await.status, 400);
    }
    let answer = rig.post("/v1/traces", PROTOBUF, &request(1).encode_to_vec()).await;
    assert_eq!(answer.status, 200);
    rig.finish().await;
}

#[tokio::test]
async fn a_body_that_dawdles_times_out() {
    let limits = Limits { body_timeout: Duration::from_millis(50), ..Limits::default() };
    let rig = Rig::start(limits).await;
    let headers = format!("{JSON}Content-Length: 100\r\n");
    let partial = [head("POST", "/v1/traces", &headers).as_bytes(), b"{"].concat();
    let answer = exchange(rig.http, &partial).await;
    assert_eq!(answer.status, 408);
    assert!(status_message(&answer, true).contains("did not arrive within"));
    assert_eq!(rig.receiver.counters().timed_out.get(), 1);
    rig.finish().await;
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_malformed() {
    let rig = Rig::start(Limits::default()).await;
    let headers = format!("{PROTOBUF}Content-Length: 1000\r\n");
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    let partial = [head("POST", "/v1/traces", &headers).as_bytes(), b"abc"].concat();
    stream.write_all(&partial).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("an end").unwrap();
    rig.until("it counts", |r| r.counters().malformed.get() == 1).await;
    assert_eq!(rig.receiver.counters().in_flight_bytes.get(), 0);
    assert!(rig.kept().is_empty());
    rig.finish().await;
}

#[tokio::test]
async fn what_follows_a_body_longer_than_announced_is_no_request() {
    let rig = Rig::start(Limits::default()).await;
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 2\r\n\r\n";
    stream.write_all(&[head.as_bytes(), b"{}\x00\x01\x02\x03\r\n\r\n"].concat()).await.unwrap();
    let mut answers = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answers)).await.expect("an end").unwrap();
    let answers = String::from_utf8(answers).unwrap();
    assert!(answers.starts_with("HTTP/1.1 200"), "{answers}");
    assert!(answers.contains("HTTP/1.1 400"), "{answers}");
    rig.finish().await;
}

#[tokio::test]
async fn unknown_encodings_and_types_are_told_what_is_known() {
    let rig = Rig::start(Limits::default()).await;
    for encoding in ["deflate", "br", "gzip, gzip"] {
        let headers = format!("{JSON}Content-Encoding: {encoding}\r\n");
        let answer = rig.post("/v1/traces", &headers, b"{}").await;
        assert_eq!((answer.status, answer.header("accept-encoding")), (415, Some("gzip, zstd")));
        let message = status_message(&answer, true);
        assert!(message.contains("use gzip, zstd or identity"), "{message}");
    }
    for content_type in ["", "Content-Type: text/plain\r\n", "Content-Type: \r\n"] {
        let answer = rig.post("/v1/traces", content_type, b"{}").await;
        assert_eq!(answer.status, 415);
        assert!(answer.text().contains("application/x-protobuf or application/json"));
    }
    assert_eq!(rig.receiver.counters().unsupported.get(), 6);
    rig.finish().await;
}

#[tokio::test]
async fn wrong_methods_and_paths_are_told_the_right_ones() {
    let rig = Rig::start(Limits::default()).await;
    let answer = exchange(rig.http, head("GET", "/v1/traces", "").as_bytes()).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("post")));
    for path in ["/", "/v1", "/v1/spans", "/v1/traces/x", "/v2/traces"] {
        let answer = rig.post(path, JSON, b"{}").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("/v1/traces, /v1/metrics or /v1/logs"), "{answer:?}");
    }
    let grpc = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let answer = rig.post(grpc, "Content-Type: application/grpc\r\n", b"").await;
    assert!(answer.text().contains("OTLP/gRPC to the collector's other port"), "{answer:?}");
    rig.finish().await;
}

#[tokio::test]
async fn metrics_and_logs_are_accepted_and_dropped() {
    let rig = Rig::start(Limits { max_in_flight_bytes: 0, ..small() }).await;
    for (path, format, body) in [
        ("/v1/metrics", PROTOBUF, &b"\x0a\x00"[..]),
        ("/v1/metrics", JSON, br#"{"resourceMetrics": []}"#),
        ("/v1/logs", JSON, br#"{"resourceLogs": []}"#),
    ] {
        let answer = rig.post(path, format, body).await;
        let empty = if format == JSON { "{}" } else { "" };
        assert_eq!((answer.status, answer.text().as_str()), (200, empty));
    }
    let answer = rig.post("/v1/logs", PROTOBUF, &[0; 1001]).await;
    assert_eq!(answer.status, 413);
    let counters = rig.receiver.counters();
    assert_eq!((counters.metrics_dropped.get(), counters.logs_dropped.get()), (2, 1));
    assert!(rig.kept().is_empty());
    rig.finish().await;
}

#[tokio::test]
async fn only_the_expected_authorization_gets_in() {
    let authorization = Some(Authorization::new("Bearer 1234"));
    let rig = Rig::start(Limits { authorization, ..Limits::default() }).await;
    let answer = rig.post("/v1/traces", JSON, b"{}").await;
    assert_eq!(answer.status, 401);
    assert!(status_message(&answer, true).contains("Authorization"));
    let wrong = format!("{JSON}Authorization: Bearer 12345\r\n");
    assert_eq!(rig.post("/v1/traces", &wrong, b"{}").await.status, 401);
    let right = format!("{JSON}Authorization: Bearer 1234\r\n");
    assert_eq!(rig.post("/v1/traces", &right, b"{}").await.status, 200);
    assert_eq!(rig.receiver.counters().unauthorized.get(), 2);

    rig.receiver.configure(Limits::default());
    assert_eq!(rig.post("/v1/traces", JSON, b"{}").await.status, 200);
    rig.finish().await;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_the_sender_and_the_fault() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    let _until_the_end = tracing::subscriber::set_default(subscriber.finish());
    let rig = Rig::start(Limits::default()).await;
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    let sender = stream.local_addr().unwrap();
    let head = head("POST", "/v1/traces", &format!("{JSON}Content-Length: 3\r\n"));
    stream.write_all(&[head.as_bytes(), b"[1]"].concat()).await.unwrap();
    assert_eq!(HttpAnswer::read(stream).await.status, 400);
    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    let expected =
        format!("refused OTLP/HTTP from {sender}: malformed OTLP/JSON at line 1, byte 1");
    assert!(warnings[0].contains(&expected), "{log}");
    assert_eq!(warnings.len(), 1, "{log}");
    rig.finish().await;
}
