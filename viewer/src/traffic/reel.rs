//! The reel: a film, a clock, and what a person does with them. In: frames as they come, and commands.
//! Out: the model as of the moment that is shown, and the ticks whose hops set out. Plain code, no Bevy.
//!
//! The picture is at the present, or somewhere in the past. At the present the clock follows the feed;
//! in the past it goes as fast as a person wants, and when it catches up it is at the present again.

use spanfall_collector::feed::message::{Graph, Hello, Notice, Tick};

use super::clock::Clock;
use super::film::{Film, Frame, Place};
use super::model::Traffic;
use super::{Played, seconds};

/// A tick that comes later than this, in seconds, counts and is not played at the present: it belongs
/// to the past, such as the ticks that a new viewer receives first.
const LATE: f64 = 0.5;

/// After this many seconds without a tick, rates fade as if nothing happened.
const SILENCE: f64 = 2.0;

/// Hops that set out so many seconds before a moment may still be under way in it.
const UNDER_WAY: f64 = 8.0;

/// Moments this close, in seconds, are the same: seconds since 1970 are not told more exactly.
const CLOSE: f64 = 1e-6;

/// How fast a person may play, by [`Reel::faster`].
pub(super) const SPEEDS: [f64; 9] = [0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0];

/// Where the picture is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// At the present.
    #[default]
    Live,
    /// At the present, which stands still while the picture does: so does a recording.
    Held,
    /// In the past.
    Past,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Reel {
    pub(super) clock: Clock,
    film: Film,
    /// What is to be played next.
    next: Place,
    mode: Mode,
    paused: bool,
    /// How fast, while not paused.
    speed: f64,
    /// Where to go before anything else is played.
    jump: Option<f64>,
    /// Seconds to go on at once, as far as the next tick.
    stride: f64,
    /// Grows with every jump: what was under way belongs to another time.
    epoch: u64,
    /// The newest tick that came, in milliseconds since 1970: what comes again is passed over.
    newest: Option<u64>,
    /// The latest the feed's clock is known to have shown, in seconds since 1970.
    pub(super) heard: f64,
    /// When the last tick came, in seconds of the wall's clock.
    pub(super) came: f64,
    /// After how many seconds what is quiet goes.
    forget_after: f64,
}

impl Reel {
    pub(super) fn new(forget_after: f64) -> Self {
        Self {
            clock: Clock::default(),
            film: Film::default(),
            next: Place::default(),
            mode: Mode::Live,
            paused: false,
            speed: 1.0,
            jump: None,
            stride: 0.0,
            epoch: 0,
            newest: None,
            heard: 0.0,
            came: 0.0,
            forget_after,
        }
    }

    /// Forgets everything: another system comes.
    pub(super) fn reset(&mut self) {
        self.film.clear();
        self.next = self.film.end();
        self.newest = None;
        self.clock.unhitch(0.0);
        self.jump = None;
        if self.mode == Mode::Past {
            *self = Self {
                mode: Mode::Live,
                paused: false,
                speed: 1.0,
                ..std::mem::replace(self, Self::new(self.forget_after))
            };
        }
    }

    /// A connection begins: its clock may be another one.
    pub(super) fn greet(&mut self, hello: &Hello, at: f64) {
        let shown = seconds(hello.now_ms);
        self.clock.unhitch(f64::from(hello.tick_ms) / 1e3);
        self.clock.hear(shown, at);
        // Its clock was set back: what comes is no repetition.
        if self.newest.is_some_and(|newest| hello.now_ms < newest) {
            self.newest = None;
        }
        self.heard = shown;
    }

    /// Takes a tick that came at `at` of the wall's clock. Returns whether it is new.
    pub(super) fn take(&mut self, tick: &Tick, at: f64) -> bool {
        self.came = at;
        // After a reconnect the recent past comes again.
        if self.newest.is_some_and(|newest| tick.t <= newest) {
            if !tick.instances.is_empty() || !tick.versions.is_empty() {
                let again = Tick {
                    t: tick.t,
                    ms: tick.ms,
                    instances: tick.instances.clone(),
                    versions: tick.versions.clone(),
                    ..Tick::default()
                };
                self.film.push(Frame::Again(again), self.next);
            }
            return false;
        }
        self.newest = Some(tick.t);
        let (start, length) = (seconds(tick.t), f64::from(tick.ms) / 1e3);
        // Ticks of the past say nothing about how long a tick takes to arrive.
        if start + length >= self.heard {
            self.clock.tick(start, length, at);
            self.heard = start + length;
        }
        self.film.push(Frame::Tick(tick.clone()), self.next);
        true
    }

