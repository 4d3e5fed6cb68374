//! A whole collector, to run or to embed. In: a [`Config`]. Out: ports that listen, and a
//! [`Pipeline`] whose feed shows what comes in there.

mod binding;
mod intake;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub(crate) use binding::bind;
pub use binding::{BindError, Binding, Listener, Purpose};

use crate::config::Config;
use crate::config::settings::{self, Change};
use crate::export::readings::Readings;
use crate::feed::hub;
use crate::feed::message::{Notice, SourceLabel};
use crate::pipeline::Pipeline;
use crate::receive::{Receiver, serve_grpc, serve_http};
use crate::record::{RecordError, Recorder};
use crate::view::View;
use intake::Intake;

/// How long viewers may take to read their last frames and to say goodbye. With the receiver's
/// grace, which is at most 3 s, a shutdown takes less than 5 s.
const GOODBYE: Duration = Duration::from_millis(1_250);

/// The receiver keeps its own time; this is for the rest of its work.
const MARGIN: Duration = Duration::from_millis(250);

/// Why a collector could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Recording was asked for, and cannot be had.
    #[error("cannot record: {0}")]
    Record(#[from] RecordError),
}

/// A running collector. [`Collector::shutdown`] ends it; dropping it ends it without the last
/// ticks.
pub struct Collector {
    config: ArcSwap<Config>,
    pipeline: Pipeline,
    receiver: Arc<Receiver>,
    recorder: Option<Arc<Recorder>>,
    listeners: Vec<Listener>,
    ports: Ports,
}

/// What runs for the ports, and how it is stopped.
struct Ports {
    stop_receiving: CancellationToken,
    stop_viewing: CancellationToken,
    receiving: TaskTracker,
    viewing: TaskTracker,
    /// Stops what the shutdown did not.
    _stop_when_dropped: DropGuard,
}

impl Collector {
    /// Starts on the current tokio runtime. A port that cannot be had is named in
    /// [`Self::listeners`], and the collector goes on without it.
    ///
    /// # Errors
    /// [`StartError`] if something other than a port cannot be had.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let recorder = config.record.settings().map(Recorder::start).transpose()?.map(Arc::new);
        let pipeline = Pipeline::start(&config, SourceLabel::Live);
        let intake = Intake {
            reducer: Arc::clone(pipeline.reducer()),
            recorder: recorder.clone(),
            clock: pipeline.clock(),
        };
        let receiver = Arc::new(Receiver::new(config.receive.clone(), Arc::new(intake)));
        let mut collector = Self {
            config: ArcSwap::from_pointee(config),
            pipeline,
            receiver,
            recorder,
            listeners: Vec::new(),
            ports: Ports::new(),
        };
        collector.listen().await;
        Ok(collector)
    }

    async fn listen(&mut self) {
        let listen = self.config.load().listen.clone();
        for (purpose, port) in [
            (Purpose::Grpc, listen.grpc),
            (Purpose::Http, listen.http),
            (Purpose::View, listen.view),
        ] {
            let Some(address) = listen.address(port) else { continue };
            let (listener, socket) = bind(purpose, address).await;
            self.listeners.push(listener);
            if let Some(socket) = socket {
                self.ports.serve(purpose, socket, &self.receiver, self.readings());
            }
        }
        self.ports.watch(self.readings());
    }

    /// The reducer and the feed.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The receiver: its limits and counters.
    pub fn receiver(&self) -> &Arc<Receiver> {
        &self.receiver
    }

    /// Its ports, those that could not be had included; not those that are off.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Takes another configuration. Returns the settings that changed and take effect only when
    /// the collector starts again.
    pub fn reconfigure(&self, config: Config) -> Vec<&'static str> {
        let before = self.config.load();
        let waiting = settings::SETTINGS
            .iter()
            .filter(|setting| setting.change == Change::AtRestart)
            .filter(|setting| setting.differs(&before, &config))
            .map(|setting| setting.key)
            .collect();
        self.pipeline.reducer().configure(config.reduce.clone());
        self.pipeline.hub().configure(&config.feed);
        self.pipeline.prices().set(config.prices.clone());
        self.pipeline.runbooks().set(config.runbooks.clone());
        self.receiver.configure(config.receive.clone());
        // What takes effect at a restart only stays as it is, so that the next change of the file
        // says so again.
        let Config { log, listen: _, receive, reduce, feed, prices, runbooks, record: _ } = config;
        let feed = hub::Settings { tick: before.feed.tick, ..feed };
        let (listen, record) = (before.listen.clone(), before.record.clone());
        let config = Config { log, listen, receive, reduce, feed, prices, runbooks, record };
        self.config.store(Arc::new(config));
        waiting
    }

    /// Sends a notice to viewers.
    pub(crate) fn notice(&self, notice: Notice) {
        self.pipeline.hub().notice(notice);
    }

    /// The wall's clock, in milliseconds since 1970.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.pipeline.clock().unix_ms()
    }

    /// What it counts.
    pub(crate) fn readings(&self) -> Readings {
        Readings {
            receiver: Some(Arc::clone(&self.receiver)),
            recorder: self.recorder.clone(),
            ..self.pipeline.readings()
        }
    }

    /// The configuration that is in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Stops accepting, lets requests end, resolves what waits, sends viewers the last ticks and
    /// closes their connections. Takes less than 5 s. Returns the ports as they were.
    pub async fn shutdown(self) -> Vec<Listener> {
        let Self { config, pipeline, receiver: _, recorder, listeners, ports } = self;
        ports.stop_receiving.cancel();
        ports.stop_viewing.cancel();
        ports.receiving.close();
        ports.viewing.close();
        let grace = config.load().receive.shutdown_grace + MARGIN;
        if timeout(grace, ports.receiving.wait()).await.is_err() {
            tracing::warn!("some requests did not end in time; they are cut off");
        }
        let recorded = tokio::task::spawn_blocking(move || recorder.map(|r| r.finish()));
        pipeline.finish().await;
        let ended = async { (recorded.await.is_ok(), ports.viewing.wait().await) };
        if timeout(GOODBYE, ended).await.is_err() {
            tracing::warn!("a viewer did not read its last frames, or the disk was slow");
        }
        listeners
    }
}

impl Ports {
    fn new() -> Self {
        let stop = CancellationToken::new();
        Self {
            stop_receiving: stop.child_token(),
            stop_viewing: stop.child_token(),
            receiving: TaskTracker::new(),
            viewing: TaskTracker::new(),
            _stop_when_dropped: stop.drop_guard(),
        }
    }

    fn serve(
        &self,
        purpose: Purpose,
        socket: TcpListener,
        receiver: &Arc<Receiver>,
        readings: Readings,
    ) {
        let stop = self.stop_receiving.clone();
        match purpose {
            Purpose::Grpc => {
                self.receiving.spawn(serve_grpc(socket, Arc::clone(receiver), stop));
            }
            Purpose::Http => {
                self.receiving.spawn(serve_http(socket, Arc::clone(receiver), stop));
            }
            Purpose::View => {
                let view = View::of(readings, self.viewing.clone());
                self.viewing.spawn(view.serve(socket, self.stop_viewing.clone()));
            }
        }
    }

    /// Watches what senders do, for as long as they may send.
    fn watch(&self, readings: Readings) {
        let stop = self.stop_receiving.clone();
        self.receiving.spawn(async move { stop.run_until_cancelled(watch::watch(readings)).await });
    }
}

#[cfg(test)]
mod tests;
