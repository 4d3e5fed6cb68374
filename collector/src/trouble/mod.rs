//! What is wrong with the traffic, as notices that do not tire: one for each cause (the deepest node
//! that fails, not its callers), steady, and with the page that says what to do about it. In: graph
//! changes and ticks, as viewers get them. Out: notices, when there is something else to say.

mod cause;
mod matter;
mod minute;
mod runbook;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::feed::message::{Graph, Notice, Severity, Tick, Unit};
use crate::reduce::hop::{Edge, EdgeId};
use crate::reduce::node::NodeId;

use cause::{Group, Hurt};
use matter::{Matter, Scar};
use minute::Minute;
use words::{Said, State};

pub(crate) use runbook::Runbooks;
pub use runbook::{Runbook, is_web_page};

/// How often matters are looked at, in milliseconds.
const LOOK_MS: u64 = 1_000;

/// A matter that lasts less than this is not told, in milliseconds.
const CONFIRM_MS: u64 = 10_000;

/// Edges without traffic, or without a bad request, for so long have nothing to tell, in milliseconds.
const MINUTE_MS: u64 = 60_000;

/// How long a matter that is over is remembered, in milliseconds: one that comes back within that time
/// is the same one.
const REMEMBERED_MS: u64 = 2 * 3_600_000;

/// Matters that are open at once, and those that are remembered. A system in which more nodes fail has
/// one problem, and a person reads three.
const MOST: usize = 64;

/// Watches the traffic.
#[derive(Debug)]
pub(crate) struct Trouble {
    runbooks: Runbooks,
    noun: &'static str,
    names: HashMap<NodeId, String>,
    edges: HashMap<EdgeId, Watched>,
    /// Causes that are not told yet, and since when they are ones.
    pending: BTreeMap<NodeId, u64>,
    open: BTreeMap<NodeId, (Matter, Option<Told>)>,
    scars: BTreeMap<NodeId, Scar>,
    looked_ms: u64,
    /// How many more causes than [`MOST`] there were when that was told last.
    more_told: usize,
}

/// An edge, and its last minute while there is traffic.
#[derive(Debug)]
struct Watched {
    edge: Edge,
    minute: Option<Box<Minute>>,
    /// When there was traffic, and when a bad request, in milliseconds since 1970.
    moved_ms: u64,
    ill_ms: u64,
}

/// What was told last of a matter.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    severity: Severity,
    text: String,
    hurt: f64,
    url: Option<String>,
}

impl Default for Trouble {
    fn default() -> Self {
        Self::new(Runbooks::default(), Unit::default())
    }
}

impl Trouble {
    pub(crate) fn new(runbooks: Runbooks, unit: Unit) -> Self {
        Self {
            runbooks,
            noun: if unit == Unit::Steps { "steps" } else { "requests" },
            names: HashMap::new(),
            edges: HashMap::new(),
            pending: BTreeMap::new(),
            open: BTreeMap::new(),
            scars: BTreeMap::new(),
            looked_ms: 0,
            more_told: 0,
        }
    }

    /// Follows a change of the graph.
    pub(crate) fn learn(&mut self, graph: &Graph) {
        for node in &graph.nodes {
            self.names.insert(node.id, node.name.clone());
        }
        for edge in &graph.edges {
            let ends = Edge { source: edge.source, target: edge.target };
            self.edges.entry(edge.id).or_insert_with(|| Watched {
                edge: ends,
                minute: None,
                moved_ms: 0,
                ill_ms: 0,
            });
        }
        for (from, _) in &graph.merged {
            self.names.remove(from);
            self.edges
                .retain(|_, watched| watched.edge.source != *from && watched.edge.target != *from);
        }
    }

