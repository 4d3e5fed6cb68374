//! Idle costs nothing: frames are drawn while something moves, and not otherwise. In: a person's
//! input, and plugins that say until when they animate. Out: requests to the window for another
//! frame.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::time::Real;
use bevy::window::{RequestRedraw, WindowEvent};
use bevy::winit::{EventLoopProxyWrapper, WinitUserEvent};

/// Until when frames go on, one after the other. Any plugin that animates something extends it.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct Activity {
    /// In seconds of [`Time<Real>`]. Past it, the next frame comes with the next input, or when
    /// the source has something to show.
    pub until: f64,
    /// When the next frame is wanted at the latest, if nothing else asks for one before. Whoever
    /// wants that says it anew in every frame.
    alarm: Option<f64>,
    /// Until when somebody is taken to be at the controls.
    input: f64,
}

impl Activity {
    /// Keeps frames going for `seconds` from `time` on, at least.
    pub fn extend(&mut self, time: &Time<Real>, seconds: f64) {
        self.until = self.until.max(time.elapsed_secs_f64() + seconds);
    }

    /// Whether another frame follows this one in any case.
    pub fn goes_on(&self, time: &Time<Real>) -> bool {
        time.elapsed_secs_f64() < self.until
    }

    /// Whether somebody has just done something.
    pub fn at_the_controls(&self, time: &Time<Real>) -> bool {
        time.elapsed_secs_f64() < self.input
    }

    /// Asks for a frame at this moment, in seconds of [`Time<Real>`]: for what changes rarely, and
    /// must not keep frames going until then.
    pub fn wake_at(&mut self, moment: f64) {
        self.alarm = Some(self.alarm.map_or(moment, |alarm| alarm.min(moment)));
    }
}

/// What another thread calls to have the next frame drawn. Without a window it does nothing.
pub fn waker(
    event_loop: Option<&EventLoopProxyWrapper>,
) -> impl Fn() + Send + Sync + 'static + use<> {
    let proxy = event_loop.map(|wrapper| (**wrapper).clone());
    move || {
        // An error means that the event loop has ended, and then nobody looks any more.
        if let Some(proxy) = &proxy {
            let _ = proxy.send_event(WinitUserEvent::WakeUp);
        }
    }
}

/// Frames go on for so many seconds at first: fonts load, and pipelines are compiled.
const START: f64 = 4.0;

/// Frames go on for so many seconds after an input: its effect takes a few to show.
const INPUT: f64 = 0.5;

/// Asks for the next frame while there is [`Activity`].
#[derive(Debug, Default)]
pub struct ActivityPlugin;

impl Plugin for ActivityPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Activity { until: START, ..default() })
            .init_resource::<Alarm>()
            .add_systems(Startup, start_alarm)
            .add_message::<RequestRedraw>()
            .add_message::<WindowEvent>()
            .add_systems(First, follow_input)
            .add_systems(Last, (redraw, set_alarm).chain());
    }
}

fn follow_input(
    mut events: MessageReader<'_, '_, WindowEvent>,
    time: Res<'_, Time<Real>>,
    mut activity: ResMut<'_, Activity>,
) {
    // A redraw is no input, but the answer to the request for one.
    let input = |event: &WindowEvent| !matches!(event, WindowEvent::RequestRedraw(_));
    if events.read().filter(|event| input(event)).count() > 0 {
        activity.extend(&time, INPUT);
        activity.input = time.elapsed_secs_f64() + INPUT;
    }
}

fn redraw(
    activity: Res<'_, Activity>,
    time: Res<'_, Time<Real>>,
    mut requests: MessageWriter<'_, RequestRedraw>,
) {
    if activity.goes_on(&time) {
        requests.write(RequestRedraw);
    }
}

/// A thread that wakes the app at a moment. Without a window there is none, and none is needed.
#[derive(Resource, Debug, Default)]
struct Alarm(Arc<(Mutex<Bell>, Condvar)>);

#[derive(Debug, Default)]
struct Bell {
    rings: Option<Instant>,
    over: bool,
}

/// An alarm rings this late at most: beyond, the next frame sets it again.
const FARTHEST: f64 = 3_600.0;

