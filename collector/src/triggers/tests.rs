//! Listings in, configuration out: with the fixtures of `tests/`, which are as the AWS CLI writes
//! them, and with what people get wrong.

use std::ffi::OsStr;
use std::path::Path;

use proptest::prelude::*;

use super::input::Input;
use super::{Triggers, triggers};
use crate::config::Source;
use crate::reduce::TriggerRule;
use crate::reduce::node::{Node, NodeKind};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/aws");

fn fixture(name: &str) -> (String, String) {
    let file = Path::new(FIXTURES).join(name);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
    (name.to_owned(), text)
}

fn read(listings: &[(String, String)]) -> Result<Triggers, String> {
    let input = |argument: &str| Input::parse(OsStr::new(argument));
    let listings: Vec<_> =
        listings.iter().map(|(argument, text)| (input(argument), text.clone())).collect();
    let listings: Vec<_> = listings.iter().map(|(input, text)| (input, text.clone())).collect();
    triggers(&listings).map_err(|error| error.to_string())
}

fn one(argument: &str, text: &str) -> Result<Triggers, String> {
    read(&[(argument.to_owned(), text.to_owned())])
}

/// The lines, as the configuration's own reader takes them.
fn loaded(toml: &str) -> Vec<TriggerRule> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spanfall.toml");
    std::fs::write(&file, toml).unwrap();
    let source = Source { file: Some(file), ..Source::default() };
    source.load().unwrap_or_else(|mistakes| panic!("{mistakes}\n{toml}")).reduce.triggers
}

/// `KIND SOURCE > FUNCTION`, in the order of the lines.
fn lines(toml: &str) -> Vec<String> {
    let line = |TriggerRule { function, source }| {
        let Node { kind, name, .. } = source;
        format!("{kind} {name} > {function}")
    };
    loaded(toml).into_iter().map(line).collect()
}

const ALL: [&str; 8] = [
    "mappings.json",
    "subscriptions.json",
    "shop-files.json",
    "rules.json",
    "nightly-report.json",
    "old-cleanup.json",
    "order-placed.json",
    "photo-uploaded.json",
];

#[test]
fn all_listings_together_name_every_source_once() {
    let Triggers { toml, notes } = read(&ALL.map(fixture)).unwrap();
    assert_eq!(
        lines(&toml),
        [
            "topic order-events > shop-analytics",
            "stream clicks > shop-analytics",
            "table shop-orders > shop-audit",
            "bucket shop-files > shop-label-indexer",
            "topic order-placed > shop-loyalty",
            "topic order-events > shop-mailer",
            "stream price-changes > shop-prices",
            "schedule nightly-report > shop-report",
            "database products > shop-search",
            "queue shipping > shop-shipping",
            "stream stock-levels > shop-stock",
            "bucket shop-photos > shop-thumbnails",
            "queue pick-lists > shop-warehouse",
        ],
        "{toml}"
    );
    assert_eq!(
        notes,
        [
            "mappings.json: left out: queue old-returns to shop-returns is Disabled",
            "subscriptions.json: left out: topic order-events to partner-feed is PendingConfirmation",
            "shop-files.json: taken for what bucket `shop-files` notifies, by the file's name",
            "old-cleanup.json: left out: rule old-cleanup is disabled",
        ]
    );
}

#[test]
fn the_bucket_and_the_rule_are_what_stands_before_the_file() {
    let (_, bucket) = fixture("shop-files.json");
    let (_, rules) = fixture("rules.json");
    let (_, targets) = fixture("order-placed.json");
    for rule in [
        "order-placed",
        "shop/order-placed",
        "arn:aws:events:eu-west-1:123456789012:rule/shop/order-placed",
    ] {
        let listings = [
            ("uploads=a.json".to_owned(), bucket.clone()),
            (format!("{rule}=b.json"), targets.clone()),
            ("rules.json".to_owned(), rules.clone()),
        ];
        let expected = ["bucket uploads > shop-label-indexer", "topic order-placed > shop-loyalty"];
        assert_eq!(lines(&read(&listings).unwrap().toml), expected, "{rule}");
    }
    assert_eq!(
        lines(&one("arn:aws:s3:::uploads=-", &bucket).unwrap().toml),
        ["bucket uploads > shop-label-indexer"]
    );
}

