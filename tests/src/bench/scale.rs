//! What two threads do that share a reducer, and what a large tick costs while spans come in. In:
//! nothing. Out: figures.
//!
//! A thread that waits for a lock uses no processor, and one that waits for a processor is no fault of
//! ours. So time here is what the clock says, less the time for which the system had no processor for
//! the thread (Linux tells).

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use spanfall_collector::feed::Frame;
use spanfall_collector::feed::message::Message;
use spanfall_collector::pipeline::messages;
use spanfall_collector::reduce::{Reducer, Settings};

use super::Effort;
use super::cost::FULL;
use super::figure::{Figure, number};
use crate::load::batch::Batches;
use crate::load::piece::{Piece, Pieces, TICK_MS};
use crate::load::small;
use crate::load::walk;
use crate::load::workload::Workload;

/// A point in a thread's own time.
struct Busy {
    at: Instant,
    delayed: Duration,
}

impl Busy {
    fn now() -> Self {
        Self { at: Instant::now(), delayed: delayed() }
    }

    fn elapsed(&self) -> Duration {
        self.at.elapsed().saturating_sub(delayed() - self.delayed)
    }
}

/// For how long this thread could have run and had no processor.
fn delayed() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// How much more two threads do than one.
///
/// # Errors
/// If the sample cannot be read.
pub fn two_threads(effort: Effort) -> anyhow::Result<Figure> {
    let reducer = Reducer::new(Settings::default());
    let mut pieces = Workload::WebshopLarge.pieces(2)?;
    pieces.fill(&reducer, FULL);
    let reduce = |piece: &Piece| drop(black_box(piece.reduce(&reducer)));
    // What the computer itself allows: these threads share nothing.
    let walk = |piece: &Piece| {
        for request in piece.requests() {
            black_box(walk::fields(request));
        }
    };
    let mut best = [[f64::MAX; 2]; 2];
    let begin = Instant::now();
    while begin.elapsed() < 2 * effort.cost() {
        for (best, work) in best.iter_mut().zip([&reduce as &Work<'_>, &walk]) {
            for (best, threads) in best.iter_mut().zip([1, 2]) {
                *best = best.min(together(work, &mut pieces, threads)?);
            }
        }
    }
    let [reduced, walked] = best.map(|[one, two]| 2.0 * one / two);
    let [[one, two], _] = best;
    let beside = format!(
        "{one:.0} ns/span alone, {two:.0} ns/span each of two; the walk, which shares nothing, {walked:.2} times"
    );
    Ok(Figure::new("two threads beside one", reduced, "times").at_least(1.8).beside(beside))
}

/// What is done with a piece.
type Work<'a> = dyn Fn(&Piece) + Sync + 'a;

/// Nanoseconds a span takes each of so many threads.
fn together(work: &Work<'_>, pieces: &mut Pieces, threads: u64) -> anyhow::Result<f64> {
    const ROUNDS: usize = 10;
    // Made before, so that threads meet in the reducer and not in making pieces.
    let shares = pieces.share(threads);
    let barrier = Barrier::new(shares.len());
    let run = |mut share: Pieces| {
        let made: Vec<Piece> = (0..ROUNDS).map(|_| share.next_piece()).collect();
        barrier.wait();
        let begin = Busy::now();
        for piece in &made {
            work(piece);
        }
        let spans: u64 = made.iter().map(Piece::spans).sum();
        (begin.elapsed(), spans, share)
    };
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = shares.into_iter().map(|share| scope.spawn(|| run(share))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut slowest: f64 = 0.0;
    for thread in done {
        let (time, spans, share) = thread.ok().context("a thread broke down")?;
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let per_span = time.as_secs_f64() * 1e9 / spans as f64;
        slowest = slowest.max(per_span);
        pieces.skip_past(&share);
    }
    Ok(slowest)
}

/// What a tick costs in which all of 50,000 edges between 10,000 nodes moved, from the drain to the text
/// that viewers get, and for how long it keeps a request waiting that comes meanwhile.
pub fn large_tick(effort: Effort) -> Vec<Figure> {
    let reducer = Reducer::new(Settings::default());
    let batches = Batches::new(small::graph(10_000, 5), 512, 3);
    let (done, ticks) = (AtomicBool::new(false), if effort.quick { 5 } else { 30 });
    let (mut whole, mut drains) = (Vec::new(), Vec::new());
    let mut longest = Duration::ZERO;
    let (mut moved, mut bytes) = (0, 0);
    std::thread::scope(|scope| {
        let (reducer, batches, done) = (&reducer, &batches, &done);
        let ingesting = scope.spawn(move || {
            let (mut buffer, mut number, mut longest) = (Vec::new(), 0, Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                buffer.clear();
                batches.write(number, 0, &mut buffer);
                let begin = Busy::now();
                let _ = reducer.ingest(&buffer, number / batches.count() * TICK_MS);
                // The first round makes the edges, and tables that grow.
                if number > 2 * batches.count() {
                    longest = longest.max(begin.elapsed());
                }
                number += 1;
            }
            longest
        });
        for tick in 0..ticks {
            let spans = reducer.stats().spans;
            // Until every edge has moved.
            while reducer.stats().spans < spans + 2 * batches.spans() {
                std::thread::sleep(Duration::from_millis(1));
            }
            let begin = Busy::now();
            let drained = reducer.drain(tick * TICK_MS);
            let drain = begin.elapsed();
            let (_, told) = messages(drained, tick * TICK_MS, (tick + 1) * TICK_MS);
            moved = told.edges.len();
            let frame = Frame::encode(&Message::Tick(told));
            let took = begin.elapsed();
            bytes = frame.map_or(0, |frame| frame.as_str().len());
            // The first one tells of all nodes and edges as well.
            if tick > 0 {
                drains.push(drain);
                whole.push(took);
            }
        }
        done.store(true, Ordering::Relaxed);
        longest = ingesting.join().unwrap_or(Duration::MAX);
    });
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    let (whole, drain) = (median(whole), median(drains));
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    vec![
        Figure::new("a tick of 50,000 edges, 10,000 nodes", whole, "ms").at_most(100.0).beside(
            format!(
                "{moved} edges moved, while spans came in; {} ms to drain, the rest to encode {bytes} \
                 bytes",
                number(drain)
            ),
        ),
        Figure::new("the longest wait of a request meanwhile", millis(longest), "ms")
            .beside("512 spans, themselves included"),
    ]
}
