//! From files to the report: the same in any order and format, scaled by rounds, and errors with
//! their place.

use bytes::Bytes;
use indicatif::ProgressBar;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::*;
use crate::cost::Prices;
use crate::otlp_file::any::text;
use crate::receive::traces_to_json;

/// One function's spans, exported at once.
fn export(function: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = vec![
        text("faas.name", function),
        text("faas.instance", &format!("{function}/1")),
        text("cloud.region", "eu-west-1"),
    ];
    let resource = Resource { attributes, ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource = ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }
}

fn span(ids: (u8, u8, u8), kind: i32, ms: u64, attributes: Vec<KeyValue>) -> Span {
    let (trace, id, parent) = ids;
    let start = 1_785_000_000_000_000_000 + u64::from(trace) * 1_000_000_000;
    let parent_span_id = if parent == 0 { Vec::new() } else { vec![parent; 8] };
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        parent_span_id,
        kind,
        name: "work".to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + ms * 1_000_000,
        attributes,
        ..Span::default()
    }
}

/// The front function invokes the back one; two traces, but for the request id. Every tenth fails.
fn traffic() -> Vec<ExportTraceServiceRequest> {
    let mut requests = Vec::new();
    for call in 1..=20_u8 {
        let request_id = format!("id-{call}");
        let invoke = vec![
            text("rpc.system", "aws-api"),
            text("rpc.service", "Lambda"),
            text("faas.invoked_name", "back"),
            text("aws.request_id", &request_id),
        ];
        let mut handler =
            span((call + 100, 3, 0), 2, 20, vec![text("faas.invocation_id", &request_id)]);
        if call % 10 == 0 {
            handler.status = Some(Status { code: 2, ..Status::default() });
        }
        requests.push(export("back", vec![handler]));
        let entry = span((call, 1, 0), 2, 50, vec![text("faas.trigger", "http")]);
        requests.push(export("front", vec![entry, span((call, 2, 1), 3, 40, invoke)]));
    }
    requests
}

fn lines(requests: &[ExportTraceServiceRequest]) -> Input {
    let mut bytes = Vec::new();
    for request in requests {
        bytes.extend(traces_to_json(&request.encode_to_vec()).unwrap());
        bytes.push(b'\n');
    }
    Input::Memory { name: "lines.jsonl".to_owned(), bytes: bytes.into() }
}

fn compressed_protobuf(requests: &[ExportTraceServiceRequest]) -> Input {
    let plain: Vec<u8> =
        requests.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
    let bytes = zstd::encode_all(&plain[..], 1).unwrap().into();
    Input::Memory { name: "frames.pb.zst".to_owned(), bytes }
}

fn report(inputs: &[Input], rounds: u32) -> Report {
    let (settings, progress) = (Settings::default(), ProgressBar::hidden());
    let (reducer, read) = reduce(inputs, false, rounds, settings, &progress).unwrap();
    Report::new(&reducer, read.rejected, &Prices::default())
}

fn hops(report: &Report) -> Vec<(String, String, f64, f64, f64)> {
    let edges = report.edges.iter().map(|edge| {
        let hops = &edge.hops;
        let (source, target) = (edge.source.name.clone(), edge.target.name.clone());
        (source, target, hops.total, hops.error, hops.cold)
    });
    edges.collect()
}

#[test]
fn the_report_names_every_hop_once() {
    let report = report(&[lines(&traffic())], 1);
    let back = hops(&report).into_iter().find(|(_, target, ..)| target == "back").unwrap();
    assert_eq!(back, ("front".to_owned(), "back".to_owned(), 20.0, 2.0, 1.0));
    assert_eq!(report.totals.spans, 60);
    assert_eq!((report.totals.hops, report.totals.unpaired), (40, 0), "{report:?}");
}

#[test]
fn the_same_traffic_gives_the_same_bytes_in_any_order_and_format() {
    let traffic = traffic();
    let expected = json(&report(&[lines(&traffic)], 1)).unwrap();
    let mut reversed = traffic.clone();
    reversed.reverse();
    let (first, second) = traffic.split_at(traffic.len() / 3);
    let inputs = [
        vec![lines(&reversed)],
        vec![compressed_protobuf(&traffic)],
        vec![compressed_protobuf(second), lines(first)],
    ];
    for inputs in inputs {
        for _ in 0..3 {
            assert_eq!(json(&report(&inputs, 1)).unwrap(), expected);
        }
    }
}

