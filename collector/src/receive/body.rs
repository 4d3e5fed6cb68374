//! A request's body comes in. In: chunks from a connection. Out: the whole body as one piece of
//! memory, or a refusal as soon as it is too large, too slow, or one too many.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use tokio::time::timeout;

use super::refusal::Refusal;
use super::{Limits, Receiver};

/// A request's share of the bytes in flight; given back when it is dropped.
pub(super) struct InFlight {
    receiver: Arc<Receiver>,
    bytes: u64,
}

impl InFlight {
    /// No bytes yet.
    pub(super) fn new(receiver: Arc<Receiver>) -> Self {
        Self { receiver, bytes: 0 }
    }

    /// Takes so many more bytes, unless too many are in flight already.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Refusal> {
        let (bytes, limits) = (bytes as u64, self.receiver.limits());
        let limit = limits.in_flight_bound();
        if self.receiver.counters().in_flight_bytes.add_within(bytes, limit) {
            self.bytes += bytes;
            Ok(())
        } else {
            Err(Refusal::Busy { retry_after: limits.retry_after })
        }
    }

    /// The bytes it holds.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.receiver.counters().in_flight_bytes.subtract(self.bytes);
    }
}

/// Reads a body to its end. `framing` bytes of it do not count towards the limit.
pub(super) async fn collect<S, B, E>(
    body: Pin<&mut S>,
    framing: usize,
    limits: &Limits,
    held: &mut InFlight,
) -> Result<Bytes, Refusal>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
    E: std::error::Error,
{
    let mut whole = Whole::Empty;
    let take = |chunk: Bytes| {
        held.hold(chunk.len())?;
        whole.push(chunk);
        Ok(())
    };
    each_chunk(body, framing, limits, take).await?;
    Ok(whole.into_bytes())
}

/// Reads a body to its end and forgets it; says how long it was.
pub(super) async fn discard<S, B, E>(
    body: Pin<&mut S>,
    framing: usize,
    limits: &Limits,
) -> Result<usize, Refusal>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
    E: std::error::Error,
{
    let mut length = 0;
    let count = |chunk: Bytes| {
        length += chunk.len();
        Ok(())
    };
    each_chunk(body, framing, limits, count).await?;
    Ok(length)
}

/// Lets a sender that was refused finish, within reason: many clients read the answer only after
/// they have sent everything, and would see a broken connection instead.
pub(super) async fn linger<S, B, E>(mut body: Pin<&mut S>)
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    const BYTES: usize = 64 << 20;
    const TIME: Duration = Duration::from_secs(2);
    let mut left = BYTES;
    let rest = async {
        while let Some(Ok(chunk)) = body.next().await {
            left = left.saturating_sub(chunk.remaining());
            if left == 0 {
                break;
            }
        }
    };
    // Whatever comes of it, the answer is the same.
    let _in_time = timeout(TIME, rest).await;
}

fn each_chunk<'b, S, B, E>(
    mut body: Pin<&'b mut S>,
    framing: usize,
    limits: &'b Limits,
    mut take: impl FnMut(Bytes) -> Result<(), Refusal> + 'b,
) -> impl Future<Output = Result<(), Refusal>> + 'b
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
    E: std::error::Error,
{
    let limit = limits.max_request_bytes;
    let all = async move {
        let mut length = 0;
        while let Some(chunk) = body.next().await {
            let mut chunk = chunk.map_err(|error| {
                Refusal::Malformed(format!("the body ended early, after {length} bytes: {error}"))
            })?;
            length += chunk.remaining();
            if length > limit.saturating_add(framing) {
                return Err(Refusal::too_large(limit));
            }
            take(chunk.copy_to_bytes(chunk.remaining()))?;
        }
        Ok(())
    };
    async {
        timeout(limits.body_timeout, all)
            .await
            .unwrap_or(Err(Refusal::TooSlow(limits.body_timeout)))
    }
}

/// A body so far. Most come in one chunk, which need not be copied.
enum Whole {
    Empty,
    One(Bytes),
    Many(BytesMut),
}

impl Whole {
    fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Empty => *self = Self::One(chunk),
            Self::One(first) => {
                let mut many = BytesMut::with_capacity(first.len() + chunk.len());
                many.extend_from_slice(first);
                many.extend_from_slice(&chunk);
                *self = Self::Many(many);
            }
            Self::Many(many) => many.extend_from_slice(&chunk),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.freeze(),
        }
    }
}
