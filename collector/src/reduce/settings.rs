//! What the reducer can be told: the `[reduce]` table of the configuration.

use std::time::Duration;

use super::node::Node;

/// The reducer's settings. Every one has a default that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a span waits for the other side of its request before it is shown by what its own
    /// attributes say.
    pub wait: Duration,
    /// How long after that a late other side still corrects what was shown.
    pub correct: Duration,
    /// How many spans may wait at once. Past it the oldest resolve early, which is counted.
    pub max_pending: usize,
    /// Requests slower than this are `slow`.
    pub slow: Duration,
    /// Errors that programs expect and handle: these stay `ok`.
    pub expected_errors: Vec<String>,
    /// What runs functions whose spans do not name their trigger, as with SNS, S3 and schedules.
    pub triggers: Vec<TriggerRule>,
}

/// One function and what runs it, where no span tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerRule {
    /// The function's name.
    pub function: String,
    /// The node that its hops come from when no caller turns up.
    pub source: Node,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Twice API Gateway's limit for a synchronous answer (29 s) is not needed: a caller's
            // span ends, and is exported, soon after its callee's.
            wait: Duration::from_secs(30),
            correct: Duration::from_secs(300),
            max_pending: 1_000_000,
            slow: Duration::from_secs(1),
            // Conditional writes and optional reads fail by design (LAMBDA.md, point 19).
            expected_errors: ["ConditionalCheckFailedException", "NoSuchKey"]
                .map(String::from)
                .to_vec(),
            triggers: Vec::new(),
        }
    }
}
