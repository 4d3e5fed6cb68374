//! Generated worlds: any number of nodes, by seed. In: a size. Out: a [`World`] of layered programs
//! (a program only calls later ones, so that every request ends) with queues, topics and tables
//! between them.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use spanfall_collector::reduce::node::{Node, NodeKind};

use super::description::{ProgramId, ResourceId, Source, Step, World, node};
use super::dialect::Dialect;

/// Programs per node: the rest is what they talk to.
const PROGRAMS_SHARE: f64 = 0.6;
/// More calls than this a program make requests without end.
const MOST_STEPS: usize = 4;
/// A program calls one of this many that follow it, so that a request visits few of all programs.
const REACH: usize = 12;

impl World {
    /// A world of about `nodes` nodes; the same for the same seed.
    pub fn generated(nodes: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = Self::default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
        let programs = ((nodes as f64 * PROGRAMS_SHARE) as usize).max(2);
        for number in 0..programs {
            let dialect = Dialect::ALL[random.random_range(0..Dialect::ALL.len())];
            world.program(own_node(dialect, number), dialect);
        }
        let resources = nodes.saturating_sub(programs).max(2);
        for number in 0..resources {
            world.resource(used_node(number));
        }
        for number in 0..programs {
            let steps: Vec<Step> = (0..random.random_range(0..=MOST_STEPS))
                .map(|_| world.any_step(number, &mut random))
                .collect();
            let program = ProgramId(number);
            world.does(program, steps);
            let tuned = world.tune(program);
            tuned.work_ms = random.random_range(2.0..80.0);
            tuned.errors = if random.random_bool(0.2) { 0.05 } else { 0.0 };
            tuned.throttles = if random.random_bool(0.1) { 0.03 } else { 0.0 };
        }
        world.add_sources(&mut random);
        world
    }

    /// What program `number` may do: only what cannot lead back to it.
    fn any_step(&self, number: usize, random: &mut StdRng) -> Step {
        let resource = random.random_range(0..self.resources.len());
        let (id, kind) = (ResourceId(resource), self.resources[resource].kind);
        let later = number + random.random_range(1..=REACH);
        if later < self.programs.len() && random.random_bool(0.6) {
            return self.call(number, later, random);
        }
        match kind {
            NodeKind::Queue if self.programs[number].dialect.is_lambda() => Step::Send(id),
            NodeKind::Queue => Step::Use(ResourceId(0)),
            _ => Step::Use(id),
        }
    }

    fn call(&self, number: usize, later: usize, random: &mut StdRng) -> Step {
        let (caller, callee) = (&self.programs[number], &self.programs[later]);
        let id = ProgramId(later);
        match (caller.dialect.is_lambda(), callee.dialect.is_lambda()) {
            (true, true) if random.random_bool(0.2) => Step::InvokeLater(id),
            (_, true) => Step::Invoke(id),
            (_, false) => Step::Http(id),
        }
    }

    fn add_sources(&mut self, random: &mut StdRng) {
        let entries = (self.programs.len() / 6).max(1);
        for number in 0..entries {
            let program = ProgramId(number);
            self.sources.push(Source::Requests { gateway: None, program, share: 1.0 });
        }
        // A queue is read by a program behind all that may fill it.
        let last = self.programs.iter().rposition(|program| program.dialect.is_lambda());
        let Some(last) = last else { return };
        for number in 0..self.resources.len() {
            if self.resources[number].kind == NodeKind::Queue {
                let (channel, program) = (ResourceId(number), ProgramId(last));
                let batch = if self.programs[last].dialect.names_queues() {
                    random.random_range(1..=10)
                } else {
                    1
                };
                let source = Source::Messages { channel, program, batch, dead_letters: None };
                self.sources.push(source);
            }
        }
        let sends = |step: &Step| matches!(step, Step::Send(_));
        self.programs[last].steps.retain(|step| !sends(step));
    }
}

fn own_node(dialect: Dialect, number: usize) -> Node {
    match dialect {
        Dialect::Service => Node::named(NodeKind::Service, &format!("service-{number}")),
        Dialect::AzureFunction => {
            node(NodeKind::Function, &format!("site-{number}"), "", "westeurope")
        }
        Dialect::CloudRun => {
            node(NodeKind::Function, &format!("run-{number}"), "project-1", "europe-west1")
        }
        _ => node(NodeKind::Function, &format!("lambda-{number}"), "123456789012", "eu-west-1"),
    }
}

fn used_node(number: usize) -> Node {
    let (account, region) = ("123456789012", "eu-west-1");
    match number % 4 {
        0 => Node::named(NodeKind::Host, &format!("api-{number}.example")),
        1 => node(NodeKind::Queue, &format!("queue-{number}"), account, region),
        2 => Node::named(NodeKind::Database, &format!("db-{number}.example")),
        _ => node(NodeKind::Table, &format!("table-{number}"), account, region),
    }
}
