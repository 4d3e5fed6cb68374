//! Usual: what the requests on an edge usually take, and from when on one is slow. In: the
//! latencies of hops that went well, tick by tick. Out: [`Bounds`].
//!
//! Latencies spread like a log-normal distribution, so their logarithms are looked at: their median
//! is what is usual, and the median of their distances from it (the median absolute deviation, MAD)
//! times 1.4826 is their standard deviation σ, whatever a few outliers do. A hop is slow that took
//! longer than `median · exp(k σ)`. Around this one rule are the cases where it alone would lie:
//!
//! - Below [`LEAST`] hops nothing is said, and for a short while after that `k` is larger, and σ is
//!   drawn towards what it is elsewhere: a few hops say little of how they spread.
//! - What is less than [`TWICE`] of the usual, or below [`UNNOTICED_US`], is not slow, however
//!   steady the edge is; what is [`TENFOLD`] of it is slow, however wide the edge spreads.
//! - Hops that were slow are a tenth of a hop to the rule, so that an incident does not become what
//!   is usual while it lasts.
//! - What more than one hop in twenty took in each of the last two periods *is* usual, even if it is
//!   more than tenfold the median: caches and cold starts give an edge two humps, and MAD sees one.
//!
//! On log-normal traffic that does not change, at most one hop in 400 is called slow, and one in 700
//! once the edge is known well, unless it spreads so wide that more than these take tenfold. Of a sudden incident at eight times the usual, as long as all that
//! is known of the edge, at least three in four are (tests hold it to that).

use super::histogram::Histogram;
use super::settings::Slow;

/// Hops that an edge must have had lately, each with a known latency, before one can be slow.
pub(super) const LEAST: i64 = 30;
/// Standard deviations from the median of logarithms; one in 740 is further up.
const DEVIATIONS: f64 = 3.0;
/// How much more of them a record of one hop would need; goes down with the number of hops, as the
/// error of the estimate does.
const SHORTAGE: f64 = 6.0;
/// The standard deviation that an edge is taken to have until its own hops tell: a hop in six takes
/// 1.6 times the usual.
const PRIOR: f64 = 0.5;
/// How many of its own hops outweigh that.
const PRIOR_HOPS: f64 = 30.0;
/// From MAD to standard deviation.
const CONSISTENT: f64 = 1.4826;
/// What is slow takes at least so many times as long as usual.
const TWICE: f64 = 2.0;
/// What takes so many times as long as usual is slow.
const TENFOLD: f64 = 10.0;
/// What takes no longer than this, in microseconds, is never slow: no one would notice.
const UNNOTICED_US: u64 = 50_000;
/// What a slow hop counts for, compared to another.
const SLOW_WEIGHT: f64 = 0.1;
/// Which share of a period's hops stayed within what was usual in it.
const USUAL_SHARE: f64 = 0.95;
/// Where slow hops count for less, which hops are slow depends on itself; it settles in fewer
/// rounds than this.
const ROUNDS: usize = 16;

/// A period is at least so long, in milliseconds, ...
const PERIOD_MS: u64 = 300_000;
/// ... and has at least so many hops, so that an edge with a request a minute is known as well.
const PERIOD_HOPS: i64 = 100;
/// The rule is applied anew when so many of its hops have come in addition: one in eight.
const REFIT_SHARE: i64 = 8;

/// What an edge's hops usually take, in microseconds, and how long one takes that is slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The median; `None` while there were too few hops.
    pub(super) usual_us: Option<u64>,
    /// Hops that took longer are slow; `None` while nothing can be said.
    pub(super) slow_over_us: Option<u64>,
}

/// What an edge's hops took lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Usual {
    current: Period,
    /// The two before it, the later one first.
    earlier: [Period; 2],
    began_ms: u64,
    seen_ms: u64,
    /// Hops in all periods when the rule was last applied.
    fitted: i64,
    bounds: Bounds,
}

#[derive(Clone, Debug, Default)]
struct Period {
    /// Spans, whatever they stand for: ten requests that one sampled span stands for are one
    /// observation.
    hops: i64,
    latency: Histogram,
    /// Of these, the ones that were slow by what was known then.
    slow: Histogram,
}

impl Usual {
    /// Takes in what happened by `now_ms`: the latencies of `hops` hops that worked. They are to
    /// be judged then.
    pub(super) fn observe(&mut self, latency: &Histogram, hops: i64, now_ms: u64) {
        if self.seen_ms == 0 {
            self.began_ms = now_ms;
        }
        // Never 0, which is "not yet".
        self.seen_ms = now_ms.max(1);
        if now_ms >= self.began_ms + PERIOD_MS && self.current.hops >= PERIOD_HOPS {
            let [last, _] = std::mem::take(&mut self.earlier);
            self.earlier = [std::mem::take(&mut self.current), last];
            self.began_ms = now_ms;
            self.fitted = 0;
        }
        self.current.hops += hops;
        self.current.latency.merge(latency);
    }

