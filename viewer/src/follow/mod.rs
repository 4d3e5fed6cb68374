//! Follow a request: one trace, hop by hop, in dilated time. In: [`Command`]s, and what the collector says
//! of the request. Out: [`Following`], which scene and panels read, and a marker that goes along.

pub mod journey;
mod marker;

use bevy::platform::collections::HashSet;
use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::{
    Detail, Examples, Message as FeedMessage, Severity, Trace, TraceId,
};
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

use crate::activity::Activity;
use crate::app::Flow;
use crate::browser::OpenPage;
use crate::clipboard::CopyText;
use crate::focus::{Command, Focus, FocusSystems, Item, Shown};
use crate::panel::Remark;
use crate::picture::id::{is_edge_made_here, is_made_here};
use crate::source::Arrived;
use crate::traffic::{Playback, Traffic};
use journey::{Journey, Moment, Step};

/// Follows requests.
pub struct FollowPlugin;

impl Plugin for FollowPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Following>()
            .init_resource::<Playback>()
            .add_message::<Command>()
            .add_message::<Arrived>()
            .add_message::<Remark>()
            .add_message::<OpenPage>()
            .add_message::<CopyText>()
            .add_plugins(marker::MarkerPlugin)
            .add_systems(
                Update,
                (
                    obey.in_set(Flow::Input).after(FocusSystems::Apply),
                    (learn, find_example, go_on).chain().in_set(Flow::Traffic),
                ),
            );
    }
}

/// The request that is followed, if one is. It counts as changed when something else is known or happens;
/// that the marker goes on is no change.
#[derive(Resource, Clone, Debug, Default)]
pub struct Following {
    /// The trace that tells of it.
    trace: Option<TraceId>,
    /// What the collector said of it last.
    known: Option<Trace>,
    nodes: HashSet<NodeId>,
    edges: HashSet<EdgeId>,
    journey: Journey,
    /// Seconds of the journey that are over.
    at: f64,
    /// Of what an example is to be followed as soon as there is one, and until when that is waited for, in
    /// seconds of [`Time<Real>`].
    wanted: Option<(Item, f64)>,
}

/// Seconds that an example is waited for. The collector answers at once, or it is far away.
const PATIENCE: f64 = 5.0;

impl Following {
    /// The trace that is followed.
    pub fn trace(&self) -> Option<TraceId> {
        self.trace
    }

    /// What is known of the request; nothing before the collector has answered.
    pub fn known(&self) -> Option<&Trace> {
        self.known.as_ref()
    }

    /// Its way in dilated time.
    pub fn journey(&self) -> &Journey {
        &self.journey
    }

    /// What is shown of it now.
    pub fn moment(&self) -> Option<Moment> {
        self.journey.at(self.at)
    }

    /// Goes along with another request.
    pub fn begin(&mut self, trace: TraceId) {
        if self.trace != Some(trace) {
            *self = Self { trace: Some(trace), ..Self::default() };
        }
    }

    /// Follows no request any more.
    pub fn end(&mut self) {
        if self.trace.is_some() {
            debug!("follows no request");
        }
        *self = Self::default();
    }

    /// Takes in what the collector says.
    pub fn learn(&mut self, trace: &Trace) {
        if self.trace == Some(trace.trace) && self.known.as_ref() != Some(trace) {
            self.journey = Journey::of(trace);
            self.nodes = trace.hops.iter().flat_map(|hop| [hop.source, hop.target]).collect();
            self.edges = trace.hops.iter().map(|hop| hop.edge).collect();
            debug!("follows the request {}: {} hops", trace.trace, trace.hops.len());
            self.known = Some(trace.clone());
        }
    }

    /// Whether this node is on the way.
    pub fn has_node(&self, node: NodeId) -> bool {
        self.nodes.contains(&node)
    }

    /// Whether this edge is on the way.
    pub fn has_edge(&self, edge: EdgeId) -> bool {
        self.edges.contains(&edge)
    }

    /// Whether there is a way to be shown.
    pub fn is_shown(&self) -> bool {
        !self.journey.legs().is_empty()
    }

    /// The edge that the request is on at this moment.
    pub fn edge(&self) -> Option<EdgeId> {
        match self.moment()?.step {
            Step::Goes(hop) | Step::Returns(hop) => Some(self.known()?.hops.get(hop)?.edge),
            Step::Stays(_) => None,
        }
    }

    /// The node that the request is at in this moment.
    pub fn node(&self) -> Option<NodeId> {
        match self.moment()?.step {
            Step::Stays(hop) => Some(self.known()?.hops.get(hop)?.target),
            Step::Goes(_) | Step::Returns(_) => None,
        }
    }
}