#[test]
fn the_json_is_as_documented() {
    let report = report(&[lines(&traffic())], 1);
    let value: serde_json::Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
    assert_eq!(value["schema"], "spanfall.edges/1");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&value), ["edges", "nodes", "schema", "totals"]);
    assert_eq!(
        keys(&value["totals"]),
        [
            "dropped",
            "duplicates",
            "early",
            "hops",
            "ignored",
            "rejected",
            "spans",
            "unknown",
            "unknown_triggers",
            "unpaired"
        ]
    );
    let edge = value["edges"]
        .as_array()
        .unwrap()
        .iter()
        .find(|edge| edge["target"]["name"] == "back")
        .unwrap();
    assert_eq!(
        edge["source"],
        serde_json::json!({
            "kind": "function", "name": "front", "region": "eu-west-1",
        })
    );
    assert_eq!(
        edge["hops"],
        serde_json::json!({
            "total": 20, "ok": 18, "slow": 0, "throttled": 0, "error": 2, "cold": 1,
        })
    );
    let p50 = edge["latency_us"]["p50"].as_f64().unwrap();
    assert!((39_200.0..40_800.0).contains(&p50), "{p50}");
}

#[test]
fn every_round_adds_the_same_hops_again_cold_starts_included() {
    for input in [lines(&traffic()), compressed_protobuf(&traffic())] {
        let once = report(std::slice::from_ref(&input), 1);
        let many = report(std::slice::from_ref(&input), 7);
        let scaled: Vec<_> = hops(&once)
            .into_iter()
            .map(|(source, target, total, error, cold)| {
                (source, target, total * 7.0, error * 7.0, cold * 7.0)
            })
            .collect();
        assert_eq!(hops(&many), scaled);
        assert_eq!(many.totals.spans, once.totals.spans * 7);
        assert_eq!(many.totals.hops, once.totals.hops * 7);
        assert_eq!(many.totals.duplicates, 0);
        let nodes = |report: &Report| -> Vec<_> {
            report.nodes.iter().map(|node| (node.node.clone(), node.entry)).collect()
        };
        assert_eq!(nodes(&many), nodes(&once));
        let ran = |report: &Report| report.nodes[0].invocations.unwrap();
        assert_eq!(ran(&many), ran(&once) * 7.0);
    }
}

#[test]
fn the_same_file_twice_is_all_duplicates() {
    let file = lines(&traffic());
    let once = report(std::slice::from_ref(&file), 1);
    let twice = report(&[file.clone(), file], 1);
    assert_eq!(hops(&twice), hops(&once));
    assert_eq!((twice.totals.spans, twice.totals.duplicates), (120, 60));
}

#[test]
fn the_first_thing_that_is_wrong_is_told_with_its_place() {
    let Input::Memory { bytes, .. } = lines(&traffic()) else { unreachable!() };
    let broken = [&bytes[..], b"{\"resourceSpans\":1}\n", &bytes[..], b"nonsense\n"].concat();
    let input = Input::Memory { name: "broken.jsonl".to_owned(), bytes: broken.into() };
    let error = reduce_files(std::slice::from_ref(&input), &Config::default()).unwrap_err();
    assert!(error.to_string().starts_with("broken.jsonl, line 41, byte "), "{error}");

    let progress = ProgressBar::hidden();
    let (reducer, read) = reduce(&[input], true, 1, Settings::default(), &progress).unwrap();
    assert_eq!((read.losses.unreadable, reducer.stats().spans), (2, 120));
}

#[test]
fn malformed_protobuf_is_told_with_the_byte_of_the_file() {
    let good = traffic()[0].encode_length_delimited_to_vec();
    // A resource whose attribute claims to be longer than it is.
    let bad = [6, 0x0a, 4, 0x0a, 2, 0x0a, 9];
    let bytes: Bytes = [&good[..], &bad[..]].concat().into();
    let input = Input::Memory { name: "bad.pb".to_owned(), bytes };
    let error = reduce_files(&[input], &Config::default()).unwrap_err().to_string();
    let at = good.len() + 1 + 4;
    assert!(error.contains(&format!("bad.pb, byte {at}: malformed protobuf")), "{error}");
}

#[test]
fn a_pipe_cannot_be_repeated() {
    let progress = ProgressBar::hidden();
    let error = reduce(&[Input::Stdin], false, 2, Settings::default(), &progress).unwrap_err();
    assert!(error.to_string().contains("--repeat"), "{error}");
}