#[test]
fn a_listing_that_lacks_a_name_says_how_to_give_it() {
    let (_, bucket) = fixture("shop-files.json");
    let (_, rules) = fixture("rules.json");
    let (_, targets) = fixture("order-placed.json");
    let pipe = one("-", &bucket).unwrap_err();
    assert!(pipe.starts_with("standard input: a bucket's notifications do not name"), "{pipe}");
    assert!(pipe.contains("write BUCKET=-"), "{pipe}");
    let file = one("/tmp/My Bucket.json", &bucket).unwrap_err();
    assert!(file.contains("`My Bucket`") && file.contains("BUCKET=/tmp/My Bucket.json"), "{file}");
    let given = one("My Bucket=a.json", &bucket).unwrap_err();
    assert!(given.contains("`My Bucket` cannot be the name of a bucket"), "{given}");

    let alone = one("order-placed.json", &targets).unwrap_err();
    assert!(alone.contains("aws events list-rules"), "{alone}");
    let with = |argument: &str| {
        read(&[("r.json".to_owned(), rules.clone()), (argument.to_owned(), targets.clone())])
    };
    let file = with("t.json").unwrap_err();
    assert!(file.contains("no rule is called like the file, `t`"), "{file}");
    assert!(file.contains("RULE=t.json"), "{file}");
    let pipe = with("-").unwrap_err();
    assert!(pipe.contains("targets do not name their rule; write RULE=-"), "{pipe}");
    let given = with("ordr=t.json").unwrap_err();
    assert!(given.contains("rule `ordr`, which is in no listing of rules"), "{given}");
}

#[test]
fn rules_of_one_name_are_told_apart_by_their_arns() {
    let (_, rules) = fixture("rules.json");
    let elsewhere = rules.replace("eu-west-1", "us-east-1");
    let (_, targets) = fixture("nightly-report.json");
    let with = |argument: &str| {
        read(&[
            ("eu.json".to_owned(), rules.clone()),
            ("us.json".to_owned(), elsewhere.clone()),
            (argument.to_owned(), targets.clone()),
        ])
    };
    let told = with("nightly-report.json").unwrap_err();
    assert!(told.contains("several") && told.contains("us-east-1"), "{told}");
    let arn = "arn:aws:events:us-east-1:123456789012:rule/nightly-report";
    let rule = &loaded(&with(&format!("{arn}=t.json")).unwrap().toml)[0];
    assert_eq!(
        (rule.source.kind, rule.source.name.as_str()),
        (NodeKind::Schedule, "nightly-report")
    );
}

#[test]
fn functions_of_one_name_in_two_regions_are_written_as_arns_and_so_are_their_topics() {
    let (name, here) = fixture("subscriptions.json");
    let there = here.replace("eu-west-1", "us-east-1");
    let Triggers { toml, .. } = read(&[(name, here), ("us.json".to_owned(), there)]).unwrap();
    let loaded = loaded(&toml);
    let mailers: Vec<_> = loaded.iter().filter(|rule| rule.function.contains("mailer")).collect();
    assert_eq!(mailers.len(), 2, "{toml}");
    for rule in mailers {
        let region = rule.source.region.as_str();
        let arn = format!("arn:aws:lambda:{region}:123456789012:function:shop-mailer");
        assert_eq!((&rule.function, rule.source.name.as_str()), (&arn, "order-events"));
    }
}

#[test]
fn a_function_that_several_things_run_has_them_all_and_a_word_on_what_that_means() {
    let Triggers { toml, .. } = read(&ALL.map(fixture)).unwrap();
    assert_eq!(toml.matches("Several things run this function").count(), 1, "{toml}");
    let mapping = r#"{"EventSourceMappings":[{"FunctionArn":
        "arn:aws:lambda:eu-west-1:123456789012:function:shop-mailer","State":"Enabled",
        "EventSourceArn":"arn:aws:sqs:eu-west-1:123456789012:mails"}]}"#;
    let queue = ("q.json".to_owned(), mapping.to_owned());
    let Triggers { toml, .. } = read(&[fixture("subscriptions.json"), queue]).unwrap();
    assert!(toml.contains("remove its tables of kind queue"), "{toml}");
    assert_eq!(lines(&toml).len(), 3, "{toml}");
}

