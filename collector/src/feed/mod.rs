//! The feed: ticks and graph changes from the reducer, out to every viewer.

pub mod message;
