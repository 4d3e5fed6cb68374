//! Shows the last picture: its rates as ticks, from one look to the next. In: [`News`]. Out: the
//! feed's messages, and where the traffic comes from.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;
use spanfall_collector::feed::message::{
    Hello, Message as FeedMessage, Notice, PROTOCOL, Severity, SourceLabel, Tick, Unit,
};
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval};

use super::pace::Pace;
use super::picture::Picture;
use super::poll::{Found, News};
use super::{Place, Vizceral};
use crate::figures::duration;
use crate::source::inbox::{Event, Inbox};
use crate::source::state_of;
use crate::source::thread::Feed;
use crate::traffic::SourceState;

/// A tick's length, as a collector has it.
const TICK: Duration = Duration::from_millis(200);
/// Milliseconds at least between two ticks. A shorter one would have the clock of the picture run too
/// close behind the others.
const SHORTEST_MS: u64 = 100;
/// A gap of so many milliseconds is none in the traffic: the computer slept, or its clock was set.
const GAP_MS: u64 = 5_000;

/// What was brought up to date longer ago is stale, or after three looks if those are rare.
const STALE: Duration = Duration::from_mins(1);

/// Follows the news until there are none any more.
pub(super) async fn show(feed: &Feed, source: &Vizceral, mut news: Receiver<News>) {
    let mut show = Show::new(source);
    let mut beat = interval(TICK);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let events = tokio::select! {
            news = news.recv() => {
                let Some(news) = news else { return };
                let events = show.follow(news, wall_ms());
                if events.iter().any(|event| matches!(event, Event::Message(FeedMessage::Hello(_)))) {
                    beat.reset();
                }
                events
            }
            _ = beat.tick() => show.tick(wall_ms()).into_iter().collect(),
        };
        tell(&feed.inbox, events).await;
    }
}

