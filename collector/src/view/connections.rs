//! Connections to the view port: so many at once, each with a limited time to say what it wants.
//! In: a socket and a service. Out: answered requests; what becomes a WebSocket leaves here.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use warp::{Filter, Rejection, Reply};

/// Connections that are no WebSockets (yet) and open at once: browsers, Prometheus, health checks.
/// Viewers that watch are counted by the hub.
const MOST: usize = 128;

/// How long a request's head may take, and how long a connection may be idle between requests.
const HEAD: Duration = Duration::from_secs(30);

/// The most memory for the head of a request.
const BUFFER: usize = 16 << 10;

/// How long answers may take once the port stops.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until `stop`, and then until requests are answered.
pub(super) async fn serve<F>(listener: TcpListener, routes: F, stop: CancellationToken)
where
    F: Filter<Error = Rejection> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
    F::Future: Send,
{
    let places = Arc::new(Semaphore::new(MOST));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    let (routes, stop) = (routes.clone(), stop.clone());
                    connections.spawn(async move {
                        connection(stream, routes, stop).await;
                        drop(place);
                    });
                }
                Err(_) => tracing::debug!(%peer, "refused a connection: too many are open"),
            },
            Err(error) => {
                // The usual reason is that files have run out; some must be closed first.
                tracing::warn!(%error, "cannot accept a connection of a viewer");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection<F>(stream: TcpStream, routes: F, stop: CancellationToken)
where
    F: Filter<Error = Rejection> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
    F::Future: Send,
{
    // A tick that waits for an acknowledgement would come late.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off delays");
    }
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(BUFFER);
    let service = TowerToHyperService::new(warp::service(routes));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!("a connection ended: {error}");
            }
            return;
        }
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    if tokio::time::timeout(GRACE, connection).await.is_err() {
        tracing::debug!("a connection did not end in time and is cut");
    }
}
