//! Entries: halves as they are kept while they wait, in 60 bytes instead of 250, since a collector
//! may have millions of them. In: a [`Half`]. Out: the same half, apart from what is said below.
//!
//! | of a half | as an entry |
//! | --- | --- |
//! | when it began | microseconds up to the year 2041 |
//! | duration and weight | to 27 significant bits: exact up to two minutes, and up to 8,000 requests |
//! | origin | 25 bits of its hash: it only tells spans of one trace apart |
//! | nodes and texts | 16 bits; there are fewer |
//! | what it counted | not at all where that is what it says by itself, a few fields where it is a pair |
//!
//! What few halves have is kept beside them ([`More`]).

use super::half::{Half, Side, SpanKey, State};
use super::histogram;
use super::hop::Class;
use super::nodes::NodeIndex;
use super::sides::{Sides, Sighting};
use super::tally::Counted;

/// A half, packed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    key: [u32; 2],
    parent: [u32; 2],
    /// When it began, in the upper 51 bits; what it is, in the lower 13.
    start_and_flags: [u32; 2],
    duration: u32,
    weight: u32,
    /// Its origin, in the upper 25 bits; whether its kind is that of messages, in the next one; what
    /// is special of a pair, in the lower 6.
    origin_and_pair: u32,
    own: u16,
    other: u16,
    operation: u16,
    version: u16,
    told: u16,
    /// Of a pair's hop: where it comes from, ...
    source: u16,
    /// ... the bucket of what it took the caller, or took altogether, ...
    latency: u16,
    /// ... and what was asked for.
    asked: u16,
    /// The next one of the same parent, and the one before, each one more than it is; 0 is none.
    pub(super) next: u32,
    pub(super) before: u32,
}

/// What few halves have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct More {
    request: u64,
    link: SpanKey,
    bridge: u64,
    bridged: SpanKey,
    called: NodeIndex,
    /// What it counted, where that is neither what it says itself nor an ordinary pair.
    counted: Option<Counted>,
}

const FLAG_BITS: u32 = 13;
const PAIR_BITS: u32 = 6;
const ORIGIN_SHIFT: u32 = PAIR_BITS + 1;
const EXPONENT_BITS: u32 = 5;
const MOST_START: u64 = (1 << (64 - FLAG_BITS)) - 1;

fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

#[inline]
fn whole([low, high]: [u32; 2]) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// A number with 27 significant bits, as those and a power of two; at most 2^58.
fn short(value: u64) -> u32 {
    const BITS: u32 = 32 - EXPONENT_BITS;
    let most = ((1 << BITS) - 1) << 31;
    let value = value.min(most);
    let exponent = (64 - value.leading_zeros()).saturating_sub(BITS);
    ((value >> exponent) as u32) << EXPONENT_BITS | exponent
}

fn long(short: u32) -> u64 {
    u64::from(short >> EXPONENT_BITS) << (short & ((1 << EXPONENT_BITS) - 1))
}

/// There are fewer nodes and texts than this; should there be more, they share a number.
fn narrow(index: u32) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

const fn side_bits(side: Side) -> u64 {
    match side {
        Side::Calls => 0,
        Side::Sends => 1,
        Side::Called { by_messages, evidence } => 2 + (by_messages as u64) * 2 + evidence as u64,
        Side::Step => 6,
    }
}

const fn side_of(bits: u64) -> Side {
    match bits & 7 {
        0 => Side::Calls,
        1 => Side::Sends,
        6 | 7 => Side::Step,
        bits => Side::Called { by_messages: bits >= 4, evidence: bits & 1 == 1 },
    }
}

const WAITING: u64 = 0;
const GUESSED: u64 = 1;
const CERTAIN: u64 = 2;
const PAIRED_CALLER: u64 = 3;
const PAIRED: u64 = 4;
const UNMET: u64 = 5;
const SILENT: u64 = 6;

const fn class_of(bits: u64) -> Class {
    match bits & 3 {
        0 => Class::Ok,
        1 => Class::Slow,
        2 => Class::Throttled,
        _ => Class::Error,
    }
}

/// Rounds what an entry cannot tell exactly, before anything is made of it.
pub(super) fn round(half: &mut Half) {
    half.start_us = half.start_us.min(MOST_START);
    half.duration_us = long(short(half.duration_us));
    half.weight = long(short(half.weight.cast_unsigned())).cast_signed();
    half.origin &= u64::from(u32::MAX >> ORIGIN_SHIFT);
    if half.bridge == 0 {
        half.called = 0;
    }
}

