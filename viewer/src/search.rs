//! The search: which nodes a word names. In: what a person types, the model, and what the collector finds
//! among names of operations and versions. Out: [`Search`]: the hits, which the picture singles out, and walks
//! through by selecting them.

use bevy::prelude::*;
use spanfall_collector::feed::message::{Found, Message as FeedMessage};
use spanfall_collector::reduce::node::NodeId;

use crate::focus::{Command, FocusSystems, Item};
use crate::source::Arrived;
use crate::traffic::Traffic;

/// Searches.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchPlugin;

impl Plugin for SearchPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Search>()
            .init_resource::<Traffic>()
            .add_message::<Typed>()
            .add_message::<Arrived>()
            .add_message::<Command>()
            .add_systems(Update, (learn, hear).chain().in_set(FocusSystems::Apply));
    }
}

/// What a person asks of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Open the field (/).
    Open,
    /// Close it; what is selected stays.
    Close,
    /// Select the next hit (Enter).
    Next,
    /// Select the one before (Shift+Enter).
    Previous,
}

/// What a person types while the field is open.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Text at the end.
    Text(String),
    /// The last character goes (Backspace).
    Shorter,
    /// The last word goes (Ctrl+Backspace).
    WordShorter,
}

/// Characters that are searched for at most: names are shorter.
const LONGEST: usize = 80;

/// The search that is open, if one is.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Whether the field is shown and takes what is typed.
    pub open: bool,
    /// What is searched for.
    pub words: String,
    /// The nodes of the model that match, the best first.
    pub hits: Vec<NodeId>,
    /// Which of them is selected.
    pub at: Option<usize>,
    /// The [`Traffic::revision`] and the words that they were found for.
    found_for: Option<(u64, String)>,
    /// What the collector found last.
    told: Found,
}

impl Search {
    /// The hits, while anything is searched for.
    pub fn singled_out(&self) -> Option<&[NodeId]> {
        (!self.asked().is_empty()).then_some(&self.hits)
    }

    /// What the collector is asked to find; empty while nothing is searched for.
    pub fn asked(&self) -> &str {
        if self.open { self.words.trim() } else { "" }
    }
}

/// Takes in what the collector has found.
fn learn(mut arrived: MessageReader<'_, '_, Arrived>, mut search: ResMut<'_, Search>) {
    for event in arrived.read() {
        let told = match event {
            Arrived::Message { message: FeedMessage::Found(found), .. } => found.clone(),
            // Another system has other names.
            Arrived::Reset => Found::default(),
            Arrived::Message { .. } => continue,
        };
        (search.told, search.found_for) = (told, None);
    }
}

