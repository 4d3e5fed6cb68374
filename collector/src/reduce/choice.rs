//! Choice: which nodes a person wants to see. In: the `[node]` tables of the configuration, and what
//! a span or its resource says. Out: another name for its node, or that its request is left out.

use super::facts::Facts;
use super::naming::split_url;
use super::node::{Node, NodeKind};
use super::pattern::Pattern;
use crate::span::{Attribute, Attributes, Malformed, Span};

/// Stands for the span's own name in a list of attributes.
const SPAN_NAME: &str = "span.name";

/// What the configuration says of nodes. Without a rule, spans say it all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRules {
    /// Attributes that name a node, the first that is there; where none is, spans name it.
    pub attributes: Vec<String>,
    /// What a node is that one of these attributes names.
    pub kind: NodeKind,
    /// Other names for nodes.
    pub renames: Vec<Rename>,
    /// Requests that make no hops.
    pub ignores: Vec<Ignore>,
}

/// Another name for a node. Nodes that get the same name, and agree in kind, account and region,
/// are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Its name, as spans or attributes say it.
    pub name: Pattern,
    /// What it is; any kind, if none is said.
    pub kind: Option<NodeKind>,
    /// Its new name. A `*` is what the first `*` in `name` stood for.
    pub to: String,
    /// What it becomes; it stays what it is, if none is said.
    pub to_kind: Option<NodeKind>,
}

/// Requests that make no hops: those of which everything that is said here is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    /// The span's name.
    pub operation: Option<Pattern>,
    /// The node that made the span, or the one that it names as the other side.
    pub node: Option<Pattern>,
    /// The path of an HTTP request without its query, or its route.
    pub path: Option<Pattern>,
    /// The program that sent an HTTP request.
    pub user_agent: Option<Pattern>,
}

impl Default for NodeRules {
    fn default() -> Self {
        Self {
            attributes: Vec::new(),
            kind: NodeKind::Service,
            renames: Vec::new(),
            ignores: Vec::new(),
        }
    }
}

impl NodeRules {
    /// The first of the chosen attributes that a span has, as [`Self::named_by`] tells it.
    pub(super) fn named_by_span<'a>(
        &self,
        span: &Span<'a>,
    ) -> Result<Option<(usize, &'a str)>, Malformed> {
        let named = self.named_by(span.attributes())?;
        let place = self.attributes.iter().position(|chosen| chosen == SPAN_NAME);
        let name = std::str::from_utf8(span.name).ok().filter(|name| !name.is_empty());
        let by_name = place.zip(name);
        Ok(match (named, by_name) {
            (Some(named), Some(by_name)) => Some(named.min(by_name)),
            (named, by_name) => named.or(by_name),
        })
    }

    /// The first of the chosen attributes that is there: its place in the list, and its value.
    pub(super) fn named_by<'a>(
        &self,
        attributes: Attributes<'a>,
    ) -> Result<Option<(usize, &'a str)>, Malformed> {
        if self.attributes.is_empty() {
            return Ok(None);
        }
        let mut best: Option<(usize, &str)> = None;
        attributes.for_each(|attribute| {
            let key = |chosen: &String| chosen.as_bytes() == attribute.key;
            if let Some(place) = self.attributes.iter().position(key)
                && best.is_none_or(|(before, _)| place < before)
                && let Some(name) = attribute.value()?.text()
            {
                best = Some((place, name));
            }
            Ok(())
        })?;
        Ok(best)
    }

    /// Gives a node the name that it is to have.
    pub(super) fn rename(&self, node: &mut Node) {
        for rule in &self.renames {
            if rule.kind.is_none_or(|kind| kind == node.kind)
                && let Some(gap) = rule.name.first_gap(&node.name)
            {
                let name = rule.to.replacen('*', gap, 1);
                // A node without a name could not be told from any other.
                if !name.is_empty() {
                    node.name = name;
                    node.kind = rule.to_kind.unwrap_or(node.kind);
                }
                return;
            }
        }
    }

    /// Whether the request of a span makes no hop. `nodes`: its own, and the other side if it
    /// names one, both as they are shown.
    pub(super) fn ignores(&self, name: &[u8], facts: &Facts<'_>, nodes: [&str; 2]) -> bool {
        if self.ignores.is_empty() {
            return false;
        }
        let operation = String::from_utf8_lossy(name);
        fn text<'a>(attribute: Option<Attribute<'a>>) -> Option<&'a str> {
            attribute?.value().ok()?.text()
        }
        let (route, agent) = (text(facts.route), text(facts.user_agent));
        let path = text(facts.path);
        let path = path.or_else(|| facts.url.and_then(split_url).map(|(_, path)| path));
        let path = path.and_then(|path| path.split(['?', '#']).next());
        let any = |pattern: &Pattern, texts: &[Option<&str>]| {
            texts.iter().flatten().any(|text| pattern.fits(text))
        };
        self.ignores.iter().any(|rule| {
            let Ignore { operation: named, node, path: at, user_agent } = rule;
            named.as_ref().is_none_or(|named| named.fits(&operation))
                && node.as_ref().is_none_or(|node| any(node, &nodes.map(Some)))
                && at.as_ref().is_none_or(|at| any(at, &[route, path]))
                && user_agent.as_ref().is_none_or(|wanted| any(wanted, &[agent]))
        })
    }
}
