//! What the person looks at: the node or edge under the pointer, the selected one, and the way
//! back. In: [`Command`]s from pointer, keys and panels. Out: [`Focus`] and [`Shown`].

use bevy::prelude::*;
use spanfall_collector::feed::message::TraceId;
use spanfall_collector::reduce::hop::EdgeId;
use spanfall_collector::reduce::node::NodeId;

use crate::follow::Following;
use crate::layout::Places;
use crate::picture::filter::Change;
use crate::picture::{Level, Picture};
use crate::search::Ask;
use crate::settings::Choice;
use crate::traffic::Traffic;

/// Applies the [`Command`]s that concern focus.
pub struct FocusPlugin;

impl Plugin for FocusPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Focus>()
            .init_resource::<Shown>()
            .init_resource::<Trail>()
            .init_resource::<Following>()
            .init_resource::<Traffic>()
            .init_resource::<Picture>()
            .init_resource::<Places>()
            .add_message::<Command>()
            .configure_sets(Update, (FocusSystems::Ask, FocusSystems::Apply).chain())
            .add_systems(Update, (apply, forget_what_is_gone).chain().in_set(FocusSystems::Apply));
    }
}

/// When focus changes within `Update`.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FocusSystems {
    /// Pointer, keys and panels write [`Command`]s.
    Ask,
    /// [`Focus`] and [`Shown`] follow. What reads them in the same frame runs after this.
    Apply,
}

/// Something on the picture that can be pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A node.
    Node(NodeId),
    /// An edge.
    Edge(EdgeId),
}

/// What is pointed at, and what is selected. Scene and panels read it; only [`Command`]s change it.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Focus {
    /// Under the pointer.
    pub hovered: Option<Item>,
    /// Selected by a click; the details panel shows it.
    pub selected: Option<Item>,
}

impl Focus {
    /// The item that the picture singles out: the hovered one, else the selected one.
    pub fn item(&self) -> Option<Item> {
        self.hovered.or(self.selected)
    }

    /// Whether this node, or this edge, is the selected one.
    pub fn is_selected(&self, node: Option<NodeId>, edge: Option<EdgeId>) -> bool {
        match self.selected {
            Some(Item::Node(id)) => node == Some(id),
            Some(Item::Edge(id)) => edge == Some(id),
            None => false,
        }
    }
}

/// Which of the parts that can be hidden are shown.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The legend (L).
    pub legend: bool,
    /// The list of keys (H or ?).
    pub keys: bool,
    /// The timeline (T).
    pub timeline: bool,
    /// How to point functions here (I).
    pub setup: bool,
    /// The options (P).
    pub options: bool,
    /// The panel of filters (N).
    pub filters: bool,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            legend: true,
            keys: false,
            timeline: true,
            setup: false,
            options: false,
            filters: false,
        }
    }
}

/// An arrow key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrow {
    /// ↑
    Up,
    /// ↓
    Down,
    /// ←
    Left,
    /// →
    Right,
}

