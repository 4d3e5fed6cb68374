//! The load generator against a server that refuses, wants requests again, and breaks connections off:
//! whatever happens, what was sent is what was accepted and what was refused, and no more.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use parking_lot::Mutex;
use prost::Message as _;
use serde_json::Value;
use spanfall_tests::program::run;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Accept,
    Refuse,
    /// It is wanted again, at a time that is told or not.
    Later(Option<Duration>),
    /// The connection ends without an answer.
    Break,
}

/// What becomes of the request that came first as the `number`th, at its so many-th attempt.
type Plan = fn(number: usize, attempt: usize) -> Fate;

#[derive(Default)]
struct Seen {
    /// Requests by their bytes: when each came first, and how often.
    requests: HashMap<Bytes, (usize, usize)>,
    accepted: u64,
    refused: u64,
    later: u64,
    broken: u64,
}

struct Server {
    plan: Plan,
    seen: Mutex<Seen>,
}

impl Server {
    fn take(&self, body: Bytes, prefix: usize) -> Fate {
        let spans = spans(&body.slice(prefix..));
        let seen = &mut *self.seen.lock();
        let number = seen.requests.len();
        let (number, attempts) = seen.requests.entry(body).or_insert((number, 0));
        let fate = (self.plan)(*number, *attempts);
        *attempts += 1;
        match fate {
            Fate::Accept => seen.accepted += spans,
            Fate::Refuse => seen.refused += spans,
            Fate::Later(_) => seen.later += 1,
            Fate::Break => seen.broken += 1,
        }
        fate
    }
}

fn spans(message: &[u8]) -> u64 {
    let request = ExportTraceServiceRequest::decode(message).unwrap();
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len() as u64).sum()
}

fn http_answer(fate: Fate, number: u64) -> Response<Full<Bytes>> {
    // All that OTLP/HTTP has clients send again.
    const LATER: [StatusCode; 4] = [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = match fate {
        Fate::Accept | Fate::Break => StatusCode::OK,
        Fate::Refuse => StatusCode::BAD_REQUEST,
        Fate::Later(_) => LATER[usize::try_from(number).unwrap() % LATER.len()],
    };
    if let Fate::Later(Some(after)) = fate {
        answer.headers_mut().insert(RETRY_AFTER, after.as_secs().into());
    }
    answer
}

fn grpc_answer(fate: Fate, number: u64) -> Response<Full<Bytes>> {
    let status = match fate {
        Fate::Accept | Fate::Break => Status::new(Code::Ok, ""),
        // Exhausted for good, unless it is said when to come again.
        Fate::Refuse if number.is_multiple_of(2) => Status::resource_exhausted("too large"),
        Fate::Refuse => Status::invalid_argument("no spans"),
        Fate::Later(None) => Status::unavailable("busy"),
        Fate::Later(after) => Status::with_error_details(
            Code::ResourceExhausted,
            "busy",
            ErrorDetails::with_retry_info(after),
        ),
    };
    let mut answer = Response::new(Full::default());
    answer.headers_mut().insert(CONTENT_TYPE, "application/grpc".parse().unwrap());
    status.add_header(answer.headers_mut()).unwrap();
    answer
}

/// Serves both protocols on a port, by this plan.
async fn serve(plan: Plan) -> (SocketAddr, Arc<Server>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Arc::new(Server { plan, seen: Mutex::default() });
    let shared = Arc::clone(&server);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (server, broken) = (Arc::clone(&shared), Arc::new(Notify::new()));
            let end = Arc::clone(&broken);
            let service = service_fn(move |request: Request<Incoming>| {
                let (server, broken) = (Arc::clone(&server), Arc::clone(&broken));
                async move {
                    let grpc = request.uri().path().ends_with("/Export");
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let fate = server.take(body, if grpc { 5 } else { 0 });
                    if fate == Fate::Break {
                        broken.notify_one();
                        std::future::pending::<()>().await;
                    }
                    let seen = server.seen.lock();
                    let number = seen.later + seen.refused;
                    let answer = if grpc { grpc_answer } else { http_answer };
                    Ok::<_, Infallible>(answer(fate, number))
                }
            });
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                tokio::select! {
                    _ended = connection => {}
                    () = end.notified() => {}
                }
            });
        }
    });
    (address, server)
}

/// Sends some forty requests; returns the exit code and the report.
async fn send(address: SocketAddr, protocol: &'static str) -> (Option<i32>, Value) {
    let target = format!("http://{address}");
    let ended = tokio::task::spawn_blocking(move || {
        let what = ["--json", "--protocol", protocol, "--small", "--batch", "50"];
        let how = ["--count", "2000", "--connections", "3", &target];
        run("spanfall-load", &[&what[..], &how].concat())
    });
    let ended = ended.await.unwrap();
    let report = serde_json::from_str(&ended.stdout);
    (ended.code, report.unwrap_or_else(|_| panic!("{}{}", ended.stdout, ended.stderr)))
}

#[track_caller]
fn adds_up(report: &Value, server: &Server) {
    let sent = |name: &str| report["sent"][name].as_u64().unwrap();
    let seen = server.seen.lock();
    assert!(sent("spans") >= 2_000, "{report:#}");
    assert_eq!(sent("spans"), sent("accepted") + sent("refused"), "{report:#}");
    assert_eq!((sent("accepted"), sent("refused")), (seen.accepted, seen.refused), "{report:#}");
    assert_eq!((sent("retried"), sent("reconnected")), (seen.later, seen.broken), "{report:#}");
    // What is sent again is the same request, not another one.
    assert_eq!(sent("requests"), seen.requests.len() as u64, "{report:#}");
    assert_eq!((sent("rejected"), sent("given_up")), (0, 0), "{report:#}");
    assert_eq!(report["latency"]["count"].as_u64().unwrap(), sent("requests") - refused(&seen));
}

/// Requests that were refused, each with fifty spans.
fn refused(seen: &Seen) -> u64 {
    seen.refused / 50
}

/// Every fifth request is refused at once or in the end; others are taken at once, or after they were
/// asked for again or their connection broke.
fn moody(number: usize, attempt: usize) -> Fate {
    match (number % 10, attempt) {
        (1, _) => Fate::Refuse,
        (6, 0) => Fate::Later(Some(Duration::ZERO)),
        (6, _) => Fate::Refuse,
        (2 | 4, 0..3) => Fate::Later(Some(Duration::ZERO)),
        (3, 0) | (4, 3) => Fate::Break,
        (7, 0) => Fate::Later(None),
        _ => Fate::Accept,
    }
}

/// Every request is wanted again, and taken then.
fn busy(_: usize, attempt: usize) -> Fate {
    if attempt < 2 { Fate::Later(Some(Duration::ZERO)) } else { Fate::Accept }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_or_wanted_again_is_counted_once_by_both_protocols() {
    for protocol in ["http", "grpc"] {
        let (address, server) = serve(moody).await;
        let (code, report) = send(address, protocol).await;
        assert_eq!(code, Some(1), "spans were refused: {report:#}");
        adds_up(&report, &server);
        assert!(report["sent"]["refused"].as_u64().unwrap() >= 400, "{report:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_requests_are_all_taken_in_the_end_has_done_well() {
    for protocol in ["http", "grpc"] {
        let (address, server) = serve(busy).await;
        let (code, report) = send(address, protocol).await;
        assert_eq!(code, Some(0), "{report:#}");
        adds_up(&report, &server);
        let requests = report["sent"]["requests"].as_u64().unwrap();
        assert_eq!(report["sent"]["retried"], 2 * requests, "{report:#}");
    }
}
