//! Facts: what a span's or a resource's attributes say, in whichever dialect they say it. In:
//! attributes. Out: one struct in which old and new semantic conventions look alike.
//!
//! Sources: the OpenTelemetry semantic conventions (current and 1.2x names) and what Lambda
//! instrumentation was seen to emit.

use super::keys::{self, Key};
use crate::span::{Attribute, Attributes, Malformed, Resource, Scalar};

/// What a span's attributes say. The first of several names for the same thing wins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts<'a> {
    /// The request id of a Lambda invocation, on either side of it.
    pub(super) request_id: Option<&'a str>,
    /// The ARN of the function that ran.
    pub(super) arn: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    pub(super) cold: bool,
    pub(super) trigger: Option<&'a str>,
    pub(super) invoked_name: Option<&'a str>,
    pub(super) invoked_region: Option<&'a str>,
    pub(super) http_status: Option<i64>,
    pub(super) http_method: bool,
    /// A route or a bare path, which only the side that serves a request knows.
    pub(super) http_route: bool,
    pub(super) url: Option<&'a str>,
    /// Looked into only where there are rules about it, as are the next two.
    pub(super) route: Option<Attribute<'a>>,
    /// Of an HTTP request; with its query, in old names.
    pub(super) path: Option<Attribute<'a>>,
    pub(super) user_agent: Option<Attribute<'a>>,
    /// The host of the other side, as the caller knows it; of this side on a callee.
    pub(super) host: Option<&'a str>,
    pub(super) port: Option<i64>,
    pub(super) peer_address: Option<&'a str>,
    pub(super) peer_port: Option<i64>,
    pub(super) peer_service: Option<&'a str>,
    pub(super) rpc_system: Option<&'a str>,
    pub(super) rpc_service: Option<&'a str>,
    pub(super) grpc_status: Option<i64>,
    /// How the call ended, in the words of its system; gRPC's are `OK`, `NOT_FOUND`, ...
    pub(super) rpc_status: Option<&'a str>,
    pub(super) db_system: Option<&'a str>,
    pub(super) db_name: Option<&'a str>,
    pub(super) table: Option<&'a str>,
    pub(super) messaging_system: Option<&'a str>,
    pub(super) destination: Option<&'a str>,
    pub(super) destination_kind: Option<&'a str>,
    /// What RabbitMQ routes a message by: the queue's name, where its exchange has none.
    pub(super) routing_key: Option<&'a str>,
    pub(super) queue_url: Option<&'a str>,
    pub(super) topic_arn: Option<&'a str>,
    pub(super) message_count: Option<i64>,
    pub(super) message_id: Option<&'a str>,
    /// `messaging.operation*` says that messages are dealt with, not sent.
    pub(super) processes_messages: bool,
    /// How often the message was delivered so far, this time included.
    pub(super) delivery_count: Option<i64>,
    pub(super) bucket: Option<&'a str>,
    pub(super) stream: Option<&'a str>,
    pub(super) error_type: Option<&'a str>,
    /// What else names an error.
    pub(super) error_code: Option<&'a str>,
    /// That it failed, as an attribute in place of the span's status.
    pub(super) says_error: bool,
}

fn first<'a>(slot: &mut Option<&'a str>, value: Scalar<'a>) {
    if slot.is_none() {
        *slot = value.text();
    }
}

/// The newer of two names for the same thing, which says more where a span has both.
fn newer<'a>(slot: &mut Option<&'a str>, value: Scalar<'a>) {
    *slot = value.text().or(*slot);
}

fn first_int(slot: &mut Option<i64>, value: Scalar<'_>) {
    if slot.is_none() {
        *slot = value.int();
    }
}

impl<'a> Facts<'a> {
    pub(super) fn read(attributes: Attributes<'a>) -> Result<Self, Malformed> {
        let mut facts = Self::default();
        facts.fill(attributes)?;
        Ok(facts)
    }

    /// Reads attributes into facts that say nothing yet, which are large enough to be worth making
    /// where they stay.
    #[inline]
    pub(super) fn fill(&mut self, attributes: Attributes<'a>) -> Result<(), Malformed> {
        attributes.for_each(|attribute| self.take(&attribute))
    }

    /// Whether it names a queue, topic or stream.
    pub(super) fn names_channel(&self) -> bool {
        self.destination.is_some() || self.queue_url.is_some() || self.stream.is_some()
    }

    #[inline]
    fn take(&mut self, attribute: &Attribute<'a>) -> Result<(), Malformed> {
        let Some(key) = keys::key(attribute.key) else {
            if is_receive_count(attribute.key) {
                first_int(&mut self.delivery_count, attribute.value()?);
            }
            return Ok(());
        };
        match key {
            Key::HttpMethod => self.http_method = true,
            Key::Route => {
                self.http_route = true;
                self.route.get_or_insert(*attribute);
            }
            Key::UrlPath => {
                self.http_route = true;
                self.path.get_or_insert(*attribute);
            }
            Key::HttpTarget => drop(self.path.get_or_insert(*attribute)),
            Key::UserAgent => drop(self.user_agent.get_or_insert(*attribute)),
            key => self.take_value(key, attribute.value()?),
        }
        Ok(())
    }

