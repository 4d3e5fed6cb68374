//! What goes wrong between senders and the receiver, as notices. In: the receiver's counters, once
//! a second. Out: notices to the hub.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::feed::hub::Hub;
use crate::feed::message::Severity;
use crate::notices::{Rising, grouped};
use crate::receive::{Counters, Receiver};

type Reading = fn(&Counters) -> u64;

/// Watches until it is dropped.
pub(super) async fn watch(receiver: Arc<Receiver>, hub: Arc<Hub>, clock: Clock) {
    let mut watched = watched();
    let mut every = interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        for (read, rising) in &mut watched {
            if let Some(notice) = rising.observe(read(receiver.counters()), clock.unix_ms()) {
                hub.notice(notice);
            }
        }
    }
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
