//! What drains tell of nodes beside their edges, and whether it adds up.

use std::collections::BTreeMap;

use super::*;

/// What a reader of all drains knows.
#[derive(Default)]
struct Reader {
    instances: BTreeMap<NodeId, (u64, u64)>,
    versions: BTreeMap<NodeId, Vec<(String, f64)>>,
}

impl Reader {
    fn read(&mut self, drained: Drained) {
        for (from, _) in &drained.merged {
            self.instances.remove(from);
            self.versions.remove(from);
        }
        for InstanceCount { node, live, cold } in drained.instances {
            let known = self.instances.entry(node).or_default();
            *known = (live, known.1 + cold);
        }
        for NamedVersions { node, versions } in drained.named_versions {
            self.versions.insert(node, versions);
        }
        for VersionHops { node, version, hops } in drained.versions {
            self.versions.get_mut(&node).unwrap()[version as usize].1 += hops;
        }
    }
}

/// An invocation, and perhaps the call that led to it, which comes `late` drains after it.
#[derive(Clone, Copy, Debug)]
struct Invocation {
    function: u64,
    version: u64,
    instance: u64,
    late: Option<usize>,
}

fn invocations() -> impl Strategy<Value = Vec<Invocation>> {
    let one = (0_u64..2, 1_u64..4, 0_u64..3, prop::option::of(0_usize..6)).prop_map(
        |(function, version, instance, late)| Invocation { function, version, instance, late },
    );
    prop::collection::vec(one, 1..40)
}

proptest! {
    #[test]
    fn drains_add_up_to_what_the_reducer_says_of_versions_and_instances(calls in invocations()) {
        let reducer = Reducer::new(Settings::default());
        let mut reader = Reader::default();
        let mut late: Vec<(usize, Told)> = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            let name = format!("f{}", call.function);
            let (instance, id) = (format!("{name}-{}", call.instance), 100 + 2 * at as u64);
            let parent = if call.late.is_some() { id + 1 } else { 0 };
            let mut callee = handler(&name, &instance, (id, id, parent), &format!("r{id}"));
            let version = call.version.to_string();
            callee.resource.extend(attributes(&[("faas.version", &version)]));
            if let Some(drains) = call.late {
                let caller = invoke("gate", "g", (id, id + 1, 0), &name, &format!("r{id}"));
                late.push((at + drains, caller));
            }
            let now_ms = 9_000 * at as u64;
            reducer.ingest(&request(&[callee]), now_ms).unwrap();
            for (_, caller) in late.extract_if(.., |(due, _)| *due <= at) {
                reducer.ingest(&request(&[caller]), now_ms).unwrap();
            }
            reader.read(reducer.drain(now_ms));
            for (node, told) in &reader.instances {
                let Workload { live, seen, .. } = reducer.workload(*node).unwrap();
                prop_assert_eq!(*told, (live, seen));
            }
            for (node, told) in &reader.versions {
                let account = reducer.node_account(*node).unwrap_or_default();
                for (name, hops) in told {
                    let known = account.versions.iter().find(|(version, _)| version == name);
                    prop_assert_eq!(*hops, known.map_or(0, |(_, hops)| *hops) as f64);
                }
            }
        }
        reducer.resolve_all();
        reader.read(reducer.drain(9_000 * calls.len() as u64));
        // Drains tell of a function that two versions of it got requests within five minutes.
        for function in 0..2 {
            let versions: HashSet<u64> = calls
                .iter()
                .filter(|call| call.function == function && call.late.is_none())
                .map(|call| call.version)
                .collect();
            prop_assert!(versions.len() < 2 || !reader.versions.is_empty() || calls.len() > 30);
        }
    }
}
