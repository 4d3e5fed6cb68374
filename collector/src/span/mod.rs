//! Bytes of an export request, read as spans. In: protobuf (`ExportTraceServiceRequest`,
//! opentelemetry-proto 1.x). Out: views that borrow from the bytes; nothing is copied or allocated, but
//! for a resource that was written in several parts.
//!
//! A field that is set twice counts as it was set last, and a message in several parts is one
//! message, as protobuf wants it. Attributes, events and links are only walked when somebody asks for
//! them. What nobody asks for is not looked into, and is not what a request is refused for: values of
//! other attributes, whether a name or a key is UTF-8, all of a list but its first element, and so
//! whatever lies deeper than that.

use std::borrow::Cow;

mod value;
pub(crate) mod wire;

pub use value::{Attribute, Attributes, Scalar};
pub use wire::{Field, Fields, Malformed, Slice, Value};

/// Visits the `ResourceSpans` of a request, in order.
///
/// # Errors
/// [`Malformed`] from the visitor or from the bytes.
pub fn for_each_resource<'a>(
    request: &'a [u8],
    mut visit: impl FnMut(ResourceSpans<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut fields = Slice::whole(request).fields();
    while let Some(field) = fields.next_field()? {
        if field.number == 1 {
            visit(ResourceSpans { slice: field.bytes()? })?;
        }
    }
    Ok(())
}

/// The spans of one resource.
#[derive(Clone, Copy, Debug)]
pub struct ResourceSpans<'a> {
    slice: Slice<'a>,
}

impl<'a> ResourceSpans<'a> {
    /// The resource, as bytes: the same resource has the same bytes from export to export.
    ///
    /// # Errors
    /// [`Malformed`] from the bytes.
    pub fn resource(&self) -> Result<Resource<'a>, Malformed> {
        let mut resource = Resource::default();
        let mut fields = self.slice.fields();
        while let Some(field) = fields.next_field()? {
            if field.number == 1 {
                let part = field.bytes()?;
                if resource.bytes.is_empty() {
                    resource = Resource { bytes: Cow::Borrowed(part.bytes), at: part.at };
                } else {
                    resource.append(part)?;
                }
            }
        }
        Ok(resource)
    }

    /// Visits every span.
    ///
    /// # Errors
    /// [`Malformed`] from the visitor or from the bytes.
    pub fn for_each_span(
        &self,
        mut visit: impl FnMut(Span<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut fields = self.slice.fields();
        while let Some(field) = fields.next_field()? {
            if field.number != 2 {
                continue;
            }
            let mut scope = field.bytes()?.fields();
            while let Some(field) = scope.next_field()? {
                if field.number == 2 {
                    visit(Span::read(field.bytes()?)?)?;
                }
            }
        }
        Ok(())
    }
}

/// What exported the spans.
#[derive(Clone, Debug, Default)]
pub struct Resource<'a> {
    /// Its parts, one after the other; nearly always there is one.
    bytes: Cow<'a, [u8]>,
    /// Offset of the first one in the request.
    at: usize,
}

impl Resource<'_> {
    /// Adds another part of the same message. Nobody writes a resource so, but protobuf allows it.
    #[cold]
    fn append(&mut self, part: Slice<'_>) -> Result<(), Malformed> {
        // What is cut off at the end of a part must not go on in the next one. Each is looked at once.
        if let Cow::Borrowed(_) = self.bytes {
            self.slice().check()?;
        }
        part.check()?;
        self.bytes.to_mut().extend_from_slice(part.bytes);
        Ok(())
    }

    fn slice(&self) -> Slice<'_> {
        Slice { bytes: &self.bytes, at: self.at }
    }

    /// Its bytes, to know it again by.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes::new(self.slice(), 1)
    }
}

/// `Span.kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified,
    /// Inside a process.
    Internal,
    /// Handles a request.
    Server,
    /// Makes a request.
    Client,
    /// Sends a message.
    Producer,
    /// Handles a message.
    Consumer,
}

impl SpanKind {
    const fn from_number(number: u64) -> Self {
        // An enum is 32 bits of a number, however many were written.
        match number as u32 {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }
}

/// The tags of a span's fields: their numbers in `trace.proto`, and their wire types.
mod tag {
    const FIXED64: u8 = 1;
    const BYTES: u8 = 2;

