//! The feed over WebSocket. In: a viewer's socket and its [`Subscription`]. Out: text frames until
//! either side ends it. The viewer's requests come in on the same socket.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;
use warp::filters::ws::{Message as Socketed, WebSocket, Ws};
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::echo::{Echo, Pace};
use super::hub::Hub;
use super::message::Request;
use super::subscription::Subscription;
use crate::view::text;

/// One frame must get through to the socket within this time, or the viewer is gone.
const SEND: Duration = Duration::from_secs(30);

/// Requests are short; a longer one is not a viewer's.
const MAX_REQUEST: usize = 16 << 10;

/// Close codes of RFC 6455 that the feed uses.
mod code {
    /// The collector stops.
    pub(super) const GOING_AWAY: u16 = 1001;
    /// What the viewer sent is not what it says it is.
    pub(super) const NOT_UNDERSTOOD: u16 = 1007;
}

/// `GET /feed`: upgrades to a WebSocket, or says why not. Connections are counted in `viewers`.
pub(crate) fn route(
    hub: Arc<Hub>,
    viewers: TaskTracker,
    pace: Pace,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path!("feed")
        .and(warp::ws())
        .and(warp::header::optional::<String>("origin"))
        .map(move |ws, origin: Option<String>| upgrade(&hub, &viewers, pace, ws, origin.as_deref()))
}

fn upgrade(
    hub: &Arc<Hub>,
    viewers: &TaskTracker,
    pace: Pace,
    ws: Ws,
    origin: Option<&str>,
) -> Response {
    if !hub.admits_origin(origin) {
        let told = "This page may not read the feed. Name its origin in feed.allowed_origins.\n";
        return text(StatusCode::FORBIDDEN, told.to_owned());
    }
    let subscription = match hub.admit() {
        Ok(subscription) => subscription,
        Err(full) => {
            let told = format!("{full}, or close one of them.\n");
            return text(StatusCode::SERVICE_UNAVAILABLE, told);
        }
    };
    // Counted from here on, so that a shutdown does not overlook a viewer that is about to be
    // served.
    let counted = viewers.token();
    let serve = async move |socket| {
        Viewer::new(socket, subscription, pace).serve().await;
        drop(counted);
    };
    ws.max_message_size(MAX_REQUEST).max_frame_size(MAX_REQUEST).on_upgrade(serve).into_response()
}

/// `GET /feed` by something that does not ask for a WebSocket, such as a browser's address bar.
pub(crate) fn not_a_websocket() -> impl Filter<Extract = (Response,), Error = Rejection> + Copy {
    warp::path!("feed").and(warp::get()).map(|| {
        let told = "The feed is a WebSocket: connect with a WebSocket client, or run `spanfall \
                    --connect`.\n";
        let answer = text(StatusCode::UPGRADE_REQUIRED, told.to_owned());
        warp::reply::with_header(answer, "upgrade", "websocket").into_response()
    })
}

/// A viewer on the other end of a socket.
struct Viewer {
    socket: WebSocket,
    subscription: Subscription,
    echo: Echo,
}

/// How a viewer's connection ended.
enum End {
    /// The feed is over.
    FeedEnded,
    /// The viewer closed it, or it broke.
    ViewerLeft,
    /// The viewer sent something that is no request; the text says what is wrong.
    NotUnderstood(String),
}

impl Viewer {
    fn new(socket: WebSocket, subscription: Subscription, pace: Pace) -> Self {
        Self { socket, subscription, echo: Echo::new(pace, Instant::now()) }
    }

    async fn serve(mut self) {
        let close = match self.until_end().await {
            End::FeedEnded => Some(Socketed::close_with(code::GOING_AWAY, "the collector stops")),
            End::NotUnderstood(why) => Some(Socketed::close_with(code::NOT_UNDERSTOOD, why)),
            End::ViewerLeft => None,
        };
        if let Some(close) = close {
            // The viewer may be gone by now; then there is nobody to tell.
            let _ = timeout(Duration::from_secs(1), self.say_goodbye(close)).await;
        }
    }

    async fn until_end(&mut self) -> End {
        loop {
            let now = Instant::now();
            if self.echo.is_gone(now) {
                return End::ViewerLeft;
            }
            let due = self.echo.next_change(now);
            let message = tokio::select! {
                // What it has not read yet is enough; meanwhile its place in the ring stays.
                frame = self.subscription.next(), if self.echo.keeps_up(now) => match frame {
                    Some(frame) => {
                        self.echo.told(Instant::now());
                        Socketed::text(frame.as_str())
                    }
                    None => return End::FeedEnded,
                },
                said = self.socket.next() => match said {
                    Some(Ok(said)) => match self.hear(&said) {
                        Ok(()) => continue,
                        Err(end) => return end,
                    },
                    Some(Err(_)) | None => return End::ViewerLeft,
                },
                () = sleep_until(due) => match self.echo.ask(Instant::now()) {
                    Some(ping) => Socketed::ping(ping),
                    None => continue,
                },
            };
            match timeout(SEND, self.socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return End::ViewerLeft,
            }
        }
    }

    fn hear(&mut self, said: &Socketed) -> Result<(), End> {
        self.echo.heard(said.is_pong().then(|| said.as_bytes()), Instant::now());
        if said.is_close() {
            return Err(End::ViewerLeft);
        }
        let Ok(text) = said.to_str() else { return Ok(()) };
        match request(text) {
            Ok(Some(request)) => self.subscription.request(request),
            // A request of a later protocol: so that new viewers work with old collectors.
            Ok(None) => {}
            Err(error) => return Err(End::NotUnderstood(reason(&error))),
        }
        Ok(())
    }

    /// Sends the close frame and waits for the viewer's own, as the protocol wants it.
    async fn say_goodbye(&mut self, close: Socketed) -> Result<(), warp::Error> {
        self.socket.send(close).await?;
        while let Some(said) = self.socket.next().await {
            if said?.is_close() {
                break;
            }
        }
        self.socket.flush().await
    }
}

/// Reads a request; `None` if it is of a kind that is not known here.
fn request(text: &str) -> Result<Option<Request>, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Kind {
        Inspect,
        #[serde(other)]
        Unknown,
    }
    match serde_json::from_str(text)? {
        Kind::Inspect => serde_json::from_str(text).map(Some),
        Kind::Unknown => Ok(None),
    }
}

/// A close frame's reason has room for 123 bytes.
fn reason(error: &serde_json::Error) -> String {
    let mut text = format!("not a request: {error}");
    while text.len() > 123 {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests;
