//! How a person goes through the past, and comes back to the present.

use super::*;

fn ask(rig: &mut Rig, command: Command) {
    rig.app.world_mut().write_message(command);
    rig.run(20);
}

#[test]
fn live_traffic_goes_on_from_where_it_was_stopped_until_somebody_asks_for_the_present() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.app.insert_resource(SourceState::Live("here".into()));
    rig.chain();
    rig.traffic(10_000, &[(AB, 1.0)]);
    ask(&mut rig, Command::TogglePause);
    let (stood, played) = (rig.playback().at.unwrap(), rig.played.len());
    rig.traffic(10_000, &[(AB, 9.0)]);
    assert_eq!((rig.playback().at.unwrap(), rig.played.len()), (stood, played));
    ask(&mut rig, Command::TogglePause);
    rig.traffic(5_000, &[(AB, 9.0)]);
    assert!(!rig.playback().live);
    assert!((rig.playback().at.unwrap() - stood - 5.0).abs() < 0.1);
    ask(&mut rig, Command::Live);
    assert!(rig.playback().live);
    assert!((rig.playback().at.unwrap() - stood - 15.0).abs() < 0.5);
    assert!(rig.model().rates.total() > 40.0, "{:?}", rig.model().rates);
}

#[test]
fn the_past_is_shown_as_it_was_and_its_graph_too() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.graph(true, &[(A, true), (B, false)], &[(AB, A, B)]);
    rig.traffic(30_000, &[(AB, 2.0)]);
    let early = rig.playback().at.unwrap() - 5.0;
    rig.chain();
    rig.traffic(60_000, &[(AB, 8.0), (BC, 8.0)]);
    assert_eq!((rig.model().nodes.len(), rig.playback().epoch), (3, 0));
    ask(&mut rig, Command::Seek(early));
    ask(&mut rig, Command::TogglePause);
    assert_eq!((rig.model().nodes.len(), rig.playback().epoch), (2, 1));
    assert!((rig.model().rates.total() - 10.0).abs() < 0.5, "{:?}", rig.model().rates);
    let series = &rig.model().edges[&AB].series.seconds;
    assert_eq!(series[series.len() - 3].total(), 10.0);
    ask(&mut rig, Command::Live);
    assert_eq!(rig.model().nodes.len(), 3);
    assert!((rig.model().rates.total() - 80.0).abs() < 2.0, "{:?}", rig.model().rates);
}

#[test]
fn home_goes_to_the_oldest_moment_and_a_tick_after_the_other_forward_and_back() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.traffic(10_000, &[(AB, 1.0)]);
    ask(&mut rig, Command::SeekBegin);
    let begin = seconds(T0);
    assert!((rig.playback().at.unwrap() - begin).abs() < 0.05);
    for number in 1..=5 {
        ask(&mut rig, Command::StepTick(true));
        let at = rig.playback().at.unwrap();
        assert!((at - begin - 0.2 * f64::from(number)).abs() < 1e-6, "{at}");
    }
    ask(&mut rig, Command::StepTick(false));
    assert!((rig.playback().at.unwrap() - begin - 0.8).abs() < 1e-6);
    assert_eq!(rig.playback().speed, 0.0);
}

#[test]
fn whoever_plays_the_past_faster_arrives_at_the_present_and_stays_there() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.traffic(60_000, &[(AB, 1.0)]);
    ask(&mut rig, Command::SeekBegin);
    for _ in 0..5 {
        ask(&mut rig, Command::Faster);
    }
    assert_eq!(rig.playback().speed, 20.0);
    rig.traffic(2_000, &[(AB, 1.0)]);
    assert!(!rig.playback().live);
    rig.traffic(2_000, &[(AB, 1.0)]);
    assert_eq!((rig.playback().live, rig.playback().speed), (true, 1.0));
    ask(&mut rig, Command::Faster);
    assert_eq!(rig.playback().speed, 1.0, "the present cannot be overtaken");
    ask(&mut rig, Command::Slower);
    assert_eq!((rig.playback().live, rig.playback().speed), (false, 0.5));
}

#[test]
fn another_source_begins_at_its_present() {
    let mut rig = Rig::new(TrafficPlugin::default());
    rig.chain();
    rig.traffic(10_000, &[(AB, 1.0)]);
    ask(&mut rig, Command::SeekBegin);
    rig.app.world_mut().write_message(Arrived::Reset);
    rig.hello();
    rig.graph(true, &[(C, true)], &[]);
    rig.run(400);
    assert!(rig.playback().live);
    assert_eq!(rig.model().nodes.keys().copied().collect::<Vec<_>>(), [C]);
    assert_eq!(rig.app.world().resource::<History>().range, None);
}
