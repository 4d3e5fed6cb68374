//! Exemplars: traces to look at, for systems that keep some beside their numbers. In: the trace ids
//! of spans as they come. Out: the trace of a span that came lately, or nothing.

use parking_lot::Mutex;

use super::half::SpanKey;

/// One request that numbers count, for somebody who wants to see it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// Its trace's id.
    pub trace_id: [u8; 16],
    /// When its span ended, in nanoseconds since 1970.
    pub end_ns: u64,
    /// What it took by the client's span, in microseconds; nothing where there is none.
    pub client_us: Option<u64>,
    /// What it took by the server's span, in microseconds.
    pub server_us: Option<u64>,
}

/// A span's trace, and when the span ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) id: [u8; 16],
    pub(super) end_ns: u64,
}

/// So many traces are remembered: 160 KiB. Exemplars need not be of every request; a span that is
/// counted when it comes, as most are, finds its trace here however busy it is.
const SLOTS: usize = 4_096;

/// The traces of spans that came lately.
#[derive(Debug)]
pub(super) struct Traces {
    slots: Box<[Mutex<Option<(SpanKey, Trace)>>]>,
}

impl Default for Traces {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| Mutex::default()).collect() }
    }
}

impl Traces {
    fn slot(&self, key: SpanKey) -> &Mutex<Option<(SpanKey, Trace)>> {
        // A key's low bits name its shard; those above them spread.
        let index = ((key >> 8) % SLOTS as u64) as usize;
        &self.slots[index]
    }

    /// Remembers a span's trace in the place of another one's.
    pub(super) fn put(&self, key: SpanKey, id: [u8; 16], end_ns: u64) {
        *self.slot(key).lock() = Some((key, Trace { id, end_ns }));
    }

    /// A span's trace, if it is still remembered.
    pub(super) fn get(&self, key: SpanKey) -> Option<Trace> {
        (*self.slot(key).lock()).filter(|(known, _)| *known == key).map(|(_, trace)| trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_known_until_another_takes_its_place_and_is_never_another_span_s() {
        let traces = Traces::default();
        traces.put(1 << 8, [1; 16], 5);
        assert_eq!(traces.get(1 << 8), Some(Trace { id: [1; 16], end_ns: 5 }));
        let same_slot = (1 + SLOTS as u64) << 8;
        assert_eq!(traces.get(same_slot), None);
        traces.put(same_slot, [2; 16], 6);
        assert_eq!(traces.get(1 << 8), None);
    }
}
