//! Every format, whole, cut, damaged and random.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::any::{request, small};
use super::source::Content;
use super::*;
use crate::receive::traces_to_json;

/// The formats that a recording may have.
#[derive(Clone, Copy, Debug)]
enum Format {
    Lines,
    Pretty,
    BigEndian,
    Varint,
    /// As the file exporter compresses: request by request.
    ZstdProtobuf,
    ZstdJson,
}

const FORMATS: [Format; 6] = [
    Format::Lines,
    Format::Pretty,
    Format::BigEndian,
    Format::Varint,
    Format::ZstdProtobuf,
    Format::ZstdJson,
];

fn json(request: &ExportTraceServiceRequest) -> Vec<u8> {
    traces_to_json(&request.encode_to_vec()).unwrap()
}

fn pretty(request: &ExportTraceServiceRequest) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_slice(&json(request)).unwrap();
    serde_json::to_vec_pretty(&value).unwrap()
}

fn with_length(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn written(format: Format, requests: &[ExportTraceServiceRequest]) -> Vec<u8> {
    let one = |request: &ExportTraceServiceRequest| match format {
        Format::Lines => [json(request), b"\n".to_vec()].concat(),
        Format::Pretty => [pretty(request), b"\n".to_vec()].concat(),
        Format::BigEndian => with_length(&request.encode_to_vec()),
        Format::Varint => request.encode_length_delimited_to_vec(),
        Format::ZstdProtobuf => with_length(&zstd(&request.encode_to_vec())),
        Format::ZstdJson => with_length(&zstd(&json(request))),
    };
    requests.iter().flat_map(one).collect()
}

/// Lends out its bytes a few at a time, as a pipe may.
struct Trickle(std::io::Cursor<Vec<u8>>, usize);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(self.1);
        self.0.read(&mut buffer[..count])
    }
}

fn reader(bytes: &[u8], name: &str, at_a_time: usize) -> Result<Reader, ReadError> {
    let trickle = Box::new(Trickle(std::io::Cursor::new(bytes.to_vec()), at_a_time));
    Content::from_read(name.into(), trickle, Arc::default()).and_then(Reader::begin)
}

/// Reads everything, errors included.
fn read_named(bytes: &[u8], name: &str) -> Vec<Result<Decoded, ReadError>> {
    match reader(bytes, name, 1000) {
        Ok(reader) => reader.map(|raw| raw.and_then(Raw::decode)).collect(),
        Err(error) => vec![Err(error)],
    }
}

fn requests_of(items: &[Result<Decoded, ReadError>]) -> Vec<ExportTraceServiceRequest> {
    let decoded = items.iter().filter_map(|item| match item {
        Ok(Decoded::Traces(request)) => Some(&request.bytes),
        _ => None,
    });
    decoded.map(|bytes| ExportTraceServiceRequest::decode(bytes.clone()).unwrap()).collect()
}

