//! Hops by version of their target, and who is found by the names of versions and operations.

use super::*;

#[test]
fn a_target_that_tells_no_version_has_none() {
    let reducer = Reducer::new(Settings::default());
    let mut orders = function("orders", "i1");
    orders.extend(attributes(&[("faas.version", "7")]));
    let arn = format!("{ARN}orders");
    let entry = told(&orders, SpanKind::Server, (1, 10, 0), &[("cloud.resource_id", arn.as_str())]);
    let pairs = [("db.system", "dynamodb"), ("aws.dynamodb.table_names", "orders-table")];
    let write = told(&orders, SpanKind::Client, (1, 11, 10), &pairs);
    reducer.ingest(&request(&[entry, write]), 0).unwrap();
    reducer.resolve_all();
    let nodes: HashMap<NodeId, String> =
        reducer.nodes().into_iter().map(|known| (known.id, known.node.name)).collect();
    let mut versions: Vec<(String, Vec<(String, u64)>)> = reducer
        .edges()
        .into_iter()
        .map(|(_, edge, account)| (nodes[&edge.target].clone(), account.versions))
        .collect();
    versions.sort();
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert_eq!(versions[0], ("orders".to_owned(), vec![("7".to_owned(), 1)]));
    assert_eq!(versions[1].1, [], "the table's requests tell no version: {versions:?}");
}

#[test]
fn a_node_is_found_by_what_it_is_asked_for_and_by_its_version() {
    let reducer = Reducer::new(Settings::default());
    let mut orders = function("orders", "i1");
    orders.extend(attributes(&[("faas.version", "v2-Canary")]));
    let arn = format!("{ARN}orders");
    let pairs = [("cloud.resource_id", arn.as_str())];
    let mut entry = told(&orders, SpanKind::Server, (1, 10, 0), &pairs);
    entry.span.name = "POST /Orders".to_owned();
    reducer.ingest(&request(&[entry]), 0).unwrap();
    let find = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        reducer.find(&words).into_iter().map(|(_, names)| names).collect::<Vec<_>>()
    };
    reducer.resolve_all();
    assert_eq!(find(&["/orders"]), [["POST /Orders"]]);
    assert_eq!(find(&["canary", "orders"]), [["POST /Orders", "v2-Canary"]]);
    assert!(find(&["payments"]).is_empty() && find(&[]).is_empty());
}
