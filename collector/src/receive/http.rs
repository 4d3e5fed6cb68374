//! The OTLP/HTTP door. In: `POST /v1/traces`, `/v1/metrics` and `/v1/logs`, in protobuf or JSON.
//! Out: spans to the sink as protobuf, and answers in the request's own format.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures::Stream;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use warp::Filter;
use warp::http::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName,
    HeaderValue, RETRY_AFTER,
};
use warp::http::{Method, StatusCode};
use warp::path::FullPath;
use warp::reply::Response;

use super::body::{InFlight, collect, discard, linger};
use super::connections::{self, Peer};
use super::counters::{Compression, Protocol, Signal};
use super::ingest::Traces;
use super::refusal::{Refusal, cut, retry_seconds};
use super::{Receiver, answer};
use crate::reduce::Ingested;

/// Serves OTLP/HTTP on the listener until `stop`; returns when running requests are answered, or
/// have had [`Limits::shutdown_grace`](super::Limits::shutdown_grace) for it.
pub async fn serve_http(listener: TcpListener, receiver: Arc<Receiver>, stop: CancellationToken) {
    let service = TowerToHyperService::new(warp::service(routes(Arc::clone(&receiver))));
    connections::serve(listener, "OTLP/HTTP", receiver, stop, service).await;
}

fn routes(
    receiver: Arc<Receiver>,
) -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone + Send + Sync + 'static {
    let peer = warp::ext::optional::<Peer>().map(|peer: Option<Peer>| peer.map(|Peer(peer)| peer));
    let export = warp::path!("v1" / Signal)
        .and(warp::any().map(move || Arc::clone(&receiver)))
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(peer)
        .and(warp::body::stream())
        .then(export);
    let elsewhere = warp::path::full().and(warp::body::stream()).then(nothing_here);
    export.or(elsewhere).unify()
}

impl FromStr for Signal {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "traces" => Ok(Self::Traces),
            "metrics" => Ok(Self::Metrics),
            "logs" => Ok(Self::Logs),
            _ => Err(()),
        }
    }
}

async fn export(
    signal: Signal,
    receiver: Arc<Receiver>,
    method: Method,
    headers: HeaderMap,
    peer: Option<SocketAddr>,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Response {
    let mut body = pin!(body);
    if method != Method::POST {
        linger(body).await;
        let text = format!("Send OTLP by POST, not by {method}.\n");
        let mut answer = plain_text(StatusCode::METHOD_NOT_ALLOWED, text);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return answer;
    }
    let format = Format::of(&headers);
    match take(&receiver, signal, &headers, &format, body.as_mut()).await {
        Ok(ingested) => format.accept(&ingested),
        Err(refusal) => {
            receiver.note(&refusal, peer, "OTLP/HTTP");
            // A sender that was too slow has had its time, and one that asked first does not send.
            if !matches!(refusal, Refusal::TooSlow(_)) && !headers.contains_key(EXPECT) {
                linger(body).await;
            }
            format.refuse(&refusal)
        }
    }
}

async fn take<S, B>(
    receiver: &Arc<Receiver>,
    signal: Signal,
    headers: &HeaderMap,
    format: &Format,
    body: Pin<&mut S>,
) -> Result<Ingested, Refusal>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let limits = receiver.limits();
    receiver.authorize(headers)?;
    let protocol = match format {
        Format::Protobuf => Protocol::HttpProtobuf,
        Format::Json => Protocol::HttpJson,
        Format::Other(name) => return Err(Refusal::content_type(name)),
    };
    let compression = compression(headers)?;
    let counters = receiver.counters();
    counters.requests.of(protocol, compression).add(1);
    if announced(headers).is_some_and(|length| length > limits.max_request_bytes as u64) {
        return Err(Refusal::too_large(limits.max_request_bytes));
    }
    let bytes = counters.bytes.of(protocol, compression);
    if signal != Signal::Traces {
        bytes.add(discard(body, 0, &limits).await? as u64);
        receiver.drop_signal(signal);
        return Ok(Ingested::default());
    }
    let mut held = InFlight::new(Arc::clone(receiver));
    let length = announced(headers).and_then(|length| usize::try_from(length).ok());
    let body = collect(body, 0, |_| length, &limits, &mut held).await?;
    bytes.add(body.len() as u64);
    receiver.take(Traces { protocol, compression, body, held }).await
}

/// The length that the sender says the body has.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let Some(value) = values.next() else { return Ok(Compression::Identity) };
    let name = String::from_utf8_lossy(value.as_bytes());
    match (Compression::named(&name), values.next()) {
        (Some(compression), None) => Ok(compression),
        _ => Err(Refusal::encoding(&name)),
    }
}

/// How a request is written, and so its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
    Other(String),
}

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

impl Format {
    fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let value = String::from_utf8_lossy(value);
        // Parameters, such as the charset, change nothing: JSON is UTF-8.
        let kind = value.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case(PROTOBUF) {
            Self::Protobuf
        } else if kind.eq_ignore_ascii_case(JSON) {
            Self::Json
        } else {
            Self::Other(kind.to_owned())
        }
    }

    fn accept(&self, ingested: &Ingested) -> Response {
        match self {
            Self::Json => reply(StatusCode::OK, JSON, answer::to_traces_json(ingested)),
            _ => reply(StatusCode::OK, PROTOBUF, answer::to_traces(ingested)),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        let (status, code) = match refusal {
            Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
            Refusal::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
            Refusal::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
            Refusal::TooSlow(_) => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded),
            Refusal::Unauthorized => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
            Refusal::Encoding(_) | Refusal::ContentType(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument)
            }
            Refusal::Failed => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        };
        let text = refusal.to_string();
        let mut answer = match self {
            Self::Protobuf => reply(status, PROTOBUF, answer::to_refused(code, text)),
            Self::Json => reply(status, JSON, answer::to_refused_json(code, &text)),
            Self::Other(_) => plain_text(status, text + "\n"),
        };
        let (name, value): (HeaderName, _) = match refusal {
            Refusal::Busy { retry_after } => (RETRY_AFTER, retry_seconds(*retry_after).into()),
            Refusal::Encoding(_) => {
                (warp::http::header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))
            }
            _ => return answer,
        };
        answer.headers_mut().insert(name, value);
        answer
    }
}

async fn nothing_here(
    path: FullPath,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Response {
    linger(pin!(body)).await;
    let text = if path.as_str().starts_with("/opentelemetry.proto.") {
        "This port speaks OTLP/HTTP. Send OTLP/gRPC to the collector's other port, usually 4317, \
         or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.\n"
            .to_owned()
    } else {
        format!(
            "There is nothing at {:?}. Send OTLP by POST to /v1/traces, /v1/metrics or /v1/logs.\n",
            cut(path.as_str())
        )
    };
    plain_text(StatusCode::NOT_FOUND, text)
}

fn plain_text(status: StatusCode, text: String) -> Response {
    reply(status, "text/plain; charset=utf-8", text.into())
}

fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
