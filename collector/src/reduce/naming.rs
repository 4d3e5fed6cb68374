//! Naming: the one [`Node`] behind an ARN, a URL, a host or a bare name. Pure functions.

use super::node::{Node, NodeKind};

impl Node {
    /// A node of which only kind and name are known.
    pub fn named(kind: NodeKind, name: &str) -> Self {
        Self { kind, name: name.to_owned(), ..Self::default() }
    }

    fn at(kind: NodeKind, name: &str, account: &str, region: &str) -> Self {
        Self { kind, name: name.to_owned(), account: account.to_owned(), region: region.to_owned() }
    }
}

/// An Amazon Resource Name: `arn:aws:lambda:eu-west-1:123456789012:function:pricing:live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let _partition = parts.next()?;
        let (service, region, account) = (parts.next()?, parts.next()?, parts.next()?);
        let resource = parts.next().filter(|resource| !resource.is_empty())?;
        Some(Self { service, region, account, resource })
    }

    /// The node that it names, for the services whose resources are nodes.
    pub(crate) fn node(&self) -> Option<Node> {
        let (kind, name) = match self.service {
            "lambda" => {
                let rest = self.resource.strip_prefix("function:")?;
                (NodeKind::Function, rest.split(':').next()?)
            }
            "sqs" => (NodeKind::Queue, self.resource),
            "sns" => (NodeKind::Topic, self.resource.split(':').next()?),
            "dynamodb" => {
                (NodeKind::Table, self.resource.strip_prefix("table/")?.split('/').next()?)
            }
            "kinesis" => {
                (NodeKind::Stream, self.resource.strip_prefix("stream/")?.split('/').next()?)
            }
            // Bucket names are unique across accounts and regions.
            "s3" => return Some(Node::named(NodeKind::Bucket, self.resource.split('/').next()?)),
            _ => return None,
        };
        Some(Node::at(kind, name, self.account, self.region))
    }
}

/// A node whose kind is known, by its name or its ARN. Nothing if the ARN is of another kind.
///
/// Some things that run functions have ARNs whose service is no kind of node: a rule of EventBridge
/// is a schedule or a topic, a topic of Kafka a stream. They are named by the last part.
pub(crate) fn of_kind(kind: NodeKind, text: &str) -> Option<Node> {
    let Some(arn) = Arn::parse(text) else { return Some(Node::named(kind, text)) };
    if let Some(node) = arn.node() {
        return (node.kind == kind).then_some(node);
    }
    let fits = match arn.service {
        "events" => matches!(kind, NodeKind::Schedule | NodeKind::Topic),
        "kafka" => kind == NodeKind::Stream,
        "mq" => kind == NodeKind::Queue,
        "rds" => kind == NodeKind::Database,
        _ => false,
    };
    let name = arn.resource.rsplit(['/', ':']).next().filter(|name| !name.is_empty())?;
    fits.then(|| Node::at(kind, name, arn.account, arn.region))
}

/// A function as an Invoke names it: a name, `name:alias`, `account:function:name[:alias]`, or an
/// ARN. A bare name means the caller's own account and region.
pub(super) fn function(text: &str, caller_account: &str, caller_region: &str) -> Node {
    if let Some(node) = Arn::parse(text).and_then(|arn| arn.node()) {
        return node;
    }
    if let Some((account, rest)) = text.split_once(":function:") {
        let name = rest.split(':').next().unwrap_or(rest);
        return Node::at(NodeKind::Function, name, account, caller_region);
    }
    let name = text.split(':').next().unwrap_or(text);
    Node::at(NodeKind::Function, name, caller_account, caller_region)
}

/// A queue by its URL: `https://sqs.eu-west-1.amazonaws.com/123456789012/invoices`.
pub(super) fn queue_by_url(url: &str, region: &str) -> Option<Node> {
    let (host, path) = split_url(url)?;
    let mut parts = path.trim_matches('/').rsplit('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let account = parts.next().unwrap_or_default();
    let region = aws_host(host).map(|(_, region)| region).unwrap_or(region);
    Some(Node::at(NodeKind::Queue, name, account, region))
}

/// A queue, topic or stream by whatever its destination attribute holds: ARN, URL or name.
pub(super) fn destination(kind: NodeKind, text: &str, region: &str) -> Node {
    if let Some(node) = Arn::parse(text).and_then(|arn| arn.node()) {
        return node;
    }
    if let Some(node) = queue_by_url(text, region) {
        return Node { kind, ..node };
    }
    Node::at(kind, text, "", region)
}

/// Host and path of a URL; the host keeps its port unless it is the scheme's own.
pub(super) fn split_url(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let default_port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    (!host.is_empty()).then_some((host, path))
}

/// `(labels before the service, region)` of a host of AWS: `sqs.eu-west-1.amazonaws.com` gives
/// `("sqs", "eu-west-1")`.
fn aws_host(host: &str) -> Option<(&str, &str)> {
    let host = host.split(':').next().unwrap_or(host);
    let rest = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))
        .or_else(|| host.strip_suffix(".on.aws"))?;
    Some(rest.rsplit_once('.').unwrap_or((rest, "")))
}

