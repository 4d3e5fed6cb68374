//! Who is slow, or sends what takes long, delays nobody else. Everything here runs on one async thread,
//! so whatever blocks it is noticed: nobody is answered any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use parking_lot::{Condvar, Mutex};
use prost::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::grpc::{EXPORT, framed};
use super::rig::{HttpAnswer, PATIENCE, Rig, head, request};
use crate::receive::{Limits, Sink};
use crate::reduce::{Ingested, Malformed};

const FORMAT: &str = "Content-Type: application/x-protobuf\r\n";

/// An HTTP/2 frame of the first stream.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// The beginning of an HTTP/2 connection that exports over gRPC, up to the head of the request.
fn grpc_head() -> Vec<u8> {
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const END_HEADERS: u8 = 4;
    let mut block = Vec::new();
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", EXPORT),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    for (name, value) in headers {
        // A literal that is not to be remembered; all are shorter than 127 bytes.
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    [&preface[..], &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, END_HEADERS, 1, &block)].concat()
}

/// Everybody else: requests of the usual size by both doors.
async fn others_are_answered(rig: &Rig) {
    let usual = request(512);
    let others = async {
        let client = TraceServiceClient::connect(format!("http://{}", rig.grpc));
        let mut client = client.await.unwrap();
        for _ in 0..10 {
            client.export(usual.clone()).await.unwrap();
            let answer = rig.post("/v1/traces", FORMAT, &usual.encode_to_vec()).await;
            assert_eq!(answer.status, 200);
        }
    };
    timeout(PATIENCE, others).await.expect("others wait for those that are slow");
}

#[tokio::test]
async fn clients_that_stop_in_the_middle_delay_nobody() {
    const SLOW: usize = 40;
    const DATA: u8 = 0;
    let rig = Rig::start(Limits { body_timeout: PATIENCE, ..Limits::default() }).await;
    let body = request(512).encode_to_vec();
    let (first, last) = body.split_at(1_000);
    let announced = format!("{FORMAT}Content-Length: {}\r\n", body.len());
    let http = [head("POST", "/v1/traces", &announced).as_bytes(), first].concat();
    let message = framed(0, &body);
    // One frame that is whole, and one of which the most is missing.
    let whole = frame(DATA, 0, 1, &message[..1_000]);
    let stuck = frame(DATA, 1, 1, &message[1_000..]);
    let grpc = [&grpc_head()[..], &whole, &stuck[..2_000]].concat();

    let mut slow = Vec::new();
    for _ in 0..SLOW {
        for (port, bytes) in [(rig.http, &http), (rig.grpc, &grpc)] {
            let mut stream = TcpStream::connect(port).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            slow.push(stream);
        }
    }
    let least = 2 * SLOW as u64 * 1_000;
    rig.until("all are being read", |r| r.counters().in_flight_bytes.get() >= least).await;
    others_are_answered(&rig).await;
    assert_eq!(rig.kept().len(), 20);
    assert_eq!(rig.receiver.counters().pushed_back.get(), 0);

    // They were waited for all the same.
    for (number, stream) in slow.iter_mut().enumerate() {
        let rest = if number % 2 == 0 { last } else { &stuck[2_000..] };
        stream.write_all(rest).await.unwrap();
    }
    rig.until("they are taken", |r| r.counters().spans.get() == (20 + 2 * SLOW as u64) * 512).await;
    for (number, stream) in slow.into_iter().enumerate() {
        if number % 2 == 0 {
            assert_eq!(HttpAnswer::read(stream).await.status, 200);
        }
    }
    rig.finish().await;
}

/// Takes no large request until it may.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
}

/// Larger than any request that is worked on where it was read.
const LARGE: usize = 1 << 20;

impl Sink for Gate {
    fn traces(&self, request: Bytes) -> Result<Ingested, Malformed> {
        if request.len() >= LARGE {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let mut open = self.open.lock();
            while !*open {
                // A test that fails must end, too.
                if self.opened.wait_for(&mut open, 2 * PATIENCE).timed_out() {
                    break;
                }
            }
        }
        Ok(Ingested { spans: 1, ..Ingested::default() })
    }
}

#[tokio::test]
async fn requests_that_take_long_delay_no_usual_one() {
    let gate = Arc::new(Gate::default());
    let rig = Rig::with(Limits::default(), Arc::clone(&gate) as _).await;
    let large = vec![b'x'; LARGE];
    let mut long = Vec::new();
    // More than may be worked on at once.
    for _ in 0..2 * std::thread::available_parallelism().map_or(1, usize::from) {
        let mut stream = TcpStream::connect(rig.http).await.unwrap();
        let headers = format!("{FORMAT}Content-Length: {LARGE}\r\n");
        stream.write_all(head("POST", "/v1/traces", &headers).as_bytes()).await.unwrap();
        stream.write_all(&large).await.unwrap();
        long.push(stream);
    }
    let began = async {
        while gate.waiting.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, began).await.expect("a large request is being worked on");
    others_are_answered(&rig).await;
    *gate.open.lock() = true;
    gate.opened.notify_all();
    for stream in long {
        assert_eq!(HttpAnswer::read(stream).await.status, 200);
    }
    rig.finish().await;
}
