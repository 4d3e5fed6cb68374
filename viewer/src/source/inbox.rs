//! What the source's thread hands to the app. In: events, as they come. Out: the same, once a
//! frame; and a call that wakes the app, unless there is nothing to show.
//!
//! The queue is bounded. When it is full the source waits, so that the collector notices that this
//! viewer is slow, leaves ticks out, and says how many.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use spanfall_collector::feed::message::{Detail, Message as FeedMessage};
use tokio::sync::Notify;

use super::intake::Intake;
use crate::traffic::SourceState;

/// How many events wait at most: 200 s of the usual ticks.
const ROOM: usize = 1_000;

/// A source that says nothing for so long has the picture drawn again, so that its age shows.
const SILENCE: Duration = Duration::from_millis(2_500);

/// Something that the source says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A message of the feed.
    Message(FeedMessage),
    /// Where the traffic comes from, from now on.
    State(SourceState),
    /// Where spans can be sent to.
    Intake(Intake),
    /// Forget what is known: another system comes.
    Reset,
}

impl Event {
    /// Whether it changes nothing on the picture.
    fn is_idle(&self) -> bool {
        matches!(self, Self::Message(FeedMessage::Tick(tick)) if tick.edges.is_empty())
    }
}

/// The queue between the source's thread and the app.
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    room: Notify,
    wake: Box<dyn Fn() + Send + Sync>,
}

struct Queue {
    events: VecDeque<(Instant, Event)>,
    /// The detail that was handed over last: a repetition shows nothing new.
    detail: Option<Box<Detail>>,
    heard: Instant,
    /// The feed is lost: the time until the next try is shown.
    lost: bool,
}

impl Inbox {
    /// An empty queue; `wake` makes the app look into it.
    pub(super) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let queue =
            Queue { events: VecDeque::new(), detail: None, heard: Instant::now(), lost: false };
        Self { queue: Mutex::new(queue), room: Notify::new(), wake: Box::new(wake) }
    }

    /// Adds an event; waits while the queue is full. Safe to cancel: then it was not added.
    pub(super) async fn push(&self, event: Event) {
        let mut event = event;
        loop {
            let waiting = self.room.notified();
            match self.queue().take(event) {
                Taken::Shown => return (self.wake)(),
                Taken::Silently => return,
                Taken::NotYet(rejected) => event = rejected,
            }
            waiting.await;
        }
    }

    /// Takes everything out, with the moments at which it came.
    pub(super) fn drain(&self) -> Vec<(Instant, Event)> {
        let events = self.queue().events.drain(..).collect();
        self.room.notify_one();
        events
    }

    /// Wakes the app once a second while nothing comes, so that it can tell for how long, and when
    /// the feed is tried again.
    pub(super) async fn watch(&self) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            let queue = self.queue();
            let aging = queue.lost || queue.heard.elapsed() >= SILENCE;
            drop(queue);
            if aging {
                (self.wake)();
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is whole, even if a thread dies after it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of an event.
enum Taken {
    /// It waits, and is worth a frame.
    Shown,
    /// It waits, or says nothing new; it is not worth a frame.
    Silently,
    /// There is no room.
    NotYet(Event),
}

impl Queue {
    fn take(&mut self, event: Event) -> Taken {
        self.heard = Instant::now();
        if let Event::State(state) = &event {
            self.lost = matches!(state, SourceState::Lost { .. });
        }
        if let Event::Message(FeedMessage::Detail(detail)) = &event {
            if self.detail.as_ref() == Some(detail) {
                return Taken::Silently;
            }
            self.detail = Some(detail.clone());
        }
        let idle = event.is_idle();
        if idle
            && let Some(last) = self.events.back_mut()
            && last.1.is_idle()
        {
            // Of ticks without traffic the newest says it all.
            *last = (self.heard, event);
            return Taken::Silently;
        }
        if self.events.len() >= ROOM {
            return Taken::NotYet(event);
        }
        self.events.push_back((self.heard, event));
        if idle { Taken::Silently } else { Taken::Shown }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use spanfall_collector::feed::message::{EdgeTick, Tick};
    use spanfall_collector::reduce::hop::{Counts, EdgeId};

    use super::*;

    fn tick(t: u64, hops: usize) -> Event {
        let edge = EdgeTick {
            edge: EdgeId(1),
            counts: Counts::default(),
            p50_us: 0,
            p99_us: 0,
            again: 0.0,
        };
        Event::Message(FeedMessage::Tick(Tick {
            t,
            ms: 200,
            edges: vec![edge; hops],
            ..Tick::default()
        }))
    }

    fn inbox() -> (Arc<AtomicUsize>, Arc<Inbox>) {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let inbox = Inbox::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        (woken, Arc::new(inbox))
    }

    #[tokio::test]
    async fn an_idle_hour_takes_one_place_and_wakes_nobody() {
        let (woken, inbox) = inbox();
        for second in 0..3600 {
            inbox.push(tick(second * 1000, 0)).await;
        }
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        let events: Vec<Event> = inbox.drain().into_iter().map(|(_, event)| event).collect();
        assert_eq!(events, [tick(3_599_000, 0)]);
    }

    #[tokio::test]
    async fn traffic_wakes_the_app() {
        let (woken, inbox) = inbox();
        inbox.push(tick(0, 0)).await;
        inbox.push(tick(200, 1)).await;
        inbox.push(Event::Reset).await;
        assert_eq!(woken.load(Ordering::Relaxed), 2);
        assert_eq!(inbox.drain().len(), 3);
    }

    #[tokio::test]
    async fn a_full_queue_makes_the_source_wait_and_loses_nothing() {
        let (_, inbox) = inbox();
        let source = tokio::spawn({
            let inbox = Arc::clone(&inbox);
            async move {
                for t in 0..2_500 {
                    inbox.push(tick(t, 1)).await;
                }
            }
        });
        let mut seen = Vec::new();
        while !source.is_finished() || seen.len() < 2_500 {
            let events = inbox.drain();
            assert!(events.len() <= ROOM);
            seen.extend(events.into_iter().map(|(_, event)| event));
            tokio::task::yield_now().await;
        }
        assert_eq!(seen, (0..2_500).map(|t| tick(t, 1)).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_detail_that_says_nothing_new_is_left_out() {
        let (woken, inbox) = inbox();
        let detail = Event::Message(FeedMessage::Detail(Box::default()));
        inbox.push(detail.clone()).await;
        inbox.push(detail).await;
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(inbox.drain().len(), 1);
    }
}
