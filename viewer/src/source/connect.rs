//! A collector's feed over the network. In: an [`Endpoint`]. Out: its messages; and, when the feed
//! is lost, why and when it is tried again. It is tried for ever: a wall heals by itself.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use spanfall_collector::feed::message::{Inspect, Message as FeedMessage, PROTOCOL, Request};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::backoff::Backoff;
use super::endpoint::Endpoint;
use super::inbox::Event;
use super::thread::Feed;
use crate::traffic::SourceState;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A collector that does not answer within this time is not there.
const ANSWER: Duration = Duration::from_secs(5);

/// A collector sends at least one tick a second; one that is silent for so long is gone, even if
/// the network has not noticed.
const SILENCE: Duration = Duration::from_secs(10);

/// A connection that held so long was a good one: the next loss begins with short waits again.
const GOOD: Duration = Duration::from_secs(30);

/// Frames that cannot be read are logged up to this many a connection.
const FAULTS_TOLD: u32 = 5;

/// Why a feed was lost, as a sentence without a full stop.
#[derive(Debug, thiserror::Error)]
enum Loss {
    #[error("it does not answer")]
    NoAnswer,
    #[error("nothing has come for {} s", SILENCE.as_secs())]
    Silent,
    #[error("it has stopped")]
    Closed,
    #[error(
        "it speaks protocol {0} of the feed, and this viewer {PROTOCOL}: use the same version of both"
    )]
    Protocol(u32),
    #[error("the connection broke")]
    Broken,
    #[error("what answers there is no collector")]
    NoCollector,
    #[error("it refuses: {0}")]
    Refused(String),
    #[error("{0}")]
    Network(String),
}

/// Reads the feed for ever.
pub(super) async fn run(mut feed: Feed, endpoint: Endpoint) {
    let mut backoff = Backoff::default();
    loop {
        let began = Instant::now();
        let Err(loss) = read(&mut feed, &endpoint).await;
        if began.elapsed() > GOOD {
            backoff = Backoff::default();
        }
        let wait = backoff.next(&mut rand::rng());
        tracing::warn!("lost {endpoint}: {loss}; next try in {:.1} s", wait.as_secs_f64());
        feed.inbox
            .push(Event::State(SourceState::Lost {
                from: endpoint.to_string(),
                why: loss.to_string(),
                retry_in: wait.as_secs_f64(),
            }))
            .await;
        sleep(wait).await;
    }
}

/// Connects once, and reads until that ends.
async fn read(feed: &mut Feed, endpoint: &Endpoint) -> Result<std::convert::Infallible, Loss> {
    let connected = timeout(ANSWER, tokio_tungstenite::connect_async(endpoint.url())).await;
    let (mut socket, _) = connected.map_err(|_| Loss::NoAnswer)?.map_err(|error| told(&error))?;
    greet(feed, endpoint, &mut socket).await?;
    let asked = feed.requests.borrow_and_update().clone();
    if asked != nothing() {
        send(&mut socket, &asked).await?;
    }
    let mut faults = 0;
    loop {
        tokio::select! {
            text = next_text(&mut socket) => match serde_json::from_str(&text?) {
                Ok(message) => feed.inbox.push(Event::Message(message)).await,
                Err(error) => {
                    faults += 1;
                    if faults <= FAULTS_TOLD {
                        tracing::warn!("{endpoint} sent what cannot be read: {error}");
                    }
                }
            },
            Ok(()) = feed.requests.changed() => {
                let asked = feed.requests.borrow_and_update().clone();
                send(&mut socket, &asked).await?;
            }
        }
    }
}

/// The first message tells whether the two understand each other.
async fn greet(feed: &Feed, endpoint: &Endpoint, socket: &mut Socket) -> Result<(), Loss> {
    let text = next_text(socket).await?;
    let Ok(FeedMessage::Hello(hello)) = serde_json::from_str(&text) else {
        return Err(Loss::NoCollector);
    };
    if hello.protocol != PROTOCOL {
        return Err(Loss::Protocol(hello.protocol));
    }
    tracing::info!("connected to {endpoint}, version {}", hello.version);
    let state = super::state_of(&hello.source, &endpoint.to_string());
    feed.inbox.push(Event::State(state)).await;
    feed.inbox.push(Event::Message(FeedMessage::Hello(hello))).await;
    Ok(())
}

/// The next text frame. Pings are answered along the way.
async fn next_text(socket: &mut Socket) -> Result<String, Loss> {
    let deadline = Instant::now() + SILENCE;
    loop {
        let frame = tokio::time::timeout_at(deadline, socket.next()).await;
        match frame.map_err(|_| Loss::Silent)? {
            Some(Ok(Frame::Text(text))) => return Ok(text.as_str().to_owned()),
            Some(Ok(Frame::Close(close))) => {
                return Err(match close {
                    Some(close) if close.code != CloseCode::Away && !close.reason.is_empty() => {
                        Loss::Refused(close.reason.to_string())
                    }
                    _ => Loss::Closed,
                });
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(told(&error)),
            None => return Err(Loss::Closed),
        }
    }
}

async fn send(socket: &mut Socket, request: &Request) -> Result<(), Loss> {
    let text = serde_json::to_string(request).map_err(|error| Loss::Network(error.to_string()))?;
    match timeout(ANSWER, socket.send(Frame::text(text))).await {
        Ok(sent) => sent.map_err(|error| told(&error)),
        Err(_) => Err(Loss::Silent),
    }
}

fn nothing() -> Request {
    Request::Inspect(Inspect::default())
}

fn told(error: &Error) -> Loss {
    match error {
        Error::Http(response) => {
            let said = response.body().as_deref().unwrap_or_default();
            let said = String::from_utf8_lossy(said);
            // One line will do: a proxy's error page is of no use on a wall.
            match said.lines().next().map(str::trim) {
                Some(line) if !line.is_empty() && !line.starts_with('<') => {
                    Loss::Refused(line.chars().take(200).collect())
                }
                _ if response.status() == 404 => Loss::NoCollector,
                _ => Loss::Refused(response.status().to_string()),
            }
        }
        Error::ConnectionClosed | Error::AlreadyClosed => Loss::Closed,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Loss::Broken,
        Error::Protocol(_) => Loss::NoCollector,
        Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Loss::Network("nothing listens there".into()),
            _ => Loss::Network(error.to_string()),
        },
        error => Loss::Network(error.to_string()),
    }
}
