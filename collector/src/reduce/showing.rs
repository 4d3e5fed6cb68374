//! Showing: what a half is found to be, and what is counted for it. In: halves, alone or in pairs. Out: the
//! same halves in another state, and hops to the tally, or taken back.

use super::half::{Half, Side, State};
use super::hop::Class;
use super::nodes::NodeIndex;
use super::pair::Context;
use super::tally::{Counted, Tally};

/// Shows a half that still waits, if experience or the span itself says that it will not be taken
/// back.
pub(super) fn show_if_safe(half: &mut Half, context: &Context<'_>) {
    if half.state != State::Waiting {
        return;
    }
    let hop = half.alone();
    let nodes = context.nodes;
    let state = match half.side {
        Side::Sends | Side::Called { by_messages: true, .. } => State::Certain(hop),
        // A refused call has no callee.
        Side::Calls if hop.class == Class::Throttled => State::Guessed(hop),
        Side::Calls if nodes.is_silent(half.other) => State::Guessed(hop),
        Side::Called { evidence: true, .. } => State::Guessed(hop),
        Side::Called { .. } if nodes.is_entry(half.own) => State::Guessed(hop),
        Side::Called { .. } if half.parent == 0 && half.request == 0 => State::Guessed(hop),
        Side::Calls | Side::Called { .. } | Side::Step => return,
    };
    show(half, state, context.tally);
}

/// Makes one hop of a caller and a callee that were found to belong together.
pub(super) fn pair_halves(caller: &mut Half, callee: &mut Half, context: &Context<'_>) {
    if caller.side == Side::Step {
        return lead_to_callee(caller, callee, context);
    }
    let evidence = match callee.side {
        Side::Called { by_messages: false, evidence } => evidence,
        // Where steps come from teaches nothing about callees.
        Side::Step => true,
        _ => return,
    };
    if !caller.is_caller() || !callee.is_open() || caller.state == State::Silent {
        return;
    }
    let hop = caller.with_callee(callee, context.nodes);
    if caller.side == Side::Calls {
        context.nodes.learn_silent(caller.other, false);
        show(caller, State::Paired(None), context.tally);
        callee.take_over(caller);
    }
    show(callee, State::Paired(Some(hop)), context.tally);
    context.tally.recent.called(callee.key, caller.key);
    if !evidence && !callee.ignored {
        context.nodes.learn_entry(callee.own, false);
    }
}

/// Makes one hop of a callee and a step that leads to it. A caller that names the same request knows
/// better.
fn lead_to_callee(step: &Half, callee: &mut Half, context: &Context<'_>) {
    let Side::Called { by_messages: false, .. } = callee.side else { return };
    // What leads to it is known; time need not tell.
    callee.bridge = 0;
    if !callee.is_open() {
        return;
    }
    match (context.nodes.may_be_same(step.own, callee.own), callee.request) {
        // Within a node nothing goes from one to another.
        (true, 0) => show(callee, State::Silent, context.tally),
        (true, _) => {}
        (false, request) => {
            callee.other = step.own;
            callee.side = Side::Called { by_messages: false, evidence: true };
            let hop = callee.alone();
            let state = if request == 0 { State::Paired(Some(hop)) } else { State::Guessed(hop) };
            show(callee, state, context.tally);
        }
    }
}

/// Changes a half's state; what is counted for it follows, and whether that is news.
pub(super) fn show(half: &mut Half, state: State, tally: &Tally) {
    let tick = tally.tick();
    let unpaired = half.is_unpaired();
    let before = half.counted().map(|hop| (hop, half.told != tick));
    if before.is_some() && half.told == tick {
        // What the tick that counts it takes back was never shown.
        half.told = 0;
    }
    half.state = state;
    let counted = half.counted();
    if counted.is_some() && half.told == 0 {
        half.told = tick;
    }
    let after = counted.map(|hop| (hop, half.told != tick));
    tally.replace(half.key, before, after);
    tally.count_unpaired(unpaired, half.is_unpaired());
}

/// Changes the names of what a half's hop goes from and to.
pub(super) fn rename(half: &mut Half, name: impl Fn(NodeIndex) -> NodeIndex, tally: &Tally) {
    let with = |hop: Counted| {
        let target = if half.is_caller() { name(hop.target) } else { hop.target };
        Counted { source: name(hop.source), target, ..hop }
    };
    let state = half.state.with(with);
    show(half, state, tally);
}

/// Changes whether a hop was a cold start, if it is counted with this half.
pub(super) fn set_cold(half: &mut Half, cold: bool, context: &Context<'_>) {
    half.cold = cold;
    show(half, half.state.with(|hop| Counted { cold, ..hop }), context.tally);
}
