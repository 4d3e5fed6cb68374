//! Looks for news, again and again. In: a [`Vizceral`]. Out: [`News`]: pictures as they change, and
//! what is wrong when there are none.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::fmt::rfc2822;
use reqwest::{Client, Response, StatusCode, Url, header, redirect};
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use super::format::{self, FormatError};
use super::picture::Picture;
use super::{Place, Vizceral};
use crate::source::backoff::Backoff;

/// Bytes at most. Vizceral's own sample has 200 kB.
const MAX_BYTES: u64 = 64 << 20;

/// Who does not answer the door in this time is not there.
const CONNECT: Duration = Duration::from_secs(5);

/// All of an answer comes within this time.
const ANSWER: Duration = Duration::from_secs(30);

/// Redirections at most.
const REDIRECTIONS: usize = 5;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The file cannot be read: what the system says, and what to do about it.
    #[error("{0}")]
    File(String),
    /// It holds something else.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// It is far larger than any system's traffic.
    #[error("it has more than {} MiB, and no traffic has", MAX_BYTES >> 20)]
    TooLarge,
    /// Whoever answers has no such page, or refuses.
    #[error("it answers {0}")]
    Refused(StatusCode),
    /// Nobody answers.
    #[error("it does not answer")]
    NoAnswer,
    /// The network says why not.
    #[error("{0}")]
    Network(String),
}

/// What a look has brought.
#[derive(Debug)]
pub(super) struct News {
    /// When it was looked, by the clock of who answered, in milliseconds since 1970.
    pub(super) now_ms: u64,
    /// What there is.
    pub(super) found: Found,
}

/// What there is.
#[derive(Debug)]
pub(super) enum Found {
    /// Another picture.
    New(Box<Picture>),
    /// The same as before.
    Same,
    /// None, and why; it is looked for again after some seconds.
    Nothing { why: Trouble, retry_in: f64 },
}

/// Looks until nobody listens any more.
pub(super) async fn poll(source: &Vizceral, tell: Sender<News>) {
    let mut reader = Reader::of(&source.place);
    let mut backoff = Backoff::default();
    loop {
        let (looked, now_ms) = reader.look().await;
        let (found, wait) = match looked {
            Ok(Some(picture)) => (Found::New(Box::new(picture)), None),
            Ok(None) => (Found::Same, None),
            Err(why) => {
                let wait = backoff.next(&mut rand::rng());
                (Found::Nothing { why, retry_in: wait.as_secs_f64() }, Some(wait))
            }
        };
        if wait.is_none() {
            backoff = Backoff::default();
        }
        if tell.send(News { now_ms, found }).await.is_err() {
            return;
        }
        sleep(wait.unwrap_or(source.every)).await;
    }
}

/// What reads, and what it has read last.
enum Reader {
    File { path: PathBuf, mark: Option<Mark> },
    Url { url: Url, client: Result<Client, String>, last: Option<Vec<u8>> },
}

/// By what a file is known to be unchanged.
pub(super) type Mark = (u64, Option<SystemTime>);

impl Reader {
    fn of(place: &Place) -> Self {
        match place {
            Place::File(path) => Self::File { path: path.clone(), mark: None },
            Place::Url(url) => {
                let client = client(url).map_err(|error| told(&error).to_string());
                Self::Url { url: url.clone(), client, last: None }
            }
        }
    }

    /// What there is, if it is new; and the time there.
    async fn look(&mut self) -> (Result<Option<Picture>, Trouble>, u64) {
        match self {
            Self::File { path, mark } => (look_into(path, mark).await, now_ms()),
            Self::Url { url, client, last } => {
                let client = match client {
                    Ok(client) => client,
                    Err(why) => return (Err(Trouble::Network(why.clone())), now_ms()),
                };
                match fetch(client, url).await {
                    Ok((bytes, now_ms)) => (news(bytes, last).await, now_ms),
                    Err(trouble) => (Err(trouble), now_ms()),
                }
            }
        }
    }
}

async fn look_into(path: &Path, mark: &mut Option<Mark>) -> Result<Option<Picture>, Trouble> {
    let (path, known) = (path.to_owned(), *mark);
    let read = move || -> Result<_, Trouble> {
        let Some((bytes, mark)) = read_file(&path, known)? else { return Ok(None) };
        Ok(Some((understand(&bytes)?, mark)))
    };
    let Some((picture, new)) = aside(read).await? else { return Ok(None) };
    *mark = Some(new);
    Ok(Some(picture))
}

/// Reads what came, if it is not what came before.
async fn news(bytes: Vec<u8>, last: &mut Option<Vec<u8>>) -> Result<Option<Picture>, Trouble> {
    if last.as_ref() == Some(&bytes) {
        return Ok(None);
    }
    *last = None;
    let (picture, bytes) = aside(move || Ok((understand(&bytes)?, bytes))).await?;
    *last = Some(bytes);
    Ok(Some(picture))
}

/// Does what takes long beside the ticks.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Trouble::Network(error.to_string())))
}

/// A file's bytes, unless it is as it was.
pub(super) fn read_file(
    path: &Path,
    known: Option<Mark>,
) -> Result<Option<(Vec<u8>, Mark)>, Trouble> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Trouble::File("there is no such file; a URL begins with http://".to_owned())
        }
        _ => Trouble::File(error.to_string()),
    };
    let about = std::fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(Trouble::File("it is no file".to_owned()));
    }
    let mark = (about.len(), about.modified().ok());
    if known == Some(mark) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Trouble::TooLarge);
    }
    Ok(Some((bytes, mark)))
}

/// The picture in Vizceral's JSON.
pub(super) fn understand(bytes: &[u8]) -> Result<Picture, Trouble> {
    Ok(Picture::of(&format::read(bytes)?)?)
}

fn client(url: &Url) -> reqwest::Result<Client> {
    let mut client = Client::builder()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .redirect(redirect::Policy::limited(REDIRECTIONS))
        .user_agent(concat!("spanfall/", env!("CARGO_PKG_VERSION")));
    // No proxy leads back to this computer.
    let here = url.host_str().unwrap_or_default();
    if here == "localhost" || here.starts_with("127.") || here == "[::1]" {
        client = client.no_proxy();
    }
    client.build()
}

/// What a URL answers, and the time there.
async fn fetch(client: &Client, url: &Url) -> Result<(Vec<u8>, u64), Trouble> {
    let asked = client.get(url.clone()).header(header::ACCEPT, "application/json");
    let mut response = asked.send().await.map_err(|error| told(&error))?;
    if !response.status().is_success() {
        return Err(Trouble::Refused(response.status()));
    }
    let now_ms = time_there(&response).unwrap_or_else(now_ms);
    if response.content_length().is_some_and(|length| length > MAX_BYTES) {
        return Err(Trouble::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| told(&error))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Trouble::TooLarge);
        }
    }
    Ok((bytes, now_ms))
}

/// What the clock of who answers shows.
fn time_there(response: &Response) -> Option<u64> {
    let date = response.headers().get(header::DATE)?.to_str().ok()?;
    let time = rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    u64::try_from(time).ok()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What a person should know of it.
fn told(error: &reqwest::Error) -> Trouble {
    if error.is_timeout() {
        return Trouble::NoAnswer;
    }
    // The first of a chain of errors only says that there was one; the last one says which.
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    match last.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
        Some(std::io::ErrorKind::ConnectionRefused) => {
            Trouble::Network("nothing listens there".to_owned())
        }
        _ => Trouble::Network(last.to_string()),
    }
}
