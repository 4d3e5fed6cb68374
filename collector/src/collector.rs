//! A whole collector, to run or to embed. In: a [`Config`]. Out: listening ports, and a
//! [`Pipeline`] whose feed shows what they receive.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::feed::message::SourceLabel;
use crate::pipeline::Pipeline;
use crate::view;

/// How long open requests and viewers may take to end.
const SHUTDOWN: Duration = Duration::from_secs(4);

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP.
    Http,
    /// The feed, metrics and health.
    View,
}

impl Purpose {
    /// What it is for, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "OTLP over gRPC",
            Self::Http => "OTLP over HTTP",
            Self::View => "the feed",
        }
    }
}

/// One port of a collector.
#[derive(Debug)]
pub struct Listener {
    /// What it is for.
    pub purpose: Purpose,
    /// The address: the bound one if it listens, else the one that was asked for.
    pub address: SocketAddr,
    /// Whether it listens.
    pub binding: Binding,
}

/// Whether a port listens.
#[derive(Debug)]
pub enum Binding {
    /// It does.
    Listening,
    /// It does not: another program has it, or the system refuses.
    Failed(io::Error),
}

/// Why a collector could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {}

/// A running collector. [`Collector::shutdown`] ends it; dropping it ends it without the last
/// ticks.
#[derive(Debug)]
pub struct Collector {
    pipeline: Pipeline,
    listeners: Vec<Listener>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Collector {
    /// Starts on the current tokio runtime. A port that cannot be had is named in
    /// [`Self::listeners`], and the collector goes on without it.
    ///
    /// # Errors
    /// None yet.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let pipeline = Pipeline::start_with(config.reduce, config.feed, SourceLabel::Live);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let mut listeners = Vec::new();
        if let Some(address) = config.listen.view {
            let (listener, socket) = bind(Purpose::View, address).await;
            listeners.push(listener);
            if let Some(socket) = socket {
                tasks.spawn(view::serve(socket, Arc::clone(pipeline.hub()), stop.clone()));
            }
        }
        Ok(Self { pipeline, listeners, stop, tasks })
    }

    /// The reducer and the feed.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Its ports.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Stops accepting, resolves what waits, sends the last ticks to viewers, and ends.
    pub async fn shutdown(self) {
        let Self { pipeline, listeners: _, stop, tasks } = self;
        stop.cancel();
        tasks.close();
        pipeline.finish().await;
        if tokio::time::timeout(SHUTDOWN, tasks.wait()).await.is_err() {
            tracing::warn!("some connections did not end in time and are cut");
        }
    }
}

async fn bind(purpose: Purpose, address: SocketAddr) -> (Listener, Option<TcpListener>) {
    let bound = match TcpListener::bind(address).await {
        Ok(socket) => socket.local_addr().map(|address| (address, socket)),
        Err(error) => Err(error),
    };
    match bound {
        Ok((address, socket)) => {
            (Listener { purpose, address, binding: Binding::Listening }, Some(socket))
        }
        Err(error) => (Listener { purpose, address, binding: Binding::Failed(error) }, None),
    }
}
