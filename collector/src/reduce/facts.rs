//! Facts: what a span's or a resource's attributes say, in whichever dialect they say it. In:
//! attributes. Out: one struct in which old and new semantic conventions look alike.
//!
//! Sources: the OpenTelemetry semantic conventions (current and 1.2x names) and what Lambda
//! instrumentation was seen to emit.

use crate::span::{Attributes, Malformed, Resource, Scalar};

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
    pub(super) route: Option<&'a str>,
    /// Of an HTTP request; with its query, in old names.
    pub(super) path: Option<&'a str>,
    pub(super) user_agent: Option<&'a str>,
    /// The host of the other side, as the caller knows it; of this side on a callee.
    pub(super) host: Option<&'a str>,
    pub(super) port: Option<i64>,
    pub(super) peer_address: Option<&'a str>,
    pub(super) peer_port: Option<i64>,
    pub(super) peer_service: Option<&'a str>,
    pub(super) rpc_system: Option<&'a str>,
    pub(super) rpc_service: Option<&'a str>,
    pub(super) rpc_method: Option<&'a str>,
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
        attributes.for_each(|attribute| facts.take(attribute.key, attribute.value))?;
        Ok(facts)
    }

    /// Whether it names a queue, topic or stream.
    pub(super) fn names_channel(&self) -> bool {
        self.destination.is_some() || self.queue_url.is_some() || self.stream.is_some()
    }

    fn take(&mut self, key: &'a [u8], value: Scalar<'a>) {
        // One prefix decides, so that a span pays for the names of its own dialect only.
        match key.split(|&byte| byte == b'.').next().unwrap_or_default() {
            b"faas" | b"cloud" | b"aws" => self.take_cloud(key, value),
            b"http" | b"url" | b"server" | b"net" | b"network" | b"peer" | b"service"
            | b"user_agent" => self.take_network(key, value),
            b"messaging" => self.take_messaging(key, value),
            b"rpc" | b"db" => self.take_call(key, value),
            b"error" | b"exception" | b"otel" => self.take_error(key, value),
            _ => {}
        }
    }

    fn take_cloud(&mut self, key: &'a [u8], value: Scalar<'a>) {
        match key {
            b"faas.invocation_id"
            | b"faas.execution"
            | b"aws.request_id"
            | b"aws.request.id"
            | b"aws.lambda.request_id" => first(&mut self.request_id, value),
            b"cloud.resource_id" | b"faas.id" | b"aws.lambda.invoked_arn" => {
                first(&mut self.arn, value);
            }
            b"cloud.account.id" => first(&mut self.account, value),
            b"cloud.region" | b"aws.region" => first(&mut self.region, value),
            b"faas.coldstart" => self.cold = value.bool() == Some(true),
            b"faas.trigger" => first(&mut self.trigger, value),
            b"faas.invoked_name" => first(&mut self.invoked_name, value),
            b"faas.invoked_region" => first(&mut self.invoked_region, value),
            b"aws.dynamodb.table_names" => first(&mut self.table, value),
            b"aws.queue_url" | b"aws.sqs.queue.url" | b"aws.sqs.queue_url" => {
                first(&mut self.queue_url, value);
            }
            b"aws.sns.topic.arn" => first(&mut self.topic_arn, value),
            b"aws.error.code" | b"aws.error_code" => first(&mut self.error_code, value),
            b"aws.s3.bucket" => first(&mut self.bucket, value),
            b"aws.kinesis.stream_name" | b"aws.kinesis.stream.name" => {
                first(&mut self.stream, value);
            }
            _ if is_receive_count(key) => first_int(&mut self.delivery_count, value),
            _ => {}
        }
    }

    fn take_network(&mut self, key: &'a [u8], value: Scalar<'a>) {
        match key {
            b"http.response.status_code" | b"http.status_code" => {
                first_int(&mut self.http_status, value);
            }
            b"http.error_name" => first(&mut self.error_code, value),
            b"http.request.method" | b"http.method" => self.http_method = true,
            b"url.full" | b"http.url" => first(&mut self.url, value),
            b"http.route" => {
                self.http_route = true;
                first(&mut self.route, value);
            }
            b"url.path" => {
                self.http_route = true;
                first(&mut self.path, value);
            }
            b"http.target" => first(&mut self.path, value),
            b"user_agent.original" | b"http.user_agent" => first(&mut self.user_agent, value),
            b"server.address" | b"net.peer.name" | b"net.host.name" | b"http.host" => {
                first(&mut self.host, value);
            }
            b"server.port" | b"net.peer.port" => first_int(&mut self.port, value),
            b"network.peer.address" | b"net.peer.ip" => first(&mut self.peer_address, value),
            b"network.peer.port" | b"net.sock.peer.port" => first_int(&mut self.peer_port, value),
            b"service.peer.name" => newer(&mut self.peer_service, value),
            b"peer.service" => first(&mut self.peer_service, value),
            _ => {}
        }
    }

    fn take_messaging(&mut self, key: &'a [u8], value: Scalar<'a>) {
        match key {
            b"messaging.system" => first(&mut self.messaging_system, value),
            // The new name may hold the full ARN where the old one holds the bare name.
            b"messaging.destination.name" => newer(&mut self.destination, value),
            b"messaging.destination" => first(&mut self.destination, value),
            b"messaging.destination_kind" => first(&mut self.destination_kind, value),
            b"messaging.rabbitmq.destination.routing_key" | b"messaging.rabbitmq.routing_key" => {
                first(&mut self.routing_key, value);
            }
            b"messaging.url" => first(&mut self.queue_url, value),
            b"messaging.message.id" | b"messaging.message_id" => {
                first(&mut self.message_id, value);
            }
            b"messaging.operation.type" | b"messaging.operation.name" | b"messaging.operation" => {
                self.processes_messages |= value.text() == Some("process");
            }
            b"messaging.batch.message_count" => first_int(&mut self.message_count, value),
            b"messaging.servicebus.message.delivery_count"
            | b"messaging.gcp_pubsub.message.delivery_attempt" => {
                first_int(&mut self.delivery_count, value);
            }
            _ if is_receive_count(key) => first_int(&mut self.delivery_count, value),
            _ => {}
        }
    }

    fn take_call(&mut self, key: &'a [u8], value: Scalar<'a>) {
        match key {
            b"rpc.system" | b"rpc.system.name" => first(&mut self.rpc_system, value),
            b"rpc.service" => first(&mut self.rpc_service, value),
            b"rpc.method" => first(&mut self.rpc_method, value),
            b"rpc.grpc.status_code" => first_int(&mut self.grpc_status, value),
            b"db.system.name" => newer(&mut self.db_system, value),
            b"db.system" => first(&mut self.db_system, value),
            b"db.namespace" => newer(&mut self.db_name, value),
            b"db.name" => first(&mut self.db_name, value),
            b"rpc.response.status_code" | b"rpc.connect_rpc.error_code" => {
                first(&mut self.rpc_status, value);
            }
            b"db.response.status_code" => first(&mut self.error_code, value),
            _ => {}
        }
    }

    fn take_error(&mut self, key: &'a [u8], value: Scalar<'a>) {
        match key {
            b"error.type" => first(&mut self.error_type, value),
            b"exception.type" | b"error.code" | b"error.name" => first(&mut self.error_code, value),
            b"error" => self.says_error |= value.bool() == Some(true),
            b"otel.status_code" => {
                self.says_error |= value.text().is_some_and(|text| text == "ERROR");
            }
            _ => {}
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
    pub(super) fn read(resource: &Resource<'a>) -> Result<Self, Malformed> {
        let mut facts = Self::default();
        resource.attributes().for_each(|attribute| {
            let slot = match attribute.key {
                b"faas.name" => &mut facts.function,
                b"faas.version" => &mut facts.function_version,
                b"faas.instance" => &mut facts.instance,
                b"service.instance.id" => {
                    first(&mut facts.service_instance, attribute.value);
                    &mut facts.process
                }
                b"host.name" | b"container.id" | b"k8s.pod.uid" => &mut facts.process,
                b"faas.max_memory" => return first_int(&mut facts.max_memory, attribute.value),
                b"host.arch" => &mut facts.arch,
                b"cloud.provider" => &mut facts.provider,
                b"cloud.resource_id" | b"faas.id" => &mut facts.arn,
                b"cloud.account.id" => &mut facts.account,
                b"cloud.region" => &mut facts.region,
                b"cloud.platform" => &mut facts.platform,
                b"service.name" => &mut facts.service,
                b"service.version" => &mut facts.service_version,
                _ => return,
            };
            first(slot, attribute.value);
        })?;
        Ok(facts)
    }
}
