//! Bodies of requests. In: batches, by number. Out: their bytes as they go over the wire, made in
//! buffers that are used again.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::client::{PREFIX, Protocol};
use crate::load::batch::Batches;

/// A body, and how many spans it has.
#[derive(Clone, Debug)]
pub struct Body {
    /// What goes over the wire.
    pub bytes: Bytes,
    /// Spans in it.
    pub spans: u64,
}

/// Makes bodies.
#[derive(Clone)]
pub struct Bodies {
    batches: Arc<Batches>,
    protocol: Protocol,
    gzip: bool,
    /// By how much the spans' times are moved, in nanoseconds.
    shift_ns: i64,
    /// What was made before anybody waits for it: the first ones.
    prepared: Arc<[Body]>,
    plain: Vec<u8>,
    spare: Vec<u8>,
}

impl Bodies {
    /// Of these batches.
    pub fn new(batches: Arc<Batches>, protocol: Protocol, gzip: bool, shift_ns: i64) -> Self {
        let prepared = Arc::from([]);
        Self { batches, protocol, gzip, shift_ns, prepared, plain: Vec::new(), spare: Vec::new() }
    }

    /// Makes the first ones now.
    pub fn prepare(&mut self, count: u64) {
        self.prepared = (0..count).map(|number| self.make(number)).collect();
    }

    /// The body of this number.
    pub fn body(&mut self, number: u64) -> Body {
        let prepared = usize::try_from(number).ok().and_then(|number| self.prepared.get(number));
        prepared.cloned().unwrap_or_else(|| self.make(number))
    }

    fn make(&mut self, number: u64) -> Body {
        let prefix = if self.protocol == Protocol::Grpc { PREFIX } else { 0 };
        let mut body = std::mem::take(&mut self.spare);
        body.clear();
        body.resize(prefix, 0);
        let spans = if self.gzip {
            self.plain.clear();
            let spans = self.batches.write(number, self.shift_ns, &mut self.plain);
            let mut encoder = GzEncoder::new(body, Compression::fast());
            encoder.write_all(&self.plain).expect("memory takes everything");
            body = encoder.finish().expect("memory takes everything");
            spans
        } else {
            self.batches.write(number, self.shift_ns, &mut body)
        };
        if let Some((head, message)) = body.split_first_chunk_mut::<PREFIX>()
            && prefix > 0
        {
            let length = u32::try_from(message.len()).expect("requests are below 4 GiB");
            head[0] = u8::from(self.gzip);
            head[1..].copy_from_slice(&length.to_be_bytes());
        }
        Body { bytes: body.into(), spans }
    }

    /// Takes a body back, to make the next one in its memory.
    pub fn recycle(&mut self, body: Body) {
        if self.spare.capacity() == 0 {
            // Without a copy, if the connection has let go of it.
            self.spare = match body.bytes.try_into_mut() {
                Ok(bytes) => bytes.into(),
                Err(_) => Vec::new(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::load::small;

    fn bodies(protocol: Protocol, gzip: bool) -> Bodies {
        let batches = Batches::new(small::pairs(2, 10), 10, 3);
        Bodies::new(Arc::new(batches), protocol, gzip, 0)
    }

    #[test]
    fn bodies_are_the_same_prepared_compressed_and_framed_or_not() {
        for number in 0..5 {
            let plain = bodies(Protocol::Http, false).body(number);
            assert_eq!(plain.spans, 10);
            let framed = bodies(Protocol::Grpc, false).body(number).bytes;
            assert_eq!(
                framed[..5],
                [0, 0, 0, (plain.bytes.len() >> 8) as u8, plain.bytes.len() as u8]
            );
            assert_eq!(framed[5..], plain.bytes);
            let mut prepared = bodies(Protocol::Grpc, true);
            prepared.prepare(3);
            let framed = prepared.body(number).bytes;
            assert_eq!(framed[0], 1);
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&framed[5..]).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, plain.bytes);
        }
    }

    #[test]
    fn a_body_that_comes_back_lends_its_memory_to_the_next() {
        let mut bodies = bodies(Protocol::Http, false);
        let first = bodies.body(0);
        let place = first.bytes.as_ptr();
        bodies.recycle(first);
        // The same batch of the next round is as long.
        assert_eq!(bodies.body(2).bytes.as_ptr(), place);
    }
}
