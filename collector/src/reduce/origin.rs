//! Identify: whose span is this. In: a resource's bytes. Out: an [`Origin`], made once for each
//! different resource and found again by a hash of its bytes.
//!
//! Lambda resources do not say their account; the handler's SERVER span does, in an ARN. It is
//! looked for in the same export before anything else is read, and kept for the next ones.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;

use super::activity::Worker;
use super::choice::NodeRules;
use super::facts::{Facts, ResourceFacts};
use super::naming::Arn;
use super::node::{Node, NodeKind};
use super::nodes::{NodeIndex, Nodes, keyed};
use super::target::Here;
use super::texts::Texts;
use crate::span::{Malformed, ResourceSpans, SpanKind};

/// Lambda makes a resource per instance; when this many are known, all are forgotten and learned
/// again.
const MOST_ORIGINS: usize = 100_000;

/// Where handlers were silent in so many exports, what runs there is nothing that has an account to
/// tell; a function's handler always does.
const ENOUGH: u32 = 8;

/// What exported a span: a resource, and what it has in common with others.
#[derive(Debug)]
pub(super) struct Origin {
    /// Tells origins apart.
    pub(super) id: u64,
    pub(super) version: u32,
    /// In how many exports a handler's span was there and said nothing.
    untold: AtomicU32,
    /// Whether a span may still say what the resource left out.
    incomplete: bool,
    /// Where `faas.instance` names one.
    pub(super) instance: Option<Arc<Instance>>,
    /// Who works there.
    pub(super) worker: Worker,
    program: Arc<Program>,
}

/// What the instances of one function or service have in common.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) node: NodeIndex,
    pub(super) kind: NodeKind,
    /// Its name as spans say it.
    pub(super) name: String,
    /// The node of that name.
    pub(super) called: NodeIndex,
    /// Its name as it is shown.
    pub(super) shown: String,
    /// The chosen attribute by which it is named, as its place in the list.
    pub(super) chosen: Option<usize>,
    account: String,
    region: String,
    /// A hash of kind, name, account and region: what the names that its spans give mean here.
    pub(super) place: u64,
    /// Whether its handlers say what the resource leaves out.
    by_handler: bool,
    /// What spans said so far.
    said: Said,
    /// The rules by which it was named.
    rules: Arc<NodeRules>,
}

impl Program {
    /// Whether they are the same in everything.
    fn is(&self, other: &Self) -> bool {
        let all = |it: &Self| (it.node, it.kind, it.called, it.chosen, it.place, it.by_handler);
        all(self) == all(other)
            && (&self.name, &self.shown) == (&other.name, &other.shown)
            && (&self.account, &self.region) == (&other.account, &other.region)
            && self.said == other.said
            && Arc::ptr_eq(&self.rules, &other.rules)
    }
}

impl Deref for Origin {
    type Target = Program;

    #[inline]
    fn deref(&self) -> &Program {
        &self.program
    }
}

/// What is known of who sent an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// All that there is to know, or all that matters.
    Known,
    /// What the handler's span in the same export says beyond the resource.
    Handlers,
    /// Only the resource, and the handler's span, which is in another export, will say more.
    Resources,
}

impl Origin {
    pub(super) fn here(&self) -> Here<'_> {
        Here { account: &self.account, region: &self.region }
    }

    /// Whether nothing that is known now could name it better.
    fn is_settled(&self, rules: &Arc<NodeRules>) -> bool {
        let told = !self.incomplete || self.untold.load(Ordering::Relaxed) >= ENOUGH;
        told && self.is_by(rules)
    }

    fn word(&self) -> Word {
        if self.incomplete && self.by_handler { Word::Resources } else { Word::Known }
    }

    fn is_by(&self, rules: &Arc<NodeRules>) -> bool {
        Arc::ptr_eq(&self.rules, rules)
    }

    /// Whether this span is still the earliest invocation seen of its instance.
    pub(super) fn is_first(&self, key: u64) -> bool {
        let first = |instance: &Arc<Instance>| instance.first.lock().map(|(_, first)| first);
        self.instance.as_ref().and_then(first) == Some(key)
    }
}

