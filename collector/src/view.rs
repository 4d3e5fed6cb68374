//! The view port: what viewers and other programs read from the collector over HTTP. In: a socket.
//! Out: `/feed` (WebSocket), `/metrics`, `/vizceral.json`, `/healthz`, and at `/` what there is.

mod connections;

use std::sync::Arc;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::http::StatusCode;
use warp::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};
use warp::reply::{Response, with_header, with_status};
use warp::{Filter, Rejection, Reply};

use crate::export::page::Format;
use crate::export::prometheus;
use crate::export::readings::Readings;
use crate::export::service_graph::ServiceGraph;
use crate::export::vizceral;
use crate::feed::{Pace, websocket};
use crate::pipeline::Pipeline;

/// What stands at `/`, and where there is nothing.
const INDEX: &str = "\
Spanfall's collector, version {version}. This port is for viewers.

/feed           live traffic, over WebSocket: spanfall --connect ws://HOST:PORT/feed
/metrics        numbers for Prometheus, with those of Grafana's service graph
/vizceral.json  the traffic of the last seconds, for Netflix's Vizceral
/healthz        whether it runs, as JSON

Spans come in on other ports, by OTLP (usually 4317 for gRPC and 4318 for HTTP).
";

/// Everything that the view port tells of.
#[derive(Clone)]
pub struct View {
    readings: Readings,
    graph: ServiceGraph,
    viewers: TaskTracker,
}

/// The answer of `/healthz`.
#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    uptime_seconds: u64,
    spans: u64,
    viewers: u64,
}

impl View {
    /// Tells of a pipeline. Connections of viewers are counted in `viewers`, which whoever stops
    /// the port may wait for.
    pub fn new(pipeline: &Pipeline, viewers: TaskTracker) -> Self {
        Self::of(pipeline.readings(), viewers)
    }

    /// Tells of everything that counts.
    pub(crate) fn of(readings: Readings, viewers: TaskTracker) -> Self {
        Self { readings, graph: ServiceGraph::default(), viewers }
    }

    /// Serves until `stop`, and then until requests are answered. Viewers of the feed stay until
    /// the feed ends.
    pub async fn serve(self, socket: TcpListener, stop: CancellationToken) {
        let hub = Arc::clone(&self.readings.hub);
        let feed = websocket::route(hub, self.viewers.clone(), Pace::default());
        let health = self.clone();
        let health = warp::path!("healthz").and(warp::get()).map(move || health.health());
        let metrics = self.clone();
        let metrics = warp::path!("metrics")
            .and(warp::get())
            .and(warp::header::optional::<String>("accept"))
            .map(move |accept: Option<String>| metrics.metrics(accept.as_deref()));
        let vizceral = warp::path!("vizceral.json")
            .and(warp::get())
            .and(warp::header::optional::<String>("origin"))
            .map(move |origin: Option<String>| self.vizceral(origin));
        let routes = feed
            .or(websocket::not_a_websocket())
            .unify()
            .or(health)
            .unify()
            .or(metrics)
            .unify()
            .or(vizceral)
            .unify()
            .or(warp::path::end().and(warp::get()).map(|| text(StatusCode::OK, index())))
            .unify()
            .or_else(nothing_here);
        connections::serve(socket, routes, stop).await;
    }

    fn health(&self) -> Response {
        warp::reply::json(&Health {
            status: "ok",
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.readings.clock.elapsed_ms() / 1_000,
            spans: self.readings.reducer.stats().spans,
            viewers: self.readings.hub.stats().viewers,
        })
        .into_response()
    }

    /// A web page that may read the feed may read this too.
    fn vizceral(&self, origin: Option<String>) -> Response {
        let Readings { hub, clock, .. } = &self.readings;
        let answer = match vizceral::json(hub, clock.unix_ms()) {
            Ok(text) => json(text),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        };
        match origin.filter(|origin| hub.admits_origin(Some(origin))) {
            Some(origin) => {
                with_header(answer, ACCESS_CONTROL_ALLOW_ORIGIN, origin).into_response()
            }
            None => answer,
        }
    }

    fn metrics(&self, accept: Option<&str>) -> Response {
        let format = Format::accepted(accept);
        let text = prometheus::text(format, &self.readings, &self.graph, &self.readings.reducer);
        with_header(text, CONTENT_TYPE, format.content_type()).into_response()
    }
}

fn json(text: String) -> Response {
    with_header(text, CONTENT_TYPE, "application/json").into_response()
}

fn index() -> String {
    INDEX.replace("{version}", env!("CARGO_PKG_VERSION"))
}

async fn nothing_here(rejection: Rejection) -> Result<(Response,), Rejection> {
    let (status, what) = if rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "There is nothing at this path.")
    } else {
        (StatusCode::METHOD_NOT_ALLOWED, "This path can only be read, with GET.")
    };
    Ok((text(status, format!("{what}\n\n{}", index())),))
}

pub(crate) fn text(status: StatusCode, text: String) -> Response {
    let reply = with_header(text, CONTENT_TYPE, "text/plain; charset=utf-8");
    with_status(reply, status).into_response()
}
