//! `aws events list-rules` and `aws events list-targets-by-rule`: schedules, and rules that wait for
//! events. The one says what a rule is, the other whom it calls; only together are they triggers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::error::{TriggersError, Wrong};
use super::found::{Found, Named};
use super::input::Input;
use crate::reduce::node::NodeKind;

/// One entry of `list-rules`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Rule {
    name: String,
    arn: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    schedule_expression: String,
    /// JSON as a text.
    #[serde(default)]
    event_pattern: String,
    #[serde(default)]
    event_bus_name: String,
}

/// One entry of `list-targets-by-rule`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Target {
    arn: String,
}

/// All rules, and whom some of them call.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// By ARN, since names repeat in buses, accounts and regions.
    rules: BTreeMap<String, Rule>,
    targets: Vec<(Input, Vec<Target>)>,
}

/// So many rules are named in one note.
const MOST_NAMED: usize = 8;

impl Rules {
    pub(super) fn add(&mut self, rules: Vec<Rule>) {
        self.rules.extend(rules.into_iter().map(|rule| (rule.arn.clone(), rule)));
    }

    pub(super) fn add_targets(&mut self, input: &Input, targets: Vec<Target>) {
        self.targets.push((input.clone(), targets));
    }

    /// Puts rules and targets together, once all listings are read.
    pub(super) fn join(&self, found: &mut Found) -> Result<(), TriggersError> {
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for (input, targets) in &self.targets {
            let rule = self.rule_of(input).map_err(|wrong| wrong.in_file(&input.file))?;
            told.insert(&rule.arn);
            if rule.state == "DISABLED" {
                found.note(input, &format!("left out: rule {} is disabled", rule.name));
                continue;
            }
            let sources = rule.sources();
            if sources.is_empty() {
                let name = &rule.name;
                found.note(
                    input,
                    &format!("left out: rule {name} has neither schedule nor pattern"),
                );
            }
            for function in targets.iter().filter_map(|target| Named::function(&target.arn)) {
                for source in &sources {
                    found.add(function.clone(), source.clone());
                }
            }
        }
        self.note_untold(&told, found);
        Ok(())
    }

    /// The rule whose targets a listing holds: as given, or else by the file's name.
    fn rule_of(&self, input: &Input) -> Result<&Rule, Wrong> {
        let file = if input.stem().is_some() { input.file.as_str() } else { "-" };
        let how = format!("RULE={file}, with the rule's name, BUS/NAME or ARN for RULE");
        let Some(name) = input.given.as_deref().or_else(|| input.stem()) else {
            let what = "targets do not name their rule".to_owned();
            return Err(Wrong::NoName { what, how });
        };
        let wrong = |why: String| Wrong::Rule { rule: name.to_owned(), why };
        if self.rules.is_empty() {
            let why =
                "without what it is: give the output of `aws events list-rules` too".to_owned();
            return Err(wrong(why));
        }
        let mut called = self.rules.values().filter(|rule| rule.is_called(name));
        match (called.next(), called.next(), &input.given) {
            (Some(rule), None, _) => Ok(rule),
            (Some(one), Some(other), _) => Err(wrong(format!(
                "of which there are several ({}, {}, ...): write ARN={file}",
                one.arn, other.arn
            ))),
            (None, _, Some(_)) => Err(wrong("which is in no listing of rules".to_owned())),
            (None, _, None) => Err(Wrong::NoName {
                what: format!(
                    "targets do not name their rule, and no rule is called like the file, `{name}`"
                ),
                how,
            }),
        }
    }

    /// Enabled rules whose targets were not given: perhaps they were forgotten.
    fn note_untold(&self, told: &BTreeSet<&str>, found: &mut Found) {
        let untold = self.rules.values().filter(|rule| !told.contains(rule.arn.as_str()));
        let mut names: Vec<_> =
            untold.filter(|rule| rule.state != "DISABLED").map(|rule| rule.name.as_str()).collect();
        names.sort_unstable();
        let more = names.len().saturating_sub(MOST_NAMED);
        names.truncate(MOST_NAMED);
        if names.is_empty() {
            return;
        }
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names = names.join(", ");
        found.notes.push(format!(
            "left out: whom these rules call is not known: {names}{more}; give the outputs of `aws \
             events list-targets-by-rule --rule RULE`"
        ));
    }
}

impl Rule {
    fn is_called(&self, name: &str) -> bool {
        let with_bus = name.strip_suffix(self.name.as_str()).and_then(|bus| bus.strip_suffix('/'));
        name == self.name || name == self.arn || with_bus == Some(self.event_bus_name.as_str())
    }

    /// What runs the rule's targets: its clock, the buckets whose events it asks for, or, for any
    /// other events, the rule itself, which hands them on as a topic does.
    fn sources(&self) -> Vec<Named> {
        let mut sources = Vec::new();
        if !self.schedule_expression.is_empty() {
            sources.extend(Named::source(NodeKind::Schedule, &self.arn));
        }
        if !self.event_pattern.is_empty() {
            let buckets = buckets(&self.event_pattern);
            if buckets.is_empty() {
                sources.extend(Named::source(NodeKind::Topic, &self.arn));
            }
            sources.extend(buckets.iter().map(|name| Named::only(NodeKind::Bucket, name)));
        }
        sources
    }
}

/// The buckets that a pattern asks for by name, if it asks for nothing else.
fn buckets(pattern: &str) -> Vec<String> {
    let Ok(pattern) = serde_json::from_str::<Value>(pattern) else { return Vec::new() };
    if pattern.pointer("/source") != Some(&Value::from(vec!["aws.s3"])) {
        return Vec::new();
    }
    let names = pattern.pointer("/detail/bucket/name").and_then(Value::as_array);
    let names = names.into_iter().flatten().map(|name| name.as_str().map(str::to_owned));
    // Names may be conditions, such as a prefix; then any bucket may be meant.
    names.collect::<Option<Vec<_>>>().unwrap_or_default()
}