impl Entry {
    /// A half's entry, and what has to be kept beside it. The half is one that was rounded.
    pub(super) fn pack(half: &Half) -> (Self, Option<More>) {
        let state = match half.state {
            State::Waiting => WAITING,
            State::Guessed(_) => GUESSED,
            State::Certain(_) => CERTAIN,
            State::Paired(None) => PAIRED_CALLER,
            State::Paired(Some(_)) => PAIRED,
            State::Unmet => UNMET,
            State::Silent => SILENT,
        };
        let flags = [half.failed, half.cold, half.ignored, half.unsure, half.sdk];
        let flags = flags.into_iter().fold(0, |all, flag| all << 1 | u64::from(flag));
        let flags = (flags << 2 | half.class as u64) << 6 | state << 3 | side_bits(half.side);
        let mut entry = Self {
            key: halves(half.key),
            parent: halves(half.parent),
            start_and_flags: halves(half.start_us.min(MOST_START) << FLAG_BITS | flags),
            duration: short(half.duration_us),
            weight: short(half.weight.cast_unsigned()),
            origin_and_pair: (half.origin as u32) << ORIGIN_SHIFT
                | u32::from(half.message) << PAIR_BITS,
            own: narrow(half.own),
            other: narrow(half.other),
            operation: narrow(half.operation),
            version: narrow(half.version),
            told: half.told,
            ..Self::default()
        };
        let counted = match half.state {
            State::Guessed(hop) | State::Certain(hop) => {
                Some(hop).filter(|hop| *hop != half.alone())
            }
            State::Paired(Some(hop)) => {
                entry.set_pair(&hop);
                Some(hop).filter(|hop| *hop != entry.pair(half))
            }
            _ => None,
        };
        let &Half { request, link, bridge, bridged, called, .. } = half;
        let called = if bridge == 0 { 0 } else { called };
        let more = More { request, link, bridge, bridged, called, counted };
        (entry, Some(more).filter(|more| *more != More::default()))
    }

    /// The half again.
    pub(super) fn unpack(&self, more: Option<&More>) -> Half {
        let bits = whole(self.start_and_flags);
        let flag = |place: u32| bits >> place & 1 == 1;
        let more = more.copied().unwrap_or_default();
        let mut half = Half {
            key: self.key(),
            parent: self.parent(),
            link: more.link,
            request: more.request,
            bridge: more.bridge,
            bridged: more.bridged,
            side: self.side(),
            state: State::Waiting,
            own: self.own.into(),
            other: self.other.into(),
            called: more.called,
            origin: u64::from(self.origin_and_pair >> ORIGIN_SHIFT),
            unsure: flag(9),
            sdk: flag(8),
            class: class_of(bits >> 6),
            failed: flag(12),
            message: self.origin_and_pair >> PAIR_BITS & 1 == 1,
            cold: flag(11),
            ignored: flag(10),
            start_us: bits >> FLAG_BITS,
            duration_us: long(self.duration),
            weight: long(self.weight).cast_signed(),
            operation: self.operation.into(),
            version: self.version.into(),
            told: self.told,
        };
        half.state = match bits >> 3 & 7 {
            GUESSED => State::Guessed(more.counted.unwrap_or_else(|| half.alone())),
            CERTAIN => State::Certain(more.counted.unwrap_or_else(|| half.alone())),
            PAIRED_CALLER => State::Paired(None),
            PAIRED => State::Paired(Some(more.counted.unwrap_or_else(|| self.pair(&half)))),
            UNMET => State::Unmet,
            SILENT => State::Silent,
            _ => State::Waiting,
        };
        half
    }

    fn set_pair(&mut self, hop: &Counted) {
        let sides = match hop.sighting.sides {
            Sides::Both => 0,
            Sides::Client => 1,
            Sides::Server => 2,
            Sides::Across => 3,
        };
        let flags = u32::from(hop.ignored) << 1 | u32::from(hop.sighting.failed);
        self.origin_and_pair |= (flags << 2 | hop.class as u32) << 2 | sides;
        (self.source, self.latency) = (narrow(hop.source), hop.latency);
        self.asked = narrow(hop.operation);
    }

    /// The hop that a callee's half has with an ordinary caller.
    fn pair(&self, half: &Half) -> Counted {
        let bits = self.origin_and_pair;
        let flag = |place: u32| bits >> place & 1 == 1;
        let (sides, client) = match bits & 3 {
            0 => (Sides::Both, self.latency),
            1 => (Sides::Client, self.latency),
            2 => (Sides::Server, 0),
            _ => (Sides::Across, self.latency),
        };
        Counted {
            source: self.source.into(),
            target: half.own,
            class: class_of(u64::from(bits >> 2)),
            cold: half.cold,
            ignored: flag(5),
            latency: self.latency,
            weight: half.weight,
            operation: self.asked.into(),
            version: half.version,
            sighting: Sighting {
                sides,
                failed: flag(4),
                client,
                server: histogram::bucket(half.duration_us),
            },
        }
    }

    #[inline]
    pub(super) fn key(&self) -> SpanKey {
        whole(self.key)
    }

    #[inline]
    pub(super) fn parent(&self) -> SpanKey {
        whole(self.parent)
    }

    #[inline]
    pub(super) fn side(&self) -> Side {
        side_of(u64::from(self.start_and_flags[0]))
    }

    #[inline]
    pub(super) fn is_caller(&self) -> bool {
        matches!(self.side(), Side::Calls | Side::Sends)
    }

    /// Whether it calls and cannot turn out to be called.
    #[inline]
    pub(super) fn is_sure_caller(&self) -> bool {
        self.is_caller() && self.start_and_flags[0] >> 9 & 1 == 0
    }

