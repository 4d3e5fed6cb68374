//! Why listings cannot be made triggers of, told so that it can be mended.

use std::io;

/// Why there are no lines.
#[derive(Debug, thiserror::Error)]
pub enum TriggersError {
    /// A listing cannot be read, or says nothing that can be used.
    #[error("{file}: {wrong}")]
    Listing {
        /// Which one.
        file: String,
        /// What is wrong with it.
        wrong: Wrong,
    },
    /// The lines cannot be written.
    #[error("cannot write the result: {0}")]
    Write(io::Error),
}

/// What is wrong with a listing.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Read(io::Error),
    /// Standard input was named more than once.
    #[error("can be read once only")]
    Twice,
    /// It is not JSON.
    #[error(
        "not JSON at line {line}, column {column} ({message}); have the AWS CLI write `--output json`"
    )]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What a reader of JSON says of it.
        message: String,
    },
    /// It is JSON, and none of the listings.
    #[error("not a listing that is known here: it is {0}. Accepted are the outputs of{ACCEPTED}")]
    Unknown(String),
    /// An entry is not as the AWS CLI writes it.
    #[error("{place}: {expected}")]
    Entry {
        /// Which entry, such as `Subscriptions[2]`.
        place: String,
        /// What was expected.
        expected: String,
    },
    /// It does not say what it is about, and nothing else does.
    #[error("{what}; write {how}")]
    NoName {
        /// What is missing.
        what: String,
        /// How to say it.
        how: String,
    },
    /// It holds targets of a rule that no listing describes, or several do.
    #[error("the targets of rule `{rule}`, {why}")]
    Rule {
        /// What the rule was called.
        rule: String,
        /// What is wrong with that.
        why: String,
    },
}

/// The commands whose outputs are accepted.
const ACCEPTED: &str = "
  aws lambda list-event-source-mappings
  aws s3api get-bucket-notification-configuration --bucket BUCKET
  aws sns list-subscriptions
  aws events list-rules
  aws events list-targets-by-rule --rule RULE";

impl Wrong {
    /// With the file that is wrong.
    pub(super) fn in_file(self, file: &str) -> TriggersError {
        TriggersError::Listing { file: file.to_owned(), wrong: self }
    }
}
