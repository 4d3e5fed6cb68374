use bevy::time::{TimePlugin, TimeUpdateStrategy};
use spanfall_collector::feed::message::Tick;
use spanfall_collector::reduce::hop::{Class, Counts};
use spanfall_collector::reduce::node::NodeId;

use super::*;
use crate::scene::draw::Alive;
use crate::scene::sample::{graph, picture};

/// Two edges, 1 -> 2 and 2 -> 3, and no renderer.
fn app() -> App {
    let traffic = graph(3, &[(1, 2), (2, 3)]);
    let mut slots = EdgeSlots::default();
    slots.assign(traffic.edges.keys(), 0.0);
    let mut app = App::new();
    app.add_plugins((TimePlugin, ParticlesPlugin))
        .insert_resource(TimeUpdateStrategy::ManualDuration(std::time::Duration::from_millis(16)))
        .insert_resource(picture(&traffic))
        .insert_resource(slots)
        .init_resource::<Playback>()
        .init_resource::<Upload>()
        .init_resource::<Look>()
        .init_resource::<Pulses>()
        .init_resource::<Activity>();
    app
}

fn play(app: &mut App, edge: u64, counts: Counts, start: f64) {
    let edges =
        vec![EdgeTick { edge: EdgeId(edge), counts, p50_us: 5_000, p99_us: 9_000, again: 0.0 }];
    let tick = Tick { t: 0, ms: 200, edges, ..Tick::default() };
    app.world_mut().write_message(Played { tick, start, length: 0.2 });
}

/// Draws a frame at this time of the playback clock.
fn frame(app: &mut App, now: f64) -> ParticleStats {
    app.world_mut().resource_mut::<Playback>().now = now;
    app.update();
    *app.world().resource::<ParticleStats>()
}

/// What the renderer would take in this frame.
fn taken(app: &mut App) -> Vec<ParticleBytes> {
    std::mem::take(&mut app.world_mut().resource_mut::<Upload>().fresh)
}

fn ok(count: f64) -> Counts {
    Counts { ok: count, ..Counts::default() }
}

fn word(bytes: &ParticleBytes, index: usize) -> u32 {
    u32::from_le_bytes(bytes[index * 4..][..4].try_into().unwrap())
}

#[test]
fn every_hop_of_a_tick_becomes_one_particle_on_its_edge() {
    let mut app = app();
    frame(&mut app, 100.0);
    play(&mut app, 2, Counts { error: 2.0, ..ok(5.0) }, 100.0);
    assert_eq!(frame(&mut app, 100.01).alive, 7);
    let slot = app.world().resource::<EdgeSlots>().of(EdgeId(2)).unwrap();
    let records = taken(&mut app);
    assert_eq!(records.len(), 7);
    assert!(records.iter().all(|record| word(record, 0) == slot));
    let errors = records.iter().filter(|record| word(record, 3) & 3 == Class::Error as u32);
    assert_eq!(errors.count(), 2);
    let alive = &app.world().resource::<Upload>().alive;
    assert_eq!(alive.dots.iter().cloned().flatten().count(), 5);
    assert_eq!(alive.signs.iter().cloned().flatten().count(), 2);
    // In the ring, what is no dot comes after the tick's dots.
    assert!(records[5..].iter().all(|record| word(record, 3) & 3 == Class::Error as u32));
}

#[test]
fn a_frame_without_news_sends_nothing_and_the_arrived_are_not_drawn() {
    let mut app = app();
    play(&mut app, 1, ok(3.0), 0.0);
    frame(&mut app, 0.1);
    taken(&mut app);
    assert_eq!(frame(&mut app, 0.2).alive, 3);
    assert!(taken(&mut app).is_empty());
    assert_eq!(frame(&mut app, 10.0).alive, 0);
    assert_eq!(app.world().resource::<Upload>().alive, Alive::default());
}

#[test]
fn frames_go_on_while_particles_fly_and_not_while_playback_stands() {
    let mut app = app();
    frame(&mut app, 0.0);
    let until = |app: &App| app.world().resource::<Activity>().until;
    assert_eq!(until(&app), 0.0);
    play(&mut app, 1, ok(1.0), 0.0);
    frame(&mut app, 0.1);
    let flying = until(&app);
    assert!(flying > 0.0);
    app.world_mut().resource_mut::<Playback>().speed = 0.0;
    frame(&mut app, 0.1);
    assert_eq!(until(&app), flying);
}

