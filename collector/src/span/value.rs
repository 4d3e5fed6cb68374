//! Attributes: keys with values, read in place.

use super::wire::{Fields, Malformed, Slice};

/// The attributes of a resource, span, event or link.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    slice: Slice<'a>,
    /// The field that holds them in their message.
    number: u32,
}

impl<'a> Attributes<'a> {
    pub(super) const fn new(slice: Slice<'a>, number: u32) -> Self {
        Self { slice, number }
    }

    /// Visits every attribute.
    ///
    /// # Errors
    /// [`Malformed`] from the bytes.
    #[inline]
    pub fn for_each(&self, mut visit: impl FnMut(Attribute<'a>)) -> Result<(), Malformed> {
        let mut fields = self.slice.fields();
        while let Some(field) = fields.next_field()? {
            if field.number == self.number {
                visit(Attribute::read(field.bytes()?)?);
            }
        }
        Ok(())
    }
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// Its key, such as `http.route`.
    pub key: &'a [u8],
    /// Its value.
    pub value: Scalar<'a>,
}

/// A value, as far as the reducer wants it: an array counts by its first element.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scalar<'a> {
    /// Empty, or of a type that no attribute here has.
    #[default]
    None,
    /// Text.
    Text(&'a str),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
}

impl<'a> Scalar<'a> {
    /// The text, unless it is empty.
    pub fn text(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text).filter(|text| !text.is_empty()) } else { None }
    }

    /// The whole number, also where it was written as text.
    pub fn int(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// True or false, also where it was written as text.
    pub fn bool(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl<'a> Attribute<'a> {
    fn read(slice: Slice<'a>) -> Result<Self, Malformed> {
        let mut attribute = Self { key: &[], value: Scalar::None };
        let mut fields = slice.fields();
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => attribute.key = field.bytes()?.bytes,
                2 => attribute.value = any_value(field.bytes()?.fields())?,
                _ => {}
            }
        }
        Ok(attribute)
    }
}

fn any_value(mut fields: Fields<'_>) -> Result<Scalar<'_>, Malformed> {
    let mut value = Scalar::None;
    while let Some(field) = fields.next_field()? {
        value = match field.number {
            1 => Scalar::Text(field.bytes()?.text()?),
            2 => Scalar::Bool(field.varint()? != 0),
            3 => Scalar::Int(field.varint()?.cast_signed()),
            4 => Scalar::Double(f64::from_bits(field.fixed64()?)),
            5 => first_of_array(field.bytes()?)?,
            6 | 7 => {
                field.bytes()?;
                Scalar::None
            }
            _ => value,
        };
    }
    Ok(value)
}

/// The array's first element, if that is not an array itself: nothing is followed deeper.
fn first_of_array(slice: Slice<'_>) -> Result<Scalar<'_>, Malformed> {
    let mut elements = slice.fields();
    while let Some(element) = elements.next_field()? {
        if element.number != 1 {
            continue;
        }
        let mut fields = element.bytes()?.fields();
        return Ok(match fields.next_field()? {
            Some(field) if field.number == 1 => Scalar::Text(field.bytes()?.text()?),
            Some(field) if field.number == 3 => Scalar::Int(field.varint()?.cast_signed()),
            _ => Scalar::None,
        });
    }
    Ok(Scalar::None)
}
