//! `aws lambda list-event-source-mappings`: queues, streams, tables and databases that Lambda polls.

use serde::Deserialize;

use super::found::{Found, Named};
use super::input::Input;
use crate::reduce::naming::Arn;
use crate::reduce::node::NodeKind;

/// One entry of the listing.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Mapping {
    function_arn: String,
    #[serde(default)]
    event_source_arn: String,
    #[serde(default)]
    state: String,
    /// Of Kafka, Amazon's or another.
    #[serde(default)]
    topics: Vec<String>,
    /// Of a broker.
    #[serde(default)]
    queues: Vec<String>,
    #[serde(rename = "DocumentDBEventSourceConfig")]
    document_db: Option<DocumentDb>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DocumentDb {
    #[serde(default)]
    database_name: String,
}

/// Adds what runs by mappings that are enabled, or are about to be.
pub(super) fn add(input: &Input, mappings: &[Mapping], found: &mut Found) {
    for mapping in mappings {
        let Some(function) = Named::function(&mapping.function_arn) else {
            found.note(input, &format!("left out: `{}` is no function", mapping.function_arn));
            continue;
        };
        let sources = mapping.sources();
        let name = &function.node.name;
        if sources.is_empty() {
            let source = &mapping.event_source_arn;
            found.note(
                input,
                &format!("left out: `{source}`, which runs {name}, is no known source"),
            );
        }
        for source in sources {
            if mapping.is_off() {
                let (kind, from, state) = (source.node.kind, &source.node.name, &mapping.state);
                found.note(input, &format!("left out: {kind} {from} to {name} is {state}"));
            } else {
                found.add(function.clone(), source);
            }
        }
    }
}

impl Mapping {
    /// What is being created, updated or enabled will run; what is being disabled will not.
    fn is_off(&self) -> bool {
        matches!(self.state.as_str(), "Disabled" | "Disabling" | "Deleting")
    }

    fn sources(&self) -> Vec<Named> {
        let named = |kind, names: &[String]| -> Vec<Named> {
            names.iter().map(|name| Named::only(kind, name)).collect()
        };
        let polled = |kind| Vec::from_iter(Named::source(kind, whole(&self.event_source_arn)));
        match Arn::parse(&self.event_source_arn).map(|arn| arn.service) {
            Some("sqs") => polled(NodeKind::Queue),
            Some("kinesis") => polled(NodeKind::Stream),
            Some("dynamodb") => polled(NodeKind::Table),
            Some("kafka") => {
                let topics = self.event_source_arn.replacen(":cluster/", ":topic/", 1);
                let arns = self.topics.iter().map(|topic| format!("{topics}/{topic}"));
                arns.filter_map(|arn| Named::source(NodeKind::Stream, &arn)).collect()
            }
            // Kafka of one's own has endpoints instead of an ARN.
            None => named(NodeKind::Stream, &self.topics),
            Some("mq") => named(NodeKind::Queue, &self.queues),
            Some("rds") => {
                let names = self.document_db.iter().map(|config| config.database_name.clone());
                let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
                named(NodeKind::Database, &names)
            }
            Some(_) => Vec::new(),
        }
    }
}

/// The ARN of the table or stream itself: mappings name `table/NAME/stream/TIME`, and
/// `stream/NAME/consumer/CONSUMER`.
fn whole(arn: &str) -> &str {
    arn.match_indices('/').nth(1).map_or(arn, |(end, _)| &arn[..end])
}
