//! Recordings into a reducer, as fast as the machine goes. One thread reads, decompresses and cuts
//! into pieces; the others make protobuf of these and reduce it.
//!
//! `--repeat` plays the recordings again with other ids and later times. From the second time on the
//! requests come from memory, where they fit, so that it measures reducing and not reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, available_parallelism};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use parking_lot::Mutex;

use crate::otlp_file::{Decoded, Input, Losses, Raw, ReadError, Reader, Request};
use crate::reduce::Reducer;
use crate::replay::{Round, Template, last_end};

use super::EdgesError;
use super::tape::Tape;

/// How much is handed to a thread at once, in bytes: enough that the handing is nothing to the work.
const BATCH_BYTES: usize = 256 << 10;

/// Batches that wait for a thread.
const QUEUE: usize = 4;

/// More threads than this wait for the one that reads.
const MOST_THREADS: usize = 4;

/// Requests that a thread takes at once from memory.
const PIECE: usize = 8;

/// How much `--repeat` keeps in memory; a larger recording is read anew for every round.
const KEEP_BYTES: usize = 1 << 30;

/// Between two rounds of `--repeat`, in milliseconds of the recording.
const PAUSE_MS: u64 = 1_000;

/// What is to be read, and into what.
pub(super) struct Job<'a> {
    pub(super) inputs: &'a [Input],
    pub(super) keep_going: bool,
    pub(super) rounds: u32,
    pub(super) reducer: &'a Reducer,
    pub(super) progress: &'a ProgressBar,
    pub(super) tape: Tape,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) requests: u64,
    pub(super) rejected: u64,
    /// Why the first of these was rejected.
    pub(super) reason: Option<&'static str>,
    pub(super) losses: Losses,
    /// All rounds after the first, if there were more.
    pub(super) repeated: Option<Repeated>,
}

/// How the rounds after the first went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeated {
    /// How long they took.
    pub(super) time: Duration,
    /// Spans in all of them.
    pub(super) spans: u64,
    /// Whether the requests came from memory.
    pub(super) from_memory: bool,
}

/// What one thread has read.
#[derive(Default)]
struct Part {
    read: Read,
    /// With the number of the batch that they came in.
    templates: Vec<(u64, Template)>,
}

/// One round's ids and times.
struct Again {
    ids: Round,
    shift_ns: i64,
}

impl Again {
    /// Every round begins where the one before it ended.
    fn new(number: u32, round_ms: u64) -> Self {
        let shift_ns = round_ms.saturating_mul(u64::from(number)).saturating_mul(1_000_000);
        let shift_ns = i64::try_from(shift_ns).unwrap_or(i64::MAX);
        Self { ids: Round::new(0, u64::from(number)), shift_ns }
    }
}

/// Some pieces that follow each other, with their number.
type Batch = (u64, Vec<Raw>);

