//! Which cards are shown, and what becomes of a click on them.

use std::io::Write as _;

use bevy::prelude::*;
use spanfall_collector::feed::message::{Notice, Severity};
use spanfall_collector::reduce::node::NodeId;

use super::rank::{Card, Muted, ranked};
use crate::browser::OpenPage;
use crate::focus::{Command, Item};
use crate::interaction::tests::{Desk, feed};

fn notice(id: &str, severity: Severity, since_ms: u64) -> Notice {
    Notice { id: id.into(), severity, text: id.into(), since_ms, ..Notice::default() }
}

fn texts(own: Option<&Card>, notices: &[Notice], now: f64) -> Vec<String> {
    let shown = ranked(own, notices, &Muted::default(), now, 3);
    shown.cards.into_iter().map(|card| card.text).collect()
}

#[test]
fn what_hurts_the_most_requests_comes_first_then_the_worst_then_the_newest() {
    let hurts = |id: &str, hurt| Notice { hurt, ..notice(id, Severity::Warning, 1) };
    let notices = [
        notice("old warning", Severity::Warning, 1),
        hurts("few", 7.0),
        notice("critical", Severity::Critical, 2),
        hurts("many", 900.0),
    ];
    assert_eq!(texts(None, &notices, 0.01), ["many", "few", "critical"]);
    let shown = ranked(None, &notices, &Muted::default(), 0.01, 3);
    assert_eq!(shown.rest(), "1 more");
}

#[test]
fn figures_that_are_alike_do_not_change_the_order() {
    let hurts = |id: &str, hurt, since| Notice { hurt, ..notice(id, Severity::Warning, since) };
    for (a, b) in [(20.0, 30.0), (30.0, 20.0), (25.0, 25.0)] {
        let notices = [hurts("older", a, 1), hurts("newer", b, 2)];
        assert_eq!(texts(None, &notices, 0.01), ["newer", "older"]);
    }
}

#[test]
fn what_is_over_is_not_shown() {
    let mut over = notice("over", Severity::Critical, 1);
    over.text.clear();
    assert!(texts(None, &[over], 0.01).is_empty());
}

#[test]
fn good_news_grow_old_and_trouble_does_not() {
    let notices = [notice("news", Severity::Info, 0), notice("low", Severity::Warning, 0)];
    assert_eq!(texts(None, &notices, 59.0), ["low", "news"]);
    assert_eq!(texts(None, &notices, 3600.0), ["low"]);
}

#[test]
fn the_viewers_own_words_come_first_and_clicks_go_to_what_a_notice_is_about() {
    let own = Card { text: "saved".to_owned(), ..Card::default() };
    let about = Notice { node: Some(NodeId(7)), ..notice("slow", Severity::Warning, 1) };
    let shown = ranked(Some(&own), &[about], &Muted::default(), 0.01, 3);
    assert_eq!(shown.cards[0].text, "saved");
    assert_eq!(shown.cards[1].goes, Some(Item::Node(NodeId(7))));
    assert_eq!(shown.notice(0).unwrap().text, "slow", "the viewer's own words are no notice");
}

#[test]
fn what_is_muted_comes_back_after_an_hour() {
    let notices = [notice("loud", Severity::Critical, 1), notice("quiet", Severity::Warning, 1)];
    let mut muted = Muted::default();
    muted.mute("loud", 100.0);
    let shown = ranked(None, &notices, &muted, 0.01, 3);
    assert_eq!((shown.cards.len(), shown.rest().as_str()), (1, "1 muted"));
    assert!(!muted.expire(3_699.0));
    assert!(muted.expire(3_701.0));
    assert_eq!(ranked(None, &notices, &muted, 0.01, 3).cards.len(), 2);
}

#[test]
fn what_is_muted_takes_no_memory_without_end() {
    let mut muted = Muted::default();
    for number in 0..10_000 {
        muted.mute(&number.to_string(), f64::from(number));
    }
    let notices: Vec<_> =
        (0..10_000).map(|n: u32| notice(&n.to_string(), Severity::Warning, 1)).collect();
    assert_eq!(ranked(None, &notices, &muted, 0.01, 3).rest(), "9897 more, 100 muted");
}

/// A desk with a notice about `orders`, which has a runbook, and one about the collector.
fn desk() -> Desk {
    let mut file = feed();
    for line in [
        r#"{"type":"notice","id":"t","severity":"critical","text":"orders fails 40% of its requests.","node":3,"since_ms":1,"hurt":80,"url":"file:///no/page"}"#,
        r#"{"type":"notice","id":"early","severity":"warning","text":"Spans wait.","since_ms":1}"#,
    ] {
        writeln!(file, "{line}").unwrap();
    }
    let mut desk = Desk::with(file);
    desk.wait(11.0);
    desk
}

#[test]
fn a_notice_leads_to_its_node_and_to_its_runbook_and_can_be_muted() {
    let mut desk = desk();
    let sentence = "orders fails 40% of its requests.";
    assert!(desk.says("notices").contains(&sentence.to_owned()), "{:?}", desk.says("notices"));
    let place = desk.place_of("notices", sentence);
    desk.click(place);
    assert_eq!(desk.focus().selected, Some(Item::Node(NodeId(3))));

    desk.app.world_mut().resource_mut::<Messages<OpenPage>>().clear();
    desk.press(KeyCode::KeyO, bevy::input::keyboard::Key::Character("o".into()));
    desk.wait(0.1);
    // This page is none that is opened, which is said.
    assert!(desk.says("notices").iter().any(|text| text.contains("no web page")));

    desk.press(KeyCode::KeyM, bevy::input::keyboard::Key::Character("m".into()));
    desk.wait(0.5);
    let said = desk.says("notices");
    assert!(!said.contains(&sentence.to_owned()) && said.contains(&"1 muted".to_owned()));
    assert!(said.contains(&"Spans wait.".to_owned()), "{said:?}");
    desk.app.world_mut().write_message(Command::Unmute);
    desk.wait(0.5);
    assert!(desk.says("notices").contains(&sentence.to_owned()));
}

#[test]
fn a_click_mutes_too() {
    let mut desk = desk();
    let place = desk.place_of("notices", "Mute for an hour");
    desk.click(place);
    assert!(desk.says("notices").contains(&"1 muted".to_owned()), "{:?}", desk.says("notices"));
    let place = desk.place_of("notices", "1 muted");
    desk.click(place);
    assert!(!desk.says("notices").contains(&"1 muted".to_owned()));
}
