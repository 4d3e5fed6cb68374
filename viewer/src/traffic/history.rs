//! The last hour in figures, for whoever wants to see all of it at once: hops by second, and what
//! deserved attention when. In: ticks and notices as they come. Out: [`History`].

use std::collections::VecDeque;

use bevy::prelude::Resource;
use spanfall_collector::feed::message::{Notice, Severity, Tick};
use spanfall_collector::reduce::hop::Counts;

use super::film::FILM_SECONDS;
use super::model::Series;
use super::seconds;

/// Notices that are remembered; the oldest go first.
const MOST_MARKS: usize = 500;

/// The last hour, whatever moment of it is shown.
#[derive(Resource, Clone, Debug, Default)]
pub struct History {
    /// Hops by second.
    pub volume: Series<FILM_SECONDS>,
    /// Notices about nodes and edges, in the order in which they came.
    pub marks: VecDeque<Mark>,
    /// The feed's times between which any moment can be shown, in seconds since 1970; none before
    /// the first tick.
    pub range: Option<(f64, f64)>,
}

/// When something deserved attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// The notice.
    pub id: String,
    /// How much.
    pub severity: Severity,
    /// From when, by the feed's clock, in seconds.
    pub from: f64,
    /// Until when; none while it lasts.
    pub until: Option<f64>,
}

impl History {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn follow(&mut self, tick: &Tick) {
        let mut sum = Counts::default();
        for moved in &tick.edges {
            sum.add(&moved.counts);
        }
        self.volume.add(tick.t / 1000, &sum);
    }

    /// Follows a notice that came when the feed's clock showed `at`.
    pub(super) fn mark(&mut self, notice: &Notice, at: f64) {
        let open =
            self.marks.iter_mut().rev().find(|mark| mark.id == notice.id && mark.until.is_none());
        let serious = notice.severity >= Severity::Warning && !notice.text.is_empty();
        if let Some(mark) = open {
            if serious && mark.severity == notice.severity {
                return;
            }
            mark.until = Some(at);
        }
        let about = notice.node.is_some() || notice.edge.is_some();
        if serious && about {
            if self.marks.len() >= MOST_MARKS {
                self.marks.pop_front();
            }
            let (id, severity) = (notice.id.clone(), notice.severity);
            self.marks.push_back(Mark { id, severity, from: at, until: None });
        }
    }

    /// Lets go of what ended before the film begins.
    pub(super) fn bound(&mut self, range: Option<(f64, f64)>) {
        self.range = range;
        let Some((begin, _)) = range else { return };
        self.marks.retain(|mark| mark.until.is_none_or(|until| until >= begin));
    }

    /// Hops by second between two of the feed's times, oldest first; nothing where none is known.
    pub fn between(&self, from: f64, until: f64) -> Vec<Counts> {
        let newest = seconds(self.volume.newest() * 1000);
        #[expect(clippy::cast_possible_truncation, reason = "seconds of an hour")]
        let place = |at: f64| self.volume.seconds.len() as i64 - 1 - (newest - at).floor() as i64;
        (place(from.floor())..=place(until.floor()))
            .map(|index| {
                let index = usize::try_from(index).ok();
                index.and_then(|index| self.volume.seconds.get(index)).copied().unwrap_or_default()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanfall_collector::reduce::node::NodeId;

    fn notice(severity: Severity, text: &str) -> Notice {
        let node = Some(NodeId(1));
        Notice { id: "t".into(), severity, text: text.into(), node, ..Notice::default() }
    }

    #[test]
    fn a_notice_is_marked_from_when_it_begins_to_when_it_is_well_or_over() {
        let mut history = History::default();
        history.mark(&notice(Severity::Warning, "slow"), 10.0);
        history.mark(&notice(Severity::Warning, "slower"), 20.0);
        history.mark(&notice(Severity::Critical, "fails"), 30.0);
        history.mark(&notice(Severity::Info, "well"), 40.0);
        history.mark(&notice(Severity::Info, ""), 50.0);
        let spans: Vec<_> =
            history.marks.iter().map(|mark| (mark.severity, mark.from, mark.until)).collect();
        assert_eq!(
            spans,
            [(Severity::Warning, 10.0, Some(30.0)), (Severity::Critical, 30.0, Some(40.0))]
        );
        history.bound(Some((35.0, 60.0)));
        assert_eq!(history.marks.len(), 1);
    }

    #[test]
    fn marks_take_no_memory_without_end() {
        let mut history = History::default();
        for number in 0..10_000 {
            let id = number.to_string();
            history.mark(&Notice { id, ..notice(Severity::Warning, "x") }, f64::from(number));
        }
        assert_eq!(history.marks.len(), MOST_MARKS);
    }

    #[test]
    fn a_stretch_of_time_has_its_seconds_in_their_places() {
        let mut history = History::default();
        for second in [100_u64, 101, 105] {
            history.volume.add(second, &Counts { ok: second as f64, ..Counts::default() });
        }
        let totals = |from, until| -> Vec<f64> {
            history.between(from, until).iter().map(Counts::total).collect()
        };
        assert_eq!(totals(99.0, 102.5), [0.0, 100.0, 101.0, 0.0]);
        assert_eq!(totals(104.0, 107.0), [0.0, 105.0, 0.0, 0.0]);
    }
}
