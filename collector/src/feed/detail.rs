//! Details: the account of one node or edge for a viewer that looks at it. In: the reducer's
//! accounts. Out: frames. Several viewers that look at the same share the work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::found::found;
use super::frame::Frame;
use super::hub::encode;
use super::message::{
    Cost, Detail, Examples, Instances, Latency, Message, Operation, Queue, TraceId, Unit,
};
use super::trace::{examples, trace};
use super::trace_url::TraceUrl;
use crate::cost::PriceList;
use crate::reduce::hop::{Edge, EdgeId};
use crate::reduce::node::NodeId;
use crate::reduce::{Account, QueueFacts, Reducer, Spans, Summary, Workload};

/// How old a detail may be that another viewer asked for. Half of the time after which a viewer
/// receives the next one.
const FRESH: Duration = Duration::from_millis(500);

/// How many operations a detail names.
const MAX_OPERATIONS: usize = 20;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Node(NodeId),
    Edge(EdgeId),
}

/// Makes details, and keeps those that are fresh.
#[derive(Debug)]
pub(super) struct Details {
    reducer: Arc<Reducer>,
    prices: PriceList,
    trace_url: Mutex<Option<TraceUrl>>,
    recent: Mutex<HashMap<Subject, (Instant, Frame)>>,
}

impl Details {
    pub(super) fn new(
        reducer: Arc<Reducer>,
        prices: PriceList,
        trace_url: Option<TraceUrl>,
    ) -> Self {
        Self { reducer, prices, trace_url: Mutex::new(trace_url), recent: Mutex::default() }
    }

    /// Traces have other pages from now on.
    pub(super) fn configure(&self, trace_url: Option<TraceUrl>) {
        *self.trace_url.lock() = trace_url;
    }

    /// What is known of a request by now.
    pub(super) fn trace_frame(&self, id: TraceId) -> Option<Frame> {
        let url = self.trace_url.lock().clone();
        encode(&Message::Trace(Box::new(trace(id, self.reducer.follow(id.0), url.as_ref()))))
    }

    /// The nodes of which operations or versions are called so by now.
    pub(super) fn found_frame(&self, find: &str) -> Option<Frame> {
        encode(&Message::Found(found(&self.reducer, find)))
    }

    /// What the reducer's hops are.
    pub(super) fn unit(&self) -> Unit {
        match self.reducer.spans() {
            Spans::Remote => Unit::Requests,
            Spans::All => Unit::Steps,
        }
    }

    /// The account of a subject as it is now; all zeros if nothing is known of it.
    pub(super) fn frame(&self, subject: Subject) -> Option<Frame> {
        let now = Instant::now();
        if let Some((at, frame)) = self.recent.lock().get(&subject)
            && now - *at < FRESH
        {
            return Some(frame.clone());
        }
        // The reducer is asked outside of the lock: viewers that look at other things go on.
        let frame = encode(&Message::Detail(Box::new(self.detail(subject))))?;
        let mut recent = self.recent.lock();
        recent.retain(|_, (at, _)| now - *at < FRESH);
        recent.insert(subject, (now, frame.clone()));
        Some(frame)
    }

    fn detail(&self, subject: Subject) -> Detail {
        match subject {
            Subject::Node(id) => {
                let account = self.reducer.node_account(id).unwrap_or_default();
                let workload = self.reducer.workload(id);
                Detail {
                    node: Some(id),
                    instances: workload.as_ref().and_then(instances),
                    cost: workload.as_ref().and_then(|workload| self.cost(id, workload)),
                    queue: self.reducer.node_queue(id).map(queue),
                    dead_letter: self.reducer.dead_letter_queues().contains(&id),
                    examples: examples(self.reducer.node_examples(id)),
                    ..detail(account)
                }
            }
            Subject::Edge(id) => {
                let account = self.reducer.edge_account(id).unwrap_or_default();
                let dead = self.reducer.dead_letter_queues();
                let is_dead =
                    |edge: Edge| dead.contains(&edge.source) || dead.contains(&edge.target);
                Detail {
                    edge: Some(id),
                    queue: self.reducer.edge_queue(id).map(queue),
                    dead_letter: self.reducer.edge(id).is_some_and(is_dead),
                    examples: examples(self.reducer.edge_examples(id)),
                    ..detail(account)
                }
            }
        }
    }

    fn cost(&self, id: NodeId, workload: &Workload) -> Option<Cost> {
        let prices = self.prices.now();
        let estimate = prices.estimate(&self.reducer.name(id)?, workload)?;
        let (per_hour, per_million) = (estimate.per_hour, estimate.per_million);
        Some(Cost { currency: prices.currency.clone(), per_hour, per_million })
    }
}

fn detail(account: Account) -> Detail {
    let Account { all, operations, versions, usual_us, slow_over_us } = account;
    let operations = operations.into_iter().take(MAX_OPERATIONS).map(|(name, summary)| Operation {
        name,
        counts: summary.counts,
        latency: latency(&summary),
    });
    Detail {
        node: None,
        edge: None,
        counts: all.counts,
        latency: latency(&all),
        operations: operations.collect(),
        versions: versions.into_iter().collect(),
        usual_us,
        slow_over_us,
        instances: None,
        cost: None,
        queue: None,
        dead_letter: false,
        examples: Examples::default(),
    }
}

fn instances(workload: &Workload) -> Option<Instances> {
    let &Workload { live, new, seen, .. } = workload;
    (seen > 0).then(|| Instances { live, new, seen, busy: workload.busy() })
}

fn queue(facts: QueueFacts) -> Queue {
    let QueueFacts { time, batches, messages, largest, redelivered, dead_letters } = facts;
    Queue {
        timed: time.counts.total(),
        time: latency(&time),
        batches,
        messages,
        largest_batch: largest,
        redelivered,
        dead_letters,
    }
}

fn latency(summary: &Summary) -> Latency {
    let Summary { counts: _, p50_us, p95_us, p99_us } = *summary;
    Latency { p50_us, p95_us, p99_us }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::reduce::Settings;

    #[tokio::test(start_paused = true)]
    async fn viewers_that_look_at_the_same_share_a_detail_while_it_is_fresh() {
        let reducer = Arc::new(Reducer::new(Settings::default()));
        let details = Details::new(reducer, PriceList::default(), None);
        let first = details.frame(Subject::Node(NodeId(1))).unwrap();
        assert!(first.is_same(&details.frame(Subject::Node(NodeId(1))).unwrap()));
        assert!(!first.is_same(&details.frame(Subject::Edge(EdgeId(1))).unwrap()));
        advance(FRESH).await;
        assert!(!first.is_same(&details.frame(Subject::Node(NodeId(1))).unwrap()));
        assert_eq!(details.recent.lock().len(), 1, "what is not fresh is not kept");
    }
}
