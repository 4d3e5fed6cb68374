//! A viewer's end of the hub: its own sequence of frames, and what it asked to inspect.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::detail::Subject;
use super::found::LONGEST;
use super::frame::Frame;
use super::hub::{Hub, Place, Step};
use super::message::{Inspect, Request};

/// How often details are sent.
const DETAIL_EVERY: Duration = Duration::from_secs(1);

/// However often a viewer asks anew: as fast as somebody can click.
const DETAIL_AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// How many nodes, and how many edges, one viewer may inspect: as many as a screen has room for.
const MAX_INSPECTED: usize = 16;

/// A viewer. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<Hub>,
    place: Place,
    /// What goes out before anything else.
    first: VecDeque<Frame>,
    head: watch::Receiver<u64>,
    asked: Arc<Asked>,
    /// When the next details are due; `None` while nothing is inspected.
    details_due: Option<Instant>,
    /// When the last details were made.
    details_made: Option<Instant>,
    /// What was last told of the request that is followed, and of what is searched for.
    trace: Option<Frame>,
    found: Option<Frame>,
}

/// Asks for details on behalf of a [`Subscription`], from wherever it is convenient.
#[derive(Clone, Debug)]
pub struct Requester(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    inspected: Mutex<Inspect>,
    anew: Notify,
}

impl Subscription {
    pub(super) fn new(
        hub: Arc<Hub>,
        place: Place,
        first: VecDeque<Frame>,
        head: watch::Receiver<u64>,
    ) -> Self {
        Self {
            hub,
            place,
            first,
            head,
            asked: Arc::default(),
            details_due: None,
            details_made: None,
            trace: None,
            found: None,
        }
    }

    /// The next frame; `None` once the feed has ended. Waits as long as there is nothing. Safe to
    /// cancel: nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.first.pop_front() {
                return Some(frame);
            }
            if self.details_due.is_some_and(|due| due <= Instant::now()) {
                self.queue_details();
                continue;
            }
            match self.hub.step(&mut self.place) {
                Step::Frame(frame) => return Some(frame),
                Step::Anew(frames) => {
                    self.first = frames;
                    continue;
                }
                Step::End => return None,
                Step::Wait => {}
            }
            tokio::select! {
                // The sender lives in the hub, which this holds, so it cannot be gone.
                _ = self.head.changed() => {}
                () = self.asked.anew.notified() => {
                    let soonest = self.details_made.map(|made| made + DETAIL_AT_MOST_EVERY);
                    self.details_due = soonest.max(Some(Instant::now()));
                }
                () = until(self.details_due) => {}
            }
        }
    }

    /// Asks for something. What is asked for arrives through [`Self::next`].
    pub fn request(&self, request: Request) {
        self.requester().request(request);
    }

    /// A handle that asks on behalf of this viewer.
    pub fn requester(&self) -> Requester {
        Requester(Arc::clone(&self.asked))
    }

    fn queue_details(&mut self) {
        let inspect = self.asked.inspected.lock().clone();
        self.details_made = Some(Instant::now());
        self.details_due = (!inspect.is_nothing()).then(|| Instant::now() + DETAIL_EVERY);
        let Inspect { nodes, edges, trace, find } = inspect;
        let nodes = nodes.into_iter().map(Subject::Node);
        let subjects = nodes.chain(edges.into_iter().map(Subject::Edge));
        self.first.extend(subjects.filter_map(|subject| self.hub.details.frame(subject)));
        let trace = trace.and_then(|trace| self.hub.details.trace_frame(trace));
        let find = Some(find).filter(|find| !find.is_empty());
        let found = find.and_then(|find| self.hub.details.found_frame(&find));
        // These are long, and rarely say anything new.
        for (known, now) in [(&mut self.trace, trace), (&mut self.found, found)] {
            if known.as_ref().map(Frame::as_str) != now.as_ref().map(Frame::as_str) {
                known.clone_from(&now);
                self.first.extend(now);
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave();
    }
}

impl Requester {
    /// Asks for something. What is asked for arrives through [`Subscription::next`].
    pub fn request(&self, request: Request) {
        let Request::Inspect(mut inspect) = request;
        inspect.nodes.truncate(MAX_INSPECTED);
        inspect.edges.truncate(MAX_INSPECTED);
        inspect.find = inspect.find.chars().take(LONGEST).collect();
        *self.0.inspected.lock() = inspect;
        self.0.anew.notify_one();
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
