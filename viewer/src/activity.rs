//! Idle costs nothing: frames are drawn while something moves, and not otherwise. In: a person's
//! input, and plugins that say until when they animate. Out: requests to the window for another
//! frame.

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
}

impl Activity {
    /// Keeps frames going for `seconds` from `time` on, at least.
    pub fn extend(&mut self, time: &Time<Real>, seconds: f64) {
        self.until = self.until.max(time.elapsed_secs_f64() + seconds);
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
        app.insert_resource(Activity { until: START })
            .add_message::<RequestRedraw>()
            .add_message::<WindowEvent>()
            .add_systems(First, follow_input)
            .add_systems(Last, redraw);
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
    }
}

fn redraw(
    activity: Res<'_, Activity>,
    time: Res<'_, Time<Real>>,
    mut requests: MessageWriter<'_, RequestRedraw>,
) {
    if time.elapsed_secs_f64() < activity.until {
        requests.write(RequestRedraw);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
}
