//! `spanfall-collector serve` as a process. In: settings. Out: a collector that answers, on ports
//! of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use crate::http;
use crate::program::{Program, command, path, until};

/// How long a collector may take to answer after its start.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A running collector.
pub struct Collector {
    /// The process.
    pub program: Program,
    /// Where it takes OTLP over gRPC.
    pub grpc: SocketAddr,
    /// Where it takes OTLP over HTTP.
    pub http: SocketAddr,
    /// Where it serves the feed.
    pub view: SocketAddr,
}

/// Three ports that were free a moment ago.
fn free_ports() -> [SocketAddr; 3] {
    // All three are held until all three are known, so that they differ.
    let held = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    held.map(|listener| listener.local_addr().expect("a bound socket has an address"))
}

impl Collector {
    /// Starts `spanfall-collector ARGUMENTS` with settings such as `("REDUCE_WAIT", "1s")`, and
    /// waits until it is healthy.
    ///
    /// # Panics
    /// If it does not become so.
    #[track_caller]
    pub fn start(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        // Another program may take a port in the moment between finding and using it.
        for _ in 0..5 {
            if let Some(collector) = Self::try_start(arguments, settings) {
                return collector;
            }
        }
        panic!("five times somebody else took a port that was free");
    }

    /// As [`Self::start`]; none if a port was taken meanwhile.
    #[track_caller]
    fn try_start(arguments: &[&str], settings: &[(&str, &str)]) -> Option<Self> {
        let [grpc, http, view] = free_ports();
        let mut command = Self::command(arguments, [grpc, http, view]);
        for (name, value) in settings {
            command.env(format!("SPANFALL_{name}"), value);
        }
        let program = Program::start("spanfall-collector", command);
        let mut collector = Self { program, grpc, http, view };
        let healthy = until(STARTS_WITHIN, "a healthy collector", || {
            if let Some(status) = collector.program.ended() {
                let said = collector.program.stderr();
                assert!(said.contains("taken"), "the collector ended with {status}:\n{said}");
                return Some(false);
            }
            collector.is_healthy().then_some(true)
        });
        healthy.then_some(collector)
    }

    /// Starts one on ports that an ended one had, and waits until it is healthy.
    ///
    /// # Panics
    /// If it does not become so.
    #[track_caller]
    pub fn start_on(ports: [SocketAddr; 3], arguments: &[&str]) -> Self {
        let [grpc, http, view] = ports;
        let program = Program::start("spanfall-collector", Self::command(arguments, ports));
        let mut collector = Self { program, grpc, http, view };
        until(STARTS_WITHIN, "a healthy collector", || {
            let ended = collector.program.ended();
            assert!(ended.is_none(), "the collector ended: {}", collector.program.stderr());
            collector.is_healthy().then_some(())
        });
        collector
    }

    /// Whether it answers, and not another one that took the port a moment before: it must say itself
    /// that it has all of them.
    fn is_healthy(&self) -> bool {
        let answers = || http::get(self.view, "/healthz").is_ok_and(|answer| answer.status == 200);
        let said = self.program.stderr();
        // `serve` and `replay`, each in its words.
        ["ready after", "To watch: "].iter().any(|ready| said.contains(ready)) && answers()
    }

    /// The command line of a collector on these ports: OTLP over gRPC and HTTP, and the feed.
    pub fn command(arguments: &[&str], ports: [SocketAddr; 3]) -> Command {
        let mut command = command(path("spanfall-collector"));
        command.args(arguments);
        // How long hops take depends on how busy the machine is: a test that is about that says so.
        command.env("SPANFALL_REDUCE_SLOW", "1h");
        for (name, address) in ["GRPC", "HTTP", "VIEW"].iter().zip(ports) {
            command.env(format!("SPANFALL_LISTEN_{name}"), address.to_string());
        }
        command
    }

    /// Sends an export request in protobuf over HTTP.
    ///
    /// # Panics
    /// If it is not answered.
    #[track_caller]
    pub fn post(&self, body: &[u8]) -> http::Answer {
        let headers = [("content-type", "application/x-protobuf")];
        http::post(self.http, "/v1/traces", &headers, body).expect("an answer")
    }
}
