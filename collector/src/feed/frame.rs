//! Frames: messages as the JSON text that goes out. Encoded once, shared by all viewers.

use std::sync::Arc;

use super::message::Message;

/// One message of the feed as JSON text. Cloning it copies a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Arc<str>);

impl Frame {
    /// Encodes a message.
    ///
    /// # Errors
    /// If the message holds something that JSON cannot say, which no message made here does.
    pub fn encode(message: &Message) -> Result<Self, serde_json::Error> {
        serde_json::to_string(message).map(|text| Self(text.into()))
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text's length in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Whether the other is this very text, not only an equal one.
    #[cfg(test)]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
