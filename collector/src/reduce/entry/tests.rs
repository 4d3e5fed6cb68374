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
            weight: numbers.2 * crate::reduce::tally::ONE,
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
    let (entry, ties, rare) = Entry::pack(half);
    entry.unpack(ties, Some(&rare))
}

proptest! {
    #[test]
    fn a_half_is_the_same_again(half in any_half(), caller in any_half(), which in 0..9_usize) {
        let nodes = crate::reduce::nodes::Nodes::default();
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
fn an_entry_takes_64_bytes() {
    assert_eq!(size_of::<Entry>(), 64);
}

#[test]
fn a_pair_of_an_ordinary_call_needs_nothing_beside_it() {
    let nodes = crate::reduce::nodes::Nodes::default();
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
    let (_, ties, rare) = Entry::pack(&Half { state: paired, ..callee });
    assert_eq!((ties, rare), (Ties::default(), Rare::default()));
}
