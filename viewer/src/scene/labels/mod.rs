//! Names and rates of nodes. In: the graph, where it is on screen, and what is in focus. Out: text
//! of constant size that never overlaps; where there is no room, what matters less says less.
//!
//! Laying out text is what costs here, so a label's text changes at most twice a second, and only
//! when it says something else. Where labels stand follows the camera in every frame.

mod arrange;
mod covers;
mod entities;
mod measure;
mod obstacles;
mod place;
mod screen;
mod show;
mod words;

use bevy::camera::CameraUpdateSystems;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::reduce::node::NodeId;

use super::nodes::shown_rates;
use crate::figures;
use crate::picture::{Picture, PictureNode, What};
use crate::settings::Settings;
use arrange::{Situation, place_labels};
pub use covers::Cover;
use entities::{Handles, write_texts};
use place::{Placed, Type};
use show::move_labels;
use words::{Trouble, rate_words};

/// Seconds between two readings of the rates.
const READ_EVERY: f64 = 0.5;
/// Seconds without a hop after which a region is said to be silent: exporters send at least every ten.
const SILENT: f64 = 30.0;
/// The share of failed and refused requests from which on it is said in full colour.
const ALARMING: f64 = 0.01;

/// Draws the labels.
pub(super) struct LabelsPlugin;

impl Plugin for LabelsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Settings>().init_resource::<Labels>().add_systems(
            PostUpdate,
            (read_rates, place_labels, write_texts, move_labels)
                .chain()
                .after(CameraUpdateSystems)
                .before(TransformSystems::Propagate),
        );
    }
}

/// All labels.
#[derive(Resource, Debug, Default)]
struct Labels {
    of: HashMap<NodeId, Label>,
    /// Sizes that texts have now.
    font: Option<Type>,
    /// When the rates were read last, in seconds, and which revision of the graph.
    read_at: Option<f64>,
    read_revision: u64,
    /// Whether labels say something else than when they were placed.
    stale: bool,
    /// What they were placed for, when, and which revision of the nodes' places.
    placed_for: Option<Situation>,
    placed_at: f64,
    placed_places: u64,
}

/// One node's label.
#[derive(Debug, Default)]
struct Label {
    name: String,
    rate: String,
    trouble: Trouble,
    /// Whether what goes wrong deserves its full colour.
    alarming: bool,
    priority: f32,
    /// Its traffic, in powers of two.
    traffic: f32,
    /// Where it is, and what of it is said; `None` where there is no room.
    placed: Option<Placed>,
    /// Its entities, once it was shown.
    handles: Option<Handles>,
}

impl Label {
    /// The line below the name.
    fn second_line(&self) -> String {
        format!("{}{}", self.rate, self.trouble_words())
    }

    /// What of that line says what goes wrong, with its distance from the rate.
    fn trouble_words(&self) -> String {
        match (self.rate.as_str(), self.trouble.as_str()) {
            (_, "") => String::new(),
            ("", trouble) => trouble.to_owned(),
            (_, trouble) => format!("  {trouble}"),
        }
    }
}

/// Puts the rates into words, at most twice a second.
fn read_rates(
    time: Res<'_, Time<Real>>,
    (picture, settings): (Res<'_, Picture>, Res<'_, Settings>),
    mut labels: ResMut<'_, Labels>,
    mut commands: Commands<'_, '_>,
) {
    let now = time.elapsed_secs_f64();
    let new_graph = labels.read_revision != picture.revision;
    let due = labels.read_at.is_none_or(|at| now - at >= READ_EVERY);
    if !(new_graph || settings.is_changed() || due && picture.is_changed()) {
        return;
    }
    labels.read_at = Some(now);
    labels.read_revision = picture.revision;
    let labels = &mut *labels;
    labels.of.retain(|id, label| {
        let stays = picture.nodes.contains_key(id);
        if let Some(handles) = label.handles.as_ref().filter(|_| !stays) {
            handles.despawn(&mut commands);
        }
        stays
    });
    labels.stale |= new_graph;
    for (id, node) in &picture.nodes {
        labels.stale |= labels.of.entry(*id).or_default().read(node, settings.rates);
    }
}

/// The rate, where it is wanted; of a region that has fallen silent, for how long it has been.
fn said_rate(node: &PictureNode, rate: f64, wanted: bool) -> String {
    let silent =
        matches!(node.what, What::Zone(_)) && node.quiet > SILENT && node.quiet.is_finite();
    if silent {
        format!("silent for {}", figures::duration(node.quiet))
    } else if wanted {
        rate_words(rate)
    } else {
        String::new()
    }
}

impl Label {
    /// Takes in what the node does now. Returns whether the label wants another place.
    fn read(&mut self, node: &PictureNode, with_rate: bool) -> bool {
        let rates = shown_rates(node);
        let (rate, trouble) = (said_rate(node, rates.total(), with_rate), Trouble::of(rates));
        // Errors first, then traffic, by powers of two: a rate that trembles must not change who
        // gets the room.
        let traffic = rates.total().max(0.0).log2().clamp(-8.0, 24.0).round() as f32;
        let priority = traffic + if rates.error > 0.0 { 100.0 } else { 0.0 };
        // Digits have one width, so most changes of a rate do not change a label's size.
        let resized = self.rate.len() != rate.len() || self.trouble != trouble;
        let changed = self.name != node.name || resized || self.priority != priority;
        self.name.clone_from(&node.name);
        self.alarming = rates.error + rates.throttled > ALARMING * rates.total();
        (self.rate, self.trouble, self.priority) = (rate, trouble, priority);
        self.traffic = traffic;
        changed
    }
}

#[cfg(test)]
mod tests;
