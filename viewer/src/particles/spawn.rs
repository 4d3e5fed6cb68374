//! From one edge's counts in one tick to particles: how many, when each sets out, and how it looks.
//! Everything follows from the tick, so the same traffic gives the same picture.

use spanfall_collector::feed::message::EdgeTick;
use spanfall_collector::reduce::hop::Class;

use super::travel::travel;
use crate::scene::draw::Form;

/// One particle, before it is packed for the graphics card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spawn {
    /// When it sets out, in seconds of the playback clock.
    pub(super) start: f64,
    /// Seconds until it arrives.
    pub(super) travel: f64,
    /// How the hop went.
    pub(super) class: Class,
    /// Whether it met a cold start.
    pub(super) cold: bool,
    /// Where in the stream's breadth it flies: 0 is the far left, 255 the far right.
    pub(super) lane: u8,
    /// Makes particles differ a little.
    pub(super) seed: u16,
}

impl Spawn {
    /// How it is drawn.
    pub(super) fn form(&self) -> Form {
        if self.class == Class::Ok && !self.cold { Form::Dot } else { Form::Sign }
    }

    /// When it arrives, in seconds of the playback clock.
    pub(super) fn end(&self) -> f64 {
        self.start + self.travel
    }
}

/// What is left over on one edge: parts of a particle, by class, then of cold starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Carry {
    classes: [f64; 4],
    cold: f64,
}

impl Carry {
    /// Begins somewhere between nothing and a whole particle. Where a particle stands for ten hops,
    /// a lone error is so shown one time in ten, rather than never until the tenth.
    pub(super) fn new(edge: u64) -> Self {
        let mut random = Random::new(edge);
        Self { classes: std::array::from_fn(|_| random.unit()), cold: random.unit() }
    }

    /// How many whole particles `hops` make, with what was left over. What is taken back (a
    /// negative count) was shown already; it spawns nothing.
    fn whole(left: &mut f64, hops: f64, share: f64) -> u32 {
        *left += (hops / share).max(0.0);
        // NaN casts to 0, and a count beyond u32 is beyond any ring.
        let whole = left.floor().max(0.0) as u32;
        *left -= f64::from(whole);
        // More than a ring could hold is not owed.
        if !(0.0..1.0).contains(left) {
            *left = 0.0;
        }
        whole
    }
}

/// Spawns the particles of one edge in one tick, in the order in which they set out. Each stands for
/// `share` hops. They set out between `start` and `start + length`, evenly, with a little jitter, and
/// at most `most` of them. Returns how many more there would have been.
pub(super) fn spawn(
    tick: &EdgeTick,
    (start, length): (f64, f64),
    share: u32,
    most: u32,
    carry: &mut Carry,
    out: &mut Vec<Spawn>,
) -> u32 {
    let share = f64::from(share.max(1));
    let fresh = fresh(tick);
    let mut left: [u32; 4] =
        std::array::from_fn(|index| Carry::whole(&mut carry.classes[index], fresh[index], share));
    let mut cold = Carry::whole(&mut carry.cold, tick.counts.cold, share);
    let total = left.iter().fold(0_u32, |sum, count| sum.saturating_add(*count));
    let count = total.min(most);

    let mut random = Random::new(tick.edge.0 ^ start.to_bits().rotate_left(17));
    let mut rest = total;
    for index in 0..count {
        let class = draw_class(&mut left, rest, &mut random);
        // The colds fall on any of what is left with the same chance.
        let is_cold = cold > 0 && random.unit() * f64::from(rest) < f64::from(cold);
        cold -= u32::from(is_cold);
        rest -= 1;
        // Slow hops are the edge's slowest; they shall look it.
        let latency = if class == Class::Slow { tick.p99_us } else { tick.p50_us };
        let jitter = random.unit();
        out.push(Spawn {
            start: start + length * (f64::from(index) + jitter) / f64::from(count),
            travel: travel(latency) * (0.95 + 0.1 * random.unit()),
            class,
            cold: is_cold,
            lane: random.lane(),
            seed: random.bits() as u16,
        });
    }
    // A cold start whose hop is shown by a later particle is not lost.
    carry.cold += f64::from(cold.min(1));
    total - count
}

