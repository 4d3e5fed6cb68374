//! Whom a span talks to, by what its attributes say. In: a caller's [`Facts`], or a callee's. Out:
//! the [`Node`] on the other side, and what is to be expected of it.

use super::facts::Facts;
use super::naming::{self, Arn};
use super::node::{Node, NodeKind, UNKNOWN_TRIGGER, USERS};

/// The other side of a caller's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) node: Node,
    pub(super) expect: Expect,
    /// Whether a library above plain HTTP named it. Such a span outranks the HTTP span inside it.
    pub(super) sdk: bool,
}

/// What will be heard from the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// Nothing: databases, buckets and cloud APIs send no spans. The hop is certain at once.
    Nothing,
    /// Messages: the hop to the queue is certain at once, and whoever receives them is another
    /// hop's end.
    Messages,
    /// Perhaps a callee's span, which says better than this one who answered.
    Callee,
}

/// Where a span was made, for names that only mean something there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Here<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
}

/// Whom a CLIENT or PRODUCER span calls.
pub(super) fn of_caller(facts: &Facts<'_>, here: Here<'_>) -> Target {
    let region = facts.region.unwrap_or(here.region);
    if let Some(target) = function(facts, here, region)
        .or_else(|| messaging(facts, here, region))
        .or_else(|| aws(facts, here, region))
        .or_else(|| database(facts))
    {
        return target;
    }
    if let Some(service) = facts.peer_service {
        return called(Node::named(NodeKind::Service, service), true);
    }
    let sdk = facts.rpc_system.is_some();
    match http_host(facts) {
        Some(node) => called(node, sdk),
        None => {
            let name = facts.rpc_service.or(facts.peer_address).unwrap_or("unknown");
            called(Node::named(NodeKind::Host, name), sdk)
        }
    }
}

fn called(node: Node, sdk: bool) -> Target {
    // Buckets and cloud APIs never answer with spans; what stands behind a gateway may.
    let gateway = node.kind == NodeKind::Api && node.region.is_empty();
    let expect = match node.kind {
        NodeKind::Bucket => Expect::Nothing,
        NodeKind::Api if !gateway => Expect::Nothing,
        _ => Expect::Callee,
    };
    Target { node, expect, sdk }
}

fn function(facts: &Facts<'_>, here: Here<'_>, region: &str) -> Option<Target> {
    let name = facts.invoked_name?;
    let region = facts.invoked_region.unwrap_or(region);
    let node = naming::function(name, here.account, region);
    Some(Target { node, expect: Expect::Callee, sdk: true })
}

/// Queues, topics and streams, by any dialect's names.
fn messaging(facts: &Facts<'_>, here: Here<'_>, region: &str) -> Option<Target> {
    let mut node = channel(facts, region)?;
    // A stream of another account is reached by its ARN only.
    if facts.stream.is_some() && node.account.is_empty() {
        here.account.clone_into(&mut node.account);
    }
    Some(Target { node, expect: Expect::Messages, sdk: true })
}

/// The queue, topic or stream that a span names, on either side of it.
fn channel(facts: &Facts<'_>, region: &str) -> Option<Node> {
    if let Some(node) = facts.topic_arn.and_then(Arn::parse).and_then(|arn| arn.node()) {
        return Some(node);
    }
    let sqs = facts.rpc_service == Some("SQS");
    let system = facts.messaging_system.unwrap_or_default();
    if (sqs || is_sqs(system))
        && let Some(node) = facts
            .queue_url
            .or_else(|| facts.url.filter(|_| sqs))
            .and_then(|url| naming::queue_by_url(url, region))
    {
        return Some(node);
    }
    if let Some(name) = facts.stream {
        return Some(naming::destination(NodeKind::Stream, name, region));
    }
    // The exchange of RabbitMQ without a name hands each message to the queue that its key names.
    let name = facts.destination?;
    if name.is_empty() {
        let queue = facts.routing_key.filter(|queue| !queue.is_empty())?;
        return Some(Node::named(NodeKind::Queue, queue));
    }
    let kind = match facts.destination_kind {
        Some("topic") => NodeKind::Topic,
        Some("queue") => NodeKind::Queue,
        _ if system.contains("sns") || system == "gcp_pubsub" => NodeKind::Topic,
        _ if matches!(system, "kafka" | "aws_kinesis" | "eventhubs" | "pulsar") => NodeKind::Stream,
        _ => NodeKind::Queue,
    };
    let region = if is_aws(system) { region } else { "" };
    Some(naming::destination(kind, name, region))
}