fn start_alarm(alarm: Res<'_, Alarm>, event_loop: Option<Res<'_, EventLoopProxyWrapper>>) {
    let Some(event_loop) = event_loop else { return };
    let wake = waker(Some(&event_loop));
    let bell = Arc::clone(&alarm.0);
    let thread = std::thread::Builder::new().name("alarm".into()).spawn(move || ring(&bell, wake));
    if let Err(error) = thread {
        warn!("what changes rarely changes late: {error}");
    }
}

/// Waits for the alarm's moments until the app is over.
fn ring(bell: &(Mutex<Bell>, Condvar), wake: impl Fn()) {
    let (bell, changed) = bell;
    let mut now = bell.lock().unwrap_or_else(PoisonError::into_inner);
    while !now.over {
        let left = now.rings.map(|at| at.saturating_duration_since(Instant::now()));
        now = match left {
            Some(Duration::ZERO) => {
                now.rings = None;
                wake();
                now
            }
            Some(left) => changed.wait_timeout(now, left).unwrap_or_else(PoisonError::into_inner).0,
            None => changed.wait(now).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

fn set_alarm(time: Res<'_, Time<Real>>, alarm: Res<'_, Alarm>, mut activity: ResMut<'_, Activity>) {
    let at = activity.bypass_change_detection().alarm.take();
    let left = at.map(|at| (at - time.elapsed_secs_f64()).clamp(0.0, FARTHEST));
    let (bell, changed) = &*alarm.0;
    let mut bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
    bell.rings = left.and_then(|left| Instant::now().checked_add(Duration::from_secs_f64(left)));
    changed.notify_one();
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let (bell, changed) = &*self.0;
        bell.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use bevy::ecs::message::MessageCursor;
    use bevy::time::{TimePlugin, TimeUpdateStrategy};

    use super::*;

    /// Runs one frame; whether it asked for the next.
    fn asks(app: &mut App, cursor: &mut MessageCursor<RequestRedraw>) -> bool {
        app.update();
        cursor.read(app.world().resource::<Messages<RequestRedraw>>()).count() > 0
    }

    #[test]
    fn frames_stop_when_nothing_moves_and_go_on_with_an_input() {
        let mut app = App::new();
        app.add_plugins((TimePlugin, ActivityPlugin))
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(100)));
        let mut cursor = MessageCursor::default();
        let mut frames = 0;
        while asks(&mut app, &mut cursor) {
            frames += 1;
        }
        assert_eq!(frames, 40, "the first seconds");
        assert!(!asks(&mut app, &mut cursor));

        let window = Entity::PLACEHOLDER;
        let left = bevy::window::CursorLeft { window };
        app.world_mut().write_message(WindowEvent::CursorLeft(left));
        let after: Vec<bool> = (0..8).map(|_| asks(&mut app, &mut cursor)).collect();
        // Half a second; whether its last frame still counts is a matter of rounding.
        assert_eq!(after[..4], [true; 4]);
        assert_eq!(after[6..], [false; 2]);

        app.world_mut().write_message(WindowEvent::RequestRedraw(RequestRedraw));
        assert!(!asks(&mut app, &mut cursor), "a redraw does not ask for another");
    }

    #[test]
    fn an_alarm_wakes_once_and_ends_with_the_app() {
        let (alarm, rings) = (Alarm::default(), Arc::new(Mutex::new(0)));
        let (bell, count) = (Arc::clone(&alarm.0), Arc::clone(&rings));
        let (told, heard) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            ring(&bell, || {
                *count.lock().unwrap() += 1;
                told.send(()).unwrap();
            });
        });
        alarm.0.0.lock().unwrap().rings = Some(Instant::now());
        alarm.0.1.notify_one();
        heard.recv_timeout(Duration::from_secs(60)).unwrap();
        drop(alarm);
        thread.join().unwrap();
        assert_eq!(*rings.lock().unwrap(), 1);
    }

    #[test]
    fn of_several_wishes_for_a_frame_the_earliest_counts_and_is_gone_afterwards() {
        let mut app = App::new();
        app.add_plugins((TimePlugin, ActivityPlugin));
        for moment in [90.0, 30.0, 60.0] {
            app.world_mut().resource_mut::<Activity>().wake_at(moment);
        }
        app.update();
        let rings = app.world().resource::<Alarm>().0.0.lock().unwrap().rings.unwrap();
        let left = rings.saturating_duration_since(Instant::now());
        assert!(left <= Duration::from_secs(30), "{left:?}");
        app.update();
        assert_eq!(app.world().resource::<Alarm>().0.0.lock().unwrap().rings, None);
    }
}
