//! The feed over WebSocket. In: a viewer's socket and its [`Subscription`]. Out: text frames until
//! either side ends it. The viewer's requests come in on the same socket.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use warp::filters::ws::{Message as Socketed, WebSocket};
use warp::http::StatusCode;
use warp::{Filter, Rejection, Reply};

use super::hub::{Full, Hub};
use super::message::Request;
use super::subscription::Subscription;

/// How often a viewer is pinged. Well under the minute after which proxies and address
/// translators forget a silent connection.
const PING_EVERY: Duration = Duration::from_secs(15);

/// A viewer from which nothing came for so long, not even the answer to a ping, is gone.
const SILENCE: Duration = Duration::from_secs(45);

/// One frame must get through to the socket within this time, or the viewer is gone.
const SEND: Duration = Duration::from_secs(30);

/// Requests are short; a longer one is not a viewer's.
const MAX_REQUEST: usize = 16 << 10;

/// Close codes of RFC 6455 that the feed uses.
mod code {
    /// The collector stops.
    pub(super) const GOING_AWAY: u16 = 1001;
    /// A request was not one of the feed's.
    pub(super) const UNSUPPORTED: u16 = 1007;
}

/// `GET /feed`: upgrades to a WebSocket, or says why not.
pub(crate) fn route(
    hub: Arc<Hub>,
) -> impl Filter<Extract = (warp::reply::Response,), Error = Rejection> + Clone {
    warp::path("feed").and(warp::path::end()).and(warp::ws()).map(move |ws: warp::ws::Ws| match hub
        .admit()
    {
        Ok(subscription) => ws
            .max_message_size(MAX_REQUEST)
            .max_frame_size(MAX_REQUEST)
            .on_upgrade(move |socket| Viewer::new(socket, subscription).serve())
            .into_response(),
        Err(full) => turned_away(full),
    })
}

fn turned_away(full: Full) -> warp::reply::Response {
    let text = format!("{full}, or close one of them.\n");
    warp::reply::with_status(text, StatusCode::SERVICE_UNAVAILABLE).into_response()
}

/// A viewer on the other end of a socket.
struct Viewer {
    socket: WebSocket,
    subscription: Subscription,
    heard: Instant,
    ping: Interval,
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
    fn new(socket: WebSocket, subscription: Subscription) -> Self {
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        Self { socket, subscription, heard: Instant::now(), ping }
    }

    async fn serve(mut self) {
        let close = match self.until_end().await {
            End::FeedEnded => Some(Socketed::close_with(code::GOING_AWAY, "the collector stops")),
            End::NotUnderstood(why) => Some(Socketed::close_with(code::UNSUPPORTED, why)),
            End::ViewerLeft => None,
        };
        if let Some(close) = close {
            // The viewer may be gone by now; then there is nobody to tell.
            let _ = timeout(Duration::from_secs(1), self.say_goodbye(close)).await;
        }
    }

    async fn until_end(&mut self) -> End {
        loop {
            let message = tokio::select! {
                frame = self.subscription.next() => match frame {
                    Some(frame) => Socketed::text(frame.as_str()),
                    None => return End::FeedEnded,
                },
                said = self.socket.next() => {
                    self.heard = Instant::now();
                    match said {
                        Some(Ok(said)) => match self.hear(&said) {
                            Ok(()) => continue,
                            Err(end) => return end,
                        },
                        Some(Err(_)) | None => return End::ViewerLeft,
                    }
                }
                _ = self.ping.tick() => {
                    if self.heard.elapsed() > SILENCE {
                        return End::ViewerLeft;
                    }
                    Socketed::ping(&b""[..])
                }
            };
            match timeout(SEND, self.socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return End::ViewerLeft,
            }
        }
    }

    fn hear(&self, said: &Socketed) -> Result<(), End> {
        if said.is_close() {
            return Err(End::ViewerLeft);
        }
        let Ok(text) = said.to_str() else { return Ok(()) };
        match serde_json::from_str::<Request>(text) {
            Ok(request) => self.subscription.request(request),
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

/// A close frame's reason has room for 123 bytes.
fn reason(error: &serde_json::Error) -> String {
    let mut text = format!("not a request: {error}");
    while text.len() > 123 {
        text.pop();
    }
    text
}
