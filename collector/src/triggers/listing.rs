//! Which of the AWS CLI's listings a text is, by its shape. In: JSON values, one after the other.
//! Out: typed entries, or what was expected instead.

use serde::de::DeserializeOwned;
use serde_json::{Deserializer, Value};

use super::bucket::Notifications;
use super::error::{TriggersError, Wrong};
use super::found::Found;
use super::input::Input;
use super::mapping::Mapping;
use super::rule::{Rule, Target};
use super::subscription::Subscription;

/// One listing.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// `aws lambda list-event-source-mappings`.
    Mappings(Vec<Mapping>),
    /// `aws sns list-subscriptions`.
    Subscriptions(Vec<Subscription>),
    /// `aws s3api get-bucket-notification-configuration`.
    Bucket(Notifications),
    /// `aws events list-rules`.
    Rules(Vec<Rule>),
    /// `aws events list-targets-by-rule`.
    Targets(Vec<Target>),
}

/// The keys of a bucket's notifications, of which there is at least one.
const BUCKET: [&str; 4] = [
    "LambdaFunctionConfigurations",
    "TopicConfigurations",
    "QueueConfigurations",
    "EventBridgeConfiguration",
];

/// The listings that a text holds.
pub(super) fn read(
    input: &Input,
    text: &str,
    found: &mut Found,
) -> Result<Vec<Content>, TriggersError> {
    let mut listings = Vec::new();
    for value in Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| not_json(&error).in_file(&input.file))?;
        if value.get("NextToken").is_some_and(|token| !token.is_null()) {
            found.note(
                input,
                "the listing is cut (it has a NextToken): what comes after is unknown",
            );
        }
        listings.push(content(value).map_err(|wrong| wrong.in_file(&input.file))?);
    }
    if listings.is_empty() {
        // The AWS CLI prints nothing at all for a bucket without notifications.
        found.note(input, "empty: a bucket without notifications");
    }
    let unnamed = listings.iter().filter(|content| content.lacks_name()).count();
    if unnamed > 1 {
        let what = "more than one listing that does not say which bucket or rule it is about";
        let how = "each of them to a file of its own".to_owned();
        return Err(Wrong::NoName { what: what.to_owned(), how }.in_file(&input.file));
    }
    if let (0, Some(name)) = (unnamed, &input.given) {
        found.note(input, &format!("`{name}=` is not needed: the listing says all by itself"));
    }
    Ok(listings)
}

fn content(value: Value) -> Result<Content, Wrong> {
    let Value::Object(object) = &value else { return Err(unknown(&value)) };
    if object.contains_key("EventSourceMappings") {
        return entries(value, "EventSourceMappings").map(Content::Mappings);
    }
    if object.contains_key("Subscriptions") {
        return entries(value, "Subscriptions").map(Content::Subscriptions);
    }
    if object.contains_key("Rules") {
        return entries(value, "Rules").map(Content::Rules);
    }
    if object.contains_key("Targets") {
        return entries(value, "Targets").map(Content::Targets);
    }
    if object.is_empty() || BUCKET.iter().any(|key| object.contains_key(*key)) {
        return Ok(Content::Bucket(Notifications {
            functions: entries(value, "LambdaFunctionConfigurations")?,
        }));
    }
    Err(unknown(&value))
}

impl Content {
    /// Whether it does not say what it is about.
    fn lacks_name(&self) -> bool {
        matches!(self, Self::Bucket(_) | Self::Targets(_))
    }
}

/// The entries under a key; none if it is not there.
fn entries<T: DeserializeOwned>(mut value: Value, key: &str) -> Result<Vec<T>, Wrong> {
    let list = match value.get_mut(key).map(Value::take) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => {
            let expected = "a list is expected".to_owned();
            return Err(Wrong::Entry { place: key.to_owned(), expected });
        }
    };
    let entry = |(index, value)| {
        serde_json::from_value(value).map_err(|error| Wrong::Entry {
            place: format!("{key}[{index}]"),
            expected: error.to_string(),
        })
    };
    list.into_iter().enumerate().map(entry).collect()
}

fn not_json(error: &serde_json::Error) -> Wrong {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    Wrong::NotJson { line: error.line(), column: error.column(), message }
}

/// Says of a value what it is, as far as that helps to see what went wrong.
fn unknown(value: &Value) -> Wrong {
    Wrong::Unknown(match value {
        Value::Object(object) => {
            let keys: Vec<_> = object.keys().take(5).map(|key| format!("`{key}`")).collect();
            format!("an object with {}", keys.join(", "))
        }
        Value::Array(_) => "a list, perhaps what `--query` left of one".to_owned(),
        _ => "a single value".to_owned(),
    })
}
