//! Connections: how many, how long, and how they end.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::rig::{HttpAnswer, PATIENCE, Rig, head, request};
use crate::receive::Limits;

/// Waits for the other side to close, whichever way.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let _closed_or_reset = end.expect("the connection is closed");
    bytes
}

/// A request that lacks its last byte, and that byte.
fn all_but_one() -> (Vec<u8>, Vec<u8>) {
    let mut body = request(1).encode_to_vec();
    let headers =
        format!("Content-Type: application/x-protobuf\r\nContent-Length: {}\r\n", body.len());
    let last = body.split_off(body.len() - 1);
    ([head("POST", "/v1/traces", &headers).as_bytes(), &body].concat(), last)
}

#[tokio::test]
async fn one_connection_too_many_is_closed_until_there_is_room() {
    let rig = Rig::start(Limits { max_connections: 1, ..Limits::default() }).await;
    let first = TcpStream::connect(rig.http).await.unwrap();
    rig.until("the first is open", |r| r.counters().connections.get() == 1).await;
    // The limit holds over both ports.
    for port in [rig.http, rig.grpc] {
        let mut second = TcpStream::connect(port).await.unwrap();
        assert_eq!(closed(&mut second).await, b"");
    }
    assert_eq!(rig.receiver.counters().connections_refused.get(), 2);
    drop(first);
    rig.until("the first is gone", |r| r.counters().connections.get() == 0).await;
    let answer = rig.post("/v1/traces", "Content-Type: application/json\r\n", b"{}").await;
    assert_eq!(answer.status, 200);
    rig.finish().await;
}

#[tokio::test]
async fn connections_that_do_nothing_are_closed() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(20),
        shutdown_grace: Duration::from_millis(20),
        ..Limits::default()
    };
    let rig = Rig::start(limits).await;
    for port in [rig.http, rig.grpc] {
        let mut silent = TcpStream::connect(port).await.unwrap();
        closed(&mut silent).await;
        let mut dawdling = TcpStream::connect(port).await.unwrap();
        dawdling.write_all(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
        closed(&mut dawdling).await;
        // The beginning of HTTP/2, and then nothing.
        let mut preface = TcpStream::connect(port).await.unwrap();
        preface.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        closed(&mut preface).await;
    }
    rig.until("all are gone", |r| r.counters().connections.get() == 0).await;
    rig.finish().await;
}

#[tokio::test]
async fn a_connection_with_a_running_request_is_not_idle() {
    let limits = Limits { idle_timeout: Duration::from_millis(20), ..Limits::default() };
    let rig = Rig::start(limits).await;
    let (start, last) = all_but_one();
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    stream.write_all(&start).await.unwrap();
    rig.until("the body is being read", |r| r.counters().in_flight_bytes.get() > 0).await;
    // By when one that came later has been closed, this one would have been.
    for _ in 0..3 {
        closed(&mut TcpStream::connect(rig.http).await.unwrap()).await;
    }
    stream.write_all(&last).await.unwrap();
    assert_eq!(HttpAnswer::read(stream).await.status, 200);
    rig.finish().await;
}

#[tokio::test]
async fn a_running_request_is_answered_though_the_receiver_stops() {
    let limits = Limits { shutdown_grace: PATIENCE, ..Limits::default() };
    let rig = Rig::start(limits).await;
    let (start, last) = all_but_one();
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    stream.write_all(&start).await.unwrap();
    rig.until("the body is being read", |r| r.counters().in_flight_bytes.get() > 0).await;

    let mut grpc = TraceServiceClient::connect(format!("http://{}", rig.grpc)).await.unwrap();
    grpc.export(request(1)).await.unwrap();
    rig.stop.cancel();
    // The listener goes first; the kernel may take a moment.
    timeout(PATIENCE, async {
        while TcpStream::connect(rig.http).await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("no more connections");

    stream.write_all(&last).await.unwrap();
    assert_eq!(HttpAnswer::read(stream).await.status, 200);
    assert_eq!(rig.kept().len(), 2);
    rig.finish().await;
    assert!(grpc.export(request(1)).await.is_err());
}

#[tokio::test]
async fn a_stuck_request_does_not_hold_up_the_end() {
    let limits = Limits { shutdown_grace: Duration::from_millis(20), ..Limits::default() };
    let rig = Rig::start(limits).await;
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    stream.write_all(&all_but_one().0).await.unwrap();
    rig.until("the body is being read", |r| r.counters().in_flight_bytes.get() > 0).await;
    let receiver = rig.receiver.clone();
    rig.finish().await;
    assert_eq!(closed(&mut stream).await, b"");
    assert_eq!(receiver.counters().in_flight_bytes.get(), 0);
    assert_eq!(receiver.counters().connections.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_senders_at_once_lose_nothing() {
    let rig = Rig::start(Limits::default()).await;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let grpc = rig.grpc;
        senders.spawn(async move {
            let mut client = TraceServiceClient::connect(format!("http://{grpc}")).await.unwrap();
            for _ in 0..20 {
                client.export(request(7)).await.unwrap();
            }
        });
    }
    let body = request(3).encode_to_vec();
    for _ in 0..100 {
        let format = "Content-Type: application/x-protobuf\r\n";
        assert_eq!(rig.post("/v1/traces", format, &body).await.status, 200);
    }
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
    assert_eq!(rig.receiver.counters().spans.get(), 32 * 20 * 7 + 300);
    assert_eq!(rig.kept().len(), 32 * 20 + 100);
    rig.finish().await;
}
