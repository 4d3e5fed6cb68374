//! `aws sns list-subscriptions`: functions that topics call.

use serde::Deserialize;

use super::found::{Found, Named};
use super::input::Input;
use crate::reduce::node::NodeKind;

/// One entry of the listing.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Subscription {
    protocol: String,
    endpoint: String,
    topic_arn: String,
    #[serde(default)]
    subscription_arn: String,
}

/// Adds the functions among the subscribers. A queue's subscription is no trigger: the queue is.
pub(super) fn add(input: &Input, subscriptions: &[Subscription], found: &mut Found) {
    for subscription in subscriptions.iter().filter(|entry| entry.protocol == "lambda") {
        let function = Named::function(&subscription.endpoint);
        let topic = Named::source(NodeKind::Topic, &subscription.topic_arn);
        let (Some(function), Some(topic)) = (function, topic) else {
            let Subscription { endpoint, topic_arn, .. } = subscription;
            found.note(
                input,
                &format!("left out: `{topic_arn}` to `{endpoint}`, which are no ARNs"),
            );
            continue;
        };
        // Instead of an ARN it says `PendingConfirmation` or `Deleted`.
        let state = &subscription.subscription_arn;
        if !state.is_empty() && !state.starts_with("arn:") {
            let (name, from) = (&function.node.name, &topic.node.name);
            found.note(input, &format!("left out: topic {from} to {name} is {state}"));
            continue;
        }
        found.add(function, topic);
    }
}
