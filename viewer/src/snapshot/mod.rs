//! Pictures of the wall: [`headless`] renders one without a window, and the S key saves one of the
//! window. In: what is on screen. Out: a PNG.

pub mod headless;
mod key;
mod png;

pub use headless::{Followed, Pace, Shot};
pub use key::{Saved, SnapshotKeyPlugin};
pub use png::SnapshotError;
