//! How the model follows the feed. In: graph, tick, notice and detail messages, in the feed's
//! order. Out: changes of [`Traffic`].

use bevy::platform::collections::HashSet;
use spanfall_collector::feed::message::{EdgeTick, Graph, GraphNode, Notice, Tick};
use spanfall_collector::reduce::hop::{Counts, EdgeId};
use spanfall_collector::reduce::node::NodeId;

use super::model::{EdgeState, NodeState, Traffic};
use super::rates::RateSum;
use super::seconds;

/// Over how many seconds what is quiet fades before it goes.
const FADE: f64 = 30.0;

/// How many notices are kept; the oldest go first.
const MAX_NOTICES: usize = 100;

/// How many names of merged nodes are kept. They matter for a moment only.
const MAX_MERGED: usize = 10_000;

impl Traffic {
    /// Forgets everything: another source begins.
    pub(super) fn reset(&mut self) {
        let revision = self.revision + 1;
        *self = Self { revision, ..Self::default() };
    }

    /// Follows a graph message that came when the feed's clock showed `at`.
    pub(crate) fn apply_graph(&mut self, graph: &Graph, at: f64) {
        let mut changed = false;
        if graph.complete {
            changed |= self.keep_only(graph);
        }
        for node in &graph.nodes {
            changed |= self.learn_node(node, at);
        }
        for edge in &graph.edges {
            changed |= self.learn_edge(edge.id, edge.source, edge.target, at);
        }
        for &(from, into) in &graph.merged {
            changed |= self.merge(from, into);
        }
        if changed {
            self.revision += 1;
        }
    }

    fn keep_only(&mut self, graph: &Graph) -> bool {
        let nodes: HashSet<NodeId> = graph.nodes.iter().map(|node| node.id).collect();
        let edges: HashSet<EdgeId> = graph.edges.iter().map(|edge| edge.id).collect();
        let before = (self.nodes.len(), self.edges.len());
        self.nodes.retain(|id, _| nodes.contains(id));
        self.edges.retain(|id, _| edges.contains(id));
        self.asleep.nodes.retain(|id, _| nodes.contains(id));
        self.asleep.edges.retain(|id, _| edges.contains(id));
        before != (self.nodes.len(), self.edges.len())
    }

    fn learn_node(&mut self, node: &GraphNode, at: f64) -> bool {
        let known = match self.asleep.nodes.get_mut(&node.id) {
            Some(known) => Some(known),
            None => self.nodes.get_mut(&node.id),
        };
        let Some(known) = known else {
            let mut state = NodeState { heard: at, presence: 1.0, ..NodeState::default() };
            state.rename(node);
            self.nodes.insert(node.id, state);
            return true;
        };
        known.rename(node)
    }

    fn learn_edge(&mut self, id: EdgeId, source: NodeId, target: NodeId, at: f64) -> bool {
        if self.edges.contains_key(&id) || self.asleep.edges.contains_key(&id) {
            return false;
        }
        // An edge whose node was never named cannot be drawn; the collector names nodes first.
        if !self.wake_node(source) || !self.wake_node(target) {
            tracing::warn!(?id, ?source, ?target, "an edge came before its nodes; passed over");
            return false;
        }
        if let Some(node) = self.nodes.get_mut(&target) {
            node.receives = true;
        }
        // Before the first tick all of the feed's past is still to come.
        let until = self.until.unwrap_or(0.0);
        let state = EdgeState { until, ..EdgeState::new(source, target, at) };
        self.edges.insert(id, state);
        true
    }

    fn merge(&mut self, from: NodeId, into: NodeId) -> bool {
        if from == into {
            return false;
        }
        if self.merged.len() >= MAX_MERGED {
            self.merged.clear();
        }
        self.merged.insert(from, into);
        self.asleep.nodes.shift_remove(&from);
        self.asleep.edges.retain(|_, edge| edge.source != from && edge.target != from);
        let Some(former) = self.nodes.shift_remove(&from) else { return false };
        self.edges.retain(|_, edge| edge.source != from && edge.target != from);
        if let Some(node) = self.nodes.get_mut(&into)
            && node.series.seconds.is_empty()
        {
            node.series = former.series;
        }
        true
    }

    /// Follows a tick whose time has come.
    pub(super) fn follow(&mut self, tick: &Tick) {
        let start = seconds(tick.t);
        let end = seconds(tick.t.saturating_add(u64::from(tick.ms)));
        let second = tick.t / 1000;
        for moved in &tick.edges {
            self.follow_edge(moved, start, end, second);
        }
        self.unknown.follow(tick);
        self.follow_running(tick);
        self.reach(end, second);
    }

