//! Which notices are shown, in which order. In: all that stand, those that somebody muted. Out: cards.
//! Plain functions, without the app.

use std::cmp::Reverse;
use std::collections::HashMap;

use bevy::prelude::Resource;
use spanfall_collector::feed::message::{Notice, Severity};

use crate::focus::Item;

/// Seconds after which what is only good to know is known.
const NEWS_STAY: f64 = 60.0;

/// Seconds that a notice stays muted.
const MUTED: f64 = 3_600.0;

/// Notices that are muted at most; past it the one that soonest is not goes first.
const MOST_MUTED: usize = 100;

/// One card.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Card {
    /// The notice's; empty for the viewer's own words, which cannot be muted.
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) text: String,
    pub(super) goes: Option<Item>,
    pub(super) url: Option<String>,
}

/// The notices that somebody does not want to see, and until when, in seconds of the wall's clock.
#[derive(Resource, Clone, Debug, Default)]
pub(super) struct Muted(HashMap<String, f64>);

impl Muted {
    pub(super) fn mute(&mut self, id: &str, now: f64) {
        if self.0.len() >= MOST_MUTED {
            let soonest = self.0.iter().min_by(|a, b| a.1.total_cmp(b.1));
            if let Some(soonest) = soonest.map(|(id, _)| id.clone()) {
                self.0.remove(&soonest);
            }
        }
        self.0.insert(id.to_owned(), now + MUTED);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Lets go of what is muted no longer; whether there was something.
    pub(super) fn expire(&mut self, now: f64) -> bool {
        // Whoever asks each frame must not look like a change.
        if self.0.values().all(|until| *until > now) {
            return false;
        }
        self.0.retain(|_, until| *until > now);
        true
    }
}

/// What is shown.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub(super) struct Ranked {
    pub(super) cards: Vec<Card>,
    /// Notices for which there is no room, and those that are muted.
    more: usize,
    muted: usize,
}

impl Ranked {
    /// The notice at a place from the top, if there is one.
    pub(super) fn notice(&self, place: u8) -> Option<&Card> {
        self.cards.iter().filter(|card| !card.id.is_empty()).nth(usize::from(place))
    }

    /// What is not shown, in words; empty if that is nothing.
    pub(super) fn rest(&self) -> String {
        let more = (self.more > 0).then(|| format!("{} more", self.more));
        let muted = (self.muted > 0).then(|| format!("{} muted", self.muted));
        more.into_iter().chain(muted).collect::<Vec<_>>().join(", ")
    }
}

/// The cards to be shown: the viewer's own first, then those that hurt the most requests, of these
/// the worst, of these the newest. `now` is the feed's time in seconds.
pub(super) fn ranked(
    own: Option<&Card>,
    notices: &[Notice],
    muted: &Muted,
    now: f64,
    most: usize,
) -> Ranked {
    let old = |notice: &Notice| {
        notice.severity == Severity::Info && now - notice.since_ms as f64 / 1e3 > NEWS_STAY
    };
    let mut open: Vec<&Notice> =
        notices.iter().filter(|notice| !notice.text.is_empty() && !old(notice)).collect();
    let all = open.len();
    open.retain(|notice| !muted.0.contains_key(&notice.id));
    let silent = all - open.len();
    open.sort_by_key(|notice| Reverse((step(notice.hurt), notice.severity, notice.since_ms)));
    let told = open.iter().map(|notice| Card {
        id: notice.id.clone(),
        severity: notice.severity,
        text: notice.text.clone(),
        goes: notice.node.map(Item::Node).or(notice.edge.map(Item::Edge)),
        url: notice.url.clone(),
    });
    let cards: Vec<Card> = own.cloned().into_iter().chain(told).take(most).collect();
    let shown = cards.len() - usize::from(own.is_some());
    Ranked { cards, more: open.len() - shown, muted: silent }
}

/// How many requests are hurt, in steps of four times as many: figures that are alike must not make
/// cards change their places.
#[expect(clippy::cast_possible_truncation, reason = "it saturates")]
fn step(hurt: f64) -> i32 {
    if hurt > 0.0 { (hurt.log2() / 2.0).floor() as i32 + 1 } else { i32::MIN }
}
