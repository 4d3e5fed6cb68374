//! Parts of the viewer, without a window: the particles' draw beside bare triangles, a frame of the main
//! world, and the layout. The viewer measures them in its own process (`viewer/src/measure`).

use anyhow::ensure;

use super::{Tell, Viewer, number_of};
use crate::bench::figure::{Figure, number};
use crate::bench::viewer::recipe::Recipe;

/// More than any feed here has under way, so that each particle is one hop.
const NO_BUDGET: &str = "1048576";

impl Viewer {
    /// The particles' draw alone.
    pub(super) fn pass(&self, tell: &mut Tell<'_>) -> anyhow::Result<()> {
        let counts: &[f64] = if self.effort.quick {
            &[3_000.0, 20_000.0, 100_000.0]
        } else {
            &[3_000.0, 20_000.0, 100_000.0, 300_000.0, 1_000_000.0]
        };
        for &alive in counts {
            let recipe = Recipe { nodes: 73, edges: 155, alive, all_slow: false, seconds: 14 };
            let arguments = ["--measure-part", "pass", "--particles", NO_BUDGET];
            let measured = self.figures(Some(&self.feed(&recipe)?), &arguments)?;
            let value = |name| number_of(&measured, name);
            let (particles, bare, count) =
                (value("particles_ms")?, value("bare_ms")?, value("alive")?);
            let discs = value("discs_ms")?;
            let each = |ms: f64| number(ms * 1e3 / count);
            let name = format!("particle pass: {} beside bare triangles", number(alive));
            tell(vec![Figure::new(name, particles / bare, "times").at_most(1.3).beside(format!(
                "{} ms, {} \u{b5}s each; bare {} \u{b5}s; a bare disc {} \u{b5}s, and particles {} times that; corners {} px from the middle; the rest of the frame {} ms; {}",
                number(particles),
                each(particles),
                each(bare),
                each(discs),
                number(particles / discs),
                number(value("reach_px")?),
                number(value("without_ms")?),
                measured["adapter"].as_str().unwrap_or("unknown driver"),
            ))])?;
        }
        Ok(())
    }

    /// A frame of the main world.
    pub(super) fn main_world(&self) -> anyhow::Result<Figure> {
        const ALIVE: f64 = 1_000_000.0;
        /// Particles take so many times as long as usual there.
        const SLOWER: f64 = 4.0;
        let (alive, all_slow) = (ALIVE / SLOWER, true);
        let recipe = Recipe { nodes: 73, edges: 155, alive, all_slow, seconds: 32 };
        let arguments = ["--measure-part", "model", "--particles", NO_BUDGET];
        let measured = self.figures(Some(&self.feed(&recipe)?), &arguments)?;
        let value = |name| number_of(&measured, name);
        let (alive, spawned) = (value("alive")?, value("spawned_per_second")?);
        ensure!((alive / ALIVE - 1.0).abs() < 0.1, "{alive:.0} particles are alive");
        ensure!(spawned > 50_000.0, "{spawned:.0} are spawned in a second");
        Ok(Figure::new("main world: 1 M particles alive", value("processor_ms")?, "ms/frame")
            .at_most(2.0)
            .beside(format!(
                "all threads' processor time; {} spawned a second; by the clock {} ms, with a tick {}",
                number(spawned),
                number(value("median_ms")?),
                number(value("longest_ms")?),
            )))
    }

    /// The layout.
    pub(super) fn layout(&self) -> anyhow::Result<Vec<Figure>> {
        /// The radius of a node without traffic, in the layout's units.
        const RADIUS: f64 = 16.0;
        let recipe = Recipe { nodes: 500, edges: 3_000, alive: 1.0, all_slow: false, seconds: 0 };
        let measured = self.figures(Some(&self.feed(&recipe)?), &["--measure-part", "layout"])?;
        let value = |name| number_of(&measured, name);
        ensure!(value("placed")? == 501.0, "{measured}");
        let (anew, adding) = (value("anew_ms")?, value("adding_ms")?);
        Ok(vec![
            Figure::new("layout: 500 nodes from nothing", anew, "ms")
                .at_most(300.0)
                .beside("3,000 edges; off the main thread"),
            Figure::new("layout: adding one node to 500", adding, "ms").at_most(30.0),
            Figure::new("layout: how far that moves others", value("moved")?, "units")
                .at_most(RADIUS)
                .beside("the smallest node's radius is 16"),
        ])
    }
}
