//! Frames a second, of the whole viewer in a window. In: graphs and how many particles are alive.
//! Out: figures beside Vizceral's, which was measured with its own sample.

use anyhow::{bail, ensure};
use serde_json::Value;

use super::{Tell, Viewer, number_of};
use crate::bench::figure::{Figure, number};
use crate::bench::viewer::recipe::Recipe;
use crate::program::repository;

/// Where Vizceral's own sample may lie; it is not ours to keep here.
const VIZCERALS_SAMPLE: &str = "../shared/anchors/vizceral-sample.json";

/// A generated graph is of the size of Vizceral's sample.
const SAMPLE: (usize, usize) = (73, 155);

/// Measured as everything here, with 2,840 particles alive.
const VIZCERALS_RATE: &str = "Vizceral: 10";

/// How often a feed is made anew until the screen shows as much as it should.
const TRIES: usize = 3;

/// Particles may be so much fewer or more than asked for.
const TOLERANCE: f64 = 0.1;

impl Viewer {
    /// Frames a second.
    pub(super) fn frames(&self, tell: &mut Tell<'_>) -> anyhow::Result<()> {
        let (nodes, edges) = SAMPLE;
        let large = [
            (SAMPLE, 3_000.0, 45.0, VIZCERALS_RATE, false),
            (SAMPLE, 20_000.0, 25.0, "Vizceral moves each by JavaScript", false),
            ((500, 3_000), 10_000.0, 25.0, "folded", false),
            ((500, 3_000), 10_000.0, 25.0, "every node shown", true),
        ];
        for ((nodes, edges), alive, goal, beside, never_fold) in large {
            let seconds = self.seconds();
            let mut arguments = vec!["--measure", &seconds[..], "--measure-json"];
            if never_fold {
                arguments.push("--never-fold");
            }
            let measured = self.with_alive(nodes, edges, alive, &arguments)?;
            let mut name = format!("frames: {nodes} nodes, {} particles", number(alive));
            if never_fold {
                name += ", unfolded";
            }
            tell(vec![rate(name, &measured, beside)?.at_least(goal)])?;
        }
        let sample = repository(VIZCERALS_SAMPLE);
        if sample.exists() {
            let (seconds, sample) = (self.seconds(), sample.to_string_lossy().into_owned());
            let arguments = ["--vizceral", &sample, "--view", "us-east-1", "--measure", &seconds];
            let measured = self.figures(None, &[&arguments[..], &["--measure-json"]].concat())?;
            let name = format!("frames: Vizceral's own sample, {nodes} nodes");
            let beside = format!("{VIZCERALS_RATE}; of {edges} connections");
            tell(vec![rate(name, &measured, &beside)?.at_least(45.0)])?;
        }
        Ok(())
    }

    /// The figures of a graph with so many particles on screen. Hops within a group are not on screen, and
    /// which nodes fold is for the viewer to decide: so it is asked again with more hops, if need be.
    fn with_alive(
        &self,
        nodes: usize,
        edges: usize,
        alive: f64,
        arguments: &[&str],
    ) -> anyhow::Result<Value> {
        let mut under_way = alive;
        for _ in 0..TRIES {
            let recipe = Recipe { nodes, edges, alive: under_way, all_slow: false, seconds: 60 };
            let measured = self.figures(Some(&self.feed(&recipe)?), arguments)?;
            let shown = number_of(&measured, "alive")?;
            ensure!(shown > 0.0, "nothing moves on a screen with {nodes} nodes");
            if (shown / alive - 1.0).abs() < TOLERANCE {
                return Ok(measured);
            }
            under_way *= alive / shown;
        }
        bail!(
            "there are not {alive:.0} particles on screen, nor nearly, however many hops there are"
        )
    }

    fn seconds(&self) -> String {
        if self.effort.quick { "6" } else { "20" }.to_owned()
    }
}

/// What it drew in a second, and what it took.
fn rate(name: String, measured: &Value, beside: &str) -> anyhow::Result<Figure> {
    let value = |name| number_of(measured, name);
    let text = format!(
        "{beside}; {} nodes, {} edges, {} particles on screen, median {} ms, longest {}, processor {} ms",
        value("nodes")?,
        value("edges")?,
        number(value("alive")?),
        number(value("median_ms")?),
        number(value("longest_ms")?),
        number(value("processor_ms")?),
    );
    let size = (value("width")?, value("height")?);
    ensure!(size == (1920.0, 1080.0), "the window is {size:?}");
    Ok(Figure::new(name, value("frames_per_second")?, "frames/s").beside(text))
}
