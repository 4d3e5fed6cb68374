//! The OTLP/gRPC door. In: unary `Export` calls. Out: spans to the sink as the bytes they came
//! in, and gRPC answers.
//!
//! The framing is read here, not by tonic's codec, because that one decompresses on the async
//! threads and has one limit for both sizes.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use flate2::write::GzEncoder;
use futures::stream;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::body::{InFlight, collect, discard};
use super::connections::{self, Peer};
use super::counters::{Compression, Protocol, Signal};
use super::ingest::Traces;
use super::refusal::{Refusal, cut};
use super::{Receiver, answer};

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// A message's compression flag and length.
const PREFIX: usize = 5;

type Answer =
    Response<StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>>;

/// Serves OTLP/gRPC on the listener until `stop`; returns when running requests are answered, or
/// have had [`Limits::shutdown_grace`](super::Limits::shutdown_grace) for it.
pub async fn serve_grpc(listener: TcpListener, receiver: Arc<Receiver>, stop: CancellationToken) {
    let shared = Arc::clone(&receiver);
    let service = service_fn(move |request| {
        let receiver = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(export(&receiver, request).await) }
    });
    connections::serve(listener, "OTLP/gRPC", receiver, stop, service).await;
}

async fn export(receiver: &Arc<Receiver>, request: Request<Incoming>) -> Answer {
    if request.version() != Version::HTTP_2 || !is_grpc(request.headers()) {
        return other_protocol();
    }
    let Some(signal) = signal(request.uri().path()) else {
        let text = format!(
            "there is no method {}; this port takes Export of OTLP traces, metrics and logs",
            cut(request.uri().path())
        );
        return refuse(Status::unimplemented(text));
    };
    let peer = request.extensions().get().map(|Peer(peer): &Peer| *peer);
    let answers_in = answer_compression(request.headers());
    match take(receiver, signal, request).await {
        Ok(message) => accept(&message, answers_in),
        Err(refusal) => refuse(status(receiver, peer, &refusal)),
    }
}

/// Takes one call; returns the message to answer.
async fn take(
    receiver: &Arc<Receiver>,
    signal: Signal,
    request: Request<Incoming>,
) -> Result<Bytes, Refusal> {
    let limits = receiver.limits();
    let (head, body) = request.into_parts();
    receiver.authorize(&head.headers)?;
    let compression = compression(&head.headers)?;
    let counters = receiver.counters();
    counters.requests.of(Protocol::Grpc, compression).add(1);
    let body = pin!(body.into_data_stream());
    let bytes = counters.bytes.of(Protocol::Grpc, compression);
    if signal != Signal::Traces {
        bytes.add(discard(body, PREFIX, &limits).await? as u64);
        receiver.drop_signal(signal);
        return Ok(Bytes::new());
    }
    let mut held = InFlight::new(Arc::clone(receiver));
    let body = collect(body, PREFIX, announced, &limits, &mut held).await?;
    bytes.add(body.len() as u64);
    let (compressed, body) = message(body)?;
    let compression = match (compressed, compression) {
        (false, _) => Compression::Identity,
        (true, Compression::Identity) => {
            let text = "a message is marked as compressed, but grpc-encoding does not say how";
            return Err(Refusal::Malformed(text.into()));
        }
        (true, compression) => compression,
    };
    let traces = Traces { protocol: Protocol::Grpc, compression, body, held };
    let ingested = receiver.take(traces).await?;
    Ok(answer::to_traces(&ingested))
}

/// The length of the body whose first bytes these are, as its only message's prefix says.
fn announced(begins: &[u8]) -> Option<usize> {
    let (&[_, a, b, c, d], _) = begins.split_first_chunk()?;
    usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?.checked_add(PREFIX)
}

