//! What the person looks at: the node or edge under the pointer, and the selected one.

use bevy::prelude::*;
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

/// Something on the picture that can be pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A node.
    Node(NodeId),
    /// An edge.
    Edge(EdgeId),
}

/// What is pointed at, and what is selected. Scene and panels read it; only [`Command`]s change it.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Focus {
    /// Under the pointer.
    pub hovered: Option<Item>,
    /// Selected by a click; the details panel shows it.
    pub selected: Option<Item>,
}

impl Focus {
    /// The item that the picture singles out: the hovered one, else the selected one.
    pub fn item(&self) -> Option<Item> {
        self.hovered.or(self.selected)
    }
}

/// What a person asked for, by mouse, key or panel.
#[derive(Message, Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Point at something, or at nothing.
    Hover(Option<Item>),
    /// Select something, or nothing.
    Select(Option<Item>),
    /// Show the whole graph (F).
    Fit,
    /// Put a node where it was dragged, in world units; the layout keeps it there.
    Place(NodeId, Vec2),
    /// Forget all dragged places (R).
    ResetLayout,
    /// Stop or go on (Space).
    TogglePause,
    /// Write a PNG of the window (S).
    Snapshot,
}
