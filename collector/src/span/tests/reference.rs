//! The reader against prost's decoder: on valid requests, however they are written, the same fields;
//! on bytes that are bent or cut, the same verdict.
//!
//! `said` says what is compared, and what is not. The fuzz target in `collector/fuzz` compares the same.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use super::said::{assert_same, by_reader};
use crate::otlp_file::{Input, Requests, any};
use crate::span::{Slice, Value};

/// A message as fields, so that it can be written in other ways that mean the same.
#[derive(Clone, Debug)]
enum Piece {
    Varint(u32, u64),
    Fixed(u32, Vec<u8>),
    Bytes(u32, Vec<u8>),
    Message(u32, &'static str, Vec<Self>),
}

/// Which fields are messages, and whether a field may be there several times.
fn nested(message: &str, number: u32) -> Option<(&'static str, bool)> {
    Some(match (message, number) {
        ("request", 1) => ("resource spans", true),
        ("resource spans", 1) => ("resource", false),
        ("resource spans", 2) => ("scope spans", true),
        ("scope spans", 1) => ("scope", false),
        ("scope spans", 2) => ("span", true),
        ("scope", 3)
        | ("resource", 1)
        | ("span", 9)
        | ("event", 3)
        | ("link", 4)
        | ("key values", 1) => ("key value", true),
        ("span", 11) => ("event", true),
        ("span", 13) => ("link", true),
        ("span", 15) => ("status", false),
        ("key value", 2) => ("any value", false),
        ("any value", 5) => ("array", false),
        ("any value", 6) => ("key values", false),
        ("array", 1) => ("any value", true),
        _ => return None,
    })
}

fn pieces(bytes: &[u8], message: &str) -> Vec<Piece> {
    let mut fields = Slice::whole(bytes).fields();
    let mut all = Vec::new();
    while let Some(field) = fields.next_field().unwrap() {
        let number = field.number;
        all.push(match field.value {
            Value::Varint(value) => Piece::Varint(number, value),
            Value::Fixed64(value) => Piece::Fixed(number, value.to_le_bytes().to_vec()),
            Value::Fixed32(value) => Piece::Fixed(number, value.to_le_bytes().to_vec()),
            Value::Bytes(slice) => match nested(message, number) {
                Some((inner, _)) => Piece::Message(number, inner, pieces(slice.bytes, inner)),
                None => Piece::Bytes(number, slice.bytes.to_vec()),
            },
        });
    }
    all
}

/// Where chance comes from: numbers, used up one after the other.
struct Chance<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl Chance<'_> {
    fn one_in(&mut self, of: u8) -> bool {
        self.next().is_multiple_of(of)
    }

    fn next(&mut self) -> u8 {
        *self.0.next().unwrap()
    }
}

/// A number in as many bytes as it takes, or in more.
fn varint(mut value: u64, chance: &mut Chance<'_>, out: &mut Vec<u8>) {
    let begin = out.len();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    if chance.one_in(7) && out.len() - begin < 9 {
        *out.last_mut().unwrap() |= 0x80;
        out.push(0);
    }
}

fn write_all(pieces: &[Piece], message: &str, chance: &mut Chance<'_>, out: &mut Vec<u8>) {
    for piece in pieces {
        if chance.one_in(9) {
            unknown(chance, out);
        }
        // Of several values the last one counts, whatever the others are.
        if message == "any value" && chance.one_in(5) {
            write(&Piece::Varint(3, u64::from(chance.next())), message, chance, out);
        }
        write(piece, message, chance, out);
    }
}