fn obey(
    mut asked: MessageReader<'_, '_, Command>,
    time: Res<'_, Time<Real>>,
    (focus, shown): (Res<'_, Focus>, Res<'_, Shown>),
    traffic: Res<'_, Traffic>,
    mut following: ResMut<'_, Following>,
    (mut pages, mut copies): (MessageWriter<'_, OpenPage>, MessageWriter<'_, CopyText>),
    mut remarks: MessageWriter<'_, Remark>,
    mut commands: Commands<'_, '_>,
) {
    for command in asked.read() {
        match *command {
            Command::Follow(trace) => following.begin(trace),
            // The collector knows no requests of what stands for several.
            Command::FollowExample => match known(focus.selected).or_else(|| worst(&traffic)) {
                Some(item) => {
                    if focus.selected != Some(item) {
                        commands.write_message(Command::Select(Some(item)));
                    }
                    following.wanted = Some((item, time.elapsed_secs_f64() + PATIENCE));
                }
                None => say(&mut remarks, "There is no traffic to follow a request of."),
            },
            Command::Copy if !shown.setup => {
                if let Some(trace) = following.trace() {
                    let text = trace.to_string();
                    copies.write(CopyText { what: format!("the trace id {text}"), text });
                }
            }
            Command::OpenTrace => match following.known() {
                Some(Trace { url: Some(url), .. }) => {
                    pages.write(OpenPage(url.clone()));
                }
                Some(_) => say(&mut remarks, "No trace store is configured: see trace.url."),
                None => say(&mut remarks, NOTHING_FOLLOWED),
            },
            _ => {}
        }
    }
}

/// What is selected, if it is a node or an edge of the collector's.
fn known(selected: Option<Item>) -> Option<Item> {
    selected.filter(|item| match item {
        Item::Node(id) => !is_made_here(*id),
        Item::Edge(id) => !is_edge_made_here(*id),
    })
}

/// What is said to whoever wants something of a request and follows none.
const NOTHING_FOLLOWED: &str = "No request is followed: G goes along with one.";

fn say(remarks: &mut MessageWriter<'_, Remark>, text: &str) {
    remarks.write(Remark { severity: Severity::Info, text: text.to_owned() });
}

/// What deserves a look most: what the worst notice is about, else the edge with the most errors, else the
/// one that takes longest.
fn worst(traffic: &Traffic) -> Option<Item> {
    let hurts =
        traffic.notices.iter().filter(|notice| notice.hurt > 0.0 && !notice.text.is_empty());
    let about = hurts
        .max_by(|a, b| a.hurt.total_cmp(&b.hurt))
        .and_then(|notice| notice.edge.map(Item::Edge).or_else(|| notice.node.map(Item::Node)));
    let badness =
        |edge: &crate::traffic::EdgeState| (edge.rates.per_second.error, edge.rates.p99_us);
    let edges = traffic.edges.iter().max_by(|(_, a), (_, b)| {
        let (a, b) = (badness(a), badness(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    about.or_else(|| edges.map(|(id, _)| Item::Edge(*id)))
}

/// Takes in what the source says of the request.
fn learn(mut arrived: MessageReader<'_, '_, Arrived>, mut following: ResMut<'_, Following>) {
    for event in arrived.read() {
        match event {
            Arrived::Message { message: FeedMessage::Trace(trace), .. } => {
                following.learn(trace);
            }
            // Another system has other requests.
            Arrived::Reset => following.end(),
            Arrived::Message { .. } => {}
        }
    }
}

/// Follows the example that somebody waits for: the worst, or the one after that which is followed.
fn find_example(
    time: Res<'_, Time<Real>>,
    traffic: Res<'_, Traffic>,
    mut following: ResMut<'_, Following>,
    mut remarks: MessageWriter<'_, Remark>,
    mut activity: ResMut<'_, Activity>,
) {
    let Some((item, until)) = following.wanted else { return };
    let detail = traffic.detail.as_ref().filter(|detail| is_of(detail, item));
    let next = detail.and_then(|detail| next_example(&detail.examples, following.trace));
    if let Some(trace) = next {
        following.wanted = None;
        following.begin(trace);
    } else if time.elapsed_secs_f64() >= until {
        following.wanted = None;
        say(&mut remarks, "No single request is known here yet.");
    }
    activity.extend(&time, 0.2);
}

fn is_of(detail: &Detail, item: Item) -> bool {
    match item {
        Item::Node(id) => detail.node == Some(id),
        Item::Edge(id) => detail.edge == Some(id),
    }
}

/// The traces to choose from, the worst first, each once.
pub(crate) fn traces(examples: &Examples) -> Vec<TraceId> {
    let mut traces = Vec::new();
    for example in examples.failed.iter().chain(&examples.slowest) {
        if !traces.contains(&example.trace) {
            traces.push(example.trace);
        }
    }
    traces
}

fn next_example(examples: &Examples, now: Option<TraceId>) -> Option<TraceId> {
    let traces = traces(examples);
    let at = traces.iter().position(|trace| Some(*trace) == now);
    traces.get(at.map_or(0, |at| (at + 1) % traces.len())).copied()
}

/// The request goes on, in a round, unless the picture stands still.
fn go_on(
    time: Res<'_, Time<Real>>,
    playback: Res<'_, Playback>,
    mut following: ResMut<'_, Following>,
    mut activity: ResMut<'_, Activity>,
) {
    let round = following.journey.round();
    if round <= 0.0 || playback.speed <= 0.0 {
        return;
    }
    let step = |following: &Following| following.moment().map(|moment| moment.step);
    let quietly = following.bypass_change_detection();
    let before = step(quietly);
    quietly.at = (quietly.at + time.delta_secs_f64()) % round;
    if step(quietly) != before {
        following.set_changed();
    }
    activity.extend(&time, 0.1);
}

#[cfg(test)]
mod tests;
