//! `tests/bench --viewer`: how fast the viewer draws, in software, on a screen of its own. In: the
//! viewer's program. Out: figures. `recipe` makes feeds to draw; `rate` has frames a second, `parts`
//! what it takes without a window, `rest` the costs of standing still, starting and going on.
//!
//! Everything is drawn by Mesa's llvmpipe on as many cores as the computer has, 1920x1080 pixels, so that
//! figures of two computers without a graphics card compare.

mod parts;
mod rate;
mod recipe;
mod rest;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::Effort;
use super::figure::Figure;
use crate::driver;
use crate::program::{Program, command, find};
use crate::screen::Screen;
use recipe::Recipe;

/// How long a measurement may take: with a million particles a frame is a second.
const PATIENCE: Duration = Duration::from_secs(420);

/// What is measured of the viewer.
pub struct Viewer {
    effort: Effort,
    screen: Screen,
    folder: TempDir,
}

/// Tells figures as they come.
pub type Tell<'a> = dyn FnMut(Vec<Figure>) -> anyhow::Result<()> + 'a;

impl Viewer {
    /// Gets ready to measure.
    ///
    /// # Errors
    /// If the viewer is not built.
    pub fn new(effort: Effort) -> anyhow::Result<Self> {
        find("spanfall").context("`tests/bench --viewer` builds what it measures; start that")?;
        Ok(Self { effort, screen: Screen::start(1920, 1080), folder: TempDir::new()? })
    }

    /// Measures everything whose name is wanted, and tells it.
    ///
    /// # Errors
    /// If the viewer fails.
    pub fn measure(
        &self,
        wanted: &dyn Fn(&str) -> bool,
        tell: &mut Tell<'_>,
    ) -> anyhow::Result<()> {
        if wanted("frames") {
            self.frames(tell)?;
        }
        if wanted("particle pass") {
            self.pass(tell)?;
        }
        if wanted("main world") {
            tell(vec![self.main_world()?])?;
        }
        if wanted("layout") {
            tell(self.layout()?)?;
        }
        if wanted("idle") {
            tell(self.idle()?)?;
        }
        if wanted("start") {
            tell(vec![self.start()?])?;
        }
        if wanted("memory") {
            tell(self.memory()?)?;
        }
        Ok(())
    }

    /// A feed's file.
    fn feed(&self, recipe: &Recipe) -> anyhow::Result<PathBuf> {
        let Recipe { nodes, edges, alive, all_slow, seconds } = recipe;
        let name = format!("{nodes}-{edges}-{alive}-{all_slow}-{seconds}.jsonl");
        let path = self.folder.path().join(name);
        if !path.exists() {
            recipe.write(&path)?;
        }
        Ok(path)
    }

    /// The viewer, drawing in software on the screen.
    fn command(&self) -> anyhow::Result<Command> {
        let mut viewer = command(find("spanfall")?);
        driver::select(&mut viewer);
        viewer
            .env("DISPLAY", self.screen.display())
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET");
        Ok(viewer)
    }

    /// What the viewer prints as JSON at its end.
    fn figures(&self, feed: Option<&Path>, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut viewer = self.command()?;
        if let Some(feed) = feed {
            viewer.arg("--feed-file").arg(feed);
        }
        viewer.args(arguments);
        let ended = Program::start("spanfall", viewer).wait(PATIENCE);
        let said = &ended.stderr;
        ensure!(
            ended.code == Some(0),
            "spanfall {arguments:?} ended with {:?}: {said}",
            ended.code
        );
        serde_json::from_str(&ended.stdout)
            .with_context(|| format!("spanfall {arguments:?} says {:?}: {said}", ended.stdout))
    }
}

/// A number that the viewer said.
fn number_of(figures: &Value, name: &str) -> anyhow::Result<f64> {
    figures[name].as_f64().with_context(|| format!("the viewer does not say {name:?}: {figures}"))
}
