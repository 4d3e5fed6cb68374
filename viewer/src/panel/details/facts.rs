//! What a function or a queue does beside its hops, in a few quiet lines. In: a detail of the feed,
//! and the instances that are live. Out: texts, each short enough for a line of the panel.

use spanfall_collector::feed::message::{Cost, Detail, Queue};

use crate::figures::{count, latency, number};

/// Lines at most.
pub(in crate::panel) const MOST_FACTS: usize = 6;

/// Stands between a number and its unit: no line breaks there.
const SPACE: char = '\u{a0}';

/// A function's instances, as of the moment that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LiveInstances {
    /// Those that ended an invocation in the last minute.
    pub(super) live: u64,
    /// Cold starts in the last minute.
    pub(super) cold: u64,
}

/// What there is to say; nothing where nothing is known.
pub(super) fn facts(detail: Option<&Detail>, of: Option<LiveInstances>) -> Vec<String> {
    let mut lines: Vec<String> = of.map(instances).into_iter().collect();
    let Some(detail) = detail else { return lines };
    lines.extend(detail.cost.iter().flat_map(cost));
    if detail.dead_letter {
        lines.push("a queue for dead letters".to_owned());
    }
    if let Some(queue) = &detail.queue {
        lines.extend(of_queue(queue));
    }
    lines
}

/// `12 instances live, 3 cold starts last minute`
fn instances(of: LiveInstances) -> String {
    let live = things(of.live as f64, "instance", "instances");
    match of.cold {
        0 => format!("{live} live"),
        new => {
            let cold = things(new as f64, "cold start", "cold starts");
            format!("{live} live, {cold} last minute")
        }
    }
}

/// `about 0.42 USD an hour (estimate)`, and what a million requests cost.
fn cost(of: &Cost) -> Vec<String> {
    let line = |amount: f64, of_what: &str, currency: &str| {
        format!("about {}{SPACE}{currency} {of_what} (estimate)", money(amount))
    };
    let per_hour = (of.per_hour > 0.0).then(|| line(of.per_hour, "an hour", &of.currency));
    let per_million = line(of.per_million, "a million requests", &of.currency);
    per_hour.into_iter().chain([per_million]).collect()
}

fn of_queue(queue: &Queue) -> Vec<String> {
    let mut lines = Vec::new();
    if queue.timed > 0.0 {
        let time = queue.time;
        let [p50, p95, p99] = [time.p50_us, time.p95_us, time.p99_us].map(|us| latency(us as f64));
        lines.push(format!("in the queue {p50}, p95 {p95}, p99 {p99}"));
    }
    if queue.batches > 0.0 {
        let mean = queue.messages / queue.batches;
        lines.push(match queue.largest_batch {
            0 | 1 => "messages come one by one".to_owned(),
            most => format!("{} messages a batch, at most {most}", number(mean)),
        });
    }
    let redelivered =
        (queue.redelivered > 0.0).then(|| format!("{} delivered again", count(queue.redelivered)));
    let dead = (queue.dead_letters > 0.0)
        .then(|| format!("{} as dead letters", count(queue.dead_letters)));
    let trouble: Vec<String> = redelivered.into_iter().chain(dead).collect();
    if !trouble.is_empty() {
        lines.push(trouble.join(", "));
    }
    lines
}

fn things(number: f64, one: &str, more: &str) -> String {
    format!("{}{SPACE}{}", count(number), if number == 1.0 { one } else { more })
}

/// An amount with two digits that mean something: an estimate has no more.
fn money(amount: f64) -> String {
    match amount {
        a if a <= 0.0 => "0".to_owned(),
        a if a < 0.0001 => "less than 0.0001".to_owned(),
        a if a >= 99.5 => number(a),
        a if a >= 9.95 => format!("{a:.0}"),
        a if a >= 0.995 => format!("{a:.1}"),
        a => {
            // Zeros between the point and the first digit, and that and one more.
            let decimals = -a.log10().floor() as usize + 1;
            format!("{a:.decimals$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use spanfall_collector::feed::message::Latency;

    use super::*;

    fn said(detail: &Detail) -> Vec<String> {
        said_of(Some(detail), None)
    }

    fn said_of(detail: Option<&Detail>, instances: Option<(u64, u64)>) -> Vec<String> {
        let instances = instances.map(|(live, cold)| LiveInstances { live, cold });
        facts(detail, instances).into_iter().map(|line| line.replace(SPACE, " ")).collect()
    }

    #[test]
    fn a_function_says_how_many_instances_are_live_and_what_it_costs() {
        let detail = Detail {
            cost: Some(Cost { currency: "USD".to_owned(), per_hour: 0.4213, per_million: 1.867 }),
            ..Detail::default()
        };
        assert_eq!(
            said_of(Some(&detail), Some((12, 3))),
            [
                "12 instances live, 3 cold starts last minute",
                "about 0.42 USD an hour (estimate)",
                "about 1.9 USD a million requests (estimate)",
            ]
        );
        assert_eq!(said_of(None, Some((1, 0))), ["1 instance live"]);
        assert_eq!(said(&Detail::default()), [""; 0]);
    }

    #[test]
    fn a_queue_says_how_long_messages_wait_and_what_went_wrong_with_them() {
        let queue = Queue {
            timed: 172.0,
            time: Latency { p50_us: 240_000, p95_us: 3_100_000, p99_us: 5_200_000 },
            batches: 60.0,
            messages: 172.0,
            largest_batch: 10,
            redelivered: 2.0,
            dead_letters: 1.0,
        };
        let detail = Detail { queue: Some(queue), dead_letter: true, ..Detail::default() };
        assert_eq!(
            said(&detail),
            [
                "a queue for dead letters",
                "in the queue 240 ms, p95 3.10 s, p99 5.20 s",
                "2.9 messages a batch, at most 10",
                "2 delivered again, 1 as dead letters"
            ]
        );
        assert!(said(&detail).len() + 2 <= MOST_FACTS);
        let single = Queue { batches: 5.0, messages: 5.0, largest_batch: 1, ..Queue::default() };
        let detail = Detail { queue: Some(single), ..Detail::default() };
        assert_eq!(said(&detail), ["messages come one by one"]);
    }

    #[test]
    fn money_has_two_digits_that_mean_something() {
        let told: Vec<String> =
            [0.0, 0.00003, 0.000_42, 0.0042, 0.09, 0.93, 1.87, 42.3, 420.0, 12_400.0]
                .map(money)
                .to_vec();
        let expected = [
            "0",
            "less than 0.0001",
            "0.00042",
            "0.0042",
            "0.090",
            "0.93",
            "1.9",
            "42",
            "420",
            "12.4k",
        ];
        assert_eq!(told, expected);
    }
}
