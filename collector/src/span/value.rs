//! Attributes: keys with values, read in place.

use super::wire::{Malformed, Slice};

/// The attributes of a resource, span, event or link.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    slice: Slice<'a>,
    /// The tag of the field that holds them in their message.
    tag: u8,
}

impl<'a> Attributes<'a> {
    /// `number` is that of their field.
    pub(super) const fn new(slice: Slice<'a>, number: u8) -> Self {
        const BYTES: u8 = 2;
        Self { slice, tag: number << 3 | BYTES }
    }

    /// Visits every attribute.
    ///
    /// # Errors
    /// [`Malformed`] from the visitor or from the bytes.
    #[inline]
    pub fn for_each(
        &self,
        mut visit: impl FnMut(Attribute<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut fields = self.slice.fields();
        while !fields.is_at_end() {
            let at = fields.at();
            if let Some(bytes) = fields.short(self.tag) {
                // A tag and a length of a byte each are before it.
                visit(Attribute::read(Slice { bytes, at: at + 2 })?)?;
                continue;
            }
            let Some(field) = fields.next_field()? else { break };
            if field.number == u32::from(self.tag >> 3) {
                visit(Attribute::read(field.bytes()?)?)?;
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
    value: Slice<'a>,
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
    #[inline(always)]
    fn read(slice: Slice<'a>) -> Result<Self, Malformed> {
        const KEY: u8 = 0x0a;
        const VALUE: u8 = 0x12;
        let mut fields = slice.fields();
        if let Some(key) = fields.short(KEY) {
            let at = fields.at();
            if let Some(bytes) = fields.short(VALUE)
                && fields.is_at_end()
            {
                return Ok(Self { key, value: Slice { bytes, at: at + 2 } });
            }
        }
        Self::read_any(slice)
    }

    /// The same of an attribute that is long, or not written as nearly all are.
    fn read_any(slice: Slice<'a>) -> Result<Self, Malformed> {
        let (mut key, mut value): (&[u8], Option<Slice<'a>>) = (&[], None);
        let mut fields = slice.fields();
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => key = field.bytes()?.bytes,
                2 if value.is_some() => return Self::read_parts(slice),
                2 => value = Some(field.bytes()?),
                _ => {}
            }
        }
        Ok(Self { key, value: value.unwrap_or_default() })
    }

    /// The same where the value was written in several parts: of these, the one that has the say is
    /// kept, and all are looked into.
    #[cold]
    fn read_parts(slice: Slice<'a>) -> Result<Self, Malformed> {
        let mut attribute = Self { key: &[], value: Slice::default() };
        let mut value = AnyValue::default();
        let mut fields = slice.fields();
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => attribute.key = field.bytes()?.bytes,
                2 => {
                    let part = field.bytes()?;
                    if value.read(part)? {
                        attribute.value = part;
                    }
                }
                _ => {}
            }
        }
        Ok(attribute)
    }

    /// Its value. Nobody looks into it before it is asked for.
    ///
    /// # Errors
    /// [`Malformed`] from the bytes, or if a text is not UTF-8.
    #[inline]
    pub fn value(&self) -> Result<Scalar<'a>, Malformed> {
        const TEXT: u8 = 0x0a;
        let mut fields = self.value.fields();
        if let Some(bytes) = fields.short(TEXT)
            && fields.is_at_end()
        {
            let at = self.value.at + 2;
            return Ok(Scalar::Text(Slice { bytes, at }.text()?));
        }
        let mut value = AnyValue::default();
        value.read(self.value)?;
        value.scalar()
    }
}

/// An `AnyValue` as far as it has been read. Fields that are no value leave it as it is.
#[derive(Clone, Copy, Debug, Default)]
struct AnyValue<'a> {
    scalar: Scalar<'a>,
    /// The first element, if it is a list that has one. More lists may follow it.
    first: Option<Slice<'a>>,
}

impl<'a> AnyValue<'a> {
    /// Reads on; returns whether that changed what the value is.
    #[inline(always)]
    fn read(&mut self, slice: Slice<'a>) -> Result<bool, Malformed> {
        let mut changed = false;
        let mut fields = slice.fields();
        while let Some(field) = fields.next_field()? {
            let mut first = None;
            let scalar = match field.number {
                1 => Scalar::Text(field.bytes()?.text()?),
                2 => Scalar::Bool(field.varint()? != 0),
                3 => Scalar::Int(field.varint()?.cast_signed()),
                4 => Scalar::Double(f64::from_bits(field.fixed64()?)),
                5 => {
                    first = first_of_list(field.bytes()?)?;
                    if self.first.is_some() {
                        continue;
                    }
                    Scalar::None
                }
                6 | 7 => {
                    field.bytes()?;
                    Scalar::None
                }
                _ => continue,
            };
            *self = Self { scalar, first };
            changed = true;
        }
        Ok(changed)
    }

    /// What it is. A list is its first element, if that is a text or a whole number: nothing is
    /// followed deeper.
    #[inline(always)]
    fn scalar(self) -> Result<Scalar<'a>, Malformed> {
        let Some(element) = self.first else { return Ok(self.scalar) };
        let mut scalar = Scalar::None;
        let mut fields = element.fields();
        while let Some(field) = fields.next_field()? {
            scalar = match field.number {
                1 => Scalar::Text(field.bytes()?.text()?),
                2 => field.varint().map(|_| Scalar::None)?,
                3 => Scalar::Int(field.varint()?.cast_signed()),
                4 => field.fixed64().map(|_| Scalar::None)?,
                5..=7 => field.bytes().map(|_| Scalar::None)?,
                _ => continue,
            };
        }
        Ok(scalar)
    }
}

/// The first of a list's elements. The others are passed over.
#[inline(never)]
fn first_of_list(list: Slice<'_>) -> Result<Option<Slice<'_>>, Malformed> {
    let mut first = None;
    let mut elements = list.fields();
    while let Some(element) = elements.next_field()? {
        if element.number == 1 {
            let element = element.bytes()?;
            first = first.or(Some(element));
        }
    }
    Ok(first)
}
