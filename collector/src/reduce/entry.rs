//! Entries: halves as they are kept while they wait, in 64 bytes instead of 160, since a collector
//! may have millions of them, each in a line of the processor's cache. In: a [`Half`]. Out: the same
//! half, apart from what is said below.
//!
//! | of a half | as an entry |
//! | --- | --- |
//! | when it began | microseconds up to the year 2041 |
//! | duration and weight | to 27 significant bits: exact up to two minutes, and up to 8,000 requests |
//! | origin | 25 bits of its hash: it only tells spans of one trace apart |
//! | nodes and texts | 16 bits; there are fewer |
//! | what it counted | not at all where that is what it says by itself, a few fields where it is a pair |
//!
//! What not every half has is kept beside them: a request and a bridge ([`Ties`]), and what few have
//! ([`Rare`]).

use super::half::{Half, Side, SpanKey, State};
use super::histogram;
use super::hop::Class;
use super::nodes::NodeIndex;
use super::sides::{Sides, Sighting};
use super::tally::Counted;

/// A half, packed.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
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
    /// Where its [`Ties`] are, as one more than that; 0 is nowhere. Whether there is a [`Rare`].
    pub(super) beside: Beside,
}

/// What is kept beside an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Beside(u32);

impl Beside {
    const RARE: u32 = 1 << 31;

    /// Where the ties are.
    #[inline]
    pub(super) const fn ties(self) -> Option<u32> {
        (self.0 & !Self::RARE).checked_sub(1)
    }

    pub(super) const fn set_ties(&mut self, place: Option<u32>) {
        let ties = if let Some(place) = place { place + 1 } else { 0 };
        self.0 = self.0 & Self::RARE | ties;
    }

    /// Whether something rare is there.
    #[inline]
    pub(super) const fn is_rare(self) -> bool {
        self.0 & Self::RARE != 0
    }

    pub(super) const fn set_rare(&mut self, there: bool) {
        self.0 = self.0 & !Self::RARE | if there { Self::RARE } else { 0 };
    }
}

/// What ties a half to others beyond parent and child: every second one has some in a system of functions,
/// in 20 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Ties {
    request: [u32; 2],
    bridge: [u32; 2],
    called: NodeIndex,
}

impl Ties {
    #[inline]
    pub(super) fn request(&self) -> u64 {
        whole(self.request)
    }
}

/// What few halves have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rare {
    link: SpanKey,
    bridged: SpanKey,
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
    #[inline]
    pub(super) fn pack(half: &Half) -> (Self, Ties, Rare) {
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
        let ties = Ties { request: halves(request), bridge: halves(bridge), called };
        (entry, ties, Rare { link, bridged, counted })
    }

    /// The half again.
    #[inline]
    pub(super) fn unpack(&self, ties: Ties, rare: Option<&Rare>) -> Half {
        let bits = whole(self.start_and_flags);
        let flag = |place: u32| bits >> place & 1 == 1;
        let rare = rare.copied().unwrap_or_default();
        let mut half = Half {
            key: self.key(),
            parent: self.parent(),
            link: rare.link,
            request: whole(ties.request),
            bridge: whole(ties.bridge),
            bridged: rare.bridged,
            side: self.side(),
            state: State::Waiting,
            own: self.own.into(),
            other: self.other.into(),
            called: ties.called,
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
            GUESSED => State::Guessed(rare.counted.unwrap_or_else(|| half.alone())),
            CERTAIN => State::Certain(rare.counted.unwrap_or_else(|| half.alone())),
            PAIRED_CALLER => State::Paired(None),
            PAIRED => State::Paired(Some(rare.counted.unwrap_or_else(|| self.pair(&half)))),
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
mod tests;