fn write(piece: &Piece, message: &str, chance: &mut Chance<'_>, out: &mut Vec<u8>) {
    let tag = |number: u32, wire: u64| u64::from(number) << 3 | wire;
    match piece {
        Piece::Varint(number, value) => {
            // The last one counts.
            if chance.one_in(6) {
                varint(tag(*number, 0), chance, out);
                varint(u64::from(chance.next()), chance, out);
            }
            varint(tag(*number, 0), chance, out);
            // Of enums 32 bits count.
            let is_enum = matches!((message, number), ("span", 6) | ("status", 3));
            let more = if is_enum && chance.one_in(3) { u64::from(chance.next()) << 40 } else { 0 };
            varint(*value | more, chance, out);
        }
        Piece::Fixed(number, bytes) => {
            let wire = if bytes.len() == 8 { 1 } else { 5 };
            if chance.one_in(6) {
                varint(tag(*number, wire), chance, out);
                out.extend((0..bytes.len()).map(|_| chance.next()));
            }
            varint(tag(*number, wire), chance, out);
            out.extend_from_slice(bytes);
        }
        Piece::Bytes(number, bytes) => {
            if chance.one_in(6) {
                varint(tag(*number, 2), chance, out);
                varint(3, chance, out);
                out.extend_from_slice(b"old");
            }
            varint(tag(*number, 2), chance, out);
            varint(bytes.len() as u64, chance, out);
            out.extend_from_slice(bytes);
        }
        Piece::Message(number, inner, pieces) => {
            let single = nested(message, *number).is_some_and(|(_, repeated)| !repeated);
            // A single message in two parts is the same message.
            let at = if single && chance.one_in(3) { usize::from(chance.next()) } else { 0 };
            let (first, second) = pieces.split_at(at.min(pieces.len()));
            for part in if at == 0 { vec![second] } else { vec![first, second] } {
                let mut body = Vec::new();
                write_all(part, inner, chance, &mut body);
                varint(tag(*number, 2), chance, out);
                varint(body.len() as u64, chance, out);
                out.extend_from_slice(&body);
            }
        }
    }
}

/// A field of a later version of the protocol.
fn unknown(chance: &mut Chance<'_>, out: &mut Vec<u8>) {
    let number = u64::from(chance.next()) + 100;
    match chance.next() % 4 {
        0 => {
            varint(number << 3, chance, out);
            varint(u64::from(chance.next()) << 40, chance, out);
        }
        1 => {
            varint(number << 3 | 1, chance, out);
            out.extend([7; 8]);
        }
        2 => {
            // As packed numbers would be, too.
            varint(number << 3 | 2, chance, out);
            varint(5, chance, out);
            out.extend([0xff; 5]);
        }
        _ => {
            varint(number << 3 | 5, chance, out);
            out.extend([7; 4]);
        }
    }
}

fn written_anew(bytes: &[u8], chance: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chance = Chance(chance.iter().cycle());
    write_all(&pieces(bytes, "request"), "request", &mut chance, &mut out);
    out
}

fn sample(name: &str) -> Vec<bytes::Bytes> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/");
    let input = Input::File(format!("{path}{name}.jsonl.zst").into());
    let requests = Requests::open(&input, false).unwrap();
    requests.map(|request| request.unwrap().bytes).collect()
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    any::request().prop_map(|request| request.encode_to_vec())
}

