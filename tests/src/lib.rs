//! What the end-to-end tests share. The tests themselves are in `tests/tests/`, one file a subject;
//! `tests/run` runs them all.
//!
//! The tests run Spanfall's real programs, as a person would, and talk to them over real sockets.
//! Nothing here waits for a fixed time: everything polls for what it needs, with a deadline.

// A rig has no caller to whom it could hand an error: what goes wrong here is a failed test, and
// the panic's message says what and where.
#![expect(clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

pub mod bench;
pub mod collector;
pub mod driver;
pub mod feed;
pub mod functions;
pub mod http;
pub mod load;
pub mod picture;
pub mod program;
pub mod recording;
pub mod report;
pub mod screen;
pub mod service_graph;
pub mod snapshot;
pub mod tempo;
pub mod theme;
pub mod window;
pub mod world;
