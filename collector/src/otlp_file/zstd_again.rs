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
struct Spare(Mutex<Vec<Decoder<'static>>>);

/// Those of the process.
static SPARE: Spare = Spare::none();

/// So many are kept; a recording of more files than this has them made anew.
const MOST_SPARE: usize = 2;

/// Reads what is compressed.
///
/// # Errors
///
/// When there is no memory for a decoder.
pub(super) fn decompressed(compressed: impl Read + Send) -> io::Result<impl Read + Send> {
    let buffered = BufReader::with_capacity(CHUNK, compressed);
    Ok(zio::Reader::new(buffered, SPARE.lend()?))
}

impl Spare {
    const fn none() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn lend(&'static self) -> io::Result<Lent> {
        let spare = self.0.lock().pop();
        let mut decoder = spare.map_or_else(Decoder::new, Ok)?;
        // Whoever had it may have left in the middle.
        decoder.reinit()?;
        Ok(Lent { decoder: Some(decoder), home: self })
    }
}

/// A decoder that goes back when it is dropped; there is one until then.
struct Lent {
    decoder: Option<Decoder<'static>>,
    home: &'static Spare,
}

impl Lent {
    fn decoder(&mut self) -> io::Result<&mut Decoder<'static>> {
        self.decoder.as_mut().ok_or_else(|| io::Error::other("the decoder was given back"))
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
        let mut spare = self.home.0.lock();
        if spare.len() < MOST_SPARE {
            spare.extend(self.decoder.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(part: usize) -> Vec<u8> {
        (0..200_000).flat_map(|line: usize| format!("{} ", line * part).into_bytes()).collect()
    }

    fn read<'a>(compressed: &'a [u8], spare: &'static Spare) -> impl Read + 'a {
        zio::Reader::new(BufReader::new(compressed), spare.lend().unwrap())
    }

    #[test]
    fn a_decoder_left_in_the_middle_reads_the_next_stream_from_its_beginning() {
        static OWN: Spare = Spare::none();
        for part in 1..5 {
            let compressed = zstd::encode_all(&text(part)[..], 3).unwrap();
            let mut left = [0; 1_000];
            read(&compressed, &OWN).read_exact(&mut left).unwrap();
            let mut whole = Vec::new();
            read(&compressed, &OWN).read_to_end(&mut whole).unwrap();
            assert!(whole == text(part) && whole.starts_with(&left));
            assert_eq!(OWN.0.lock().len(), 1, "one was enough");
        }
    }

    #[test]
    fn several_streams_are_read_at_once_and_few_decoders_stay() {
        static OWN: Spare = Spare::none();
        let texts: Vec<_> = (1..=MOST_SPARE + 2).map(text).collect();
        let compressed: Vec<_> =
            texts.iter().map(|text| zstd::encode_all(&text[..], 3).unwrap()).collect();
        let mut readers: Vec<_> = compressed.iter().map(|bytes| read(bytes, &OWN)).collect();
        for (reader, text) in readers.iter_mut().zip(&texts) {
            let mut whole = Vec::new();
            reader.read_to_end(&mut whole).unwrap();
            assert!(whole == *text);
        }
        drop(readers);
        assert_eq!(OWN.0.lock().len(), MOST_SPARE);
    }

    #[test]
    fn a_stream_that_breaks_off_is_an_error() {
        let compressed = zstd::encode_all(&text(1)[..], 3).unwrap();
        let broken = &compressed[..compressed.len() / 2];
        let error = decompressed(broken).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
