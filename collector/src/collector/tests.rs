//! A whole collector over real sockets: spans in over HTTP, the feed out over a WebSocket.

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::config::{Listen, Port};
use crate::cost::FunctionMemory;
use crate::feed::message::{Inspect, Message, Request};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A bound for hung tests, not a measure.
const HUNG: Duration = Duration::from_secs(60);

fn anywhere() -> Config {
    let mut config = Config { listen: Listen::anywhere(), ..Config::default() };
    config.reduce.wait = Duration::from_millis(100);
    config
}

async fn started(config: Config) -> Collector {
    let collector = Collector::start(config).await.unwrap();
    for listener in collector.listeners() {
        assert_eq!(listener.problem(), None);
    }
    collector
}

fn address(collector: &Collector, purpose: Purpose) -> std::net::SocketAddr {
    collector.listeners().iter().find(|listener| listener.purpose == purpose).unwrap().address
}

async fn connected(collector: &Collector) -> Socket {
    let url = format!("ws://{}/feed", address(collector, Purpose::View));
    timeout(HUNG, connect_async(url)).await.unwrap().unwrap().0
}

/// The next message; `Err` with the close code at the end.
async fn next(socket: &mut Socket) -> Result<Message, Option<u16>> {
    loop {
        match timeout(HUNG, socket.next()).await.unwrap() {
            Some(Ok(Frame::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Frame::Close(close))) => return Err(close.map(|close| close.code.into())),
            Some(Ok(_)) => {}
            Some(Err(error)) => panic!("{error}"),
            None => return Err(None),
        }
    }
}

/// Reads until a message is as wanted.
async fn until(socket: &mut Socket, wanted: impl Fn(&Message) -> bool) -> Message {
    loop {
        let message = next(socket).await.unwrap();
        if wanted(&message) {
            return message;
        }
    }
}