    #[inline]
    fn take_value(&mut self, key: Key, value: Scalar<'a>) {
        match key {
            // Those that were not looked into.
            Key::HttpMethod | Key::Route | Key::UrlPath | Key::HttpTarget | Key::UserAgent => {}
            Key::RequestId => first(&mut self.request_id, value),
            Key::Arn => first(&mut self.arn, value),
            Key::Account => first(&mut self.account, value),
            Key::Region => first(&mut self.region, value),
            Key::ColdStart => self.cold = value.bool() == Some(true),
            Key::Trigger => first(&mut self.trigger, value),
            Key::InvokedName => first(&mut self.invoked_name, value),
            Key::InvokedRegion => first(&mut self.invoked_region, value),
            Key::Table => first(&mut self.table, value),
            Key::QueueUrl => first(&mut self.queue_url, value),
            Key::TopicArn => first(&mut self.topic_arn, value),
            Key::Bucket => first(&mut self.bucket, value),
            Key::Stream => first(&mut self.stream, value),
            Key::HttpStatus => first_int(&mut self.http_status, value),
            Key::Url => first(&mut self.url, value),
            Key::Host => first(&mut self.host, value),
            Key::Port => first_int(&mut self.port, value),
            Key::PeerAddress => first(&mut self.peer_address, value),
            Key::PeerPort => first_int(&mut self.peer_port, value),
            Key::PeerServiceName => newer(&mut self.peer_service, value),
            Key::PeerService => first(&mut self.peer_service, value),
            Key::MessagingSystem => first(&mut self.messaging_system, value),
            // The new name may hold the full ARN where the old one holds the bare name.
            Key::DestinationName => newer(&mut self.destination, value),
            Key::Destination => first(&mut self.destination, value),
            Key::RoutedBy => first(&mut self.routing_key, value),
            Key::DestinationKind => first(&mut self.destination_kind, value),
            Key::MessageId => first(&mut self.message_id, value),
            Key::Operation => self.processes_messages |= value.text() == Some("process"),
            Key::MessageCount => first_int(&mut self.message_count, value),
            Key::DeliveryCount => first_int(&mut self.delivery_count, value),
            Key::RpcSystem => first(&mut self.rpc_system, value),
            Key::RpcService => first(&mut self.rpc_service, value),
            Key::GrpcStatus => first_int(&mut self.grpc_status, value),
            Key::RpcStatus => first(&mut self.rpc_status, value),
            Key::DbSystemName => newer(&mut self.db_system, value),
            Key::DbSystem => first(&mut self.db_system, value),
            Key::DbNamespace => newer(&mut self.db_name, value),
            Key::DbName => first(&mut self.db_name, value),
            Key::ErrorType => first(&mut self.error_type, value),
            Key::ErrorCode => first(&mut self.error_code, value),
            Key::SaysError => self.says_error |= value.bool() == Some(true),
            Key::OtelStatus => {
                self.says_error |= value.text().is_some_and(|text| text == "ERROR");
            }
        }
    }

    /// What attributes call the error.
    pub(super) fn error_names(&self) -> impl Iterator<Item = &'a str> {
        [self.error_type, self.error_code].into_iter().flatten()
    }
}

/// Whether an attribute is what SQS calls `ApproximateReceiveCount`. No convention names it;
/// programs put it into `messaging.header.*`, `aws.sqs.*` and the like, as it is or in snake case.
fn is_receive_count(key: &[u8]) -> bool {
    const NAME: &[u8] = b"approximatereceivecount";
    if key.len() <= NAME.len() || !matches!(key, [.., b't' | b'T']) {
        return false;
    }
    if !key.starts_with(b"aws.") && !key.starts_with(b"messaging.") {
        return false;
    }
    let last = key.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    let letters = last.iter().filter(|&&byte| byte != b'_').map(u8::to_ascii_lowercase);
    last.len() >= NAME.len() && letters.eq(NAME.iter().copied())
}

/// What a resource's attributes say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResourceFacts<'a> {
    pub(super) function: Option<&'a str>,
    pub(super) function_version: Option<&'a str>,
    pub(super) instance: Option<&'a str>,
    /// Anything else that tells a process from others that run the same.
    pub(super) process: Option<&'a str>,
    pub(super) service_instance: Option<&'a str>,
    /// A function's memory: bytes by the conventions, megabytes as Python tells them.
    pub(super) max_memory: Option<i64>,
    /// The processor's instructions.
    pub(super) arch: Option<&'a str>,
    pub(super) provider: Option<&'a str>,
    pub(super) arn: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    pub(super) platform: Option<&'a str>,
    pub(super) service: Option<&'a str>,
    pub(super) service_version: Option<&'a str>,
}

impl<'a> ResourceFacts<'a> {
    pub(super) fn read(resource: &'a Resource<'_>) -> Result<Self, Malformed> {
        let mut facts = Self::default();
        resource.attributes().for_each(|attribute| {
            let slot = match attribute.key {
                b"faas.name" => &mut facts.function,
                b"faas.version" => &mut facts.function_version,
                b"faas.instance" => &mut facts.instance,
                b"service.instance.id" => {
                    first(&mut facts.service_instance, attribute.value()?);
                    &mut facts.process
                }
                b"host.name" | b"container.id" | b"k8s.pod.uid" => &mut facts.process,
                b"faas.max_memory" => {
                    first_int(&mut facts.max_memory, attribute.value()?);
                    return Ok(());
                }
                b"host.arch" => &mut facts.arch,
                b"cloud.provider" => &mut facts.provider,
                b"cloud.resource_id" | b"faas.id" => &mut facts.arn,
                b"cloud.account.id" => &mut facts.account,
                b"cloud.region" => &mut facts.region,
                b"cloud.platform" => &mut facts.platform,
                b"service.name" => &mut facts.service,
                b"service.version" => &mut facts.service_version,
                _ => return Ok(()),
            };
            first(slot, attribute.value()?);
            Ok(())
        })?;
        Ok(facts)
    }
}
