use super::*;

pub(in crate::reduce) fn worker(instance: u64, memory_mb: u32) -> Worker {
    Worker { function: true, instance, size: Size { memory_mb, arm64: false } }
}

pub(in crate::reduce) fn span(start_ms: u64, us: u64) -> Span<'static> {
    let start_ns = start_ms * 1_000_000;
    let mut span = Span::default();
    (span.start_ns, span.end_ns) = (start_ns, start_ns + us * 1_000);
    span
}

fn all(activity: &Activity, now_ms: u64) -> Workload {
    activity.workload(now_ms, |_| true).unwrap_or_default()
}

#[test]
fn an_instance_is_live_for_a_minute_after_it_was_last_heard_of() {
    let activity = Activity::default();
    activity.add(1, worker(7, 128), &span(1_000, 5_000), ONE, 0);
    activity.add(1, worker(8, 128), &span(1_000, 5_000), ONE, 30_000);
    activity.add(1, worker(7, 128), &span(1_000, 5_000), ONE, 40_000);
    let told = |now| {
        let Workload { live, new, seen, .. } = all(&activity, now);
        (live, new, seen)
    };
    assert_eq!(told(59_999), (2, 2, 2));
    assert_eq!(told(60_000), (2, 1, 2));
    assert_eq!(told(95_000), (1, 0, 2));
    assert_eq!(told(100_000), (0, 0, 2));
}

#[test]
fn time_is_billed_by_the_millisecond_that_has_begun_and_by_size() {
    let activity = Activity::default();
    activity.add(1, worker(7, 128), &span(1_000, 1_001), ONE, 0);
    activity.add(1, worker(7, 128), &span(1_000, 0), ONE, 0);
    activity.add(1, worker(8, 256), &span(1_000, 3_000), 10 * ONE, 0);
    let work: Vec<_> = all(&activity, 0).work.iter().map(|work| (work.size, work.all)).collect();
    let size = |memory_mb| Size { memory_mb, arm64: false };
    assert_eq!(work, [(size(128), Work::new(2, 3)), (size(256), Work::new(10, 30))]);
}

#[test]
fn lately_is_the_last_five_minutes_or_what_there_was_so_far() {
    let activity = Activity::default();
    activity.add(1, worker(7, 128), &span(1_000, 20_000_000), ONE, 5_000);
    let young = all(&activity, 25_000);
    assert_eq!((young.lately_ms, young.busy()), (20_000, 1.0));
    activity.add(1, worker(7, 128), &span(1_000, 6_000_000), ONE, 400_000);
    let old = all(&activity, 400_000);
    assert_eq!((old.work[0].lately, old.lately_ms), (Work::new(1, 6_000), 290_000));
    assert_eq!(old.work[0].all, Work::new(2, 26_000));
    assert_eq!(all(&activity, 700_000).work[0].lately, Work::default());
}

#[test]
fn names_of_one_function_are_one_function_with_each_instance_once() {
    let activity = Activity::default();
    activity.add(1, worker(7, 128), &span(1_000, 1_000), ONE, 0);
    activity.add(2, worker(7, 128), &span(3_000, 1_000), ONE, 0);
    activity.add(9, worker(8, 128), &span(1_000, 1_000), ONE, 0);
    let both = activity.workload(0, |index| index < 9).unwrap();
    assert_eq!((both.seen, both.invocations(), both.extent_ms), (1, 2.0, 2_001));
}

#[test]
fn instances_without_end_take_no_memory_without_end() {
    let activity = Activity::default();
    let most = MOST_INSTANCES as u64;
    (0..most + 50).for_each(|id| activity.add(1, worker(id + 1, 128), &span(1, 1), ONE, 0));
    assert_eq!(all(&activity, 0).live, most);
    activity.add(1, worker(most + 999, 128), &span(1, 1), ONE, LIVE_MS);
    let after = all(&activity, LIVE_MS);
    assert_eq!((after.live, after.seen), (1, 1), "those that are not live made room");
    assert_eq!(after.invocations(), (most + 51) as f64);
}

#[test]
fn sizes_are_read_as_python_and_as_node_write_them() {
    let memory = |max_memory, platform, arch| {
        let facts = ResourceFacts {
            max_memory: Some(max_memory),
            platform: Some(platform),
            arch: Some(arch),
            ..ResourceFacts::default()
        };
        size(&facts)
    };
    let known = |memory_mb, arm64| Size { memory_mb, arm64 };
    assert_eq!(memory(256, "aws_lambda", "amd64"), known(256, false));
    assert_eq!(memory(268_435_456, "aws_lambda", "arm64"), known(256, true));
    assert_eq!(memory(10_240, "aws_lambda", "x86"), known(10_240, false));
    assert_eq!(memory(268_435_456, "gcp_cloud_functions", "amd64").memory_mb, 0);
    assert_eq!(memory(-1, "aws_lambda", "amd64").memory_mb, 0);
}
