//! What the strip says, where its marks are, and what becomes of clicks and keys.

use proptest::prelude::*;

use super::*;
use crate::interaction::tests::{Desk, feed, feed_with_past};

const NOON: f64 = 1_800_014_400.0;

#[test]
fn what_is_said_is_the_moment_and_how_long_ago_it_was_or_how_fast_it_passes() {
    let at = |live, speed| Playback { live, speed, ..Playback::default() };
    let say = |playback: Playback| {
        let (moment, ago) = words(&playback, (NOON - 3_420.0, NOON, NOON + 180.0), &TimeZone::UTC);
        (moment, ago.replace('\u{a0}', " "))
    };
    assert_eq!(say(at(true, 1.0)), ("now".into(), "last 60 min".into()));
    assert_eq!(say(at(true, 0.0)).0, "paused");
    assert_eq!(say(at(false, 1.0)), ("12:00:00".into(), "3 min ago".into()));
    assert_eq!(say(at(false, 20.0)).1, "20 times as fast");
    assert_eq!(say(at(false, 0.0)).1, "paused");
}

#[test]
fn who_drags_to_the_end_is_at_the_present() {
    assert_eq!(wanted(NOON, 600.0, 600.0), Command::Live);
    assert_eq!(wanted(NOON, 600.0, 300.0), Command::Seek(NOON + 300.0));
    assert_eq!(wanted(NOON, 600.0, -3.0), Command::Seek(NOON));
}

proptest! {
    #[test]
    fn a_notice_is_seen_wherever_it_is_in_the_strip_and_never_beside_it(
        from in 0.0..4_000.0f64, lasts in prop::option::of(0.0..4_000.0f64), width in 1_u32..3_000,
    ) {
        let until = lasts.map(|lasts| from + lasts);
        let mark = Mark { id: "n".into(), severity: Severity::Warning, from, until };
        let columns = columns(&mark, (1_000.0, 3_000.0), width);
        prop_assert!(!columns.is_empty() && columns.end <= width as usize, "{columns:?}");
    }
}

/// Where the middle of the strip is on the screen, and how long it is.
fn strip(desk: &mut Desk) -> (Vec2, f32) {
    let world = desk.app.world_mut();
    let mut tracks = world.query_filtered::<(&ComputedNode, &UiGlobalTransform), With<Track>>();
    let (node, transform) = tracks.single(world).unwrap();
    (transform.translation, node.size().x)
}

fn playback(desk: &Desk) -> Playback {
    desk.app.world().resource::<Playback>().clone()
}

fn is_shown(desk: &mut Desk) -> bool {
    let world = desk.app.world_mut();
    let root = world.resource::<Tree>().root;
    world.get::<Node>(root).unwrap().display == Display::Flex
}

fn press(desk: &mut Desk, key_code: KeyCode, key: &str) {
    desk.press(key_code, bevy::input::keyboard::Key::Character(key.into()));
    desk.wait(0.3);
}

#[test]
fn without_a_past_there_is_no_strip_and_its_room_is_the_graphs() {
    let mut desk = Desk::with(feed());
    assert!(!is_shown(&mut desk));
    assert_eq!(*desk.app.world().resource::<Room>(), Room(0.0));
}

#[test]
fn a_click_on_the_strip_shows_that_moment_of_what_the_collector_remembered() {
    let mut desk = Desk::with(feed_with_past(300));
    assert!(is_shown(&mut desk));
    assert_eq!(desk.says("timeline")[0], "now");
    let (begin, end) = desk.app.world().resource::<History>().range.unwrap();
    assert!((62.0..64.0).contains(&(end - begin)), "{}", end - begin);
    let (middle, length) = strip(&mut desk);
    desk.move_to(middle - Vec2::new(length / 4.0, 0.0));
    desk.button(bevy::input::ButtonState::Pressed);
    desk.button(bevy::input::ButtonState::Released);
    let shown = playback(&desk);
    assert!(!shown.live);
    let wanted = begin + (end - begin) / 4.0;
    assert!((shown.at.unwrap() - wanted).abs() < 1.5, "{:?}, {wanted} wanted", shown.at);
    assert!(desk.says("timeline")[1].ends_with("ago"), "{:?}", desk.says("timeline"));
    assert_eq!(desk.focus().selected, None, "nothing below the strip is clicked");

    // Dragged to its end, it shows the present.
    desk.move_to(middle);
    desk.button(bevy::input::ButtonState::Pressed);
    desk.move_to(middle + Vec2::new(length / 2.0 - 1.0, 0.0));
    desk.button(bevy::input::ButtonState::Released);
    assert!(playback(&desk).live);
}

#[test]
fn keys_go_through_time() {
    let mut desk = Desk::with(feed_with_past(300));
    press(&mut desk, KeyCode::Space, " ");
    assert_eq!(playback(&desk).speed, 0.0);
    let at = playback(&desk).at.unwrap();
    press(&mut desk, KeyCode::Comma, ",");
    assert!((0.0..0.41).contains(&(at - playback(&desk).at.unwrap())), "one tick back");
    desk.press(KeyCode::Home, bevy::input::keyboard::Key::Home);
    desk.wait(0.1);
    let begin = desk.app.world().resource::<History>().range.unwrap().0;
    assert!((playback(&desk).at.unwrap() - begin).abs() < 0.3);
    press(&mut desk, KeyCode::Space, " ");
    press(&mut desk, KeyCode::BracketRight, "]");
    assert_eq!(playback(&desk).speed, 2.0);
    press(&mut desk, KeyCode::BracketLeft, "[");
    press(&mut desk, KeyCode::BracketLeft, "[");
    assert_eq!(playback(&desk).speed, 0.5);
    desk.press(KeyCode::End, bevy::input::keyboard::Key::End);
    desk.wait(0.1);
    assert!(playback(&desk).live);
    press(&mut desk, KeyCode::KeyT, "t");
    assert!(!is_shown(&mut desk));
    press(&mut desk, KeyCode::KeyT, "t");
    assert!(is_shown(&mut desk));
}
