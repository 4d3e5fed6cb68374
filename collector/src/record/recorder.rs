//! The recorder: a queue, and a thread that writes what comes out of it. In: accepted requests, from
//! any thread, without waiting. Out: lines on disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::receive::traces_to_json;

use super::output::{Output, RecordError};
use super::settings::Settings;

/// How many requests may wait for the disk; some seconds of heavy traffic.
const QUEUE_REQUESTS: usize = 4096;

/// How many bytes may wait for the disk: what a disk that stalls for a second costs in memory.
const QUEUE_BYTES: u64 = 64 << 20;

/// How much a crash may lose.
const FLUSH: Duration = Duration::from_secs(1);

/// Writes accepted requests to disk. Never makes reception wait: where the disk cannot keep up,
/// requests are left out, and counted.
///
/// Dropping it ends the recording in the background; [`Recorder::finish`] waits for that.
#[derive(Debug)]
pub struct Recorder {
    queue: SyncSender<Item>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Item {
    Request(Bytes),
    Finish,
}

#[derive(Debug, Default)]
struct Shared {
    waiting_bytes: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
    stopped: Mutex<Option<String>>,
    file: Mutex<Option<PathBuf>>,
}

/// How a recording goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Requests written.
    pub requests: u64,
    /// Bytes written, before compression.
    pub bytes: u64,
    /// Requests left out, because the disk could not keep up or the recording has stopped.
    pub lost: u64,
    /// Why nothing more is recorded; one sentence for a person.
    pub stopped: Option<String>,
    /// The file that is being written, or was last.
    pub file: Option<PathBuf>,
}

impl Recorder {
    /// Makes the first file and starts to record.
    ///
    /// # Errors
    /// [`RecordError`] if the target cannot be written to.
    pub fn start(settings: Settings) -> Result<Self, RecordError> {
        Self::on(Output::open(settings, SystemTime::now())?)
    }

    pub(super) fn on(output: Output) -> Result<Self, RecordError> {
        let shared = Arc::<Shared>::default();
        *shared.file.lock() = output.path().map(PathBuf::from);
        let (queue, items) = sync_channel(QUEUE_REQUESTS);
        let writer = Writer { output, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.run(&items))
            .map_err(RecordError::Thread)?;
        Ok(Self { queue, shared, thread: Mutex::new(Some(thread)) })
    }

    /// Takes one accepted request, an `ExportTraceServiceRequest` in protobuf. Does not wait.
    pub fn write(&self, request: Bytes) {
        let size = request.len() as u64;
        let waiting = self.shared.waiting_bytes.fetch_add(size, Ordering::Relaxed);
        // An empty queue takes a request of any size.
        let fits = waiting == 0 || waiting + size <= QUEUE_BYTES;
        let refused = !fits
            || match self.queue.try_send(Item::Request(request)) {
                Ok(()) => false,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => true,
            };
        if refused {
            self.shared.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How it goes.
    pub fn status(&self) -> Status {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            requests: count(&self.shared.requests),
            bytes: count(&self.shared.bytes),
            lost: count(&self.shared.lost),
            stopped: self.shared.stopped.lock().clone(),
            file: self.shared.file.lock().clone(),
        }
    }

    /// Writes what waits, ends the file and waits until it is on the disk. Requests that come later
    /// are lost. Blocks: asynchronous callers use `spawn_blocking`.
    pub fn finish(&self) -> Status {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // The thread may have stopped already; then there is nothing to tell it.
            let _ = self.queue.send(Item::Finish);
            if thread.join().is_err() {
                *self.shared.stopped.lock() = Some("the recorder broke down".to_owned());
            }
        }
        self.status()
    }
}

/// The thread's side.
struct Writer {
    output: Output,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(mut self, items: &Receiver<Item>) {
        let outcome = self.write_all(items).and_then(|()| self.output.finish());
        if let Err(error) = outcome {
            tracing::error!("recording has stopped: {error}");
            *self.shared.stopped.lock() = Some(format!("Recording has stopped: {error}"));
            // What is in the queue is lost too; what comes later finds the queue closed.
            let waiting = items.try_iter().filter(|item| matches!(item, Item::Request(_))).count();
            self.shared.lost.fetch_add(waiting as u64, Ordering::Relaxed);
        }
    }

    /// Writes until the recorder is finished or dropped.
    fn write_all(&mut self, items: &Receiver<Item>) -> Result<(), RecordError> {
        let mut flush_at = Instant::now() + FLUSH;
        loop {
            match items.recv_timeout(flush_at.saturating_duration_since(Instant::now())) {
                Ok(Item::Request(request)) => self.write(&request)?,
                Ok(Item::Finish) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= flush_at {
                self.output.flush(SystemTime::now())?;
                flush_at = Instant::now() + FLUSH;
            }
        }
    }

    fn write(&mut self, request: &Bytes) -> Result<(), RecordError> {
        self.shared.waiting_bytes.fetch_sub(request.len() as u64, Ordering::Relaxed);
        let line = match traces_to_json(request) {
            Ok(line) => line,
            Err(error) => {
                tracing::debug!("a request cannot be written as JSON: {error}");
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        };
        self.output.write_line(&line, SystemTime::now()).inspect_err(|_| {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        })?;
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        self.shared.bytes.fetch_add(line.len() as u64 + 1, Ordering::Relaxed);
        if self.shared.file.lock().as_deref() != self.output.path() {
            *self.shared.file.lock() = self.output.path().map(PathBuf::from);
        }
        Ok(())
    }
}
