//! Idle costs nothing: frames are drawn while something moves, and not otherwise. In: plugins say
//! until when they animate. Out: requests to the window for another frame.

use bevy::prelude::*;
use bevy::time::Real;
use bevy::window::RequestRedraw;

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

/// Asks for the next frame while there is [`Activity`].
#[derive(Debug, Default)]
pub struct ActivityPlugin;

impl Plugin for ActivityPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Activity>().add_message::<RequestRedraw>().add_systems(Last, redraw);
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

    use bevy::time::{TimePlugin, TimeUpdateStrategy};

    use super::*;

    #[test]
    fn frames_stop_when_nothing_moves() {
        let mut app = App::new();
        app.add_plugins((TimePlugin, ActivityPlugin))
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(100)));
        app.update();
        let asked = |app: &mut App| {
            app.update();
            app.world().resource::<Messages<RequestRedraw>>().iter_current_update_messages().count()
        };
        assert_eq!(asked(&mut app), 0);
        app.world_mut().resource_mut::<Activity>().until = 0.25;
        assert_eq!([asked(&mut app), asked(&mut app), asked(&mut app)], [1, 0, 0]);
    }
}