/// One instance of a function. Its first invocation was a cold start.
#[derive(Debug, Default)]
pub(super) struct Instance {
    /// When the earliest invocation seen so far began, and the key of its span.
    pub(super) first: Mutex<Option<(u64, u64)>>,
}

/// What names are made by, and where they are kept.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) rules: &'a Arc<NodeRules>,
    pub(super) nodes: &'a Nodes,
    pub(super) texts: &'a Texts,
}

#[derive(Debug, Default)]
pub(super) struct Origins {
    by_resource: DashMap<u64, Arc<Origin>, foldhash::fast::RandomState>,
    /// By a hash of kind, name, account and region, the latest one.
    programs: DashMap<u64, Arc<Program>, foldhash::fast::RandomState>,
    hasher: foldhash::fast::RandomState,
}

impl Origins {
    /// The origin of these spans.
    pub(super) fn of(
        &self,
        spans: &ResourceSpans<'_>,
        names: Names<'_>,
    ) -> Result<(Arc<Origin>, Word), Malformed> {
        let resource = spans.resource()?;
        let id = keyed(&self.hasher, resource.bytes());
        let known = self.by_resource.get(&id).map(|origin| Arc::clone(&origin));
        if let Some(origin) = &known
            && origin.is_settled(names.rules)
        {
            return Ok((Arc::clone(origin), Word::Known));
        }
        let facts = ResourceFacts::read(&resource)?;
        let said = if facts.arn.is_some() && facts.account.is_some() {
            Said::default()
        } else {
            Said::by(spans)?
        };
        if let Some(origin) = known
            && said.is_nothing()
            && origin.is_by(names.rules)
        {
            // Of what is known to be a function, the handler is in another export.
            let silent = said.by_handler && origin.kind != NodeKind::Function;
            origin.untold.fetch_add(u32::from(silent), Ordering::Relaxed);
            let word = origin.word();
            return Ok((origin, word));
        }
        if self.by_resource.len() >= MOST_ORIGINS {
            self.by_resource.clear();
            self.programs.clear();
        }
        let chosen = names.rules.named_by(resource.attributes())?;
        let new = |said: Said| {
            let instance = facts.instance.map(|_| Arc::default());
            let program = self.shared(identify(&facts, chosen, said, names));
            let version = facts.function_version.or(facts.service_version).unwrap_or_default();
            Origin {
                id,
                version: names.texts.index(version.as_bytes()),
                untold: AtomicU32::new(0),
                incomplete: program.account.is_empty(),
                instance,
                worker: Worker::new(&facts, program.kind, &self.hasher),
                program,
            }
        };
        if facts.instance.or(facts.process).is_none() && !said.is_nothing() {
            // Functions of several accounts may have the same resource where it names no instance:
            // each export is taken at its handler's word, and one without a handler at that of its
            // trace.
            return Ok((Arc::new(Origin { incomplete: true, ..new(said) }), Word::Handlers));
        }
        // Another thread may have met the same resource meanwhile: they share one instance.
        let mut there = self.by_resource.entry(id).or_insert_with(|| Arc::new(new(said.clone())));
        if !there.is_settled(names.rules) {
            let instance = there.instance.clone();
            *there = Arc::new(Origin { instance, ..new(said.clone().or(&there.said)) });
        }
        let origin = Arc::clone(&there);
        let word = if said.is_nothing() { origin.word() } else { Word::Handlers };
        Ok((origin, word))
    }

