//! Standing still, starting, and going on for long. In: the viewer in a window. Out: figures.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use image::RgbImage;

use super::{Viewer, number_of};
use crate::bench::figure::{Figure, number};
use crate::collector::Collector;
use crate::program::{PATIENCE, Program, command, path, repository};
use crate::screen::Screen;

impl Viewer {
    /// What a picture takes in which nothing moves: of a feed that has ended, and of a collector that
    /// has nothing to tell any more.
    pub(super) fn idle(&self) -> anyhow::Result<Vec<Figure>> {
        let seconds = if self.effort.quick { "10" } else { "60" };
        let shop = repository("tests/fixtures/feeds/shop.jsonl");
        let ended = self.figures(Some(&shop), &["--measure-idle", seconds])?;
        let collector = Collector::start(&[], &[]);
        let mut load = command(path("spanfall-load"));
        load.args(["--count", "5000", "--protocol", "http", &format!("http://{}", collector.http)]);
        let sent = Program::start("spanfall-load", load).wait(PATIENCE);
        ensure!(sent.code == Some(0), "the load generator says {}", sent.stderr);
        let connect = collector.view.to_string();
        let quiet = self.figures(None, &["--connect", &connect, "--measure-idle", seconds])?;
        let mut figures = Vec::new();
        for (what, measured) in [("a feed that has ended", ended), ("a quiet collector", quiet)] {
            let value = |name| number_of(&measured, name);
            figures.push(
                Figure::new(format!("idle, {what}: frames"), value("frames")?, "frames")
                    .at_most(0.0)
                    .beside(format!(
                        "in {} s, quiet {} s after the start",
                        number(value("seconds")?),
                        number(value("quiet_after_s")?)
                    )),
            );
            let share = 100.0 * value("processor_share")?;
            figures.push(Figure::new(format!("idle, {what}"), share, "% of a core").at_most(1.0));
        }
        Ok(figures)
    }

    /// From the start of the program until its first picture is on the screen.
    pub(super) fn start(&self) -> anyhow::Result<Figure> {
        let tries = if self.effort.quick { 3 } else { 7 };
        let mut times = Vec::new();
        // The first one warms the disk.
        for number in 0..=tries {
            let screen = Screen::start(1920, 1080);
            let mut viewer = self.command()?;
            viewer.env("DISPLAY", screen.display());
            viewer.arg("--feed-file").arg(repository("tests/fixtures/feeds/shop.jsonl"));
            let begin = Instant::now();
            let mut viewer = Program::start("spanfall", viewer);
            while !shows_something(&screen.picture()) {
                ensure!(begin.elapsed() < PATIENCE, "no picture: {}", viewer.stderr());
                ensure!(viewer.ended().is_none(), "the viewer ended: {}", viewer.stderr());
                std::thread::sleep(Duration::from_millis(25));
            }
            if number > 0 {
                times.push(begin.elapsed().as_secs_f64());
            }
        }
        times.sort_by(f64::total_cmp);
        let middle = times[times.len() / 2];
        Ok(Figure::new("start to first picture", middle, "s").at_most(1.5).beside(format!(
            "the median of {tries}, the best {}; until nodes are seen on the screen",
            number(times[0])
        )))
    }

    /// What is resident while the incident plays in loop, twenty times as fast as it happened, once all
    /// that is bounded is full.
    pub(super) fn memory(&self) -> anyhow::Result<Vec<Figure>> {
        let (fills, watched) = if self.effort.quick { (20, 10) } else { (600, 180) };
        let mut viewer = self.command()?;
        viewer.arg("--replay").arg(repository("samples/incident.jsonl.zst"));
        viewer.args(["--speed", "20", "--loop"]);
        let mut viewer = Program::start("spanfall", viewer);
        let begin = Instant::now();
        let mut held = Vec::new();
        while begin.elapsed() < Duration::from_secs(fills + watched) {
            std::thread::sleep(Duration::from_secs(1));
            ensure!(viewer.ended().is_none(), "the viewer ended: {}", viewer.stderr());
            if begin.elapsed() >= Duration::from_secs(fills) {
                held.push(viewer.resident_memory() as f64 / 1e6);
            }
        }
        // A moment says little: pages come and go.
        let sixth = (held.len() / 6).max(1);
        let mean = |some: &[f64]| some.iter().sum::<f64>() / some.len() as f64;
        let first = mean(held.get(..sixth).context("no time")?);
        let last = mean(&held[held.len() - sixth..]);
        let grown = Figure::new("memory: growth once it is full", last - first, "MB");
        // Of what is still filling up, nothing can be said.
        let grown = if self.effort.quick { grown } else { grown.at_most(FLAT_MB) };
        let shortened = if self.effort.quick { ", shortened by --quick: not full yet" } else { "" };
        Ok(vec![grown.beside(format!(
            "in {watched} s after {fills} s of the incident in loop, 20 times as fast{shortened}; {} MB at \
             the end, {} at most",
            number(last),
            number(held.iter().copied().fold(0.0, f64::max)),
        ))])
    }
}

/// Growth in three minutes that is none.
const FLAT_MB: f64 = 2.0;

/// Whether there are nodes in the middle of a screen: bright rings and names on the dark ground.
fn shows_something(screen: &RgbImage) -> bool {
    const BRIGHT: u8 = 110;
    const LEAST: usize = 400;
    let (width, height) = screen.dimensions();
    let inner = |at: u32, of: u32| at > of / 5 && at < of * 4 / 5;
    let bright = screen.enumerate_pixels().filter(|(x, y, pixel)| {
        inner(*x, width) && inner(*y, height) && pixel.0.iter().any(|part| *part > BRIGHT)
    });
    bright.take(LEAST).count() == LEAST
}
