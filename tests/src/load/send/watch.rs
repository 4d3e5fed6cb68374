//! The other side: a viewer that counts what the feed tells of, and how long it takes to do so. In: a
//! feed, and a connection to send markers by. Out: [`Seen`].
//!
//! A marker is a span on an edge of its own, which makes a hop at once. It is on its way from when it
//! is sent until a tick of the feed shows that hop.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use futures::StreamExt as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prost::Message as _;
use rand::Rng as _;
use spanfall_collector::feed::message::{Graph, Message, Tick};
use spanfall_collector::reduce::hop::EdgeId;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::client::{Answer, Client, PREFIX, Protocol};
use super::report::{Latency, Seen};
use crate::world::attributes::Attributes;

/// Between two markers, at most; chance decides, so that they fall anywhere within a tick.
const PAUSE: Duration = Duration::from_millis(60);

/// How long a feed may take to begin.
const BEGINS_WITHIN: Duration = Duration::from_secs(10);

/// A viewer at work.
pub(super) struct Watch {
    shared: Arc<Shared>,
    reader: JoinHandle<anyhow::Result<()>>,
    markers: JoinHandle<anyhow::Result<()>>,
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
    /// Something has changed.
    changed: Notify,
    /// No more markers.
    enough: Notify,
}

#[derive(Default)]
struct Progress {
    /// The collector's clock when it spoke first. Ticks that began earlier are the past.
    begin_ms: Option<u64>,
    /// Whether the past is over.
    present: bool,
    spans: u64,
    ticks: u64,
    lost_ticks: u64,
    /// The markers' edges.
    edges: HashSet<EdgeId>,
    /// When the markers that are on their way were sent.
    on_their_way: VecDeque<Instant>,
    /// Markers that were sent.
    markers: u64,
    latency: Latency,
}

impl Watch {
    /// Begins to watch, and returns once the feed has told of the past.
    ///
    /// # Errors
    /// If there is no feed.
    pub(super) async fn start(
        feed: &str,
        client: Client,
        protocol: Protocol,
    ) -> anyhow::Result<Self> {
        let connecting = timeout(BEGINS_WITHIN, tokio_tungstenite::connect_async(feed));
        let connected = connecting.await.with_context(|| format!("{feed} does not answer"))?;
        let (socket, _) = connected.with_context(|| format!("cannot connect to {feed}"))?;
        let shared = Arc::new(Shared::default());
        // A name of its own, so that no earlier run's markers are taken for this one's.
        let name = format!("spanfall-load-{:08x}", rand::rng().random::<u32>());
        let reader = tokio::spawn(read(socket, Arc::clone(&shared), name.clone()));
        let present = until(&shared, BEGINS_WITHIN, |progress| progress.present).await;
        ensure!(present, "{feed} does not tick");
        let markers = tokio::spawn(send(client, protocol, Arc::clone(&shared), name));
        Ok(Self { shared, reader, markers })
    }

    /// Stops once the feed has told of so many spans and all markers, or after the limit.
    ///
    /// # Errors
    /// If the feed or the markers broke off.
    pub(super) async fn finish(self, spans: u64, limit: Duration) -> anyhow::Result<Seen> {
        self.shared.enough.notify_one();
        self.markers.await.context("the markers broke down")??;
        let markers = self.shared.progress.lock().markers;
        let expected = spans + markers;
        let all =
            |progress: &Progress| progress.spans >= expected && progress.on_their_way.is_empty();
        if until(&self.shared, limit, all).await {
            // One more, so that it shows if there is too much.
            let ticks = self.shared.progress.lock().ticks;
            until(&self.shared, limit, |progress| progress.ticks > ticks).await;
        }
        if self.reader.is_finished() {
            self.reader.await.context("the viewer broke down")??;
            bail!("the feed ended");
        }
        self.reader.abort();
        let progress = self.shared.progress.lock();
        Ok(Seen {
            spans: progress.spans,
            expected,
            latency: progress.latency.clone(),
            missing: progress.on_their_way.len() as u64,
            lost_ticks: progress.lost_ticks,
        })
    }
}

