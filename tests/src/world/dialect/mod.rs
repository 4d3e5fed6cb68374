//! Dialects: how each instrumentation tells of the same thing. In: what happened. Out: names, kinds
//! and attributes of spans, and whom each span, read by itself, names on the other side.
//!
//! Keys and values of the Lambda dialects of Python and Node are those that were recorded from the
//! published packages; the others follow the OpenTelemetry semantic conventions.

pub mod call;
pub mod handler;
pub mod resource;
mod send;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use spanfall_collector::reduce::node::{Node, NodeKind, UNKNOWN_TRIGGER, USERS};

use super::attributes::Attributes;

pub use call::{Call, CallFacts, Outcome};
pub use handler::{HandlerFacts, Trigger};
pub use resource::InstanceFacts;

/// Who instrumented a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Python on Lambda, current packages.
    PythonLambda,
    /// Python on Lambda, packages of 2024.
    OldPythonLambda,
    /// Node on Lambda, current packages.
    NodeLambda,
    /// Node on Lambda, packages of 2024.
    OldNodeLambda,
    /// Java on Lambda.
    JavaLambda,
    /// .NET on Lambda.
    DotnetLambda,
    /// Go on Lambda.
    GoLambda,
    /// Azure Functions.
    AzureFunction,
    /// Google Cloud Run.
    CloudRun,
    /// A process in a container, with a batch processor that sends by the clock.
    Service,
}

/// What a dialect makes of one thing that happened.
#[derive(Clone, Debug)]
pub struct Told {
    /// The instrumentation's scope.
    pub scope: &'static str,
    /// The span's name.
    pub name: String,
    /// Its kind.
    pub kind: SpanKind,
    /// Its attributes.
    pub attributes: Attributes,
    /// Whom it names on the other side when nothing else is known.
    pub other: Node,
    /// The message of an ERROR status.
    pub error: Option<&'static str>,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::PythonLambda,
        Self::OldPythonLambda,
        Self::NodeLambda,
        Self::OldNodeLambda,
        Self::JavaLambda,
        Self::DotnetLambda,
        Self::GoLambda,
        Self::AzureFunction,
        Self::CloudRun,
        Self::Service,
    ];

    /// Whether it runs on AWS Lambda.
    pub const fn is_lambda(self) -> bool {
        !matches!(self, Self::AzureFunction | Self::CloudRun | Self::Service)
    }

    /// Whether it exports at the end of each invocation, because nothing runs after that.
    pub const fn flushes(self) -> bool {
        !matches!(self, Self::Service | Self::CloudRun)
    }

    /// Whether the caller's span of an Invoke has the request id that the callee's has.
    pub const fn has_request_ids(self) -> bool {
        self.is_python() || self.is_node()
    }

    /// Whether a sender puts its context into messages of its own accord.
    pub const fn marks_messages(self) -> bool {
        !self.is_python()
    }

    /// Whether a consumer's spans name the queue.
    pub const fn names_queues(self) -> bool {
        !matches!(
            self,
            Self::OldPythonLambda | Self::OldNodeLambda | Self::DotnetLambda | Self::GoLambda
        )
    }

    /// `Span.flags` of a span whose parent is remote, or is not.
    pub const fn flags(self, remote: bool) -> u32 {
        match (self, remote) {
            (Self::OldPythonLambda | Self::OldNodeLambda, _) => 0,
            (Self::PythonLambda, false) => 0x100,
            (Self::PythonLambda, true) => 0x300,
            (_, false) => 0x101,
            (_, true) => 0x301,
        }
    }

    const fn is_python(self) -> bool {
        matches!(self, Self::PythonLambda | Self::OldPythonLambda)
    }

    const fn is_node(self) -> bool {
        matches!(self, Self::NodeLambda | Self::OldNodeLambda)
    }
}

/// Where a request comes from when its callee's span does not say.
pub fn unknown_trigger() -> Node {
    Node::named(NodeKind::Users, UNKNOWN_TRIGGER)
}

/// Where a request comes from when its callee's span only says that it came over a network.
pub fn users() -> Node {
    Node::named(NodeKind::Users, USERS)
}

/// The ARN of a Lambda function.
pub fn function_arn(node: &Node) -> String {
    format!("arn:aws:lambda:{}:{}:function:{}", node.region, node.account, node.name)
}

/// The ARN of a queue, topic or stream.
pub fn channel_arn(node: &Node) -> String {
    let (service, prefix) = match node.kind {
        NodeKind::Topic => ("sns", ""),
        NodeKind::Stream => ("kinesis", "stream/"),
        _ => ("sqs", ""),
    };
    format!("arn:aws:{service}:{}:{}:{prefix}{}", node.region, node.account, node.name)
}

/// The URL of a queue of SQS.
pub fn queue_url(node: &Node) -> String {
    format!("https://sqs.{}.amazonaws.com/{}/{}", node.region, node.account, node.name)
}

/// Where a program that is no Lambda function answers.
pub fn host_of(node: &Node, dialect: Dialect) -> String {
    match dialect {
        Dialect::AzureFunction => format!("{}.azurewebsites.net", node.name),
        Dialect::CloudRun => format!("{}-k2jx7-ew.a.run.app", node.name),
        _ => format!("{}.shop.internal", node.name),
    }
}
