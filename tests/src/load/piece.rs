//! What arrives within a tick, ready to be read again and again without a word to the allocator. In:
//! [`Batches`] and a rate. Out: pieces, and reducing them as the collector does: request by request,
//! and then the tick.

use spanfall_collector::reduce::{Drained, Reducer};

use super::batch::Batches;

/// A tick's length, in milliseconds: the collector's default.
pub const TICK_MS: u64 = 200;

/// Spans a second that the clock of a reducer goes by: those of a large system. At this rate a
/// reducer with default settings is as full as it gets after twenty seconds.
pub const RATE: u64 = 50_000;

/// The requests of one tick.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    bytes: Vec<u8>,
    /// Where in the bytes each request ends.
    ends: Vec<usize>,
    spans: u64,
    now_ms: u64,
}

impl Piece {
    /// Its requests.
    pub fn requests(&self) -> impl Iterator<Item = &[u8]> {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        begins.zip(&self.ends).filter_map(|(begin, &end)| self.bytes.get(begin..end))
    }

    /// How many spans it has.
    pub fn spans(&self) -> u64 {
        self.spans
    }

    /// When its tick is due, in milliseconds of the reducer's clock.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// How many bytes its requests have.
    pub fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Hands its requests to a reducer, and takes the tick.
    ///
    /// # Panics
    /// If it is not accepted as a whole.
    pub fn reduce(&self, reducer: &Reducer) -> Drained {
        self.ingest(reducer);
        reducer.drain(self.now_ms)
    }

    /// Hands its requests to a reducer.
    ///
    /// # Panics
    /// As [`Self::reduce`].
    pub fn ingest(&self, reducer: &Reducer) {
        for request in self.requests() {
            let ingested = reducer.ingest(request, self.now_ms).expect("a request in protobuf");
            assert_eq!(ingested.rejected, 0, "{:?}", ingested.reason);
        }
    }
}

/// Makes piece after piece, each of new ids and a tick later.
#[derive(Clone, Debug)]
pub struct Pieces {
    batches: Batches,
    /// The number of the next batch.
    next: u64,
    /// How far from it the next batch of this one is: more than 1 where several take turns.
    step: u64,
    now_ms: u64,
    rate: u64,
}

impl Pieces {
    /// Of these batches, at [`RATE`].
    pub fn new(batches: Batches) -> Self {
        Self { batches, next: 0, step: 1, now_ms: 0, rate: RATE }
    }

    /// Shares the batches that are left among so many.
    pub fn share(&self, among: u64) -> Vec<Self> {
        let share = |first| Self {
            next: self.next + first * self.step,
            step: self.step * among,
            rate: self.rate / among,
            ..self.clone()
        };
        (0..among).map(share).collect()
    }

    /// Continues after what a share of it has used.
    pub fn skip_past(&mut self, share: &Self) {
        self.next = self.next.max(share.next);
        self.now_ms = self.now_ms.max(share.now_ms);
    }

    /// Makes the next piece in the place of one that is no longer needed.
    pub fn refill(&mut self, piece: &mut Piece) {
        piece.bytes.clear();
        piece.ends.clear();
        piece.spans = 0;
        while piece.spans < self.rate * TICK_MS / 1_000 {
            let spans = self.batches.write(self.next, 0, &mut piece.bytes);
            assert!(spans > 0, "batches have spans");
            piece.spans += spans;
            piece.ends.push(piece.bytes.len());
            self.next += self.step;
        }
        // A long request is a longer tick, so that the rate is what it is said to be.
        self.now_ms += piece.spans * 1_000 / self.rate;
        piece.now_ms = self.now_ms;
    }

    /// Makes the next piece.
    pub fn next_piece(&mut self) -> Piece {
        let mut piece = Piece::default();
        self.refill(&mut piece);
        piece
    }

    /// Fills a reducer until so many spans went in, so that it is in the state that it stays in.
    pub fn fill(&mut self, reducer: &Reducer, spans: u64) {
        let mut piece = Piece::default();
        let mut filled = 0;
        while filled < spans {
            self.refill(&mut piece);
            piece.reduce(reducer);
            filled += piece.spans;
        }
    }
}

#[cfg(test)]
mod tests {
    use spanfall_collector::reduce::Settings;

    use super::*;
    use crate::recording::sample;

    #[test]
    fn pieces_are_a_tick_long_and_nothing_in_them_is_a_duplicate() {
        let batches = Batches::recording(&sample("webshop"), 0, 1).unwrap();
        let (reducer, mut spans) = (Reducer::new(Settings::default()), 0);
        let mut shares = Pieces::new(batches).share(2);
        for _ in 0..4 {
            for pieces in &mut shares {
                let piece = pieces.next_piece();
                assert!(piece.spans().abs_diff(RATE * TICK_MS / 2_000) < 100);
                assert_eq!(piece.requests().map(<[u8]>::len).sum::<usize>() as u64, piece.bytes());
                assert_eq!(piece.reduce(&reducer).spans, piece.spans());
                spans += piece.spans();
            }
        }
        assert_eq!((reducer.stats().spans, reducer.stats().duplicates), (spans, 0));
    }
}
