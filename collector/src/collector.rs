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

pub use binding::{BindError, Binding, Listener, Purpose};

use crate::config::Config;
use crate::config::settings::{self, Change};
use crate::feed::hub;
use crate::feed::message::SourceLabel;
use crate::pipeline::Pipeline;
use crate::receive::{Receiver, serve_grpc, serve_http};
use crate::view::View;
use binding::bind;
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
    #[error("cannot record to {}: {why}", target.display())]
    Record {
        /// Where to.
        target: std::path::PathBuf,
        /// Why not.
        why: String,
    },
}

/// A running collector. [`Collector::shutdown`] ends it; dropping it ends it without the last
/// ticks.
pub struct Collector {
    config: ArcSwap<Config>,
    pipeline: Pipeline,
    receiver: Arc<Receiver>,
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
        let (reduce, feed) = (config.reduce.clone(), config.feed.clone());
        let pipeline = Pipeline::start_with(reduce, feed, SourceLabel::Live);
        let intake = Intake { reducer: Arc::clone(pipeline.reducer()), clock: pipeline.clock() };
        let receiver = Arc::new(Receiver::new(config.receive.clone(), Arc::new(intake)));
        let ports = Ports::new();
        let mut listeners = Vec::new();
        for (purpose, port) in [
            (Purpose::Grpc, config.listen.grpc),
            (Purpose::Http, config.listen.http),
            (Purpose::View, config.listen.view),
        ] {
            let Some(address) = config.listen.address(port) else { continue };
            let (listener, socket) = bind(purpose, address).await;
            listeners.push(listener);
            if let Some(socket) = socket {
                ports.serve(purpose, socket, &pipeline, &receiver);
            }
        }
        ports.watch(&pipeline, &receiver);
        let config = ArcSwap::from_pointee(config);
        Ok(Self { config, pipeline, receiver, listeners, ports })
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
        self.receiver.configure(config.receive.clone());
        // What takes effect at a restart only stays as it is, so that the next change of the file
        // says so again.
        let Config { log, listen: _, receive, reduce, feed, record: _ } = config;
        let feed = hub::Settings { tick: before.feed.tick, ..feed };
        let (listen, record) = (before.listen.clone(), before.record.clone());
        let config = Config { log, listen, receive, reduce, feed, record };
        self.config.store(Arc::new(config));
        waiting
    }

    /// The configuration that is in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Stops accepting, lets requests end, resolves what waits, sends viewers the last ticks and
    /// closes their connections. Takes less than 5 s.
    pub async fn shutdown(self) {
        let Self { config, pipeline, receiver: _, listeners: _, ports } = self;
        ports.stop_receiving.cancel();
        ports.stop_viewing.cancel();
        ports.receiving.close();
        ports.viewing.close();
        let grace = config.load().receive.shutdown_grace + MARGIN;
        if timeout(grace, ports.receiving.wait()).await.is_err() {
            tracing::warn!("some requests did not end in time; they are cut off");
        }
        pipeline.finish().await;
        if timeout(GOODBYE, ports.viewing.wait()).await.is_err() {
            tracing::info!("some viewers did not read their last frames in time");
        }
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
        pipeline: &Pipeline,
        receiver: &Arc<Receiver>,
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
                let view = View::new(pipeline, Some(Arc::clone(receiver)), self.viewing.clone());
                self.viewing.spawn(view.serve(socket, self.stop_viewing.clone()));
            }
        }
    }

    /// Watches what senders do, for as long as they may send.
    fn watch(&self, pipeline: &Pipeline, receiver: &Arc<Receiver>) {
        let watch =
            watch::watch(Arc::clone(receiver), Arc::clone(pipeline.hub()), pipeline.clock());
        let stop = self.stop_receiving.clone();
        self.receiving.spawn(async move { stop.run_until_cancelled(watch).await });
    }
}
