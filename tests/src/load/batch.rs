//! Requests to send again and again. In: requests as they were recorded or made. Out: batches of
//! about as many spans as wanted, each time with ids of their own, so that nothing is a duplicate.
//!
//! All batches of one round share its ids, so what belonged together still does, whatever batches
//! it is in.

use std::path::Path;

use anyhow::Context as _;
use spanfall_collector::otlp_file::{Input, Requests};
use spanfall_collector::replay::{Round, Template};

/// Between two rounds, in nanoseconds of the spans' own time.
const PAUSE_NS: u64 = 1_000_000_000;

/// Batches to go around in.
#[derive(Clone, Debug)]
pub struct Batches {
    templates: Vec<Template>,
    seed: u64,
    spans: u64,
    /// From the first end of a span to the last, and a pause, in nanoseconds.
    round_ns: u64,
    /// When the first span ended, in nanoseconds since 1970.
    begin_ns: u64,
}

impl Batches {
    /// Of requests in protobuf, neighbours joined as long as they have no more than `most` spans
    /// together; with 0 they stay as they are. What is no request is left out. The same `seed` gives
    /// the same ids.
    pub fn new<R: AsRef<[u8]>>(
        requests: impl IntoIterator<Item = R>,
        most: u64,
        seed: u64,
    ) -> Self {
        let mut batches =
            Self { templates: Vec::new(), seed, spans: 0, round_ns: PAUSE_NS, begin_ns: 0 };
        // The fields of a request are all repeated, so requests one after the other are a request.
        let (mut joined, mut spans) = (Vec::new(), 0);
        for request in requests {
            let request = request.as_ref();
            let Ok(more) = Template::new(request).map(|template| template.spans()) else {
                continue;
            };
            if spans > 0 && spans + more > most {
                batches.push(&joined);
                joined.clear();
                spans = 0;
            }
            joined.extend_from_slice(request);
            spans += more;
        }
        batches.push(&joined);
        let ends = batches.templates.iter().filter_map(Template::end);
        if let (Some(first), Some(last)) = (ends.clone().min(), ends.max()) {
            batches.begin_ns = first;
            batches.round_ns = last - first + PAUSE_NS;
        }
        batches
    }

    /// Of a recording.
    ///
    /// # Errors
    /// If it cannot be read, or has no spans.
    pub fn recording(path: &Path, most: u64, seed: u64) -> anyhow::Result<Self> {
        let requests = Requests::open(&Input::File(path.to_owned()), false)?;
        let requests: Result<Vec<_>, _> =
            requests.map(|request| request.map(|request| request.bytes)).collect();
        let batches = Self::new(requests?, most, seed);
        (batches.spans > 0).then_some(batches).with_context(|| format!("no spans in {path:?}"))
    }

    fn push(&mut self, request: &[u8]) {
        if let Ok(template) = Template::new(request)
            && template.spans() > 0
        {
            self.spans += template.spans();
            self.templates.push(template);
        }
    }

    /// How many batches a round has.
    pub fn count(&self) -> u64 {
        self.templates.len() as u64
    }

    /// How many spans a round has.
    pub fn spans(&self) -> u64 {
        self.spans
    }

    /// When the first span of a round ended that is not moved, in nanoseconds since 1970.
    pub fn begin_ns(&self) -> u64 {
        self.begin_ns
    }

    /// How many batches it takes, from the first on, for so many spans.
    pub fn batches_for(&self, spans: u64) -> u64 {
        let mut count = spans.checked_div(self.spans).unwrap_or_default() * self.count();
        let mut there = count.checked_div(self.count()).unwrap_or_default() * self.spans;
        while there < spans && self.spans > 0 {
            there += self.spans_of(count);
            count += 1;
        }
        count
    }

    /// How many spans the batch of this number has.
    pub fn spans_of(&self, number: u64) -> u64 {
        self.template(number).map_or(0, Template::spans)
    }

    fn template(&self, number: u64) -> Option<&Template> {
        let place = number.checked_rem(self.count())?;
        self.templates.get(usize::try_from(place).ok()?)
    }

    /// Writes the batch of this number, counted on from round to round, at the end of the buffer, its
    /// times moved by `shift_ns` and as many rounds as went before. Returns how many spans it has.
    pub fn write(&self, number: u64, shift_ns: i64, buffer: &mut Vec<u8>) -> u64 {
        let Some(template) = self.template(number) else { return 0 };
        let round = number / self.count();
        let rounds_ns = i64::try_from(self.round_ns.saturating_mul(round)).unwrap_or(i64::MAX);
        let shift_ns = shift_ns.saturating_add(rounds_ns);
        template.write_into(&Round::new(self.seed, round), shift_ns, buffer);
        template.spans()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;

    use super::*;
    use crate::recording::sample;

    fn ids(batch: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let request = ExportTraceServiceRequest::decode(batch).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|it| it.scope_spans);
        scopes.flat_map(|it| it.spans).map(|span| (span.trace_id, span.span_id)).collect()
    }

    #[test]
    fn every_span_of_every_round_is_there_once_with_ids_of_its_own() {
        let batches = Batches::recording(&sample("webshop"), 512, 7).unwrap();
        let mut seen = HashSet::new();
        for number in 0..3 * batches.count() {
            let mut batch = Vec::new();
            let spans = batches.write(number, 0, &mut batch);
            assert!(spans <= 512);
            let ids = ids(&batch);
            assert_eq!(ids.len() as u64, spans);
            seen.extend(ids);
        }
        assert_eq!(seen.len() as u64, 3 * batches.spans());
    }

    #[test]
    fn as_many_batches_as_it_takes_are_as_few_as_it_takes() {
        let batches = Batches::recording(&sample("webshop"), 512, 7).unwrap();
        for wanted in [0, 1, 500, 513, 8_041, 8_042, 100_000] {
            let count = batches.batches_for(wanted);
            let spans = |count| (0..count).map(|number| batches.spans_of(number)).sum::<u64>();
            assert!(spans(count) >= wanted && (count == 0 || spans(count - 1) < wanted));
        }
    }

    #[test]
    fn without_a_size_requests_stay_as_they_are() {
        let requests = crate::recording::requests(sample("webshop"));
        let batches = Batches::recording(&sample("webshop"), 0, 7).unwrap();
        assert_eq!(batches.count(), requests.len() as u64);
    }
}
