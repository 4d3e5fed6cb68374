//! From bytes to edges, beside the least that any reader has to do and beside what readers usually
//! do: decode the request with prost.
//!
//! ```sh
//! cargo bench -p spanfall-tests                       # all
//! cargo bench -p spanfall-tests -- reduce/webshop     # some
//! ```
//!
//! What is measured takes in a fifth of a second's requests at 50,000 spans a second and the tick at
//! its end, by a reducer with default settings that is as full as it gets. New ids are written
//! before, so that nothing is a duplicate and nothing of that is measured. `tests/bench` prints the
//! same as ns per span, with ratios, and in processor time, which a busy machine disturbs less.
//!
//! A fair figure for "prost, then the same reducer": `prost` + `reduce` - `read`. The reducer reads
//! bytes only, so what it takes to find the fields in them (`read`) is what prost would do in its
//! place. That is in prost's favour: looking an attribute up in what prost made is not counted.

#![expect(clippy::expect_used, reason = "a panic says what is wrong with the bench")]

use std::hint::black_box;
use std::sync::Mutex;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use spanfall_collector::reduce::{Reducer, Settings};
use spanfall_tests::load::batch::Batches;
use spanfall_tests::load::piece::{Piece, Pieces};
use spanfall_tests::load::workload::Workload;
use spanfall_tests::load::{read, small, walk};

/// Spans after which a reducer with default settings is as full as it gets.
const FULL: u64 = 1_200_000;

fn main() {
    divan::main();
}

fn pieces(workload: Workload) -> Pieces {
    workload.pieces(1).expect("the sample is part of the repository")
}

/// Measures what is done with a piece, per span and per byte.
fn measure(bencher: Bencher<'_, '_>, pieces: Pieces, work: impl Fn(&Piece) + Sync) {
    let pieces = Mutex::new(pieces);
    bencher
        .with_inputs(|| pieces.lock().expect("no panic before").next_piece())
        .input_counter(|piece| ItemsCount::new(piece.spans()))
        .input_counter(|piece| BytesCount::new(piece.bytes()))
        .bench_refs(|piece| work(piece));
}

/// The limit: a step for each field.
#[divan::bench(args = Workload::ALL)]
fn walk(bencher: Bencher<'_, '_>, workload: Workload) {
    measure(bencher, pieces(workload), |piece| {
        for request in piece.requests() {
            black_box(walk::fields(request)).expect("a request");
        }
    });
}

/// What the reducer's reader does, without the reducer.
#[divan::bench(args = Workload::ALL)]
fn read(bencher: Bencher<'_, '_>, workload: Workload) {
    measure(bencher, pieces(workload), |piece| {
        for request in piece.requests() {
            black_box(read::attributes(request)).expect("a request");
        }
    });
}

/// What readers usually do.
#[divan::bench(args = Workload::ALL)]
fn prost(bencher: Bencher<'_, '_>, workload: Workload) {
    measure(bencher, pieces(workload), |piece| {
        for request in piece.requests() {
            black_box(ExportTraceServiceRequest::decode(request)).expect("a request");
        }
    });
}

/// Bytes to edges, and the tick; by one thread, and by two that share a reducer.
#[divan::bench(args = Workload::ALL, threads = [1, 2])]
fn reduce(bencher: Bencher<'_, '_>, workload: Workload) {
    let reducer = Reducer::new(Settings::default());
    let mut pieces = pieces(workload);
    pieces.fill(&reducer, FULL);
    measure(bencher, pieces, |piece| drop(black_box(piece.reduce(&reducer))));
}

/// A tick in which all of 50,000 edges between 10,000 nodes moved.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn drain_50_000_edges(bencher: Bencher<'_, '_>) {
    let reducer = Reducer::new(Settings::default());
    let batches = Batches::new(small::graph(10_000, 5), 512, 1);
    let state = Mutex::new((0, Vec::new()));
    bencher
        .counter(ItemsCount::new(50_000_u64))
        .with_inputs(|| {
            let (round, buffer) = &mut *state.lock().expect("no panic before");
            for batch in 0..batches.count() {
                buffer.clear();
                batches.write(*round * batches.count() + batch, 0, buffer);
                reducer.ingest(buffer, *round * 200).expect("a request");
            }
            *round += 1;
            *round * 200
        })
        .bench_values(|now_ms| reducer.drain(now_ms));
}
