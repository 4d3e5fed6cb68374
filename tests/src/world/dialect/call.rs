//! Calls: the caller's span of one request, and the span of a lower library inside it.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use spanfall_collector::reduce::node::{Node, NodeKind};

use super::super::attributes::Attributes;
use super::super::description::{Program, node};
use super::send::{boto3sqs, send};
use super::{Dialect, Told, function_arn};

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Call {
    /// A Lambda function, by Invoke; with its request id where the answer tells one.
    Invoke(Node, Option<String>),
    /// A program at this host, over HTTP.
    Http(String),
    /// A program at this host, over gRPC; with its service.
    Grpc(String, String),
    /// A table, bucket, database, cloud API or outside host.
    Use(Node),
    /// Messages to a queue, topic or stream: how many, and the id of one.
    Send(Node, u32, Option<String>),
}

/// How it went, as the caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Fine,
    /// Refused because of a limit.
    Throttled,
    /// Badly.
    Failed,
}

/// One call.
#[derive(Clone, Debug)]
pub struct CallFacts<'a> {
    /// Who calls.
    pub caller: &'a Program,
    /// What.
    pub call: Call,
    /// How it went.
    pub outcome: Outcome,
    /// Whether functions and queues are named by ARN.
    pub by_arn: bool,
    /// Whether a lower library is instrumented as well.
    pub doubled: bool,
    /// The request id of a cloud API.
    pub api_id: String,
}

/// The caller's span, and the one inside it.
pub fn told(facts: &CallFacts<'_>) -> (Told, Option<Told>) {
    let outer = match &facts.call {
        Call::Invoke(function, request_id) => invoke(facts, function, request_id.as_deref()),
        Call::Http(host) => http(facts, host, "/v1/items"),
        Call::Grpc(host, service) => grpc(facts, host, service),
        Call::Use(node) => use_of(facts, node),
        Call::Send(channel, _, id) => send(facts, channel, id.as_deref()),
    };
    let inner = facts.doubled.then(|| inner(facts, &outer)).flatten();
    match (inner, &facts.call) {
        // boto3sqs stands over botocore: what is the outer span elsewhere is the inner one here.
        (None, Call::Send(queue, _, id))
            if facts.doubled && python(facts.caller.dialect) && queue.kind == NodeKind::Queue =>
        {
            (boto3sqs(facts, queue, id.as_deref()), Some(outer))
        }
        (inner, _) => (outer, inner),
    }
}

fn python(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::PythonLambda | Dialect::OldPythonLambda)
}

fn old(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::OldPythonLambda | Dialect::OldNodeLambda)
}

fn status(facts: &CallFacts<'_>) -> i64 {
    match (facts.outcome, &facts.call) {
        (Outcome::Fine, _) => 200,
        // DynamoDB refuses with 400 and says why in words.
        (Outcome::Throttled, Call::Use(node)) if node.kind == NodeKind::Table => 400,
        (Outcome::Throttled, _) => 429,
        (Outcome::Failed, _) => 500,
    }
}

pub(super) fn error(facts: &CallFacts<'_>) -> Option<&'static str> {
    match (facts.outcome, &facts.call) {
        (Outcome::Fine, _) => None,
        (Outcome::Throttled, Call::Invoke(..)) => Some("TooManyRequestsException: Rate Exceeded."),
        (Outcome::Throttled, Call::Use(node)) if node.kind == NodeKind::Table => {
            Some("ProvisionedThroughputExceededException")
        }
        (Outcome::Throttled, _) => Some("429 Too Many Requests"),
        (Outcome::Failed, _) => Some("Error: 500"),
    }
}

/// A request through the SDK of AWS: the attributes that all of its services have.
pub(super) fn aws(facts: &CallFacts<'_>, service: &str, method: &str, region: &str) -> Attributes {
    let dialect = facts.caller.dialect;
    let base = Attributes::of(&[
        ("rpc.system", "aws-api"),
        ("rpc.service", service),
        ("rpc.method", method),
        (if old(dialect) { "aws.region" } else { "cloud.region" }, region),
    ]);
    let status_key = match dialect {
        Dialect::PythonLambda | Dialect::OldPythonLambda | Dialect::OldNodeLambda => {
            "http.status_code"
        }
        _ => "http.response.status_code",
    };
    let base = base.int(status_key, status(facts));
    let server = format!("{}.{region}.amazonaws.com", service.to_lowercase());
    let base = match dialect {
        Dialect::PythonLambda => {
            base.text("server.address", &server).int("server.port", 443).int("retry_attempts", 0)
        }
        Dialect::OldPythonLambda => base.int("retry_attempts", 0),
        Dialect::NodeLambda | Dialect::OldNodeLambda => base,
        _ => base.text("server.address", &server),
    };
    match (dialect, &facts.call) {
        (_, Call::Invoke(..)) => base,
        (Dialect::PythonLambda | Dialect::OldPythonLambda, _) => {
            base.text("aws.request_id", &facts.api_id)
        }
        (Dialect::NodeLambda | Dialect::OldNodeLambda, _) => {
            base.text("aws.request.id", &facts.api_id)
        }
        _ => base,
    }
}

fn aws_scope(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::PythonLambda | Dialect::OldPythonLambda => {
            "opentelemetry.instrumentation.botocore"
        }
        Dialect::NodeLambda | Dialect::OldNodeLambda => "@opentelemetry/instrumentation-aws-sdk",
        Dialect::DotnetLambda => "OpenTelemetry.Instrumentation.AWS",
        Dialect::GoLambda => {
            "go.opentelemetry.io/contrib/instrumentation/github.com/aws/aws-sdk-go-v2/otelaws"
        }
        _ => "io.opentelemetry.aws-sdk-2.2",
    }
}