#[test]
fn what_is_not_as_expected_is_told_with_its_place() {
    let error = |text: &str| one("a.json", text).unwrap_err();
    let missing = r#"{"Subscriptions":[{"Protocol":"lambda","TopicArn":"t"}]}"#;
    assert_eq!(error(missing), "a.json: Subscriptions[0]: missing field `Endpoint`");
    assert!(error(r#"{"EventSourceMappings":7}"#).contains("EventSourceMappings: a list"));
    assert!(error(r#"{"Rules":[{"Name":5,"Arn":""}]}"#).contains("Rules[0]: invalid type"));
    let broken = error("{\n  \"Rules\": [\n");
    assert!(broken.starts_with("a.json: not JSON at line 3, column 0 (EOF"), "{broken}");
    let two = format!("{0}{0}", fixture("shop-files.json").1);
    assert!(error(&two).contains("each of them to a file of its own"));
    for other in [r#"{"Functions":[]}"#, "[1]", "7"] {
        let told = error(other);
        for command in [
            "aws lambda list-event-source-mappings",
            "aws s3api get-bucket-notification-configuration",
            "aws sns list-subscriptions",
            "aws events list-rules",
            "aws events list-targets-by-rule",
        ] {
            assert!(told.contains(command), "{told}");
        }
    }
    assert!(error(r#"{"Functions":[]}"#).contains("an object with `Functions`"));
}

#[test]
fn what_is_missing_from_a_listing_is_said() {
    let cut = fixture("subscriptions.json").1.replacen('{', "{\"NextToken\": \"x\",", 1);
    assert!(one("s.json", &cut).unwrap().notes.iter().any(|note| note.contains("NextToken")));
    let untold = read(&[fixture("rules.json")]).unwrap();
    assert!(
        untold.notes[0].contains("nightly-report, order-placed, photo-uploaded;"),
        "{untold:?}"
    );
    assert_eq!(untold.toml, "");
    let empty = one("uploads.json", "").unwrap();
    assert!(empty.notes[0].contains("a bucket without notifications"), "{empty:?}");
}

proptest! {
    #[test]
    fn the_order_of_listings_and_their_repetition_do_not_change_the_lines(
        order in Just(ALL.to_vec()).prop_shuffle(), again in 0..ALL.len(),
    ) {
        let straight = read(&ALL.map(fixture)).unwrap().toml;
        // One of them comes twice, and all but the named ones as one stream.
        let (named, others): (Vec<_>, Vec<_>) =
            order.iter().chain([&order[again]]).map(|name| fixture(name)).partition(|(_, text)| {
                text.contains("\"Targets\"") || text.contains("LambdaFunctionConfigurations")
            });
        let stream: String = others.into_iter().map(|(_, text)| text).collect();
        let listings: Vec<_> =
            named.into_iter().chain([("-".to_owned(), stream)]).collect();
        prop_assert_eq!(read(&listings).unwrap().toml, straight);
    }

    #[test]
    fn any_names_are_written_so_that_the_configuration_reads_them(
        names in proptest::collection::vec("[^:]{1,30}", 1..6),
    ) {
        let subscriptions: Vec<_> = names.iter().map(|name| serde_json::json!({
            "Protocol": "lambda",
            "Endpoint": format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}"),
            "TopicArn": format!("arn:aws:sns:eu-west-1:123456789012:{name}"),
        })).collect();
        let text = serde_json::json!({ "Subscriptions": subscriptions }).to_string();
        let mut expected = names.clone();
        expected.sort();
        expected.dedup();
        let rules = loaded(&one("-", &text).unwrap().toml);
        let functions: Vec<_> = rules.iter().map(|rule| rule.function.clone()).collect();
        prop_assert_eq!(&functions, &expected);
        let sources: Vec<_> = rules.into_iter().map(|rule| rule.source.name).collect();
        prop_assert_eq!(&sources, &expected);
    }

    #[test]
    fn no_text_whatever_makes_it_panic(text in ".{0,200}", name in ".{0,20}") {
        let _ = one(&format!("{name}=a.json"), &text);
        let _ = one(&format!("{name}.json"), &format!("{{\"Rules\":[{{\"Arn\":{text:?},\"Name\":\"\"}}]}}"));
    }
}