/// Obeys in the order in which a person acts: opens, types, finds, walks, closes. On a slow screen all of it
/// may come in one frame.
fn hear(
    mut commands: ParamSet<'_, '_, (MessageReader<'_, '_, Command>, MessageWriter<'_, Command>)>,
    mut typed: MessageReader<'_, '_, Typed>,
    traffic: Res<'_, Traffic>,
    mut search: ResMut<'_, Search>,
) {
    let asked: Vec<Ask> = commands
        .p0()
        .read()
        .filter_map(|command| match command {
            Command::Search(ask) => Some(*ask),
            _ => None,
        })
        .collect();
    let mut next = search.clone();
    if asked.contains(&Ask::Open) {
        (next.open, next.at) = (true, None);
        next.words.clear();
    }
    for typed in typed.read() {
        if next.open {
            next.take(typed);
        }
    }
    next.look(&traffic);
    for ask in asked {
        match ask {
            Ask::Open => {}
            Ask::Close => next.open = false,
            Ask::Next => next.walk(1),
            Ask::Previous => next.walk(-1),
        }
        if let (Ask::Next | Ask::Previous, Some(hit)) = (ask, next.selected()) {
            commands.p1().write(Command::Select(Some(Item::Node(hit))));
        }
    }
    search.set_if_neq(next);
}

impl Search {
    fn take(&mut self, typed: &Typed) {
        match typed {
            Typed::Text(text) => {
                let room = LONGEST.saturating_sub(self.words.chars().count());
                let visible = text.chars().filter(|letter| !letter.is_control());
                self.words.extend(visible.take(room));
            }
            Typed::Shorter => _ = self.words.pop(),
            Typed::WordShorter => {
                let kept = self.words.trim_end().rfind(' ').map_or(0, |space| space + 1);
                self.words.truncate(kept);
            }
        }
    }

    /// Finds anew when the words or the model have changed.
    fn look(&mut self, traffic: &Traffic) {
        let known = |(revision, words): &(u64, String)| {
            *revision == traffic.revision && *words == self.words
        };
        if !self.open || self.found_for.as_ref().is_some_and(known) {
            return;
        }
        let chosen = self.at.and_then(|at| self.hits.get(at).copied());
        let other = self.found_for.as_ref().is_none_or(|(_, words)| *words != self.words);
        self.hits = find(&self.words, traffic, &self.told);
        let place = |id| self.hits.iter().position(|hit| *hit == id);
        self.at = chosen.filter(|_| !other).and_then(place);
        self.found_for = Some((traffic.revision, self.words.clone()));
    }

    /// Goes to the hit so many places further, around.
    fn walk(&mut self, by: isize) {
        let count = self.hits.len().cast_signed();
        let from = self.at.map_or(if by > 0 { -1 } else { 0 }, usize::cast_signed);
        let next = usize::try_from((from + by).rem_euclid(count.max(1))).unwrap_or_default();
        self.at = (next < self.hits.len()).then_some(next);
    }

    fn selected(&self) -> Option<NodeId> {
        self.at.and_then(|at| self.hits.get(at).copied())
    }
}

/// The nodes that match every word of a query, in any of: name, kind, account, region, versions, and operations,
/// as far as the collector has `told` them. Names that begin so come first, then names that contain it, then the
/// rest, each by the alphabet.
pub fn find(query: &str, traffic: &Traffic, told: &Found) -> Vec<NodeId> {
    let query = query.trim().to_lowercase();
    let words: Vec<&str> = query.split_whitespace().collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(u8, &str, NodeId)> = Vec::new();
    for (&id, node) in &traffic.nodes {
        let name = node.name.to_lowercase();
        let about = [node.kind.as_str(), &node.account, &node.region].map(str::to_lowercase);
        let versions = node.running.versions.iter().map(|(version, _)| version.to_lowercase());
        let told = told.nodes.iter().filter(|told| told.node == id);
        let rest: Vec<String> = about
            .into_iter()
            .chain(versions)
            .chain(told.flat_map(|told| &told.names).map(|name| name.to_lowercase()))
            .collect();
        let matches =
            |word: &&str| name.contains(*word) || rest.iter().any(|text| text.contains(*word));
        if !words.iter().all(matches) {
            continue;
        }
        let rank = match name.find(words[0]) {
            Some(0) => 0,
            Some(_) => 1,
            None => 2,
        };
        found.push((rank, &node.name, id));
    }
    found.sort_unstable();
    found.into_iter().map(|(_, _, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use spanfall_collector::feed::message::FoundNode;
    use spanfall_collector::reduce::node::NodeKind;

    use super::*;
    use crate::focus::{Focus, FocusPlugin};
    use crate::scene::sample::graph;

    fn traffic() -> Traffic {
        let mut traffic = graph(4, &[(1, 2), (2, 3), (2, 4)]);
        let names = ["checkout", "orders", "shop-orders", "audit"];
        for (node, name) in traffic.nodes.values_mut().zip(names) {
            node.name = name.to_owned();
        }
        traffic.nodes[&NodeId(4)].kind = NodeKind::Table;
        traffic.nodes[&NodeId(1)].running.versions = vec![("v42".to_owned(), 1.0)];
        traffic
    }

    fn hits(query: &str) -> Vec<u64> {
        find(query, &traffic(), &Found::default()).into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn names_that_begin_so_come_first_and_kinds_and_versions_count() {
        assert_eq!(hits("ORDERS"), [2, 3]);
        assert_eq!(hits("table"), [4]);
        assert_eq!(hits("v42"), [1]);
        assert_eq!(hits("orders function"), [2, 3], "every word");
        assert!(hits("  ").is_empty() && hits("nothing").is_empty());
    }

    fn app() -> App {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, FocusPlugin, SearchPlugin)).insert_resource(traffic());
        app
    }

    fn say(app: &mut App, message: impl Message) -> Search {
        app.world_mut().write_message(message);
        app.update();
        app.update();
        app.world().resource::<Search>().clone()
    }

    #[test]
    fn typing_finds_and_enter_walks_around_the_hits() {
        let mut app = app();
        say(&mut app, Typed::Text("ord".to_owned()));
        assert!(app.world().resource::<Search>().words.is_empty(), "nothing is open");
        say(&mut app, Command::Search(Ask::Open));
        let found = say(&mut app, Typed::Text("ord\u{8}".to_owned()));
        assert_eq!((found.words.as_str(), found.hits.len()), ("ord", 2));
        let selected = |app: &App| app.world().resource::<Focus>().selected;
        for hit in [2, 3, 2] {
            say(&mut app, Command::Search(Ask::Next));
            assert_eq!(selected(&app), Some(Item::Node(NodeId(hit))));
        }
        say(&mut app, Command::Search(Ask::Previous));
        assert_eq!(selected(&app), Some(Item::Node(NodeId(3))));
        let none = say(&mut app, Typed::Text("zzz".to_owned()));
        assert_eq!((none.hits.len(), none.at), (0, None));
        say(&mut app, Command::Search(Ask::Next));
        assert_eq!(selected(&app), Some(Item::Node(NodeId(3))));
        let shorter = say(&mut app, Typed::WordShorter);
        assert!(shorter.words.is_empty() && shorter.singled_out().is_none());
        assert!(!say(&mut app, Command::Search(Ask::Close)).open);
        assert_eq!(selected(&app), Some(Item::Node(NodeId(3))), "what was found stays");
    }

    #[test]
    fn what_the_collector_finds_is_a_hit_while_the_search_is_for_it() {
        let mut app = app();
        say(&mut app, Command::Search(Ask::Open));
        let typed = say(&mut app, Typed::Text(" charge ".to_owned()));
        assert_eq!((typed.asked(), typed.hits.len()), ("charge", 0));
        let node = FoundNode { node: NodeId(4), names: vec!["POST /charge".to_owned()] };
        let found = Found { find: "charge".to_owned(), nodes: vec![node] };
        let message = FeedMessage::Found(found);
        let found = say(&mut app, Arrived::Message { message, at: 0.0 });
        assert_eq!(found.hits, [NodeId(4)]);
        let both = say(&mut app, Typed::Text("table".to_owned()));
        assert_eq!(both.hits, [NodeId(4)], "every word, whoever knows it");
        assert!(say(&mut app, Typed::Text("x".to_owned())).hits.is_empty());
        say(&mut app, Typed::Shorter);
        assert!(say(&mut app, Arrived::Reset).hits.is_empty());
        assert_eq!(say(&mut app, Command::Search(Ask::Close)).asked(), "");
    }

    #[test]
    fn what_is_typed_is_bounded() {
        let mut app = app();
        say(&mut app, Command::Search(Ask::Open));
        let long = say(&mut app, Typed::Text("ä".repeat(1000)));
        assert_eq!(long.words.chars().count(), LONGEST);
    }
}
