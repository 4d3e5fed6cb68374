//! Bytes of an export request, read as spans. In: protobuf (`ExportTraceServiceRequest`,
//! opentelemetry-proto 1.x). Out: views that borrow from the bytes; nothing is copied or allocated.
//!
//! A field that is set twice counts as it was set last, as protobuf wants it. Attributes, events
//! and links are only walked when somebody asks for them.

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
        let mut resource = Slice::default();
        let mut fields = self.slice.fields();
        while let Some(field) = fields.next_field()? {
            if field.number == 1 {
                resource = field.bytes()?;
            }
        }
        Ok(Resource { slice: resource })
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
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    slice: Slice<'a>,
}

impl<'a> Resource<'a> {
    /// Its bytes, to know it again by.
    pub const fn bytes(&self) -> &'a [u8] {
        self.slice.bytes
    }

    /// Its attributes.
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.slice, 1)
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
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }
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
    has_attributes: bool,
}

impl<'a> Span<'a> {
    fn read(slice: Slice<'a>) -> Result<Self, Malformed> {
        let mut span = Self { slice, ..Self::default() };
        let mut fields = slice.fields();
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => span.trace_id = trace_id(field.bytes()?),
                2 => span.span_id = span_id(field.bytes()?),
                3 => span.trace_state = field.bytes()?.bytes,
                4 => span.parent_id = span_id(field.bytes()?),
                5 => span.name = field.bytes()?.bytes,
                6 => span.kind = SpanKind::from_number(field.varint()?),
                7 => span.start_ns = field.fixed64()?,
                8 => span.end_ns = field.fixed64()?,
                // Attributes, events and links wait until somebody asks.
                9 => {
                    field.bytes()?;
                    span.has_attributes = true;
                }
                11 | 13 => {
                    field.bytes()?;
                }
                15 => span.read_status(field.bytes()?)?,
                16 => span.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(span)
    }

    fn read_status(&mut self, slice: Slice<'a>) -> Result<(), Malformed> {
        let mut fields = slice.fields();
        while let Some(field) = fields.next_field()? {
            match field.number {
                2 => self.status_message = field.bytes()?.bytes,
                3 => {
                    self.status = match field.varint()? {
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
        self.has_attributes
    }

    /// Its attributes.
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.slice, 9)
    }

    /// Visits its events.
    ///
    /// # Errors
    /// [`Malformed`] from the visitor or from the bytes.
    pub fn for_each_event(
        &self,
        mut visit: impl FnMut(Event<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut fields = self.slice.fields();
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
        let mut fields = self.slice.fields();
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
                1 => link.trace_id = trace_id(field.bytes()?),
                2 => link.span_id = span_id(field.bytes()?),
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

/// An id of another length than 16 bytes is as good as none: all zero.
fn trace_id(slice: Slice<'_>) -> [u8; 16] {
    slice.bytes.try_into().unwrap_or_default()
}

/// An id of another length than 8 bytes is as good as none: zero.
fn span_id(slice: Slice<'_>) -> u64 {
    slice.bytes.try_into().map(u64::from_be_bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
