//! The protobuf wire format, read in place. In: bytes. Out: fields that borrow from them.
//!
//! Format: <https://protobuf.dev/programming-guides/encoding/>. Groups (wire types 3 and 4) are
//! refused: OTLP never had them, and they are the only unbounded nesting a reader has to follow.

/// The bytes are not what they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf at byte {at}: {what}")]
pub struct Malformed {
    /// Where, counted from the request's first byte.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// A piece of the request, and where in the request it begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice<'a> {
    /// The piece.
    pub bytes: &'a [u8],
    /// Offset of its first byte in the request.
    pub at: usize,
}

impl<'a> Slice<'a> {
    /// The whole request.
    pub const fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The piece as text.
    ///
    /// # Errors
    /// [`Malformed`] if it is not UTF-8.
    pub fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes)
            .map_err(|error| Malformed { at: self.at + error.valid_up_to(), what: "not UTF-8" })
    }

    /// The fields of the message that this piece is.
    #[inline]
    pub const fn fields(self) -> Fields<'a> {
        Fields { rest: self.bytes, end: self.at + self.bytes.len() }
    }

    /// Looks for mistakes between the fields of the message that this piece is, not in them.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes stop making sense.
    pub(super) fn check(self) -> Result<(), Malformed> {
        let mut fields = self.fields();
        while fields.next_field()?.is_some() {}
        Ok(())
    }

    /// A part of the piece, from one place in the request to another; empty if that is not within.
    #[inline]
    pub(super) fn part(self, from: usize, to: usize) -> Self {
        let bytes = self.bytes.get(from.wrapping_sub(self.at)..to.wrapping_sub(self.at));
        Self { bytes: bytes.unwrap_or_default(), at: from }
    }
}

/// A field's value, by wire type.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: text, bytes, a message, or packed numbers.
    Bytes(Slice<'a>),
    /// Wire type 5.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its number in the `.proto` file.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
    /// Offset of its tag in the request.
    pub at: usize,
}

impl<'a> Field<'a> {
    #[cold]
    fn wrong_type(&self) -> Malformed {
        Malformed { at: self.at, what: "field has a wire type that its message does not allow" }
    }

    /// Text, bytes or a message.
    ///
    /// # Errors
    /// [`Malformed`] if it has another wire type.
    #[inline]
    pub fn bytes(&self) -> Result<Slice<'a>, Malformed> {
        if let Value::Bytes(slice) = self.value { Ok(slice) } else { Err(self.wrong_type()) }
    }

    /// A varint: integers, enums, bools.
    ///
    /// # Errors
    /// [`Malformed`] if it has another wire type.
    #[inline]
    pub fn varint(&self) -> Result<u64, Malformed> {
        if let Value::Varint(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }

    /// Eight bytes: times.
    ///
    /// # Errors
    /// [`Malformed`] if it has another wire type.
    #[inline]
    pub fn fixed64(&self) -> Result<u64, Malformed> {
        if let Value::Fixed64(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }

    /// Four bytes: flags.
    ///
    /// # Errors
    /// [`Malformed`] if it has another wire type.
    #[inline]
    pub fn fixed32(&self) -> Result<u32, Malformed> {
        if let Value::Fixed32(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }
}

/// The fields of one message, in the order in which they were written.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    /// Offset of the message's end in the request.
    end: usize,
}

impl<'a> Fields<'a> {
    /// Offset of the next field in the request.
    #[inline]
    pub(super) const fn at(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The next field, or `None` at the message's end.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes stop making sense; what follows cannot be read.
    #[inline(always)]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.at();
        let tag = self.varint()?;
        // Field numbers end at 2^29 - 1, and 0 is none.
        let number = match u32::try_from(tag >> 3) {
            Ok(number @ 1..=0x1fff_ffff) => number,
            _ => return Err(Malformed { at, what: "field number out of range" }),
        };
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length, at)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            3 | 4 => return Err(Malformed { at, what: "groups are not allowed" }),
            _ => return Err(Malformed { at, what: "unknown wire type" }),
        };
        Ok(Some(Field { number, value, at }))
    }

    /// The next field's payload, if its tag is this one byte and its length another: what nearly all
    /// fields of OTLP look like, wherever writers keep to the order of numbers.
    #[inline(always)]
    pub(super) fn short(&mut self, tag: u8) -> Option<&'a [u8]> {
        if let [first, length @ 0..0x80, rest @ ..] = self.rest
            && *first == tag
            && let Some((bytes, rest)) = rest.split_at_checked(usize::from(*length))
        {
            self.rest = rest;
            return Some(bytes);
        }
        None
    }

    /// The tag of the next field, as long as it is one byte.
    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Whether there is no other field.
    #[inline(always)]
    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The eight bytes of the next field, if its tag is this one byte.
    #[inline(always)]
    pub(super) fn short_fixed64(&mut self, tag: u8) -> Option<u64> {
        let (first, rest) = self.rest.split_first_chunk::<9>()?;
        let [there, number @ ..] = first;
        if *there != tag {
            return None;
        }
        self.rest = rest;
        Some(u64::from_le_bytes(*number))
    }

    /// The next field's four bytes, if its number is 16, which is that of a span's flags.
    #[inline(always)]
    pub(super) fn flags(&mut self) -> Option<u32> {
        let ([0x85, 0x01, number @ ..], rest) = self.rest.split_first_chunk::<6>()? else {
            return None;
        };
        self.rest = rest;
        Some(u32::from_le_bytes(*number))
    }

    /// The next field's number, if its tag is this one byte, and so is the number.
    #[inline(always)]
    pub(super) fn short_varint(&mut self, tag: u8) -> Option<u8> {
        match self.rest {
            [first, number @ 0..0x80, rest @ ..] if *first == tag => {
                self.rest = rest;
                Some(*number)
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        // Nearly every tag and length in OTLP is one byte.
        if let Some((&byte, rest)) = self.rest.split_first()
            && byte < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for index in 0..10 {
            let Some(&byte) = self.rest.get(index) else {
                return Err(self.malformed("a number is cut off"));
            };
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(self.malformed("a number is longer than 64 bits"))
    }

    #[inline(always)]
    fn take(&mut self, length: u64, at: usize) -> Result<Slice<'a>, Malformed> {
        let start = self.at();
        let parts =
            usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let Some((bytes, rest)) = parts else {
            return Err(Malformed { at, what: "a length goes past the end of its message" });
        };
        self.rest = rest;
        Ok(Slice { bytes, at: start })
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((array, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.malformed("a fixed-size number is cut off"));
        };
        self.rest = rest;
        Ok(*array)
    }

    #[cold]
    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at(), what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<usize, Malformed> {
        let mut fields = Slice::whole(bytes).fields();
        let mut count = 0;
        while fields.next_field()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn a_length_past_the_end_is_refused_where_it_stands() {
        let error = read(&[0x08, 0x01, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]).unwrap_err();
        assert_eq!(error.at, 2);
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        let too_long = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert!(read(&too_long).is_err());
        let longest = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read(&longest), Ok(1));
    }

    #[test]
    fn groups_and_field_zero_are_refused() {
        assert!(read(&[0x0b]).is_err());
        assert!(read(&[0x00, 0x00]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
