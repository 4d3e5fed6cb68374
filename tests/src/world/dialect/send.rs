//! Messages: the span of who sends one to a queue, topic or stream.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use spanfall_collector::reduce::node::{Node, NodeKind};

use super::super::attributes::Attributes;
use super::call::{Call, CallFacts, aws, aws_told, error};
use super::{Dialect, Told, channel_arn, queue_url};

/// The sender's span.
pub(super) fn send(facts: &CallFacts<'_>, channel: &Node, id: Option<&str>) -> Told {
    match (channel.kind, channel.account.is_empty()) {
        (_, true) => send_elsewhere(facts, channel, id),
        (NodeKind::Topic, _) => publish(facts, channel),
        (NodeKind::Stream, _) => {
            let attributes = aws(facts, "Kinesis", "PutRecord", &channel.region)
                .text("aws.kinesis.stream.name", &channel.name);
            aws_told(facts, "Kinesis.PutRecord".to_owned(), attributes, channel.clone())
        }
        _ => send_to_queue(facts, channel, id),
    }
}

fn send_to_queue(facts: &CallFacts<'_>, queue: &Node, id: Option<&str>) -> Told {
    let dialect = facts.caller.dialect;
    let method = match &facts.call {
        Call::Send(_, count, _) if *count > 1 => "SendMessageBatch",
        _ => "SendMessage",
    };
    let url = queue_url(queue);
    let mut attributes = aws(facts, "SQS", method, &queue.region);
    let mut kind = SpanKind::Producer;
    let id_key = if dialect == Dialect::OldNodeLambda {
        "messaging.message_id"
    } else {
        "messaging.message.id"
    };
    attributes = match dialect {
        Dialect::PythonLambda | Dialect::OldPythonLambda => {
            kind = SpanKind::Client;
            attributes.texts(&[
                ("aws.queue_url", &url),
                ("messaging.system", "aws.sqs"),
                ("messaging.destination", &queue.name),
                ("messaging.url", &url),
            ])
        }
        Dialect::OldNodeLambda => attributes.texts(&[
            ("messaging.system", "aws.sqs"),
            ("messaging.destination", &queue.name),
            ("messaging.destination_kind", "queue"),
            ("messaging.url", &url),
        ]),
        Dialect::NodeLambda => attributes.texts(&[
            ("messaging.system", "aws_sqs"),
            ("messaging.destination.name", &queue.name),
            ("url.full", &url),
        ]),
        _ if facts.by_arn => attributes.texts(&[
            ("messaging.system", "aws_sqs"),
            ("messaging.destination.name", &channel_arn(queue)),
        ]),
        _ => attributes.texts(&[
            ("messaging.system", "aws_sqs"),
            ("messaging.destination.name", &queue.name),
            ("aws.sqs.queue.url", &url),
        ]),
    };
    if let Some(id) = id {
        attributes = attributes.text(id_key, id);
    }
    let told = aws_told(facts, format!("SQS.{method}"), attributes, queue.clone());
    Told { kind, ..told }
}

fn publish(facts: &CallFacts<'_>, topic: &Node) -> Told {
    let arn = channel_arn(topic);
    let system = if facts.caller.dialect.has_request_ids() { "aws.sns" } else { "aws_sns" };
    let attributes = aws(facts, "SNS", "Publish", &topic.region).texts(&[
        ("messaging.system", system),
        ("messaging.destination.name", &arn),
        ("messaging.destination", &topic.name),
        ("messaging.destination_kind", "topic"),
    ]);
    let told = aws_told(facts, "SNS.Publish".to_owned(), attributes, topic.clone());
    Told { kind: SpanKind::Producer, ..told }
}

/// Service Bus, Pub/Sub and Kafka.
fn send_elsewhere(facts: &CallFacts<'_>, channel: &Node, id: Option<&str>) -> Told {
    let system = match facts.caller.dialect {
        Dialect::AzureFunction => "servicebus",
        Dialect::CloudRun => "gcp_pubsub",
        _ => "kafka",
    };
    let mut attributes = Attributes::of(&[
        ("messaging.system", system),
        ("messaging.destination.name", &channel.name),
        ("messaging.operation.type", "send"),
    ]);
    if let Some(id) = id {
        attributes = attributes.text("messaging.message.id", id);
    }
    Told {
        scope: "io.opentelemetry.kafka-clients-0.11",
        name: format!("send {}", channel.name),
        kind: SpanKind::Producer,
        attributes,
        other: channel.clone(),
        error: error(facts),
    }
}

/// What boto3sqs adds around botocore's span.
pub(super) fn boto3sqs(facts: &CallFacts<'_>, queue: &Node, id: Option<&str>) -> Told {
    let attributes = Attributes::of(&[
        ("messaging.system", "aws.sqs"),
        ("messaging.destination", &queue.name),
        ("messaging.destination_kind", "queue"),
        ("messaging.url", &queue_url(queue)),
    ]);
    Told {
        scope: "opentelemetry.instrumentation.boto3sqs",
        name: format!("{} send", queue.name),
        kind: SpanKind::Producer,
        attributes: match id {
            Some(id) => attributes.text("messaging.message.id", id),
            None => attributes,
        },
        other: queue.clone(),
        error: error(facts),
    }
}
