//! `aws s3api get-bucket-notification-configuration`: functions that a bucket calls. The listing
//! does not name the bucket.

use serde::Deserialize;

use super::error::{TriggersError, Wrong};
use super::found::{Found, Named};
use super::input::Input;
use crate::reduce::naming::Arn;
use crate::reduce::node::NodeKind;

/// The functions of the listing. Its topics and queues call no function themselves.
#[derive(Clone, Debug)]
pub(super) struct Notifications {
    pub(super) functions: Vec<Notification>,
}

/// One entry of the listing.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Notification {
    lambda_function_arn: String,
}

/// Adds the functions that the bucket calls.
pub(super) fn add(
    input: &Input,
    notifications: &Notifications,
    found: &mut Found,
) -> Result<(), TriggersError> {
    if notifications.functions.is_empty() {
        return Ok(());
    }
    let bucket = bucket(input, found).map_err(|wrong| wrong.in_file(&input.file))?;
    for Notification { lambda_function_arn } in &notifications.functions {
        match Named::function(lambda_function_arn) {
            Some(function) => found.add(function, Named::only(NodeKind::Bucket, &bucket)),
            None => {
                found.note(input, &format!("left out: `{lambda_function_arn}` is no function"));
            }
        }
    }
    Ok(())
}

/// The bucket's name: as given, or else the file's.
fn bucket(input: &Input, found: &mut Found) -> Result<String, Wrong> {
    let no_name = |what: String| {
        let file = if input.stem().is_some() { input.file.as_str() } else { "-" };
        Wrong::NoName { what, how: format!("BUCKET={file}, with the bucket's name for BUCKET") }
    };
    if let Some(given) = &input.given {
        let name = Arn::parse(given).and_then(|arn| arn.node()).map(|node| node.name);
        let name = name.as_deref().unwrap_or(given);
        return match is_bucket_name(name) {
            true => Ok(name.to_owned()),
            false => Err(no_name(format!("`{given}` cannot be the name of a bucket"))),
        };
    }
    match input.stem() {
        Some(stem) if is_bucket_name(stem) => {
            let note = format!("taken for what bucket `{stem}` notifies, by the file's name");
            found.note(input, &note);
            Ok(stem.to_owned())
        }
        Some(stem) => Err(no_name(format!(
            "a bucket's notifications do not name the bucket, and the file's name, `{stem}`, cannot \
             be the name of one"
        ))),
        None => Err(no_name("a bucket's notifications do not name the bucket".to_owned())),
    }
}

/// S3's rules, as far as they tell a bucket from a file that is called anything.
fn is_bucket_name(name: &str) -> bool {
    let edge =
        |end: Option<char>| end.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    (3..=63).contains(&name.len())
        && name.chars().all(inner)
        && edge(name.chars().next())
        && edge(name.chars().next_back())
}
