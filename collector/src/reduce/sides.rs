//! Sides: what the client and the server of a request saw of it, each for itself, for systems that
//! keep the two apart. A hop on the wall has one latency and one class; these have both.

use smallvec::SmallVec;

use super::exemplar::{Exemplar, Trace};
use super::histogram::{self, Histogram};

/// Which sides of a request sent spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sides {
    /// Client and server.
    #[default]
    Both,
    /// Only the client: whom it called sends no spans, or none that was found.
    Client,
    /// Only the server.
    Server,
    /// Both, with messages between them: through a queue, topic or stream, named or not.
    Across,
}

/// What they saw of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) sides: Sides,
    /// Whether a span's status says that it failed.
    pub(super) failed: bool,
    /// Bucket of what it took the client, if it has a side.
    pub(super) client: u16,
    /// Bucket of what it took the server, if it has a side.
    pub(super) server: u16,
}

impl Sides {
    const fn has_client(self) -> bool {
        !matches!(self, Self::Server)
    }

    const fn has_server(self) -> bool {
        !matches!(self, Self::Client)
    }
}

impl Sighting {
    /// What a client and a server saw together.
    pub(super) fn with(&self, server: &Self, sides: Sides) -> Self {
        Self {
            sides,
            failed: self.failed || server.failed,
            client: self.client,
            server: server.server,
        }
    }

    fn exemplar(&self, trace: Trace) -> Exemplar {
        let client = histogram::middle(self.client);
        let server = histogram::middle(self.server);
        Exemplar {
            trace_id: trace.id,
            end_ns: trace.end_ns,
            client_us: self.sides.has_client().then_some(client),
            server_us: self.sides.has_server().then_some(server),
        }
    }
}

/// Sums of an edge, by which sides sent spans; on most edges it is always the same.
#[derive(Clone, Debug, Default)]
pub(super) struct SideSums {
    parts: SmallVec<[(Sides, Part); 1]>,
}

/// What sides saw of an edge's requests. In millionths of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Part {
    pub(super) requests: i64,
    pub(super) failed: i64,
    pub(super) client: Histogram,
    pub(super) server: Histogram,
    /// The request that was counted last and whose trace is known.
    pub(super) exemplar: Option<Exemplar>,
}

impl SideSums {
    fn part(&mut self, sides: Sides) -> &mut Part {
        let place = self.parts.iter().position(|(known, _)| *known == sides);
        let place = place.unwrap_or_else(|| {
            self.parts.push((sides, Part::default()));
            self.parts.len() - 1
        });
        &mut self.parts[place].1
    }

    /// Adds what was seen of a request, or takes it back with a weight below zero.
    pub(super) fn add(
        &mut self,
        sighting: &Sighting,
        weight: i64,
        trace: impl FnOnce() -> Option<Trace>,
    ) {
        let part = self.part(sighting.sides);
        part.requests += weight;
        part.failed += if sighting.failed { weight } else { 0 };
        if sighting.sides.has_client() {
            part.client.add(sighting.client, weight);
        }
        if sighting.sides.has_server() {
            part.server.add(sighting.server, weight);
        }
        if weight > 0
            && let Some(trace) = trace()
        {
            part.exemplar = Some(sighting.exemplar(trace));
        }
    }

    /// By sides, those of which nothing is left included.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Sides, &Part)> {
        self.parts.iter().map(|(sides, part)| (*sides, part))
    }
}

impl Part {
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.client.merge(&other.client);
        self.server.merge(&other.server);
        let end = |exemplar: &Option<Exemplar>| exemplar.map(|exemplar| exemplar.end_ns);
        if end(&other.exemplar) > end(&self.exemplar) {
            self.exemplar = other.exemplar;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(failed: bool) -> Sighting {
        Sighting { sides: Sides::Client, failed, client: histogram::bucket(2_000), server: 0 }
    }

    fn server(failed: bool) -> Sighting {
        Sighting { sides: Sides::Server, failed, client: 0, server: histogram::bucket(1_000) }
    }

    #[test]
    fn a_request_of_two_sides_failed_if_one_says_so_and_has_the_latency_of_each() {
        for (of_client, of_server) in [(true, false), (false, true)] {
            let both = client(of_client).with(&server(of_server), Sides::Both);
            assert!(both.failed);
            assert_eq!((both.client, both.server), (client(true).client, server(true).server));
        }
        assert!(!client(false).with(&server(false), Sides::Both).failed);
    }

    #[test]
    fn what_is_taken_back_leaves_nothing_and_gives_no_exemplar() {
        let mut sums = SideSums::default();
        let trace = || Some(Trace { id: [7; 16], end_ns: 9 });
        sums.add(&client(true), 5, || None);
        sums.add(&client(true), -5, trace);
        assert_eq!(sums.parts().collect::<Vec<_>>(), [(Sides::Client, &Part::default())]);
        sums.add(&client(false), 5, trace);
        let part = &sums.parts().next().unwrap().1;
        let exemplar = part.exemplar.unwrap();
        assert_eq!((exemplar.trace_id, exemplar.server_us), ([7; 16], None));
        assert!(exemplar.client_us.unwrap().abs_diff(2_000) < 40);
    }
}
