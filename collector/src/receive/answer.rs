//! The messages that answer an export: full success, partial success, and for HTTP the status of
//! a refusal.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::reduce::Ingested;

/// An `ExportTraceServiceResponse` in protobuf; the empty message where every span was taken. It is
/// what metrics and logs are answered too, since empty messages are all alike.
pub(super) fn to_traces(ingested: &Ingested) -> Bytes {
    let partial_success = (ingested.rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(ingested.rejected).unwrap_or(i64::MAX),
        error_message: reason(ingested),
    });
    ExportTraceServiceResponse { partial_success }.encode_to_vec().into()
}

/// The same in JSON.
pub(super) fn to_traces_json(ingested: &Ingested) -> Bytes {
    let answer = match ingested.rejected {
        0 => json!({}),
        // As a string, because it is a 64-bit integer.
        rejected => json!({"partialSuccess": {
            "rejectedSpans": rejected.to_string(),
            "errorMessage": reason(ingested),
        }}),
    };
    answer.to_string().into()
}

fn reason(ingested: &Ingested) -> String {
    let reason = ingested.reason.unwrap_or("they cannot be used");
    format!("{} of {} spans rejected: {reason}", ingested.rejected, ingested.spans)
}

/// A `google.rpc.Status` in protobuf.
pub(super) fn to_refused(code: Code, message: String) -> Bytes {
    tonic_types::Status { code: code as i32, message, details: Vec::new() }.encode_to_vec().into()
}

/// The same in JSON.
pub(super) fn to_refused_json(code: Code, message: &str) -> Bytes {
    json!({"code": code as i32, "message": message}).to_string().into()
}