/// What a person asked for, by mouse, key or panel.
#[derive(Message, Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Point at something, or at nothing.
    Hover(Option<Item>),
    /// Select something, or nothing.
    Select(Option<Item>),
    /// One step back (Esc): closes what lies over the picture, else follows no request any more, else
    /// selects what was selected before.
    Back,
    /// Select the node that is next in a direction (arrow keys).
    Walk(Arrow),
    /// Give the next control the keys (Tab), or with `false` the one before (Shift+Tab).
    NextControl(bool),
    /// Press the control that has the keys (Enter, Space).
    Press,
    /// An arrow key, for the control that has the keys.
    Arrow(Arrow),
    /// Go into a node on screen, or into the selected one (double click, Enter): a group unfolds, a zone or
    /// a node fills the picture.
    Enter(Option<NodeId>),
    /// Go to the level around this one (Alt+Up).
    Outward,
    /// Go to a level.
    Go(Level),
    /// Go to the level shown before (Backspace, Alt+Left).
    Backward,
    /// Go to the level shown after (Alt+Right).
    Forward,
    /// Fold what was unfolded (Z).
    Fold,
    /// Change what is shown of a level.
    Filter(Change),
    /// Show or hide the panel of filters (N).
    ToggleFilters,
    /// Open, close or walk a search (/).
    Search(Ask),
    /// Show the whole graph (F).
    Fit,
    /// Zoom about the middle of the window by this factor; above 1 is closer (+ and -).
    Zoom(f32),
    /// Put a node where it was dragged, in world units; the layout keeps it there.
    Place(NodeId, Vec2),
    /// Forget all dragged places (R).
    ResetLayout,
    /// Stop or go on (Space).
    TogglePause,
    /// Show the moment at which the feed's clock showed this, in seconds since 1970.
    Seek(f64),
    /// Show the oldest moment that is known (Home).
    SeekBegin,
    /// Show the present (End).
    Live,
    /// Stop, and show the next tick (.), or with `false` the one before (,).
    StepTick(bool),
    /// Play faster (]).
    Faster,
    /// Play slower ([).
    Slower,
    /// Show or hide the timeline (T).
    ToggleTimeline,
    /// Show the next theme (V), or with `false` the one before.
    NextTheme(bool),
    /// Write a PNG of the window (S).
    Snapshot,
    /// Begin a clip of the window, or end it (Shift+S).
    ToggleClip,
    /// Show or hide the legend (L).
    ToggleLegend,
    /// Show or hide how to point functions here (I).
    ToggleSetup,
    /// Copy what the card in front has to copy, or else the followed request's trace id (C).
    Copy,
    /// Show or hide the options (P).
    ToggleOptions,
    /// Take the next value of an option, or with `false` the one before (left and right).
    StepOption(Choice, bool),
    /// Show or hide the list of keys (H or ?).
    ToggleKeys,
    /// Fill the screen, or go back to a window (F11).
    ToggleFullScreen,
    /// Show one of the notices, by its place from the top, no more for an hour (M for the first).
    Mute(u8),
    /// Show all notices again (Shift+M).
    Unmute,
    /// Open the page that says what to do about one of the notices, by its place (O for the first).
    OpenRunbook(u8),
    /// Go along with the request that this trace tells of.
    Follow(TraceId),
    /// Go along with the worst known request of what is selected, or the next one (G).
    FollowExample,
    /// Open the followed request in the trace store (X).
    OpenTrace,
}

/// Selections before the current one, newest last.
#[derive(Resource, Clone, Debug, Default)]
struct Trail {
    items: Vec<Item>,
}

impl Trail {
    /// Nobody presses Esc more often than this.
    const LIMIT: usize = 32;

    fn push(&mut self, item: Item) {
        self.items.retain(|&other| other != item);
        if self.items.len() == Self::LIMIT {
            self.items.remove(0);
        }
        self.items.push(item);
    }
}

fn apply(
    mut commands: MessageReader<'_, '_, Command>,
    picture: Res<'_, Picture>,
    places: Res<'_, Places>,
    mut trail: ResMut<'_, Trail>,
    mut focus: ResMut<'_, Focus>,
    mut shown: ResMut<'_, Shown>,
    mut following: ResMut<'_, Following>,
) {
    for command in commands.read() {
        let mut next = *focus;
        let mut visible = *shown;
        match *command {
            Command::Hover(item) => next.hovered = item,
            Command::Select(item) => select(&mut next, &mut trail, item),
            Command::Back if visible.keys => visible.keys = false,
            Command::Back if visible.options => visible.options = false,
            Command::Back if visible.setup => visible.setup = false,
            Command::Back if visible.filters => visible.filters = false,
            Command::Back if following.trace().is_some() => following.end(),
            Command::Back => next.selected = trail.items.pop(),
            Command::Walk(arrow) => {
                if let Some(node) = toward(next.selected, arrow, &picture, &places) {
                    // Walking leaves no trail: Esc ends it at once.
                    trail.items.clear();
                    next.selected = Some(Item::Node(node));
                }
            }
            Command::ToggleLegend => visible.legend = !visible.legend,
            Command::ToggleKeys => visible.keys = !visible.keys,
            Command::ToggleOptions => {
                visible.options = !visible.options;
                // It would lie over them.
                visible.keys &= !visible.options;
            }
            Command::ToggleSetup => visible.setup = !visible.setup,
            Command::ToggleFilters => visible.filters = !visible.filters,
            Command::ToggleTimeline => visible.timeline = !visible.timeline,
            _ => {}
        }
        log_change(&focus, &next, &picture);
        focus.set_if_neq(next);
        shown.set_if_neq(visible);
    }
}