    pub(super) const TRACE_ID: u8 = 1 << 3 | BYTES;
    pub(super) const SPAN_ID: u8 = 2 << 3 | BYTES;
    pub(super) const TRACE_STATE: u8 = 3 << 3 | BYTES;
    pub(super) const PARENT_ID: u8 = 4 << 3 | BYTES;
    pub(super) const NAME: u8 = 5 << 3 | BYTES;
    pub(super) const KIND: u8 = 6 << 3;
    pub(super) const START: u8 = 7 << 3 | FIXED64;
    pub(super) const END: u8 = 8 << 3 | FIXED64;
    pub(super) const ATTRIBUTE: u8 = 9 << 3 | BYTES;
    pub(super) const EVENT: u8 = 11 << 3 | BYTES;
    pub(super) const LINK: u8 = 13 << 3 | BYTES;
    pub(super) const STATUS: u8 = 15 << 3 | BYTES;
    /// The first of the two bytes that 16 takes.
    pub(super) const FLAGS: u8 = 0x85;
}

/// `Status.code`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusCode {
    /// Not said.
    #[default]
    Unset,
    /// Said to be fine.
    Ok,
    /// Failed.
    Error,
}

/// One span.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span<'a> {
    slice: Slice<'a>,
    /// The trace's id; all zero is invalid.
    pub trace_id: [u8; 16],
    /// The span's id; zero is invalid.
    pub span_id: u64,
    /// Its parent's id; zero is none.
    pub parent_id: u64,
    /// W3C `tracestate`.
    pub trace_state: &'a [u8],
    /// Its name.
    pub name: &'a [u8],
    /// Its kind.
    pub kind: SpanKind,
    /// W3C trace flags in bits 0-7, `HAS_IS_REMOTE` in bit 8, `IS_REMOTE` in bit 9.
    pub flags: u32,
    /// When it began, in nanoseconds since 1970.
    pub start_ns: u64,
    /// When it ended, in nanoseconds since 1970.
    pub end_ns: u64,
    /// Its status.
    pub status: StatusCode,
    /// What the status says.
    pub status_message: &'a [u8],
    attributes: Extent,
    events: Extent,
    links: Extent,
}

/// Where in the request a span's fields of one number are, from the first to the last; others may
/// be between them.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    from: usize,
    to: usize,
}

impl Extent {
    #[inline]
    fn cover(&mut self, from: usize, to: usize) {
        if self.to == 0 {
            self.from = from;
        }
        self.to = to;
    }

    const fn is_empty(self) -> bool {
        self.to == 0
    }

    #[inline]
    fn of<'a>(self, slice: Slice<'a>) -> Slice<'a> {
        if self.is_empty() { Slice::default() } else { slice.part(self.from, self.to) }
    }
}

impl<'a> Span<'a> {
    fn read(slice: Slice<'a>) -> Result<Self, Malformed> {
        let mut span = Self { slice, ..Self::default() };
        let mut fields = slice.fields();
        while !fields.is_at_end() {
            if !span.read_short(&mut fields) {
                span.read_any(&mut fields)?;
            }
        }
        Ok(span)
    }

    /// Reads the next field, if it looks as it nearly always does.
    #[inline(always)]
    fn read_short(&mut self, fields: &mut Fields<'a>) -> bool {
        let Some(first) = fields.peek() else { return false };
        let before = *fields;
        let at = fields.at();
        let bytes = match first {
            tag::KIND => {
                let kind = fields.short_varint(first);
                self.kind = kind.map_or(self.kind, |kind| SpanKind::from_number(kind.into()));
                return kind.is_some();
            }
            tag::START => {
                let time = fields.short_fixed64(first);
                self.start_ns = time.unwrap_or(self.start_ns);
                return time.is_some();
            }
            tag::END => {
                let time = fields.short_fixed64(first);
                self.end_ns = time.unwrap_or(self.end_ns);
                return time.is_some();
            }
            tag::FLAGS => {
                let flags = fields.flags();
                self.flags = flags.unwrap_or(self.flags);
                return flags.is_some();
            }
            _ => fields.short(first),
        };
        // A field of another type of these numbers is no short one either.
        let Some(bytes) = bytes else { return false };
        match first {
            tag::TRACE_ID => self.trace_id = bytes.try_into().unwrap_or_default(),
            tag::SPAN_ID => self.span_id = span_id(bytes),
            tag::TRACE_STATE => self.trace_state = bytes,
            tag::PARENT_ID => self.parent_id = span_id(bytes),
            tag::NAME => self.name = bytes,
            tag::ATTRIBUTE => self.attributes.cover(at, fields.at()),
            tag::EVENT => self.events.cover(at, fields.at()),
            tag::LINK => self.links.cover(at, fields.at()),
            // An empty status says nothing.
            tag::STATUS if bytes.is_empty() => {}
            _ => {
                *fields = before;
                return false;
            }
        }
        true
    }

