//! Random and damaged input at both doors: whatever comes, there is an answer, nothing fails, and
//! nothing stays in flight.

use http_body_util::BodyExt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use prost::Message;
use tokio::runtime::Runtime;
use tonic::{Code, Status};

use super::grpc::{EXPORT, call, channel, framed};
use super::rig::{Rig, gzip, request, zstd};
use crate::receive::{Limits, traces_to_json};

/// Requests in every format and compression, then damaged and cut; or any bytes at all.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let protobuf = request(3).encode_to_vec();
    let json = traces_to_json(&protobuf).unwrap();
    let start = prop_oneof![
        Just(gzip(&protobuf)),
        Just(gzip(&json)),
        Just(zstd(&protobuf)),
        Just(zstd(&json)),
        Just(protobuf),
        Just(json),
        vec(any::<u8>(), 0..300),
    ];
    let damage = vec((any::<Index>(), any::<u8>()), 0..5);
    (start, damage, any::<Index>()).prop_map(|(mut body, damage, cut)| {
        for (at, byte) in damage {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
        }
        body.truncate(cut.index(2 * body.len() + 1));
        body
    })
}

fn start() -> (Runtime, Rig, TestRunner) {
    let runtime = Runtime::new().unwrap();
    let limits = Limits { max_decompressed_bytes: 1 << 20, ..Limits::default() };
    let rig = runtime.block_on(Rig::start(limits));
    (runtime, rig, TestRunner::new(ProptestConfig::with_cases(200)))
}

fn finish(runtime: &Runtime, rig: Rig) {
    assert_eq!(rig.receiver.counters().failed.get(), 0);
    assert_eq!(rig.receiver.counters().in_flight_bytes.get(), 0);
    runtime.block_on(rig.finish());
}

#[test]
fn no_body_makes_the_http_port_hang_or_fail() {
    let (runtime, rig, mut runner) = start();
    let formats = select(vec!["application/x-protobuf", "application/json"]);
    let input = (body(), formats, select(vec!["", "gzip", "zstd"]));
    let outcome = runner.run(&input, |(body, format, encoding)| {
        let headers = format!("Content-Type: {format}\r\nContent-Encoding: {encoding}\r\n");
        let answer = runtime.block_on(rig.post("/v1/traces", &headers, &body));
        prop_assert!(matches!(answer.status, 200 | 400 | 413), "{:?}", answer);
        Ok(())
    });
    outcome.unwrap();
    finish(&runtime, rig);
}

#[test]
fn no_body_makes_the_grpc_port_hang_or_fail() {
    let (runtime, rig, mut runner) = start();
    let grpc = runtime.block_on(channel(&rig));
    let well_framed = (0..3_u8, body()).prop_map(|(flag, message)| framed(flag, &message));
    let input = (prop_oneof![well_framed, body()], select(vec!["identity", "gzip", "zstd"]));
    let outcome = runner.run(&input, |(body, encoding)| {
        let headers = [("grpc-encoding", encoding)];
        let mut grpc = grpc.clone();
        let status = runtime.block_on(async {
            let answer = call(&mut grpc, EXPORT, &headers, body).await;
            if let Some(status) = Status::from_header_map(answer.headers()) {
                return status;
            }
            let collected = answer.into_body().collect().await.unwrap();
            Status::from_header_map(collected.trailers().unwrap()).unwrap()
        });
        let expected = [Code::Ok, Code::InvalidArgument, Code::ResourceExhausted];
        prop_assert!(expected.contains(&status.code()), "{:?}", status);
        Ok(())
    });
    outcome.unwrap();
    drop(grpc);
    finish(&runtime, rig);
}
