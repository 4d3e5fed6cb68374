//! The replay itself. In: recordings, a sink, and a token to stop it. Out: the requests, to the
//! sink, when they are due.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::otlp_file::{Input, Losses, ReadError};
use crate::pipeline::Pipeline;
use crate::receive::Sink;
use crate::reduce::{Ingested, Malformed, Reducer};

use super::pace::{Control, Due, Pace, Playhead};
use super::schedule::{Event, Program, Scheduled, start};
use super::{ReplayError, Speed};

/// Plays recordings: every request when it is due, as if it happened now.
///
/// All times of a round are moved to now by the same time, and trace ids, span ids and the ids of
/// requests, messages and function instances are new in every replay and every round of it, so that a
/// reducer takes none for one that it has seen; what belongs together in the recording still does.
/// Another speed than 1, or a pause, changes only when requests are sent: how long spans take, and how
/// long a message is in a queue from one span to another, is a fact of the recording at any speed. So
/// the times in spans run ahead of the wall's clock, or behind it, until the next round.
#[derive(Debug)]
pub struct Replayer {
    program: Program,
    control: Control,
    clock: Clock,
}

/// What was played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Requests sent.
    pub requests: u64,
    /// Spans in them.
    pub spans: u64,
    /// Spans that the sink could not use.
    pub rejected: u64,
    /// Rounds begun.
    pub rounds: u64,
    /// What was in the recordings and not played; known at the end only.
    pub losses: Losses,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl Replayer {
    /// Plays these recordings, merged by time, once, at their own speed.
    pub fn new(inputs: Vec<Input>) -> Self {
        let program = Program {
            inputs,
            repeat: false,
            keep_going: false,
            seed: rand::random(),
            read: Arc::default(),
        };
        Self { program, control: Control::new(Pace::default()), clock: Clock::start() }
    }

    /// Plays at another speed.
    #[must_use]
    pub fn speed(self, speed: Speed) -> Self {
        self.control.set_speed(speed);
        self
    }

    /// Begins again at the end, until it is stopped. The first request of a round follows the last
    /// one of the round before within a fifth of a second.
    #[must_use]
    pub fn looping(mut self, repeat: bool) -> Self {
        self.program.repeat = repeat;
        self
    }

    /// Passes over what cannot be read instead of failing.
    #[must_use]
    pub fn keep_going(mut self, keep_going: bool) -> Self {
        self.program.keep_going = keep_going;
        self
    }

    #[cfg(test)]
    pub(super) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// To pause it and to change its speed while it plays.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Counts the bytes read from the recordings, in all rounds.
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.program.read)
    }

    /// Plays into a pipeline's reducer.
    ///
    /// # Errors
    /// As [`Replayer::play`].
    pub async fn play_into(
        self,
        pipeline: &Pipeline,
        stop: CancellationToken,
    ) -> Result<Played, ReplayError> {
        let sink = ToReducer { reducer: Arc::clone(pipeline.reducer()), clock: pipeline.clock() };
        self.play(Arc::new(sink), stop).await
    }

    /// Plays into a sink until everything is played or `stop` is cancelled. What still waits in a
    /// reducer then is not resolved.
    ///
    /// # Errors
    /// [`ReplayError`] if a recording cannot be read, has nothing to play, or cannot be looped.
    pub async fn play(
        self,
        sink: Arc<dyn Sink>,
        stop: CancellationToken,
    ) -> Result<Played, ReplayError> {
        self.load()?.play(sink, stop).await
    }

    /// Starts to read.
    pub(super) fn load(self) -> Result<Loaded, ReplayError> {
        let Self { program, control, clock } = self;
        if program.repeat
            && let Some(once) = program.inputs.iter().find(|input| !input.is_repeatable())
        {
            return Err(ReplayError::Once(once.name()));
        }
        let keep_going = program.keep_going;
        let events = start(program).map_err(ReplayError::Thread)?;
        Ok(Loaded { events, keep_going, control, clock })
    }
}

