//! `spanfall-collector triggers`: from the AWS CLI's listings to a configuration that a collector
//! runs with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs::{self, File};

use spanfall_tests::program::{PATIENCE, Program, command, path, repository, run};
use spanfall_tests::recording::sample;
use spanfall_tests::report;

fn fixture(name: &str) -> String {
    repository("tests/fixtures/aws").join(name).display().to_string()
}

#[test]
fn what_it_prints_is_a_configuration() {
    let names = ["mappings", "subscriptions", "shop-files", "rules", "nightly-report"];
    let files: Vec<_> = names.iter().map(|name| fixture(&format!("{name}.json"))).collect();
    let mut arguments = vec!["triggers"];
    arguments.extend(files.iter().map(String::as_str));
    let ended = run("spanfall-collector", &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("queue old-returns to shop-returns is Disabled"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("note: left out: whom these rules call"), "{}", ended.stderr);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spanfall.toml");
    fs::write(&file, &ended.stdout).unwrap();
    let checked = run("spanfall-collector", &["check", file.to_str().unwrap()]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    assert!(checked.stdout.contains("triggers of 10 functions"), "{}", checked.stdout);

    // With it the sample's requests come from what really sent them.
    let config = ["--config", file.to_str().unwrap()];
    let recording = sample("webshop").display().to_string();
    let edges = |config: &[&str]| {
        let ended = run("spanfall-collector", &[&["edges", "--json", &recording], config].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        report::hops(&ended.stdout)
    };
    let (without, with) = (edges(&[]), edges(&config));
    let ends = |source: &str| (source.to_owned(), "function shop-mailer".to_owned());
    let (unknown, topic) = (ends("users unknown trigger"), ends("topic order-events"));
    assert!(without.contains_key(&unknown) && !without.contains_key(&topic), "{without:?}");
    assert!(with.contains_key(&topic) && !with.contains_key(&unknown), "{with:?}");
}

#[test]
fn it_reads_a_pipe_and_names_what_it_accepts() {
    let pipe = |file: &str| {
        let mut triggers = command(path("spanfall-collector"));
        triggers.args(["triggers", "-"]).stdin(File::open(file).unwrap());
        Program::start("spanfall-collector", triggers).wait(PATIENCE)
    };
    let ended = pipe(&fixture("subscriptions.json"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("function = \"shop-mailer\""), "{}", ended.stdout);

    let ended = pipe(&repository("tests/golden/webshop.edges.json").display().to_string());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.starts_with("error: standard input: not a listing"), "{}", ended.stderr);
    assert!(ended.stderr.contains("aws sns list-subscriptions"), "{}", ended.stderr);
}
