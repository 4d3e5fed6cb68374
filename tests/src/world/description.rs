//! Descriptions: what a serverless system is made of and what its parts do. In: names and steps.
//! Out: a [`World`], which is data only; [`super::simulate`] makes it run.

use spanfall_collector::reduce::node::{Node, NodeKind};

use super::dialect::Dialect;

/// A program of a world, by its place in [`World::programs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProgramId(pub usize);

/// A resource of a world, by its place in [`World::resources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResourceId(pub usize);

/// A system: what runs, what it uses, and what sets it going.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// What runs code and sends spans.
    pub programs: Vec<Program>,
    /// What programs talk to and what never sends spans.
    pub resources: Vec<Node>,
    /// What sets programs going, besides other programs.
    pub sources: Vec<Source>,
}

/// A function or service.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its full name.
    pub node: Node,
    /// Who instrumented it.
    pub dialect: Dialect,
    /// `service.name` in its resource.
    pub service_name: String,
    /// Versions that run side by side.
    pub versions: Vec<&'static str>,
    /// Median of its own work, in milliseconds.
    pub work_ms: f64,
    /// Share of its invocations that fail.
    pub errors: f64,
    /// Share of its invocations that are refused because of a limit.
    pub throttles: f64,
    /// Share of its invocations that never end.
    pub timeouts: f64,
    /// What one invocation does, in order.
    pub steps: Vec<Step>,
}

/// One thing that an invocation does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Runs a function through its cloud's own API, and waits for the answer.
    Invoke(ProgramId),
    /// Runs a function through its cloud's own API, and does not wait.
    InvokeLater(ProgramId),
    /// Calls a program over HTTP.
    Http(ProgramId),
    /// Calls a program over gRPC.
    Grpc(ProgramId),
    /// Uses a table, bucket, database, cloud API or host.
    Use(ResourceId),
    /// Sends one message to a queue, topic or stream.
    Send(ResourceId),
    /// Sends several messages at once, in one request.
    SendBatch(ResourceId, u32),
    /// These at the same time.
    Together(Vec<Step>),
    /// This one, at a rate.
    Sometimes(f64, Box<Step>),
}

/// What sets programs going.
#[derive(Clone, Debug)]
pub enum Source {
    /// Requests from outside, through a gateway if there is one.
    Requests {
        /// The gateway; `None` where users call the program itself.
        gateway: Option<ResourceId>,
        /// What answers.
        program: ProgramId,
        /// How many of all requests from outside come here, compared with other sources.
        share: f64,
    },
    /// A clock.
    Schedule {
        /// Its node.
        schedule: ResourceId,
        /// What it runs.
        program: ProgramId,
        /// How often, in seconds.
        every_s: f64,
    },
    /// A state machine that runs functions one after the other.
    Workflow {
        /// Its node.
        workflow: ResourceId,
        /// Its steps, each of which is tried again once if it fails.
        programs: Vec<ProgramId>,
        /// As with requests.
        share: f64,
    },
    /// A queue or stream whose messages run a program.
    Messages {
        /// The queue or stream.
        channel: ResourceId,
        /// What receives them.
        program: ProgramId,
        /// How many at most at once.
        batch: usize,
        /// Where messages go that failed twice.
        dead_letters: Option<ResourceId>,
    },
    /// A topic that hands each message to a program.
    Topic {
        /// The topic.
        topic: ResourceId,
        /// What receives them.
        program: ProgramId,
    },
    /// A topic that hands each message to a queue.
    TopicToQueue {
        /// The topic.
        topic: ResourceId,
        /// The queue.
        queue: ResourceId,
    },
    /// A bucket whose new objects run a program.
    Objects {
        /// The bucket.
        bucket: ResourceId,
        /// What is told of them.
        program: ProgramId,
    },
}

impl World {
    /// Adds a Lambda or other function.
    pub fn function(&mut self, name: &str, dialect: Dialect, place: (&str, &str)) -> ProgramId {
        self.program(node(NodeKind::Function, name, place.0, place.1), dialect)
    }

    /// Adds a program.
    pub fn program(&mut self, node: Node, dialect: Dialect) -> ProgramId {
        self.programs.push(Program {
            service_name: node.name.clone(),
            node,
            dialect,
            versions: vec!["7"],
            work_ms: 12.0,
            errors: 0.0,
            throttles: 0.0,
            timeouts: 0.0,
            steps: Vec::new(),
        });
        ProgramId(self.programs.len() - 1)
    }

    /// Adds what programs talk to.
    pub fn resource(&mut self, node: Node) -> ResourceId {
        self.resources.push(node);
        ResourceId(self.resources.len() - 1)
    }

    /// Says what an invocation of a program does.
    pub fn does(&mut self, program: ProgramId, steps: impl IntoIterator<Item = Step>) {
        self.programs[program.0].steps.extend(steps);
    }

