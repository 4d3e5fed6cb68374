//! The particle budget: how many hops each particle stands for, so that no more are on screen than
//! it can show. In: how many particles the traffic wants alive. Out: the share that the legend names.

/// Particles on screen at once, unless the user says otherwise: enough for 20,000 hops a second
/// one by one, and what an integrated graphics chip draws without effort.
pub const DEFAULT_BUDGET: u32 = 50_000;

/// A finer share is only taken back when this part of the budget would suffice, so that the
/// legend does not flicker between two shares.
const EASE: f64 = 0.7;

/// How fast the wish follows the traffic, per tick: up at once enough to stay near the budget,
/// down slowly, since one quiet tick is no quiet.
const RISE: f64 = 0.6;
const FALL: f64 = 0.05;

/// Keeps the particles within the budget.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    limit: u32,
    share: u32,
    wanted: f64,
}

impl Budget {
    /// A budget of this many particles.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, share: 1, wanted: 0.0 }
    }

    /// The most particles wanted on screen.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Changes the most particles wanted on screen; the share follows with the next tick.
    pub(super) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// How many hops one particle stands for: 1, 2, 5, 10, 20, 50, and so on.
    pub(super) fn share(&self) -> u32 {
        self.share
    }

    /// Learns how many particles would be alive at this tick's rates if each were one hop.
    pub(super) fn observe(&mut self, alive: f64) {
        let speed = if alive > self.wanted { RISE } else { FALL };
        self.wanted += (alive.max(0.0) - self.wanted) * speed;
        self.share = next_share(self.share, self.wanted, f64::from(self.limit.max(1)));
    }
}

/// The smallest share that keeps `wanted` particles within `limit`; a smaller one than `now` only
/// where there is room to spare.
fn next_share(now: u32, wanted: f64, limit: f64) -> u32 {
    let fits = |share: u32, limit: f64| wanted / f64::from(share) <= limit;
    if !fits(now, limit) {
        shares().find(|share| fits(*share, limit)).unwrap_or(u32::MAX)
    } else {
        shares().take_while(|share| *share < now).find(|s| fits(*s, limit * EASE)).unwrap_or(now)
    }
}

/// Shares that a person can multiply by: 1, 2, 5, 10, ...
fn shares() -> impl Iterator<Item = u32> {
    (0..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u32.pow(power)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settle(budget: &mut Budget, alive: f64) {
        for _ in 0..400 {
            budget.observe(alive);
        }
    }

    proptest! {
        #[test]
        fn steady_traffic_settles_within_the_budget(
            alive in 0.0..1e9_f64,
            before in 0.0..1e9_f64,
            limit in 1..1_000_000_u32,
        ) {
            let mut budget = Budget::new(limit);
            settle(&mut budget, before);
            settle(&mut budget, alive);
            let shown = alive / f64::from(budget.share());
            prop_assert!(shown <= f64::from(limit) * 1.001, "{shown} {limit}");
            // And no coarser than needed: the next finer share would nearly fill the budget.
            if let Some(finer) = shares().take_while(|s| *s < budget.share()).last() {
                prop_assert!(alive / f64::from(finer) > f64::from(limit) * EASE * 0.999);
            }
        }
    }

    #[test]
    fn within_the_budget_each_particle_is_one_hop() {
        let mut budget = Budget::new(DEFAULT_BUDGET);
        settle(&mut budget, f64::from(DEFAULT_BUDGET));
        assert_eq!(budget.share(), 1);
    }

    #[test]
    fn the_share_does_not_flicker_at_the_border() {
        let mut budget = Budget::new(1000);
        settle(&mut budget, 1001.0);
        assert_eq!(budget.share(), 2);
        settle(&mut budget, 990.0);
        assert_eq!(budget.share(), 2);
        settle(&mut budget, 600.0);
        assert_eq!(budget.share(), 1);
    }

    #[test]
    fn one_quiet_tick_changes_nothing() {
        let mut budget = Budget::new(1000);
        settle(&mut budget, 1900.0);
        budget.observe(0.0);
        assert_eq!(budget.share(), 2);
    }
}