    /// The one that is known, if it is the same: functions have many instances.
    fn shared(&self, program: Program) -> Arc<Program> {
        let Program { kind, name, account, region, .. } = &program;
        let place = keyed(&self.hasher, (*kind, name, account, region));
        let program = Program { place, ..program };
        if let Some(known) = self.programs.get(&place).filter(|known| known.is(&program)) {
            return Arc::clone(&known);
        }
        let program = Arc::new(program);
        // A resource without an instance names one program for each export: no more of them than of those.
        if self.programs.len() < MOST_ORIGINS {
            self.programs.insert(place, Arc::clone(&program));
        }
        program
    }

    /// Resources that are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_resource.len()
    }

    /// Functions and services whose they are.
    #[cfg(test)]
    pub(super) fn programs(&self) -> usize {
        self.programs.len()
    }
}

/// What the handler's span says of its function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    arn: Option<String>,
    account: Option<String>,
    /// Whether there was a handler that could have said it.
    by_handler: bool,
}

impl Said {
    fn by(spans: &ResourceSpans<'_>) -> Result<Self, Malformed> {
        let mut said = Self::default();
        spans.for_each_span(|span| {
            let handles = match span.kind {
                SpanKind::Server | SpanKind::Consumer => {
                    said.by_handler = true;
                    true
                }
                SpanKind::Client | SpanKind::Producer => false,
                SpanKind::Internal | SpanKind::Unspecified => {
                    span.parent_id == 0 || span.parent_is_remote() != Some(false)
                }
            };
            if said.arn.is_none() && handles {
                let facts = Facts::read(span.attributes())?;
                said.arn = facts.arn.map(str::to_owned);
                said.account = facts.account.map(str::to_owned);
            }
            Ok(())
        })?;
        Ok(said)
    }

    /// What was said before stays said.
    fn or(self, before: &Self) -> Self {
        Self {
            arn: self.arn.or_else(|| before.arn.clone()),
            account: self.account.or_else(|| before.account.clone()),
            by_handler: self.by_handler,
        }
    }

    fn is_nothing(&self) -> bool {
        self.arn.is_none() && self.account.is_none()
    }
}

/// Platforms whose services are functions.
fn is_function_platform(platform: &str) -> bool {
    matches!(
        platform,
        "aws_lambda"
            | "azure_functions"
            | "azure.functions"
            | "gcp_cloud_functions"
            | "gcp_cloud_run"
            | "alibaba_cloud_fc"
            | "tencent_cloud_scf"
    )
}

fn identify(
    facts: &ResourceFacts<'_>,
    chosen: Option<(usize, &str)>,
    said: Said,
    names: Names<'_>,
) -> Program {
    let Names { rules, nodes, .. } = names;
    let by_arn = facts.arn.or(said.arn.as_deref()).and_then(Arn::parse);
    let arn_node = by_arn.and_then(|arn| arn.node()).filter(|n| n.kind == NodeKind::Function);
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let by_arn = arn_node.as_ref();
    let region = facts.region.or(by_arn.map(|node| node.region.as_str()));
    let account =
        facts.account.or(by_arn.map(|node| node.account.as_str())).or(said.account.as_deref());
    let function = facts
        .function
        .or(by_arn.map(|node| node.name.as_str()))
        .or_else(|| facts.service.filter(|_| facts.platform.is_some_and(is_function_platform)));
    let kind = if function.is_some() { NodeKind::Function } else { NodeKind::Service };
    let usual = Node {
        kind,
        name: text(function.or(facts.service).or(Some("unknown_service"))),
        account: text(account),
        region: text(region),
    };
    let mut node = usual.clone();
    if let Some((_, name)) = chosen {
        (node.kind, node.name) = (rules.kind, name.to_owned());
    }
    rules.rename(&mut node);
    Program {
        by_handler: facts.platform.is_none_or(|it| it == "aws_lambda")
            && (function.is_some() || facts.instance.or(facts.process).is_none()),
        said,
        rules: Arc::clone(rules),
        node: nodes.index(&node),
        called: nodes.index(&usual),
        kind,
        name: usual.name,
        shown: node.name,
        chosen: chosen.map(|(place, _)| place),
        account: usual.account,
        region: usual.region,
        place: 0,
    }
}
