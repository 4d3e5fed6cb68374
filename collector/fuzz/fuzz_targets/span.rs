//! Any bytes: the reader of spans and prost have the same verdict and see the same fields.

#![no_main]
#![allow(
    dead_code,
    reason = "the reader is compiled in; the reducer, which uses all of it, is not"
)]

// The reader by itself, not the whole collector: that is what is fuzzed, and it builds in a moment.
#[path = "../../src/span/tests/said.rs"]
mod said;
#[path = "../../src/span/mod.rs"]
#[allow(unused_imports, reason = "the same")]
mod span;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| said::assert_same(bytes));
