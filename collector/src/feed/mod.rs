//! The feed: ticks and graph changes from the reducer, out to every viewer. Data goes through the
//! files in this order: [`message`], frame (JSON text), history (the recent past), [`hub`],
//! [`websocket`].
//!
//! # How to read it
//!
//! Connect to `ws://HOST:4320/feed` with any WebSocket client. Every message is one text frame with
//! one JSON object, and its `type` says which of these it is. Messages and fields that you do not
//! know are to be ignored: that is how the protocol grows. Ids of nodes and edges are whole numbers
//! below 2^53, the same in every collector and after every restart.
//!
//! **`hello`** comes first: who speaks, how long a tick is, and what the traffic is: `live`, a
//! `recording` or a `sample`, the latter two with a `name`. `unit` says what is counted where that
//! is not requests: `steps`, where all spans are followed, as those of a build.
//!
//! ```json
//! {"type":"hello","protocol":1,"version":"0.1.0","tick_ms":200,"source":{"kind":"live"},
//!  "now_ms":1795417200137}
//! ```
//!
//! **`graph`** names nodes and edges before any tick that needs them. With `complete` it is
//! everything, and what it does not name is gone; so is the first one, which says how things stood
//! when the recent past began. Kinds of nodes are `function`, `service`, `queue`, `topic`,
//! `stream`, `table`, `database`, `bucket`, `api`, `host`, `schedule` and `users`. `account`,
//! `region` and `entry` (requests enter the system here) may be missing.
//!
//! ```json
//! {"type":"graph","complete":true,
//!  "nodes":[{"id":11,"kind":"function","name":"checkout","region":"eu-west-1"},
//!           {"id":12,"kind":"host","name":"pay.example"},
//!           {"id":13,"kind":"users","name":"users","entry":true}],
//!  "edges":[{"id":21,"source":13,"target":11},{"id":22,"source":11,"target":12}]}
//! ```
//!
//! In `merged` are pairs `[from, into]`: a node that was known in part turned out to be another one.
//! Drop `from` and its edges; hops that you counted there belong to the edges of `into`.
//!
//! ```json
//! {"type":"graph","nodes":[{"id":15,"kind":"queue","name":"orders","account":"123456789012"}],
//!  "edges":[{"id":24,"source":11,"target":15}],"merged":[[14,15]]}
//! ```
//!
//! A node to which requests go in two or more versions now is in `versions` with their names and the
//! hops that arrived at each so far, whenever these versions change; an empty list ends it. A complete
//! graph says in `instances` how many there are of each function (see below).
//!
//! ```json
//! {"type":"graph","versions":[[11,[["41",904],["42",0]]]]}
//! ```
//!
//! **`tick`** says what happened from `t` (milliseconds since 1970) for `ms` milliseconds: how many
//! spans came in, and for each edge that moved one array: edge, hops by class (`ok`, `slow`,
//! `throttled`, `error`), how many of all these met a cold start, and the median and 99th
//! percentile of their latency in microseconds (0: not known). Counts have fractions where sampled
//! spans stand for more requests, and are negative where hops that were shown are taken back,
//! because a late span told better (as slow or ok by what is slow then; never more than there
//! were). A ninth number, where it is not 0, says how many of the edge's hops are corrections of
//! what earlier ticks showed (negative where those are taken back), so that the rest is new requests.
//! `unknown`, if it is there, says of how many of the hops one end is not known: they come from an
//! unknown trigger, or their callee's span is missing; negative where more of those before have
//! become known. When nothing happens there is one empty tick a second.
//!
//! `instances`, if it is there, has the functions whose instances are more or fewer than was told
//! before: node, how many are live (ended an invocation in the last minute), and how many of them
//! were heard of for the first time in this tick, which are its cold starts. `versions` has hops by
//! version for the nodes whose versions the graph names: node, the place of the version in that
//! list (from 0), hops. They add up with what the graph says to all hops of the version.
//!
//! ```json
//! {"type":"tick","t":1795417200200,"ms":200,"spans":14,"unknown":1,
//!  "edges":[[21,3,0,0,1,1,48200,260000],[22,2,1,0,1,0,31000,1210000]],
//!  "instances":[[11,12,1]],"versions":[[11,0,3],[11,1,1]]}
//! ```
//!
//! **`notice`** is one sentence that deserves a person's attention: `info`, `warning` or
//! `critical`. The same `id` replaces it, and an empty `text` ends it. `node` or `edge` say what it
//! is about, if it is about one.
//!
//! ```json
//! {"type":"notice","id":"pushed_back","severity":"warning",
//!  "text":"12 requests were asked to come back later.","since_ms":1795417100000}
//! ```
//!
//! **`lost`** comes to a viewer that could not keep up: so many ticks it did not get. A complete
//! `graph` follows, and then what happens from there.
//!
//! ```json
//! {"type":"lost","ticks":51}
//! ```
//!
//! **`detail`** comes at once and every second for the nodes and edges that this viewer asked to
//! inspect (at most 16 of each): hops since the collector started, latencies in microseconds, the
//! busiest operations, and hops by version of the target. For a node they are those of all hops
//! that arrive there. For an edge, `usual_us` is what its hops that worked took lately (their
//! median), and those that take longer than `slow_over_us` are slow; both are missing where fewer
//! than 30 hops do not tell.
//!
//! For a function there may be `instances` (`live`: ended an invocation in the last minute; `new`:
//! not there before; `seen`: since the start; `busy`: invocations at work at once, on average over
//! five minutes) and `cost` (an estimate, at the pace of the last five minutes; missing where the
//! memory is not known). For what leaves a queue, topic or stream there is `queue`: the `time` of
//! messages in it, for the `timed` ones whose sender is known; how many `messages` came in how many
//! `batches`; how many had been delivered before (`redelivered`), and from another queue
//! (`dead_letters`). `dead_letter` is set where that, or its name, says that a queue takes what
//! others could not deal with.
//!
//! ```json
//! {"type":"detail","edge":22,"counts":{"ok":140,"slow":2,"throttled":0,"error":3,"cold":0},
//!  "latency":{"p50_us":31000,"p95_us":90500,"p99_us":1210000},
//!  "operations":[{"name":"POST","counts":{"ok":140,"slow":2,"throttled":0,"error":3,"cold":0},
//!                 "latency":{"p50_us":31000,"p95_us":90500,"p99_us":1210000}}],
//!  "versions":{"$LATEST":145},"usual_us":31000,"slow_over_us":420000}
//! ```
//!
//! ```json
//! {"type":"detail","node":11,"counts":{"ok":900,"slow":0,"throttled":0,"error":4,"cold":3},
//!  "latency":{"p50_us":48200,"p95_us":90500,"p99_us":260000},"operations":[],"versions":{"7":904},
//!  "instances":{"live":12,"new":3,"seen":40,"busy":2.4},
//!  "cost":{"currency":"USD","per_hour":0.0042,"per_million":0.93}}
//! ```
//!
//! ```json
//! {"type":"detail","edge":24,"counts":{"ok":170,"slow":0,"throttled":0,"error":2,"cold":1},
//!  "latency":{"p50_us":81000,"p95_us":90500,"p99_us":91000},"operations":[],"versions":{},
//!  "queue":{"timed":172,"time":{"p50_us":240000,"p95_us":3100000,"p99_us":5200000},"batches":60,
//!           "messages":172,"largest_batch":10,"redelivered":2,"dead_letters":0},
//!  "dead_letter":true}
//! ```
//!
//! `examples` are single requests on the edge, or that arrive at the node: the last ones that `failed`
//! or were refused, and the `slowest` of the last ten minutes. Of much traffic they are taken from a
//! share of all traces.
//!
//! ```json
//! {"type":"detail","edge":22,"counts":{"ok":1,"slow":0,"throttled":0,"error":1,"cold":0},
//!  "latency":{"p50_us":31000,"p95_us":31000,"p99_us":31000},"operations":[],"versions":{},
//!  "examples":{"failed":[{"trace":"5759e988bd862e3fe1be46a994272793","class":"error",
//!                         "took_us":31000,"at_ms":1795417200412,"operation":"POST"}]}}
//! ```
//!
//! **`trace`** comes to a viewer that follows a request, at once and whenever more becomes known of it:
//! its hops in the order in which they set out (`at_us`, from the first one on), what each took, and when
//! whoever was called was at work (`callee`, if it sent a span). Without hops nothing is known of it any
//! more. `url` is its page in the trace store, if one is configured.
//!
//! ```json
//! {"type":"trace","trace":"5759e988bd862e3fe1be46a994272793","start_us":1795417200380000,
//!  "hops":[{"edge":21,"source":13,"target":11,"class":"error","at_us":0,"took_us":64000,
//!           "callee":{"at_us":0,"took_us":64000},"operation":"GET /checkout"},
//!          {"edge":22,"source":11,"target":12,"class":"error","at_us":32000,"took_us":31000,
//!           "operation":"POST"}],
//!  "url":"http://jaeger:16686/trace/5759e988bd862e3fe1be46a994272793"}
//! ```
//!
//! **`found`** comes to a viewer that searches, at once and whenever more is found: the nodes with an
//! operation or a version in whose name one of the words is, at most 200 with at most 20 names each.
//!
//! ```json
//! {"type":"found","find":"charge","nodes":[{"node":12,"names":["POST /charge"]}]}
//! ```
//!
//! A viewer may send one thing, to be told such details, in `trace` the request that it follows, and in
//! `find` the words that it searches for. It replaces what was asked before; empty lists end it.
//!
//! ```json request
//! {"type":"inspect","nodes":[11],"edges":[22]}
//! ```
//!
//! ```json request
//! {"type":"inspect","nodes":[],"edges":[],"trace":"5759e988bd862e3fe1be46a994272793"}
//! ```
//!
//! ```json request
//! {"type":"inspect","nodes":[],"edges":[],"find":"charge"}
//! ```
//!
//! Close codes: 1001, the collector stops (try again: it may come back); 1007, a request was not
//! one. Instead of a WebSocket there may be an HTTP answer, with a sentence that says why: 503, too
//! many viewers (`feed.max_viewers`); 403, a web page of another computer (`feed.allowed_origins`).
//! The collector pings a second after a frame, and every 15 s when there are none. It sends nothing
//! more while an answer is 3 s overdue, and gives up on a viewer from which it hears nothing for
//! 45 s. WebSocket clients answer pings by themselves, as they read.
//!
//! # A client
//!
//! ```python
//! import asyncio, json, websockets
//!
//! async def main():
//!     names, edges = {}, {}
//!     async with websockets.connect("ws://localhost:4320/feed", max_size=None) as feed:
//!         async for text in feed:
//!             message = json.loads(text)
//!             if message["type"] == "graph":
//!                 names.update((node["id"], node["name"]) for node in message.get("nodes", []))
//!                 edges.update((edge["id"], edge) for edge in message.get("edges", []))
//!             elif message["type"] == "tick":
//!                 for id, ok, slow, throttled, error, *_ in message["edges"]:
//!                     edge = edges[id]
//!                     print(names[edge["source"]], "->", names[edge["target"]], ok, error)
//!
//! asyncio.run(main())
//! ```