pub(super) fn aws_told(
    facts: &CallFacts<'_>,
    name: String,
    attributes: Attributes,
    other: Node,
) -> Told {
    Told {
        scope: aws_scope(facts.caller.dialect),
        name,
        kind: SpanKind::Client,
        attributes,
        other,
        error: error(facts),
    }
}

fn invoke(facts: &CallFacts<'_>, function: &Node, request_id: Option<&str>) -> Told {
    let dialect = facts.caller.dialect;
    // A bare name reaches no other region, nor account.
    let elsewhere = dialect.is_lambda()
        && (function.region != facts.caller.node.region
            || function.account != facts.caller.node.account);
    let named = if facts.by_arn || elsewhere {
        format!("{}:live", function_arn(function))
    } else {
        function.name.clone()
    };
    let attributes = aws(facts, "Lambda", "Invoke", &function.region)
        .texts(&[("faas.invoked_name", &named), ("faas.invoked_provider", "aws")])
        .when(!matches!(dialect, Dialect::NodeLambda | Dialect::OldNodeLambda), |it| {
            it.text("faas.invoked_region", &function.region)
        });
    let attributes = match (request_id, dialect) {
        (Some(id), Dialect::NodeLambda | Dialect::OldNodeLambda) => {
            attributes.texts(&[("aws.request.id", id), ("faas.execution", id)])
        }
        (Some(id), Dialect::PythonLambda | Dialect::OldPythonLambda) => {
            attributes.text("aws.request_id", id)
        }
        _ => attributes,
    };
    let name = match dialect {
        Dialect::NodeLambda | Dialect::OldNodeLambda => format!("{named} Invoke"),
        _ => "Lambda.Invoke".to_owned(),
    };
    aws_told(facts, name, attributes, function.clone())
}

fn http(facts: &CallFacts<'_>, host: &str, path: &str) -> Told {
    let dialect = facts.caller.dialect;
    let (scheme, port) = match host.split_once(':') {
        Some((_, port)) => ("https", port.parse().unwrap_or(443)),
        None => ("https", 443),
    };
    let bare = host.split(':').next().unwrap_or(host);
    let url = format!("{scheme}://{host}{path}");
    let (scope, attributes) = match dialect {
        Dialect::PythonLambda | Dialect::OldPythonLambda => (
            "opentelemetry.instrumentation.requests",
            Attributes::of(&[("http.method", "GET"), ("http.url", &url)])
                .int("http.status_code", status(facts)),
        ),
        Dialect::OldNodeLambda => (
            "@opentelemetry/instrumentation-http",
            Attributes::of(&[
                ("http.url", &url),
                ("http.host", host),
                ("http.method", "GET"),
                ("http.target", path),
                ("net.peer.name", bare),
                ("net.peer.ip", "203.0.113.9"),
                ("net.transport", "ip_tcp"),
            ])
            .int("net.peer.port", port)
            .int("http.status_code", status(facts)),
        ),
        _ => (
            "@opentelemetry/instrumentation-http",
            Attributes::of(&[
                ("http.request.method", "GET"),
                ("url.full", &url),
                ("server.address", bare),
                ("network.peer.address", "203.0.113.9"),
                ("network.protocol.version", "1.1"),
            ])
            .int("server.port", port)
            .int("http.response.status_code", status(facts)),
        ),
    };
    let attributes = attributes.when(facts.outcome != Outcome::Fine, |it| {
        it.text("error.type", &status(facts).to_string())
    });
    let other = Node::named(NodeKind::Host, host);
    let name = "GET".to_owned();
    Told { scope, name, kind: SpanKind::Client, attributes, other, error: error(facts) }
}

fn grpc(facts: &CallFacts<'_>, host: &str, service: &str) -> Told {
    let code = match facts.outcome {
        Outcome::Fine => 0,
        Outcome::Throttled => 8,
        Outcome::Failed => 13,
    };
    let attributes = Attributes::of(&[
        ("rpc.system", "grpc"),
        ("rpc.service", service),
        ("rpc.method", "Compute"),
        ("server.address", host),
    ])
    .int("server.port", 443)
    .int("rpc.grpc.status_code", code);
    Told {
        scope: "io.opentelemetry.grpc-1.6",
        name: format!("{service}/Compute"),
        kind: SpanKind::Client,
        attributes,
        other: Node::named(NodeKind::Host, host),
        error: error(facts),
    }
}