    /// Follows a tick. Returns what there is to say.
    pub(crate) fn observe(&mut self, tick: &Tick) -> Vec<Notice> {
        let now_ms = tick.t.saturating_add(u64::from(tick.ms));
        for moved in &tick.edges {
            let Some(watched) = self.edges.get_mut(&moved.edge) else { continue };
            let counts = &moved.counts;
            watched.moved_ms = now_ms;
            if counts.error > 0.0 || counts.throttled > 0.0 || counts.slow > 0.0 {
                watched.ill_ms = now_ms;
            }
            watched.minute.get_or_insert_default().add(now_ms, counts);
        }
        if now_ms.abs_diff(self.looked_ms) < LOOK_MS {
            return Vec::new();
        }
        self.looked_ms = now_ms;
        self.look(now_ms)
    }

    fn look(&mut self, now_ms: u64) -> Vec<Notice> {
        let hurt = self.hurt(now_ms);
        let called: HashSet<NodeId> =
            self.edges.values().map(|watched| watched.edge.target).collect();
        let groups = cause::groups(&hurt, |node| !called.contains(&node));
        let mut said = self.follow(&groups, now_ms);
        said.extend(self.begin(&groups, now_ms));
        said.extend(self.end_explained(&groups, now_ms));
        said.extend(self.tell_more(&groups, now_ms));
        self.scars.retain(|_, scar| now_ms.saturating_sub(scar.ended_ms) < REMEMBERED_MS);
        said
    }

    /// The edges on which requests are hurt.
    fn hurt(&mut self, now_ms: u64) -> HashMap<EdgeId, Hurt> {
        let mut hurt = HashMap::new();
        for (id, watched) in &mut self.edges {
            let Some(minute) = &mut watched.minute else { continue };
            if now_ms.abs_diff(watched.moved_ms) > MINUTE_MS {
                watched.minute = None;
                continue;
            }
            if now_ms.abs_diff(watched.ill_ms) > MINUTE_MS {
                continue;
            }
            let ill = minute.sum(now_ms);
            if ill.lingers() {
                hurt.insert(*id, Hurt { edge: watched.edge, ill });
            }
        }
        hurt
    }

    /// Goes on with what is open.
    fn follow(&mut self, groups: &BTreeMap<NodeId, Group>, now_ms: u64) -> Vec<Notice> {
        let mut said = Vec::new();
        let mut over = Vec::new();
        for (node, (matter, told)) in &mut self.open {
            if matter.follow(groups.get(node), now_ms)
                && let Some(notice) =
                    tell(*node, matter, told, &self.names, &self.runbooks, self.noun, now_ms)
            {
                said.push(notice);
            }
            if let Some(scar) = matter.over(now_ms) {
                over.push((*node, scar));
            }
        }
        for (node, scar) in over {
            said.extend(self.end(node));
            if self.scars.len() < MOST {
                self.scars.insert(node, scar);
            }
        }
        said
    }

    /// Begins with what lasts.
    fn begin(&mut self, groups: &BTreeMap<NodeId, Group>, now_ms: u64) -> Vec<Notice> {
        let mut said = Vec::new();
        self.pending.retain(|node, _| groups.get(node).is_some_and(|group| group.matters));
        for (node, group) in groups {
            if !group.matters || self.open.contains_key(node) || self.open.len() >= MOST {
                continue;
            }
            let since_ms = *self.pending.entry(*node).or_insert(now_ms);
            if now_ms.saturating_sub(since_ms) < CONFIRM_MS {
                continue;
            }
            self.pending.remove(node);
            let scar = self.scars.remove(node);
            let mut matter = Matter::new(group.clone(), since_ms, now_ms, scar);
            let mut told = None;
            let (names, runbooks) = (&self.names, &self.runbooks);
            said.extend(tell(*node, &mut matter, &mut told, names, runbooks, self.noun, now_ms));
            self.open.insert(*node, (matter, told));
        }
        said
    }