/// The node behind a host that is called over HTTP: a gateway's API, a bucket, a cloud API, or
/// just the host.
pub(super) fn host(host: &str, port: Option<i64>, path: &str) -> Node {
    if let Some((service, region)) = aws_host(host) {
        if service.ends_with(".execute-api") || service.ends_with(".lambda-url") {
            return Node::named(NodeKind::Api, host.split(':').next().unwrap_or(host));
        }
        if let Some(bucket) = bucket(service, region, path) {
            return Node::named(NodeKind::Bucket, bucket);
        }
        return Node::at(NodeKind::Api, &api_name(service), "", region);
    }
    match port {
        Some(port) if !host.contains(':') && port != 80 && port != 443 => {
            Node::named(NodeKind::Host, &format!("{host}:{port}"))
        }
        _ => Node::named(NodeKind::Host, host),
    }
}

/// The bucket of a request to S3: the host's first label, or the path's.
fn bucket<'a>(service: &'a str, region: &'a str, path: &'a str) -> Option<&'a str> {
    if let Some(bucket) = service.strip_suffix(".s3") {
        return Some(bucket);
    }
    // `BUCKET.s3.amazonaws.com` has no region.
    if region == "s3" && !service.is_empty() && service != "s3" {
        return Some(service);
    }
    if service == "s3" {
        return path.trim_start_matches('/').split('/').next().filter(|name| !name.is_empty());
    }
    None
}

/// A cloud API's name as its SDK spells it, from the host's label.
fn api_name(label: &str) -> String {
    match label {
        "dynamodb" => "DynamoDB".into(),
        "lambda" => "Lambda".into(),
        "sts" | "sqs" | "sns" | "s3" | "kms" | "ssm" => label.to_uppercase(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_the_same_node_by_arn_alias_and_name() {
        let full = function("arn:aws:lambda:eu-west-1:123:function:pricing:live", "", "");
        assert_eq!(full, Node::at(NodeKind::Function, "pricing", "123", "eu-west-1"));
        assert_eq!(function("123:function:pricing", "9", "eu-west-1"), full);
        assert_eq!(function("pricing:live", "123", "eu-west-1"), full);
    }

    #[test]
    fn a_queue_is_the_same_node_by_url_and_arn() {
        let by_url = queue_by_url("https://sqs.eu-west-1.amazonaws.com/123/invoices", "");
        let by_arn = destination(NodeKind::Queue, "arn:aws:sqs:eu-west-1:123:invoices", "");
        assert_eq!(by_url, Some(by_arn));
    }

    #[test]
    fn a_node_of_a_known_kind_is_named_by_its_arn_or_its_name_but_not_by_another_kind_s() {
        let rule = of_kind(NodeKind::Schedule, "arn:aws:events:eu-west-1:123:rule/bus/nightly");
        assert_eq!(rule, Some(Node::at(NodeKind::Schedule, "nightly", "123", "eu-west-1")));
        let topic = "arn:aws:sns:eu-west-1:123:orders";
        assert_eq!(of_kind(NodeKind::Topic, topic), Arn::parse(topic).unwrap().node());
        assert_eq!(of_kind(NodeKind::Queue, topic), None);
        assert_eq!(
            of_kind(NodeKind::Topic, "orders"),
            Some(Node::named(NodeKind::Topic, "orders"))
        );
        assert_eq!(of_kind(NodeKind::Function, "arn:aws:lambda:eu-west-1:123:layer:x"), None);
    }

    #[test]
    fn a_queue_behind_a_local_endpoint_takes_the_spans_region() {
        let queue = queue_by_url("http://127.0.0.1:5000/123/invoices", "eu-west-1");
        assert_eq!(queue, Some(Node::at(NodeKind::Queue, "invoices", "123", "eu-west-1")));
    }

    #[test]
    fn hosts_of_the_cloud_are_apis_and_buckets_and_others_are_hosts() {
        let kind_and_name = |text: &str, path: &str| {
            let node = host(text, None, path);
            (node.kind, node.name)
        };
        let api = "a1.execute-api.eu-west-1.amazonaws.com";
        assert_eq!(kind_and_name(api, "/"), (NodeKind::Api, api.into()));
        let bucket = (NodeKind::Bucket, "up".to_owned());
        assert_eq!(kind_and_name("up.s3.eu-west-1.amazonaws.com", "/a"), bucket);
        assert_eq!(kind_and_name("s3.eu-west-1.amazonaws.com", "/up/a"), bucket);
        assert_eq!(kind_and_name("up.s3.amazonaws.com", "/a"), bucket);
        assert_eq!(
            kind_and_name("dynamodb.eu-west-1.amazonaws.com", "/"),
            (NodeKind::Api, "DynamoDB".into())
        );
        assert_eq!(
            kind_and_name("api.pay.example", "/"),
            (NodeKind::Host, "api.pay.example".into())
        );
    }

    #[test]
    fn a_port_that_is_not_the_schemes_own_is_part_of_the_host() {
        assert_eq!(split_url("https://a.example:443/x"), Some(("a.example", "/x")));
        assert_eq!(split_url("http://u:p@a.example:8080?q"), Some(("a.example:8080", "?q")));
        assert_eq!(host("a.example", Some(8080), "").name, host("a.example:8080", None, "").name);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_named_without_a_panic(text: String, path: String) {
            let _ = function(&text, "1", "r");
            let _ = destination(NodeKind::Queue, &text, "r");
            let _ = host(&text, Some(1), &path);
            let _ = Arn::parse(&text);
        }
    }
}