    /// A program, to change it.
    pub fn tune(&mut self, program: ProgramId) -> &mut Program {
        &mut self.programs[program.0]
    }

    /// Every node of this world.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.programs.iter().map(|program| &program.node).chain(&self.resources)
    }

    /// Adds the same system once more, in another account or region.
    pub fn add_twin(&mut self, account: Option<&str>, region: Option<&str>) {
        let twin = self.twin(account, region);
        self.append(twin);
    }

    /// Adds another system.
    pub fn append(&mut self, other: Self) {
        let shift = Shift { programs: self.programs.len(), resources: self.resources.len() };
        self.programs.extend(other.programs.into_iter().map(|program| Program {
            steps: program.steps.iter().map(|step| shift.step(step)).collect(),
            ..program
        }));
        self.resources.extend(other.resources);
        self.sources.extend(other.sources.iter().map(|source| shift.source(source)));
    }

    /// The same system in another account or region.
    pub fn twin(&self, account: Option<&str>, region: Option<&str>) -> Self {
        let moved = |node: &Node| {
            let mut node = node.clone();
            if let Some(account) = account.filter(|_| !node.account.is_empty()) {
                account.clone_into(&mut node.account);
            }
            if let Some(region) = region.filter(|_| !node.region.is_empty()) {
                region.clone_into(&mut node.region);
            }
            // What is known by name alone has its own name everywhere.
            if node.account.is_empty() && node.region.is_empty() {
                let mark = region.or(account).unwrap_or("twin");
                node.name = match node.name.split_once('.') {
                    Some((first, rest)) => format!("{first}-{mark}.{rest}"),
                    None => format!("{}-{mark}", node.name),
                };
            }
            node
        };
        let mut twin = self.clone();
        for program in &mut twin.programs {
            program.node = moved(&program.node);
            program.service_name.clone_from(&program.node.name);
        }
        twin.resources = twin.resources.iter().map(moved).collect();
        twin
    }
}

/// A node with all of its name.
pub fn node(kind: NodeKind, name: &str, account: &str, region: &str) -> Node {
    Node { account: account.to_owned(), region: region.to_owned(), ..Node::named(kind, name) }
}

/// Moves the ids of a description behind those that are there.
#[derive(Clone, Copy)]
struct Shift {
    programs: usize,
    resources: usize,
}

impl Shift {
    fn program(self, id: ProgramId) -> ProgramId {
        ProgramId(id.0 + self.programs)
    }

    fn resource(self, id: ResourceId) -> ResourceId {
        ResourceId(id.0 + self.resources)
    }

    fn step(self, step: &Step) -> Step {
        match step {
            Step::Invoke(id) => Step::Invoke(self.program(*id)),
            Step::InvokeLater(id) => Step::InvokeLater(self.program(*id)),
            Step::Http(id) => Step::Http(self.program(*id)),
            Step::Grpc(id) => Step::Grpc(self.program(*id)),
            Step::Use(id) => Step::Use(self.resource(*id)),
            Step::Send(id) => Step::Send(self.resource(*id)),
            Step::SendBatch(id, count) => Step::SendBatch(self.resource(*id), *count),
            Step::Together(steps) => {
                Step::Together(steps.iter().map(|step| self.step(step)).collect())
            }
            Step::Sometimes(rate, step) => Step::Sometimes(*rate, Box::new(self.step(step))),
        }
    }

    fn source(self, source: &Source) -> Source {
        match source {
            Source::Requests { gateway, program, share } => Source::Requests {
                gateway: gateway.map(|id| self.resource(id)),
                program: self.program(*program),
                share: *share,
            },
            Source::Schedule { schedule, program, every_s } => Source::Schedule {
                schedule: self.resource(*schedule),
                program: self.program(*program),
                every_s: *every_s,
            },
            Source::Workflow { workflow, programs, share } => Source::Workflow {
                workflow: self.resource(*workflow),
                programs: programs.iter().map(|id| self.program(*id)).collect(),
                share: *share,
            },
            Source::Messages { channel, program, batch, dead_letters } => Source::Messages {
                channel: self.resource(*channel),
                program: self.program(*program),
                batch: *batch,
                dead_letters: dead_letters.map(|id| self.resource(id)),
            },
            Source::Topic { topic, program } => {
                Source::Topic { topic: self.resource(*topic), program: self.program(*program) }
            }
            Source::TopicToQueue { topic, queue } => {
                Source::TopicToQueue { topic: self.resource(*topic), queue: self.resource(*queue) }
            }
            Source::Objects { bucket, program } => {
                Source::Objects { bucket: self.resource(*bucket), program: self.program(*program) }
            }
        }
    }
}
