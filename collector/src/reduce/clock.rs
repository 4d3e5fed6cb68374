//! Clocks: how far those of two functions are apart. In: calls and invocations that surely belong
//! together. Out: a correction, for those of which that is to be found out.

use super::half::{Half, SpanKey};

/// How far the clock of a function is ahead of its callers'. What is learned does not depend on the
/// order in which it is, nor on how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    bounds: Option<Bounds>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    /// Ahead by at least this, in microseconds, or some invocation ended after its caller had the
    /// answer.
    least_us: i64,
    /// Ahead by at most this, or some invocation began before it was called.
    most_us: i64,
    /// The first and the last invocation that told, in the order of their keys.
    told_by: (SpanKey, SpanKey),
}

impl Clock {
    /// Whether the clocks of a call and its invocation must be apart, given that the caller waited
    /// for the answer. If the invocation took longer than the call, it did not.
    pub(super) fn is_off(caller: &Half, callee: &Half) -> bool {
        let (least_us, most_us) = bounds(caller, callee);
        least_us <= most_us && !(least_us..=most_us).contains(&0)
    }

    /// Learns from a call and its invocation.
    pub(super) fn learn(&mut self, caller: &Half, callee: &Half) {
        let (least_us, most_us) = bounds(caller, callee);
        let key = callee.key;
        let before = self.bounds.unwrap_or(Bounds { least_us, most_us, told_by: (key, key) });
        self.bounds = Some(Bounds {
            least_us: before.least_us.max(least_us),
            most_us: before.most_us.min(most_us),
            told_by: (before.told_by.0.min(key), before.told_by.1.max(key)),
        });
    }

    /// How far the function's clock is ahead, in microseconds. 0 unless several invocations agree:
    /// asynchronous ones, which begin whenever they do, never do for long.
    pub(super) fn ahead_us(&self) -> i64 {
        match self.bounds {
            Some(Bounds { least_us, most_us, told_by: (first, last) })
                if first != last && least_us <= most_us =>
            {
                least_us.midpoint(most_us)
            }
            _ => 0,
        }
    }
}

fn bounds(caller: &Half, callee: &Half) -> (i64, i64) {
    let from = |call: u64, invocation: u64| {
        i64::try_from(i128::from(invocation) - i128::from(call)).unwrap_or(i64::MAX)
    };
    (from(caller.end_us(), callee.end_us()), from(caller.start_us, callee.start_us))
}