/// Takes the only message out of its frame; says whether it is compressed.
fn message(body: Bytes) -> Result<(bool, Bytes), Refusal> {
    let Some((&[flag, a, b, c, d], rest)) = body.split_first_chunk() else {
        let text = format!("the body has {} bytes, too few for a message", body.len());
        return Err(Refusal::Malformed(text));
    };
    let declared = u32::from_be_bytes([a, b, c, d]);
    if u32::try_from(rest.len()) != Ok(declared) {
        let text = format!("a message of {declared} bytes is announced, {} came", rest.len());
        return Err(Refusal::Malformed(text));
    }
    match flag {
        0 | 1 => Ok((flag == 1, body.slice(PREFIX..))),
        _ => Err(Refusal::Malformed(format!("a message has the unknown flag {flag}"))),
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    match content_type.strip_prefix(b"application/grpc") {
        Some(rest) => rest.is_empty() || rest.starts_with(b";") || rest.starts_with(b"+proto"),
        None => false,
    }
}

fn signal(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}

fn compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let Some(value) = headers.get(ENCODING) else { return Ok(Compression::Identity) };
    let name = String::from_utf8_lossy(value.as_bytes());
    Compression::named(&name).ok_or_else(|| Refusal::encoding(&name))
}

/// How the client would like its answer compressed.
fn answer_compression(headers: &HeaderMap) -> Compression {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted
        .unwrap_or_default()
        .split(',')
        .filter_map(Compression::named)
        .find(|compression| *compression != Compression::Identity)
        .unwrap_or(Compression::Identity)
}

fn accept(message: &[u8], compression: Compression) -> Answer {
    // Nearly every answer is empty, which compression could only make longer.
    let compression = if message.is_empty() { Compression::Identity } else { compression };
    let (compression, message) = match compress(message, compression) {
        Ok(compressed) => (compression, compressed),
        Err(_) => (Compression::Identity, message.to_vec()),
    };
    let mut data = BytesMut::with_capacity(PREFIX + message.len());
    data.put_u8(u8::from(compression != Compression::Identity));
    data.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    data.put_slice(&message);
    let mut trailers = HeaderMap::new();
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from(Code::Ok as i32));
    let frames = vec![Ok(Frame::data(data.freeze())), Ok(Frame::trailers(trailers))];
    let mut answer = Response::new(StreamBody::new(stream::iter(frames)));
    answer.headers_mut().insert(CONTENT_TYPE, GRPC);
    if compression != Compression::Identity {
        answer.headers_mut().insert(ENCODING, HeaderValue::from_static(compression.as_str()));
    }
    answer
}

fn compress(message: &[u8], compression: Compression) -> std::io::Result<Vec<u8>> {
    match compression {
        Compression::Identity => Ok(message.to_vec()),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(message)?;
            encoder.finish()
        }
        Compression::Zstd => zstd::encode_all(message, 1),
    }
}

/// The refusal as OTLP/gRPC says it: only what is worth sending again gets a retryable code.
fn status(receiver: &Receiver, peer: Option<SocketAddr>, refusal: &Refusal) -> Status {
    receiver.note(refusal, peer, "OTLP/gRPC");
    let text = refusal.to_string();
    let code = match refusal {
        Refusal::Malformed(_) => Code::InvalidArgument,
        Refusal::TooLarge { .. } => Code::ResourceExhausted,
        Refusal::TooSlow(_) => Code::DeadlineExceeded,
        Refusal::Unauthorized => Code::Unauthenticated,
        Refusal::Encoding(_) | Refusal::ContentType(_) => Code::Unimplemented,
        Refusal::Failed => Code::Internal,
        Refusal::Busy { retry_after } => {
            let details = ErrorDetails::with_retry_info(Some(*retry_after));
            return Status::with_error_details(Code::Unavailable, text, details);
        }
    };
    Status::new(code, text)
}

fn refuse(status: Status) -> Answer {
    let mut answer = status.into_http::<()>().map(|()| StreamBody::new(stream::iter(Vec::new())));
    let accepted = HeaderValue::from_static("gzip,zstd,identity");
    answer.headers_mut().insert(ACCEPT_ENCODING, accepted);
    answer
}

/// What somebody who speaks HTTP without gRPC is told.
fn other_protocol() -> Answer {
    let text = "This port speaks OTLP/gRPC. Send OTLP/HTTP to the collector's other port, usually \
                4318, or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc.\n";
    let frames = vec![Ok(Frame::data(Bytes::from_static(text.as_bytes())))];
    let mut answer = Response::new(StreamBody::new(stream::iter(frames)));
    *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}
