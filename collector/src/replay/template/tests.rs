//! Templates against the same changes on decoded messages.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::otlp_file::any::{request, small, text};

/// What a template does, on decoded messages.
fn expected(
    mut request: ExportTraceServiceRequest,
    round: &Round,
    shift: i64,
) -> ExportTraceServiceRequest {
    let suffix = std::str::from_utf8(&round.suffix).unwrap();
    let rename = |attributes: &mut Vec<KeyValue>| {
        for attribute in attributes {
            let is_id = ID_KEYS.contains(&attribute.key.as_bytes());
            let value = attribute.value.as_mut().and_then(|value| value.value.as_mut());
            if let (true, Some(Any::StringValue(id))) = (is_id, value) {
                id.push_str(suffix);
            }
        }
    };
    let change = |id: &mut Vec<u8>, mask: &[u8]| {
        if id.len() == mask.len() && id.iter().any(|byte| *byte != 0) {
            id.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        }
    };
    let shifted = |time: &mut u64| {
        if *time != 0 {
            *time = time.saturating_add_signed(shift).max(1);
        }
    };
    for resource in &mut request.resource_spans {
        rename(&mut resource.resource.as_mut().unwrap().attributes);
        for span in resource.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
            change(&mut span.trace_id, &round.trace.to_le_bytes());
            change(&mut span.span_id, &round.span.to_le_bytes());
            change(&mut span.parent_span_id, &round.span.to_le_bytes());
            shifted(&mut span.start_time_unix_nano);
            shifted(&mut span.end_time_unix_nano);
            rename(&mut span.attributes);
            span.events.iter_mut().for_each(|event| shifted(&mut event.time_unix_nano));
            for link in &mut span.links {
                change(&mut link.trace_id, &round.trace.to_le_bytes());
                change(&mut link.span_id, &round.span.to_le_bytes());
                rename(&mut link.attributes);
            }
        }
    }
    request
}

fn latest(request: &ExportTraceServiceRequest) -> Option<u64> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans = scopes.flat_map(|scope| &scope.spans);
    let ends = spans.map(|span| match span.end_time_unix_nano {
        0 => span.start_time_unix_nano,
        end => end,
    });
    ends.max().filter(|end| *end != 0)
}

proptest! {
    #[test]
    fn times_and_ids_change_and_nothing_else(
        request in request(),
        seed in any::<u64>(),
        shift in any::<i64>(),
    ) {
        let bytes = request.encode_to_vec();
        let template = Template::new(&bytes).unwrap();
        let round = Round::new(seed, 3);
        let written = ExportTraceServiceRequest::decode(template.write(&round, shift)).unwrap();
        prop_assert_eq!(template.end(), latest(&request));
        prop_assert_eq!(last_end(&bytes).unwrap(), latest(&request));
        prop_assert_eq!(written, expected(request, &round, shift));
    }

    #[test]
    fn random_and_damaged_bytes_never_panic(
        request in request(),
        random in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut damaged = request.encode_to_vec();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        for bytes in [random, damaged] {
            if let Ok(template) = Template::new(&bytes) {
                template.write(&Round::new(0, 0), i64::MIN);
            }
            let _ = last_end(&bytes);
        }
    }
}

#[test]
fn an_id_that_two_requests_share_stays_shared_within_a_round() {
    let with_id = |key: &str| {
        let mut request = small(1, 7);
        request.resource_spans[0].scope_spans[0].spans[0].attributes = vec![text(key, "4711")];
        Template::new(&request.encode_to_vec()).unwrap()
    };
    let id = |template: &Template, number| {
        let bytes = template.write(&Round::new(0, number), 0);
        let request = ExportTraceServiceRequest::decode(bytes).unwrap();
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        span.attributes[0].value.clone().unwrap().value.unwrap()
    };
    let (caller, callee) = (with_id("aws.request_id"), with_id("faas.invocation_id"));
    assert_eq!(id(&caller, 1), id(&callee, 1));
    assert_ne!(id(&caller, 1), id(&callee, 2));
}
