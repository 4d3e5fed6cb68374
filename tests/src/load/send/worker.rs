//! What one connection does: sends what is due, sends it again if the collector asks for that, and
//! connects again if the connection is lost. In: a schedule. Out: what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, sleep_until};

use super::body::{Bodies, Body};
use super::client::{Answer, Client};
use super::report::Sent;
use super::schedule::Schedule;
use super::{Plan, connect};

/// How long to wait before sending again where the collector does not say; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// As exporters do, a request is given up after so long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn work(
    client: Client,
    plan: Plan,
    mut bodies: Bodies,
    schedule: Arc<Schedule>,
) -> Sent {
    let mut worker = Worker { client: Some(client), plan, sent: Sent::default() };
    while let Some(due) = schedule.next() {
        // Made before it is due, so that making it delays nothing.
        let body = bodies.body(due.number);
        if let Some(at) = due.at {
            sleep_until(at.into()).await;
        }
        worker.deliver(&body, due.at.unwrap_or_else(Instant::now)).await;
        bodies.recycle(body);
    }
    worker.sent
}

struct Worker {
    /// None while the connection is lost.
    client: Option<Client>,
    plan: Plan,
    sent: Sent,
}

impl Worker {
    /// Sends a request until it is taken or refused, or until there is no more patience.
    async fn deliver(&mut self, body: &Body, due: Instant) {
        self.sent.spans += body.spans;
        self.sent.requests += 1;
        self.sent.bytes += body.bytes.len() as u64;
        let (begin, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let wait = match self.attempt(body).await {
                Ok(Answer::Accepted { rejected }) => {
                    self.sent.accepted += body.spans.saturating_sub(rejected);
                    self.sent.rejected += rejected;
                    self.sent.latency.add(due.elapsed());
                    return;
                }
                Ok(Answer::Refused(why)) => {
                    self.sent.refused += body.spans;
                    self.sent.complain(why);
                    return;
                }
                Ok(Answer::Later(after)) => {
                    self.sent.retried += 1;
                    after
                }
                Err(error) => {
                    self.client = None;
                    self.sent.reconnected += 1;
                    self.sent.complain(format!("{error:#}"));
                    None
                }
            };
            let wait = wait.unwrap_or(pause);
            if begin.elapsed() + wait > PATIENCE {
                self.sent.given_up += body.spans;
                return;
            }
            sleep(wait).await;
            pause *= 2;
        }
    }

    async fn attempt(&mut self, body: &Body) -> anyhow::Result<Answer> {
        let client = match self.client.take() {
            Some(client) => client,
            None => connect(&self.plan).await?,
        };
        self.client.insert(client).send(body.bytes.clone()).await
    }
}
