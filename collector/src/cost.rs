//! Cost: what functions cost, roughly. In: their [`Workload`] and prices. Out: an [`Estimate`].
//!
//! It is an estimate: from the time that spans say, without what is billed and no span tells (the
//! start of an instance, provisioned concurrency, data transfer, what other services cost), and
//! without free tiers and discounts. Where a function's memory is not known, nothing is said.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::reduce::{SizedWork, Work, Workload};

/// An amount of money, in trillionths of the currency: prices of a GB-second have ten decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(u64);

const TRILLION: u64 = 1_000_000_000_000;
const DECIMALS: usize = 12;

impl Price {
    /// This many trillionths of the currency.
    pub const fn trillionths(amount: u64) -> Self {
        Self(amount)
    }

    /// In whole units of the currency.
    #[expect(clippy::cast_precision_loss, reason = "an estimate needs no 53 bits")]
    fn amount(self) -> f64 {
        self.0 as f64 / TRILLION as f64
    }
}

/// A decimal number without an exponent: `0.0000166667`.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:012}", self.0 % TRILLION);
        let fraction = fraction.trim_end_matches('0');
        let fraction = if fraction.is_empty() { "0" } else { fraction };
        write!(f, "{}.{fraction}", self.0 / TRILLION)
    }
}

/// Why a text is no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount such as 0.0000166667 (at most 12 decimals) is expected")]
pub struct NoPrice;

impl FromStr for Price {
    type Err = NoPrice;

    fn from_str(text: &str) -> Result<Self, NoPrice> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS {
            return Err(NoPrice);
        }
        let whole: u64 = whole.parse().map_err(|_| NoPrice)?;
        let fraction: u64 = format!("{fraction:0<12}").parse().map_err(|_| NoPrice)?;
        let whole = whole.checked_mul(TRILLION).ok_or(NoPrice)?;
        whole.checked_add(fraction).map(Self).ok_or(NoPrice)
    }
}

/// `[cost]` of the configuration: what a function's work costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    /// In what the prices are.
    pub currency: String,
    /// A gigabyte (1,024 MB) of memory for a second, on x86.
    pub x86_gb_second: Price,
    /// The same on arm64.
    pub arm64_gb_second: Price,
    /// A million invocations.
    pub million_requests: Price,
    /// Memory of functions whose spans do not say it.
    pub functions: Vec<FunctionMemory>,
}

/// `[[cost.function]]`: the memory of a function, where its spans say none, or another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionMemory {
    /// Its name.
    pub name: String,
    /// In MB.
    pub memory_mb: u32,
}

impl Default for Prices {
    /// AWS Lambda's in us-east-1 and most other regions, first tier, without the free one.
    fn default() -> Self {
        Self {
            currency: "USD".to_owned(),
            x86_gb_second: Price::trillionths(16_666_700),
            arm64_gb_second: Price::trillionths(13_333_400),
            million_requests: Price::trillionths(TRILLION / 5),
            functions: Vec::new(),
        }
    }
}

/// The prices that hold now, for all who show what something costs. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub struct PriceList(Arc<ArcSwap<Prices>>);

impl PriceList {
    /// A list with these prices.
    pub fn new(prices: Prices) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(prices)))
    }

    /// The prices as they are now.
    pub fn now(&self) -> Arc<Prices> {
        self.0.load_full()
    }

    /// From now on it is these.
    pub fn set(&self, prices: Prices) {
        self.0.store(Arc::new(prices));
    }
}

/// What a function costs, roughly, in the currency of the prices.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Since the start.
    pub total: f64,
    /// A million invocations, as they were lately; or all of them, if there were none lately.
    pub per_million: f64,
    /// A million invocations, of all since the start.
    pub per_million_overall: f64,
    /// An hour in which as much is done as lately.
    pub per_hour: f64,
    /// An hour of the whole time from the first invocation to the last one, as for a recording;
    /// `None` if that was shorter than a second.
    pub per_hour_overall: Option<f64>,
}

const HOUR_MS: f64 = 3_600_000.0;
const MILLION: f64 = 1e6;

