//! Question: what is to be found out about whom a span talks to, in one number. In: a span's [`Facts`].
//! Out: a hash of those that decide, by which the answer is recalled (`recall`).

use std::hash::{BuildHasher as _, Hasher as _};

use super::facts::Facts;

/// A hash of everything that [`of_caller`](super::target::of_caller), [`of_callee`](super::target::of_callee) and [`of_root`](super::target::of_root) read of a span's attributes: the same hash, the same
/// answer, as long as the place is the same. Of a URL it is the host and the path's first two parts.
pub(super) fn asked(facts: &Facts<'_>, hasher: &foldhash::fast::RandomState) -> u64 {
    let mut state = hasher.build_hasher();
    let texts = [
        facts.region,
        facts.trigger,
        facts.invoked_name,
        facts.invoked_region,
        // An SQS client's URL is its queue's, however long it is.
        facts.url.map(|url| if facts.rpc_service == Some("SQS") { url } else { named_part(url) }),
        facts.host,
        facts.peer_address,
        facts.peer_service,
        facts.rpc_system,
        facts.rpc_service,
        facts.db_system,
        facts.db_name,
        facts.table,
        facts.messaging_system,
        facts.destination,
        facts.destination_kind,
        facts.routing_key,
        facts.queue_url,
        facts.topic_arn,
        facts.bucket,
        facts.stream,
    ];
    // Which of them are there, and the bytes of those; no two lists of texts look alike, since each
    // is followed by a byte that no text has.
    let mut there = u64::from(facts.http_method) << 1 | u64::from(facts.http_status.is_some());
    for (place, text) in (2..).zip(texts) {
        if let Some(text) = text {
            there |= 1 << place;
            state.write(text.as_bytes());
            state.write_u8(0xff);
        }
    }
    let number = |number: Option<i64>| number.map_or(0, |number| number.cast_unsigned() << 1 | 1);
    if facts.port.is_some() || facts.peer_port.is_some() {
        state.write_u64(number(facts.port));
        state.write_u64(number(facts.peer_port));
    }
    state.write_u64(there);
    state.finish()
}

/// As much of a URL as can name anything: an account and a queue, or a bucket.
fn named_part(url: &str) -> &str {
    /// The slashes of `https://host/one/two/`.
    const SLASHES: usize = 5;
    let end = url.bytes().enumerate().filter(|(_, byte)| *byte == b'/').nth(SLASHES - 1);
    let url = end.map_or(url, |(at, _)| &url[..at]);
    url.find(['?', '#']).map_or(url, |at| &url[..at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reduce::target::{Here, of_callee, of_caller};

    fn any_facts() -> impl Strategy<Value = Facts<'static>> {
        let text = || {
            prop::option::weighted(
                0.3,
                prop::sample::select(
                    &[
                        "a",
                        "b",
                        "SQS",
                        "aws.sqs",
                        "aws-api",
                        "topic",
                        "timer",
                        "http",
                        "eu-west-1",
                        "arn:aws:sns:eu-west-1:1:orders",
                        "arn:aws:lambda:eu-west-1:1:function:f:live",
                        "https://sqs.eu-west-1.amazonaws.com/1/orders",
                        "https://sqs.eu-west-1.amazonaws.com/1/orders/more",
                        "https://s3.eu-west-1.amazonaws.com/one/two/three?x=1",
                        "https://s3.eu-west-1.amazonaws.com/one/two/four/five",
                        "https://a1.execute-api.eu-west-1.amazonaws.com/x/y/z",
                        "b.s3.eu-west-1.amazonaws.com",
                        "10.0.0.7",
                    ][..],
                ),
            )
        };
        let number = || prop::option::weighted(0.2, prop::sample::select(&[80_i64, 5432][..]));
        let texts = (
            [text(), text(), text(), text(), text(), text()],
            [text(), text(), text(), text(), text(), text(), text()],
            [text(), text(), text(), text(), text(), text(), text()],
        );
        (texts, [number(), number(), number()], any::<bool>()).prop_map(
            |((some, more, rest), [port, peer_port, http_status], http_method)| Facts {
                region: some[0],
                trigger: some[1],
                invoked_name: some[2],
                invoked_region: some[3],
                url: some[4],
                host: some[5],
                peer_address: more[0],
                peer_service: more[1],
                rpc_system: more[2],
                rpc_service: more[3],
                db_system: more[4],
                db_name: more[5],
                table: more[6],
                messaging_system: rest[0],
                destination: rest[1],
                destination_kind: rest[2],
                queue_url: rest[3],
                topic_arn: rest[4],
                bucket: rest[5],
                stream: rest[6],
                port,
                peer_port,
                http_status,
                http_method,
                ..Facts::default()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn what_asks_the_same_is_answered_the_same(
            facts in any_facts(),
            url in prop::sample::select(&[
                "https://s3.eu-west-1.amazonaws.com/one/two/4?y", "https://h/a/b#c", "https://h/a/b/",
                "https://sqs.eu-west-1.amazonaws.com/1/orders/less",
            ][..]),
            also in prop::sample::select(&[
                "https://s3.eu-west-1.amazonaws.com/one/two/three", "https://h/a/b?d", "https://h/a/b/c",
                "https://sqs.eu-west-1.amazonaws.com/1/orders/more",
            ][..]),
            consumer: bool,
        ) {
            let hasher = foldhash::fast::RandomState::default();
            let here = Here { account: "1", region: "eu-central-1" };
            let (one, other) = (
                Facts { url: Some(url), message_id: Some("m"), ..facts },
                Facts { url: Some(also), cold: true, ..facts },
            );
            if asked(&one, &hasher) == asked(&other, &hasher) {
                prop_assert_eq!(of_caller(&one, here), of_caller(&other, here));
                prop_assert_eq!(of_callee(&one, here, consumer), of_callee(&other, here, consumer));
            }
        }

        #[test]
        fn what_is_answered_differently_asks_something_else(
            one in any_facts(), other in any_facts(), consumer: bool,
        ) {
            let hasher = foldhash::fast::RandomState::default();
            let here = Here { account: "1", region: "eu-central-1" };
            if of_caller(&one, here) != of_caller(&other, here)
                || of_callee(&one, here, consumer) != of_callee(&other, here, consumer)
            {
                prop_assert_ne!(asked(&one, &hasher), asked(&other, &hasher));
            }
        }
    }
}
