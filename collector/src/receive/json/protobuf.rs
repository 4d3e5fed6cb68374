//! Protobuf as it is written: fields in, a message's bytes out.

use prost::encoding::{encode_varint, encoded_len_varint};

/// Where the reader is, for messages.
#[derive(Debug)]
pub(super) enum Step {
    Field(&'static str),
    Item(usize),
}

/// The protobuf written so far, and the way to the field that is being read.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    pub(super) path: Vec<Step>,
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

impl Writer {
    /// Nothing written yet, and room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), path: Vec::new() }
    }

    fn key(&mut self, tag: u32, wire_type: u32) {
        encode_varint(u64::from(tag << 3 | wire_type), &mut self.out);
    }

    /// Writes a string, or bytes, or a whole message.
    pub(super) fn bytes(&mut self, tag: u32, bytes: &[u8]) {
        self.key(tag, LENGTH);
        encode_varint(bytes.len() as u64, &mut self.out);
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, tag: u32, number: Number) {
        match number {
            Number::Varint(value) => {
                self.key(tag, VARINT);
                encode_varint(value, &mut self.out);
            }
            Number::Fixed32(value) => {
                self.key(tag, FIXED32);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            Number::Fixed64(value) => {
                self.key(tag, FIXED64);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
        }
    }

    /// Starts a message whose length is not known yet; returns where it starts.
    pub(super) fn open(&mut self, tag: u32) -> usize {
        self.key(tag, LENGTH);
        self.out.push(0);
        self.out.len()
    }

    /// Ends the message that starts there: writes its length, moving it if that takes more than
    /// the one byte that was left for it.
    pub(super) fn close(&mut self, start: usize) {
        let length = (self.out.len() - start) as u64;
        let more = encoded_len_varint(length) - 1;
        if more > 0 {
            let end = self.out.len();
            self.out.resize(end + more, 0);
            self.out.copy_within(start..end, start + more);
        }
        let mut place = &mut self.out[start - 1..start + more];
        encode_varint(length, &mut place);
    }
}

/// A number as protobuf writes it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
}
