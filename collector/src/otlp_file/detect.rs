//! What format a recording has. In: the first bytes of its content, and what its name says. Out: how
//! to find the requests in it.

use super::MAX_REQUEST_BYTES;
use super::error::Fault;
use super::source::ZSTD_MAGIC;

/// How much of a recording is looked at; several requests of the usual size.
pub(super) const LOOK: usize = 64 << 10;

/// How the requests of a recording are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// JSON, one request a line.
    Lines,
    /// JSON, each request over many lines.
    Documents,
    /// Each request after its length as four bytes, most significant first, as the OpenTelemetry
    /// Collector's file exporter writes protobuf; the requests may be compressed one by one.
    BigEndian,
    /// Protobuf, each request after its length as a varint.
    Varint,
    /// One request in protobuf and nothing else.
    Bare,
}

/// Tells the format by the content's first bytes. `whole`: the content ends with them. `lines`: the
/// name says that there is one request a line.
pub(super) fn framing(head: &[u8], whole: bool, lines: bool) -> Result<Framing, Fault> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match text {
        [] => return Ok(Framing::Lines),
        [b'{', rest @ ..] if begins_object(rest) => {
            let lines = lines || !newline_splits_a_value(text);
            return Ok(if lines { Framing::Lines } else { Framing::Documents });
        }
        [b'[', rest @ ..] if matches!(rest.trim_ascii_start(), [] | [b'{' | b']', ..]) => {
            return Err(Fault::Array);
        }
        _ => {}
    }
    // The better fit wins; between equals, the file exporter's format.
    let fits = [
        (Framing::BigEndian, fit(head, whole, big_endian)),
        (Framing::Varint, fit(head, whole, varint)),
        (Framing::Bare, bare(head, whole)),
    ];
    for wanted in [Fit::Clean, Fit::Cut] {
        if let Some((framing, _)) = fits.iter().find(|(_, fit)| *fit == wanted) {
            return Ok(*framing);
        }
    }
    Err(Fault::Unknown(hex(head.get(..8).unwrap_or(head))))
}