    /// The bounds by everything observed so far, by which to judge what was observed last.
    pub(super) fn judge<'a>(
        &mut self,
        last: impl Iterator<Item = &'a Histogram>,
        slow: Slow,
    ) -> Bounds {
        let hops = self.current.hops + self.earlier.iter().map(|past| past.hops).sum::<i64>();
        if hops < LEAST {
            self.fitted = 0;
            self.bounds = Bounds::default();
        } else if (hops - self.fitted).abs() * REFIT_SHARE >= self.fitted {
            self.fitted = hops;
            self.bounds = self.fit(hops);
        }
        if let Some(over) = self.bounds.slow_over_us {
            last.for_each(|latency| self.current.slow.merge_above(latency, over));
        }
        self.bounds(slow)
    }

    /// The bounds by which was judged last.
    pub(super) fn bounds(&self, slow: Slow) -> Bounds {
        match slow {
            Slow::Auto => self.bounds,
            Slow::Over(limit) => {
                let limit = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
                Bounds { slow_over_us: Some(limit), ..self.bounds }
            }
        }
    }

    /// When something was last observed.
    pub(super) fn seen_ms(&self) -> u64 {
        self.seen_ms
    }

    #[expect(clippy::cast_precision_loss, reason = "a threshold needs no more than 53 bits")]
    fn fit(&self, hops: i64) -> Bounds {
        let [mut all, mut slow] = [self.current.latency.clone(), self.current.slow.clone()];
        for past in &self.earlier {
            all.merge(&past.latency);
            slow.merge(&past.slow);
        }
        let mut latencies: Vec<Latency> = all
            .entries()
            .filter(|&(us, weight)| us > 0 && weight > 0)
            .map(|(us, weight)| {
                let slow = slow.weight_of(us).clamp(0, weight);
                let light = slow as f64 * (1.0 - SLOW_WEIGHT);
                let weight = weight as f64;
                Latency { us, log: (us as f64).ln(), weight, known: weight - light }
            })
            .collect();
        if latencies.is_empty() {
            return Bounds::default();
        }
        let least_us = self.twice_usual().max(UNNOTICED_US);
        let deviations = DEVIATIONS * (1.0 + SHORTAGE / hops as f64);
        let mut bounds = self.bounds;
        for _ in 0..ROUNDS {
            let over = bounds.slow_over_us.unwrap_or(u64::MAX);
            latencies.sort_unstable_by_key(|latency| latency.us);
            let middle = median(&latencies, over);
            latencies.sort_by(|a, b| a.distance(middle).total_cmp(&b.distance(middle)));
            let deviation = median(&latencies, over).distance(middle) * CONSISTENT;
            let factor = (deviations * shrunk(deviation, hops as f64)).exp();
            let factor = factor.clamp(TWICE, TENFOLD);
            let next = Bounds {
                usual_us: Some(middle.us),
                slow_over_us: Some(rounded(middle.us as f64 * factor).max(least_us)),
            };
            if next == bounds {
                break;
            }
            bounds = next;
        }
        bounds
    }

    /// What nineteen of twenty hops stayed within in the better one of the last two periods; 0
    /// where there were no two.
    fn twice_usual(&self) -> u64 {
        let within = self.earlier.iter().map(|past| match past.hops {
            0 => 0,
            _ => past.latency.quantile(USUAL_SHARE),
        });
        within.min().unwrap_or(0)
    }
}

/// A standard deviation as so many hops tell it, drawn towards what it is elsewhere.
fn shrunk(deviation: f64, hops: f64) -> f64 {
    let known = hops * deviation.powi(2) + PRIOR_HOPS * PRIOR.powi(2);
    (known / (hops + PRIOR_HOPS)).sqrt()
}

#[derive(Clone, Copy, Debug)]
struct Latency {
    us: u64,
    log: f64,
    weight: f64,
    /// Its weight where those that were slow at their time count for less.
    known: f64,
}

impl Latency {
    fn distance(&self, other: Self) -> f64 {
        (self.log - other.log).abs()
    }
}

/// The one in the middle of the order that they are in, where those over a limit count for less.
fn median(latencies: &[Latency], over_us: u64) -> Latency {
    let weight = |latency: &Latency| {
        if latency.us > over_us { latency.weight * SLOW_WEIGHT } else { latency.known }
    };
    let half = latencies.iter().map(weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    let at = latencies.iter().position(|latency| {
        below += weight(latency);
        below >= half
    });
    latencies[at.unwrap_or(latencies.len() - 1)]
}

/// Three digits, as it will be shown.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and what no number can hold is as good as the largest one"
)]
fn rounded(us: f64) -> u64 {
    let unit = 10_f64.powi(us.max(1.0).log10() as i32 - 2).max(1.0);
    ((us / unit).round() * unit) as u64
}

#[cfg(test)]
mod tests;