fn errors_of(items: &[Result<Decoded, ReadError>]) -> Vec<String> {
    items.iter().filter_map(|item| item.as_ref().err().map(ToString::to_string)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_format_and_compression_gives_the_same_requests(
        requests in vec(request(), 1..4),
        at_a_time in 1..2000_usize,
    ) {
        for format in FORMATS {
            let plain = written(format, &requests);
            for file in [plain.clone(), zstd(&plain), gzip(&plain)] {
                let items: Vec<_> = reader(&file, "any", at_a_time)
                    .unwrap()
                    .map(|raw| raw.and_then(Raw::decode))
                    .collect();
                prop_assert_eq!(errors_of(&items), Vec::<String>::new(), "{:?}", format);
                prop_assert_eq!(requests_of(&items), requests.clone(), "{:?}", format);
            }
        }
        let bare = requests[0].encode_to_vec();
        prop_assert_eq!(requests_of(&read_named(&bare, "any")), vec![requests[0].clone()]);
    }

    #[test]
    fn a_recording_cut_anywhere_gives_what_came_before(
        requests in vec(request(), 2..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for format in FORMATS {
            let plain = written(format, &requests);
            for file in [plain.clone(), zstd(&plain), gzip(&plain)] {
                let file = &file[..cut.index(file.len())];
                let items = read_named(file, "recording.jsonl");
                let read = requests_of(&items);
                prop_assert_eq!(&requests[..read.len()], &read[..], "{:?}", format);
                let errors = items.iter().filter_map(|item| item.as_ref().err());
                // A pretty-printed file that does not end is damaged; nobody appends to one.
                let wrong: Vec<_> = errors
                    .filter(|error| !error.is_cut() && !matches!(format, Format::Pretty))
                    .map(ToString::to_string)
                    .filter(|error| !error.contains("neither"))
                    .collect();
                prop_assert_eq!(wrong, Vec::<String>::new(), "{:?}", format);
            }
        }
    }

    #[test]
    fn damaged_bytes_never_panic_and_errors_say_where(
        requests in vec(request(), 1..3),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for format in FORMATS {
            let plain = written(format, &requests);
            for mut file in [plain.clone(), zstd(&plain), gzip(&plain)] {
                for (at, byte) in &damage {
                    let at = at.index(file.len());
                    file[at] = *byte;
                }
                for error in errors_of(&read_named(&file, "damaged")) {
                    prop_assert!(error.starts_with("damaged, "), "{}", error);
                }
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        for start in [&b""[..], b"{", b"{\"resourceSpans\":", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08\x00", b"\x00\x00\x00"] {
            let file = [start, &bytes].concat();
            read_named(&file, "random");
            read_named(&file, "random.jsonl");
        }
    }
}

#[test]
fn a_small_recording_cut_at_every_byte_gives_what_came_before() {
    let requests: Vec<_> = (1..4).map(|id| small(id, u64::from(id))).collect();
    for format in FORMATS {
        let file = written(format, &requests);
        for cut in 0..file.len() {
            let read = requests_of(&read_named(&file[..cut], "cut"));
            assert_eq!(requests[..read.len()], read, "{format:?} cut at {cut}");
        }
    }
}

/// Three lines as the OpenTelemetry Collector's file exporter writes them: traces, metrics, logs.
const FILE_EXPORTER: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}}]},"scopeSpans":[{"scope":{"name":"otel","version":"1.2"},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173","flags":257,"name":"GET /cart","kind":2,"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000","attributes":[{"key":"http.response.status_code","value":{"intValue":"200"}}],"status":{}}]}],"schemaUrl":"https://opentelemetry.io/schemas/1.26.0"}]}
{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[{"name":"up","gauge":{"dataPoints":[{"asDouble":1}]}}]}]}]}
{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{},"logRecords":[{"body":{"stringValue":"{"}}]}]}]}
"#;

#[test]
fn a_file_of_the_collectors_file_exporter_gives_its_spans_and_skips_the_rest() {
    let bytes = Bytes::from_static(FILE_EXPORTER.as_bytes());
    let input = Input::Memory { name: "traces.json".to_owned(), bytes };
    let mut requests = Requests::open(&input, false).unwrap();
    let request = requests.next().unwrap().unwrap();
    assert!(requests.next().is_none());
    assert_eq!(requests.losses(), &Losses { other: 2, ..Losses::default() });

    let decoded = ExportTraceServiceRequest::decode(request.bytes).unwrap();
    let span = &decoded.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.name, "GET /cart");
    assert_eq!(span.end_time_unix_nano, 1_544_712_661_000_000_000);
    assert_eq!(span.parent_span_id, [0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x73]);
}

#[test]
fn a_line_that_is_no_json_is_told_with_file_line_and_byte() {
    let good = "{\"resourceSpans\":[]}\n";
    let file = format!("{good}\n{{\"resourceSpans\":[}}]\n{good}");
    let items = read_named(file.as_bytes(), "a.jsonl");
    assert_eq!(requests_of(&items).len(), 2, "the lines around it are read");
    let errors = errors_of(&items);
    assert_eq!(errors.len(), 1, "{errors:?}");
    // The line begins at byte 22; its 19th byte is what should not be there.
    assert!(errors[0].starts_with("a.jsonl, line 3, byte 40: "), "{errors:?}");
    assert!(errors[0].contains("--keep-going"), "{errors:?}");
}

#[test]
fn a_fault_in_a_pretty_printed_file_is_told_with_its_own_line() {
    let file = "{\n  \"resourceSpans\": []\n}\n\n{\n  \"resourceSpans\": [\n    7\n  ]\n}\n";
    let errors = errors_of(&read_named(file.as_bytes(), "b.json"));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("b.json, line 7, byte "), "{errors:?}");
}

