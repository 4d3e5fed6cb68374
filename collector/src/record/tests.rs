//! What goes in comes out again: whole, rotated, compressed, cut off, and on a disk that is full.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::file::RecordingFile;
use super::output::Output;
use super::*;
use crate::otlp_file::any::{request, small};
use crate::otlp_file::{Input, Requests};

fn settings(target: &Path, options: Options) -> Settings {
    Settings { target: target.to_path_buf(), options }
}

fn read(path: &Path) -> Vec<ExportTraceServiceRequest> {
    let requests = Requests::open(&Input::from(path.to_path_buf()), false).unwrap();
    requests
        .map(|request| ExportTraceServiceRequest::decode(request.unwrap().bytes).unwrap())
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_785_591_901 + seconds)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_recorded_reads_back_as_the_same_requests(
        requests in vec(request(), 0..5),
        compress in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { compress, ..Options::default() };
        let recorder = Recorder::start(settings(folder.path(), options)).unwrap();
        for request in &requests {
            recorder.write(request.encode_to_vec().into());
        }
        let status = recorder.finish();
        prop_assert_eq!(status.requests, requests.len() as u64);
        prop_assert_eq!((status.lost, status.stopped), (0, None));
        let files = files(folder.path());
        let read: Vec<_> = files.iter().flat_map(|path| read(path)).collect();
        prop_assert_eq!(read, requests);
        let ending = if compress { ".jsonl.zst" } else { ".jsonl" };
        prop_assert!(files.iter().all(|path| path.to_str().unwrap().ends_with(ending)));
    }
}

#[test]
fn a_single_file_is_written_where_the_name_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (name, magic) in [("a.jsonl", &b"{\""[..]), ("deep/b.jsonl.zst", b"\x28\xb5\x2f\xfd")] {
        let path = folder.path().join(name);
        // Limits do not apply: it is one file by request.
        let options = Options { rotate_size: 1, keep_files: 1, ..Options::default() };
        let recorder = Recorder::start(settings(&path, options)).unwrap();
        for id in 1..4 {
            recorder.write(small(id, 7).encode_to_vec().into());
        }
        assert_eq!(recorder.finish().file.as_deref(), Some(path.as_path()));
        assert!(fs::read(&path).unwrap().starts_with(magic), "{name}");
        assert_eq!(read(&path), [small(1, 7), small(2, 7), small(3, 7)]);
    }
}

#[test]
fn nothing_is_overwritten_and_unclear_names_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, compress| {
        let options = Options { compress, ..Options::default() };
        Recorder::start(settings(&folder.path().join(name), options)).unwrap_err().to_string()
    };
    fs::write(folder.path().join("old.jsonl"), "precious").unwrap();
    assert!(refused("old.jsonl", false).contains("another name"));
    assert_eq!(fs::read(folder.path().join("old.jsonl")).unwrap(), b"precious");
    assert!(refused("a.jsonl.gz", false).contains(".jsonl.zst"));
    assert!(refused("a.jsonl", true).contains("a.jsonl.zst"));
    assert!(refused("old.jsonl/folder", false).contains("cannot make the folder"));
}

#[test]
fn a_file_that_is_full_or_old_is_followed_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { rotate_size: 20, rotate_age: Duration::from_secs(60), ..Options::default() };
    let mut output = Output::open(settings(folder.path(), options), at(0)).unwrap();
    output.write_line(b"ten bytes", at(0)).unwrap();
    output.write_line(b"ten bytes", at(1)).unwrap();
    assert_eq!(files(folder.path()).len(), 1, "20 bytes fit");
    output.write_line(b"the next", at(1)).unwrap();
    assert_eq!(files(folder.path()).len(), 2, "full");
    output.flush(at(60)).unwrap();
    assert!(output.path().is_some(), "59 s are not yet old");
    output.flush(at(61)).unwrap();
    assert!(output.path().is_none(), "a quiet file is ended when it is old");
    output.write_line(b"late", at(90)).unwrap();
    output.finish().unwrap();
    let contents: Vec<_> =
        files(folder.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(contents, [&b"ten bytes\nten bytes\n"[..], b"the next\n", b"late\n"]);
}

