//! How the model follows a film without drawing it: what is known, without rates. In: frames. Out:
//! changes of [`Traffic`].

use spanfall_collector::feed::message::Tick;

use super::film::Frame;
use super::model::Traffic;
use super::seconds;

impl Traffic {
    /// Follows a frame, but for figures: who is there, when it was last heard of, what runs, and
    /// what deserves attention. `at` is the feed's time in seconds.
    pub(super) fn recall(&mut self, frame: &Frame, at: f64) {
        match frame {
            Frame::Tick(tick) => self.hear(tick),
            Frame::Again(tick) => self.follow_running(tick),
            Frame::Graph(graph) => {
                self.apply_graph(graph, at);
                self.learn_running(graph);
            }
            Frame::Notice(notice) => self.apply_notice(notice),
        }
    }

    /// Follows a tick, but for rates, which soon are as if it had never been.
    pub(super) fn recount(&mut self, tick: &Tick) {
        self.hear(tick);
        self.unknown.follow(tick);
        let second = tick.t / 1000;
        for moved in &tick.edges {
            let Some(edge) = self.edges.get_mut(&moved.edge) else { continue };
            edge.series.add(second, &moved.counts);
            let (source, target) = (edge.source, edge.target);
            for (id, arrives) in [(source, false), (target, true)] {
                if let Some(node) = self.nodes.get_mut(&id)
                    && (arrives || !node.receives)
                {
                    node.series.add(second, &moved.counts);
                }
            }
            self.total.add(second, &moved.counts);
        }
        self.total.reach(second);
    }

    /// Rates follow from here, the feed's time in seconds.
    pub(super) fn begin(&mut self, at: f64) {
        for edge in self.edges.values_mut() {
            edge.until = at;
        }
        self.until = Some(at);
    }

    fn hear(&mut self, tick: &Tick) {
        let end = seconds(tick.t.saturating_add(u64::from(tick.ms)));
        for moved in &tick.edges {
            let Some(edge) = self.edges.get_mut(&moved.edge) else { continue };
            edge.heard = edge.heard.max(end);
            let ends = [edge.source, edge.target];
            for id in ends {
                if let Some(node) = self.nodes.get_mut(&id) {
                    node.heard = node.heard.max(end);
                }
            }
        }
        self.follow_running(tick);
    }

    /// Takes the place of the model that was shown before. What is not of a moment stays; layout and
    /// meshes are stale only if somebody else is there.
    pub(super) fn replace(&mut self, shown: Self) {
        let before = std::mem::replace(self, shown);
        let same = before.nodes.len() == self.nodes.len()
            && before.edges.len() == self.edges.len()
            && before.edges.keys().all(|id| self.edges.contains_key(id))
            && before.nodes.iter().all(|(id, node)| {
                self.nodes.get(id).is_some_and(|now| now.name == node.name && now.kind == node.kind)
            });
        self.revision = before.revision + u64::from(!same);
        self.unit = before.unit;
        self.detail = before.detail;
    }
}