mod detail;
mod echo;
mod found;
mod frame;
mod graph;
mod history;
pub mod hub;
pub mod message;
mod origin;
mod subscription;
mod trace;
mod trace_url;
pub mod websocket;

pub(crate) use echo::Pace;
pub use frame::Frame;
pub use hub::{Hub, Settings};
pub use subscription::{Requester, Subscription};
pub use trace_url::{NoTraceUrl, TraceUrl};

#[cfg(test)]
mod tests {
    use super::message::{Message, Request};

    /// The JSON examples in this file's text, each with the words after the opening fence.
    fn examples() -> Vec<(String, String)> {
        let mut examples = Vec::new();
        let mut open: Option<(String, String)> = None;
        for line in include_str!("mod.rs").lines() {
            let Some(line) = line.strip_prefix("//!") else { break };
            let line = line.strip_prefix(' ').unwrap_or(line);
            match (line.strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => examples.extend(open.take()),
                (Some(language), None) => open = Some((language.to_owned(), String::new())),
                (None, Some((_, text))) => text.push_str(line),
                (None, None) => {}
            }
        }
        examples.retain(|(language, _)| language.starts_with("json"));
        examples
    }

    #[test]
    fn the_documented_messages_are_what_the_program_reads_and_writes() {
        let mut types = Vec::new();
        for (language, text) in examples() {
            let documented: serde_json::Value = serde_json::from_str(&text).unwrap();
            let written = if language == "json request" {
                let request: Request = serde_json::from_str(&text).unwrap();
                serde_json::to_value(request).unwrap()
            } else {
                let message: Message = serde_json::from_str(&text).unwrap();
                assert_ne!(message, Message::Unknown, "{text}");
                serde_json::to_value(message).unwrap()
            };
            types.push(documented["type"].as_str().unwrap().to_owned());
            assert_eq!(as_doubles(written), as_doubles(documented), "{text}");
        }
        assert_eq!(
            types,
            [
                "hello", "graph", "graph", "graph", "tick", "notice", "lost", "detail", "detail",
                "detail", "detail", "trace", "found", "inspect", "inspect", "inspect"
            ],
            "one example of each message at least"
        );
    }

    /// To JSON `3` and `3.0` are the same number, to serde they are not.
    fn as_doubles(value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::Number(number) => Value::from(number.as_f64().unwrap()),
            Value::Array(items) => items.into_iter().map(as_doubles).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(key, value)| (key, as_doubles(value))).collect()
            }
            other => other,
        }
    }
}
