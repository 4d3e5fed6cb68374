//! A recorded feed: the messages that a WebSocket client of `/feed` saved, one a line. In: the
//! file. Out: its messages, each when its time has come by `Time<Real>`, so that a test or a
//! snapshot that steps the time gets the same picture every time.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::{Message as FeedMessage, Notice, Severity};

use super::{Arrived, state_of};
use crate::activity::Activity;
use crate::focus::Focus;
use crate::traffic::{SourceState, seconds};

/// Lines that say nothing readable are logged up to this many: the rest is likely no better.
const FAULTS_TOLD: u32 = 5;

/// The file being played.
#[derive(Resource, Debug)]
pub(super) struct FeedFile {
    path: PathBuf,
    state: State,
}

/// How far the file is.
#[derive(Debug)]
enum State {
    Closed,
    Playing(Box<Playing>),
    Ended,
}

#[derive(Debug)]
struct Playing {
    lines: Lines<BufReader<File>>,
    /// The line read last, counted from 1.
    line: u64,
    faults: u32,
    /// The feed's clock when the recording began, in seconds since 1970.
    origin: Option<f64>,
    /// `Time<Real>` when this began to play.
    began: f64,
    /// What was read last, and when it is due in seconds after `began`.
    next: Option<(f64, FeedMessage)>,
    due: f64,
}

impl FeedFile {
    /// A file to be played from its beginning, once the app runs.
    pub(super) fn open(path: PathBuf) -> Self {
        Self { path, state: State::Closed }
    }
}

/// Passes on what is due.
pub(super) fn read(
    mut file: ResMut<'_, FeedFile>,
    time: Res<'_, Time<Real>>,
    focus: Res<'_, Focus>,
    mut state: ResMut<'_, SourceState>,
    mut arrived: MessageWriter<'_, Arrived>,
    mut activity: ResMut<'_, Activity>,
) {
    let now = time.elapsed_secs_f64();
    if let State::Closed = file.state {
        file.state = match Playing::begin(&file.path, now) {
            Ok(playing) => State::Playing(Box::new(playing)),
            Err(error) => {
                let message = FeedMessage::Notice(unreadable(&file.path, &error));
                arrived.write(Arrived::Message { message, at: now });
                State::Ended
            }
        };
    }
    let FeedFile { path, state: reading } = &mut *file;
    let State::Playing(playing) = reading else { return };
    while let Some((due, message)) = playing.next_until(path, now) {
        match &message {
            FeedMessage::Hello(hello) => *state = state_of(&hello.source, &path.to_string_lossy()),
            // A recording holds details that nobody watching it now has asked for.
            FeedMessage::Detail(detail) if !focus.is_selected(detail.node, detail.edge) => continue,
            _ => {}
        }
        arrived.write(Arrived::Message { message, at: due });
    }
    if playing.next.is_none() {
        *reading = State::Ended;
    } else {
        // The next message is at most a second away.
        activity.extend(&time, 1.0);
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Notice {
    let text = format!("Cannot read {}: {error}", path.display());
    error!("{text}");
    Notice { id: "feed-file".into(), severity: Severity::Critical, text, ..Notice::default() }
}

impl Playing {
    fn begin(path: &Path, began: f64) -> std::io::Result<Self> {
        let lines = BufReader::new(File::open(path)?).lines();
        let mut playing =
            Self { lines, line: 0, faults: 0, origin: None, began, next: None, due: 0.0 };
        playing.advance(path);
        Ok(playing)
    }

    /// The next message, if it is due by `now`; with the time at which it was due.
    fn next_until(&mut self, path: &Path, now: f64) -> Option<(f64, FeedMessage)> {
        let due = self.began + self.next.as_ref()?.0;
        if due > now {
            return None;
        }
        let (_, message) = self.next.take()?;
        self.advance(path);
        Some((due, message))
    }

    /// Reads the next line that says something.
    fn advance(&mut self, path: &Path) {
        loop {
            self.line += 1;
            let text = match self.lines.next() {
                Some(Ok(text)) => text,
                Some(Err(error)) => {
                    error!("{} line {}: {error}; it ends here", path.display(), self.line);
                    return;
                }
                None => return,
            };
            if text.trim().is_empty() {
                continue;
            }
            match serde_json::from_str(&text) {
                Ok(message) => {
                    self.due = self.due.max(self.due_of(&message));
                    self.next = Some((self.due, message));
                    return;
                }
                Err(error) => {
                    self.faults += 1;
                    if self.faults <= FAULTS_TOLD {
                        warn!("{} line {}: {error}; passed over", path.display(), self.line);
                    }
                }
            }
        }
    }

    /// When a message came in the recording, in seconds after its beginning: a tick when it was
    /// over, anything else with what came before it.
    fn due_of(&mut self, message: &FeedMessage) -> f64 {
        match message {
            FeedMessage::Hello(hello) => {
                // A second `hello` is a reconnect: its time goes on from the first one's.
                self.origin.get_or_insert(seconds(hello.now_ms));
                self.due
            }
            FeedMessage::Tick(tick) => {
                let end = seconds(tick.t.saturating_add(u64::from(tick.ms)));
                end - *self.origin.get_or_insert(end)
            }
            _ => self.due,
        }
    }
}
