//! Where a tour goes, when it waits, and that it costs nothing while it stays.

use std::time::Duration;

use bevy::camera::RenderTargetInfo;
use bevy::input::ButtonState;
use bevy::input::keyboard::{Key, KeyCode};
use bevy::time::TimeUpdateStrategy;
use bevy::window::RequestRedraw;
use spanfall_collector::reduce::node::NodeId;

use super::*;
use crate::focus::Item;
use crate::interaction::MainCamera;
use crate::interaction::camera::CameraPlugin;
use crate::picture::{Level, PicturePlugin};
use crate::scene::sample::graph;

/// A tour past five nodes in a long row, of which the last is the busiest.
fn app(calm: bool) -> App {
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, CameraPlugin, TourPlugin))
        .init_resource::<Activity>()
        .insert_resource(Plan { wall: true, ..Plan::default() })
        .insert_resource(Settings { calm, ..Settings::default() })
        .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(50)));
    app.update();
    let mut cameras = app.world_mut().query_filtered::<&mut Camera, With<MainCamera>>();
    for mut camera in cameras.iter_mut(app.world_mut()) {
        let physical_size = UVec2::new(1920, 1080);
        camera.computed.target_info = Some(RenderTargetInfo { physical_size, scale_factor: 1.0 });
    }
    let mut traffic = graph(5, &[(1, 2), (2, 3), (3, 4), (4, 5)]);
    traffic.nodes.get_mut(&NodeId(5)).unwrap().inbound.per_second.ok = 9.0;
    let mut places = app.world_mut().resource_mut::<Places>();
    for id in 1..=5_u8 {
        let at = Vec2::new(f32::from(id) * 800.0, 0.0);
        places.target.insert(NodeId(u64::from(id)), at);
    }
    app.insert_resource(traffic);
    app
}

fn run(app: &mut App, seconds: f64) {
    for _ in 0..(seconds / 0.05) as usize {
        app.update();
    }
}

/// The world's x in the middle of the window, and how many world units a pixel is.
fn view(app: &App) -> (f32, f32) {
    let view = app.world().resource::<Steering>().view();
    (view.centre.x, view.scale)
}

fn redraws(app: &mut App) -> usize {
    app.world_mut().resource_mut::<Messages<RequestRedraw>>().drain().count()
}

fn press(app: &mut App) {
    app.world_mut().write_message(KeyboardInput {
        key_code: KeyCode::KeyL,
        logical_key: Key::Character("l".into()),
        state: ButtonState::Pressed,
        text: None,
        repeat: false,
        window: Entity::PLACEHOLDER,
    });
    app.update();
}

#[test]
fn a_tour_goes_from_the_whole_to_the_busiest_and_back() {
    let mut app = app(false);
    run(&mut app, 20.0);
    let whole = view(&app);
    // There is no trouble, so the busiest comes next: the last two of the row.
    run(&mut app, 20.0);
    let close = view(&app);
    assert!((close.0 - 3600.0).abs() < 200.0 && close.1 < whole.1 * 0.7, "{close:?} {whole:?}");
    run(&mut app, 32.0);
    assert_eq!(view(&app), whole);
}

/// The levels that the tour goes to in so many seconds, in a world of two regions.
fn levels_of(plan: Plan, seconds: usize) -> Vec<Level> {
    let mut app = app(false);
    let mut traffic = app.world_mut().resource_mut::<Traffic>();
    for (id, region) in [(1, "west"), (2, "west"), (4, "east"), (5, "east")] {
        traffic.nodes.get_mut(&NodeId(id)).unwrap().region = region.into();
    }
    traffic.revision += 1;
    app.add_plugins(PicturePlugin)
        .insert_resource(plan)
        .insert_resource(Worst(Some(Item::Node(NodeId(1)))));
    let mut levels = vec![];
    for _ in 0..seconds * 20 {
        app.update();
        let level = app.world().resource::<Picture>().level;
        if levels.last() != Some(&level) {
            levels.push(level);
        }
    }
    levels
}

