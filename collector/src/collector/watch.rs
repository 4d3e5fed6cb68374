//! What goes wrong between senders, the receiver and the recorder, as notices. In: their counters,
//! once a second. Out: notices to the hub.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::export::readings::Readings;
use crate::feed::message::{Notice, Severity};
use crate::figures::grouped;
use crate::notices::Rising;
use crate::receive::Counters;
use crate::record::{Recorder, Status};

type Reading = fn(&Counters) -> u64;

/// Watches until it is dropped.
pub(super) async fn watch(readings: Readings) {
    let Readings { hub, receiver: Some(receiver), recorder, clock, .. } = readings else {
        return;
    };
    let mut watched = watched();
    let mut recording = Recording::new();
    let mut every = interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        for (read, rising) in &mut watched {
            if let Some(notice) = rising.observe(read(receiver.counters()), clock.unix_ms()) {
                hub.notice(notice);
            }
        }
        if let Some(status) = recorder.as_deref().map(Recorder::status)
            && let Some(notice) = recording.observe(&status, clock.unix_ms())
        {
            hub.notice(notice);
        }
    }
}

/// Watches a recording.
struct Recording {
    lost: Rising,
    stopped_since_ms: Option<u64>,
}

impl Recording {
    fn new() -> Self {
        let lost = Rising::new("recording", Severity::Warning, not_recorded);
        Self { lost, stopped_since_ms: None }
    }

    fn observe(&mut self, status: &Status, now_ms: u64) -> Option<Notice> {
        let rising = self.lost.observe(status.lost, now_ms);
        let Some(why) = &status.stopped else { return rising };
        // It stays ended, whatever else is to be said.
        let told = self.stopped_since_ms.is_some();
        let since_ms = *self.stopped_since_ms.get_or_insert(now_ms);
        (!told).then(|| Notice {
            id: "recording".to_owned(),
            severity: Severity::Warning,
            text: format!("{why}."),
            since_ms,
            ..Notice::default()
        })
    }
}

fn not_recorded(count: u64) -> String {
    format!(
        "{} requests are missing from the recording, because the disk cannot keep up.",
        grouped(count)
    )
}

fn watched() -> Vec<(Reading, Rising)> {
    use Severity::{Critical, Warning};
    let watch = |read: Reading, id, severity, sentence| (read, Rising::new(id, severity, sentence));
    vec![
        watch(
            |c| c.pushed_back.get(),
            "pushed_back",
            Warning,
            |n| {
                format!(
                    "{} requests were asked to come back later, because more comes in than is \
                 reduced. Senders that give up lose spans. Raise receive.max_in_flight_bytes, or \
                 give the collector more processors.",
                    grouped(n)
                )
            },
        ),
        watch(
            |c| c.rejected.get(),
            "rejected",
            Warning,
            |n| {
                format!(
                    "{} spans were rejected because they have no trace id or span id. Their exporter \
                 is broken.",
                    grouped(n)
                )
            },
        ),
        watch(
            |c| c.malformed.get() + c.unsupported.get(),
            "malformed",
            Warning,
            |n| {
                format!(
                    "{} requests could not be read. Something that does not speak OTLP, or a broken \
                 exporter, sends to this collector; its log says more.",
                    grouped(n)
                )
            },
        ),
        watch(
            |c| c.too_large.get(),
            "too_large",
            Warning,
            |n| {
                format!(
                    "{} requests were larger than is allowed, and their spans are lost. Raise \
                 receive.max_request_bytes and receive.max_decompressed_bytes, or let exporters \
                 send smaller batches.",
                    grouped(n)
                )
            },
        ),
        watch(
            |c| c.unauthorized.get(),
            "unauthorized",
            Warning,
            |n| {
                format!(
                    "{} requests did not show the authorization that receive.authorization asks for.",
                    grouped(n)
                )
            },
        ),
        watch(
            |c| c.connections_refused.get(),
            "connections",
            Warning,
            |n| {
                format!(
                    "{} connections were refused because too many are open. Raise \
                 receive.max_connections.",
                    grouped(n)
                )
            },
        ),
        watch(
            |c| c.failed.get(),
            "failed",
            Critical,
            |n| {
                format!(
                    "The collector failed on {} requests. This is a bug; its log says more.",
                    grouped(n)
                )
            },
        ),
    ]
}