async fn tell(inbox: &Inbox, events: Vec<Event>) {
    for event in events {
        inbox.push(event).await;
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What is shown.
pub(super) struct Show {
    label: SourceLabel,
    name: String,
    every: Duration,
    picture: Option<Picture>,
    pace: Pace,
    /// Which places have not been brought up to date for long.
    stale: Vec<bool>,
    notices: IndexMap<String, Notice>,
    state: Option<SourceState>,
    /// Until when ticks have told what happened, in milliseconds since 1970.
    told_ms: u64,
    /// Looks in a row that failed.
    failed: u32,
}

impl Show {
    pub(super) fn new(source: &Vizceral) -> Self {
        let name = source.place.to_string();
        let label = match source.place {
            // A file is how things were when it was written.
            Place::File(_) => SourceLabel::Recording(name.clone()),
            Place::Url(_) => SourceLabel::Live,
        };
        Self {
            label,
            name,
            every: source.every,
            picture: None,
            pace: Pace::default(),
            stale: Vec::new(),
            notices: IndexMap::new(),
            state: None,
            told_ms: 0,
            failed: 0,
        }
    }

    /// What there is to say after a look, at this time.
    pub(super) fn follow(&mut self, news: News, wall_ms: u64) -> Vec<Event> {
        let mut events = Vec::new();
        let mut notices = None;
        match news.found {
            Found::Nothing { why, retry_in } => {
                self.fail(why.to_string(), retry_in, wall_ms, &mut events);
                return events;
            }
            Found::New(picture) => {
                self.pace.follow(&picture);
                let same = self.picture.as_ref().is_some_and(|last| last.graph == picture.graph);
                if !same {
                    events.push(Event::Message(FeedMessage::Graph(picture.graph.clone())));
                }
                notices = Some(picture.notices.clone());
                self.picture = Some(*picture);
            }
            Found::Same => {}
        }
        self.failed = 0;
        self.judge(news.now_ms);
        if self.set_state(self.state_at(news.now_ms), wall_ms, &mut events)
            && let Some(picture) = &self.picture
        {
            // It comes after the greeting, which begins anew.
            events.retain(|event| !matches!(event, Event::Message(FeedMessage::Graph(_))));
            events.push(Event::Message(FeedMessage::Graph(picture.graph.clone())));
        }
        self.remark(notices, news.now_ms, wall_ms, &mut events);
        events
    }

    /// A look failed. The last picture stays: of a URL as what is lost, of a file as it was.
    fn fail(&mut self, why: String, retry_in: f64, wall_ms: u64, events: &mut Vec<Event>) {
        self.failed += 1;
        let live = self.label == SourceLabel::Live;
        if live || self.picture.is_none() {
            tracing::warn!("cannot read {}: {why}; next try in {retry_in:.1} s", self.name);
            let lost = SourceState::Lost { from: self.name.clone(), why, retry_in };
            self.state = Some(lost.clone());
            events.push(Event::State(lost));
        } else if self.failed == 2 {
            // The first time it may just be half written.
            let text = format!("{} cannot be read; the last picture stays: {why}", self.name);
            tracing::warn!("{text}");
            let notice =
                Notice { severity: Severity::Warning, text, ..matter("vizceral-file", wall_ms) };
            events.extend(self.change(notice));
        }
    }

    /// Finds out which places are stale.
    fn judge(&mut self, now_ms: u64) {
        let places = self.picture.as_ref().map_or(&[][..], |picture| &picture.places);
        let live = self.label == SourceLabel::Live;
        let stale = |updated: u64| self.is_old(updated, now_ms);
        self.stale =
            places.iter().map(|place| live && place.updated_ms.is_some_and(stale)).collect();
    }

    fn is_old(&self, updated_ms: u64, now_ms: u64) -> bool {
        let bound = STALE.max(self.every * 3).as_millis();
        u128::from(now_ms.saturating_sub(updated_ms)) > bound
    }

    fn state_at(&self, now_ms: u64) -> SourceState {
        let newest = self.picture.as_ref().and_then(Picture::newest_ms);
        match newest
            .filter(|newest| self.label == SourceLabel::Live && self.is_old(*newest, now_ms))
        {
            Some(newest) => SourceState::Lost {
                from: self.name.clone(),
                why: format!(
                    "It answers, and its data is {} old. To see it as it was, save it and open the \
                     file",
                    age(newest, now_ms)
                ),
                retry_in: self.every.as_secs_f64(),
            },
            None => state_of(&self.label, &self.name),
        }
    }

    /// Whether the traffic begins, or begins again: then who speaks is told first.
    fn set_state(&mut self, state: SourceState, wall_ms: u64, events: &mut Vec<Event>) -> bool {
        let lost = matches!(state, SourceState::Lost { .. });
        let begins = self.state.as_ref() != Some(&state) && !(lost && self.state.is_some());
        if self.state.as_ref() != Some(&state) {
            events.push(Event::State(state.clone()));
        }
        self.state = Some(state);
        if begins {
            self.told_ms = wall_ms;
            events.push(Event::Message(FeedMessage::Hello(Hello {
                protocol: PROTOCOL,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                tick_ms: u32::try_from(TICK.as_millis()).unwrap_or(u32::MAX),
                source: self.label.clone(),
                unit: Unit::Requests,
                now_ms: wall_ms,
            })));
        }
        begins
    }

    /// Tells notices that are new, changed or over.
    fn remark(
        &mut self,
        said: Option<Vec<Notice>>,
        now_ms: u64,
        wall_ms: u64,
        events: &mut Vec<Event>,
    ) {
        let stale = self.stale_notices(now_ms, wall_ms);
        let Some(said) = said else {
            // Those of the picture are as they were.
            let kept = |id: &String| !id.starts_with(STALE_ID) && id != "vizceral-file";
            let kept = self.notices.iter().filter(|(id, _)| kept(id)).map(|(_, n)| n.clone());
            let now: Vec<Notice> = kept.chain(stale).collect();
            return self.replace(now, events);
        };
        let since = |notice: Notice| {
            let known = self.notices.get(&notice.id).map(|known| known.since_ms);
            Notice { since_ms: known.unwrap_or(wall_ms), ..notice }
        };
        let now = said.into_iter().map(since).chain(stale).collect();
        self.replace(now, events);
    }

    fn stale_notices(&self, now_ms: u64, wall_ms: u64) -> Vec<Notice> {
        let Some(picture) = &self.picture else { return Vec::new() };
        // When everything is, the whole picture says so.
        if matches!(self.state, Some(SourceState::Lost { .. })) {
            return Vec::new();
        }
        let places = picture.places.iter().zip(&self.stale);
        let stale = places.filter(|(place, stale)| **stale && !place.name.is_empty());
        let told = stale.map(|(place, _)| {
            let id = format!("{STALE_ID}{}", place.name);
            let known = self.notices.get(&id).map(|known| known.since_ms);
            let updated = place.updated_ms.unwrap_or_default();
            let text = format!(
                "{} is stale: it was last updated {} ago, and its particles rest",
                place.name,
                age(updated, now_ms)
            );
            let matter = matter(&id, known.unwrap_or(wall_ms));
            Notice { severity: Severity::Warning, text, ..matter }
        });
        told.collect()
    }

    fn replace(&mut self, now: Vec<Notice>, events: &mut Vec<Event>) {
        let over: Vec<String> = self
            .notices
            .keys()
            .filter(|id| now.iter().all(|notice| notice.id != **id))
            .cloned()
            .collect();
        for id in over {
            self.notices.shift_remove(&id);
            events.push(Event::Message(FeedMessage::Notice(matter(&id, 0))));
        }
        for notice in now {
            events.extend(self.change(notice));
        }
    }

    fn change(&mut self, notice: Notice) -> Option<Event> {
        if self.notices.get(&notice.id) == Some(&notice) {
            return None;
        }
        self.notices.insert(notice.id.clone(), notice.clone());
        Some(Event::Message(FeedMessage::Notice(notice)))
    }

    /// What has happened since the last tick, if that is worth telling.
    pub(super) fn tick(&mut self, wall_ms: u64) -> Option<Event> {
        let picture = self.picture.as_ref()?;
        if self.told_ms == 0 || matches!(self.state, Some(SourceState::Lost { .. })) {
            return None;
        }
        if wall_ms.abs_diff(self.told_ms) > GAP_MS {
            self.told_ms = wall_ms;
            return None;
        }
        let ms = wall_ms.checked_sub(self.told_ms).filter(|ms| *ms >= SHORTEST_MS)?;
        let stale = &self.stale;
        let rests = |place: usize| stale.get(place).copied().unwrap_or(false);
        #[expect(clippy::cast_precision_loss, reason = "a few seconds at most")]
        let edges = self.pace.tick(picture, ms as f64 / 1e3, rests);
        let t = self.told_ms;
        self.told_ms = wall_ms;
        let ms = u32::try_from(ms).unwrap_or(u32::MAX);
        Some(Event::Message(FeedMessage::Tick(Tick { t, ms, edges, ..Tick::default() })))
    }
}

/// How the ids of notices about stale places begin.
const STALE_ID: &str = "vizceral-stale ";

/// A notice without words: as it is, that its matter is over.
fn matter(id: &str, since_ms: u64) -> Notice {
    Notice { id: id.to_owned(), since_ms, ..Notice::default() }
}

fn age(then_ms: u64, now_ms: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "an age for people")]
    duration(now_ms.saturating_sub(then_ms) as f64 / 1e3)
}
