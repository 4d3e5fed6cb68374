//! How the values of options are read, and what is said of those that cannot be.

use std::time::Duration;

use bevy::math::UVec2;
use spanfall_collector::feed::message::NoTraceId;

use crate::snapshot::{Followed, clip};

/// Reads `worst` or a trace's id.
pub(super) fn followed(text: &str) -> Result<Followed, String> {
    if text == "worst" {
        return Ok(Followed::Worst);
    }
    text.parse().map(Followed::Trace).map_err(|error: NoTraceId| format!("{error}, or `worst`"))
}

/// Reads `1920x1080`.
pub(super) fn size(text: &str) -> Result<UVec2, String> {
    let read = |part: &str| part.trim().parse().ok().filter(|side| *side > 0);
    text.split_once(['x', 'X', '×'])
        .and_then(|(width, height)| Some(UVec2::new(read(width)?, read(height)?)))
        .ok_or_else(|| "give width and height in pixels, such as 1920x1080".into())
}

/// Reads `10` or `2.5`.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| *duration <= Duration::from_hours(24))
        .ok_or_else(|| "give seconds, such as 10 or 2.5; a day at most".into())
}

/// Reads how long a clip is.
pub(super) fn clip_length(text: &str) -> Result<Duration, String> {
    seconds(text)
        .ok()
        .filter(|length| !length.is_zero() && *length <= clip::LONGEST)
        .ok_or_else(|| "give seconds, such as 10 or 2.5; ten minutes (600) at most".into())
}

/// Reads seconds of which there are enough for a look.
pub(super) fn period(text: &str) -> Result<Duration, String> {
    seconds(text)
        .ok()
        .filter(|every| *every >= SHORTEST_PERIOD)
        .ok_or_else(|| "give seconds, such as 5 or 0.5; half a second at least".into())
}

/// Looking more often finds nothing new, and is a load for whoever answers.
const SHORTEST_PERIOD: Duration = Duration::from_millis(500);