#[test]
fn files_of_the_same_second_do_not_collide_and_empty_ones_go() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { rotate_size: 1, ..Options::default() };
    let mut output = Output::open(settings(folder.path(), options.clone()), at(0)).unwrap();
    output.write_line(b"a", at(0)).unwrap();
    output.write_line(b"b", at(0)).unwrap();
    let mut other = Output::open(settings(folder.path(), options), at(0)).unwrap();
    assert_eq!(files(folder.path()).len(), 3);
    other.finish().unwrap();
    output.finish().unwrap();
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn the_oldest_recordings_go_and_other_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.jsonl"), "mine").unwrap();
    let options = Options { rotate_size: 1, keep_files: 3, ..Options::default() };
    let mut output = Output::open(settings(folder.path(), options), at(0)).unwrap();
    for second in 0..10 {
        output.write_line(format!("{second}").as_bytes(), at(second)).unwrap();
    }
    output.finish().unwrap();
    let contents: Vec<_> =
        files(folder.path()).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(contents, ["mine", "7\n", "8\n", "9\n"]);
}

#[test]
fn recordings_are_kept_up_to_a_size() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { rotate_size: 1, keep_files: 0, keep_size: 25, ..Options::default() };
    let mut output = Output::open(settings(folder.path(), options), at(0)).unwrap();
    for second in 0..10 {
        output.write_line(b"ten bytes", at(second)).unwrap();
    }
    output.finish().unwrap();
    assert_eq!(files(folder.path()).len(), 3, "two of 10 bytes beside the current one");
}

#[test]
fn a_crash_loses_nothing_that_was_flushed() {
    let line = crate::receive::traces_to_json(&small(1, 7).encode_to_vec()).unwrap();
    for compress in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { compress, ..Options::default() };
        let mut output = Output::open(settings(folder.path(), options), at(0)).unwrap();
        for _ in 0..3 {
            output.write_line(&line, at(0)).unwrap();
        }
        output.flush(at(1)).unwrap();
        output.write_line(&line, at(1)).unwrap();
        let path = output.path().unwrap().to_path_buf();
        // Nothing is finished: this is what the disk holds when the process is killed.
        let mut requests = Requests::open(&Input::from(path), false).unwrap();
        let read: Vec<_> = requests.by_ref().map(Result::unwrap).collect();
        assert_eq!(read.len(), 3, "compress: {compress}");
        assert_eq!(requests.losses().cut.len(), usize::from(compress));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_recording_and_says_so() {
    // Linux has a device that is always full.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let file = RecordingFile::on(full, PathBuf::from("full.jsonl"), false).unwrap();
    let recorder = Recorder::on(Output::on(file)).unwrap();
    for id in 0..100 {
        recorder.write(small(id, 7).encode_to_vec().into());
    }
    let status = recorder.finish();
    let stopped = status.stopped.unwrap();
    assert!(stopped.contains("full.jsonl") && stopped.contains("make room"), "{stopped}");
    assert!(status.lost > 0);
    recorder.write(small(1, 7).encode_to_vec().into());
    assert_eq!(recorder.status().lost, status.lost + 1, "what comes later is counted as lost");
}

#[cfg(unix)]
#[test]
fn a_disk_that_stalls_costs_requests_but_never_makes_reception_wait() {
    use std::io::Read;

    // A pipe that nobody reads takes some kilobytes and then makes its writer wait.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let disk = fs::File::from(std::os::fd::OwnedFd::from(writer));
    let file = RecordingFile::on(disk, PathBuf::from("stalled.jsonl"), false).unwrap();
    let recorder = Recorder::on(Output::on(file)).unwrap();
    let line = bytes::Bytes::from(small(1, 7).encode_to_vec());
    for _ in 0..10_000 {
        recorder.write(line.clone());
    }
    assert!(recorder.status().lost > 1_000);
    let drain = std::thread::spawn(move || reader.read_to_end(&mut Vec::new()).unwrap());
    let status = recorder.finish();
    assert_eq!(status.requests + status.lost, 10_000);
    assert_eq!(drain.join().unwrap() as u64, status.bytes);
}

#[test]
fn a_request_that_is_no_json_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(settings(folder.path(), Options::default())).unwrap();
    recorder.write(bytes::Bytes::from_static(b"\x0a\xff"));
    recorder.write(small(1, 7).encode_to_vec().into());
    let status = recorder.finish();
    assert_eq!((status.requests, status.lost, status.stopped), (1, 1, None));
}

#[test]
fn many_threads_record_into_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Arc::new(Recorder::start(settings(folder.path(), Options::default())).unwrap());
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let recorder = Arc::clone(&recorder);
            std::thread::spawn(move || {
                for end in 0..100 {
                    recorder.write(small(thread, end).encode_to_vec().into());
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(recorder.finish().requests, 400);
    assert_eq!(read(&files(folder.path())[0]).len(), 400);
}
