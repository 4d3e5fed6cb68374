//! For how long processors have worked for this program, software rendering included: unlike frames a
//! second that hardly depends on what else the computer does. Linux only; elsewhere 0.

use std::fs;

/// Seconds of all threads that are there, to the nanosecond.
pub(super) fn seconds() -> f64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}