    /// Takes a change of the graph: it shows when all that came before it has been shown.
    pub(super) fn take_graph(&mut self, graph: &Graph) {
        self.film.push(Frame::Graph(graph.clone()), self.next);
    }

    /// Takes a notice, likewise.
    pub(super) fn take_notice(&mut self, notice: &Notice) {
        self.film.push(Frame::Notice(notice.clone()), self.next);
    }

    /// The feed's times between which any moment can be shown.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        self.film.range()
    }

    /// How fast the picture goes: 1 is real time, 0 stands still.
    pub(super) fn pace(&self) -> f64 {
        match (self.paused, self.mode) {
            (true, _) => 0.0,
            (false, Mode::Past) => self.speed,
            (false, _) => 1.0,
        }
    }

    /// Whether the picture is at the present.
    pub(super) fn is_live(&self) -> bool {
        self.mode != Mode::Past
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether anything waits to be played.
    pub(super) fn has_more(&self) -> bool {
        self.jump.is_some() || self.film.has(self.next)
    }

    /// Stops, or goes on from where it stopped. A source that stands still with the picture misses
    /// nothing meanwhile, and is still at its present.
    pub(super) fn toggle_pause(&mut self, source_pauses: bool) {
        self.paused = !self.paused;
        match (self.mode, self.paused) {
            (Mode::Live, true) => self.mode = if source_pauses { Mode::Held } else { Mode::Past },
            (Mode::Held, false) => self.mode = Mode::Live,
            _ => {}
        }
    }

    /// Goes to a moment of the past, the feed's time in seconds; past the end to the present.
    pub(super) fn seek(&mut self, at: f64) {
        let Some((begin, end)) = self.film.range() else { return };
        if at >= end {
            self.live();
            return;
        }
        if self.mode != Mode::Past {
            self.mode = Mode::Past;
            self.speed = 1.0;
        }
        self.jump = Some(at.max(begin));
    }

    /// Goes to the present.
    pub(super) fn live(&mut self) {
        if self.mode == Mode::Live && !self.paused {
            return;
        }
        // What waits while held is played like any other tick.
        let jumps = self.mode == Mode::Past;
        self.mode = Mode::Live;
        self.paused = false;
        self.speed = 1.0;
        if jumps {
            self.clock.rejoin();
            self.jump = Some(f64::INFINITY);
        }
    }

    /// Goes to the beginning of the next tick, or of the one before, and stands still there.
    pub(super) fn step(&mut self, forward: bool) {
        let Some(now) = self.jump.filter(|at| at.is_finite()).or_else(|| self.clock.feed_now())
        else {
            return;
        };
        self.mode = Mode::Past;
        self.paused = true;
        match (self.film.neighbours(now), forward) {
            ((_, Some(after)), true) if self.jump.is_some() => self.jump = Some(after),
            ((_, Some(after)), true) => self.stride = after - now,
            ((Some(before), _), false) => self.jump = Some(before),
            _ => {}
        }
    }

    /// Plays faster, or slower. The present cannot be overtaken.
    pub(super) fn faster(&mut self, faster: bool) {
        let speed = if self.mode == Mode::Past { self.speed } else { 1.0 };
        let next = if faster {
            SPEEDS.iter().copied().find(|other| *other > speed)
        } else {
            SPEEDS.iter().rev().copied().find(|other| *other < speed)
        };
        let Some(next) = next else { return };
        if self.mode != Mode::Past {
            if faster {
                return;
            }
            self.mode = Mode::Past;
        }
        self.speed = next;
    }

    /// Moves on by `delta` seconds of the wall's clock, which now shows `wall`. What is played is
    /// added to `out`.
    pub(super) fn advance(
        &mut self,
        wall: f64,
        delta: f64,
        traffic: &mut Traffic,
        out: &mut Vec<Played>,
    ) {
        let before = self.clock.now();
        if self.film.is_gone(self.next) && self.jump.is_none() {
            // The moment that is shown is kept no more, or another film has begun.
            self.jump = match self.mode {
                Mode::Past => self.film.range().map(|(begin, _)| begin),
                Mode::Live | Mode::Held => Some(f64::INFINITY),
            };
        }
        if self.mode == Mode::Past {
            if self.jump.is_none() {
                self.clock.go_on(delta * self.pace() + std::mem::take(&mut self.stride));
            }
        } else {
            self.clock.advance(wall, delta, self.pace());
        }
        if let Some(at) = self.jump.take() {
            self.stride = 0.0;
            self.jump_to(at, traffic, out);
        }
        // Whoever plays slowly falls behind the present, however close to it he begins.
        if self.mode == Mode::Past
            && !self.paused
            && self.speed >= 1.0
            && let (Some(shown), Some(present)) = (self.clock.feed_now(), self.clock.target(wall))
            && shown >= present
        {
            self.mode = Mode::Live;
            self.speed = 1.0;
        }
        self.play(before, traffic, out);
        if let (Some(now), Some(until)) = (self.clock.feed_now(), traffic.time())
            && now > until + SILENCE
            && self.pace() > 0.0
        {
            traffic.follow_silence(now);
        }
    }

    /// Shows another moment: the model as it was, and the hops that were under way.
    fn jump_to(&mut self, at: f64, traffic: &mut Traffic, out: &mut Vec<Played>) {
        let at = if at.is_finite() { at } else { self.clock.feed_now().unwrap_or(at) };
        let Some((mut model, next)) = self.film.model_at(at) else { return };
        if self.mode == Mode::Past {
            self.clock.show(at);
        }
        model.forget(at, self.forget_after);
        traffic.replace(model);
        self.next = next;
        self.epoch += 1;
        for tick in self.film.ticks(at - UNDER_WAY, at) {
            if let Some(start) = self.clock.time_of(seconds(tick.t))
                && !tick.edges.is_empty()
            {
                let length = f64::from(tick.ms) / 1e3;
                out.push(Played { tick, start, length });
            }
        }
    }

    /// Plays what its time has come for.
    fn play(&mut self, before: f64, traffic: &mut Traffic, out: &mut Vec<Played>) {
        let now = self.clock.now();
        while let Some((frame, next)) = self.film.get(self.next) {
            let Frame::Tick(tick) = &*frame else {
                // Graphs and notices stand between the ticks around them.
                if self.pace() > 0.0 || self.next_is_shown() {
                    let live = self.mode != Mode::Past;
                    let at = self.clock.feed_now().filter(|_| !live).unwrap_or(self.heard);
                    traffic.recall(&frame, at);
                    self.next = next;
                    continue;
                }
                return;
            };
            let Some(start) = self.clock.time_of(seconds(tick.t)) else { return };
            if start > now + CLOSE {
                return;
            }
            traffic.follow(tick);
            self.next = next;
            let end = start + f64::from(tick.ms) / 1e3;
            if tick.edges.is_empty() || (self.mode != Mode::Past && end < now - LATE) {
                continue;
            }
            // What is a little late sets out in what is left of its interval, so that nothing
            // appears in the middle of an edge.
            let start = start.max(before);
            if let Frame::Tick(tick) = frame.into_owned() {
                out.push(Played { tick, start, length: (end - start).max(0.02) });
            }
        }
    }

    /// Whether a paused picture already shows the moment of what comes next: that of the tick that
    /// follows, once that began.
    fn next_is_shown(&self) -> bool {
        let mut place = self.next;
        while let Some((frame, next)) = self.film.get(place) {
            if let Frame::Tick(tick) = &*frame {
                let start = self.clock.time_of(seconds(tick.t));
                return start.is_some_and(|start| start <= self.clock.now() + CLOSE);
            }
            place = next;
        }
        false
    }
}

#[cfg(test)]
mod tests;
