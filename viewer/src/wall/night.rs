//! A wall at night is darker. In: from when to when, and the clock of where it hangs. Out: a shade
//! over everything.

use std::str::FromStr;

use bevy::prelude::*;
use bevy::time::Real;
use jiff::Zoned;
use jiff::civil::Time as ClockTime;

use super::Plan;
use crate::activity::Activity;
use crate::app::Flow;
use crate::scene::Theme;

/// Dims where the [`Plan`] says so.
pub(super) struct NightPlugin;

impl Plugin for NightPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Plan>()
            .init_resource::<LocalTime>()
            .init_resource::<Activity>()
            .init_resource::<Theme>()
            .init_resource::<ClearColor>()
            .add_systems(Startup, spawn)
            .add_systems(
                Update,
                dim.after(Flow::Scene).run_if(|plan: Res<'_, Plan>| plan.night.is_some()),
            );
    }
}

/// From when to when it is night; it may go past midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Night {
    from: ClockTime,
    until: ClockTime,
}

/// How much of the light is taken at night.
const SHADE: f32 = 0.62;
/// Seconds in which night falls and ends.
const DUSK: f64 = 600.0;
/// Seconds between two steps of dusk: too small to be seen.
const STEP: f64 = 10.0;
const DAY: f64 = 86_400.0;

impl FromStr for Night {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give local times from when to when, such as 22:00-06:00".to_owned();
        let (from, until) = text.split_once(['-', '–']).ok_or_else(wrong)?;
        let read = |text: &str| {
            let (hour, minute) = text.trim().split_once(':').unwrap_or((text.trim(), "0"));
            ClockTime::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
        };
        match (read(from), read(until)) {
            (Some(from), Some(until)) if from != until => Ok(Self { from, until }),
            (Some(_), Some(_)) => Err("the night begins when it ends; leave it out".to_owned()),
            _ => Err(wrong()),
        }
    }
}

impl Night {
    /// How much it is night at this time of the day, from 0 to 1: it falls from `from` on, and is over
    /// at `until`.
    fn depth(&self, now: ClockTime) -> f32 {
        let second = |time: ClockTime| {
            f64::from(time.hour()) * 3600.0
                + f64::from(time.minute()) * 60.0
                + f64::from(time.second())
        };
        let since = (second(now) - second(self.from)).rem_euclid(DAY);
        let length = (second(self.until) - second(self.from)).rem_euclid(DAY);
        // A short night is never quite dark.
        let (fallen, left) = (since / DUSK, (length - since) / DUSK);
        fallen.min(left).clamp(0.0, 1.0) as f32
    }
}

/// What a clock on the wall shows. Tests turn it.
#[derive(Resource, Clone, Copy, Debug, Default)]
struct LocalTime(Option<ClockTime>);

impl LocalTime {
    fn now(self) -> ClockTime {
        self.0.unwrap_or_else(|| Zoned::now().time())
    }
}

/// Marks the shade.
#[derive(Component)]
struct Shade;

fn spawn(plan: Res<'_, Plan>, mut commands: Commands<'_, '_>) {
    if plan.night.is_none() {
        return;
    }
    let all = Node {
        position_type: PositionType::Absolute,
        width: percent(100),
        height: percent(100),
        display: Display::None,
        ..default()
    };
    // Over everything, and in nobody's way.
    let look = (BackgroundColor(Color::NONE), GlobalZIndex(1000), Pickable::IGNORE);
    commands.spawn((Name::new("night"), Shade, all, look));
}

fn dim(
    plan: Res<'_, Plan>,
    clock: Res<'_, LocalTime>,
    time: Res<'_, Time<Real>>,
    theme: Res<'_, Theme>,
    mut clear: ResMut<'_, ClearColor>,
    mut shades: Query<'_, '_, (&mut Node, &mut BackgroundColor), With<Shade>>,
    mut activity: ResMut<'_, Activity>,
) {
    let Some(night) = plan.night else { return };
    let depth = night.depth(clock.now());
    let light = 1.0 - SHADE * depth;
    let display = if depth > 0.0 { Display::Flex } else { Display::None };
    for (mut node, mut color) in &mut shades {
        color.set_if_neq(BackgroundColor(Color::BLACK.with_alpha(SHADE * depth)));
        if node.display != display {
            node.display = display;
        }
    }
    // The rim around a picture that drifts is not under the shade.
    let ground = theme.colors.background;
    let ground =
        if depth > 0.0 { (ground.to_linear() * light).with_alpha(1.0).into() } else { ground };
    if clear.0 != ground {
        clear.0 = ground;
    }
    // By day and in the dark the frame that comes every minute anyway will do.
    if depth > 0.0 && depth < 1.0 {
        activity.wake_at(time.elapsed_secs_f64() + STEP);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hour: i8, minute: i8) -> ClockTime {
        ClockTime::constant(hour, minute, 0, 0)
    }

    #[test]
    fn night_falls_and_ends_gently_also_past_midnight() {
        let night: Night = "22:00-06:00".parse().unwrap();
        for (hour, minute, depth) in [
            (12, 0, 0.0),
            (21, 59, 0.0),
            (22, 5, 0.5),
            (22, 10, 1.0),
            (0, 0, 1.0),
            (5, 50, 1.0),
            (5, 55, 0.5),
            (6, 0, 0.0),
            (6, 1, 0.0),
        ] {
            assert_eq!(night.depth(at(hour, minute)), depth, "{hour}:{minute}");
        }
        let noon: Night = "12 - 13:30".parse().unwrap();
        assert_eq!((noon.depth(at(12, 30)), noon.depth(at(0, 0))), (1.0, 0.0));
    }

    #[test]
    fn what_is_no_night_says_how_to_write_one() {
        for text in ["", "22:00", "25:00-06:00", "22:00-6:99", "ten-six"] {
            assert!(text.parse::<Night>().unwrap_err().contains("22:00-06:00"), "{text}");
        }
        assert!("7-7".parse::<Night>().is_err());
    }

    proptest! {
        #[test]
        fn no_minute_brings_a_jump(from in 0..1440_i32, length in 1..1440_i32, now in 0..1440_i32) {
            let time = |minute: i32| {
                let minute = minute.rem_euclid(1440);
                at((minute / 60) as i8, (minute % 60) as i8)
            };
            let night = Night { from: time(from), until: time(from + length) };
            let change = night.depth(time(now + 1)) - night.depth(time(now));
            prop_assert!(change.abs() <= 0.1001, "{change}");
        }
    }

    #[test]
    fn the_whole_picture_is_dimmed_at_night_and_only_then() {
        let mut app = App::new();
        let night = "22:00-06:00".parse().ok();
        app.add_plugins((MinimalPlugins, NightPlugin))
            .insert_resource(Plan { night, ..Plan::default() })
            .insert_resource(LocalTime(Some(at(23, 0))));
        app.update();
        let shade = |app: &mut App| {
            let mut shades = app.world_mut().query::<(&Node, &BackgroundColor)>();
            let (node, color) = shades.single(app.world()).unwrap();
            (node.display, color.0.alpha())
        };
        assert_eq!(shade(&mut app), (Display::Flex, SHADE));
        let background = Theme::default().colors.background;
        let rim = |app: &App| app.world().resource::<ClearColor>().0;
        assert!(rim(&app).luminance() < background.luminance() * 0.5);
        app.insert_resource(LocalTime(Some(at(9, 0))));
        app.update();
        assert_eq!(shade(&mut app), (Display::None, 0.0));
        assert_eq!(rim(&app), background);
    }
}
