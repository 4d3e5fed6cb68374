//! A request's body comes in. In: chunks from a connection. Out: the whole body as one piece of
//! memory, or a refusal as soon as it is too large, too slow, or one too many.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
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

/// How many times what has come there may be memory for, where more is announced: so that a sender gets
/// memory for what it sends, not for what it says that it will.
const AHEAD: usize = 16;

/// Reads a body to its end. `framing` bytes of it do not count towards the limit. `announced` tells the
/// body's length, as far as its sender says, from its first bytes.
pub(super) async fn collect<S, B, E>(
    body: Pin<&mut S>,
    framing: usize,
    announced: impl Fn(&[u8]) -> Option<usize>,
    limits: &Limits,
    held: &mut InFlight,
) -> Result<Bytes, Refusal>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
    E: std::error::Error,
{
    let most = limits.max_request_bytes.saturating_add(framing);
    // Copied even where it came in one piece: that piece is a part of the connection's buffer,
    // all of which would live as long as the request, which a sink may keep.
    let mut whole = Vec::new();
    let take = |chunk: B| {
        let begins = if whole.is_empty() { chunk.chunk() } else { &whole[..] };
        let announced = announced(begins).unwrap_or_default().min(most);
        append(&mut whole, chunk, announced, most, held)
    };
    each_chunk(body, framing, limits, take).await?;
    Ok(whole.into())
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
    let count = |chunk: B| {
        length += chunk.remaining();
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
    mut take: impl FnMut(B) -> Result<(), Refusal> + 'b,
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
            let chunk = chunk.map_err(|error| {
                Refusal::Malformed(format!("the body ended early, after {length} bytes: {error}"))
            })?;
            length += chunk.remaining();
            if length > limit.saturating_add(framing) {
                return Err(Refusal::too_large(limit));
            }
            take(chunk)?;
        }
        Ok(())
    };
    async {
        timeout(limits.body_timeout, all)
            .await
            .unwrap_or(Err(Refusal::TooSlow(limits.body_timeout)))
    }
}

/// Adds a chunk to a body, which must not become longer than `most`, and is expected to become as long
/// as `announced`. The memory that it grows by is held before it is taken.
fn append(
    whole: &mut Vec<u8>,
    chunk: impl Buf,
    announced: usize,
    most: usize,
    held: &mut InFlight,
) -> Result<(), Refusal> {
    let length = whole.len() + chunk.remaining();
    if length > whole.capacity() {
        let capacity = if announced >= length {
            announced.min(length.saturating_mul(AHEAD))
        } else {
            length.max(2 * whole.capacity()).min(most)
        };
        held.hold(capacity - whole.capacity())?;
        whole.reserve_exact(capacity - whole.len());
    }
    whole.put(chunk);
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;
    use crate::receive::Sink;
    use crate::reduce::{Ingested, Malformed};

    struct Nowhere;

    impl Sink for Nowhere {
        fn traces(&self, _: Bytes) -> Result<Ingested, Malformed> {
            Ok(Ingested::default())
        }
    }

    fn receiver() -> Arc<Receiver> {
        Arc::new(Receiver::new(Limits::default(), Arc::new(Nowhere)))
    }

    async fn collect_pieces(
        body: &[u8],
        piece: usize,
        announced: Option<usize>,
        limit: usize,
        held: &mut InFlight,
    ) -> Result<Bytes, Refusal> {
        let pieces = body.chunks(piece).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
        let pieces: Vec<_> = pieces.map(|piece| piece.map(Bytes::from)).collect();
        let limits = Limits { max_request_bytes: limit, ..Limits::default() };
        collect(std::pin::pin!(stream::iter(pieces)), 0, |_| announced, &limits, held).await
    }

    #[tokio::test]
    async fn a_body_is_put_together_whatever_its_pieces_and_held_while_it_lives() {
        let receiver = receiver();
        let body: Vec<u8> = (0..5000).map(|n| (n % 251) as u8).collect();
        for piece in [1, 7, 2499, 5000] {
            let mut held = InFlight::new(Arc::clone(&receiver));
            let whole = collect_pieces(&body, piece, None, 5000, &mut held).await;
            assert_eq!(whole, Ok(Bytes::from(body.clone())));
            assert_eq!(held.bytes(), 5000, "no room beyond the limit is held");
            assert_eq!(receiver.counters().in_flight_bytes.get(), 5000);
            let whole = collect_pieces(&body, piece, None, 4999, &mut held).await;
            assert_eq!(whole, Err(Refusal::too_large(4999)));
            drop(held);
            assert_eq!(receiver.counters().in_flight_bytes.get(), 0);
        }
    }

    #[tokio::test]
    async fn what_is_announced_gets_its_memory_at_once_but_not_much_more_than_has_come() {
        let receiver = receiver();
        let body: Vec<u8> = (0..5000).map(|n| (n % 251) as u8).collect();
        // Rightly, too short, too long, and beyond the limit.
        for announced in [5000, 1, 6000, 50_000, usize::MAX] {
            for piece in [1, 400, 5000] {
                let mut held = InFlight::new(Arc::clone(&receiver));
                let whole =
                    collect_pieces(&body, piece, Some(announced), 8000, &mut held).await.unwrap();
                assert_eq!(whole, body);
                assert!(held.bytes() <= 8000, "{} for {announced}", held.bytes());
                if announced == 5000 {
                    assert_eq!(held.bytes(), 5000);
                }
            }
        }
        let mut held = InFlight::new(Arc::clone(&receiver));
        collect_pieces(b"ab", 2, Some(1 << 20), 1 << 20, &mut held).await.unwrap();
        assert_eq!(held.bytes(), 2 * AHEAD as u64, "a megabyte was announced, two bytes came");
    }
}
