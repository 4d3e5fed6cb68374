//! Origins: what the instances of a function have in common, and what tells them apart.

use super::*;

#[test]
fn instances_share_what_their_function_has_in_common_and_have_an_origin_each() {
    let reducer = Reducer::default();
    let invoked = |function_name: &str, instance: u64| {
        let resource = function(function_name, &format!("{function_name} {instance}"));
        let arn = format!("arn:aws:lambda:eu-west-1:123456789012:function:{function_name}");
        let id = instance * 2 + u64::from(function_name == "pay");
        let ids = (id + 1, id + 1, 0);
        told(&resource, SpanKind::Server, ids, &[("cloud.resource_id", &arn)])
    };
    for instance in 0..300 {
        let both = [invoked("cart", instance), invoked("pay", instance)];
        reducer.ingest(&request(&both), 0).unwrap();
    }
    assert_eq!((reducer.origins.len(), reducer.origins.programs()), (600, 2));
    let seen = |name: &str| {
        let node = Node {
            kind: NodeKind::Function,
            name: name.into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
        };
        reducer.workload(node.id()).map(|workload| workload.seen)
    };
    assert_eq!((seen("cart"), seen("pay")), (Some(300), Some(300)));
}