impl Prices {
    /// What the function of that name costs; `None` where its memory is not known.
    pub fn estimate(&self, name: &str, workload: &Workload) -> Option<Estimate> {
        let configured = self.functions.iter().find(|function| function.name == name);
        let configured = configured.map(|function| function.memory_mb);
        let (mut total, mut lately) = (0.0, 0.0);
        let (mut requests, mut requests_lately) = (0.0, 0.0);
        for work in &workload.work {
            let memory = configured.unwrap_or(work.size.memory_mb);
            if memory == 0 {
                return None;
            }
            total += self.of(work, memory, work.all);
            lately += self.of(work, memory, work.lately);
            requests += work.all.invocations();
            requests_lately += work.lately.invocations();
        }
        if requests <= 0.0 {
            return None;
        }
        let (cost, of) =
            if requests_lately > 0.0 { (lately, requests_lately) } else { (total, requests) };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of what is no millennium")]
        let ms = |ms: u64| ms as f64;
        let per_hour_overall =
            (workload.extent_ms >= 1_000).then(|| total * HOUR_MS / ms(workload.extent_ms));
        let per_hour = lately * HOUR_MS / ms(workload.lately_ms.max(1));
        Some(Estimate {
            total,
            per_million: cost / of * MILLION,
            per_million_overall: total / requests * MILLION,
            per_hour,
            per_hour_overall,
        })
    }

    fn of(&self, sized: &SizedWork, memory_mb: u32, work: Work) -> f64 {
        let gb_second = if sized.size.arm64 { self.arm64_gb_second } else { self.x86_gb_second };
        let gb_seconds = f64::from(memory_mb) / 1024.0 * work.billed_ms() / 1e3;
        gb_seconds * gb_second.amount()
            + work.invocations() / MILLION * self.million_requests.amount()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reduce::Size;

    fn workload(memory_mb: u32, arm64: bool, invocations: i64, billed_ms: i64) -> Workload {
        let work = Work::new(invocations, billed_ms);
        let size = Size { memory_mb, arm64 };
        let work = vec![SizedWork { size, all: work, lately: work }];
        Workload { work, lately_ms: 300_000, extent_ms: 600_000, ..Workload::default() }
    }

    #[track_caller]
    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= b.abs() * 1e-9, "{a} is not {b}");
    }

    #[test]
    fn a_bill_is_memory_times_time_and_a_bit_a_request() {
        // A million invocations of 100 ms at 1 GB: 100,000 GB-seconds.
        let prices = Prices::default();
        let estimate =
            prices.estimate("f", &workload(1_024, false, 1_000_000, 100_000_000)).unwrap();
        near(estimate.total, 1.666_67 + 0.20);
        near(estimate.per_million, 1.866_67);
        near(estimate.per_hour, 1.866_67 * 12.0);
        near(estimate.per_hour_overall.unwrap(), 1.866_67 * 6.0);
        let arm = prices.estimate("f", &workload(1_024, true, 1_000_000, 100_000_000)).unwrap();
        near(arm.total, 1.333_34 + 0.20);
        let half = prices.estimate("f", &workload(512, false, 1_000_000, 100_000_000)).unwrap();
        near(half.total, 0.833_335 + 0.20);
    }

    #[test]
    fn without_memory_nothing_is_said_unless_the_configuration_says_it() {
        let unknown = workload(0, false, 10, 1_000);
        assert_eq!(Prices::default().estimate("f", &unknown), None);
        let functions = vec![FunctionMemory { name: "f".to_owned(), memory_mb: 512 }];
        let prices = Prices { functions, ..Prices::default() };
        let known = prices.estimate("f", &workload(512, false, 10, 1_000));
        assert_eq!(prices.estimate("f", &unknown), known);
        assert_eq!(prices.estimate("g", &unknown), None);
    }

    #[test]
    fn what_did_nothing_lately_costs_nothing_an_hour_and_what_it_did_a_request() {
        let mut quiet = workload(128, false, 1_000, 20_000);
        let before = Prices::default().estimate("f", &quiet).unwrap();
        quiet.work[0].lately = Work::default();
        let after = Prices::default().estimate("f", &quiet).unwrap();
        assert_eq!((after.per_hour, after.per_million), (0.0, before.per_million));
    }

    #[test]
    fn prices_are_decimal_numbers() {
        let price = |text: &str| text.parse::<Price>();
        assert_eq!(price("0.0000166667"), Ok(Price::trillionths(16_666_700)));
        assert_eq!(Price::trillionths(16_666_700).to_string(), "0.0000166667");
        assert_eq!(
            (price("3"), price("0.2").map(|p| p.to_string())),
            (price("3.0"), Ok("0.2".to_owned()))
        );
        for text in ["", ".", "1e-5", "-1", "0.0000000000001", "99999999999", "1.", "0,2"] {
            assert_eq!(price(text), Err(NoPrice), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_price_is_read_as_it_is_written(amount in 0..1_000 * TRILLION) {
            let price = Price::trillionths(amount);
            prop_assert_eq!(price.to_string().parse(), Ok(price));
        }
    }
}