#[test]
fn json_of_something_else_is_told_by_its_keys() {
    let errors = errors_of(&read_named(br#"{"name":"edge","nodes":[]}"#, "vizceral.json"));
    assert!(errors[0].contains("`name`, `nodes`"), "{errors:?}");
    let errors = errors_of(&read_named(br#"[{"resourceSpans":[]}]"#, "array.json"));
    assert!(errors[0].contains("jq"), "{errors:?}");
}

#[test]
fn keys_before_the_spans_do_not_hide_them() {
    let items = read_named(br#"{"partial":{"a":[1]},"resourceSpans":[{}]}"#, "a.json");
    assert_eq!(requests_of(&items)[0].resource_spans.len(), 1);
    let items = read_named(br#"{"x":1,"resourceLogs":[]}"#, "a.json");
    assert!(matches!(items[..], [Ok(Decoded::Other)]));
}

#[test]
fn a_last_line_that_is_still_being_written_is_a_warning() {
    let input = |text: &str| Input::Memory {
        name: "live.jsonl".to_owned(),
        bytes: Bytes::copy_from_slice(text.as_bytes()),
    };
    let mut requests = Requests::open(&input("{\"resourceSpans\":[]}\n{\"resou"), false).unwrap();
    assert!(requests.next().unwrap().is_ok());
    assert!(requests.next().is_none());
    assert_eq!(requests.losses().cut.len(), 1);
    assert!(
        requests.losses().cut[0].starts_with("live.jsonl, line 2, byte 21: ends in the middle")
    );
    // One that is there but for its newline is no loss at all.
    let mut requests = Requests::open(&input("{\"resourceSpans\":[]}"), false).unwrap();
    assert!(requests.next().unwrap().is_ok() && requests.next().is_none());
    assert_eq!(requests.losses(), &Losses::default());
    // One that is whole and wrong is wrong.
    let mut requests = Requests::open(&input("{\"resourceSpans\":7}"), false).unwrap();
    assert!(requests.next().unwrap().is_err());
}

#[test]
fn a_line_without_end_is_refused_without_being_held_and_the_next_one_is_read() {
    // 200 MiB in some kilobytes; more than a request may have, and than a reader may hold.
    let mut bomb = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    bomb.write_all(b"{\"resourceSpans\":[\"").unwrap();
    for _ in 0..200 {
        bomb.write_all(&vec![b'a'; 1 << 20]).unwrap();
    }
    bomb.write_all(b"\"]}\n{\"resourceSpans\":[]}\n").unwrap();
    let input =
        Input::Memory { name: "b.jsonl.zst".to_owned(), bytes: bomb.finish().unwrap().into() };
    let mut reader = Reader::open(&input, Arc::default()).unwrap();
    let error = reader.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("line 1, byte 0 (decompressed)") && error.contains("64 MiB"), "{error}");
    let next = reader.next().unwrap().unwrap();
    assert_eq!(next.place().line, Some(2));
    assert!(reader.next().is_none());
}

#[test]
fn a_compressed_request_that_grows_past_the_limit_is_refused() {
    let file = with_length(&zstd(&vec![b' '; MAX_REQUEST_BYTES + 1]));
    let errors = errors_of(&read_named(&file, "c.pb"));
    assert!(errors[0].contains("64 MiB"), "{errors:?}");
}

#[test]
fn files_that_cannot_be_opened_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Input::from(folder.path().join("missing.jsonl"));
    let error = Requests::open(&missing, true).err().unwrap().to_string();
    assert!(error.contains("missing.jsonl") && error.contains("cannot be opened"), "{error}");
    let error = Requests::open(&folder.path().to_path_buf().into(), true).err().unwrap();
    assert!(error.to_string().contains("/*.jsonl"), "{error}");
}

#[test]
fn a_damaged_compressed_file_says_how_to_save_the_rest() {
    let requests: Vec<_> = (0..200).map(|id| small(id, u64::from(id))).collect();
    let mut file = zstd(&written(Format::Lines, &requests));
    let middle = file.len() / 2;
    file[middle..].fill(0xff);
    let errors = errors_of(&read_named(&file, "d.jsonl.zst"));
    assert!(errors.iter().any(|error| error.contains("zstd -dc d.jsonl.zst")), "{errors:?}");
}

#[test]
fn the_bytes_of_the_file_itself_are_counted_for_progress() {
    let requests: Vec<_> = (0..200).map(|id| small(id, u64::from(id))).collect();
    let file = zstd(&written(Format::Lines, &requests));
    let input = Input::Memory { name: "e.jsonl.zst".to_owned(), bytes: file.into() };
    let read = Arc::new(AtomicU64::new(0));
    assert_eq!(Reader::open(&input, Arc::clone(&read)).unwrap().count(), 200);
    assert_eq!(Some(read.load(std::sync::atomic::Ordering::Relaxed)), input.size());
}
