//! `/metrics`: what Grafana's service graph reads of functions that are really instrumented.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use spanfall_tests::collector::Collector;
use spanfall_tests::functions::{self, Transport};
use spanfall_tests::program::until;
use spanfall_tests::service_graph::{Series, numbers, scrape};

const REQUESTS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_graph_is_the_one_that_tempo_makes_of_the_same_calls() {
    let collector = Collector::start(&["serve"], &[("REDUCE_WAIT", "500ms")]);
    functions::shop(REQUESTS, Transport::HttpProtobuf, collector.grpc, collector.http).await;
    let expected: BTreeMap<Series, f64> = [
        ("user > shop-orders virtual_node client", 40.0),
        ("shop-orders > shop-pricing", 40.0),
        ("shop-orders > orders database", 20.0),
        ("shop-orders > api.payments.example virtual_node server", 10.0),
    ]
    .map(|(series, requests)| (series.to_owned(), requests))
    .into();
    let total = "traces_service_graph_request_total";
    let page = until(Duration::from_secs(30), "all requests", || {
        let page = scrape(collector.view, "text/plain").unwrap().text();
        (numbers(&page, total) == expected).then_some(page)
    });

    let failed = numbers(&page, "traces_service_graph_request_failed_total");
    assert_eq!(failed["user > shop-orders virtual_node client"], 4.0);
    assert_eq!(failed["shop-orders > shop-pricing"], 8.0, "the callee's error is the call's");
    assert_eq!(failed["shop-orders > orders database"], 0.0);
    let seconds =
        |side: &str| numbers(&page, &format!("traces_service_graph_request_{side}_seconds_count"));
    let (client, server) = (seconds("client"), seconds("server"));
    let sides = |series: &str| (client.get(series).copied(), server.get(series).copied());
    assert_eq!(sides("shop-orders > shop-pricing"), (Some(40.0), Some(40.0)));
    assert_eq!(sides("shop-orders > orders database"), (Some(20.0), Some(20.0)));
    assert_eq!(sides("user > shop-orders virtual_node client"), (None, Some(40.0)));
    assert_eq!(sides("shop-orders > api.payments.example virtual_node server"), (Some(10.0), None));
    assert!(page.contains("\ntraces_service_graph_dropped_spans_total 0\n"), "{page}");
    assert!(!page.contains("trace_id="), "the plain format has no exemplars\n{page}");

    let open =
        scrape(collector.view, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
            .unwrap();
    assert!(open.head.contains("application/openmetrics-text; version=1.0.0"), "{}", open.head);
    let page = open.text();
    assert!(page.ends_with("# EOF\n"), "{page}");
    assert_eq!(numbers(&page, total), expected);
    let exemplars: Vec<_> =
        page.lines().filter_map(|line| line.split_once(" # {trace_id=\"")).collect();
    assert_eq!(exemplars.len(), 6, "one for each side that was seen\n{page}");
    for (sample, exemplar) in exemplars {
        let (trace, took) = exemplar.split_once("\"} ").unwrap();
        assert!(trace.len() == 32 && u128::from_str_radix(trace, 16).unwrap() != 0, "{exemplar}");
        let within = sample.split_once("le=\"").unwrap().1.split('"').next().unwrap();
        let took: f64 = took.split(' ').next().unwrap().parse().unwrap();
        assert!(within == "+Inf" || took <= within.parse().unwrap(), "{sample} {exemplar}");
    }
}
