//! Connections: accepted up to a number, closed when idle, and finished gracefully. Both doors use
//! the same loop; what a request means is the service's business.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Receiver;

/// Requests that one HTTP/2 connection may have running; exporters need one or two.
const MAX_STREAMS: u32 = 64;

/// The most memory for the head of an HTTP/1 request, and for what is read ahead.
const HTTP1_BUFFER: usize = 64 << 10;

/// The most bytes of headers in an HTTP/2 request.
const HTTP2_HEADERS: u32 = 16 << 10;

/// The largest HTTP/2 frame that senders may use: most of a usual request at once, instead of 16 KiB
/// of it, each with its system call. No more is read ahead than the window allows in any case.
const HTTP2_FRAME: u32 = 256 << 10;

/// The most bytes that a connection, or one request of it, may have on the way before they are taken:
/// a request of the usual 512 spans never waits for leave to go on.
const HTTP2_WINDOW: u32 = 1 << 20;

/// Who sends a request; an extension of every request that reaches a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Accepts connections and hands their requests to `service` until `stop`; returns when running
/// requests are answered, or have had `shutdown_grace` for it.
pub(super) async fn serve<S, B>(
    listener: TcpListener,
    port: &'static str,
    receiver: Arc<Receiver>,
    stop: CancellationToken,
    service: S,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: std::error::Error + Send + Sync,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(open) = Open::new(&receiver) else {
                    receiver.complaints.warn(format_args!(
                        "refused an {port} connection from {peer}: too many are open; if that \
                         many are expected, raise receive.max_connections in the configuration"
                    ));
                    continue;
                };
                let (service, stop) = (service.clone(), stop.clone());
                connections.spawn(connection(stream, peer, open, stop, service));
            }
            Err(error) => after_failed_accept(&receiver, port, &error).await,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A connection's place among those that may be open.
struct Open(Arc<Receiver>);

impl Open {
    fn new(receiver: &Arc<Receiver>) -> Option<Self> {
        let counters = receiver.counters();
        let limit = receiver.limits().max_connections as u64;
        if counters.connections.add_within(1, limit) {
            Some(Self(Arc::clone(receiver)))
        } else {
            counters.connections_refused.add(1);
            None
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters().connections.subtract(1);
    }
}

async fn after_failed_accept(receiver: &Receiver, port: &'static str, error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return; // the client's doing, and its loss alone
    }
    receiver.complaints.warn(format_args!(
        "cannot accept {port} connections: {error}; if files have run out, raise `ulimit -n`"
    ));
    // The usual reason is that files have run out; some must be closed first.
    sleep(Duration::from_millis(200)).await;
}

/// Counts a connection's requests, to tell whether it is idle.
#[derive(Default)]
struct Activity {
    started: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    fn start(self: &Arc<Self>) -> Running {
        self.started.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// Requests so far, if none is running.
    fn at_rest(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::Relaxed);
        (self.started.load(Ordering::Relaxed) == ended).then_some(ended)
    }
}

/// A request that runs until this is dropped.
struct Running(Arc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

async fn connection<S, B>(
    stream: TcpStream,
    peer: SocketAddr,
    open: Open,
    stop: CancellationToken,
    service: S,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: std::error::Error + Send + Sync,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    // Answers are short; without this they may wait for the client's acknowledgements.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot turn off delays for {peer}: {error}");
    }
    let activity = Arc::new(Activity::default());
    let counted = Arc::clone(&activity);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let running = counted.start();
        let answer = service.call(request);
        async move {
            let answer = answer.await;
            drop(running);
            answer
        }
    });

    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let limits = open.0.limits();
    let (mut seen, mut closing) = (None, false);
    let mut deadline = Instant::now() + limits.idle_timeout;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!("connection with {peer} ended: {error}");
                }
                return;
            }
            () = stop.cancelled(), if !closing => {}
            () = sleep_until(deadline) => {
                let requests = activity.at_rest();
                if closing {
                    tracing::debug!("connection with {peer} cut: it did not end in time");
                    return;
                } else if requests.is_none() || requests != seen {
                    seen = requests;
                    deadline = Instant::now() + limits.idle_timeout;
                    continue;
                }
            }
        }
        connection.as_mut().graceful_shutdown();
        closing = true;
        deadline = Instant::now() + limits.shutdown_grace;
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // No timeout for heads: a connection whose head dawdles is an idle one, and is closed as such.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HTTP1_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_frame_size(HTTP2_FRAME)
        .initial_stream_window_size(HTTP2_WINDOW)
        .initial_connection_window_size(HTTP2_WINDOW)
        .max_header_list_size(HTTP2_HEADERS);
    builder
}
