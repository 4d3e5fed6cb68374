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
    pub const fn fields(self) -> Fields<'a> {
        Fields { slice: self, pos: 0 }
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
    fn wrong_type(&self) -> Malformed {
        Malformed { at: self.at, what: "field has a wire type that its message does not allow" }
    }

    /// Text, bytes or a message.
    ///
    /// # Errors
    /// [`Malformed`] if it has another wire type.
    pub fn bytes(&self) -> Result<Slice<'a>, Malformed> {
        if let Value::Bytes(slice) = self.value { Ok(slice) } else { Err(self.wrong_type()) }
    }

    /// A varint: integers, enums, bools.
    ///
    /// # Errors
    /// [`Malformed`] if it has another wire type.
    pub fn varint(&self) -> Result<u64, Malformed> {
        if let Value::Varint(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }

    /// Eight bytes: times.
    ///
    /// # Errors
    /// [`Malformed`] if it has another wire type.
    pub fn fixed64(&self) -> Result<u64, Malformed> {
        if let Value::Fixed64(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }

    /// Four bytes: flags.
    ///
    /// # Errors
    /// [`Malformed`] if it has another wire type.
    pub fn fixed32(&self) -> Result<u32, Malformed> {
        if let Value::Fixed32(value) = self.value { Ok(value) } else { Err(self.wrong_type()) }
    }
}

/// The fields of one message, in the order in which they were written.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    slice: Slice<'a>,
    pos: usize,
}

impl<'a> Fields<'a> {
    /// The next field, or `None` at the message's end.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes stop making sense; what follows cannot be read.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.pos == self.slice.bytes.len() {
            return Ok(None);
        }
        let at = self.slice.at + self.pos;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3)
            .ok()
            .filter(|&number| number != 0 && number < 1 << 29)
            .ok_or(Malformed { at, what: "field number out of range" })?;
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

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        // Nearly every tag and length in OTLP is one byte.
        if let Some(&byte) = self.slice.bytes.get(self.pos)
            && byte < 0x80
        {
            self.pos += 1;
            return Ok(u64::from(byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let start = self.pos;
        let mut value = 0_u64;
        for index in 0..10 {
            let Some(&byte) = self.slice.bytes.get(start + index) else {
                return Err(self.malformed("a number is cut off"));
            };
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.pos = start + index + 1;
                return Ok(value);
            }
        }
        Err(self.malformed("a number is longer than 64 bits"))
    }

    fn take(&mut self, length: u64, at: usize) -> Result<Slice<'a>, Malformed> {
        let rest = &self.slice.bytes[self.pos..];
        let length = usize::try_from(length)
            .ok()
            .filter(|&length| length <= rest.len())
            .ok_or(Malformed { at, what: "a length goes past the end of its message" })?;
        let slice = Slice { bytes: &rest[..length], at: self.slice.at + self.pos };
        self.pos += length;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let rest = &self.slice.bytes[self.pos..];
        let Some(array) = rest.first_chunk::<N>() else {
            return Err(self.malformed("a fixed-size number is cut off"));
        };
        self.pos += N;
        Ok(*array)
    }

    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { at: self.slice.at + self.pos, what }
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
