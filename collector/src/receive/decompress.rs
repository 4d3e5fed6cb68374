//! Compressed bytes to plain ones, never more than the limit of them, however far the input
//! would expand.

use std::io::{self, BufRead, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::body::InFlight;
use super::counters::Compression;
use super::refusal::Refusal;

/// How much is decompressed before the limits are looked at again.
const STEP: usize = 64 << 10;

/// The most memory that a Zstandard frame may ask for to look back into: 2^23 bytes, the bound that
/// RFC 9659 sets for `Content-Encoding: zstd`.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Decompresses a body, up to `limit` bytes, counting what it produces as in flight.
pub(super) fn decompress(
    compression: Compression,
    body: Bytes,
    limit: usize,
    held: &mut InFlight,
) -> Result<Bytes, Refusal> {
    match compression {
        Compression::Identity if body.len() > limit => Err(Refusal::too_large_decompressed(limit)),
        Compression::Identity => Ok(body),
        Compression::Gzip => {
            let mut reader = MultiGzDecoder::new(&body[..]);
            let plain = read_up_to(&mut reader, limit, held);
            plain.map_err(|error| error.into_refusal("gzip", body.len() - reader.get_ref().len()))
        }
        Compression::Zstd => {
            let mut reader =
                zstd_reader(&body[..]).map_err(|error| malformed("zstd", &error, 0))?;
            let plain = read_up_to(&mut reader, limit, held);
            plain.map_err(|error| error.into_refusal("zstd", body.len() - reader.get_ref().len()))
        }
    }
}

fn zstd_reader<R: BufRead>(body: R) -> io::Result<zstd::Decoder<'static, R>> {
    let mut reader = zstd::Decoder::with_buffer(body)?;
    reader.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(reader)
}

/// Why decompressing stopped.
enum Stop {
    Refused(Refusal),
    Damaged(io::Error),
}

impl Stop {
    fn into_refusal(self, format: &str, at: usize) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Damaged(error) => malformed(format, &error, at),
        }
    }
}

fn malformed(format: &str, error: &io::Error, at: usize) -> Refusal {
    Refusal::Malformed(format!("malformed {format} near byte {at}: {error}"))
}

fn read_up_to(reader: &mut impl Read, limit: usize, held: &mut InFlight) -> Result<Bytes, Stop> {
    let mut plain = Vec::new();
    loop {
        held.hold(STEP).map_err(Stop::Refused)?;
        let read = reader.by_ref().take(STEP as u64).read_to_end(&mut plain);
        let read = read.map_err(Stop::Damaged)?;
        if plain.len() > limit {
            return Err(Stop::Refused(Refusal::too_large_decompressed(limit)));
        }
        if read < STEP {
            return Ok(plain.into());
        }
    }
}