    /// Nothing came for a while: follows the feed's clock up to `at` as if nothing happened.
    pub(super) fn follow_silence(&mut self, at: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it saturates"
        )]
        self.reach(at, at as u64);
    }

    fn follow_edge(&mut self, moved: &EdgeTick, start: f64, end: f64, second: u64) {
        if !self.wake_edge(moved.edge) {
            return;
        }
        let Some(edge) = self.edges.get_mut(&moved.edge) else { return };
        edge.heard = edge.heard.max(end);
        edge.series.add(second, &moved.counts);
        if end > edge.until {
            edge.rates.fade(start - edge.until);
            edge.rates.follow(
                &moved.counts,
                moved.p50_us,
                moved.p99_us,
                end - start.max(edge.until).min(end),
            );
            edge.until = end;
        }
        let (source, target) = (edge.source, edge.target);
        for (id, arrives) in [(source, false), (target, true)] {
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            node.heard = node.heard.max(end);
            if arrives || !node.receives {
                node.series.add(second, &moved.counts);
            }
        }
        self.total.add(second, &moved.counts);
    }

    /// Brings every rate and series up to the feed's time `end`.
    fn reach(&mut self, end: f64, second: u64) {
        // A feed whose clock was set back by much is followed from there.
        if self.until.is_some_and(|until| end < until - FADE) {
            for edge in self.edges.values_mut() {
                edge.until = end;
                edge.heard = end;
            }
            self.until = Some(end);
        }
        self.until = Some(self.until.map_or(end, |until| until.max(end)));
        for edge in self.edges.values_mut() {
            if end > edge.until {
                edge.rates.fade(end - edge.until);
                edge.until = end;
            }
            edge.series.reach(second);
        }
        for node in self.nodes.values_mut() {
            node.series.reach(second);
        }
        self.total.reach(second);
        self.sum_rates();
    }

    /// A node's rates, and the total, are the sums of its edges'.
    fn sum_rates(&mut self) {
        let mut total = RateSum::default();
        for node in self.nodes.values_mut() {
            node.inbound.per_second = Counts::default();
            node.outbound.per_second = Counts::default();
        }
        let mut sums = vec![(RateSum::default(), RateSum::default()); self.nodes.len()];
        for edge in self.edges.values() {
            total.add(&edge.rates);
            if let Some((_, outbound)) =
                self.nodes.get_index_of(&edge.source).and_then(|index| sums.get_mut(index))
            {
                outbound.add(&edge.rates);
            }
            if let Some((inbound, _)) =
                self.nodes.get_index_of(&edge.target).and_then(|index| sums.get_mut(index))
            {
                inbound.add(&edge.rates);
            }
        }
        for (node, (inbound, outbound)) in self.nodes.values_mut().zip(sums) {
            inbound.put(&mut node.inbound);
            outbound.put(&mut node.outbound);
        }
        total.put(&mut self.rates);
    }

    /// Lets go of what was quiet for `after` seconds when the feed's clock shows `at`, and fades
    /// what soon will be. Entries stay: the next request may come any time.
    pub(super) fn forget(&mut self, at: f64, after: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
        let presence = |heard: f64| ((heard + after - at) / FADE).clamp(0.0, 1.0) as f32;
        for edge in self.edges.values_mut() {
            edge.presence = presence(edge.heard);
        }
        for node in self.nodes.values_mut() {
            node.presence = if node.entry { 1.0 } else { presence(node.heard) };
        }
        let gone: Vec<EdgeId> =
            self.edges.iter().filter(|(_, edge)| edge.presence <= 0.0).map(|(id, _)| *id).collect();
        for id in &gone {
            if let Some(edge) = self.edges.shift_remove(id) {
                self.asleep.edges.insert(*id, edge);
            }
        }
        let held: HashSet<NodeId> =
            self.edges.values().flat_map(|edge| [edge.source, edge.target]).collect();
        let idle: Vec<NodeId> = self
            .nodes
            .iter()
            .filter(|(id, node)| node.presence <= 0.0 && !held.contains(*id))
            .map(|(id, _)| *id)
            .collect();
        for id in &idle {
            if let Some(node) = self.nodes.shift_remove(id) {
                self.asleep.nodes.insert(*id, node);
            }
        }
        if !gone.is_empty() || !idle.is_empty() {
            self.revision += 1;
        }
    }

    /// Makes sure that an edge is shown; false if it is unknown.
    fn wake_edge(&mut self, id: EdgeId) -> bool {
        if self.edges.contains_key(&id) {
            return true;
        }
        let Some(mut edge) = self.asleep.edges.shift_remove(&id) else { return false };
        self.wake_node(edge.source);
        self.wake_node(edge.target);
        edge.presence = 1.0;
        self.edges.insert(id, edge);
        self.revision += 1;
        true
    }

    /// Makes sure that a node is shown; false if it is unknown.
    fn wake_node(&mut self, id: NodeId) -> bool {
        if self.nodes.contains_key(&id) {
            return true;
        }
        let Some(mut node) = self.asleep.nodes.shift_remove(&id) else { return false };
        node.presence = 1.0;
        self.nodes.insert(id, node);
        self.revision += 1;
        true
    }

    /// Follows a notice: new, changed, or over.
    pub(super) fn apply_notice(&mut self, notice: &Notice) {
        self.notices.retain(|known| known.id != notice.id);
        if notice.text.is_empty() {
            return;
        }
        if self.notices.len() >= MAX_NOTICES {
            self.notices.remove(0);
        }
        self.notices.push(notice.clone());
    }
}

impl NodeState {
    /// Takes over what the feed says; whether that is news.
    fn rename(&mut self, node: &GraphNode) -> bool {
        let GraphNode { id: _, kind, name, account, region, entry } = node;
        let news = self.kind != *kind
            || self.name != *name
            || self.account != *account
            || self.region != *region
            || self.entry != *entry;
        if news {
            self.kind = *kind;
            self.name.clone_from(name);
            self.account.clone_from(account);
            self.region.clone_from(region);
            self.entry = *entry;
        }
        news
    }
}
