//! Role: on which side of a request a span is. In: a span and its [`Facts`]. Out: a [`Role`], or
//! none for work inside a program.
//!
//! The kind says so, where instrumentation sets it right. Where it is missing or INTERNAL, the
//! attributes say it: only a handler names its own function, only a caller names whom it calls.

use super::facts::Facts;
use super::settings::Spans;
use crate::span::{Span, SpanKind};

/// What a span is to the reducer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Caller,
    Callee {
        consumer: bool,
    },
    /// Part of something larger; looked at only where all spans are followed.
    Step,
}

/// Whether it can be told without its attributes that a span is inside a program.
pub(super) fn is_inside(span: &Span<'_>) -> bool {
    let unclear = matches!(span.kind, SpanKind::Internal | SpanKind::Unspecified);
    unclear && span.parent_is_remote() != Some(true) && !span.has_attributes()
}

/// The side that a span is on.
pub(super) fn of(span: &Span<'_>, facts: &Facts<'_>, spans: Spans) -> Option<Role> {
    let remote = span.parent_is_remote();
    match span.kind {
        SpanKind::Client | SpanKind::Producer => Some(Role::Caller),
        // Some instrumentation takes a call from function to function for the function itself.
        SpanKind::Server if facts.invoked_name.is_some() && remote != Some(true) => {
            Some(Role::Caller)
        }
        SpanKind::Server => Some(Role::Callee { consumer: false }),
        SpanKind::Consumer => Some(Role::Callee { consumer: true }),
        // A step that runs in a process of its own is a step all the same.
        SpanKind::Internal if spans == Spans::All && said(span, facts).is_none() => {
            Some(Role::Step)
        }
        SpanKind::Internal | SpanKind::Unspecified => {
            by_attributes(span, facts).or((spans == Spans::All).then_some(Role::Step))
        }
    }
}

/// Whether a caller may be a callee after all: nothing but where its parent is tells.
pub(super) fn is_unsure(span: &Span<'_>, facts: &Facts<'_>) -> bool {
    matches!(span.kind, SpanKind::Internal | SpanKind::Unspecified)
        && span.parent_is_remote().is_none()
        && (facts.http_method || matches!(facts.rpc_system, Some(system) if system != "aws-api"))
}

fn by_attributes(span: &Span<'_>, facts: &Facts<'_>) -> Option<Role> {
    if span.parent_is_remote() == Some(true) {
        return Some(Role::Callee { consumer: facts.processes_messages });
    }
    said(span, facts)
}

/// The side that its attributes say by themselves.
fn said(span: &Span<'_>, facts: &Facts<'_>) -> Option<Role> {
    let consumer = facts.processes_messages;
    let callee = Some(Role::Callee { consumer });
    if facts.invoked_name.is_some() {
        return Some(Role::Caller);
    }
    if facts.arn.is_some() || facts.trigger.is_some() || consumer {
        return callee;
    }
    let cloud_or_data = facts.rpc_system == Some("aws-api") || facts.db_system.is_some();
    if cloud_or_data || facts.names_channel() {
        return Some(Role::Caller);
    }
    // HTTP and RPC look much alike on both sides. A child in the same process is no callee, and a
    // request without a parent is seldom a program's own.
    if facts.http_method || facts.rpc_system.is_some() {
        let local = span.parent_is_remote() == Some(false);
        let called = match (span.parent_id, local) {
            (0, _) => facts.url.is_none() || facts.http_route,
            (_, true) => false,
            (_, false) => facts.http_route,
        };
        return if called { callee } else { Some(Role::Caller) };
    }
    None
}
