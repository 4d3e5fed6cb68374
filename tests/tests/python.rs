//! Python's own OpenTelemetry SDK and exporter, which most instrumented Lambda functions have: its
//! spans are on the wall, each once.
//!
//! This needs Python with venv and pip, and a package index. Where these are missing the test says
//! so in its output and passes: `live.rs` covers the same protocol with Rust's exporter.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use spanfall_tests::collector::Collector;
use spanfall_tests::feed::Viewer;
use spanfall_tests::program::{Program, command, repository};

/// The exporter that is tested; part of the environment's name, so that a change makes a new one.
const PACKAGES: [&str; 2] =
    ["opentelemetry-sdk==1.45.1", "opentelemetry-exporter-otlp-proto-http==1.45.1"];

/// Downloading from a slow index.
const INSTALLS_WITHIN: Duration = Duration::from_secs(180);

fn skip(why: &str) {
    eprintln!("==== SKIPPED: the test with Python's exporter: {why}");
}

/// A Python with the exporter, kept between runs; or why there is none.
fn python() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-exporter-1.45.1");
    let python = home.join("bin/python");
    let works = |python: &Path| {
        let import = "import opentelemetry.exporter.otlp.proto.http.trace_exporter";
        Command::new(python).args(["-c", import]).output().is_ok_and(|out| out.status.success())
    };
    if works(&python) {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&home);
    run("python3 -m venv", make)?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    install.args(["--retries", "1"]).args(PACKAGES);
    run("pip install", install)?;
    if works(&python) {
        Ok(python)
    } else {
        Err("the installed exporter cannot be imported".into())
    }
}

fn run(what: &str, command: Command) -> Result<(), String> {
    if Command::new(command.get_program()).arg("--version").output().is_err() {
        return Err(format!("{what}: there is no {}", command.get_program().display()));
    }
    let ended = Program::start(what, command).wait(INSTALLS_WITHIN);
    if ended.code == Some(0) { Ok(()) } else { Err(format!("{what}: {}", ended.stderr)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_of_python_s_exporter_are_on_the_wall_once() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => return skip(&why),
    };
    let collector = Collector::start(&["serve"], &[("REDUCE_WAIT", "30s")]);
    let mut viewer = Viewer::connect(collector.view).await;
    let mut send = command(python);
    send.arg(repository("tests/fixtures/python/send.py"))
        .arg(format!("http://{}/v1/traces", collector.http))
        .arg("40");
    let ended = Program::start("send.py", send).wait(Duration::from_secs(60));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let expected = [
        "function snack-orders > function snack-oven: 30 0 0 10 1",
        "users users > function snack-orders: 40 0 0 0 1",
    ];
    let limit = Duration::from_secs(30);
    viewer.until(limit, "all hops", |wall| wall.lines() == expected).await;
}
