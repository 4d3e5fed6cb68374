//! The OTLP/gRPC door.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::rig::{Rig, exchange, gzip, head, request, request_with_a_bad_span, zstd};
use crate::receive::{Authorization, Compression, Limits, Protocol};

pub(super) const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

pub(super) async fn channel(rig: &Rig) -> Channel {
    Channel::from_shared(format!("http://{}", rig.grpc)).unwrap().connect().await.unwrap()
}

/// Sends a call whose framing is up to the test.
pub(super) async fn call(
    channel: &mut Channel,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Response<Body> {
    let mut request = Request::post(path).header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::new(Full::from(body))).unwrap();
    std::future::poll_fn(|context| GrpcService::<Body>::poll_ready(channel, context))
        .await
        .unwrap();
    GrpcService::<Body>::call(channel, request).await.unwrap()
}

async fn refused(channel: &mut Channel, headers: &[(&str, &str)], body: Vec<u8>) -> Status {
    let answer = call(channel, EXPORT, headers, body).await;
    Status::from_header_map(answer.headers()).expect("a status")
}

pub(super) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}

#[tokio::test]
async fn spans_reach_the_sink_in_every_encoding() {
    let rig = Rig::start(Limits::default()).await;
    let channel = channel(&rig).await;
    for encoding in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let mut client = TraceServiceClient::new(channel.clone());
        if let Some(encoding) = encoding {
            client = client.send_compressed(encoding).accept_compressed(encoding);
        }
        for spans in [1, 5000] {
            let answer = client.export(request(spans)).await.unwrap().into_inner();
            assert_eq!(answer.partial_success, None);
            assert!(rig.kept() == [request(spans)]);
        }
    }
    let counters = rig.receiver.counters();
    for compression in Compression::ALL {
        assert_eq!(counters.requests.get(Protocol::Grpc, compression), 2);
        assert!(counters.bytes.get(Protocol::Grpc, compression) > 0);
    }
    assert_eq!(counters.spans.get(), 3 * 5001);
    assert_eq!(counters.in_flight_bytes.get(), 0);
    drop(channel);
    rig.finish().await;
}

#[tokio::test]
async fn rejected_spans_are_a_partial_success() {
    let rig = Rig::start(Limits::default()).await;
    let channel = channel(&rig).await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = TraceServiceClient::new(channel.clone()).accept_compressed(encoding);
        let answer = client.export(request_with_a_bad_span()).await.unwrap();
        let used = answer.metadata().get("grpc-encoding").map(|value| value.to_str().unwrap());
        let gzip = matches!(encoding, CompressionEncoding::Gzip);
        assert_eq!(used, Some(if gzip { "gzip" } else { "zstd" }));
        let partial = answer.into_inner().partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 1);
        assert_eq!(partial.error_message, "1 of 2 spans rejected: no trace id");
    }
    let mut plain = TraceServiceClient::new(channel);
    let answer = plain.export(request_with_a_bad_span()).await.unwrap();
    assert!(answer.metadata().get("grpc-encoding").is_none());
    assert_eq!(answer.into_inner().partial_success.unwrap().rejected_spans, 1);
    drop(plain);
    rig.finish().await;
}

#[tokio::test]
async fn malformed_calls_are_not_to_be_sent_again() {
    let rig = Rig::start(Limits::default()).await;
    let mut channel = channel(&rig).await;
    let message = request(1).encode_to_vec();
    let cut = &message[..message.len() - 1];
    let status = refused(&mut channel, &[], framed(0, cut)).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "malformed protobuf at byte 7: prost says no");
    let two = [framed(0, &message), framed(0, &message)].concat();
    let gzip_header = [("grpc-encoding", "gzip")];
    for (headers, body) in [
        (&[][..], Vec::new()),
        (&[], vec![0, 0, 0]),
        (&[], framed(0, &message)[..20].to_vec()),
        (&[], vec![0, 255, 255, 255, 255, 1]),
        (&[], two),
        (&[], framed(7, &message)),
        (&[], framed(1, &message)),
        (&gzip_header, framed(1, &message)),
        (&gzip_header, framed(1, &gzip(&message)[..30])),
    ] {
        let status = refused(&mut channel, headers, body.clone()).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{body:?} {status:?}");
        assert!(status.get_details_retry_info().is_none());
    }
    // A flag that says "not compressed" goes before a header that says how.
    let answer = call(&mut channel, EXPORT, &gzip_header, framed(0, &message)).await;
    assert!(answer.headers().get("grpc-status").is_none());
    let trailers = answer.into_body().collect().await.unwrap().trailers().cloned().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(rig.receiver.counters().malformed.get(), 10);
    drop(channel);
    rig.finish().await;
}

