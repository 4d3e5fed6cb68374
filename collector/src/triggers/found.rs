//! Who runs whom, as the listings say it, and notes on what they do not say.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::input::Input;
use crate::reduce::naming::{self, Arn};
use crate::reduce::node::{Node, NodeKind};

/// A function and what runs it. Ordered as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trigger {
    pub(super) function: Named,
    pub(super) source: Named,
}

/// A node, and how to name it where its name means several. Two of one node are the same.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) node: Node,
    /// Empty where it has none.
    pub(super) arn: String,
}

impl Named {
    fn key(&self) -> (NodeKind, &str, &str, &str) {
        let Node { kind, name, account, region } = &self.node;
        (*kind, name, account, region)
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Named {}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Named {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Named {
    /// A function by its ARN, without version and alias. Nothing if it is not a function's.
    pub(super) fn function(arn: &str) -> Option<Self> {
        let node = Arn::parse(arn)?.node().filter(|node| node.kind == NodeKind::Function)?;
        // `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, with `:QUALIFIER` perhaps.
        let arn = arn.splitn(8, ':').take(7).collect::<Vec<_>>().join(":");
        Some(Self { node, arn })
    }

    /// A source by its ARN. Nothing if it is not of that kind.
    pub(super) fn source(kind: NodeKind, arn: &str) -> Option<Self> {
        let node = naming::of_kind(kind, arn).filter(|_| Arn::parse(arn).is_some())?;
        Some(Self { node, arn: arn.to_owned() })
    }

    /// A source that has no ARN, or none that adds to its name.
    pub(super) fn only(kind: NodeKind, name: &str) -> Self {
        Self { node: Node::named(kind, name), arn: String::new() }
    }
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Sorted, each once.
    pub(super) triggers: BTreeSet<Trigger>,
    pub(super) notes: Vec<String>,
}

impl Found {
    pub(super) fn add(&mut self, function: Named, source: Named) {
        self.triggers.insert(Trigger { function, source });
    }

    /// Takes a note about a listing.
    pub(super) fn note(&mut self, input: &Input, note: &str) {
        let note = format!("{}: {note}", input.file);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