/// Says in the log what is looked at now.
fn log_change(before: &Focus, after: &Focus, picture: &Picture) {
    let name = |item: Option<Item>| match item {
        Some(Item::Node(id)) => {
            let name = picture.nodes.get(&id).map(|node| node.name.as_str());
            format!("node {}", name.unwrap_or_default())
        }
        Some(Item::Edge(id)) => format!("edge {id:?}"),
        None => "nothing".to_owned(),
    };
    if before.hovered != after.hovered {
        debug!("hovers over {}", name(after.hovered));
    }
    if before.selected != after.selected {
        debug!("selected {}", name(after.selected));
    }
}

/// Selects, and remembers what was selected before. To select nothing also forgets the way back:
/// a click on the background means "done".
fn select(focus: &mut Focus, trail: &mut Trail, item: Option<Item>) {
    if focus.selected == item {
        return;
    }
    match (focus.selected, item) {
        (Some(before), Some(_)) => trail.push(before),
        (_, None) => trail.items.clear(),
        (None, Some(_)) => {}
    }
    focus.selected = item;
}

/// The node to go to from the selected one in a direction: the nearest that lies there rather than aside.
/// From nowhere, the first of all as the picture is read, or backward the last.
fn toward(from: Option<Item>, arrow: Arrow, picture: &Picture, places: &Places) -> Option<NodeId> {
    let place = |id: &NodeId| places.target.get(id).copied();
    let nodes = || picture.nodes.keys().filter_map(|id| Some((place(id)?, *id)));
    let from = match from {
        Some(Item::Node(id)) if picture.nodes.contains_key(&id) => place(&id),
        _ => None,
    };
    let Some(from) = from else {
        // Column by column from the left, each from the top.
        let read = |(a, a_id): &(Vec2, NodeId), (b, b_id): &(Vec2, NodeId)| {
            a.x.total_cmp(&b.x).then(b.y.total_cmp(&a.y)).then(a_id.cmp(b_id))
        };
        return match arrow {
            Arrow::Right | Arrow::Down => nodes().min_by(read),
            Arrow::Left | Arrow::Up => nodes().max_by(read),
        }
        .map(|(_, id)| id);
    };
    let direction = match arrow {
        Arrow::Up => Vec2::Y,
        Arrow::Down => Vec2::NEG_Y,
        Arrow::Left => Vec2::NEG_X,
        Arrow::Right => Vec2::X,
    };
    nodes()
        .filter_map(|(at, id)| {
            let way = at - from;
            let (along, aside) = (way.dot(direction), way.dot(direction.perp()).abs());
            // What lies more aside than there is in another direction.
            (along > 0.0 && aside <= along * ASIDE).then_some((along + 2.0 * aside, id))
        })
        .min_by(|(a, a_id), (b, b_id)| a.total_cmp(b).then(a_id.cmp(b_id)))
        .map(|(_, id)| id)
}

/// How much more aside than ahead a node may lie to be in a direction at all: columns are far apart, and
/// every node shall be reached.
const ASIDE: f32 = 4.0;

