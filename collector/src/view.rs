//! The view port: what viewers and other programs read from the collector over HTTP. In: a socket.
//! Out: `/feed` (WebSocket) and `/healthz`.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use warp::{Filter, Reply};

use crate::feed::hub::Hub;
use crate::feed::websocket;

/// Serves until `stop`.
pub(crate) async fn serve(socket: TcpListener, hub: Arc<Hub>, stop: CancellationToken) {
    let routes = websocket::route(hub)
        .or(warp::path!("healthz").map(|| String::from("ok\n").into_response()));
    warp::serve(routes).incoming(socket).graceful(stop.cancelled_owned()).run().await;
}
