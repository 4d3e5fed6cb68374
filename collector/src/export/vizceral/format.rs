//! Vizceral's format: nodes in nodes, and connections between them, as Vizceral reads them.

use serde::Serialize;

use crate::reduce::node::NodeKind;

/// What Vizceral calls the place where requests come from; layouts begin there.
pub(super) const INTERNET: &str = "INTERNET";

/// A node of Vizceral's format, at every level.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VizNode {
    pub(super) renderer: &'static str,
    pub(super) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) display_name: String,
    #[serde(rename = "node_type", skip_serializing_if = "str::is_empty")]
    pub(super) node_type: &'static str,
    pub(super) class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) updated: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server_update_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_volume: Option<f64>,
    pub(super) metadata: Metadata,
    pub(super) nodes: Vec<VizNode>,
    pub(super) connections: Vec<VizConnection>,
    pub(super) notices: Vec<VizNotice>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Metadata {
    /// Vizceral draws only what streams.
    pub(super) streaming: u8,
}

#[derive(Debug, Serialize)]
pub(super) struct VizConnection {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) class: &'static str,
    pub(super) metadata: Metadata,
    pub(super) metrics: Metrics,
    pub(super) notices: Vec<VizNotice>,
}

/// Requests a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Metrics {
    pub(super) normal: f64,
    pub(super) warning: f64,
    pub(super) danger: f64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct VizNotice {
    pub(super) title: String,
    pub(super) severity: u8,
}

impl Metrics {
    pub(super) fn add(&mut self, other: Self) {
        self.normal += other.normal;
        self.warning += other.warning;
        self.danger += other.danger;
    }

    pub(super) fn total(self) -> f64 {
        self.normal + self.warning + self.danger
    }

    /// Vizceral's word for how bad it is.
    pub(super) fn class(self) -> &'static str {
        const NOTABLE: f64 = 0.05;
        let total = self.total();
        if self.danger > total * NOTABLE {
            "danger"
        } else if self.danger + self.warning > total * NOTABLE {
            "warning"
        } else {
            "normal"
        }
    }
}

pub(super) fn internet() -> VizNode {
    VizNode {
        renderer: "focusedChild",
        name: INTERNET.to_owned(),
        display_name: INTERNET.to_owned(),
        class: "normal",
        metadata: Metadata { streaming: 1 },
        ..VizNode::default()
    }
}

pub(super) fn connection(
    source: &str,
    target: &str,
    metrics: Metrics,
    notices: Vec<VizNotice>,
) -> VizConnection {
    VizConnection {
        source: source.to_owned(),
        target: target.to_owned(),
        class: metrics.class(),
        metadata: Metadata { streaming: 1 },
        metrics,
        notices,
    }
}

/// Vizceral's shapes.
pub(super) fn node_type(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Table | NodeKind::Database | NodeKind::Bucket => "storage",
        NodeKind::Queue | NodeKind::Topic | NodeKind::Stream => "pipe",
        NodeKind::Function
        | NodeKind::Service
        | NodeKind::Api
        | NodeKind::Host
        | NodeKind::Schedule
        | NodeKind::Users => "default",
    }
}
