//! Handlers: the callee's spans of one invocation.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use spanfall_collector::reduce::node::{Node, NodeKind};

use super::super::attributes::Attributes;
use super::super::description::Program;
use super::{Dialect, Told, function_arn, host_of, queue_url, unknown_trigger, users};

/// What a broken invocation's status says.
const BROKE: &str = "KeyError: 'price'";

/// What set an invocation going, as far as its instrumentation could know.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// A request through a gateway, with the gateway's host.
    Gateway(String),
    /// A request over HTTP.
    Http,
    /// A request over gRPC.
    Grpc,
    /// An invocation through the cloud's API.
    Invoked,
    /// Messages of a queue or stream.
    Messages(Node, usize),
    /// Something that leaves no mark: a topic, a bucket, a clock.
    Silent,
}

/// One invocation.
#[derive(Clone, Debug)]
pub struct HandlerFacts<'a> {
    /// What runs.
    pub program: &'a Program,
    /// What set it going.
    pub trigger: Trigger,
    /// The request id.
    pub request_id: String,
    /// Whether it failed.
    pub failed: bool,
    /// Whether it is the first of its instance.
    pub cold: bool,
    /// Whether queues are named by ARN.
    pub by_arn: bool,
}

/// The handler's span, and the child that some dialects add for messages.
pub fn told(facts: &HandlerFacts<'_>) -> (Told, Option<Told>) {
    match facts.program.dialect {
        dialect if dialect.is_lambda() => lambda(facts),
        _ => (elsewhere(facts), None),
    }
}

fn lambda(facts: &HandlerFacts<'_>) -> (Told, Option<Told>) {
    let HandlerFacts { program, trigger, request_id, cold, .. } = facts;
    let dialect = program.dialect;
    let arn = function_arn(&program.node);
    let account = program.node.account.as_str();
    let mut kind = SpanKind::Server;
    let mut attributes = match dialect {
        Dialect::OldNodeLambda => Attributes::of(&[
            ("cloud.account.id", account),
            ("faas.id", &arn),
            ("faas.execution", request_id),
        ]),
        _ => Attributes::of(&[
            ("cloud.account.id", account),
            ("cloud.resource_id", &arn),
            ("faas.invocation_id", request_id),
        ]),
    };
    let mut other = unknown_trigger();
    match trigger {
        Trigger::Gateway(host) => {
            (attributes, other) = gateway(attributes, facts, host);
        }
        Trigger::Messages(..) if dialect == Dialect::OldPythonLambda => kind = SpanKind::Consumer,
        Trigger::Messages(queue, batch) if dialect == Dialect::JavaLambda => {
            // Its event library makes one span of both.
            kind = SpanKind::Consumer;
            attributes = messages(attributes, queue, *batch, facts.by_arn);
            other = queue.clone();
        }
        Trigger::Messages(..) if matches!(dialect, Dialect::NodeLambda | Dialect::DotnetLambda) => {
            attributes = attributes.text("faas.trigger", "pubsub");
        }
        _ => {}
    }
    if dialect == Dialect::NodeLambda && *cold {
        attributes = attributes.flag("faas.coldstart", true);
    }
    let name = match dialect {
        Dialect::OldPythonLambda => "app.lambda_handler".to_owned(),
        _ => program.node.name.clone(),
    };
    let scope = lambda_scope(dialect);
    let child = match (trigger, dialect) {
        (Trigger::Messages(queue, batch), Dialect::PythonLambda | Dialect::NodeLambda) => {
            Some(process(facts, queue, *batch))
        }
        _ => None,
    };
    (Told { scope, name, kind, attributes, other, error: facts.failed.then_some(BROKE) }, child)
}

fn lambda_scope(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::PythonLambda | Dialect::OldPythonLambda => {
            "opentelemetry.instrumentation.aws_lambda"
        }
        Dialect::NodeLambda | Dialect::OldNodeLambda => "@opentelemetry/instrumentation-aws-lambda",
        Dialect::JavaLambda => "io.opentelemetry.aws-lambda-core-1.0",
        Dialect::DotnetLambda => "OpenTelemetry.Instrumentation.AWSLambda",
        _ => "go.opentelemetry.io/contrib/instrumentation/github.com/aws/aws-lambda-go/otellambda",
    }
}