proptest! {
    #[test]
    fn a_valid_request_says_the_same_however_it_is_written(
        bytes in request(), chance in vec(any::<u8>(), 1..200)
    ) {
        let written = written_anew(&bytes, &chance);
        let original = ExportTraceServiceRequest::decode(&bytes[..]);
        prop_assert_eq!(original, ExportTraceServiceRequest::decode(&written[..]));
        prop_assert_eq!(by_reader(&bytes).unwrap(), by_reader(&written).unwrap());
        assert_same(&bytes);
        assert_same(&written);
    }

    #[test]
    fn a_request_that_is_cut_or_bent_has_the_same_verdict(
        bytes in request(),
        chance in vec(any::<u8>(), 1..50),
        bends in vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = written_anew(&bytes, &chance);
        for (at, byte, how) in bends {
            let at = at.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => bytes[at] ^= 1 << (byte % 8),
                _ => {}
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        assert_same(&bytes);
    }

    #[test]
    fn any_bytes_have_the_same_verdict(bytes in vec(any::<u8>(), 0..40)) {
        assert_same(&bytes);
    }
}

#[test]
fn recorded_requests_say_the_same() {
    for name in ["webshop", "build", "incident"] {
        let requests = sample(name);
        assert!(requests.len() > 5, "{name}");
        for request in requests.iter().take(300) {
            assert_same(request);
        }
    }
}

#[test]
fn recorded_requests_that_are_cut_anywhere_have_the_same_verdict() {
    let mut sizes = BTreeMap::new();
    for request in sample("webshop") {
        sizes.entry(request.len() / 200).or_insert(request);
    }
    for request in sizes.values().take(6) {
        for cut in 0..request.len() {
            assert_same(&request[..cut]);
        }
    }
}

/// A request with a span whose attribute `value` is said to be.
fn with_value(value: &[u8]) -> Vec<u8> {
    within([2, 9, 2, 2, 1], value.to_vec())
}

/// A message, in others, of which it is these fields.
fn within<const N: usize>(fields: [u8; N], mut message: Vec<u8>) -> Vec<u8> {
    for field in fields {
        let mut outer = vec![field << 3 | 2];
        prost::encoding::encode_varint(message.len() as u64, &mut outer);
        outer.extend(message);
        message = outer;
    }
    message
}

/// What the first attribute of the first span is.
fn value_of(request: &[u8]) -> String {
    assert_same(request);
    by_reader(request).unwrap().resources[0].1[0].attributes[0].1.clone()
}

#[test]
fn lists_are_not_followed_however_deep_they_are() {
    let mut value = vec![0x18, 0x01];
    for _ in 0..5_000 {
        value = within([1, 5], value);
    }
    assert_eq!(value_of(&with_value(&value)), "None");
    // Nor is what is wrong in them seen.
    assert_eq!(value_of(&with_value(&within([5, 1, 5], vec![0xff]))), "None");
}

#[test]
fn of_a_list_in_several_parts_the_very_first_element_counts() {
    let one = within([1, 5], vec![0x18, 0x01]);
    let two = within([1, 5], vec![0x18, 0x02]);
    let text = within([1], b"text".to_vec());
    let none = within([5], vec![]);
    let value = |parts: &[&Vec<u8>]| {
        value_of(&with_value(&parts.iter().copied().flatten().copied().collect::<Vec<_>>()))
    };
    assert_eq!(value(&[&one, &two]), "Int(1)");
    assert_eq!(value(&[&none, &two]), "Int(2)");
    assert_eq!(value(&[&one, &text, &two]), "Int(2)");
    assert_eq!(value(&[&one, &text]), "Text(\"text\")");
    // The same in values of their own.
    for parts in
        [[&one, &two, &none], [&none, &two, &one], [&one, &text, &two], [&two, &one, &text]]
    {
        let attribute = parts.iter().flat_map(|part| within([2], part.to_vec())).collect();
        assert_eq!(value_of(&within([9, 2, 2, 1], attribute)), value(&parts));
    }
}

#[test]
fn what_is_cut_off_in_one_part_of_a_resource_does_not_go_on_in_the_next() {
    let attribute = within([1], within([1], b"key".to_vec()));
    for cut in 1..attribute.len() {
        let (first, second) = attribute.split_at(cut);
        let parts = [first, second].map(|part| within([1], part.to_vec())).concat();
        let request = within([1], parts);
        assert!(by_reader(&request).is_err());
        assert_same(&request);
    }
}

#[test]
fn groups_are_refused_though_prost_passes_over_them() {
    let group = [0xa3, 0x06, 0x08, 0x01, 0xa4, 0x06];
    assert!(ExportTraceServiceRequest::decode(&group[..]).is_ok());
    assert_eq!(by_reader(&group).unwrap_err().what, "groups are not allowed");
    assert_eq!(by_reader(&with_value(&group)).unwrap_err().what, "groups are not allowed");
    assert_same(&group);
}
