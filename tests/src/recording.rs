//! Recordings for tests to reduce: the samples. In: a sample's name. Out: its files, and its spans
//! one by one.

use std::path::PathBuf;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use spanfall_collector::otlp_file::{Input, Requests};

use crate::program::repository;

/// A sample's recording.
pub fn sample(name: &str) -> PathBuf {
    repository(&format!("samples/{name}.jsonl.zst"))
}

/// What really happened while a sample was recorded.
pub fn truth(name: &str) -> PathBuf {
    repository(&format!("samples/{name}.truth.json"))
}

/// One span, with what exported it.
#[derive(Clone, Debug)]
pub struct Told {
    resource: Option<Resource>,
    scope: Option<InstrumentationScope>,
    span: Span,
}

/// Every export request of a recording, in its order.
///
/// # Panics
/// If it cannot be read.
#[track_caller]
pub fn requests(recording: PathBuf) -> Vec<ExportTraceServiceRequest> {
    let requests = Requests::open(&Input::File(recording), false).expect("a recording");
    requests
        .map(|request| {
            let bytes = request.expect("a request").bytes;
            ExportTraceServiceRequest::decode(&bytes[..]).expect("an export request")
        })
        .collect()
}

/// When the last span of a request ended, in milliseconds since 1970; 0 if there is none.
pub fn end_ms(request: &ExportTraceServiceRequest) -> u64 {
    let scopes = request.resource_spans.iter().flat_map(|of_resource| &of_resource.scope_spans);
    let ends = scopes.flat_map(|scope| &scope.spans).map(|span| span.end_time_unix_nano);
    ends.max().unwrap_or(0) / 1_000_000
}

/// Every span of a recording, in its order.
///
/// # Panics
/// If it cannot be read.
#[track_caller]
pub fn spans(recording: PathBuf) -> Vec<Told> {
    let mut spans = Vec::new();
    for request in requests(recording) {
        for of_resource in request.resource_spans {
            for of_scope in of_resource.scope_spans {
                spans.extend(of_scope.spans.into_iter().map(|span| Told {
                    resource: of_resource.resource.clone(),
                    scope: of_scope.scope.clone(),
                    span,
                }));
            }
        }
    }
    spans
}

/// An export request with these spans, neighbours of one resource and scope together, as SDKs send
/// them.
pub fn request<'a>(spans: impl IntoIterator<Item = &'a Told>) -> Vec<u8> {
    let mut request = ExportTraceServiceRequest::default();
    for told in spans {
        let same = request.resource_spans.last().is_some_and(|last: &ResourceSpans| {
            last.resource == told.resource
                && last.scope_spans.last().is_some_and(|scope| scope.scope == told.scope)
        });
        if !same {
            request.resource_spans.push(ResourceSpans {
                resource: told.resource.clone(),
                scope_spans: vec![ScopeSpans { scope: told.scope.clone(), ..Default::default() }],
                ..Default::default()
            });
        }
        let last = request.resource_spans.last_mut().and_then(|last| last.scope_spans.last_mut());
        if let Some(last) = last {
            last.spans.push(told.span.clone());
        }
    }
    request.encode_to_vec()
}