/// Whether these are the bytes after an object's brace. Protobuf can begin with one too, but no
/// letter follows its quotes: that would be a field of a number that OTLP does not have.
fn begins_object(rest: &[u8]) -> bool {
    match rest.trim_ascii_start() {
        [] | [b'}', ..] => true,
        [b'"', key @ ..] => {
            key.first().is_none_or(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        }
        _ => false,
    }
}

/// Whether the first line ends inside a JSON value, outside its strings: such a value goes on in the
/// next line. One that breaks off in a string was cut there, since no string holds a newline.
fn newline_splits_a_value(text: &[u8]) -> bool {
    let mut scanner = Scanner::default();
    for byte in text {
        if *byte == b'\n' {
            return scanner.depth > 0 && !scanner.in_string;
        }
        scanner.step(*byte);
    }
    false
}

/// Follows JSON far enough to know where a value ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scanner {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scanner {
    /// Takes the next byte; true if it ends the outermost object.
    pub(super) fn step(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

/// How well a format explains the content's first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// Not at all.
    Not,
    /// If the content was cut off.
    Cut,
    /// Wholly.
    Clean,
}

/// A length, and how many bytes it takes; `None` where there are too few bytes to tell.
type Length = Option<(u64, usize)>;

pub(super) fn big_endian(bytes: &[u8]) -> Length {
    let bytes = bytes.first_chunk::<4>()?;
    Some((u64::from(u32::from_be_bytes(*bytes)), 4))
}

pub(super) fn varint(bytes: &[u8]) -> Length {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    // Ten bytes that all go on are no varint; no length is as large as this.
    (bytes.len() >= 10).then_some((u64::MAX, 10))
}

fn fit(head: &[u8], whole: bool, length: fn(&[u8]) -> Length) -> Fit {
    let mut rest = head;
    let cut = if whole { Fit::Cut } else { Fit::Clean };
    // Nobody sends empty requests, but lengths in the other format begin with zeros.
    let mut speaks = !head.is_empty();
    while !rest.is_empty() {
        let Some((size, header)) = length(rest) else { return cut };
        if size > MAX_REQUEST_BYTES as u64 {
            return Fit::Not;
        }
        let size = size as usize;
        let body = rest.get(header..).unwrap_or_default();
        let seen = body.get(..size).unwrap_or(body);
        if !looks_like_request(seen, size) {
            return Fit::Not;
        }
        speaks &= size > 0;
        match body.get(size..) {
            Some(next) => rest = next,
            None => return cut,
        }
    }
    if speaks { Fit::Clean } else { Fit::Cut }
}

fn bare(head: &[u8], whole: bool) -> Fit {
    let size = if whole { head.len() } else { MAX_REQUEST_BYTES };
    if looks_like_protobuf(head, size) { Fit::Clean } else { Fit::Not }
}

/// Whether these can be the first bytes of a request of `size` bytes.
fn looks_like_request(seen: &[u8], size: usize) -> bool {
    let begins = |with: &[u8]| seen.iter().zip(with).all(|(a, b)| a == b) && size >= with.len();
    begins(&ZSTD_MAGIC) || begins(b"{\"") || looks_like_protobuf(seen, size)
}

/// Whether these can be the first bytes of an `ExportTraceServiceRequest` of `size` bytes: nothing
/// but fields number 1, each with the fields 1 to 3 of `ResourceSpans`.
fn looks_like_protobuf(seen: &[u8], size: usize) -> bool {
    let mut at = 0;
    while let Some(tag) = seen.get(at) {
        let rest = seen.get(at + 1..).unwrap_or_default();
        let Some((length, header)) = varint(rest) else { return *tag == 0x0a };
        let inner = rest.get(header..).unwrap_or_default();
        let begins_well = length == 0 || matches!(inner, [] | [0x0a | 0x12 | 0x1a, ..]);
        let Some(next) =
            usize::try_from(length).ok().and_then(|l| (at + 1 + header).checked_add(l))
        else {
            return false;
        };
        if *tag != 0x0a || !begins_well || next > size {
            return false;
        }
        at = next;
    }
    true
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(head: &[u8]) -> Framing {
        framing(head, true, false).unwrap()
    }

    /// A request with one resource of `size` bytes.
    fn request(size: usize) -> Vec<u8> {
        let field = |body: Vec<u8>| {
            let mut bytes = vec![0x0a];
            prost::encoding::encode_varint(body.len() as u64, &mut bytes);
            [bytes, body].concat()
        };
        field(field(vec![b'x'; size]))
    }

    #[test]
    fn json_is_told_by_its_first_line() {
        assert_eq!(told(b"{\"resourceSpans\":[]}\n{\"resourceSpans\":[]}\n"), Framing::Lines);
        assert_eq!(told(b"\xef\xbb\xbf \n{}"), Framing::Lines);
        assert_eq!(told(b"{\n  \"resourceSpans\": []\n}\n"), Framing::Documents);
        assert_eq!(told(b"{\"resourceSpans\": [\n]}\n"), Framing::Documents);
        assert_eq!(told(b"{\"a\":\"b{\\\"\n{}"), Framing::Lines, "cut in a string");
        assert_eq!(framing(b"{\n", false, true).unwrap(), Framing::Lines, "the name says so");
        assert!(matches!(framing(b"[\n{}]", true, false), Err(Fault::Array)));
    }

    #[test]
    fn every_length_of_a_varint_file_is_told_even_where_it_looks_like_text() {
        for size in 0..400 {
            let one = request(size);
            let mut file = Vec::new();
            for _ in 0..3 {
                prost::encoding::encode_varint(one.len() as u64, &mut file);
                file.extend_from_slice(&one);
            }
            assert_eq!(told(&file), Framing::Varint, "{size}");
            let cut = &file[..file.len() - 1];
            assert_eq!(told(cut), Framing::Varint, "{size}, cut");
            assert_eq!(told(&one), Framing::Bare, "{size}, alone");
        }
    }

    #[test]
    fn every_length_of_a_file_exporter_file_is_told() {
        for size in 0..400 {
            let one = request(size);
            let mut file = Vec::new();
            for _ in 0..3 {
                file.extend_from_slice(&(one.len() as u32).to_be_bytes());
                file.extend_from_slice(&one);
            }
            assert_eq!(told(&file), Framing::BigEndian, "{size}");
            assert_eq!(told(&file[..file.len() - 1]), Framing::BigEndian, "{size}, cut");
        }
        let zstd = zstd::encode_all(&b"{}"[..], 0).unwrap();
        let mut file = (zstd.len() as u32).to_be_bytes().to_vec();
        file.extend_from_slice(&zstd);
        assert_eq!(told(&file), Framing::BigEndian, "compressed request by request");
    }

    #[test]
    fn what_is_no_recording_is_told_so_with_its_first_bytes() {
        let error = framing(b"PK\x03\x04 a zip file", true, false).unwrap_err().to_string();
        assert!(error.contains("50 4b 03 04"), "{error}");
    }
}
