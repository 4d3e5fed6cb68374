//! What becomes of commands and selections.

use super::*;
use crate::focus::FocusPlugin;
use crate::picture::{PicturePlugin, fold};
use crate::scene::sample::graph;

/// Two regions, three nodes: 1 and 2 in the west, 3 in the east.
fn app() -> App {
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, FocusPlugin, PicturePlugin));
    let mut traffic = graph(3, &[(1, 2), (2, 3)]);
    for (id, region) in [(1, "west"), (2, "west"), (3, "east")] {
        traffic.nodes[&NodeId(id)].region = region.to_owned();
    }
    app.insert_resource(traffic);
    app.update();
    app
}

fn level(app: &App) -> Level {
    app.world().resource::<Picture>().level
}

fn after(app: &mut App, command: Command) -> Level {
    app.world_mut().write_message(command);
    // The command is obeyed in one frame, what follows from a selection at the latest in the next.
    app.update();
    app.update();
    level(app)
}

fn zone(app: &App, name: &str) -> NodeId {
    app.world().resource::<Picture>().zones.named(name).unwrap()
}

#[test]
fn there_is_a_way_in_a_way_out_and_a_way_back() {
    let mut app = app();
    let (west, east) = (zone(&app, "west"), zone(&app, "east"));
    assert_eq!(level(&app), Level::Everything);
    assert_eq!(after(&mut app, Command::Outward), Level::World);
    assert_eq!(after(&mut app, Command::Enter(Some(west))), Level::Zone(west));
    assert_eq!(after(&mut app, Command::Enter(Some(NodeId(2)))), Level::Node(NodeId(2)));
    assert_eq!(after(&mut app, Command::Outward), Level::Zone(west));
    assert_eq!(after(&mut app, Command::Backward), Level::Node(NodeId(2)));
    assert_eq!(after(&mut app, Command::Backward), Level::Zone(west));
    assert_eq!(after(&mut app, Command::Forward), Level::Node(NodeId(2)));
    assert_eq!(after(&mut app, Command::Go(Level::Zone(east))), Level::Zone(east));
    assert_eq!(after(&mut app, Command::Forward), Level::Zone(east), "another way was taken");
    assert_eq!(after(&mut app, Command::Outward), Level::World);
    assert_eq!(after(&mut app, Command::Outward), Level::World);
}

#[test]
fn what_is_selected_elsewhere_is_gone_to() {
    let mut app = app();
    let (west, east) = (zone(&app, "west"), zone(&app, "east"));
    after(&mut app, Command::Go(Level::Zone(west)));
    assert_eq!(after(&mut app, Command::Select(Some(Item::Node(NodeId(1))))), Level::Zone(west));
    assert_eq!(after(&mut app, Command::Select(Some(Item::Node(NodeId(3))))), Level::Zone(east));
    after(&mut app, Command::Go(Level::Node(NodeId(1))));
    let to = Command::Select(Some(Item::Node(NodeId(3))));
    assert_eq!(after(&mut app, to), Level::Node(NodeId(3)), "from node to node");
}

#[test]
fn a_path_is_begun_at_as_soon_as_it_exists() {
    let mut app = app();
    app.insert_resource(Navigation::beginning_at(Some("west/later".to_owned())));
    app.update();
    assert_eq!(level(&app), Level::Everything);
    let mut traffic = app.world_mut().resource_mut::<Traffic>();
    traffic.nodes[&NodeId(2)].name = "later".to_owned();
    traffic.revision += 1;
    app.update();
    assert_eq!(level(&app), Level::Node(NodeId(2)));
    assert_eq!(app.world().resource::<Navigation>().waits(), None);
}

#[test]
fn a_level_that_is_gone_is_left() {
    let mut app = app();
    after(&mut app, Command::Go(Level::Node(NodeId(3))));
    let mut traffic = app.world_mut().resource_mut::<Traffic>();
    traffic.nodes.shift_remove(&NodeId(3));
    traffic.edges.shift_remove(&spanfall_collector::reduce::hop::EdgeId(2));
    traffic.revision += 1;
    app.update();
    assert_eq!(level(&app), Level::Everything);
}

#[test]
fn a_group_unfolds_and_folds_again() {
    let mut app = app();
    let count = fold::MOST_SHOWN as u64 + 30;
    let mut traffic = graph(count, &[]);
    for (node, at) in traffic.nodes.values_mut().zip(0..) {
        node.name = format!("{}-{at}", if at < 20 { "orders" } else { "carts" });
    }
    traffic.revision = 99;
    app.insert_resource(traffic);
    app.update();
    let picture = |app: &App| app.world().resource::<Picture>().clone();
    let folded = picture(&app);
    let (&group, node) = folded.nodes.iter().find(|(_, node)| node.what != What::Itself).unwrap();
    assert!(matches!(node.what, What::Group(_)) && folded.nodes.len() < count as usize);
    after(&mut app, Command::Enter(Some(group)));
    assert!(!picture(&app).nodes.contains_key(&group));
    assert!(picture(&app).nodes.len() > folded.nodes.len());
    after(&mut app, Command::Fold);
    assert!(app.world().resource::<Navigation>().unfolded().is_empty());
    let again = picture(&app);
    assert!(again.nodes.len() <= fold::MOST_SHOWN);
    // Who is selected is shown, and its group stays.
    let (&group, _) = again.nodes.iter().find(|(_, node)| node.what != What::Itself).unwrap();
    let member = again.members(group).next().unwrap();
    after(&mut app, Command::Select(Some(Item::Node(member))));
    assert!(picture(&app).nodes.contains_key(&member) && picture(&app).nodes.contains_key(&group));
}
