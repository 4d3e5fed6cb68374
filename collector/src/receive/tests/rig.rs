//! A receiver on two free ports, whose sink keeps what it gets, and what clients need.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::receive::{Limits, Receiver, Sink, serve_grpc, serve_http};
use crate::reduce::{Ingested, Malformed};

/// Longer than anything here takes; reached only where something hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps every request, with prost as the judge of what is one.
#[derive(Default)]
pub(super) struct Kept(Mutex<Vec<ExportTraceServiceRequest>>);

impl Sink for Kept {
    fn traces(&self, request: Bytes) -> Result<Ingested, Malformed> {
        let request = ExportTraceServiceRequest::decode(request)
            .map_err(|_| Malformed { at: 7, what: "prost says no" })?;
        let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
        let spans: Vec<_> = spans.flat_map(|s| &s.spans).collect();
        let rejected = spans.iter().filter(|span| span.trace_id.len() != 16).count() as u64;
        let reason = (rejected > 0).then_some("no trace id");
        let ingested = Ingested { spans: spans.len() as u64, rejected, reason };
        self.0.lock().push(request);
        Ok(ingested)
    }
}

pub(super) struct Rig {
    pub(super) receiver: Arc<Receiver>,
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    pub(super) stop: CancellationToken,
    kept: Arc<Kept>,
    servers: Vec<JoinHandle<()>>,
}

impl Rig {
    pub(super) async fn start(limits: Limits) -> Self {
        let kept = Arc::new(Kept::default());
        let rig = Self::with(limits, Arc::clone(&kept) as _).await;
        Self { kept, ..rig }
    }

    /// With a sink of the test's own; nothing is kept.
    pub(super) async fn with(limits: Limits, sink: Arc<dyn Sink>) -> Self {
        let kept = Arc::default();
        let receiver = Arc::new(Receiver::new(limits, sink));
        let stop = CancellationToken::new();
        let (http, grpc) = (listener().await, listener().await);
        let addresses = (http.local_addr().unwrap(), grpc.local_addr().unwrap());
        let servers = vec![
            tokio::spawn(serve_http(http, Arc::clone(&receiver), stop.clone())),
            tokio::spawn(serve_grpc(grpc, Arc::clone(&receiver), stop.clone())),
        ];
        Self { receiver, http: addresses.0, grpc: addresses.1, stop, kept, servers }
    }

    /// Takes what the sink has got so far.
    pub(super) fn kept(&self) -> Vec<ExportTraceServiceRequest> {
        std::mem::take(&mut self.kept.0.lock())
    }

    /// Waits until the receiver's counters are as they should be.
    pub(super) async fn until(&self, what: &str, condition: impl Fn(&Receiver) -> bool) {
        let wait = async {
            while !condition(&self.receiver) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("still waiting until {what}"));
    }

    /// Stops both servers and waits for their end.
    pub(super) async fn finish(self) {
        self.stop.cancel();
        for server in self.servers {
            timeout(PATIENCE, server).await.expect("the server stops").unwrap();
        }
    }

    /// Sends one HTTP request on a connection of its own.
    pub(super) async fn post(&self, path: &str, headers: &str, body: &[u8]) -> HttpAnswer {
        let head = head("POST", path, &format!("{headers}Content-Length: {}\r\n", body.len()));
        exchange(self.http, &[head.as_bytes(), body].concat()).await
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

pub(super) fn head(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

/// Sends bytes on a connection of their own and reads the answer to its end.
pub(super) async fn exchange(address: SocketAddr, bytes: &[u8]) -> HttpAnswer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    HttpAnswer::read(stream).await
}

#[derive(Debug)]
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl HttpAnswer {
    /// Reads an answer up to the end of the connection.
    pub(super) async fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer");
        read.unwrap();
        Self::parse(&bytes)
    }

    pub(super) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head[9..12].parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(given, _)| *given == name).map(|(_, value)| value)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// A request with so many spans.
pub(super) fn request(spans: usize) -> ExportTraceServiceRequest {
    let span = |number: usize| Span {
        trace_id: vec![1; 16],
        span_id: (number as u64 + 1).to_be_bytes().to_vec(),
        name: format!("span {number}"),
        ..Span::default()
    };
    let spans = (0..spans).map(span).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

/// A request with two spans, the second of which has no trace id.
pub(super) fn request_with_a_bad_span() -> ExportTraceServiceRequest {
    let mut request = request(2);
    request.resource_spans[0].scope_spans[0].spans[1].trace_id.clear();
    request
}

pub(super) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 1).unwrap()
}