impl Job<'_> {
    /// Reads everything, as many times as wanted.
    pub(super) fn run(&self) -> Result<Read, EdgesError> {
        if self.rounds == 1 {
            return Ok(collect(&mut self.read_all(None, None)?));
        }
        if let Some(once) = self.inputs.iter().find(|input| !input.is_repeatable()) {
            return Err(EdgesError::Once(once.name()));
        }
        let kept = AtomicUsize::new(0);
        let mut parts = self.read_all(Some(&Again::new(0, 0)), Some(&kept))?;
        let mut read = collect(&mut parts);
        let templates = in_order(parts);
        let from_memory = kept.load(Ordering::Relaxed) <= KEEP_BYTES;
        let round_ms = self.tape.length_ms() + PAUSE_MS;
        let (begin, before) = (Instant::now(), self.reducer.stats().spans);
        for number in 1..self.rounds {
            let again = Again::new(number, round_ms);
            if from_memory {
                self.repeat(&templates, &again, &mut read)?;
            } else {
                add(&mut read, collect(&mut self.read_all(Some(&again), None)?));
            }
        }
        let spans = self.reducer.stats().spans - before;
        read.repeated = Some(Repeated { time: begin.elapsed(), spans, from_memory });
        Ok(read)
    }

    /// Reads all files once; keeps templates as long as there is room.
    fn read_all(
        &self,
        again: Option<&Again>,
        keep: Option<&AtomicUsize>,
    ) -> Result<Vec<Part>, EdgesError> {
        std::thread::scope(|scope| {
            let (queues, workers): (Vec<_>, Vec<_>) =
                (0..threads()).map(|_| self.start_worker(scope, again, keep)).unzip();
            let outcome = self.cut(&queues);
            drop(queues);
            let parts: Vec<_> = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or(Err(EdgesError::Broken)))
                .collect();
            let mut parts = first_error(parts, self.inputs)?;
            if let Some(part) = parts.first_mut() {
                part.read.losses.add(outcome?);
            }
            Ok(parts)
        })
    }

    fn start_worker<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        again: Option<&'scope Again>,
        keep: Option<&'scope AtomicUsize>,
    ) -> (SyncSender<Batch>, std::thread::ScopedJoinHandle<'scope, Result<Part, EdgesError>>) {
        let (queue, batches) = sync_channel(QUEUE);
        (queue, scope.spawn(move || self.reduce_batches(&batches, again, keep)))
    }

    /// Cuts all files into pieces and deals them out. Stops early if nobody wants them any more.
    fn cut(&self, queues: &[SyncSender<Batch>]) -> Result<Losses, EdgesError> {
        let mut losses = Losses::default();
        let mut turns = (0..).zip(queues.iter().cycle());
        for input in self.inputs {
            let counter = Arc::new(AtomicU64::new(0));
            let mut told = 0;
            let mut reader = Reader::open(input, Arc::clone(&counter))?;
            loop {
                let batch = self.next_batch(&mut reader, &mut losses)?;
                let position = counter.load(Ordering::Relaxed);
                self.progress.inc(position - told);
                told = position;
                if batch.is_empty() {
                    break;
                }
                if turns.next().is_none_or(|(number, queue)| queue.send((number, batch)).is_err()) {
                    return Ok(losses);
                }
            }
        }
        Ok(losses)
    }

    fn next_batch(&self, reader: &mut Reader, losses: &mut Losses) -> Result<Vec<Raw>, ReadError> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES {
            match reader.next() {
                None => break,
                Some(Ok(raw)) => {
                    bytes += raw.size();
                    batch.push(raw);
                }
                Some(Err(error)) => losses.pass_over(error, self.keep_going)?,
            }
        }
        Ok(batch)
    }

    fn reduce_batches(
        &self,
        batches: &Receiver<Batch>,
        again: Option<&Again>,
        keep: Option<&AtomicUsize>,
    ) -> Result<Part, EdgesError> {
        let mut part = Part::default();
        let pieces = batches
            .iter()
            .flat_map(|(number, batch)| batch.into_iter().map(move |raw| (number, raw)));
        for (number, raw) in pieces {
            let outcome = match raw.decode() {
                Ok(Decoded::Traces(request)) => {
                    let template = self.reduce(request, again, &mut part.read);
                    template.map(|template| keep_template(&mut part, keep, number, template))
                }
                Ok(Decoded::Other) => {
                    part.read.losses.other += 1;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                part.read.losses.pass_over(error, self.keep_going)?;
            }
        }
        Ok(part)
    }

    /// Reduces one request; returns its template, if there was need of one.
    fn reduce(
        &self,
        request: Request,
        again: Option<&Again>,
        read: &mut Read,
    ) -> Result<Option<Template>, ReadError> {
        let Request { bytes, place } = request;
        let reduced = match again {
            None => last_end(&bytes).and_then(|end| self.ingest(&bytes, end, read)).map(|()| None),
            Some(again) => Template::new(&bytes).and_then(|template| {
                self.ingest_again(&template, again, read)?;
                Ok(Some(template))
            }),
        };
        reduced.map_err(|error| ReadError::malformed(place, error))
    }

    /// One more round from memory. The threads share the requests in small pieces, so that none of
    /// them gets far ahead of the others in the time of the recording.
    fn repeat(
        &self,
        templates: &[Template],
        again: &Again,
        total: &mut Read,
    ) -> Result<(), EdgesError> {
        let pieces = Mutex::new(templates.chunks(PIECE));
        let parts = std::thread::scope(|scope| {
            let work = || {
                let mut read = Read::default();
                loop {
                    let Some(piece) = pieces.lock().next() else { return read };
                    for template in piece {
                        // It was accepted in the first round; what is malformed was not kept.
                        let _ = self.ingest_again(template, again, &mut read);
                    }
                }
            };
            let workers: Vec<_> = (0..threads()).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        for read in parts {
            add(total, read.map_err(|_| EdgesError::Broken)?);
        }
        let size: u64 = self.inputs.iter().filter_map(Input::size).sum();
        self.progress.inc(size);
        Ok(())
    }

    fn ingest_again(
        &self,
        template: &Template,
        again: &Again,
        read: &mut Read,
    ) -> Result<(), crate::reduce::Malformed> {
        let bytes = template.write(&again.ids, again.shift_ns);
        let end = template.end().map(|end| end.saturating_add_signed(again.shift_ns));
        self.ingest(&bytes, end, read)
    }

    fn ingest(
        &self,
        request: &[u8],
        end: Option<u64>,
        read: &mut Read,
    ) -> Result<(), crate::reduce::Malformed> {
        let moment = self.tape.advance(end);
        let ingested = self.reducer.ingest(request, moment.now_ms)?;
        read.requests += 1;
        read.rejected += ingested.rejected;
        read.reason = read.reason.or(ingested.reason);
        if moment.expire {
            // Not drained: which hops are slow is told from all of them, at the end.
            self.reducer.expire(moment.now_ms);
        }
        Ok(())
    }
}

fn threads() -> usize {
    available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// Keeps a template for later rounds, as long as there is room for all.
fn keep_template(
    part: &mut Part,
    keep: Option<&AtomicUsize>,
    number: u64,
    template: Option<Template>,
) {
    let (Some(kept), Some(template)) = (keep, template) else { return };
    if kept.fetch_add(template.size(), Ordering::Relaxed) <= KEEP_BYTES {
        part.templates.push((number, template));
    } else {
        part.templates = Vec::new();
    }
}

/// The templates of all threads, in the order of the recordings.
fn in_order(parts: Vec<Part>) -> Vec<Template> {
    let mut numbered: Vec<_> = parts.into_iter().flat_map(|part| part.templates).collect();
    // Stable: those of one batch stay in order.
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, template)| template).collect()
}

/// All parts, or the error that comes first in the input.
fn first_error(
    parts: Vec<Result<Part, EdgesError>>,
    inputs: &[Input],
) -> Result<Vec<Part>, EdgesError> {
    let position = |error: &EdgesError| match error {
        EdgesError::Read(ReadError { place, .. }) => {
            let file = inputs.iter().position(|input| *input.name() == *place.file);
            (file.unwrap_or(usize::MAX), place.byte)
        }
        _ => (usize::MAX, u64::MAX),
    };
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Ok(part) => good.push(part),
            Err(error) => bad.push(error),
        }
    }
    match bad.into_iter().min_by_key(position) {
        None => Ok(good),
        Some(error) => Err(error),
    }
}

fn collect(parts: &mut [Part]) -> Read {
    let mut total = Read::default();
    for part in parts {
        add(&mut total, std::mem::take(&mut part.read));
    }
    total
}

fn add(total: &mut Read, read: Read) {
    let Read { requests, rejected, reason, losses, repeated: _ } = read;
    total.requests += requests;
    total.rejected += rejected;
    total.reason = total.reason.or(reason);
    total.losses.add(losses);
}