/// A node or edge that has left the graph can be neither pointed at nor selected.
fn forget_what_is_gone(
    (traffic, picture): (Res<'_, Traffic>, Res<'_, Picture>),
    mut revision: Local<'_, (u64, u64)>,
    mut trail: ResMut<'_, Trail>,
    mut focus: ResMut<'_, Focus>,
) {
    let now = (traffic.revision, picture.revision);
    if std::mem::replace(&mut *revision, now) == now {
        return;
    }
    // What is on another level still exists.
    let exists = |item: &Item| {
        picture.has(*item)
            || match item {
                Item::Node(id) => traffic.nodes.contains_key(id),
                Item::Edge(id) => traffic.edges.contains_key(id),
            }
    };
    trail.items.retain(exists);
    let next =
        Focus { hovered: focus.hovered.filter(exists), selected: focus.selected.filter(exists) };
    focus.set_if_neq(next);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::sample::picture;
    use crate::traffic::NodeState;

    const A: Item = Item::Node(NodeId(1));
    const B: Item = Item::Node(NodeId(2));
    const C: Item = Item::Node(NodeId(3));

    /// Three nodes: 1 on the left, 3 above 2 on the right.
    fn app() -> App {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, FocusPlugin));
        let mut traffic = Traffic::default();
        let mut places = Places::default();
        for (id, at) in [(1, Vec2::ZERO), (2, Vec2::new(9.0, -5.0)), (3, Vec2::new(9.0, 5.0))] {
            traffic.nodes.insert(NodeId(id), NodeState::default());
            places.target.insert(NodeId(id), at);
        }
        traffic.revision = 1;
        let shown = picture(&traffic);
        app.insert_resource(traffic).insert_resource(shown).insert_resource(places);
        app
    }

    fn after(app: &mut App, command: Command) -> Focus {
        app.world_mut().write_message(command);
        app.update();
        *app.world().resource::<Focus>()
    }

    #[test]
    fn esc_goes_back_through_the_selections_and_then_to_none() {
        let mut app = app();
        for item in [A, B, C] {
            after(&mut app, Command::Select(Some(item)));
        }
        assert_eq!(after(&mut app, Command::Back).selected, Some(B));
        assert_eq!(after(&mut app, Command::Back).selected, Some(A));
        assert_eq!(after(&mut app, Command::Back).selected, None);
        assert_eq!(after(&mut app, Command::Back).selected, None);
    }

    #[test]
    fn a_click_on_the_background_ends_the_way_back() {
        let mut app = app();
        after(&mut app, Command::Select(Some(A)));
        after(&mut app, Command::Select(Some(B)));
        after(&mut app, Command::Select(None));
        assert_eq!(after(&mut app, Command::Back).selected, None);
    }

    #[test]
    fn esc_closes_the_list_of_keys_before_it_goes_back() {
        let mut app = app();
        after(&mut app, Command::Select(Some(A)));
        after(&mut app, Command::ToggleKeys);
        assert_eq!(after(&mut app, Command::Back).selected, Some(A));
        assert!(!app.world().resource::<Shown>().keys);
        assert_eq!(after(&mut app, Command::Back).selected, None);
    }

    #[test]
    fn arrow_keys_walk_to_the_next_node_in_their_direction() {
        let mut app = app();
        let mut walk = |arrow| after(&mut app, Command::Walk(arrow)).selected;
        assert_eq!(walk(Arrow::Right), Some(A), "from nowhere to the first");
        // Both are as near; C is above.
        assert_eq!(walk(Arrow::Right), Some(B));
        assert_eq!(walk(Arrow::Up), Some(C));
        assert_eq!(walk(Arrow::Up), Some(C), "there is nothing above");
        assert_eq!(walk(Arrow::Left), Some(A));
        assert_eq!(walk(Arrow::Left), Some(A), "there is nothing on the left");
        assert_eq!(after(&mut app, Command::Back).selected, None, "walking leaves no trail");
        assert_eq!(after(&mut app, Command::Walk(Arrow::Up)).selected, Some(B), "to the last");
    }

    #[test]
    fn arrow_keys_on_an_empty_graph_select_nothing() {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, FocusPlugin));
        for arrow in [Arrow::Up, Arrow::Down, Arrow::Left, Arrow::Right] {
            assert_eq!(after(&mut app, Command::Walk(arrow)).selected, None);
        }
    }

    #[test]
    fn a_node_that_leaves_the_graph_leaves_the_focus() {
        let mut app = app();
        after(&mut app, Command::Select(Some(A)));
        after(&mut app, Command::Select(Some(B)));
        after(&mut app, Command::Hover(Some(A)));
        let mut traffic = app.world_mut().resource_mut::<Traffic>();
        traffic.nodes.shift_remove(&NodeId(1));
        traffic.revision += 1;
        let shown = picture(&traffic);
        app.insert_resource(shown);
        app.update();
        let focus = *app.world().resource::<Focus>();
        assert_eq!(focus, Focus { hovered: None, selected: Some(B) });
        assert_eq!(after(&mut app, Command::Back).selected, None);
    }
}
