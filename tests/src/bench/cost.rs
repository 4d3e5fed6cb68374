//! Processor time per span, in process: reading and reducing, beside the bare walk over the same
//! bytes, beside prost. In: a workload. Out: figures.
//!
//! What `prost, then the same reducer` takes is prost's decoding and the reducer, less what the reducer
//! needs to find the fields in the bytes (`load::read`), since prost would have done that in its place.
//! That is in prost's favour: looking up an attribute in what prost made is not counted.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use spanfall_collector::reduce::{Reducer, Settings};

use super::Effort;
use super::figure::Figure;
use crate::load::piece::{Piece, Pieces};
use crate::load::workload::Workload;
use crate::load::{read, walk};

/// Spans after which a reducer with default settings is as full as it gets.
pub(super) const FULL: u64 = 1_200_000;

/// Pieces that are measured one way before it is the next way's turn: enough that caches are warm.
const TURN: u32 = 6;

/// Nanoseconds of processor time a span takes, by what is done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Reading and reducing, ticks included.
    pub reduce: f64,
    /// A step for every field.
    pub walk: f64,
    /// What the reducer's reader does.
    pub read: f64,
    /// prost's decoding.
    pub prost: f64,
    /// Bytes of a span.
    pub bytes: f64,
}

impl Cost {
    /// prost's decoding and the reducer, as the file's text has it.
    pub fn prost_and_reducer(&self) -> f64 {
        self.prost + (self.reduce - self.read).max(0.0)
    }
}

/// Measures a workload. Each way has its turn in each round; the best round of each counts, since
/// other programs can only make it slower.
///
/// # Errors
/// If the sample cannot be read.
pub fn cost(workload: Workload, effort: Effort) -> anyhow::Result<Cost> {
    let reducer = Reducer::new(Settings::default());
    let mut pieces = workload.pieces(1)?;
    pieces.fill(&reducer, FULL);
    let mut best = Cost::default();
    let mut spent = Duration::ZERO;
    while spent < effort.cost() {
        let mut turn = |work: &dyn Fn(&Piece)| {
            let (time, spans, bytes) = time(&mut pieces, work);
            best.bytes = bytes / spans;
            spent += time;
            time.as_secs_f64() * 1e9 / spans
        };
        let round = Cost {
            reduce: turn(&|piece| drop(black_box(piece.reduce(&reducer)))),
            walk: turn(&|piece| each(piece, walk::fields)),
            read: turn(&|piece| each(piece, read::attributes)),
            prost: turn(&|piece| each(piece, ExportTraceServiceRequest::decode)),
            bytes: 0.0,
        };
        best = best.better(round);
    }
    Ok(best)
}

impl Cost {
    fn better(self, round: Self) -> Self {
        let less = |best: f64, now: f64| if best == 0.0 { now } else { best.min(now) };
        Self {
            reduce: less(self.reduce, round.reduce),
            walk: less(self.walk, round.walk),
            read: less(self.read, round.read),
            prost: less(self.prost, round.prost),
            bytes: self.bytes,
        }
    }
}

fn each<'p, T>(piece: &'p Piece, work: impl Fn(&'p [u8]) -> T) {
    for request in piece.requests() {
        drop(black_box(work(request)));
    }
}

/// The time of one turn, and the spans and bytes in it.
#[expect(clippy::cast_precision_loss, reason = "a count")]
fn time(pieces: &mut Pieces, work: &dyn Fn(&Piece)) -> (Duration, f64, f64) {
    let mut piece = Piece::default();
    let (mut time, mut spans, mut bytes) = (Duration::ZERO, 0, 0);
    for _ in 0..TURN {
        pieces.refill(&mut piece);
        let begin = ThreadTime::now();
        work(&piece);
        time += begin.elapsed();
        spans += piece.spans();
        bytes += piece.bytes();
    }
    (time, spans as f64, bytes as f64)
}

/// The figures of a workload.
pub fn figures(workload: Workload, cost: &Cost) -> Vec<Figure> {
    let Cost { reduce, walk, read, prost, bytes } = *cost;
    let name = |what: &str| format!("{workload}: {what}");
    let per_span = Figure::new(name("bytes to edges"), reduce, "ns/span");
    let beside = format!("the walk {walk:.0}, the reader {read:.0}, prost {prost:.0} ns/span");
    let per_span = match workload {
        Workload::Webshop => per_span.at_most(250.0),
        Workload::WebshopLarge | Workload::Small => per_span,
    };
    let rate = Figure::new(name("bytes to edges, one core"), 1e3 / reduce, "M spans/s");
    let rate = match workload {
        Workload::Small => rate.at_least(4.0).beside("Tempo, already decoded, two cores: 1.7"),
        Workload::Webshop | Workload::WebshopLarge => rate,
    };
    let speed = Figure::new(name("bytes to edges, one core"), bytes * 1e3 / reduce, "MB/s");
    let limit = Figure::new(name("beside the bare walk"), reduce / walk, "times").at_most(2.5);
    let prost_all = cost.prost_and_reducer();
    let decoder = Figure::new(name("prost and the same reducer"), prost_all / reduce, "times")
        .at_least(5.0)
        .beside(format!("{prost_all:.0} ns/span"));
    let speed = Figure { name: name("bytes a second"), ..speed };
    vec![
        per_span.beside(beside),
        rate,
        speed.beside(format!("{bytes:.0} bytes/span; the walk {:.0} MB/s", bytes * 1e3 / walk)),
        limit,
        decoder,
    ]
}