/// What a request through an API gateway leaves on the handler's span.
fn gateway(attributes: Attributes, facts: &HandlerFacts<'_>, host: &str) -> (Attributes, Node) {
    let api = Node::named(NodeKind::Api, host);
    let status = if facts.failed { 502 } else { 200 };
    match facts.program.dialect {
        Dialect::PythonLambda | Dialect::OldPythonLambda | Dialect::DotnetLambda => {
            let attributes = attributes.texts(&[
                ("faas.trigger", "http"),
                ("http.method", "POST"),
                ("http.route", "/orders"),
                ("http.target", "/orders"),
                ("http.user_agent", "curl/8.5.0"),
                ("net.host.name", host),
            ]);
            // A function that breaks down answers nothing, and the gateway's 502 is not in its span.
            (attributes.when(!facts.failed, |it| it.int("http.status_code", status)), api)
        }
        Dialect::NodeLambda => {
            (attributes.text("url.full", &format!("https://{host}:443/orders")), api)
        }
        Dialect::JavaLambda => {
            let attributes = attributes.texts(&[
                ("faas.trigger", "http"),
                ("http.request.method", "POST"),
                ("url.full", &format!("https://{host}/prod/orders")),
            ]);
            (attributes, api)
        }
        _ => (attributes, unknown_trigger()),
    }
}

fn messages(attributes: Attributes, queue: &Node, batch: usize, by_arn: bool) -> Attributes {
    let name = if by_arn { super::channel_arn(queue) } else { queue.name.clone() };
    let system = match queue.kind {
        NodeKind::Stream => "aws_kinesis",
        _ => "aws_sqs",
    };
    attributes
        .texts(&[
            ("messaging.system", system),
            ("messaging.destination.name", &name),
            ("messaging.operation.type", "process"),
        ])
        .when(batch > 1, |it| {
            it.int("messaging.batch.message_count", i64::try_from(batch).unwrap_or(1))
        })
}

/// The CONSUMER span inside the handler's.
fn process(facts: &HandlerFacts<'_>, queue: &Node, batch: usize) -> Told {
    let dialect = facts.program.dialect;
    let mut attributes = messages(Attributes::default(), queue, batch, facts.by_arn);
    if dialect == Dialect::NodeLambda {
        attributes = attributes.texts(&[
            ("faas.trigger", "pubsub"),
            ("messaging.operation.name", "process"),
            ("aws.sqs.queue.url", &queue_url(queue)),
            ("server.address", &format!("sqs.{}.amazonaws.com", queue.region)),
        ]);
        if facts.cold {
            attributes = attributes.flag("faas.coldstart", true);
        }
    }
    Told {
        scope: lambda_scope(dialect),
        name: format!("process {}", queue.name),
        kind: SpanKind::Consumer,
        attributes,
        other: queue.clone(),
        error: facts.failed.then_some(BROKE),
    }
}

/// Azure, Cloud Run and plain services, by the semantic conventions.
fn elsewhere(facts: &HandlerFacts<'_>) -> Told {
    let HandlerFacts { program, trigger, request_id, failed, cold, .. } = facts;
    let dialect = program.dialect;
    let host = host_of(&program.node, dialect);
    let scope = match dialect {
        Dialect::AzureFunction => "Microsoft.Azure.Functions.Worker",
        Dialect::CloudRun => "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
        _ => "io.opentelemetry.netty-4.1",
    };
    let (name, kind, attributes, other) = match trigger {
        Trigger::Messages(channel, _) => {
            let system = match (dialect, channel.kind) {
                (Dialect::AzureFunction, _) => "servicebus",
                (Dialect::CloudRun, _) => "gcp_pubsub",
                _ => "kafka",
            };
            let attributes = Attributes::of(&[
                ("messaging.system", system),
                ("messaging.destination.name", &channel.name),
                ("messaging.operation.type", "process"),
            ]);
            (format!("process {}", channel.name), SpanKind::Consumer, attributes, channel.clone())
        }
        Trigger::Grpc => {
            let service = format!("shop.{}", program.node.name);
            let attributes = Attributes::of(&[
                ("rpc.system", "grpc"),
                ("rpc.service", &service),
                ("rpc.method", "Compute"),
                ("server.address", &host),
            ])
            .int("rpc.grpc.status_code", if *failed { 13 } else { 0 });
            (format!("{service}/Compute"), SpanKind::Server, attributes, users())
        }
        _ => {
            let attributes = Attributes::of(&[
                ("http.request.method", "GET"),
                ("url.scheme", "https"),
                ("url.path", "/v1/items"),
                ("http.route", "/v1/items"),
                ("server.address", &host),
                ("client.address", "10.0.3.7"),
            ])
            .int("http.response.status_code", if *failed { 500 } else { 200 });
            ("GET /v1/items".to_owned(), SpanKind::Server, attributes, users())
        }
    };
    let attributes = attributes.when(dialect == Dialect::AzureFunction, |it| {
        let by = if matches!(trigger, Trigger::Messages(..)) { "pubsub" } else { "http" };
        it.texts(&[("faas.invocation_id", request_id), ("faas.trigger", by)])
            .flag("faas.coldstart", *cold)
    });
    Told { scope, name, kind, attributes, other, error: failed.then_some(BROKE) }
}
