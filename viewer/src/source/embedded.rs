//! A collector within the viewer: spans come straight here, no other program is needed. In: its
//! configuration. Out: the feed of a bundled sample, labelled as one, until the first spans arrive;
//! from then on the feed of what arrives.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use spanfall_collector::Collector;
use spanfall_collector::collector::Purpose;
use spanfall_collector::config::{self, reload::Reload};
use spanfall_collector::feed::message::{Message as FeedMessage, Notice, Severity, SourceLabel};
use spanfall_collector::feed::{Hub, Subscription};

use super::inbox::{Event, Inbox};
use super::intake::Intake;
use super::thread::Feed;
use super::{recording, sample, state_of};

/// What people see as the name of an embedded collector.
const HERE: &str = "this computer";

/// A collector to be embedded.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// Where its configuration comes from; read again whenever the file changes.
    pub config: config::Source,
}

/// Runs a collector and reads its feed until the app ends.
pub(super) async fn run(mut feed: Feed, embedded: Embedded) {
    let config = embedded.config.load();
    let mistakes = config.as_ref().err().map(config::Mistakes::summary);
    match Collector::start(config.unwrap_or_default()).await {
        Ok(collector) => {
            let hub = collector.pipeline().hub();
            if let Some(mistakes) = mistakes {
                tell(hub, "config", Severity::Critical, mistakes);
            }
            tell_listeners(&collector);
            feed.inbox.push(Event::Intake(intake(&collector))).await;
            let stop = feed.stop.clone();
            tokio::select! {
                () = show(&mut feed, hub) => {}
                () = reload(&collector, &embedded.config) => {}
                () = stop.cancelled() => {}
            }
            collector.shutdown().await;
        }
        Err(error) => {
            let text = format!("The collector does not start: {error}");
            let notice = FeedMessage::Notice(notice("collector", Severity::Critical, text));
            feed.inbox.push(Event::Message(notice)).await;
            feed.stop.cancelled().await;
        }
    }
}

/// Shows the sample until the first spans arrive; from then on what arrives.
pub(super) async fn show(feed: &mut Feed, hub: &Arc<Hub>) {
    let inbox = Arc::clone(&feed.inbox);
    let label = SourceLabel::Sample(sample::NAME.to_owned());
    let config = sample::config();
    tokio::select! {
        fault = recording::play(feed, sample::replayer(), &config, label, None) => {
            tracing::error!("the sample does not play: {}", fault.unwrap_or_default());
        }
        () = until_spans_come(&inbox, hub.subscribe()) => {
            tracing::info!("spans arrive; the sample ends");
        }
    }
    feed.inbox.push(Event::Reset).await;
    forward(feed, hub.subscribe()).await;
}

/// Waits for the first spans of a feed. What it has to say until then is shown.
async fn until_spans_come(inbox: &Inbox, mut subscription: Subscription) {
    while let Some(frame) = subscription.next().await {
        match serde_json::from_str(frame.as_str()) {
            Ok(FeedMessage::Tick(tick)) if tick.spans > 0 || !tick.edges.is_empty() => return,
            Ok(notice @ FeedMessage::Notice(_)) => inbox.push(Event::Message(notice)).await,
            _ => {}
        }
    }
}

/// Says which ports listen, and which cannot be had: the viewer goes on without those.
fn tell_listeners(collector: &Collector) {
    for listener in collector.listeners() {
        match listener.problem() {
            Some(problem) => {
                let id = format!("port-{}", listener.purpose.setting());
                let text = format!("The {problem}; going on without it");
                tell(collector.pipeline().hub(), &id, Severity::Warning, text);
            }
            None => tracing::info!("{} for {}", listener.address, listener.purpose),
        }
    }
}

/// Where spans can be sent to.
fn intake(collector: &Collector) -> Intake {
    let listens = |purpose| {
        let mut here = collector.listeners().iter().filter(|one| one.problem().is_none());
        here.find(|one| one.purpose == purpose).map(|one| one.address)
    };
    Intake::Here { http: listens(Purpose::Http), grpc: listens(Purpose::Grpc) }
}

/// Passes on everything that a feed says, and to the feed what the viewer asks.
pub(super) async fn forward(feed: &mut Feed, mut subscription: Subscription) {
    subscription.request(feed.requests.borrow_and_update().clone());
    loop {
        tokio::select! {
            frame = subscription.next() => match frame {
                Some(frame) => pass_on(feed, frame.as_str()).await,
                None => return,
            },
            Ok(()) = feed.requests.changed() => {
                subscription.request(feed.requests.borrow_and_update().clone());
            }
        }
    }
}

/// Passes on one frame; a hello also tells where the traffic comes from.
async fn pass_on(feed: &Feed, frame: &str) {
    match serde_json::from_str(frame) {
        Ok(message) => {
            if let FeedMessage::Hello(hello) = &message {
                let state = state_of(&hello.source, HERE);
                feed.inbox.push(Event::State(state)).await;
            }
            feed.inbox.push(Event::Message(message)).await;
        }
        Err(error) => tracing::error!("the collector sent what cannot be read: {error}"),
    }
}

/// Follows the configuration's file.
async fn reload(collector: &Collector, source: &config::Source) {
    let mut changes = Reload::watch(source.clone());
    let hub = collector.pipeline().hub();
    loop {
        match changes.next().await {
            Ok(config) => {
                let waiting = collector.reconfigure(config);
                // The matter of a file with mistakes is over.
                tell(hub, "config", Severity::Info, String::new());
                if waiting.is_empty() {
                    tracing::info!("the configuration has changed, and is in force");
                } else {
                    let text = format!("Takes effect at the next start: {}", waiting.join(", "));
                    tell(hub, "config-later", Severity::Info, text);
                }
            }
            Err(mistakes) => {
                let text = format!("The configuration stays as it was. {}", mistakes.summary());
                tell(hub, "config", Severity::Warning, text);
            }
        }
    }
}

/// Puts a sentence on the wall, and into the log.
fn tell(hub: &Hub, id: &str, severity: Severity, text: String) {
    if !text.is_empty() {
        tracing::warn!("{text}");
    }
    hub.notice(notice(id, severity, text));
}

/// A notice about the collector itself.
pub(super) fn notice(id: &str, severity: Severity, text: String) -> Notice {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    Notice { id: id.to_owned(), severity, text, since_ms, ..Notice::default() }
}