/// The new requests of each class: what is left of the counts without corrections of what was shown
/// before. Of which class those are, a tick does not say: they are taken for the commonest, since what
/// is rare is worth seeing.
fn fresh(tick: &EdgeTick) -> [f64; 4] {
    let mut fresh = Class::ALL.map(|class| tick.counts.of(class).max(0.0));
    let new = tick.counts.total() - tick.again;
    let mut surplus = fresh.iter().sum::<f64>() - new;
    // An absurd count makes no sense of the others, but is no reason to show none of them.
    while surplus.is_finite() && surplus != 0.0 {
        // There are four: one of them is the commonest.
        let Some(most) = fresh.iter_mut().rev().max_by(|a, b| a.total_cmp(b)) else { break };
        if *most <= 0.0 && surplus > 0.0 {
            break;
        }
        let taken = surplus.min(*most);
        *most -= taken;
        surplus -= taken;
    }
    fresh
}

/// Draws one of the particles that are left, so that classes mix as they did in the traffic.
fn draw_class(left: &mut [u32; 4], rest: u32, random: &mut Random) -> Class {
    let mut pick = (random.unit() * f64::from(rest)) as u32;
    for (class, left) in Class::ALL.into_iter().zip(left) {
        if pick < *left {
            *left -= 1;
            return class;
        }
        pick -= *left;
    }
    Class::Ok
}