    /// Whether nothing is to be decided when its wait ends.
    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        let state = u64::from(self.start_and_flags[0]) >> 3 & 7;
        matches!(state, CERTAIN | PAIRED_CALLER | PAIRED | SILENT)
    }

    /// Whether its half's span turned out to stand for the same request as another one.
    #[inline]
    pub(super) fn is_silent(&self) -> bool {
        u64::from(self.start_and_flags[0]) >> 3 & 7 == SILENT
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_side() -> impl Strategy<Value = Side> {
        prop_oneof![
            Just(Side::Calls),
            Just(Side::Sends),
            Just(Side::Step),
            (any::<bool>(), any::<bool>())
                .prop_map(|(by_messages, evidence)| Side::Called { by_messages, evidence }),
        ]
    }

    fn any_class() -> impl Strategy<Value = Class> {
        prop::sample::select(&Class::ALL[..])
    }

    /// What an entry can tell exactly: of these numbers there are no larger ones in practice.
    fn any_half() -> impl Strategy<Value = Half> {
        let ids = (any::<u64>(), any::<u64>(), sparse(), sparse(), sparse(), sparse());
        let indices = (0..60_000_u32, 0..60_000_u32, 0..60_000_u32, 0..60_000_u32, 0..60_000_u32);
        let flags = any::<[bool; 6]>();
        let numbers = (0_u64..1 << 51, 0_u64..1 << 27, 1_i64..8_500, any::<u16>(), 0_u64..1 << 25);
        (ids, any_side(), indices, flags, any_class(), numbers).prop_map(
            |(ids, side, indices, flags, class, numbers)| Half {
                key: ids.0,
                parent: ids.1,
                link: ids.2,
                request: ids.3,
                bridge: ids.4,
                bridged: ids.5,
                side,
                state: State::Waiting,
                own: indices.0,
                other: indices.1,
                called: if ids.4 == 0 { 0 } else { indices.2 },
                origin: numbers.4,
                unsure: flags[0],
                sdk: flags[1],
                class,
                failed: flags[2],
                message: flags[5],
                cold: flags[3],
                ignored: flags[4],
                start_us: numbers.0,
                duration_us: numbers.1,
                weight: numbers.2 * super::super::tally::ONE,
                operation: indices.3,
                version: indices.4,
                told: numbers.3,
            },
        )
    }

    fn sparse() -> impl Strategy<Value = u64> {
        prop_oneof![3 => Just(0), 1 => any::<u64>()]
    }

    fn again(half: &Half) -> Half {
        let (entry, more) = Entry::pack(half);
        entry.unpack(more.as_ref())
    }

    proptest! {
        #[test]
        fn a_half_is_the_same_again(half in any_half(), caller in any_half(), which in 0..9_usize) {
            let nodes = super::super::nodes::Nodes::default();
            let odd = Counted { source: 77, latency: 5, ..half.alone() };
            let states = [
                State::Waiting,
                State::Guessed(half.alone()),
                State::Certain(half.alone()),
                State::Guessed(odd),
                State::Certain(odd),
                State::Paired(None),
                State::Paired(Some(caller.with_callee(&half, &nodes))),
                State::Unmet,
                State::Silent,
            ];
            let half = Half { state: states[which], ..half };
            prop_assert_eq!(format!("{:?}", again(&half)), format!("{half:?}"));
        }

        #[test]
        fn a_number_is_off_by_less_than_one_in_a_hundred_million(value in 0_u64..1 << 58) {
            let off = value - long(short(value));
            prop_assert!(off <= value >> 26, "{value} is {off} less");
            prop_assert_eq!(short(long(short(value))), short(value), "and stays what it is");
        }
    }

    #[test]
    fn an_entry_takes_60_bytes() {
        assert_eq!(size_of::<Entry>(), 60);
    }

    #[test]
    fn a_pair_of_an_ordinary_call_needs_nothing_beside_it() {
        let nodes = super::super::nodes::Nodes::default();
        let callee = Half {
            key: 1 << 63 | 1,
            parent: 1 << 63 | 2,
            link: 0,
            request: 0,
            bridge: 0,
            bridged: 0,
            side: Side::Called { by_messages: false, evidence: true },
            state: State::Waiting,
            own: 3,
            other: 4,
            called: 0,
            origin: 5,
            unsure: false,
            sdk: false,
            class: Class::Ok,
            failed: false,
            message: false,
            cold: true,
            ignored: false,
            start_us: 1_795_417_992_000_000,
            duration_us: 120_000,
            weight: 1_000_000,
            operation: 6,
            version: 7,
            told: 8,
        };
        let caller = Half {
            side: Side::Calls,
            own: 9,
            other: 3,
            cold: false,
            operation: 10,
            duration_us: 150_000,
            class: Class::Error,
            failed: true,
            ..callee
        };
        let paired = State::Paired(Some(caller.with_callee(&callee, &nodes)));
        assert_eq!(Entry::pack(&Half { state: paired, ..callee }).1, None);
    }
}