    /// Says how many nodes are in trouble beyond those that are told of; as figures go, in steps.
    fn tell_more(&mut self, groups: &BTreeMap<NodeId, Group>, now_ms: u64) -> Option<Notice> {
        let untold = |(node, group): &(&NodeId, &Group)| {
            group.matters && self.open.len() >= MOST && !self.open.contains_key(*node)
        };
        let more = about_count(groups.iter().filter(untold).count());
        if more == std::mem::replace(&mut self.more_told, more) {
            return None;
        }
        let text = match more {
            0 => String::new(),
            more => format!("About {more} more nodes are in trouble than are told of one by one."),
        };
        let id = "trouble-more".to_owned();
        Some(Notice {
            id,
            severity: Severity::Warning,
            text,
            since_ms: now_ms,
            ..Notice::default()
        })
    }

    /// Ends what was told of callers of whom somebody deeper turned out to be the cause.
    fn end_explained(&mut self, groups: &BTreeMap<NodeId, Group>, now_ms: u64) -> Vec<Notice> {
        let mut explained: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        for cause in self.open.keys() {
            let hurt = groups.get(cause).into_iter().flat_map(|group| &group.hurt);
            explained.extend(hurt.filter(|node| !groups.contains_key(node)).map(|&n| (n, *cause)));
        }
        let mut said = Vec::new();
        for (caller, cause) in explained {
            // What has a past of its own is a matter of its own, whatever else comes on top.
            if self.open.get(&caller).is_none_or(|(matter, _)| !matter.is_young(now_ms)) {
                continue;
            }
            let Some(notice) = self.end(caller) else { continue };
            if let Some((matter, _)) = self.open.get_mut(&cause) {
                matter.since_ms = matter.since_ms.min(notice.since_ms);
            }
            said.push(notice);
        }
        said
    }

    /// Ends a matter.
    fn end(&mut self, node: NodeId) -> Option<Notice> {
        let (matter, _) = self.open.remove(&node)?;
        Some(Notice { id: id(node), since_ms: matter.since_ms, ..Notice::default() })
    }
}

fn id(node: NodeId) -> String {
    format!("trouble-{:x}", node.0)
}

/// A count in steps that are worth telling.
fn about_count(count: usize) -> usize {
    let step = 10_usize.pow(count.max(1).ilog10());
    count / step * step
}

/// A number in steps that are worth telling: one digit of it.
fn about(number: f64) -> f64 {
    let step = 10_f64.powf(number.max(1.0).log10().floor());
    (number / step).round() * step
}

/// A notice of a matter, unless the same was told last.
fn tell(
    node: NodeId,
    matter: &mut Matter,
    told: &mut Option<Told>,
    names: &HashMap<NodeId, String>,
    runbooks: &Runbooks,
    noun: &'static str,
    now_ms: u64,
) -> Option<Notice> {
    let name = names.get(&node)?;
    let Matter { since_ms, state, worst, spells, ref group, .. } = *matter;
    let text = words::sentence(&Said {
        name,
        state,
        worst,
        ill: &group.ill,
        caller: group.callers.first().and_then(|caller| names.get(caller)).map(String::as_str),
        others: group.hurt.len().saturating_sub(1),
        spells,
        noun,
    });
    let severity = match state {
        State::Failing if group.matters => Severity::Critical,
        State::Failing | State::Throttling | State::Slow => Severity::Warning,
        // What comes and goes is no good news while it is gone.
        State::Well if spells > 1 => Severity::Warning,
        State::Well => Severity::Info,
    };
    let hurt = if state == State::Well { 0.0 } else { about(group.ill.hurt()) };
    let url = runbooks.page(name);
    let news = Told { severity, text, hurt, url };
    if told.as_ref() == Some(&news) {
        return None;
    }
    matter.told(now_ms);
    *told = Some(news.clone());
    let Told { severity, text, hurt, url } = news;
    let (id, node) = (id(node), Some(node));
    Some(Notice { id, severity, text, node, edge: None, since_ms, hurt, url })
}
