//! What the reducer can be told: the `[reduce]` table of the configuration.

use std::sync::Arc;
use std::time::Duration;

use super::choice::NodeRules;
use super::naming::Arn;
use super::node::{Node, NodeKind};
use super::target::Here;

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
    /// Which requests are `slow`.
    pub slow: Slow,
    /// Errors that programs expect and handle: these stay `ok`.
    pub expected_errors: Vec<String>,
    /// What runs functions whose spans do not name their trigger, as with SNS, S3 and schedules.
    pub triggers: Vec<TriggerRule>,
    /// Which spans are followed from one to another.
    pub spans: Spans,
    /// What nodes there are, and what is left out.
    pub nodes: Arc<NodeRules>,
}

/// Which spans are followed from one to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spans {
    /// Those between processes: callers and callees.
    #[default]
    Remote,
    /// All: whatever leads from one node's span to another's is a hop.
    All,
}

impl Spans {
    /// Both, by the words for them in the configuration.
    pub const WORDS: [&str; 2] = ["remote", "all"];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Remote => Self::WORDS[0],
            Self::All => Self::WORDS[1],
        }
    }
}

/// Which of the requests that worked are slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slow {
    /// Those that take much longer than is usual on their edge. Says nothing of an edge with less
    /// than 30 such requests lately.
    #[default]
    Auto,
    /// Those that take longer than this, on every edge.
    Over(Duration),
}

/// One function and what runs it, where no span tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerRule {
    /// The function's name, or its ARN where functions of one name run in several places.
    pub function: String,
    /// The node that its hops come from when no caller turns up.
    pub source: Node,
}

impl Settings {
    /// What runs a function, by the rules; nothing where there is no rule, or where rules differ.
    /// `said` is the kind of trigger that the function's span tells, in the words of
    /// `faas.trigger`: of several rules those of that kind count.
    pub(super) fn trigger(&self, name: &str, here: Here<'_>, said: Option<&str>) -> Option<&Node> {
        let sources = self.triggers.iter().filter(|rule| rule.is_for(name, here));
        let sources = sources.map(|rule| &rule.source);
        let mut fitting = sources.clone().filter(|source| fits(said, source.kind)).peekable();
        match said {
            // A clock is not a topic, whatever else runs the function.
            Some("timer") => only(fitting),
            _ if fitting.peek().is_some() => only(fitting),
            _ => only(sources),
        }
    }
}

impl TriggerRule {
    fn is_for(&self, name: &str, here: Here<'_>) -> bool {
        if !self.function.starts_with("arn:") {
            return self.function == name;
        }
        let agrees = |rule: &str, known: &str| known.is_empty() || rule == known;
        self.function.contains(name)
            && Arn::parse(&self.function).and_then(|arn| arn.node()).is_some_and(|function| {
                function.name == name
                    && agrees(&function.account, here.account)
                    && agrees(&function.region, here.region)
            })
    }
}

/// Whether a trigger of this kind is what `faas.trigger` may mean.
fn fits(said: Option<&str>, kind: NodeKind) -> bool {
    use NodeKind::{Bucket, Database, Queue, Schedule, Stream, Table, Topic};
    match said {
        Some("timer") => kind == Schedule,
        Some("pubsub") => matches!(kind, Queue | Topic | Stream),
        Some("datasource") => matches!(kind, Bucket | Table | Database | Stream),
        _ => true,
    }
}

/// What all of them are, if they are all the same.
fn only<'a>(mut sources: impl Iterator<Item = &'a Node>) -> Option<&'a Node> {
    let first = sources.next()?;
    sources.all(|source| source == first).then_some(first)
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Twice API Gateway's limit for a synchronous answer (29 s) is not needed: a caller's
            // span ends, and is exported, soon after its callee's.
            wait: Duration::from_secs(30),
            correct: Duration::from_secs(300),
            max_pending: 1_000_000,
            slow: Slow::Auto,
            // Conditional writes and optional reads fail by design (LAMBDA.md, point 19).
            expected_errors: ["ConditionalCheckFailedException", "NoSuchKey"]
                .map(String::from)
                .to_vec(),
            triggers: Vec::new(),
            spans: Spans::default(),
            nodes: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rules: &[(&str, NodeKind, &str)]) -> Settings {
        let rule = |&(function, kind, source): &(&str, NodeKind, &str)| TriggerRule {
            function: function.to_owned(),
            source: Node::named(kind, source),
        };
        Settings { triggers: rules.iter().map(rule).collect(), ..Settings::default() }
    }

    const HERE: Here<'static> = Here { account: "1", region: "eu" };

    #[test]
    fn of_several_rules_the_one_that_fits_what_the_span_says_counts() {
        use NodeKind::{Bucket, Schedule, Topic};
        let settings =
            settings(&[("f", Topic, "news"), ("f", Bucket, "up"), ("f", Schedule, "tick")]);
        let trigger = |said| settings.trigger("f", HERE, said).map(|node| node.name.as_str());
        assert_eq!(trigger(None), None, "nothing says which");
        assert_eq!(trigger(Some("other")), None);
        assert_eq!(trigger(Some("pubsub")), Some("news"));
        assert_eq!(trigger(Some("datasource")), Some("up"));
        assert_eq!(trigger(Some("timer")), Some("tick"));
        assert_eq!(settings.trigger("g", HERE, None), None);
    }

    #[test]
    fn what_the_span_says_narrows_the_rules_but_only_a_clock_rules_all_others_out() {
        let settings = settings(&[("f", NodeKind::Bucket, "up"), ("f", NodeKind::Bucket, "up")]);
        assert!(settings.trigger("f", HERE, Some("pubsub")).is_some());
        assert!(settings.trigger("f", HERE, Some("timer")).is_none());
    }

    #[test]
    fn a_rule_by_arn_is_for_the_function_in_its_place_only() {
        let arn = "arn:aws:lambda:eu:1:function:f";
        let settings = settings(&[(arn, NodeKind::Topic, "news")]);
        let found = |account, region, name| {
            settings.trigger(name, Here { account, region }, None).is_some()
        };
        assert!(found("1", "eu", "f"));
        assert!(found("", "eu", "f"), "the account may not be known yet");
        assert!(!found("2", "eu", "f"));
        assert!(!found("1", "us", "f"));
        assert!(!found("1", "eu", "function"), "a part of the ARN is no name");
    }
}
