//! Conditions: named sets of faults, with what the reducer must reach under each.

use std::collections::HashMap;

use spanfall_collector::reduce::TriggerRule;
use spanfall_collector::reduce::node::{Node, NodeKind};

use super::description::{ProgramId, Source, World};
use super::faults::{Faults, Sampling};

/// One condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What the command line calls it.
    pub name: &'static str,
    /// What is wrong.
    pub about: &'static str,
    /// The faults.
    pub faults: Faults,
    /// Whether the configuration names triggers that no span names.
    pub triggers: bool,
    /// What must be reached.
    pub goal: Goal,
}

/// What must be reached under a condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// Least share of told hops that are on the right edge.
    pub right: f64,
    /// Largest share, of told hops, of hops that did not happen: invented ones, those counted
    /// again, and those on an edge between nodes that did not talk.
    pub invented: f64,
    /// Whether edges' sums must be within the error of sampling.
    pub rates: bool,
}

const ALL: Goal = Goal { right: 1.0, invented: 0.0, rates: false };
const NEARLY: Goal = Goal { right: 0.99, invented: 0.002, rates: false };

impl Condition {
    /// Every condition, in the order of the table.
    pub fn all() -> Vec<Self> {
        let mut all = of_traces();
        all.extend(of_names());
        all.extend(of_delivery());
        all.push(everything());
        all
    }

    /// The condition of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|condition| condition.name == name)
    }

    /// What of a world's triggers the configuration names: by function, what runs it though its
    /// spans do not say so.
    pub fn configured(&self, world: &World) -> HashMap<String, Node> {
        let mut rules = HashMap::new();
        if !self.triggers {
            return rules;
        }
        let mut rule = |program: &ProgramId, source: Node| {
            let program = &world.programs[program.0];
            if program.dialect.is_lambda() {
                rules.insert(program.node.name.clone(), source);
            }
        };
        for source in &world.sources {
            match source {
                Source::Topic { topic: from, program }
                | Source::Objects { bucket: from, program }
                | Source::Schedule { schedule: from, program, .. } => {
                    rule(program, world.resources[from.0].clone());
                }
                Source::Messages { channel, program, .. } => {
                    let node = world.resources[channel.0].clone();
                    let names = world.programs[program.0].dialect.names_queues();
                    if !names || node.kind == NodeKind::Stream {
                        rule(program, node);
                    }
                }
                Source::Workflow { workflow, programs, .. } => {
                    for program in programs {
                        rule(program, world.resources[workflow.0].clone());
                    }
                }
                Source::Requests { .. } | Source::TopicToQueue { .. } => {}
            }
        }
        rules
    }

    /// The same as the reducer's settings: names only, as people write them.
    pub fn rules(&self, world: &World) -> Vec<TriggerRule> {
        let mut rules: Vec<TriggerRule> = self
            .configured(world)
            .into_iter()
            .map(|(function, node)| TriggerRule {
                function,
                source: Node::named(node.kind, &node.name),
            })
            .collect();
        rules.sort_by(|a, b| a.function.cmp(&b.function));
        rules
    }
}

fn condition(name: &'static str, about: &'static str, faults: Faults, goal: Goal) -> Condition {
    Condition { name, about, faults, triggers: false, goal }
}

