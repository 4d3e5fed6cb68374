//! Worlds with known truth: serverless systems that run in simulated time, and what the reducer
//! makes of the spans they send. Data goes through the files in this order: `description` (what
//! there is; `standard` and `generate` make some), `faults` (what goes wrong), `simulate` (it runs;
//! `dialect` says how each instrumentation tells it), `export` (it is sent), `truth` (what a perfect
//! reader would say), `score` (what the reducer said), `condition` (named faults with goals),
//! `table` (figures for people).

pub mod attributes;
pub mod condition;
pub mod description;
pub mod dialect;
pub mod export;
pub mod faults;
mod generate;
pub mod recording;
pub mod score;
pub mod simulate;
mod standard;
pub mod table;
pub mod truth;

pub use condition::Condition;
pub use description::World;
pub use faults::Faults;
