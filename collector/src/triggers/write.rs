//! The lines for the configuration. In: who runs whom. Out: TOML that the configuration's reader
//! takes, the same for the same triggers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::found::{Found, Named, Trigger};
use crate::reduce::node::{Node, NodeKind};

const HEAD: &str = "# What runs functions where no span tells, by AWS's listings.\n";

/// Everything found, as `[[trigger]]` tables.
pub(super) fn toml(found: &mut Found) -> String {
    if found.triggers.is_empty() {
        found.notes.push("nothing in these listings runs a function".to_owned());
        return String::new();
    }
    let named = found.triggers.iter().flat_map(|trigger| [&trigger.function, &trigger.source]);
    let names = Names::of(named);
    let mut text = HEAD.to_owned();
    let mut before: Option<&Named> = None;
    for Trigger { function, source } in &found.triggers {
        text.push('\n');
        let first = before != Some(function);
        before = Some(function);
        if first {
            let sources = found.triggers.iter().filter(|other| other.function == *function);
            explain(
                &mut text,
                &sources.map(|trigger| trigger.source.node.kind).collect::<Vec<_>>(),
            );
        }
        let (function, from) = (names.text(function), names.text(source));
        let kind = source.node.kind;
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "[[trigger]]\nfunction = {}\nkind = \"{kind}\"\nsource = {}",
            quoted(function),
            quoted(from)
        );
    }
    text
}

/// Says before a function that several things run what its hops will show.
fn explain(text: &mut String, kinds: &[NodeKind]) {
    if kinds.len() < 2 {
        return;
    }
    text.push_str(
        "# Several things run this function. Spans that do not say which are shown as from\n\
         # `unknown trigger`.",
    );
    let queues = kinds.iter().filter(|kind| **kind == NodeKind::Queue).count();
    if queues > 0 && queues < kinds.len() {
        text.push_str(
            " Current libraries name the queue: if this function has one of\n\
             # them, remove its tables of kind queue.",
        );
    }
    text.push('\n');
}

fn quoted(text: &str) -> toml::Value {
    toml::Value::String(text.to_owned())
}

/// Which names mean several nodes.
struct Names {
    ambiguous: BTreeSet<(NodeKind, String)>,
}

impl Names {
    fn of<'a>(named: impl Iterator<Item = &'a Named>) -> Self {
        let mut nodes: BTreeMap<(NodeKind, String), BTreeSet<(String, String)>> = BTreeMap::new();
        for Named { node, .. } in named {
            let Node { kind, name, account, region } = node.clone();
            nodes.entry((kind, name)).or_default().insert((account, region));
        }
        let several = nodes.into_iter().filter(|(_, places)| places.len() > 1);
        Self { ambiguous: several.map(|(name, _)| name).collect() }
    }

    fn text<'n>(&self, named: &'n Named) -> &'n str {
        let Named { node, arn } = named;
        let ambiguous = self.ambiguous.contains(&(node.kind, node.name.clone()));
        if ambiguous && !arn.is_empty() { arn } else { &node.name }
    }
}
