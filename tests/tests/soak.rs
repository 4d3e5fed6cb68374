//! A viewer that hangs on a wall for long: the collector restarts, the network fails, floods come, the window
//! is resized and taken off the screen. In the end the picture must be right, and memory what it was.
//!
//! Takes a quarter of an hour, so it runs when asked for:
//! `cargo build --workspace --bins && cargo test --workspace --test soak -- --ignored --nocapture`; `SPANFALL_SOAK_MINUTES` sets how long.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use image::imageops::crop_imm;
use spanfall_tests::collector::Collector;
use spanfall_tests::program::{Program, command, path};
use spanfall_tests::window::{SOON, Window};

/// How much more memory the viewer may have at the end than after the second round. What the timeline keeps
/// of the time between is part of it: ticks of a quiet webshop, some megabytes.
const GROWTH: f64 = 1.25;

/// A wire between the viewer and the collector, which can be cut.
struct Wire {
    address: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    fn to(collector: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(Mutex::new(Vec::new()));
        let streams = Arc::clone(&open);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Nobody at the other end: the viewer tries again.
                let Ok(far) = TcpStream::connect(collector) else { continue };
                let mut streams = streams.lock().unwrap();
                streams.extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (mut from, mut to) in
                    [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    std::thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { address, open }
    }

    fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Spans of the webshop for so many seconds; `rate` a second, or as many as the collector takes.
fn load(collector: SocketAddr, rate: Option<u32>, seconds: u32) -> Program {
    let mut load = command(path("spanfall-load"));
    load.arg(format!("http://{collector}")).args(["--protocol", "http", "--batch", "128"]);
    load.args(["--seconds", &seconds.to_string()]);
    if let Some(rate) = rate {
        load.args(["--rate", &rate.to_string()]);
    }
    Program::start("spanfall-load", load)
}

/// Bytes of memory that a process has in use.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap();
    kilobytes * 1024
}

/// How many pixels change within a second where the graph is: particles fly, and nothing else moves there.
fn motion(window: &Window) -> usize {
    let graph = || {
        let picture = window.screen.picture();
        let (width, height) = picture.dimensions();
        crop_imm(&picture, 0, height / 10, width, height * 7 / 10).to_image()
    };
    let before = graph();
    std::thread::sleep(Duration::from_secs(1));
    let after = graph();
    before.pixels().zip(after.pixels()).filter(|(before, after)| before != after).count()
}

#[test]
#[ignore = "a quarter of an hour"]
fn a_viewer_outlives_restarts_cuts_floods_and_windows() {
    let minutes = std::env::var("SPANFALL_SOAK_MINUTES").ok();
    let minutes: f64 = minutes.and_then(|minutes| minutes.parse().ok()).unwrap_or(15.0);
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(minutes * 60.0);
    let mut collector = Collector::start(&["serve"], &[]);
    let ports = [collector.grpc, collector.http, collector.view];
    let wire = Wire::to(collector.view);
    let mut window = Window::open((1280, 720), &["--connect", &wire.address.to_string()]);

    let mut memory = Vec::new();
    let mut round = 0;
    while Instant::now() < end || round < 4 {
        round += 1;
        let steady = load(collector.http, Some(400), 8);
        let screen = &window.screen;
        screen.resize(window.id, 900 + 60 * (round % 5), 500 + 40 * (round % 5));
        steady.wait(SOON);
        wire.cut();
        let flood = load(collector.http, None, 4);
        screen.hide(window.id);
        flood.wait(SOON);
        screen.show(window.id);
        screen.resize(window.id, 1280, 720);
        collector.program.terminate();
        collector.program.wait(SOON);
        collector = Collector::start_on(ports, &["serve"]);
        window.until("a viewer that lives", |_| Some(()));
        memory.push(resident(window.viewer.id()));
        let minute = began.elapsed().as_secs_f64() / 60.0;
        println!("minute {minute:.1}, round {round}: {} MB", memory.last().unwrap() / 1_000_000);
    }

    // The picture is right: requests fly, and when they end nothing does.
    let steady = load(collector.http, Some(400), 30);
    window.until("particles", |window| (motion(window) > 500).then_some(()));
    steady.wait(SOON);
    window.until("rest", |window| (motion(window) == 0).then_some(()));
    let (early, late) = (memory[1], *memory.last().unwrap());
    println!(
        "memory after two rounds {} MB, at the end {} MB",
        early / 1_000_000,
        late / 1_000_000
    );
    assert!((late as f64) < early as f64 * GROWTH, "{early} bytes became {late}");
    window.close();
}
