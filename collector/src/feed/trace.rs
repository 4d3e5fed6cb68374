//! Traces: one request for a viewer that follows it. In: the reducer's hops. Out: messages.

use super::message::{Example, Examples, Trace, TraceHop, TraceId, Work};
use super::trace_url::TraceUrl;
use crate::reduce::{self, Followed, FollowedHop};

/// What is known of a request.
pub(super) fn trace(trace: TraceId, followed: Followed, url: Option<&TraceUrl>) -> Trace {
    let Followed { hops, more } = followed;
    let start_us = hops.iter().map(|hop| hop.at_us).min().unwrap_or(0);
    let end_us = hops.iter().map(|hop| hop.at_us.saturating_add(hop.took_us)).max().unwrap_or(0);
    Trace {
        trace,
        start_us,
        url: url.map(|url| url.page(trace, start_us / 1_000, end_us / 1_000)),
        hops: hops.into_iter().map(|it| hop(it, start_us)).collect(),
        more: more as u64,
    }
}

fn hop(hop: FollowedHop, start_us: u64) -> TraceHop {
    let FollowedHop { edge, ends, class, cold, at_us, took_us, callee_us, operation, requests } =
        hop;
    let since = |us: u64| us.cast_signed().saturating_sub(start_us.cast_signed());
    TraceHop {
        edge,
        source: ends.source,
        target: ends.target,
        class,
        cold,
        at_us: at_us - start_us,
        took_us,
        callee: callee_us.map(|(at_us, took_us)| Work { at_us: since(at_us), took_us }),
        operation,
        requests,
    }
}

/// What there is to choose from.
pub(super) fn examples(examples: reduce::Examples) -> Examples {
    let example = |example: reduce::Example| {
        let reduce::Example { trace, class, took_us, at_us, operation } = example;
        Example { trace: TraceId(trace), class, took_us, at_ms: at_us / 1_000, operation }
    };
    let reduce::Examples { failed, slowest } = examples;
    Examples {
        failed: failed.into_iter().map(example).collect(),
        slowest: slowest.into_iter().map(example).collect(),
    }
}