#[tokio::test]
async fn calls_over_a_limit_are_not_to_be_sent_again() {
    let limits =
        Limits { max_request_bytes: 100_000, max_decompressed_bytes: 1 << 20, ..Limits::default() };
    let rig = Rig::start(limits).await;
    let mut channel = channel(&rig).await;
    assert!(request(10_000).encoded_len() > 200_000);
    let mut client = TraceServiceClient::new(channel.clone());
    let status = client.export(request(10_000)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("larger than 100000 bytes; "), "{status}");
    assert!(status.get_details_retry_info().is_none());

    let zeros = vec![0; 8 << 20];
    for (encoding, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
        assert!(bomb.len() < 100_000);
        let headers = [("grpc-encoding", encoding)];
        let status = refused(&mut channel, &headers, framed(1, &bomb)).await;
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("1048576 bytes when decompressed"), "{status}");
        assert!(status.get_details_retry_info().is_none());
    }
    assert_eq!(rig.receiver.counters().too_large.get(), 3);
    // A message of exactly the limit is fine; its frame does not count.
    let status = refused(&mut channel, &[], framed(0, &vec![0xff; 100_000])).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    drop((channel, client));
    rig.finish().await;
}

#[tokio::test]
async fn too_much_in_flight_says_when_to_come_back() {
    let limits = Limits {
        max_request_bytes: 1000,
        max_decompressed_bytes: 1000,
        max_in_flight_bytes: 0,
        retry_after: Duration::from_millis(1500),
        ..Limits::default()
    };
    let rig = Rig::start(limits).await;
    let headers = "Content-Type: application/x-protobuf\r\nContent-Length: 1000\r\n";
    let head = head("POST", "/v1/traces", headers);
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(rig.http).await.unwrap();
        stream.write_all(&[head.as_bytes(), &[0; 999]].concat()).await.unwrap();
        waiting.push(stream);
    }
    rig.until("2997 bytes wait", |r| r.counters().in_flight_bytes.get() >= 2997).await;
    let mut client = TraceServiceClient::new(channel(&rig).await);
    let status = client.export(request(10)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let retry = status.get_details_retry_info().unwrap().retry_delay;
    assert_eq!(retry, Some(Duration::from_millis(1500)));
    drop(waiting);
    rig.until("they are gone", |r| r.counters().in_flight_bytes.get() == 0).await;
    client.export(request(1)).await.unwrap();
    drop(client);
    rig.finish().await;
}

#[tokio::test]
async fn metrics_and_logs_are_accepted_and_dropped() {
    let rig = Rig::start(Limits::default()).await;
    let channel = channel(&rig).await;
    let mut metrics = MetricsServiceClient::new(channel.clone());
    let answer = metrics.export(ExportMetricsServiceRequest::default()).await.unwrap();
    assert_eq!(answer.into_inner().partial_success, None);
    let mut logs = LogsServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
    let answer = logs.export(ExportLogsServiceRequest::default()).await.unwrap();
    assert_eq!(answer.into_inner().partial_success, None);
    let counters = rig.receiver.counters();
    assert_eq!((counters.metrics_dropped.get(), counters.logs_dropped.get()), (1, 1));
    assert!(rig.kept().is_empty());
    drop((metrics, logs));
    rig.finish().await;
}

#[tokio::test]
async fn unknown_methods_and_encodings_are_unimplemented() {
    let rig = Rig::start(Limits::default()).await;
    let mut channel = channel(&rig).await;
    let answer = call(&mut channel, "/some.Service/Method", &[], framed(0, b"")).await;
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("/some.Service/Method"), "{status}");

    let snappy = [("grpc-encoding", "snappy")];
    let answer = call(&mut channel, EXPORT, &snappy, framed(1, b"x")).await;
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(answer.headers()["grpc-accept-encoding"], "gzip,zstd,identity");
    drop(channel);
    rig.finish().await;
}

#[tokio::test]
async fn http_without_grpc_is_sent_to_the_other_port() {
    let rig = Rig::start(Limits::default()).await;
    let headers = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    let bytes = [head("POST", "/v1/traces", headers).as_bytes(), b"{}"].concat();
    let answer = exchange(rig.grpc, &bytes).await;
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains("usually 4318"), "{answer:?}");
    rig.finish().await;
}

#[tokio::test]
async fn only_the_expected_authorization_gets_in() {
    let authorization = Some(Authorization::new("Bearer 1234"));
    let rig = Rig::start(Limits { authorization, ..Limits::default() }).await;
    let mut channel = channel(&rig).await;
    let status = refused(&mut channel, &[], framed(0, b"")).await;
    assert_eq!(status.code(), Code::Unauthenticated);
    let right = [("authorization", "Bearer 1234")];
    let answer = call(&mut channel, EXPORT, &right, framed(0, b"")).await;
    let body: Bytes = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, framed(0, b""));
    drop(channel);
    rig.finish().await;
}

#[tokio::test]
async fn a_call_that_dawdles_times_out() {
    let limits = Limits { body_timeout: Duration::from_millis(50), ..Limits::default() };
    let rig = Rig::start(limits).await;
    let mut channel = channel(&rig).await;
    // A body that never ends.
    let body = Body::new(http_body_util::StreamBody::new(futures::stream::pending::<
        Result<hyper::body::Frame<Bytes>, std::convert::Infallible>,
    >()));
    let request =
        Request::post(EXPORT).header("content-type", "application/grpc").body(body).unwrap();
    std::future::poll_fn(|context| GrpcService::<Body>::poll_ready(&mut channel, context))
        .await
        .unwrap();
    let answer = GrpcService::<Body>::call(&mut channel, request).await.unwrap();
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    drop((channel, answer));
    rig.finish().await;
}