fn of_traces() -> Vec<Condition> {
    let off = Faults::default();
    vec![
        condition(
            "clean",
            "nothing wrong, any order of arrival",
            Faults { any_order_s: 20.0, ..off.clone() },
            ALL,
        ),
        condition(
            "resent",
            "half of all export requests sent twice",
            Faults { resent: 0.5, ..off.clone() },
            ALL,
        ),
        condition(
            "no-parents",
            "parents never exported, callees in traces of their own, request ids present",
            Faults { unexported_parents: 1.0, own_traces: 0.5, ..off.clone() },
            ALL,
        ),
        condition(
            "no-parents-no-ids",
            "parents never exported, same trace, no request ids",
            Faults {
                unexported_parents: 1.0,
                unexported_parents_without_ids: 1.0,
                no_request_ids: 1.0,
                ..off.clone()
            },
            NEARLY,
        ),
        condition(
            "links",
            "calls leave a link, and neither parent nor trace",
            Faults { links_for_parents: 1.0, no_request_ids: 1.0, ..off.clone() },
            ALL,
        ),
        condition(
            "doubled-clients",
            "SDK over HTTP, boto3sqs over botocore",
            Faults { doubled: 0.7, ..off.clone() },
            ALL,
        ),
        condition(
            "cut-queues",
            "no context crosses a queue",
            Faults { cut_queues: 1.0, ..off.clone() },
            ALL,
        ),
        Condition {
            triggers: true,
            ..condition(
                "silent-triggers",
                "topics, buckets, schedules, old consumers, with [[trigger]]",
                Faults { unexported_parents: 0.5, ..off.clone() },
                ALL,
            )
        },
        condition(
            "kinds",
            "span kinds missing, INTERNAL, or SERVER on calls",
            Faults { wrong_kinds: 0.5, server_callers: 0.3, ..off.clone() },
            Goal { right: 0.999, invented: 0.001, rates: false },
        ),
        condition(
            "kinds-no-flags",
            "the same, and no span says whether its parent is remote",
            Faults { wrong_kinds: 0.5, server_callers: 0.3, no_remote_flags: 1.0, ..off },
            Goal { right: 0.99, invented: 0.001, rates: false },
        ),
    ]
}

fn of_names() -> Vec<Condition> {
    let off = Faults::default();
    vec![
        condition(
            "names",
            "names by URL, ARN and name; service.name unlike faas.name",
            Faults { arns: 0.5, other_service_names: 0.5, ..off.clone() },
            ALL,
        ),
        condition(
            "twins",
            "two regions and two accounts with the same names",
            Faults { twins: true, arns: 0.3, ..off.clone() },
            NEARLY,
        ),
        condition(
            "bare-resources",
            "resources without faas attributes",
            Faults { bare_resources: 0.5, other_service_names: 0.5, ..off.clone() },
            NEARLY,
        ),
        condition(
            "odd",
            "empty and odd values, short trace ids, traces of 10,000 spans",
            Faults { odd_values: 0.3, short_trace_ids: 0.5, huge_traces: 0.1, ..off },
            ALL,
        ),
    ]
}

fn of_delivery() -> Vec<Condition> {
    let off = Faults::default();
    let sampling = |thresholds| Some(Sampling { kept: 0.1, thresholds });
    vec![
        condition(
            "skew",
            "clocks wrong by up to 5 s",
            Faults { clock_skew_s: 5.0, ..off.clone() },
            ALL,
        ),
        condition("lost", "3% of all spans lost", Faults { lost: 0.03, ..off.clone() }, NEARLY),
        condition(
            "sampled",
            "head sampling of 10%, thresholds in tracestate",
            Faults { sampling: sampling(true), ..off.clone() },
            Goal { right: 0.99, invented: 0.002, rates: true },
        ),
        condition(
            "sampled-unmarked",
            "head sampling of 10%, nothing says so",
            Faults { sampling: sampling(false), ..off.clone() },
            NEARLY,
        ),
        condition(
            "late-callers",
            "a third of callers up to 3 minutes late",
            Faults { late_callers: 0.33, late_by_s: 180.0, ..off },
            Goal { right: 0.99, invented: 0.0, rates: false },
        ),
    ]
}

/// Everything above at once, but sampling: what is left of a tenth of a broken trace is told by
/// `sampled`.
fn everything() -> Condition {
    let faults = Faults {
        unexported_parents: 0.6,
        unexported_parents_without_ids: 0.6,
        own_traces: 0.3,
        no_request_ids: 0.1,
        links_for_parents: 0.05,
        cut_queues: 0.3,
        doubled: 0.3,
        wrong_kinds: 0.1,
        server_callers: 0.1,
        no_remote_flags: 0.1,
        other_service_names: 0.2,
        bare_resources: 0.1,
        arns: 0.3,
        twins: true,
        clock_skew_s: 5.0,
        short_trace_ids: 0.1,
        odd_values: 0.05,
        huge_traces: 0.01,
        sampling: None,
        lost: 0.0,
        resent: 0.1,
        late_callers: 0.05,
        late_by_s: 180.0,
        any_order_s: 2.0,
    };
    condition("everything", "all of the above at once, but sampling and losses", faults, NEARLY)
}
