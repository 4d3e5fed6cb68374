//! The commands that README and help texts show are commands that the programs take.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;

use spanfall_collector::cli;
use spanfall_tests::program::{repository, run};

/// The commands of a text: what stands on lines that begin with a program's name, without comments
/// and without what a shell does with it.
fn commands<'a>(text: &'a str, program: &str) -> Vec<Vec<&'a str>> {
    let mut commands = Vec::new();
    for line in text.lines() {
        let line = line.trim_start().trim_start_matches("$ ");
        // Usage lines have placeholders; they are clap's own.
        if line.contains(['<', '[']) {
            continue;
        }
        // What follows two spaces is an explanation in help texts.
        let command = line.split(['#', '|', '>']).next().unwrap_or_default();
        let command = command.split("  ").next().unwrap_or_default();
        let words: Vec<_> = command.split_whitespace().filter(|word| *word != "\\").collect();
        if words.first() == Some(&program) {
            commands.push(words);
        }
    }
    commands
}

/// The fenced blocks of a Markdown text.
fn fenced(markdown: &str) -> String {
    markdown.split("```").skip(1).step_by(2).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn taken_by_the_collector(text: &str) -> usize {
    let commands = commands(text, "spanfall-collector");
    for command in &commands {
        if let Err(error) = cli::parse(command, BTreeMap::new()) {
            panic!("`{}`: {error}", command.join(" "));
        }
    }
    commands.len()
}

#[test]
fn the_collector_takes_the_commands_of_the_readme() {
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    assert!(taken_by_the_collector(&fenced(&readme)) > 0, "no commands in the README");
}

#[test]
fn the_collector_takes_the_commands_of_its_help() {
    for command in ["serve", "record", "replay", "edges", "check", "triggers"] {
        let ended = run("spanfall-collector", &[command, "--help"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        taken_by_the_collector(&ended.stdout);
    }
    let help = run("spanfall-collector", &["--help"]).stdout;
    assert!(taken_by_the_collector(&help) > 2, "no examples in\n{help}");
}

#[test]
fn the_load_generator_knows_the_options_of_the_readme_and_of_its_help() {
    let readme = fenced(&fs::read_to_string(repository("README.md")).unwrap());
    let help = run("spanfall-load", &["--help"]).stdout;
    for text in [readme, help] {
        let commands = commands(&text, "spanfall-load");
        assert!(commands.len() > 2, "no commands in\n{text}");
        for command in commands {
            let arguments: Vec<_> = command[1..].iter().copied().chain(["--help"]).collect();
            let ended = run("spanfall-load", &arguments);
            assert_eq!(ended.code, Some(0), "`{}`: {}", command.join(" "), ended.stderr);
        }
    }
}

#[test]
fn the_viewer_knows_the_options_of_the_readme() {
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    let text = fenced(&readme);
    let commands = commands(&text, "spanfall");
    assert!(!commands.is_empty(), "no commands in the README");
    for command in commands {
        // Options before it are read first; it only keeps the viewer from opening.
        let arguments: Vec<_> = command[1..].iter().copied().chain(["--help"]).collect();
        let ended = run("spanfall", &arguments);
        assert_eq!(ended.code, Some(0), "`{}`: {}", command.join(" "), ended.stderr);
    }
}