#[test]
fn the_target_pulses_when_its_requests_arrive() {
    let mut app = app();
    play(&mut app, 1, ok(4.0), 0.0);
    frame(&mut app, 0.0);
    let mut pulses = app.world_mut().resource_mut::<Pulses>();
    pulses.advance(0.5, 0.5);
    assert_eq!(pulses.of(NodeId(2)), 0.0);
    pulses.advance(travel(5_000) + 0.2, 0.1);
    assert!(pulses.of(NodeId(2)) > 0.3);
    assert_eq!(pulses.of(NodeId(1)), 0.0);
}

#[test]
fn an_edge_that_nobody_knows_spawns_nothing() {
    let mut app = app();
    play(&mut app, 99, ok(4.0), 0.0);
    assert_eq!(frame(&mut app, 0.0).alive, 0);
}

#[test]
fn a_clock_that_is_set_back_clears_the_picture() {
    let mut app = app();
    frame(&mut app, 500.0);
    play(&mut app, 1, ok(4.0), 500.0);
    assert_eq!(frame(&mut app, 500.1).alive, 4);
    assert_eq!(frame(&mut app, 20.0).alive, 0);
    play(&mut app, 1, ok(2.0), 20.0);
    assert_eq!(frame(&mut app, 20.1).alive, 2);
}

#[test]
fn past_the_budget_a_particle_stands_for_several_hops() {
    let mut app = app();
    app.insert_resource(ParticleBudget(100));
    let mut hops = 0.0;
    let mut particles = 0;
    for tick in 0..100 {
        let start = f64::from(tick) * 0.2;
        play(&mut app, 1, ok(40.0), start);
        let stats = frame(&mut app, start + 0.01);
        let fresh = taken(&mut app).len();
        if tick >= 50 {
            hops += 40.0;
            particles += fresh;
            assert!(stats.alive <= stats.budget, "{stats:?}");
            assert_eq!(stats.share, 5);
        }
    }
    assert!((hops / particles as f64 - 5.0).abs() < 0.1, "{hops} {particles}");
}

#[test]
fn records_are_packed_as_the_shader_unpacks_them() {
    let particle = Spawn {
        start: PERIOD + 2.5,
        travel: 1.25,
        class: Class::Error,
        cold: true,
        lane: 200,
        seed: 0xBEEF,
    };
    let bytes = pack(&particle, 7);
    assert_eq!(word(&bytes, 0), 7);
    assert_eq!(f32::from_bits(word(&bytes, 1)), 2.5);
    assert_eq!(f32::from_bits(word(&bytes, 2)), 1.25);
    assert_eq!(word(&bytes, 3) & 3, 3);
    assert_eq!(word(&bytes, 3) >> 2 & 1, 1);
    assert_eq!(word(&bytes, 3) >> 8 & 255, 200);
    assert_eq!(word(&bytes, 3) >> 16, 0xBEEF);
}

#[test]
fn a_renderer_that_has_stopped_costs_no_memory() {
    let mut particles = Particles::default();
    let tick =
        EdgeTick { edge: EdgeId(1), counts: ok(300_000.0), p50_us: 0, p99_us: 0, again: 0.0 };
    let mut out = Vec::new();
    let mut left_out = 0;
    for second in 0..10 {
        particles.ring.retire(f64::from(second) * 10.0);
        left_out += particles.launch(&tick, 0, (f64::from(second) * 10.0, 0.2, 1.0), &mut out).1;
    }
    assert_eq!(out.len() as u32, CAPACITY);
    assert!(left_out.abs_diff(3_000_000 - CAPACITY) <= 1);
}

#[test]
fn a_particle_is_drawn_as_a_sign_exactly_where_the_shader_takes_it_for_one() {
    for class in Class::ALL {
        for cold in [false, true] {
            let particle =
                spawn::Spawn { start: 0.0, travel: 1.0, class, cold, lane: 255, seed: u16::MAX };
            // `signs` of `place.wgsl`.
            let signs = word(&pack(&particle, 7), 3) & 7;
            assert_eq!(signs != 0, particle.form() == Form::Sign, "{class:?}, cold: {cold}");
        }
    }
}
