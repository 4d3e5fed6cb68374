//! Runs: a world under a condition, as requests that arrive and what they should be read as. In:
//! condition, seed, size. Out: [`Recording`], in memory or as files.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spanfall_collector::reduce::node::Node;

use super::condition::Condition;
use super::description::World;
use super::export::{Export, exports};
use super::simulate::simulate;
use super::truth::{Truth, truth};

/// One run.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The world that ran, twins included.
    pub world: World,
    /// The requests, in the order of their arrival.
    pub exports: Vec<Export>,
    /// What a perfect reader would say of them.
    pub truth: Truth,
    /// How many spans were made.
    pub spans: usize,
}

impl Recording {
    /// Runs a world under a condition. The same arguments give the same bytes.
    pub fn make(mut world: World, condition: &Condition, seed: u64, spans: usize) -> Self {
        if condition.faults.twins {
            let regions = world.twin(None, Some("us-east-1"));
            let accounts = world.twin(Some("210987654321"), None);
            world.append(regions);
            world.append(accounts);
        }
        let (happened, mut random) = simulate(&world, &condition.faults, seed, spans);
        let (exports, arrivals) = exports(&world, &happened, &condition.faults, &mut random);
        let configured = condition.configured(&world);
        let truth = truth(&happened, &condition.faults, &arrivals, &configured);
        Self { world, exports, truth, spans: happened.spans.len() }
    }

    /// Writes the requests as a recording (`.jsonl.zst`) and the truth as `.truth.json` beside it.
    ///
    /// # Errors
    /// What writing the files meets.
    pub fn write(&self, target: &Path) -> io::Result<PathBuf> {
        let mut file = zstd::Encoder::new(BufWriter::new(File::create(target)?), 3)?;
        for export in &self.exports {
            serde_json::to_writer(&mut file, &as_json(&export.bytes)?)?;
            file.write_all(b"\n")?;
        }
        file.finish()?.flush()?;
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = name.trim_end_matches(".zst").trim_end_matches(".jsonl");
        let beside = target.with_file_name(format!("{name}.truth.json"));
        let mut file = BufWriter::new(File::create(&beside)?);
        serde_json::to_writer_pretty(&mut file, &self.truth_json())?;
        file.write_all(b"\n")?;
        file.flush()?;
        Ok(beside)
    }

    /// The truth, hop by hop.
    pub fn truth_json(&self) -> Value {
        let hops: Vec<Value> = self
            .truth
            .hops
            .iter()
            .map(|hop| {
                let span = |&(trace, id): &(u128, u64)| format!("{trace:032x}:{id:016x}");
                json!({
                    "source": node_json(&hop.source),
                    "target": node_json(&hop.target),
                    "class": hop.class.as_str(),
                    "cold": hop.cold,
                    "weight": hop.weight,
                    "spans": hop.spans.iter().map(span).collect::<Vec<_>>(),
                    "known_ms": hop.known_ms,
                    "how": format!("{:?}", hop.how).to_lowercase(),
                })
            })
            .collect();
        let arrivals: Vec<u64> = self.exports.iter().map(|export| export.arrival_ms).collect();
        json!({
            "spans": self.spans,
            "untold": self.truth.untold,
            "arrivals_ms": arrivals,
            "hops": hops,
        })
    }
}

fn node_json(node: &Node) -> Value {
    json!({
        "kind": node.kind.as_str(),
        "name": node.name,
        "account": node.account,
        "region": node.region,
    })
}

/// A request as OTLP/JSON.
fn as_json(bytes: &[u8]) -> io::Result<Value> {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;
    let request = ExportTraceServiceRequest::decode(bytes).map_err(io::Error::other)?;
    serde_json::to_value(&request).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(name: &str, seed: u64) -> Recording {
        let condition = Condition::named(name).unwrap();
        Recording::make(World::standard(), &condition, seed, 1_500)
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
        for name in ["clean", "everything"] {
            let (one, same, other) = (recording(name, 7), recording(name, 7), recording(name, 8));
            assert!(one.exports == same.exports, "{name}");
            assert_eq!(one.truth_json(), same.truth_json(), "{name}");
            assert!(one.exports != other.exports, "{name}");
        }
    }

    #[test]
    fn every_edge_of_a_clean_world_is_told_and_its_hops_have_spans() {
        let clean = recording("clean", 3);
        assert!(clean.truth.hops.len() > 500, "{}", clean.truth.hops.len());
        for hop in &clean.truth.hops {
            assert!(!hop.spans.is_empty() && hop.weight >= 1.0, "{hop:?}");
        }
        // What timed out was never sent; its caller, or nobody, tells.
        assert!(clean.truth.untold < 20, "{}", clean.truth.untold);
    }

    #[test]
    fn a_recording_is_written_with_its_truth_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("small.jsonl.zst");
        let clean = recording("clean", 1);
        let beside = clean.write(&target).unwrap();
        assert_eq!(beside, folder.path().join("small.truth.json"));
        let spans = crate::recording::spans(target);
        assert!(spans.len() > 1_000 && spans.len() <= clean.spans, "{}", spans.len());
    }

    #[test]
    fn worlds_of_any_size_run_to_their_end() {
        let clean = Condition::named("clean").unwrap();
        for (nodes, seed) in [(2, 1), (10, 2), (60, 3), (300, 4)] {
            let world = World::generated(nodes, seed);
            assert!(world.nodes().count().abs_diff(nodes) <= 2);
            let recording = Recording::make(world, &clean, seed, 500);
            assert!(!recording.truth.hops.is_empty(), "{nodes} nodes");
        }
    }
}
