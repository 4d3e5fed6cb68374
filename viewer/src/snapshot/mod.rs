//! Pictures of the wall: [`headless`] renders one without a window, [`clip`] many of them, and the S key
//! saves the same of the window. In: what is on screen. Out: PNGs and films.

pub mod clip;
mod clip_key;
mod encoder;
pub mod headless;
mod key;
mod png;
mod pose;

pub use clip::Clip;
pub use clip_key::{ClipKeyPlugin, Recording};
pub use encoder::{ClipError, MOST_FPS, Written};
pub use headless::{Pace, Shot};
pub use key::{Saved, SnapshotKeyPlugin};
pub use png::SnapshotError;
pub use pose::{Followed, Panel, Pose};
