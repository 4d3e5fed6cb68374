//! Faults: what is wrong with traces, each with a rate of its own. In: rates. Out: what each program
//! of one run suffers from.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use rand::Rng as _;
use rand::rngs::StdRng;

use super::description::Program;

/// What goes wrong, and how often: 0 is never, 1 always.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Handlers whose parent is a segment that no one exports; of requests from outside, and of
    /// calls whose request id the caller's span tells.
    pub unexported_parents: f64,
    /// The same, of calls whose request id the caller's span does not tell.
    pub unexported_parents_without_ids: f64,
    /// Calls with a request id whose callee begins a trace of its own.
    pub own_traces: f64,
    /// Programs whose spans of calls have no request id.
    pub no_request_ids: f64,
    /// Calls whose callee has a link to the caller's span, and no parent.
    pub links_for_parents: f64,
    /// Deliveries of messages that lost the context of their sender.
    pub cut_queues: f64,
    /// Calls that a lower library tells of as well.
    pub doubled: f64,
    /// Programs whose spans have kind INTERNAL, or none.
    pub wrong_kinds: f64,
    /// Programs whose spans of calls from Lambda to Lambda have kind SERVER.
    pub server_callers: f64,
    /// Programs whose spans do not say whether their parent is remote.
    pub no_remote_flags: f64,
    /// Programs whose `service.name` is another than the function's.
    pub other_service_names: f64,
    /// Functions whose resources say nothing of functions.
    pub bare_resources: f64,
    /// Spans that name functions and queues by ARN.
    pub arns: f64,
    /// Whether the system runs in two regions and two accounts, under the same names.
    pub twins: bool,
    /// Functions' clocks are wrong by up to this many seconds, either way.
    pub clock_skew_s: f64,
    /// Traces whose id has a high half of zeros.
    pub short_trace_ids: f64,
    /// Spans with empty and odd values.
    pub odd_values: f64,
    /// Requests of a schedule that do everything a thousand times.
    pub huge_traces: f64,
    /// Share of traces that head sampling keeps.
    pub sampling: Option<Sampling>,
    /// Spans that are lost.
    pub lost: f64,
    /// Export requests that are sent once more, within half a minute.
    pub resent: f64,
    /// Export requests of callers that come late.
    pub late_callers: f64,
    /// By up to this many seconds.
    pub late_by_s: f64,
    /// Every export request comes up to this many seconds late, so that they come in any order.
    pub any_order_s: f64,
}

/// Head sampling by trace id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Share of traces that is kept.
    pub kept: f64,
    /// Whether `tracestate` says so.
    pub thresholds: bool,
}

impl Sampling {
    /// The share that is rejected, as 56 bits.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of 2^56")]
    fn threshold(self) -> u64 {
        ((1.0 - self.kept).clamp(0.0, 1.0) * (1_u64 << 56) as f64) as u64
    }

    /// Whether a trace is kept.
    pub fn keeps(self, trace: u128) -> bool {
        u64::try_from(trace & ((1 << 56) - 1)).unwrap_or(0) >= self.threshold()
    }

    /// What `tracestate` says.
    pub fn trace_state(self) -> String {
        if !self.thresholds {
            return String::new();
        }
        let digits = format!("{:014x}", self.threshold());
        let digits = digits.trim_end_matches('0');
        format!("ot=th:{}", if digits.is_empty() { "0" } else { digits })
    }
}

/// What one program suffers from in one run.
#[derive(Clone, Debug)]
pub struct Ailments {
    /// The kind that its spans have instead of the right one.
    pub kind: Option<SpanKind>,
    /// Whether its calls to Lambda functions are SERVER spans.
    pub server_calls: bool,
    /// Whether its spans lack remote flags.
    pub no_remote_flags: bool,
    /// Whether its calls tell no request id.
    pub no_request_ids: bool,
    /// Whether its resource says nothing of functions.
    pub bare: bool,
    /// Its `service.name`.
    pub service_name: String,
    /// By how much its clock is wrong, in microseconds.
    pub skew_us: i64,
}

impl Faults {
    /// Draws what a program suffers from.
    pub fn ailments(&self, program: &Program, random: &mut StdRng) -> Ailments {
        let wrong = [SpanKind::Internal, SpanKind::Unspecified][random.random_range(0..2_usize)];
        let hit = |rate: f64, random: &mut StdRng| random.random_bool(rate.clamp(0.0, 1.0));
        let other_name = hit(self.other_service_names, random);
        #[expect(clippy::cast_possible_truncation, reason = "seconds")]
        let skew_us = (random.random_range(-1.0..1.0) * self.clock_skew_s * 1e6) as i64;
        Ailments {
            kind: hit(self.wrong_kinds, random).then_some(wrong),
            server_calls: hit(self.server_callers, random),
            no_remote_flags: hit(self.no_remote_flags, random),
            no_request_ids: hit(self.no_request_ids, random),
            bare: hit(self.bare_resources, random) && program.dialect.is_lambda(),
            service_name: if other_name && program.dialect.is_lambda() {
                format!("team-{}", program.node.name.trim_start_matches("shop-"))
            } else {
                program.service_name.clone()
            },
            skew_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_says_in_tracestate_what_it_does() {
        let tenth = Sampling { kept: 0.1, thresholds: true };
        assert!(tenth.trace_state().starts_with("ot=th:e6666666666"), "{}", tenth.trace_state());
        assert_eq!(Sampling { kept: 0.5, thresholds: true }.trace_state(), "ot=th:8");
        assert_eq!(Sampling { kept: 1.0, thresholds: true }.trace_state(), "ot=th:0");
        let mut random: StdRng = rand::SeedableRng::seed_from_u64(1);
        let kept = (0..100_000).filter(|_| tenth.keeps(random.random())).count();
        assert!((9_000..11_000).contains(&kept), "{kept}");
    }
}
