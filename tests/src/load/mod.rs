//! Load: spans in any number for measuring. Data goes through the files in this order: `small` and
//! recordings (requests to repeat), `batch` (as large as wanted, with new ids each time), `piece`
//! (what arrives within a tick), `workload` (which of these there are). Beside them `walk`, the least
//! that any reader has to do, and `read`, what the reducer's own reader does. `send` is the load
//! generator, `spanfall-load`.

pub mod batch;
pub mod piece;
pub mod read;
pub mod send;
pub mod small;
pub mod walk;
pub mod workload;
