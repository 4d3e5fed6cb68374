//! One connection to an OTLP port. In: a request's bytes. Out: what the collector said of it.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tokio::net::TcpStream;
use tonic_types::StatusExt as _;

/// The flag and the length before a message in gRPC.
pub const PREFIX: usize = 5;

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf.
    Http,
}

impl Protocol {
    /// Where the collector listens for it by default.
    pub const fn default_target(self) -> &'static str {
        match self {
            Self::Grpc => "http://127.0.0.1:4317",
            Self::Http => "http://127.0.0.1:4318",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        })
    }
}

/// What the collector said of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It took it, but for so many spans.
    Accepted {
        /// Spans that it cannot use.
        rejected: u64,
    },
    /// It wants it again, not before this time if it said one.
    Later(Option<Duration>),
    /// It does not want it, and said why.
    Refused(String),
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// One connection. It is used for one request at a time.
pub struct Client {
    sender: Sender,
    protocol: Protocol,
    uri: Uri,
    headers: HeaderMap,
}

impl Client {
    /// Connects to a port, such as `http://127.0.0.1:4317`. `headers` go with every request.
    ///
    /// # Errors
    /// If nobody answers there.
    pub async fn connect(
        target: &Uri,
        protocol: Protocol,
        gzip: bool,
        mut headers: HeaderMap,
    ) -> anyhow::Result<Self> {
        let authority = target.authority().context("the target has no host")?.clone();
        let port = authority.port_u16().unwrap_or(80);
        let stream = TcpStream::connect((authority.host(), port)).await;
        let stream = stream.with_context(|| format!("cannot connect to {authority}"))?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        let (sender, path) = match protocol {
            Protocol::Http => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                (Sender::Http1(sender), "/v1/traces")
            }
            Protocol::Grpc => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                // As large as what is sent at once, so that a request is handed over in one go.
                builder.max_send_buf_size(1 << 20);
                let (sender, connection) = builder.handshake(io).await?;
                tokio::spawn(connection);
                let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
                (Sender::Http2(sender), path)
            }
        };
        let content_type = match protocol {
            Protocol::Http => "application/x-protobuf",
            Protocol::Grpc => "application/grpc",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(USER_AGENT, HeaderValue::from_static("spanfall-load"));
        let encoding = match protocol {
            Protocol::Http => CONTENT_ENCODING,
            Protocol::Grpc => http::HeaderName::from_static("grpc-encoding"),
        };
        if gzip {
            headers.insert(encoding, HeaderValue::from_static("gzip"));
        }
        if protocol == Protocol::Grpc {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        } else {
            headers.insert(http::header::HOST, HeaderValue::from_str(authority.as_str())?);
        }
        let uri = Uri::builder().scheme("http").authority(authority).path_and_query(path);
        Ok(Self { sender, protocol, uri: uri.build()?, headers })
    }

    /// Sends a request: with gRPC, one whose message begins after its prefix.
    ///
    /// # Errors
    /// If the connection is lost. Whether the collector has the request is not known then.
    pub async fn send(&mut self, body: Bytes) -> anyhow::Result<Answer> {
        let mut request = Request::post(self.uri.clone()).body(Full::new(body))?;
        *request.headers_mut() = self.headers.clone();
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                *request.uri_mut() = self.uri.path().parse()?;
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        match self.protocol {
            Protocol::Http => http_answer(response).await,
            Protocol::Grpc => grpc_answer(response).await,
        }
    }
}

async fn http_answer(response: Response<Incoming>) -> anyhow::Result<Answer> {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let body = response.into_body().collect().await?.to_bytes();
    match status {
        StatusCode::OK => accepted(&body),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Ok(Answer::Later(after)),
        status => Ok(Answer::Refused(format!("{status}: {}", String::from_utf8_lossy(&body)))),
    }
}

async fn grpc_answer(response: Response<Incoming>) -> anyhow::Result<Answer> {
    if response.status() != StatusCode::OK {
        return Ok(Answer::Refused(format!("{}, and no gRPC", response.status())));
    }
    // An answer without a message has its status among the headers.
    let early = tonic::Status::from_header_map(response.headers());
    let body = response.into_body().collect().await?;
    let late = body.trailers().and_then(tonic::Status::from_header_map);
    let Some(status) = late.or(early) else { bail!("an answer without a gRPC status") };
    match status.code() {
        tonic::Code::Ok => {
            let body = body.to_bytes();
            accepted(body.get(PREFIX..).unwrap_or_default())
        }
        // What OTLP has clients send again.
        tonic::Code::Cancelled
        | tonic::Code::DeadlineExceeded
        | tonic::Code::Aborted
        | tonic::Code::OutOfRange
        | tonic::Code::Unavailable
        | tonic::Code::DataLoss => Ok(Answer::Later(retry_info(&status))),
        tonic::Code::ResourceExhausted if retry_info(&status).is_some() => {
            Ok(Answer::Later(retry_info(&status)))
        }
        code => Ok(Answer::Refused(format!("{code:?}: {}", status.message()))),
    }
}

fn retry_info(status: &tonic::Status) -> Option<Duration> {
    status.get_details_retry_info().and_then(|info| info.retry_delay)
}

fn accepted(body: &[u8]) -> anyhow::Result<Answer> {
    let answer = ExportTraceServiceResponse::decode(body).context("an answer that is no OTLP")?;
    let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
    Ok(Answer::Accepted { rejected: rejected.unsigned_abs() })
}
