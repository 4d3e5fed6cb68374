//! The collector's own telemetry, from the real program to a real collector.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spanfall_collector::collector::{Collector, Purpose};
use spanfall_collector::config::{Config, Listen};

/// A bound for hung tests, not a measure.
const HUNG: Duration = Duration::from_secs(60);

fn program(arguments: &[&str], protocol: &str, endpoint: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_spanfall-collector"))
        .args(arguments)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Asks a program to stop, and returns what it said and whether it ended well.
fn stopped(mut child: Child) -> (String, bool) {
    let asked = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(asked.success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (said, child.wait().unwrap().success())
}

async fn sends(protocol: &str, purpose: Purpose) {
    let other = Config { listen: Listen::anywhere(), ..Config::default() };
    let other = Collector::start(other).await.unwrap();
    let listener = other.listeners().iter().find(|listener| listener.purpose == purpose);
    let endpoint = format!("http://{}", listener.unwrap().address);
    let child = program(&["--grpc", "off", "--http", "off", "--view", "0"], protocol, &endpoint);
    let counters = other.receiver().counters();
    let began = Instant::now();
    while counters.metrics_dropped.get() == 0 || counters.spans.get() == 0 {
        assert!(began.elapsed() < HUNG, "nothing came by {protocol}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (said, well) = stopped(child);
    assert!(well, "{said}");
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    other.shutdown().await;
}

// The other collector has to answer while this test waits for the program to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_and_traces_of_the_collector_go_where_the_variables_say() {
    sends("http/protobuf", Purpose::Http).await;
    sends("http/json", Purpose::Http).await;
    sends("grpc", Purpose::Grpc).await;
}

#[test]
fn they_never_go_to_the_collector_itself() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (text, endpoint) = (port.to_string(), format!("http://localhost:{port}"));
    let mut child =
        program(&["--grpc", "off", "--http", &text, "--view", "0"], "http/protobuf", &endpoint);
    // What it says first is that; then it goes on.
    let mut said = Vec::new();
    let mut stderr = child.stderr.take().unwrap();
    while !String::from_utf8_lossy(&said).contains("own port") {
        let mut some = [0; 1024];
        let length = stderr.read(&mut some).unwrap();
        assert_ne!(length, 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&some[..length]);
    }
    child.stderr = Some(stderr);
    assert!(stopped(child).1);
}