/// An answer to an HTTP request: status and the rest.
async fn http(address: std::net::SocketAddr, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{head}\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = String::new();
    timeout(HUNG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

async fn get(collector: &Collector, path: &str) -> (u16, String) {
    let view = address(collector, Purpose::View);
    http(view, &format!("GET {path} HTTP/1.1"), b"").await
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// One call of a function to a host outside.
fn call(id: u8) -> Vec<u8> {
    let attributes = vec![text("url.full", "https://pay.example/v1"), text("http.method", "GET")];
    request(id, 3, attributes)
}

/// One invocation of the same function.
fn invocation(id: u8) -> Vec<u8> {
    request(id, 2, vec![text("faas.invocation_id", &format!("r-{id}"))])
}

/// One span of the function `checkout`.
fn request(id: u8, kind: i32, attributes: Vec<KeyValue>) -> Vec<u8> {
    let span = Span {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        kind,
        name: "GET".to_owned(),
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 1_050_000_000,
        attributes,
        ..Span::default()
    };
    let resource = Resource {
        attributes: vec![text("faas.name", "checkout"), text("cloud.region", "eu-west-1")],
        ..Resource::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans =
        ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

async fn send(collector: &Collector, request: &[u8]) {
    let head = "POST /v1/traces HTTP/1.1\r\ncontent-type: application/x-protobuf";
    let (status, answer) = http(address(collector, Purpose::Http), head, request).await;
    assert_eq!(status, 200, "{answer}");
}

fn moves(message: &Message) -> bool {
    matches!(message, Message::Tick(tick) if !tick.edges.is_empty())
}

#[tokio::test]
async fn a_span_in_is_a_hop_out_and_a_detail_for_whoever_asks() {
    let collector = started(anywhere()).await;
    let mut viewer = connected(&collector).await;
    let Message::Hello(hello) = next(&mut viewer).await.unwrap() else { panic!("no hello") };
    assert_eq!((hello.protocol, hello.tick_ms), (1, 200));
    assert!(matches!(next(&mut viewer).await, Ok(Message::Graph(graph)) if graph.complete));
    send(&collector, &call(1)).await;
    let Message::Graph(graph) =
        until(&mut viewer, |message| matches!(message, Message::Graph(_))).await
    else {
        panic!("no graph")
    };
    let edge = graph.edges.first().copied().unwrap();
    let Message::Tick(tick) = until(&mut viewer, moves).await else { panic!("no tick") };
    assert_eq!((tick.edges.len(), tick.edges[0].edge), (1, edge.id));
    let inspect = Request::Inspect(Inspect {
        nodes: vec![edge.target],
        edges: vec![edge.id],
        ..Inspect::default()
    });
    let inspect = serde_json::to_string(&inspect).unwrap();
    viewer.send(Frame::text(inspect)).await.unwrap();
    for of_node in [true, false] {
        let detail = until(&mut viewer, |message| matches!(message, Message::Detail(_))).await;
        let Message::Detail(detail) = detail else { panic!("no detail") };
        assert_eq!(detail.node.is_some(), of_node);
        assert_eq!((detail.counts.total(), detail.operations.len()), (1.0, 1));
    }
    collector.shutdown().await;
}

#[tokio::test]
async fn a_late_viewer_sees_what_happened_before_it_came() {
    let collector = started(anywhere()).await;
    let mut first = connected(&collector).await;
    send(&collector, &call(1)).await;
    let seen = until(&mut first, moves).await;
    let mut late = connected(&collector).await;
    assert_eq!(until(&mut late, moves).await, seen);
    collector.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_sends_the_last_ticks_says_goodbye_and_is_quick() {
    let mut config = anywhere();
    config.reduce.wait = Duration::from_secs(3_600);
    let collector = started(config).await;
    let mut viewer = connected(&collector).await;
    send(&collector, &call(1)).await;
    let began = Instant::now();
    let reading = tokio::spawn(async move {
        let mut hops = 0.0;
        loop {
            match next(&mut viewer).await {
                Ok(Message::Tick(tick)) => {
                    hops += tick.edges.iter().map(|edge| edge.counts.total()).sum::<f64>();
                }
                Ok(_) => {}
                Err(code) => return (hops, code),
            }
        }
    });
    collector.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(reading.await.unwrap(), (1.0, Some(1001)), "the hop that waited, then goodbye");
}

#[tokio::test]
async fn a_viewer_that_never_reads_does_not_delay_the_shutdown() {
    let collector = started(anywhere()).await;
    let _deaf = connected(&collector).await;
    let began = Instant::now();
    collector.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_no_request_ends_the_connection_and_what_is_not_known_yet_does_not() {
    let collector = started(anywhere()).await;
    let mut viewer = connected(&collector).await;
    viewer.send(Frame::text(r#"{"type":"rewind","to":5}"#)).await.unwrap();
    viewer.send(Frame::text(r#"{"type":"inspect","nodes":[1]}"#)).await.unwrap();
    until(&mut viewer, |message| matches!(message, Message::Detail(_))).await;
    viewer.send(Frame::text("hello?")).await.unwrap();
    let code = loop {
        if let Err(code) = next(&mut viewer).await {
            break code;
        }
    };
    assert_eq!(code, Some(1007));
    collector.shutdown().await;
}

#[tokio::test]
async fn one_viewer_too_many_is_told_so() {
    let mut config = anywhere();
    config.feed.max_viewers = 1;
    let collector = started(config).await;
    let _first = connected(&collector).await;
    let url = format!("ws://{}/feed", address(&collector, Purpose::View));
    let Err(tungstenite::Error::Http(refused)) = connect_async(url).await else {
        panic!("not refused")
    };
    assert_eq!(refused.status(), 503);
    let told = String::from_utf8(refused.body().clone().unwrap()).unwrap();
    assert!(told.contains("feed.max_viewers"), "{told}");
    collector.shutdown().await;
}

#[tokio::test]
async fn a_web_page_of_elsewhere_may_not_watch() {
    use tungstenite::client::IntoClientRequest;
    let collector = started(anywhere()).await;
    let url = format!("ws://{}/feed", address(&collector, Purpose::View));
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    let Err(tungstenite::Error::Http(refused)) = connect_async(request).await else {
        panic!("not refused")
    };
    assert_eq!(refused.status(), 403);
    collector.shutdown().await;
}

#[tokio::test]
async fn the_view_port_tells_what_is_there_and_counts_what_came() {
    let collector = started(anywhere()).await;
    let mut viewer = connected(&collector).await;
    send(&collector, &call(1)).await;
    until(&mut viewer, moves).await;
    let (status, index) = get(&collector, "/").await;
    assert_eq!(status, 200);
    for path in ["/feed", "/metrics", "/healthz", "/vizceral.json"] {
        assert!(index.contains(path), "{index}");
        assert_ne!(get(&collector, path).await.0, 404, "{path}");
    }
    let (_, health) = get(&collector, "/healthz").await;
    assert!(health.contains(r#""status":"ok""#) && health.contains(r#""spans":1"#), "{health}");
    let (_, metrics) = get(&collector, "/metrics").await;
    for line in [
        "spanfall_spans_total 1",
        "spanfall_viewers 1",
        r#"spanfall_requests_total{protocol="http/protobuf",compression="identity"} 1"#,
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line}\n{metrics}");
    }
    let edge = metrics.lines().find(|line| line.starts_with("traces_service_graph_request_total"));
    assert!(edge.is_some_and(|edge| edge.contains(r#"client="checkout",server="pay.example""#)));
    assert_eq!(get(&collector, "/nothing").await.0, 404);
    let view = address(&collector, Purpose::View);
    assert_eq!(http(view, "POST /healthz HTTP/1.1", b"").await.0, 405);
    assert_eq!(get(&collector, "/feed").await.0, 426);
    collector.shutdown().await;
}

#[tokio::test]
async fn embedded_it_goes_on_without_a_port_that_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = anywhere();
    config.listen.grpc = Port::At(taken.local_addr().unwrap());
    let collector = Collector::start(config).await.unwrap();
    let problems: Vec<_> = collector.listeners().iter().filter_map(Listener::problem).collect();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("is taken by"), "{problems:?}");
    assert_eq!(get(&collector, "/healthz").await.0, 200);
    collector.shutdown().await;
}

#[tokio::test]
async fn a_change_of_the_configuration_takes_effect_and_names_what_has_to_wait() {
    let collector = started(anywhere()).await;
    let mut changed = anywhere();
    changed.feed.max_viewers = 1;
    changed.feed.tick = Duration::from_millis(500);
    changed.listen.grpc = Port::Off;
    for _ in 0..2 {
        assert_eq!(collector.reconfigure(changed.clone()), ["listen.grpc", "feed.tick"]);
    }
    assert_eq!(collector.config().feed.tick, Duration::from_millis(200));
    let hub = collector.pipeline().hub();
    let _first = hub.admit().unwrap();
    assert!(hub.admit().is_err(), "the new limit holds");
    collector.shutdown().await;
}

#[tokio::test]
async fn other_prices_hold_at_once_for_viewers_and_metrics() {
    let memory = FunctionMemory { name: "checkout".to_owned(), memory_mb: 512 };
    let mut config = anywhere();
    config.prices.functions = vec![memory];
    let collector = started(config.clone()).await;
    let mut viewer = connected(&collector).await;
    send(&collector, &invocation(1)).await;
    until(&mut viewer, moves).await;
    let graph = collector.pipeline().hub().graph();
    let node = graph.nodes.iter().find(|node| node.name == "checkout").unwrap().id;
    let inspect = Request::Inspect(Inspect { nodes: vec![node], ..Inspect::default() });
    viewer.send(Frame::text(serde_json::to_string(&inspect).unwrap())).await.unwrap();
    let costs = |currency: &'static str| {
        move |message: &Message| match message {
            Message::Detail(detail) => {
                detail.cost.as_ref().is_some_and(|cost| cost.currency == currency)
            }
            _ => false,
        }
    };
    until(&mut viewer, costs("USD")).await;
    config.prices.currency = "EUR".to_owned();
    assert_eq!(collector.reconfigure(config), [""; 0]);
    until(&mut viewer, costs("EUR")).await;
    let (_, metrics) = get(&collector, "/metrics").await;
    assert!(metrics.contains(r#"currency="EUR""#) && !metrics.contains("USD"), "{metrics}");
    collector.shutdown().await;
}

#[tokio::test]
async fn what_comes_in_is_recorded_and_the_recording_is_whole_after_the_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.jsonl");
    let mut config = anywhere();
    config.record.target = Some(file.clone());
    let collector = started(config).await;
    send(&collector, &call(1)).await;
    send(&collector, &call(2)).await;
    collector.shutdown().await;
    let recorded = std::fs::read_to_string(file).unwrap();
    assert_eq!(recorded.lines().count(), 2);
    assert!(recorded.contains("pay.example"));
}
