//! Nodes: who takes part in the traffic. In: what spans say about a function or about what it
//! talks to. Out: a stable [`NodeId`] that every collector computes alike.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A node's identity on the wire: 53 bits, so that a JSON reader that keeps numbers in doubles
/// (a browser, `jq`) keeps every bit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{:x}", self.0)
    }
}

/// What a node is. The order is the order in which lists and legends name the kinds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A serverless function.
    Function,
    /// Anything else that exports spans: a container, a host's process.
    #[default]
    Service,
    /// A message queue, such as SQS.
    Queue,
    /// A publish/subscribe topic, such as SNS.
    Topic,
    /// A log or stream, such as Kinesis or Kafka.
    Stream,
    /// A table of a key-value store, such as DynamoDB.
    Table,
    /// A database.
    Database,
    /// An object store's bucket.
    Bucket,
    /// An API: a gateway that calls functions, or a cloud provider's own interface.
    Api,
    /// A host outside, known by its name only.
    Host,
    /// A clock that starts functions.
    Schedule,
    /// The people, or programs, outside: where requests come from when nothing names a source.
    Users,
}

impl NodeKind {
    /// Every kind, in the order of the legend.
    pub const ALL: [Self; 12] = [
        Self::Function,
        Self::Service,
        Self::Queue,
        Self::Topic,
        Self::Stream,
        Self::Table,
        Self::Database,
        Self::Bucket,
        Self::Api,
        Self::Host,
        Self::Schedule,
        Self::Users,
    ];

    /// The word for it in JSON, metrics and panels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Service => "service",
            Self::Queue => "queue",
            Self::Topic => "topic",
            Self::Stream => "stream",
            Self::Table => "table",
            Self::Database => "database",
            Self::Bucket => "bucket",
            Self::Api => "api",
            Self::Host => "host",
            Self::Schedule => "schedule",
            Self::Users => "users",
        }
    }
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The node that requests over HTTP come from when no gateway and no caller is known.
pub const USERS: &str = "users";

/// The node that requests come from when nothing says what ran the function: no caller came, the
/// span names no source, and no `[[trigger]]` in the configuration does. Its kind is
/// [`NodeKind::Users`].
pub const UNKNOWN_TRIGGER: &str = "unknown trigger";

/// A node's full name. Empty `account` or `region` means that no span has said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its name within kind, account and region: `shop-pricing`, `invoices`.
    pub name: String,
    /// The cloud account, such as `123456789012`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// The cloud region, such as `eu-west-1`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
}

impl Node {
    /// Its identity: the same for every collector, and for whatever else makes a feed.
    pub fn id(&self) -> NodeId {
        super::nodes::node_id(self)
    }
}