/// Waits until something is so; says whether it is.
async fn until(shared: &Shared, limit: Duration, wanted: impl Fn(&Progress) -> bool) -> bool {
    let waiting = async {
        loop {
            let changed = shared.changed.notified();
            if wanted(&shared.progress.lock()) {
                break;
            }
            changed.await;
        }
    };
    timeout(limit, waiting).await.is_ok()
}

async fn read(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    shared: Arc<Shared>,
    name: String,
) -> anyhow::Result<()> {
    while let Some(frame) = socket.next().await {
        let Frame::Text(text) = frame.context("the feed broke off")? else { continue };
        let now = Instant::now();
        let message = serde_json::from_str(&text).context("the feed says what is no message")?;
        shared.progress.lock().take(message, &name, now);
        shared.changed.notify_one();
    }
    Ok(())
}

impl Progress {
    /// The last marker is not on its way after all.
    fn take_back(&mut self) {
        self.markers -= 1;
        self.on_their_way.pop_back();
    }

    fn take(&mut self, message: Message, name: &str, now: Instant) {
        match message {
            Message::Hello(hello) => self.begin_ms = Some(hello.now_ms),
            Message::Graph(graph) => self.edges.extend(edges_to(&graph, name)),
            Message::Tick(tick) => self.tick(&tick, now),
            Message::Lost(lost) => self.lost_ticks += lost.ticks,
            Message::Notice(_)
            | Message::Detail(_)
            | Message::Trace(_)
            | Message::Found(_)
            | Message::Unknown => {}
        }
    }

    fn tick(&mut self, tick: &Tick, now: Instant) {
        self.ticks += 1;
        if !self.present {
            // The tick that was running when the viewer came is the last one of the past.
            self.present = self.begin_ms.is_some_and(|begin| tick.t + u64::from(tick.ms) > begin);
            return;
        }
        self.spans += tick.spans;
        for moved in tick.edges.iter().filter(|moved| self.edges.contains(&moved.edge)) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let shown = moved.counts.total().max(0.0) as usize;
            for sent in self.on_their_way.drain(..shown.min(self.on_their_way.len())) {
                self.latency.add(now - sent);
            }
        }
    }
}

/// The edges to the node of that name.
fn edges_to(graph: &Graph, name: &str) -> Vec<EdgeId> {
    let node = graph.nodes.iter().find(|node| node.name == name).map(|node| node.id);
    let edges = graph.edges.iter().filter(|edge| Some(edge.target) == node);
    edges.map(|edge| edge.id).collect()
}

async fn send(
    mut client: Client,
    protocol: Protocol,
    shared: Arc<Shared>,
    name: String,
) -> anyhow::Result<()> {
    loop {
        let pause = rand::rng().random_range(Duration::ZERO..PAUSE);
        tokio::select! {
            () = sleep(pause) => {}
            () = shared.enough.notified() => return Ok(()),
        }
        let body = marker(protocol, &name);
        loop {
            {
                let mut progress = shared.progress.lock();
                progress.markers += 1;
                progress.on_their_way.push_back(Instant::now());
            }
            match client.send(body.clone()).await.context("a marker's connection is lost")? {
                Answer::Accepted { rejected: 0 } => break,
                Answer::Later(after) => {
                    shared.progress.lock().take_back();
                    sleep(after.unwrap_or(PAUSE)).await;
                }
                answer => bail!("a marker was not taken: {answer:?}"),
            }
        }
    }
}

/// A message sent to a queue of that name.
fn marker(protocol: Protocol, name: &str) -> Bytes {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    let mut random = rand::rng();
    let span = Span {
        trace_id: random.random::<[u8; 16]>().to_vec(),
        span_id: random.random::<[u8; 8]>().to_vec(),
        name: "mark".to_owned(),
        kind: SpanKind::Producer.into(),
        start_time_unix_nano: now - 1_000_000,
        end_time_unix_nano: now,
        attributes: Attributes::of(&[
            ("messaging.system", "aws_sqs"),
            ("messaging.destination.name", name),
        ])
        .0,
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: Attributes::of(&[("service.name", "spanfall-load")]).0,
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    };
    let message = request.encode_to_vec();
    match protocol {
        Protocol::Http => message.into(),
        Protocol::Grpc => {
            let mut framed = vec![0; PREFIX];
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
            framed[1..].copy_from_slice(&length.to_be_bytes());
            framed.extend_from_slice(&message);
            framed.into()
        }
    }
}