/// Whether a message keeps its id when it moves to another queue.
pub(super) fn keeps_message_ids(facts: &Facts<'_>) -> bool {
    facts.messaging_system.is_some_and(is_sqs)
}

fn is_sqs(system: &str) -> bool {
    matches!(system, "aws.sqs" | "aws_sqs" | "AmazonSQS")
}

fn is_aws(system: &str) -> bool {
    is_sqs(system) || matches!(system, "aws.sns" | "aws_sns" | "AmazonSNS" | "aws_kinesis")
}

/// AWS services by their SDK's `rpc.service`.
fn aws(facts: &Facts<'_>, here: Here<'_>, region: &str) -> Option<Target> {
    if facts.rpc_system != Some("aws-api") && facts.table.is_none() && facts.bucket.is_none() {
        return None;
    }
    let node = if let Some(table) = facts.table {
        Arn::parse(table).and_then(|arn| arn.node()).unwrap_or_else(|| Node {
            kind: NodeKind::Table,
            name: table.to_owned(),
            account: here.account.to_owned(),
            region: region.to_owned(),
        })
    } else if let Some(bucket) = facts.bucket {
        let arn = Arn::parse(bucket).and_then(|arn| arn.node());
        arn.unwrap_or_else(|| Node::named(NodeKind::Bucket, bucket))
    } else {
        let service = facts.rpc_service.unwrap_or("AWS");
        Node { region: region.to_owned(), ..Node::named(NodeKind::Api, service) }
    };
    Some(Target { node, expect: Expect::Nothing, sdk: true })
}

/// A database, by the first of the names that service graphs elsewhere give it too: a host may have
/// several databases, but what fails or is slow is the host.
fn database(facts: &Facts<'_>) -> Option<Target> {
    let system = facts.db_system.or(facts.db_name)?;
    let address = facts.peer_address.map(|address| match facts.peer_port {
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    });
    let name = facts.peer_service.or(facts.host).map(str::to_owned).or(address);
    let name = name.unwrap_or_else(|| facts.db_name.unwrap_or(system).to_owned());
    let node = Node::named(NodeKind::Database, &name);
    Some(Target { node, expect: Expect::Nothing, sdk: true })
}

fn http_host(facts: &Facts<'_>) -> Option<Node> {
    if let Some((host, path)) = facts.url.and_then(naming::split_url) {
        return Some(naming::host(host, None, path));
    }
    let host = facts.host.or(facts.peer_address)?;
    Some(naming::host(host, facts.port, ""))
}

/// Where a callee's request comes from, by what the callee itself knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// Messages of a queue, topic or stream: certain.
    Messages(Node),
    /// A gateway or a schedule that the span names: likely, unless a caller turns up.
    Named(Node),
    /// A clock that the span does not name.
    Timer,
    /// Somebody outside, over HTTP.
    Users,
    /// Nothing is known.
    Unknown,
}

impl Trigger {
    /// The node that a hop comes from when no caller turns up.
    pub(super) fn node(&self) -> Node {
        match self {
            Self::Messages(node) | Self::Named(node) => node.clone(),
            Self::Timer => Node::named(NodeKind::Schedule, "schedule"),
            Self::Users => Node::named(NodeKind::Users, USERS),
            Self::Unknown => Node::named(NodeKind::Users, UNKNOWN_TRIGGER),
        }
    }
}