    /// Reads the next field, whatever it looks like.
    fn read_any(&mut self, fields: &mut Fields<'a>) -> Result<(), Malformed> {
        let Some(field) = fields.next_field()? else { return Ok(()) };
        match field.number {
            1 => self.trace_id = field.bytes()?.bytes.try_into().unwrap_or_default(),
            2 => self.span_id = span_id(field.bytes()?.bytes),
            3 => self.trace_state = field.bytes()?.bytes,
            4 => self.parent_id = span_id(field.bytes()?.bytes),
            5 => self.name = field.bytes()?.bytes,
            6 => self.kind = SpanKind::from_number(field.varint()?),
            7 => self.start_ns = field.fixed64()?,
            8 => self.end_ns = field.fixed64()?,
            // Attributes, events and links wait until somebody asks.
            number @ (9 | 11 | 13) => {
                field.bytes()?;
                let extent = match number {
                    9 => &mut self.attributes,
                    11 => &mut self.events,
                    _ => &mut self.links,
                };
                extent.cover(field.at, fields.at());
            }
            15 => self.read_status(field.bytes()?)?,
            16 => self.flags = field.fixed32()?,
            _ => {}
        }
        Ok(())
    }

    fn read_status(&mut self, slice: Slice<'a>) -> Result<(), Malformed> {
        let mut fields = slice.fields();
        while let Some(field) = fields.next_field()? {
            match field.number {
                2 => self.status_message = field.bytes()?.bytes,
                3 => {
                    self.status = match field.varint()? as u32 {
                        1 => StatusCode::Ok,
                        2 => StatusCode::Error,
                        _ => StatusCode::Unset,
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the span's parent is known to live in another process (`Some(true)`), in this one
    /// (`Some(false)`), or the exporter does not say.
    pub const fn parent_is_remote(&self) -> Option<bool> {
        if self.flags & 0x100 == 0 { None } else { Some(self.flags & 0x200 != 0) }
    }

    /// How long it took, in microseconds; 0 where the clock went back.
    pub const fn duration_us(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns) / 1000
    }

    /// Whether it has any attributes.
    pub const fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.attributes.of(self.slice), 9)
    }

    /// Visits its events.
    ///
    /// # Errors
    /// [`Malformed`] from the visitor or from the bytes.
    pub fn for_each_event(
        &self,
        mut visit: impl FnMut(Event<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut fields = self.events.of(self.slice).fields();
        while let Some(field) = fields.next_field()? {
            if field.number == 11 {
                visit(Event::read(field.bytes()?)?)?;
            }
        }
        Ok(())
    }

    /// Visits its links.
    ///
    /// # Errors
    /// [`Malformed`] from the visitor or from the bytes.
    pub fn for_each_link(
        &self,
        mut visit: impl FnMut(Link<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut fields = self.links.of(self.slice).fields();
        while let Some(field) = fields.next_field()? {
            if field.number == 13 {
                visit(Link::read(field.bytes()?)?)?;
            }
        }
        Ok(())
    }
}

impl Span<'_> {
    /// How many links it has.
    ///
    /// # Errors
    /// [`Malformed`] from the bytes.
    pub fn link_count(&self) -> Result<i64, Malformed> {
        let mut links = 0;
        self.for_each_link(|_| {
            links += 1;
            Ok(())
        })?;
        Ok(links)
    }
}

/// Something that happened during a span.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    slice: Slice<'a>,
    /// What happened, such as `exception`.
    pub name: &'a [u8],
}

impl<'a> Event<'a> {
    fn read(slice: Slice<'a>) -> Result<Self, Malformed> {
        let mut event = Self { slice, name: &[] };
        let mut fields = slice.fields();
        while let Some(field) = fields.next_field()? {
            if field.number == 2 {
                event.name = field.bytes()?.bytes;
            }
        }
        Ok(event)
    }

    /// Its attributes.
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.slice, 3)
    }
}

/// Another span that this one has to do with.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    slice: Slice<'a>,
    /// Its trace.
    pub trace_id: [u8; 16],
    /// Its id.
    pub span_id: u64,
}

impl<'a> Link<'a> {
    fn read(slice: Slice<'a>) -> Result<Self, Malformed> {
        let mut link = Self { slice, trace_id: [0; 16], span_id: 0 };
        let mut fields = slice.fields();
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => link.trace_id = field.bytes()?.bytes.try_into().unwrap_or_default(),
                2 => link.span_id = span_id(field.bytes()?.bytes),
                _ => {}
            }
        }
        Ok(link)
    }

    /// Its attributes.
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.slice, 4)
    }
}

/// An id of another length than 8 bytes is as good as none: zero. So is a trace's of other than 16.
#[inline(always)]
fn span_id(bytes: &[u8]) -> u64 {
    bytes.try_into().map(u64::from_be_bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
