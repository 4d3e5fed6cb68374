//! What the reducer's reader does, without the reducer: resources, spans, and the attributes of all
//! spans that the reducer looks at, with their values, of which the reducer needs some. In: a request
//! in protobuf. Out: how much there was.

use std::hint::black_box;

use spanfall_collector::span::{self, Malformed, SpanKind};

/// Reads a request as the reducer does; returns how many attributes it has seen.
///
/// # Errors
/// [`Malformed`] if the bytes are no request.
pub fn attributes(request: &[u8]) -> Result<u64, Malformed> {
    let mut count = 0;
    span::for_each_resource(request, |resource| {
        // The reducer knows a resource again by its bytes.
        black_box(resource.resource()?.bytes());
        resource.for_each_span(|span| {
            black_box(&span);
            if span.kind == SpanKind::Internal {
                return Ok(());
            }
            span.attributes().for_each(|attribute| {
                black_box(attribute.value()?);
                count += 1;
                Ok(())
            })
        })
    })?;
    Ok(count)
}