/// Where a SERVER or CONSUMER span's request comes from.
pub(super) fn of_callee(facts: &Facts<'_>, here: Here<'_>, consumer: bool) -> Trigger {
    let region = facts.region.unwrap_or(here.region);
    if consumer && let Some(node) = channel(facts, region) {
        return Trigger::Messages(node);
    }
    let host = facts.url.and_then(naming::split_url).map(|(host, _)| host).or(facts.host);
    if let Some(host) = host {
        let node = naming::host(host, None, "");
        if node.kind == NodeKind::Api && node.region.is_empty() {
            return Trigger::Named(node);
        }
    }
    match facts.trigger {
        Some("timer") => Trigger::Timer,
        Some("http") => Trigger::Users,
        _ if is_called(facts) => Trigger::Users,
        _ => Trigger::Unknown,
    }
}

/// The same of a span without a parent, whose own word is all that will ever be known: it names its
/// peer, or it is a service's, which nothing but calls run.
pub(super) fn of_root(
    trigger: Trigger,
    facts: &Facts<'_>,
    kind: NodeKind,
    consumer: bool,
) -> Trigger {
    match (facts.peer_service, trigger) {
        (Some(peer), Trigger::Users | Trigger::Unknown) => {
            Trigger::Named(Node::named(NodeKind::Service, peer))
        }
        (None, Trigger::Unknown) if kind == NodeKind::Service && !consumer => Trigger::Users,
        (_, trigger) => trigger,
    }
}

/// Whether a callee tells anything of the call, over HTTP or otherwise, which events do not have. A
/// function behind a gateway's own domain has the URL, and (Node) nothing else.
fn is_called(facts: &Facts<'_>) -> bool {
    facts.url.is_some()
        || facts.http_method
        || facts.http_status.is_some()
        || facts.rpc_system.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(facts: Facts<'_>) -> (NodeKind, String) {
        let node = of_callee(&facts, Here::default(), false).node();
        (node.kind, node.name)
    }

    #[test]
    fn a_database_is_named_by_the_first_of_service_host_address_name_and_system() {
        let mut facts = Facts { db_system: Some("postgresql"), ..Facts::default() };
        let name = |facts: &Facts<'_>| of_caller(facts, Here::default()).node.name;
        assert_eq!(name(&facts), "postgresql");
        facts.db_name = Some("orders");
        assert_eq!(name(&facts), "orders");
        facts.peer_address = Some("10.0.0.7");
        assert_eq!(name(&facts), "10.0.0.7");
        facts.peer_port = Some(5432);
        assert_eq!(name(&facts), "10.0.0.7:5432");
        facts.host = Some("db.shop.example");
        assert_eq!(name(&facts), "db.shop.example");
        facts.peer_service = Some("orders-db");
        assert_eq!(name(&facts), "orders-db");
    }

    #[test]
    fn only_an_entry_that_tells_nothing_of_its_trigger_is_from_an_unknown_one() {
        let none = Facts::default();
        let unknown = (NodeKind::Users, "unknown trigger".to_owned());
        for trigger in [None, Some("pubsub"), Some("datasource"), Some("other")] {
            assert_eq!(entry(Facts { trigger, ..none }), unknown);
        }
        let users = (NodeKind::Users, "users".to_owned());
        for called in [
            Facts { trigger: Some("http"), ..none },
            Facts { http_method: true, ..none },
            Facts { http_status: Some(502), ..none },
            Facts { rpc_system: Some("grpc"), ..none },
            Facts { url: Some("https://api.shop.example/orders"), ..none },
        ] {
            assert_eq!(entry(called), users, "{called:?}");
        }
        let api = "a1.execute-api.eu-west-1.amazonaws.com";
        let url = format!("https://{api}:443/orders");
        assert_eq!(entry(Facts { url: Some(&url), ..none }), (NodeKind::Api, api.to_owned()));
        assert_eq!(entry(Facts { host: Some(api), ..none }), (NodeKind::Api, api.to_owned()));
        let clock = Facts { trigger: Some("timer"), ..none };
        assert_eq!(entry(clock), (NodeKind::Schedule, "schedule".to_owned()));
    }
}
