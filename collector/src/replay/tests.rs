//! Whole replays, with tokio's clock standing still but for what they wait.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{Span, span::Event, span::Link};
use parking_lot::Mutex;
use prost::Message;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::otlp_file::Input;
use crate::otlp_file::any::{small, text};
use crate::receive::Sink;
use crate::reduce::{Ingested, Malformed, Reducer, Settings};

/// When the recording was made, and when it is played, in milliseconds since 1970.
const THEN: u64 = 1_600_000_000_000;
const NOW: u64 = 1_785_000_000_000;
const MS: u64 = 1_000_000;

/// Keeps what it gets, and when; stops the replay when it has enough.
struct Kept {
    begin: Instant,
    requests: Mutex<Vec<(Duration, ExportTraceServiceRequest)>>,
    enough: usize,
    stop: CancellationToken,
}

impl Kept {
    fn new(enough: usize) -> Arc<Self> {
        let (begin, stop) = (Instant::now(), CancellationToken::new());
        Arc::new(Self { begin, requests: Mutex::default(), enough, stop })
    }

    fn taken(&self) -> Vec<(Duration, ExportTraceServiceRequest)> {
        self.requests.lock().clone()
    }

    /// When requests came, in milliseconds from the start.
    fn times(&self) -> Vec<u128> {
        self.requests.lock().iter().map(|(at, _)| at.as_millis()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.taken().into_iter().flat_map(|(_, request)| request.resource_spans);
        requests.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

impl Sink for Kept {
    fn traces(&self, request: Bytes) -> Result<Ingested, Malformed> {
        let decoded = ExportTraceServiceRequest::decode(request).unwrap();
        let mut requests = self.requests.lock();
        requests.push((self.begin.elapsed(), decoded));
        if requests.len() == self.enough {
            self.stop.cancel();
        }
        Ok(Ingested { spans: 1, ..Ingested::default() })
    }
}

fn recording(requests: &[ExportTraceServiceRequest]) -> Vec<Input> {
    let bytes: Vec<u8> =
        requests.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
    vec![Input::Memory { name: "recording.pb".to_owned(), bytes: bytes.into() }]
}

/// Requests whose spans end so many milliseconds after the first.
fn ending_at(ms: &[u64]) -> Vec<Input> {
    let ids = 1_u8..;
    let requests = ms.iter().zip(ids).map(|(ms, id)| small(id, (THEN + ms) * MS));
    recording(&requests.collect::<Vec<_>>())
}

/// A replay with a wall clock that tokio's time moves.
fn replayer(inputs: Vec<Input>) -> Replayer {
    Replayer::new(inputs).clock(Clock::start_at(NOW))
}

async fn play(replayer: Replayer, kept: &Arc<Kept>) -> Result<Played, ReplayError> {
    replayer.play(Arc::clone(kept) as Arc<dyn Sink>, kept.stop.clone()).await
}

#[tokio::test(start_paused = true)]
async fn requests_are_sent_as_far_apart_as_their_spans_ended() {
    for (speed, expected) in [
        (Speed::Times(1.0), [0, 250, 1_000, 1_000, 61_000]),
        (Speed::Times(10.0), [0, 25, 100, 100, 6_100]),
        (Speed::Times(0.5), [0, 500, 2_000, 2_000, 122_000]),
        (Speed::Max, [0, 0, 0, 0, 0]),
    ] {
        let kept = Kept::new(usize::MAX);
        // The fourth arrived after the third though it ended before: it does not overtake.
        let replayer = replayer(ending_at(&[0, 250, 1_000, 900, 61_000])).speed(speed);
        let played = play(replayer, &kept).await.unwrap();
        assert_eq!(kept.times(), expected, "{speed}");
        assert_eq!((played.requests, played.rounds, played.stopped), (5, 1, false));
    }
}

#[tokio::test(start_paused = true)]
async fn all_times_are_moved_to_now_by_the_same_time() {
    let mut request = small(1, (THEN + 500) * MS);
    let span = &mut request.resource_spans[0].scope_spans[0].spans[0];
    span.start_time_unix_nano = (THEN + 100) * MS + 7;
    span.events = vec![Event { time_unix_nano: (THEN + 200) * MS + 3, ..Event::default() }];
    let kept = Kept::new(usize::MAX);
    let inputs = recording(&[small(2, THEN * MS), request]);
    play(replayer(inputs), &kept).await.unwrap();
    let spans = kept.spans();
    assert_eq!(spans[0].end_time_unix_nano, NOW * MS);
    assert_eq!(spans[1].end_time_unix_nano, (NOW + 500) * MS);
    assert_eq!(spans[1].start_time_unix_nano, (NOW + 100) * MS + 7);
    assert_eq!(spans[1].events[0].time_unix_nano, (NOW + 200) * MS + 3);
}

#[tokio::test(start_paused = true)]
async fn spans_keep_their_length_and_their_distance_at_any_speed() {
    for speed in [Speed::Times(1.0), Speed::Times(8.0), Speed::Times(0.5), Speed::Max] {
        let kept = Kept::new(usize::MAX);
        // The last one came late; that does not change when it happened.
        play(replayer(ending_at(&[0, 800, 90_000, 700])).speed(speed), &kept).await.unwrap();
        let spans = kept.spans();
        for span in &spans {
            assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, MS, "{speed}");
        }
        let ends: Vec<_> = spans.iter().map(|span| span.end_time_unix_nano / MS - NOW).collect();
        assert_eq!(ends, [0, 800, 90_000, 700], "{speed}");
    }
}

/// Plays beside the test, once so many requests are read: time must not pass while they are not.
fn playing(
    replayer: Replayer,
    kept: &Arc<Kept>,
    requests: usize,
) -> JoinHandle<Result<Played, ReplayError>> {
    let loaded = replayer.load().unwrap();
    while loaded.events.len() <= requests {
        std::thread::yield_now();
    }
    tokio::spawn(loaded.play(Arc::clone(kept) as Arc<dyn Sink>, kept.stop.clone()))
}

/// A caller with a callee, a message that links back to it, and ids that hold across traces.
fn related() -> Vec<Input> {
    let mut caller = small(1, THEN * MS);
    let mut callee = small(2, (THEN + 100) * MS);
    let mut consumer = small(3, (THEN + 200) * MS);
    let of = |request: &mut ExportTraceServiceRequest| {
        request.resource_spans[0].scope_spans[0].spans.pop().unwrap()
    };
    let (mut a, mut b, mut c) = (of(&mut caller), of(&mut callee), of(&mut consumer));
    a.attributes = vec![text("aws.request_id", "r-1"), text("messaging.message.id", "m-1")];
    b.trace_id = a.trace_id.clone();
    b.parent_span_id = a.span_id.clone();
    b.attributes = vec![text("faas.invocation_id", "r-1"), text("http.route", "/cart")];
    c.links = vec![Link {
        trace_id: a.trace_id.clone(),
        span_id: a.span_id.clone(),
        attributes: vec![text("messaging.message.id", "m-1")],
        ..Link::default()
    }];
    for (request, span) in [(&mut caller, a), (&mut callee, b), (&mut consumer, c)] {
        request.resource_spans[0].scope_spans[0].spans.push(span);
    }
    recording(&[caller, callee, consumer])
}

#[tokio::test(start_paused = true)]
async fn every_round_has_ids_of_its_own_and_keeps_what_belongs_together() {
    let kept = Kept::new(9);
    let played = play(replayer(related()).looping(true), &kept).await.unwrap();
    assert_eq!((played.requests, played.rounds, played.stopped), (9, 3, true));
    let spans = kept.spans();
    for round in spans.chunks(3) {
        let [a, b, c] = round else { unreachable!() };
        assert_eq!((&b.trace_id, &b.parent_span_id), (&a.trace_id, &a.span_id));
        assert_eq!((&c.links[0].trace_id, &c.links[0].span_id), (&a.trace_id, &a.span_id));
        assert_ne!(c.trace_id, a.trace_id);
        assert_eq!(a.attributes[0].value, b.attributes[0].value, "request id");
        assert_eq!(a.attributes[1].value, c.links[0].attributes[0].value, "message id");
        assert_eq!(b.attributes[1], text("http.route", "/cart"), "what is no id stays");
    }
    let spans_ids: HashSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(spans_ids.len(), 9);
    let traces: HashSet<_> = spans.iter().map(|span| &span.trace_id).collect();
    assert_eq!(traces.len(), 6, "two in each round");
}

#[tokio::test(start_paused = true)]
async fn rounds_follow_each_other_without_a_pause_and_times_go_on() {
    let kept = Kept::new(12);
    play(replayer(ending_at(&[0, 50, 100, 150])).looping(true), &kept).await.unwrap();
    // The usual distance is the distance between rounds too.
    assert_eq!(kept.times(), [0, 50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 550]);
    for (span, at) in kept.spans().iter().zip(kept.times()) {
        assert_eq!(u128::from(span.end_time_unix_nano / MS - NOW), at);
    }
    // Where requests are rare, it is a tick at most.
    let kept = Kept::new(4);
    play(replayer(ending_at(&[0, 60_000])).looping(true), &kept).await.unwrap();
    assert_eq!(kept.times(), [0, 60_000, 60_200, 120_200]);
}

#[tokio::test(start_paused = true)]
async fn two_replays_of_one_recording_have_different_ids() {
    let kept = Kept::new(usize::MAX);
    for _ in 0..2 {
        play(replayer(related()), &kept).await.unwrap();
    }
    let mut seen = HashMap::new();
    for span in kept.spans() {
        *seen.entry(span.span_id).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_reducer_counts_every_round_and_takes_none_for_another() {
    struct Counting(Reducer, CancellationToken);

    impl Sink for Counting {
        fn traces(&self, request: Bytes) -> Result<Ingested, Malformed> {
            let ingested = self.0.ingest(&request, 0);
            if self.0.stats().spans == 30 {
                self.1.cancel();
            }
            ingested
        }
    }

    let stop = CancellationToken::new();
    let sink = Arc::new(Counting(Reducer::new(Settings::default()), stop.clone()));
    replayer(related()).looping(true).play(Arc::clone(&sink) as Arc<dyn Sink>, stop).await.unwrap();
    let stats = sink.0.stats();
    assert_eq!((stats.spans, stats.duplicates), (30, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everything_and_then_goes_on_where_it_stood() {
    let kept = Kept::new(usize::MAX);
    let replayer = replayer(ending_at(&[0, 1_000, 2_000]));
    let control = replayer.control();
    let playing = playing(replayer, &kept, 3);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    control.set_paused(true);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(kept.times().len(), 2);
    control.set_paused(false);
    playing.await.unwrap().unwrap();
    assert_eq!(kept.times(), [0, 1_000, 62_000]);
    let last = &kept.spans()[2];
    assert_eq!(last.end_time_unix_nano, (NOW + 2_000) * MS, "what happened took no longer");
}

#[tokio::test(start_paused = true)]
async fn another_speed_takes_effect_at_once() {
    let kept = Kept::new(usize::MAX);
    let replayer = replayer(ending_at(&[0, 100_000, 110_000]));
    let control = replayer.control();
    let playing = playing(replayer, &kept, 3);
    tokio::time::sleep(Duration::from_secs(10)).await;
    control.set_speed(Speed::Times(10.0));
    playing.await.unwrap().unwrap();
    assert_eq!(kept.times(), [0, 19_000, 20_000]);
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_a_replay_that_waits() {
    let kept = Kept::new(1);
    let played = play(replayer(ending_at(&[0, 3_600_000])), &kept).await.unwrap();
    assert_eq!((played.requests, played.stopped), (1, true));
    assert!(kept.begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_played_says_why() {
    let kept = Kept::new(usize::MAX);
    let memory = |text: &'static str| {
        vec![Input::Memory {
            name: "a.jsonl".to_owned(),
            bytes: Bytes::from_static(text.as_bytes()),
        }]
    };
    let error = play(replayer(memory("{\"resourceSpans\":[]}\n")), &kept).await.unwrap_err();
    assert!(matches!(error, ReplayError::Empty), "{error}");
    // An empty round is not looped for ever.
    let empty = replayer(memory("")).looping(true);
    assert!(matches!(play(empty, &kept).await.unwrap_err(), ReplayError::Empty));
    let error = play(replayer(memory("{}\nnonsense\n")), &kept).await.unwrap_err();
    assert!(error.to_string().starts_with("a.jsonl, line 2, byte "), "{error}");
    let error = play(replayer(vec![Input::Stdin]).looping(true), &kept).await.unwrap_err();
    assert!(error.to_string().contains("--loop"), "{error}");
}

#[tokio::test]
async fn a_taken_port_is_told_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let view = taken.local_addr().unwrap();
    let args =
        Args { files: vec!["-".into()], speed: Speed::Max, repeat: false, keep_going: false };
    let played = run(args, Config::default(), view, CancellationToken::new()).await;
    let error = played.unwrap_err().to_string();
    assert!(error.contains(&view.port().to_string()) && error.contains("--view"), "{error}");
}
