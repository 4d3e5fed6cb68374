//! Who is to blame. In: the notices that stand, and what people look at. Out: [`Blame`]: the nodes at which
//! requests begin to fail, which get a ring of their own, and how far whatever is well steps back for them.
//!
//! A failure makes all its callers fail too, and they have more traffic: by errors alone the
//! picture would lead the eye to them.

use bevy::platform::collections::HashSet;
use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::{Notice, Severity};
use spanfall_collector::reduce::hop::Counts;
use spanfall_collector::reduce::node::NodeId;

use crate::activity::Activity;
use crate::focus::Focus;
use crate::follow::Following;
use crate::picture::Picture;
use crate::search::Search;
use crate::traffic::Traffic;

/// How bright what is well remains while somebody is to blame. Bright enough to be read: it may be
/// what people want to see next.
const CALM: f32 = 0.6;
/// What is left of the red light of nodes that only suffer.
const SUFFERS: f32 = 0.45;
/// Seconds in which a third of the way is left. Slow: it changes all of the picture.
const EASE: f32 = 0.5;
/// Closer than this it has arrived.
const SAME: f32 = 0.004;

/// The nodes that are to blame now.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub(super) struct Blame {
    nodes: HashSet<NodeId>,
    /// How far the rest steps back, from 0 to 1.
    hush: f32,
}

impl Blame {
    /// Whether requests begin to fail at this node.
    pub(super) fn is_on(&self, node: NodeId) -> bool {
        self.nodes.contains(&node)
    }

    /// How bright something is with so much alarm, from 0 to 1.
    pub(super) fn bright(&self, alarm: f32) -> f32 {
        1.0 - self.hush * (1.0 - CALM) * (1.0 - alarm)
    }

    /// How red the light is around a node with so much alarm, from 0 to 1.
    pub(super) fn light(&self, node: NodeId, alarm: f32) -> f32 {
        if self.is_on(node) { 1.0 } else { alarm * (1.0 - self.hush * (1.0 - SUFFERS)) }
    }

    /// Goes on by `passed` seconds. While people look at something themselves, nothing steps back.
    /// Returns whether it goes on changing.
    fn advance(
        &mut self,
        notices: &[Notice],
        picture: &Picture,
        looked: bool,
        passed: f32,
    ) -> bool {
        self.nodes = blamed(notices, picture);
        let goal = if self.nodes.is_empty() || looked { 0.0 } else { 1.0 };
        self.hush += (goal - self.hush) * (1.0 - (-passed.max(0.0) / EASE).exp());
        if (goal - self.hush).abs() < SAME {
            self.hush = goal;
        }
        self.hush != goal
    }
}

/// The nodes on screen that critical notices are about, or stand for them. Notices are steady, and
/// of a failure name the deepest node.
fn blamed(notices: &[Notice], picture: &Picture) -> HashSet<NodeId> {
    let critical = notices.iter().filter(|notice| notice.severity == Severity::Critical);
    let about = critical.filter_map(|notice| match (notice.node, notice.edge) {
        (Some(node), _) => picture.node_of(node),
        (None, Some(edge)) => Some(picture.edges.get(&picture.edge_of(edge)?)?.target),
        (None, None) => None,
    });
    about.collect()
}

/// How much alarm errors are: none below half a percent, which is any day's noise and shows in a
/// node's ring; all of it from a fifth on.
pub(super) fn alarm(rates: &Counts) -> f32 {
    const QUIET: f32 = 0.005;
    const LOUD: f32 = 0.2;
    let total = rates.total();
    let share = if total > 0.0 { (rates.error / total) as f32 } else { 0.0 };
    ((share - QUIET) / (LOUD - QUIET)).clamp(0.0, 1.0).sqrt()
}

/// Lets the blame follow the notices.
pub(super) fn cast(
    time: Res<'_, Time<Real>>,
    traffic: Res<'_, Traffic>,
    picture: Res<'_, Picture>,
    (focus, search, following): (Res<'_, Focus>, Res<'_, Search>, Res<'_, Following>),
    mut blame: ResMut<'_, Blame>,
    mut activity: ResMut<'_, Activity>,
    mut moving: Local<'_, bool>,
) {
    let asked = focus.is_changed() || search.is_changed() || following.is_changed();
    if !(*moving || asked || traffic.is_changed() || picture.is_changed()) {
        return;
    }
    let looked = focus.item().is_some() || search.singled_out().is_some() || following.is_shown();
    let mut next = blame.clone();
    *moving = next.advance(&traffic.notices, &picture, looked, time.delta_secs());
    blame.set_if_neq(next);
    if *moving {
        activity.extend(&time, 0.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::sample::{graph, picture};

    const CAUSE: NodeId = NodeId(3);
    const CALLER: NodeId = NodeId(2);

    fn notice(severity: Severity) -> Notice {
        Notice { severity, node: Some(CAUSE), text: "It fails.".into(), ..Notice::default() }
    }

    fn settled(notices: &[Notice], looked: bool) -> Blame {
        let picture = picture(&graph(3, &[(1, 2), (2, 3)]));
        let mut blame = Blame::default();
        assert!(!blame.advance(notices, &picture, looked, 60.0), "a minute is enough");
        blame
    }

    #[test]
    fn a_critical_notice_puts_the_blame_on_its_node_and_the_rest_steps_back() {
        let blame = settled(&[notice(Severity::Critical)], false);
        assert!(blame.is_on(CAUSE) && !blame.is_on(CALLER));
        assert_eq!((blame.bright(1.0), blame.bright(0.0)), (1.0, CALM));
        assert!(blame.light(CALLER, 1.0) < blame.light(CAUSE, 0.3));
    }

    #[test]
    fn without_a_critical_notice_nothing_steps_back() {
        for notices in [&[][..], &[notice(Severity::Warning), notice(Severity::Info)]] {
            let blame = settled(notices, false);
            assert_eq!((blame.bright(0.0), blame.light(CALLER, 0.7)), (1.0, 0.7));
            assert!(!blame.is_on(CAUSE));
        }
    }

    #[test]
    fn an_edge_s_notice_blames_whom_it_leads_to() {
        let edge = picture(&graph(3, &[(1, 2), (2, 3)])).edges.keys().next_back().copied();
        let blame = settled(&[Notice { node: None, edge, ..notice(Severity::Critical) }], false);
        assert!(blame.is_on(CAUSE));
    }

    #[test]
    fn whoever_looks_at_something_sees_it_as_bright_as_ever() {
        let blame = settled(&[notice(Severity::Critical)], true);
        assert!(blame.is_on(CAUSE) && blame.bright(0.0) == 1.0);
    }

    #[test]
    fn an_error_now_and_then_is_no_alarm() {
        let of = |error| alarm(&Counts { ok: 1.0 - error, error, ..Counts::default() });
        assert_eq!((of(0.004), alarm(&Counts::default())), (0.0, 0.0));
        assert!(of(0.05) > 0.4 && of(0.5) == 1.0);
    }
}
