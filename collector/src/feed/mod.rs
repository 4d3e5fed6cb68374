//! The feed: ticks and graph changes from the reducer, out to every viewer. Data goes through the
//! files in this order: [`message`], frame (JSON text), history (the recent past), [`hub`],
//! [`websocket`].

mod frame;
mod graph;
mod history;
pub mod hub;
pub mod message;
mod subscription;
pub mod websocket;

pub use frame::Frame;
pub use hub::{Hub, Settings};
pub use subscription::{Requester, Subscription};
