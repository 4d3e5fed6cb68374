//! Decompressing zstd with decoders that are used again. In: what is compressed. Out: what it was.
//!
//! A decoder's window takes megabytes. A recording that plays in a loop is opened anew every round, and
//! pieces of that size, asked for and given back each time, leave holes that small things settle in: a
//! process that does so for days grows.

use std::io::{self, BufReader, Read};

use parking_lot::Mutex;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer, WriteBuf};
use zstd::stream::zio;

use super::source::CHUNK;

/// Decoders that nobody uses now.
static SPARE: Mutex<Vec<Decoder<'static>>> = Mutex::new(Vec::new());

/// So many are kept; a recording of more files than this has them made anew.
const MOST_SPARE: usize = 2;

/// Reads what is compressed.
///
/// # Errors
///
/// When there is no memory for a decoder.
pub(super) fn decompressed(compressed: impl Read + Send) -> io::Result<impl Read + Send> {
    let spare = SPARE.lock().pop();
    let mut decoder = spare.map_or_else(Decoder::new, Ok)?;
    decoder.reinit()?;
    let buffered = BufReader::with_capacity(CHUNK, compressed);
    Ok(zio::Reader::new(buffered, Lent(Some(decoder))))
}

/// A decoder that goes back when it is dropped; there is one until then.
struct Lent(Option<Decoder<'static>>);

impl Lent {
    fn decoder(&mut self) -> io::Result<&mut Decoder<'static>> {
        self.0.as_mut().ok_or_else(|| io::Error::other("the decoder was given back"))
    }
}

impl Operation for Lent {
    fn run<C: WriteBuf + ?Sized>(
        &mut self,
        input: &mut InBuffer<'_>,
        output: &mut OutBuffer<'_, C>,
    ) -> io::Result<usize> {
        self.decoder()?.run(input, output)
    }

    fn flush<C: WriteBuf + ?Sized>(&mut self, output: &mut OutBuffer<'_, C>) -> io::Result<usize> {
        self.decoder()?.flush(output)
    }

    fn reinit(&mut self) -> io::Result<()> {
        self.decoder()?.reinit()
    }

    fn finish<C: WriteBuf + ?Sized>(
        &mut self,
        output: &mut OutBuffer<'_, C>,
        finished_frame: bool,
    ) -> io::Result<usize> {
        self.decoder()?.finish(output, finished_frame)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = SPARE.lock();
        if spare.len() < MOST_SPARE {
            spare.extend(self.0.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(part: usize) -> Vec<u8> {
        (0..200_000).flat_map(|line: usize| format!("{} ", line * part).into_bytes()).collect()
    }

    #[test]
    fn a_decoder_left_in_the_middle_reads_the_next_stream_from_its_beginning() {
        for part in 1..=2 * MOST_SPARE {
            let compressed = zstd::encode_all(&text(part)[..], 3).unwrap();
            let mut left = [0; 1_000];
            decompressed(&compressed[..]).unwrap().read_exact(&mut left).unwrap();
            let mut whole = Vec::new();
            decompressed(&compressed[..]).unwrap().read_to_end(&mut whole).unwrap();
            assert!(whole == text(part) && whole.starts_with(&left));
        }
        assert!((1..=MOST_SPARE).contains(&SPARE.lock().len()));
    }

    #[test]
    fn several_streams_are_read_at_once_and_one_that_breaks_off_is_an_error() {
        let texts: Vec<_> = (1..=MOST_SPARE + 2).map(text).collect();
        let compressed: Vec<_> =
            texts.iter().map(|text| zstd::encode_all(&text[..], 3).unwrap()).collect();
        let mut readers: Vec<_> =
            compressed.iter().map(|bytes| decompressed(&bytes[..]).unwrap()).collect();
        for (reader, text) in readers.iter_mut().zip(&texts) {
            let mut whole = Vec::new();
            reader.read_to_end(&mut whole).unwrap();
            assert!(whole == *text);
        }
        let broken = &compressed[0][..compressed[0].len() / 2];
        let error = decompressed(broken).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