/// SplitMix64: a few instructions, and the same numbers on every machine and in every version,
/// which pictures in tests rely on.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to just below 1.
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Denser in the middle: a stream has a core.
    fn lane(&mut self) -> u8 {
        let [a, b, ..] = self.bits().to_le_bytes();
        a.midpoint(b)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use spanfall_collector::reduce::hop::{Counts, EdgeId};

    use super::*;

    fn tick(counts: Counts) -> EdgeTick {
        EdgeTick { edge: EdgeId(42), counts, p50_us: 20_000, p99_us: 900_000, again: 0.0 }
    }

    fn run(counts: Counts, share: u32, carry: &mut Carry) -> Vec<Spawn> {
        let mut out = Vec::new();
        spawn(&tick(counts), (10.0, 0.2), share, u32::MAX, carry, &mut out);
        out
    }

    const NONE: Carry = Carry { classes: [0.0; 4], cold: 0.0 };

    fn any_counts() -> impl Strategy<Value = Counts> {
        let count = || (0..60_u32).prop_map(f64::from);
        (count(), count(), count(), count(), 0.0..1.0_f64).prop_map(
            |(ok, slow, throttled, error, cold)| Counts {
                ok,
                slow,
                throttled,
                error,
                cold: ((ok + slow + throttled + error) * cold).floor(),
            },
        )
    }

    proptest! {
        #[test]
        fn one_hop_is_one_particle_of_its_class(counts in any_counts()) {
            let particles = run(counts, 1, &mut NONE.clone());
            for class in Class::ALL {
                let shown = particles.iter().filter(|p| p.class == class).count();
                prop_assert_eq!(shown as f64, counts.of(class));
            }
            prop_assert_eq!(particles.iter().filter(|p| p.cold).count() as f64, counts.cold);
        }

        #[test]
        fn particles_set_out_in_order_evenly_and_within_the_tick(counts in any_counts()) {
            let particles = run(counts, 1, &mut NONE.clone());
            let step = 0.2 / particles.len() as f64;
            for (index, particle) in particles.iter().enumerate() {
                let begin = 10.0 + step * index as f64;
                prop_assert!((begin - 1e-9..begin + step + 1e-9).contains(&particle.start));
            }
        }

        #[test]
        fn in_the_long_run_each_particle_stands_for_its_share(
            ticks in prop::collection::vec(0.0..7.3_f64, 50..100),
            share in 1..20_u32,
            edge in any::<u64>(),
        ) {
            let mut carry = Carry::new(edge);
            let mut shown = 0;
            for ok in &ticks {
                shown += run(Counts { ok: *ok, ..Counts::default() }, share, &mut carry).len();
            }
            let hops: f64 = ticks.iter().sum();
            prop_assert!((hops - shown as f64 * f64::from(share)).abs() <= f64::from(share));
        }

        #[test]
        fn strange_counts_spawn_no_more_than_there_is_room_for(
            ok in any::<f64>(), error in any::<f64>(), cold in any::<f64>(),
        ) {
            let counts = Counts { ok, slow: 0.0, throttled: 0.0, error, cold };
            let mut out = Vec::new();
            let mut carry = NONE;
            spawn(&tick(counts), (0.0, 0.2), 1, 100, &mut carry, &mut out);
            prop_assert!(out.len() <= 100);
            prop_assert!(out.iter().all(|p| p.start.is_finite() && p.travel > 0.0));
            out.clear();
            spawn(&tick(Counts { ok: 3.0, ..Counts::default() }), (0.0, 0.2), 1, 100, &mut carry, &mut out);
            prop_assert_eq!(out.len(), 3);
        }
    }

    #[test]
    fn hops_taken_back_spawn_nothing_and_owe_nothing() {
        let mut carry = NONE;
        assert!(run(Counts { ok: -5.0, ..Counts::default() }, 1, &mut carry).is_empty());
        assert_eq!(run(Counts { ok: 5.0, ..Counts::default() }, 1, &mut carry).len(), 5);
    }

    #[test]
    fn corrections_of_what_was_shown_set_out_no_second_time() {
        let shown = |ok, error, again| {
            let counts = Counts { ok, error, ..Counts::default() };
            let mut out = Vec::new();
            let tick = EdgeTick { again, ..tick(counts) };
            spawn(&tick, (10.0, 0.2), 1, u32::MAX, &mut NONE.clone(), &mut out);
            let of = |class| out.iter().filter(|particle| particle.class == class).count();
            (of(Class::Ok), of(Class::Error))
        };
        assert_eq!(shown(5.0, 1.0, 0.0), (5, 1), "all new");
        assert_eq!(shown(5.0, 1.0, 2.0), (3, 1), "two came from another edge");
        assert_eq!(shown(5.0, 1.0, 5.0), (0, 1));
        assert_eq!(shown(5.0, 1.0, 9.0), (0, 0));
        assert_eq!(shown(-1.0, 0.0, -1.0), (0, 0), "one went to another edge");
        assert_eq!(shown(2.0, 0.0, -1.0), (3, 0), "one went, three are new");
        assert_eq!(shown(0.0, 0.0, -1.0), (1, 0), "one went, one is new");
        assert_eq!(shown(-1.0, 1.0, 0.0), (0, 0), "one turned out to have failed");
        assert_eq!(shown(5.0, 1.0, f64::NAN), (5, 1));
    }

    #[test]
    fn slow_hops_travel_longer_than_the_others_on_their_edge() {
        let counts = Counts { ok: 20.0, slow: 20.0, ..Counts::default() };
        let particles = run(counts, 1, &mut NONE.clone());
        let of = |class| particles.iter().filter(move |p| p.class == class).map(|p| p.travel);
        assert!(of(Class::Slow).fold(f64::MAX, f64::min) > of(Class::Ok).fold(0.0, f64::max));
    }

    #[test]
    fn the_same_tick_gives_the_same_particles() {
        let counts = Counts { ok: 9.0, error: 2.0, cold: 1.0, ..Counts::default() };
        assert_eq!(run(counts, 1, &mut NONE.clone()), run(counts, 1, &mut NONE.clone()));
    }

    #[test]
    fn a_lone_error_among_shares_of_ten_is_shown_one_time_in_ten() {
        let shown: usize = (0..2000)
            .map(|edge| {
                let mut carry = Carry::new(edge);
                run(Counts { error: 1.0, ..Counts::default() }, 10, &mut carry).len()
            })
            .sum();
        assert!((150..250).contains(&shown), "{shown}");
    }
}
