//! A source is heard out before its picture is drawn: a film takes longer to draw than to happen, and
//! what happens now does not wait. In: a source with a clock of its own, for as long as the film is.
//! Out: the same again, by the app's clock, however slowly that is stepped.

use std::collections::VecDeque;

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::Message as FeedMessage;

use super::{Arrived, thread};
use crate::app::Flow;
use crate::traffic::SourceState;

/// Hops by edge and tick that are kept at most: what fits into half a gigabyte.
const MOST: usize = 4_000_000;

/// Holds back what a source says, until it is let go.
#[derive(Debug, Default)]
pub struct AheadPlugin;

impl Plugin for AheadPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Ahead>()
            .add_systems(Update, hold.in_set(Flow::Source).after(thread::receive));
    }
}

/// What is held back.
#[derive(Resource, Debug, Default)]
pub struct Ahead {
    /// What was heard, and when: seconds after the beginning.
    held: VecDeque<(f64, Held)>,
    /// Hops by edge and tick in it.
    size: usize,
    /// When the present part began, in seconds of `Time<Real>`.
    began: Option<f64>,
    /// It is played, and not heard any more.
    plays: bool,
    /// What the app was told last of where traffic comes from.
    told: SourceState,
}

#[derive(Debug)]
enum Held {
    Arrived(Arrived),
    State(SourceState),
}

impl Ahead {
    /// From now on what was heard is played, from its beginning.
    pub fn play(&mut self) {
        self.plays = true;
        self.began = None;
    }

    /// Whether nothing more can be kept.
    pub fn is_full(&self) -> bool {
        self.size >= MOST
    }

    fn hear(&mut self, at: f64, held: Held) {
        if self.plays || self.is_full() {
            return;
        }
        self.size += match &held {
            Held::Arrived(Arrived::Message { message: FeedMessage::Tick(tick), .. }) => {
                tick.edges.len() + 1
            }
            Held::Arrived(Arrived::Message { message: FeedMessage::Graph(graph), .. }) => {
                graph.nodes.len() + graph.edges.len() + 1
            }
            _ => 1,
        };
        self.held.push_back((at, held));
    }
}

fn hold(
    mut ahead: ResMut<'_, Ahead>,
    time: Res<'_, Time<Real>>,
    mut arrived: ResMut<'_, Messages<Arrived>>,
    mut state: ResMut<'_, SourceState>,
) {
    let now = time.elapsed_secs_f64();
    let began = *ahead.began.get_or_insert(now);
    if *state != ahead.told {
        let news = std::mem::replace(&mut *state, ahead.told.clone());
        ahead.hear(now - began, Held::State(news));
    }
    // What the film asks for is answered while it plays.
    let mut answers = Vec::new();
    for arrived in arrived.drain() {
        let at = match &arrived {
            Arrived::Message {
                message: FeedMessage::Detail(_) | FeedMessage::Trace(_), ..
            } if ahead.plays => {
                answers.push(arrived);
                continue;
            }
            Arrived::Message { at, .. } => *at,
            Arrived::Reset => now,
        };
        ahead.hear(at - began, Held::Arrived(arrived));
    }
    if !ahead.plays {
        return;
    }
    arrived.write_batch(answers);
    // Their order is that in which they came, whatever their times say.
    while let Some((at, held)) = ahead.held.pop_front_if(|(at, _)| began + *at <= now) {
        match held {
            Held::Arrived(Arrived::Message { message, .. }) => {
                arrived.write(Arrived::Message { message, at: began + at });
            }
            Held::Arrived(Arrived::Reset) => {
                arrived.write(Arrived::Reset);
            }
            Held::State(news) => {
                ahead.told = news.clone();
                *state = news;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bevy::time::{TimePlugin, TimeUpdateStrategy};
    use spanfall_collector::feed::message::Tick;

    use super::*;

    fn step(app: &mut App, ms: u64) -> Vec<(u64, f64)> {
        app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(ms)));
        app.update();
        std::mem::take(&mut app.world_mut().resource_mut::<Seen>().0)
    }

    #[derive(Resource, Default)]
    struct Seen(Vec<(u64, f64)>);

    fn look(mut arrived: MessageReader<'_, '_, Arrived>, mut seen: ResMut<'_, Seen>) {
        for arrived in arrived.read() {
            if let Arrived::Message { message: FeedMessage::Tick(tick), at } = arrived {
                seen.0.push((tick.t, (*at * 1e3).round() / 1e3));
            }
        }
    }

    #[test]
    fn what_was_heard_comes_again_as_late_as_it_came_and_by_the_apps_clock() {
        let mut app = App::new();
        app.add_plugins((TimePlugin, AheadPlugin))
            .add_message::<Arrived>()
            .init_resource::<SourceState>()
            .init_resource::<Seen>()
            .add_systems(Update, look.after(hold));
        let tick = |app: &mut App, t: u64| {
            let at = app.world().resource::<Time<Real>>().elapsed_secs_f64() + 0.05;
            let message = FeedMessage::Tick(Tick { t, ms: 200, ..Tick::default() });
            app.world_mut().write_message(Arrived::Message { message, at });
        };
        let live = SourceState::Live("a".to_owned());
        assert_eq!(step(&mut app, 100), []);
        *app.world_mut().resource_mut::<SourceState>() = live.clone();
        tick(&mut app, 1);
        assert_eq!(step(&mut app, 100), []);
        tick(&mut app, 2);
        assert_eq!(step(&mut app, 100), []);
        assert_eq!(*app.world().resource::<SourceState>(), SourceState::Starting);

        app.world_mut().resource_mut::<Ahead>().play();
        tick(&mut app, 3);
        // The first part began at 0 s or 0.1 s, as the first frame's time is.
        let mut seen = Vec::new();
        for _ in 0..8 {
            seen.extend(step(&mut app, 50));
        }
        let ticks: Vec<u64> = seen.iter().map(|(t, _)| *t).collect();
        assert_eq!(ticks, [1, 2], "what comes later is not of this film");
        assert!((seen[1].1 - seen[0].1 - 0.1).abs() < 0.002, "{seen:?}");
        assert_eq!(*app.world().resource::<SourceState>(), live);
    }
}
