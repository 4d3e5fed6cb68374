//! Attributes as OTLP writes them.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

/// A list of attributes in the making.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(pub Vec<KeyValue>);

/// One attribute.
pub(super) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

impl Attributes {
    /// With these texts.
    pub fn of(texts: &[(&str, &str)]) -> Self {
        Self::default().texts(texts)
    }

    /// And these texts.
    #[must_use]
    pub fn texts(mut self, texts: &[(&str, &str)]) -> Self {
        self.0.extend(texts.iter().map(|(key, value)| attribute(key, text(value))));
        self
    }

    /// And this text.
    #[must_use]
    pub fn text(self, key: &str, value: &str) -> Self {
        self.texts(&[(key, value)])
    }

    /// And this whole number.
    #[must_use]
    pub fn int(mut self, key: &str, value: i64) -> Self {
        self.0.push(attribute(key, Value::IntValue(value)));
        self
    }

    /// And this flag.
    #[must_use]
    pub fn flag(mut self, key: &str, value: bool) -> Self {
        self.0.push(attribute(key, Value::BoolValue(value)));
        self
    }

    /// And this list of one text.
    #[must_use]
    pub fn list(mut self, key: &str, value: &str) -> Self {
        let values = vec![AnyValue { value: Some(text(value)) }];
        self.0.push(attribute(key, Value::ArrayValue(ArrayValue { values })));
        self
    }

    /// And these, if so.
    #[must_use]
    pub fn when(self, so: bool, more: impl FnOnce(Self) -> Self) -> Self {
        if so { more(self) } else { self }
    }
}

/// A text as a value.
pub(super) fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}
