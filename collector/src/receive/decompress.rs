//! Compressed bytes to plain ones, never more than the limit of them, however far the input
//! would expand.

use std::io::{self, BufRead, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::body::InFlight;
use super::counters::Compression;
use super::refusal::Refusal;

/// How much is decompressed at least before the limits are looked at again.
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

/// Reads to the end, in steps that double, each held before there is memory for it. One byte over
/// the limit is enough to know that it is too large.
fn read_up_to(reader: &mut impl Read, limit: usize, held: &mut InFlight) -> Result<Bytes, Stop> {
    let mut plain = Vec::new();
    loop {
        let room = plain.len().max(STEP).min(limit.saturating_add(1) - plain.len());
        held.hold(room).map_err(Stop::Refused)?;
        plain.reserve_exact(room);
        let read = reader.by_ref().take(room as u64).read_to_end(&mut plain);
        let read = read.map_err(Stop::Damaged)?;
        if plain.len() > limit {
            return Err(Stop::Refused(Refusal::too_large_decompressed(limit)));
        }
        if read < room {
            plain.shrink_to_fit(); // the sink may keep it
            return Ok(plain.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::receive::{Limits, Receiver, Sink};
    use crate::reduce::{Ingested, Malformed};

    struct Nowhere;

    impl Sink for Nowhere {
        fn traces(&self, _: Bytes) -> Result<Ingested, Malformed> {
            Ok(Ingested::default())
        }
    }

    fn in_flight() -> InFlight {
        InFlight::new(Arc::new(Receiver::new(Limits::default(), Arc::new(Nowhere))))
    }

    fn compress(compression: Compression, plain: &[u8]) -> Bytes {
        let mut gzip = flate2::bufread::GzEncoder::new(plain, flate2::Compression::fast());
        match compression {
            Compression::Identity => Bytes::copy_from_slice(plain),
            Compression::Zstd => zstd::encode_all(plain, 3).unwrap().into(),
            Compression::Gzip => {
                let mut out = Vec::new();
                gzip.read_to_end(&mut out).unwrap();
                out.into()
            }
        }
    }

    #[test]
    fn everything_up_to_the_limit_comes_out_and_nothing_beyond() {
        for compression in Compression::ALL {
            for length in [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP] {
                let plain: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
                let body = compress(compression, &plain);
                let out = decompress(compression, body.clone(), length, &mut in_flight());
                assert_eq!(out, Ok(plain.into()), "{compression} {length}");
                if let Some(less) = length.checked_sub(1) {
                    let out = decompress(compression, body, less, &mut in_flight());
                    assert_eq!(out, Err(Refusal::too_large_decompressed(less)));
                }
            }
        }
    }

    #[test]
    fn a_bomb_takes_no_more_than_the_limit() {
        let zeros = vec![0; 64 << 20];
        for compression in [Compression::Gzip, Compression::Zstd] {
            let mut held = in_flight();
            let out = decompress(compression, compress(compression, &zeros), 1 << 20, &mut held);
            assert_eq!(out, Err(Refusal::too_large_decompressed(1 << 20)));
            assert_eq!(held.bytes(), (1 << 20) + 1);
        }
    }

    #[test]
    fn members_and_frames_in_a_row_are_one_body() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let twice = [compress(compression, b"ab"), compress(compression, b"cd")].concat();
            let out = decompress(compression, twice.into(), 100, &mut in_flight());
            assert_eq!(out, Ok(Bytes::from_static(b"abcd")));
        }
    }

    #[test]
    fn a_frame_that_wants_a_huge_window_is_refused() {
        // The header of a frame with a window of 2^27 bytes, and an empty last block.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00];
        let out = decompress(Compression::Zstd, frame.to_vec().into(), 100, &mut in_flight());
        assert!(matches!(out, Err(Refusal::Malformed(_))), "{out:?}");
    }

    #[test]
    fn too_much_in_flight_stops_decompression() {
        let limits = Limits {
            max_request_bytes: 0,
            max_decompressed_bytes: STEP,
            max_in_flight_bytes: 0,
            ..Limits::default()
        };
        let receiver = Arc::new(Receiver::new(limits, Arc::new(Nowhere)));
        let body = compress(Compression::Gzip, &vec![0; 4 * STEP]);
        let mut held = InFlight::new(Arc::clone(&receiver));
        let out = decompress(Compression::Gzip, body, 8 * STEP, &mut held);
        assert!(matches!(out, Err(Refusal::Busy { .. })), "{out:?}");
        drop(held);
        assert_eq!(receiver.counters().in_flight_bytes.get(), 0);
    }
}