/// A replay whose recordings are being read.
pub(super) struct Loaded {
    pub(super) events: mpsc::Receiver<Event>,
    keep_going: bool,
    control: Control,
    clock: Clock,
}

impl Loaded {
    pub(super) async fn play(
        self,
        sink: Arc<dyn Sink>,
        stop: CancellationToken,
    ) -> Result<Played, ReplayError> {
        let Self { mut events, keep_going, control, clock } = self;
        let mut player = Player {
            sink,
            clock,
            keep_going,
            pace: control.watch(),
            head: Playhead::new(control.pace(), Instant::now()),
            shift_ns: 0,
            played: Played::default(),
        };
        loop {
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                event = events.recv() => event,
            };
            match event {
                Some(Event::Request(request)) => {
                    let sent = stop.run_until_cancelled(player.play(&request)).await;
                    sent.transpose()?;
                }
                Some(Event::Failed(error)) => return Err(error.into()),
                Some(Event::Ended(losses)) => {
                    player.played.losses.add(losses);
                    if player.played.requests == 0 {
                        return Err(ReplayError::Empty);
                    }
                    return Ok(player.played);
                }
                None => return Ok(Played { stopped: true, ..player.played }),
            }
        }
    }
}

/// A replay under way.
struct Player {
    sink: Arc<dyn Sink>,
    clock: Clock,
    keep_going: bool,
    pace: watch::Receiver<Pace>,
    head: Playhead,
    /// By how much the times of this round are moved.
    shift_ns: i64,
    played: Played,
}

impl Player {
    /// Waits until a request is due, and sends it.
    async fn play(&mut self, request: &Scheduled) -> Result<(), ReplayError> {
        self.wait(request).await;
        self.head.sent(request.position, Instant::now());
        if request.number >= self.played.rounds {
            self.played.rounds = request.number + 1;
            self.shift_ns = difference(wall_ns(self.clock), request.due);
        }
        let bytes = request.template.write(&request.round, self.shift_ns);
        match self.sink.traces(bytes) {
            Ok(Ingested { spans, rejected, .. }) => {
                self.played.requests += 1;
                self.played.spans += spans;
                self.played.rejected += rejected;
            }
            Err(malformed) => {
                let error = ReadError::malformed(request.place.clone(), malformed);
                self.played.losses.pass_over(error, self.keep_going)?;
            }
        }
        Ok(())
    }

    /// Waits until a request is due, at a pace that may change meanwhile.
    async fn wait(&mut self, request: &Scheduled) {
        loop {
            if self.pace.has_changed().unwrap_or(false) {
                let pace = *self.pace.borrow_and_update();
                self.head.set_pace(pace, request.position, Instant::now());
            }
            match self.head.due(request.position) {
                Due::Now => return,
                Due::At(due) if due <= Instant::now() => return,
                Due::At(due) => {
                    tokio::select! {
                        () = sleep_until(due) => return,
                        // The control lives as long as the replay: there is no error to meet.
                        _ = self.pace.changed() => self.pace.mark_changed(),
                    }
                }
                Due::Paused => {
                    if self.pace.changed().await.is_ok() {
                        self.pace.mark_changed();
                    } else {
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }
}

/// A pipeline's reducer as a sink.
struct ToReducer {
    reducer: Arc<Reducer>,
    clock: Clock,
}

impl Sink for ToReducer {
    fn traces(&self, request: bytes::Bytes) -> Result<Ingested, Malformed> {
        self.reducer.ingest(&request, self.clock.elapsed_ms())
    }
}

fn wall_ns(clock: Clock) -> u64 {
    clock.unix_ms().saturating_mul(1_000_000)
}

fn difference(to: u64, from: u64) -> i64 {
    let distance = i64::try_from(to.abs_diff(from)).unwrap_or(i64::MAX);
    if to >= from { distance } else { -distance }
}
