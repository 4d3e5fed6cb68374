//! What is to be sent, and when, round after round. In: files. Out: requests with their position in
//! the replay, from a thread of its own, a few of them ahead.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::otlp_file::{Input, Losses, Place, ReadError};

use super::order::Merge;
use super::round::Round;
use super::template::Template;

/// How many requests are read ahead.
const AHEAD: usize = 64;

/// Between the last request of a round and the first of the next: what is usual between two of them,
/// within these. The upper one is a tick, so that the feed never pauses.
const SEAM: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(200)];

/// What is to be played.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) inputs: Vec<Input>,
    pub(super) repeat: bool,
    pub(super) keep_going: bool,
    /// Sets the ids of this replay apart from those of others.
    pub(super) seed: u64,
    /// Counts the bytes read.
    pub(super) read: Arc<AtomicU64>,
}

/// What the thread tells.
#[derive(Debug)]
pub(super) enum Event {
    /// The next request.
    Request(Box<Scheduled>),
    /// All rounds are over. What else was in the files.
    Ended(Losses),
    /// A file cannot be read.
    Failed(ReadError),
}

/// A request, and when it is due.
#[derive(Debug)]
pub(super) struct Scheduled {
    /// How long after the first one of all, at the recording's own speed.
    pub(super) position: Duration,
    /// The same in the recording's own time, in nanoseconds since 1970.
    pub(super) due: u64,
    /// Which round it belongs to, from 0.
    pub(super) number: u64,
    /// That round's ids.
    pub(super) round: Arc<Round>,
    /// The request.
    pub(super) template: Template,
    /// Where it stands.
    pub(super) place: Place,
}

/// Starts the thread. It ends with the recording, or when the receiver is dropped.
pub(super) fn start(program: Program) -> io::Result<mpsc::Receiver<Event>> {
    let (events, receiver) = mpsc::channel(AHEAD);
    std::thread::Builder::new().name("replay".to_owned()).spawn(move || {
        let last = match read_rounds(&program, &events) {
            Ok(losses) => Event::Ended(losses),
            Err(error) => Event::Failed(error),
        };
        // Nobody listens any more where the replay was stopped.
        let _ = events.blocking_send(last);
    })?;
    Ok(receiver)
}

fn read_rounds(program: &Program, events: &mpsc::Sender<Event>) -> Result<Losses, ReadError> {
    let mut losses = None;
    let mut begin = Duration::ZERO;
    for number in 0.. {
        let mut merge = Merge::open(&program.inputs, program.keep_going, &program.read)?;
        let round = Arc::new(Round::new(program.seed, number));
        let mut first = None;
        let (mut last, mut count) = (begin, 0_u32);
        while let Some(timed) = merge.next()? {
            let first = *first.get_or_insert(timed.due);
            last = begin.saturating_add(Duration::from_nanos(timed.due - first));
            count = count.saturating_add(1);
            let scheduled = Scheduled {
                position: last,
                due: timed.due,
                number,
                round: Arc::clone(&round),
                template: timed.template,
                place: timed.place,
            };
            if events.blocking_send(Event::Request(Box::new(scheduled))).is_err() {
                return Ok(Losses::default());
            }
        }
        // Every round loses the same.
        losses.get_or_insert_with(|| merge.losses());
        if !program.repeat || count == 0 {
            break;
        }
        begin = last.saturating_add(seam(last.saturating_sub(begin), count));
    }
    Ok(losses.unwrap_or_default())
}

/// The time between two rounds of `count` requests in `length`.
fn seam(length: Duration, count: u32) -> Duration {
    let [shortest, longest] = SEAM;
    match count.checked_sub(1) {
        None | Some(0) => longest,
        Some(gaps) => (length / gaps).clamp(shortest, longest),
    }
}