/// The region in which a program uses AWS.
fn region_of<'a>(facts: &'a CallFacts<'_>, used: &'a Node) -> &'a str {
    let own = facts.caller.node.region.as_str();
    if !used.region.is_empty() {
        &used.region
    } else if facts.caller.dialect.is_lambda() {
        own
    } else {
        "eu-west-1"
    }
}

fn use_of(facts: &CallFacts<'_>, used: &Node) -> Told {
    let dialect = facts.caller.dialect;
    match used.kind {
        NodeKind::Table => {
            let (system, name) = if matches!(dialect, Dialect::PythonLambda) || old(dialect) {
                ("db.system", "db.operation")
            } else {
                ("db.system.name", "db.operation.name")
            };
            let attributes = aws(facts, "DynamoDB", "PutItem", &used.region)
                .texts(&[(system, "dynamodb"), (name, "PutItem")])
                .list("aws.dynamodb.table_names", &used.name);
            aws_told(facts, "DynamoDB.PutItem".to_owned(), attributes, used.clone())
        }
        NodeKind::Bucket => {
            let region = region_of(facts, used).to_owned();
            let attributes = aws(facts, "S3", "PutObject", &region);
            // Only the newer packages name the bucket.
            let names = !matches!(
                dialect,
                Dialect::PythonLambda | Dialect::OldPythonLambda | Dialect::OldNodeLambda
            );
            let attributes = attributes.when(names, |it| it.text("aws.s3.bucket", &used.name));
            let other = if names { used.clone() } else { node(NodeKind::Api, "S3", "", &region) };
            aws_told(facts, "S3.PutObject".to_owned(), attributes, other)
        }
        NodeKind::Database => database(facts, used),
        _ => http(facts, &used.name, "/v1/latest?n=0"),
    }
}

/// A database, which is named by its host. The host's first label is the database's own name too.
fn database(facts: &CallFacts<'_>, used: &Node) -> Told {
    let host = used.name.as_str();
    let name = host.split('.').next().unwrap_or(host);
    let redis = name.starts_with("cache");
    let attributes = if facts.caller.dialect == Dialect::Service && !redis {
        Attributes::of(&[
            ("db.system", "postgresql"),
            ("db.name", name),
            ("db.statement", "SELECT * FROM items WHERE id = ?"),
            ("net.peer.name", host),
        ])
    } else {
        let system = if redis { "redis" } else { "postgresql" };
        Attributes::of(&[
            ("db.system.name", system),
            ("db.operation.name", "SELECT"),
            ("server.address", host),
        ])
        .when(!redis, |it| it.text("db.namespace", name))
    };
    Told {
        scope: "io.opentelemetry.jdbc",
        name: format!("SELECT {name}"),
        kind: SpanKind::Client,
        attributes,
        other: used.clone(),
        error: error(facts),
    }
}

/// The HTTP client's span inside the SDK's.
fn inner(facts: &CallFacts<'_>, outer: &Told) -> Option<Told> {
    let dialect = facts.caller.dialect;
    let over_http = match &facts.call {
        Call::Invoke(..) | Call::Send(..) => outer.scope == aws_scope(dialect),
        Call::Use(used) => matches!(used.kind, NodeKind::Table | NodeKind::Bucket),
        Call::Http(_) | Call::Grpc(..) => false,
    };
    if !over_http || (python(dialect) && matches!(facts.call, Call::Send(..))) {
        return None;
    }
    let (host, path, other) = match &facts.call {
        Call::Invoke(function, _) => (
            format!("lambda.{}.amazonaws.com", function.region),
            format!("/2015-03-31/functions/{}/invocations", function.name),
            node(NodeKind::Api, "Lambda", "", &function.region),
        ),
        Call::Send(channel, ..) => {
            let (label, name) = match channel.kind {
                NodeKind::Topic => ("sns", "SNS"),
                NodeKind::Stream => ("kinesis", "kinesis"),
                _ => ("sqs", "SQS"),
            };
            let host = format!("{label}.{}.amazonaws.com", channel.region);
            (host, "/".to_owned(), node(NodeKind::Api, name, "", &channel.region))
        }
        Call::Use(used) if used.kind == NodeKind::Bucket => {
            let region = region_of(facts, used);
            let host = format!("{}.s3.{region}.amazonaws.com", used.name);
            (host, "/in/a0.json?x-id=PutObject".to_owned(), used.clone())
        }
        Call::Use(used) => {
            let host = format!("dynamodb.{}.amazonaws.com", used.region);
            (host, "/".to_owned(), node(NodeKind::Api, "DynamoDB", "", &used.region))
        }
        Call::Http(_) | Call::Grpc(..) => return None,
    };
    Some(Told { name: "POST".to_owned(), other, ..http(facts, &host, &path) })
}
