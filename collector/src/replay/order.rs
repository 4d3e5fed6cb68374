//! The order of a recording. In: files, each in the order in which requests arrived. Out: all
//! requests in the order in which they are due, by the time at which their last span ended.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::otlp_file::{Input, Losses, Place, ReadError, Requests};

use super::template::Template;

const DAY: u64 = 86_400 * 1_000_000_000;
const YEAR: u64 = 365 * DAY;

/// A request, and when it is due in the recording's own time.
#[derive(Debug)]
pub(super) struct Timed {
    /// Nanoseconds since 1970; never before that of the request before it.
    pub(super) due: u64,
    /// The request.
    pub(super) template: Template,
    /// Where it stands.
    pub(super) place: Place,
}

/// Several files as one recording.
pub(super) struct Merge {
    tracks: Vec<Track>,
}

/// One file.
struct Track {
    requests: Requests,
    /// When the last request that was given away was due.
    last: Option<u64>,
    current: Option<Timed>,
    following: Option<Timed>,
}

impl Merge {
    /// Opens all files; `read` counts the bytes read from them.
    pub(super) fn open(
        inputs: &[Input],
        keep_going: bool,
        read: &Arc<AtomicU64>,
    ) -> Result<Self, ReadError> {
        let open = |input| Track::new(Requests::open_counted(input, keep_going, Arc::clone(read))?);
        Ok(Self { tracks: inputs.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// The next request of all files; of two that are due at once, the one of the file named first.
    pub(super) fn next(&mut self) -> Result<Option<Timed>, ReadError> {
        let due = |track: &Track| track.current.as_ref().map(|timed| timed.due);
        let first = self.tracks.iter_mut().filter_map(|track| Some((due(track)?, track)));
        match first.min_by_key(|(due, _)| *due) {
            Some((_, track)) => track.take(),
            None => Ok(None),
        }
    }

    /// What else was in the files.
    pub(super) fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        self.tracks.iter().for_each(|track| losses.add(track.requests.losses().clone()));
        losses
    }
}

impl Track {
    fn new(requests: Requests) -> Result<Self, ReadError> {
        let mut track = Self { requests, last: None, current: None, following: None };
        track.following = track.read()?;
        track.advance()?;
        Ok(track)
    }

    /// Gives the current request away and makes the following one the current one.
    fn take(&mut self) -> Result<Option<Timed>, ReadError> {
        let taken = self.current.take();
        self.last = taken.as_ref().map(|timed| timed.due).or(self.last);
        self.advance()?;
        Ok(taken)
    }

    fn advance(&mut self) -> Result<(), ReadError> {
        self.current = self.following.take();
        if self.current.is_some() {
            self.following = self.read()?;
        }
        let end = |timed: &Timed| timed.template.end();
        if let Some(current) = &mut self.current {
            let next = self.following.as_ref().and_then(end);
            let plausible = plausible(self.last, current.template.end(), next);
            current.due = plausible.max(self.last.unwrap_or(0));
        }
        Ok(())
    }

    /// The next request with a span in it.
    fn read(&mut self) -> Result<Option<Timed>, ReadError> {
        while let Some(request) = self.requests.next() {
            let request = request?;
            match Template::new(&request.bytes) {
                Ok(template) if template.spans() == 0 => {}
                Ok(template) => return Ok(Some(Timed { due: 0, template, place: request.place })),
                Err(error) => {
                    self.requests.pass_over(ReadError::malformed(request.place, error))?;
                }
            }
        }
        Ok(None)
    }
}

/// When a request is due that ended at `own`, between the one before (where that was due) and the
/// one after. One broken clock must neither hold everything up nor send everything at once, so a time
/// far from both neighbours does not count.
fn plausible(before: Option<u64>, own: Option<u64>, after: Option<u64>) -> u64 {
    let Some(own) = own else { return before.or(after).unwrap_or(0) };
    match (before, after) {
        (Some(before), Some(after))
            if own.abs_diff(before) > DAY && after.abs_diff(before) <= DAY =>
        {
            before
        }
        (Some(other), None) | (None, Some(other)) if own.abs_diff(other) > YEAR => other,
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    use super::*;
    use crate::otlp_file::any::small;

    /// 2026, in nanoseconds.
    const NOW: u64 = 1_785_000_000_000_000_000;
    const SECOND: u64 = 1_000_000_000;

    fn file(name: &str, ends: &[u64]) -> Input {
        let requests = ends.iter().map(|end| small(1, *end));
        let bytes: Vec<u8> =
            requests.flat_map(|request| request.encode_length_delimited_to_vec()).collect();
        Input::Memory { name: name.to_owned(), bytes: bytes.into() }
    }

    fn order(inputs: &[Input]) -> Vec<(String, u64)> {
        let mut merge = Merge::open(inputs, false, &Arc::default()).unwrap();
        let mut order = Vec::new();
        while let Some(timed) = merge.next().unwrap() {
            order.push((timed.place.file.to_string(), (timed.due.saturating_sub(NOW)) / SECOND));
        }
        order
    }

    fn seconds(ends: &[u64]) -> Vec<u64> {
        order(&[file("a", ends)]).into_iter().map(|(_, second)| second).collect()
    }

    #[test]
    fn files_are_merged_by_time_and_keep_their_own_order() {
        let at = |seconds: &[u64]| seconds.iter().map(|s| NOW + s * SECOND).collect::<Vec<_>>();
        let a = file("a", &at(&[1, 4, 3, 9]));
        let b = file("b", &at(&[2, 3, 4, 5]));
        let expected =
            [("a", 1), ("b", 2), ("b", 3), ("a", 4), ("a", 4), ("b", 4), ("b", 5), ("a", 9)];
        let expected = expected.map(|(file, second)| (file.to_owned(), second));
        assert_eq!(order(&[a, b]), expected);
    }

    #[test]
    fn a_broken_clock_moves_its_own_request_only() {
        let far = NOW + 30 * YEAR;
        assert_eq!(seconds(&[NOW, NOW + SECOND, far, NOW + 3 * SECOND]), [0, 1, 1, 3]);
        assert_eq!(seconds(&[far, NOW + SECOND, NOW + 2 * SECOND]), [1, 1, 2]);
        assert_eq!(seconds(&[5, NOW + SECOND, NOW + 2 * SECOND]), [1, 1, 2]);
        assert_eq!(seconds(&[NOW, 0, NOW + 2 * SECOND, far]), [0, 0, 2, 2]);
    }

    #[test]
    fn a_pause_of_days_is_a_pause_of_days() {
        let days = 3 * DAY / SECOND;
        let ends = [NOW, NOW + 3 * DAY, NOW + 3 * DAY + SECOND];
        assert_eq!(seconds(&ends), [0, days, days + 1]);
    }

    #[test]
    fn requests_without_spans_are_passed_over() {
        let empty = ExportTraceServiceRequest { resource_spans: vec![Default::default()] };
        let bytes = [
            empty.encode_length_delimited_to_vec(),
            small(1, NOW).encode_length_delimited_to_vec(),
        ]
        .concat();
        let input = Input::Memory { name: "a".to_owned(), bytes: bytes.into() };
        assert_eq!(order(&[input]), [("a".to_owned(), 0)]);
    }
}
