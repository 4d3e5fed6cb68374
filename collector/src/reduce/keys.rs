//! Keys: the names of attributes that mean something here. In: an attribute's name. Out: which of
//! the known ones it is, found with one look into a table.
//!
//! Most attributes of a span mean nothing to the reducer, and the others are compared with one name
//! each: that a span has forty of them, or that we know a hundred, costs next to nothing.

use std::sync::LazyLock;

macro_rules! keys {
    ($($key:ident: $($name:literal)+;)+) => {
        /// An attribute that a span's facts are read from; several names may be the same to us.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Key {
            $($key,)+
        }

        /// All names, each with what it is.
        const NAMES: &[(&str, Key)] = &[$($(($name, Key::$key),)+)+];
    };
}

keys! {
    RequestId: "faas.invocation_id" "faas.execution" "aws.request_id" "aws.request.id"
        "aws.lambda.request_id";
    Arn: "cloud.resource_id" "faas.id" "aws.lambda.invoked_arn";
    Account: "cloud.account.id";
    Region: "cloud.region" "aws.region";
    ColdStart: "faas.coldstart";
    Trigger: "faas.trigger";
    InvokedName: "faas.invoked_name";
    InvokedRegion: "faas.invoked_region";
    Table: "aws.dynamodb.table_names";
    QueueUrl: "aws.queue_url" "aws.sqs.queue.url" "aws.sqs.queue_url" "messaging.url";
    TopicArn: "aws.sns.topic.arn";
    Bucket: "aws.s3.bucket";
    Stream: "aws.kinesis.stream_name" "aws.kinesis.stream.name";
    HttpStatus: "http.response.status_code" "http.status_code";
    HttpMethod: "http.request.method" "http.method";
    Url: "url.full" "http.url";
    Route: "http.route";
    UrlPath: "url.path";
    HttpTarget: "http.target";
    UserAgent: "user_agent.original" "http.user_agent";
    Host: "server.address" "net.peer.name" "net.host.name" "http.host";
    Port: "server.port" "net.peer.port";
    PeerAddress: "network.peer.address" "net.peer.ip";
    PeerPort: "network.peer.port" "net.sock.peer.port";
    PeerServiceName: "service.peer.name";
    PeerService: "peer.service";
    MessagingSystem: "messaging.system";
    DestinationName: "messaging.destination.name";
    Destination: "messaging.destination";
    DestinationKind: "messaging.destination_kind";
    RoutedBy: "messaging.rabbitmq.destination.routing_key" "messaging.rabbitmq.routing_key";
    MessageId: "messaging.message.id" "messaging.message_id";
    Operation: "messaging.operation.type" "messaging.operation.name" "messaging.operation";
    MessageCount: "messaging.batch.message_count";
    DeliveryCount: "messaging.servicebus.message.delivery_count"
        "messaging.gcp_pubsub.message.delivery_attempt";
    RpcSystem: "rpc.system" "rpc.system.name";
    RpcService: "rpc.service";
    GrpcStatus: "rpc.grpc.status_code";
    RpcStatus: "rpc.response.status_code" "rpc.connect_rpc.error_code";
    DbSystemName: "db.system.name";
    DbSystem: "db.system";
    DbNamespace: "db.namespace";
    DbName: "db.name";
    ErrorType: "error.type";
    ErrorCode: "aws.error.code" "aws.error_code" "http.error_name" "db.response.status_code"
        "exception.type" "error.code" "error.name";
    SaysError: "error";
    OtelStatus: "otel.status_code";
}

/// A power of two, about eight times as many as there are names, so that most are alone in their
/// place.
const PLACES: usize = 1024;

/// Names by the hash of some of their bytes; those that share a place follow each other.
struct Table {
    places: [Option<(&'static str, Key)>; PLACES],
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut places = [None; PLACES];
    for &(name, key) in NAMES {
        let mut place = place_of(name.as_bytes());
        while places[place].is_some() {
            place = (place + 1) % PLACES;
        }
        places[place] = Some((name, key));
    }
    Table { places }
});

/// Names that share their length and their last eight bytes are few, and their first ones differ.
#[inline]
fn place_of(name: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (first, last) = (word(name.first_chunk()), word(name.last_chunk()));
    let short = name.first().copied().unwrap_or_default();
    let mixed = (first ^ last.rotate_left(23) ^ u64::from(short) ^ ((name.len() as u64) << 56))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The highest bits are the best mixed ones; they are below 1,024.
    (mixed >> (64 - PLACES.trailing_zeros())) as usize
}

/// Which of the known attributes is called so.
#[inline]
pub(super) fn key(name: &[u8]) -> Option<Key> {
    let mut place = place_of(name);
    while let Some((known, key)) = TABLE.places[place] {
        if known.as_bytes() == name {
            return Some(key);
        }
        place = (place + 1) % PLACES;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_name_is_found_and_is_there_once() {
        for (at, (name, key_of_it)) in NAMES.iter().enumerate() {
            assert_eq!(key(name.as_bytes()), Some(*key_of_it), "{name}");
            assert!(NAMES[..at].iter().all(|(other, _)| other != name), "{name} is there twice");
        }
    }

    #[test]
    fn names_rarely_share_a_place() {
        let looks = |name: &str| {
            let mut place = place_of(name.as_bytes());
            let mut looks = 1;
            while TABLE.places[place].is_some_and(|(known, _)| known != name) {
                place = (place + 1) % PLACES;
                looks += 1;
            }
            looks
        };
        let most = NAMES.iter().map(|(name, _)| looks(name)).max();
        assert!(most <= Some(3), "{most:?}");
    }

    proptest! {
        #[test]
        fn other_names_are_unknown(name in "[a-z._]{0,40}", extra in "[a-z.]{1,3}") {
            let known = |name: &str| NAMES.iter().any(|(known, _)| *known == name);
            prop_assert_eq!(key(name.as_bytes()).is_some(), known(&name));
            for (name, _) in NAMES {
                let longer = format!("{name}{extra}");
                prop_assert_eq!(key(longer.as_bytes()).is_some(), known(&longer));
            }
        }
    }
}