#[test]
fn in_a_world_of_several_regions_a_tour_goes_from_level_to_level() {
    let levels = levels_of(Plan { wall: true, ..Plan::default() }, 160);
    let [Level::Everything, trouble, Level::World, Level::Zone(_), Level::World] = levels[..]
    else {
        panic!("{levels:?}")
    };
    assert_eq!(trouble, Level::Node(NodeId(1)));
}

#[test]
fn a_tour_stays_on_the_level_that_was_asked_for() {
    let levels = levels_of(Plan { wall: true, stays: true, ..Plan::default() }, 160);
    assert_eq!(levels, [Level::Everything]);
}

#[test]
fn what_deserves_attention_comes_first() {
    let mut app = app(false);
    app.insert_resource(Worst(Some(Item::Node(NodeId(1)))));
    run(&mut app, 40.0);
    let (x, _) = view(&app);
    assert!((x - 1200.0).abs() < 200.0, "{x}");
}

#[test]
fn the_camera_never_jumps_and_while_a_tour_stays_no_frame_is_drawn() {
    let mut app = app(false);
    run(&mut app, 20.0);
    redraws(&mut app);
    let mut before = view(&app);
    let (mut moving, mut still) = (0, 0);
    for _ in 0..4_000 {
        app.update();
        let now = view(&app);
        let step = (now.0 - before.0).abs() / before.1;
        // Pixels in a twentieth of a second, in a window of 1920.
        assert!(step < 40.0, "{step}");
        let moves = now != before;
        match (moves, redraws(&mut app)) {
            (true, _) => moving += 1,
            (false, 0) => still += 1,
            (false, _) => {}
        }
        before = now;
    }
    assert!(moving > 200 && still > 2 * moving, "{moving} {still}");
}

#[test]
fn whoever_does_something_stops_the_tour_for_a_minute() {
    let mut app = app(false);
    run(&mut app, 40.0);
    let close = view(&app);
    press(&mut app);
    app.world_mut().resource_mut::<Steering>().pan_by(Vec2::new(100.0, 0.0));
    run(&mut app, 1.0);
    let panned = view(&app);
    assert_ne!(panned, close);
    run(&mut app, 57.0);
    assert_eq!(view(&app), panned);
    run(&mut app, 12.0);
    assert!(view(&app).1 > panned.1, "back to the whole");
}

#[test]
fn a_mouse_at_rest_is_nobody() {
    let mut app = app(false);
    let window = Entity::PLACEHOLDER;
    // The window opens, fills the screen, and then stays.
    for x in [20.0, 500.0] {
        let position = Vec2::new(x, 300.0);
        app.world_mut().write_message(CursorMoved { window, position, delta: None });
        app.update();
    }
    run(&mut app, 6.0);
    for x in [501.0, 500.5] {
        let position = Vec2::new(x, 300.0);
        app.world_mut().write_message(CursorMoved { window, position, delta: None });
        app.update();
    }
    assert_eq!(app.world().resource::<Tour>().touched, None);
    let position = Vec2::new(540.0, 300.0);
    app.world_mut().write_message(CursorMoved { window, position, delta: None });
    app.update();
    assert!(app.world().resource::<Tour>().touched.is_some());
}

#[test]
fn where_motion_is_reduced_there_is_no_tour() {
    let mut app = app(true);
    run(&mut app, 20.0);
    let before = view(&app);
    run(&mut app, 200.0);
    assert_eq!(view(&app), before);
}

#[test]
fn a_wall_that_was_left_in_the_past_comes_back() {
    let mut app = app(false);
    press(&mut app);
    app.world_mut().resource_mut::<Playback>().live = false;
    let mut commands = app.world().resource::<Messages<Command>>().get_cursor_current();
    let mut asked = |app: &mut App, seconds: usize| {
        let mut lives = 0;
        for _ in 0..seconds * 20 {
            app.update();
            let all = app.world().resource::<Messages<Command>>();
            lives += commands.read(all).filter(|command| **command == Command::Live).count();
        }
        lives
    };
    assert_eq!(asked(&mut app, 590), 0);
    assert_eq!(asked(&mut app, 20), 1);
}
