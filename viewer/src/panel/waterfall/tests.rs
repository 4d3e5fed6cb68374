//! What the waterfall says, where its bars are, and what clicks on it do.

use bevy::prelude::*;
use spanfall_collector::feed::message::{Trace, TraceHop, TraceId, Work};
use spanfall_collector::reduce::hop::{Class, EdgeId};
use spanfall_collector::reduce::node::NodeId;

use super::Room;
use super::rows::lines;
use crate::focus::{Command, Item};
use crate::follow::Following;
use crate::follow::journey::Journey;
use crate::interaction::tests::Desk;
use crate::source::Arrived;
use crate::traffic::Traffic;

const TRACE: TraceId = TraceId([0xab; 16]);

fn hop(ends: (u64, u64), at_us: u64, took_us: u64, callee: Option<(i64, u64)>) -> TraceHop {
    TraceHop {
        edge: EdgeId(ends.0 * 10 + ends.1),
        source: NodeId(ends.0),
        target: NodeId(ends.1),
        class: Class::Ok,
        cold: false,
        at_us,
        took_us,
        callee: callee.map(|(at_us, took_us)| Work { at_us, took_us }),
        operation: "GET /cart".to_owned(),
        requests: 1.0,
    }
}

/// users -> checkout -> orders, which fails.
fn trace() -> Trace {
    let failed = TraceHop { class: Class::Error, ..hop((2, 3), 250_000, 500_000, None) };
    let hops = vec![hop((1, 2), 0, 1_000_000, Some((0, 1_000_000))), failed];
    Trace { trace: TRACE, start_us: 0, hops, more: 0, url: None }
}

fn desk_with(trace: Trace) -> Desk {
    let mut desk = Desk::new();
    desk.app.world_mut().write_message(Command::Follow(TRACE));
    desk.wait(0.1);
    let message = spanfall_collector::feed::message::Message::Trace(Box::new(trace));
    desk.app.world_mut().write_message(Arrived::Message { message, at: 0.0 });
    desk.wait(0.3);
    desk
}

#[test]
fn bars_are_where_hops_were_and_never_beyond_the_whole() {
    let mut trace = trace();
    let journey = Journey::of(&trace);
    let told = lines(&trace, &journey, &Traffic::default());
    assert_eq!((told[0].whole, told[0].work), ((0.0, 1.0), Some((0.0, 1.0))));
    assert_eq!((told[1].whole, told[1].work), ((0.25, 0.75), None));
    assert_eq!((told[0].depth, told[1].depth), (0, 1));
    // A callee whose clock is half an hour off.
    trace.hops[0].callee = Some(Work { at_us: -1_800_000_000, took_us: 1_000_000 });
    for line in lines(&trace, &Journey::of(&trace), &Traffic::default()) {
        for (from, until) in [Some(line.whole), line.work].into_iter().flatten() {
            assert!((0.0..=1.0).contains(&from) && (from..=1.0).contains(&until), "{line:?}");
        }
    }
}

#[test]
fn a_followed_request_is_told_with_its_id_its_hops_and_what_they_took() {
    let mut desk = desk_with(trace());
    let said = desk.says("waterfall");
    let id = "ab".repeat(16);
    for text in [id.as_str(), "from users · 2 hops in 1.00 s", "1.00 s", "500 ms"] {
        assert!(said.iter().any(|said| said == text), "{text:?} is not in {said:?}");
    }
    assert!(said.iter().any(|said| said.starts_with("orders  GET")), "{said:?}");
    assert!(!said.contains(&"Open in the trace store".to_owned()), "none is configured: {said:?}");
    assert!(desk.app.world().resource::<Room>().0 > 100.0);
}

#[test]
fn a_click_on_a_row_selects_its_edge_and_the_cross_ends_it() {
    let mut desk = desk_with(trace());
    let row = desk.place_of("waterfall", "500\u{a0}ms");
    desk.click(row);
    assert_eq!(desk.focus().selected, Some(Item::Edge(EdgeId(23))));
    assert!(desk.app.world().resource::<Following>().trace().is_some(), "it goes on");
    desk.app.world_mut().write_message(Command::Back);
    desk.wait(0.2);
    assert!(desk.says("waterfall").is_empty());
    assert_eq!(*desk.app.world().resource::<Room>(), Room(0.0));
    assert_eq!(desk.focus().selected, Some(Item::Edge(EdgeId(23))), "one step back at a time");
}

#[test]
fn a_request_that_the_collector_has_forgotten_is_said_to_be() {
    let mut desk = desk_with(Trace { trace: TRACE, ..Trace::default() });
    let said = desk.says("waterfall");
    assert!(said.iter().any(|text| text.starts_with("Nothing is known")), "{said:?}");
}

#[test]
fn a_long_request_has_as_many_rows_as_hops_and_does_not_fill_the_window() {
    let mut long = trace();
    for at in 0..500 {
        long.hops.push(hop((2, 3), 300_000 + at * 1_000, 1_000, None));
    }
    let mut desk = desk_with(long);
    let said = desk.says("waterfall");
    let rows = said.iter().filter(|text| text.starts_with("orders")).count();
    assert!((300..=400).contains(&rows), "{rows}");
    assert!(desk.app.world().resource::<Room>().0 < 360.0);
}
