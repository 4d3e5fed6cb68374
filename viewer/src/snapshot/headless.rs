//! Renders the wall without a window or a display: one picture, exactly what a window of that
//! size would show. In: the viewer's app on [`plugins`], and a [`Shot`]. Out: a PNG.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bevy::app::PluginsState;
use bevy::camera::{ImageRenderTarget, RenderTarget};
use bevy::input_focus::InputDispatchPlugin;
use bevy::prelude::*;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::render_resource::{PipelineCache, TextureFormat, TextureUsages};
use bevy::render::renderer::RenderDevice;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::render::{RenderApp, RenderPlugin};
use bevy::time::TimeUpdateStrategy;
use bevy::window::{ExitCondition, WindowResolution};
use bevy::winit::WinitPlugin;

use super::png::{self, SnapshotError};
use super::pose::{Lead, Pose, Striking};
use crate::interaction::MainCamera;

/// One picture to be rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Shot {
    /// The PNG to write.
    pub path: PathBuf,
    /// Its size in pixels.
    pub size: UVec2,
    /// How long the viewer has run when it is taken.
    pub at: Duration,
    /// What sets the pace until then.
    pub pace: Pace,
    /// What it shows on purpose.
    pub pose: Pose,
}

/// What sets the pace until a picture is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The source follows the app's clock: frames are stepped through as fast as the computer can,
    /// and the same picture comes out every time.
    Stepped,
    /// The source has a clock of its own, as live spans have: a second takes a second.
    Live,
}

/// A frame's length, as on a common screen.
const FRAME: Duration = Duration::from_nanos(16_666_667);
/// Seconds that the renderer may take for one picture. Software rendering at 4K takes about one.
pub(super) const PATIENCE: u64 = 60;
/// Pictures of the standing clock that are compared before the last one is taken as it is: a live
/// source may change figures for ever.
const MOST_TRIES: usize = 12;

/// Bevy's plugins for an app without a window or a display.
pub fn plugins(size: UVec2) -> bevy::app::PluginGroupBuilder {
    // A window that nothing opens: what asks for its size gets the picture's.
    let window = Window {
        resolution: WindowResolution::new(size.x, size.y).with_scale_factor_override(1.0),
        ..default()
    };
    DefaultPlugins
        .build()
        .set(WindowPlugin {
            primary_window: Some(window),
            exit_condition: ExitCondition::DontExit,
            close_when_requested: false,
            ..default()
        })
        // A pipeline that is compiled in the background is missing from the picture.
        .set(RenderPlugin { synchronous_pipeline_compilation: true, ..default() })
        .disable::<WinitPlugin>()
        // What keys mean to controls is for `interaction::keys` to say, here and in windows.
        .disable::<InputDispatchPlugin>()
        // One frame in, one frame out: what is captured is what was just simulated.
        .disable::<PipelinedRenderingPlugin>()
}

/// Runs the app until the picture's time has come, and writes it.
///
/// # Errors
/// When the file cannot be written, the size is more than the driver can draw, or the node to
/// be selected does not exist. A missing driver ends the program while the app is set up; see
/// [`display`](crate::display).
pub fn render(mut app: App, shot: &Shot) -> Result<(), SnapshotError> {
    make_ready(&mut app);
    let target = aim(&mut app, shot.size)?;
    play(&mut app, shot)?;
    let picture = still(&mut app, &target)?;
    png::write(picture, &shot.path)
}

/// What Bevy's runners do before the first frame.
pub(crate) fn make_ready(app: &mut App) {
    while app.plugins_state() == PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
    app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::ZERO));
    app.init_resource::<Captured>();
    // The camera is spawned.
    app.update();
}

/// Turns the camera to an image of the picture's size.
pub(crate) fn aim(app: &mut App, size: UVec2) -> Result<Handle<Image>, SnapshotError> {
    let most = app
        .world()
        .get_resource::<RenderDevice>()
        .map_or(0, |device| device.limits().max_texture_dimension_2d);
    if size.max_element() > most {
        return Err(SnapshotError::TooLarge { width: size.x, height: size.y, most });
    }
    // The format of a window's surface, nearly everywhere.
    let mut image = Image::new_target_texture(size.x, size.y, TextureFormat::Bgra8UnormSrgb, None);
    image.texture_descriptor.usage |= TextureUsages::COPY_SRC;
    let target = app.world_mut().resource_mut::<Assets<Image>>().add(image);
    with_camera(app, |render_target, _| {
        *render_target =
            RenderTarget::Image(ImageRenderTarget { handle: target.clone(), scale_factor: 1.0 });
    });
    Ok(target)
}

fn with_camera(app: &mut App, mut act: impl FnMut(&mut RenderTarget, &mut Camera)) {
    let world = app.world_mut();
    let mut cameras = world.query_filtered::<(&mut RenderTarget, &mut Camera), With<MainCamera>>();
    for (mut target, mut camera) in cameras.iter_mut(world) {
        act(&mut target, &mut camera);
    }
}

/// Lets the viewer run until the picture's time.
fn play(app: &mut App, shot: &Shot) -> Result<(), SnapshotError> {
    let mut striking = Striking::new(&shot.pose, Lead::of_picture(&shot.pose), shot.at);
    run(app, shot.at, shot.pace, |app, ran| {
        striking.go_on(app, ran);
    });
    striking.finish(app)
}

/// Lets the viewer run for so long, drawing nothing; then its clock stands. `each` sees every frame,
/// and for how long it has run.
pub(crate) fn run(
    app: &mut App,
    how_long: Duration,
    pace: Pace,
    mut each: impl FnMut(&mut App, Duration),
) {
    with_camera(app, |_, camera| camera.is_active = false);
    let mut ran = Duration::ZERO;
    if pace == Pace::Live {
        app.insert_resource(TimeUpdateStrategy::Automatic);
    }
    while ran < how_long {
        ran += match pace {
            Pace::Stepped => {
                let step = FRAME.min(how_long - ran);
                app.insert_resource(TimeUpdateStrategy::ManualDuration(step));
                app.update();
                step
            }
            Pace::Live => {
                let began = Instant::now();
                app.update();
                std::thread::sleep(FRAME.saturating_sub(began.elapsed()));
                began.elapsed()
            }
        };
        each(app, ran);
    }
    app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::ZERO));
    with_camera(app, |_, camera| camera.is_active = true);
}

/// The last captured picture.
#[derive(Resource, Default)]
struct Captured(Option<Image>);

/// Draws the standing clock again and again until two pictures agree: then text has found its
/// place, every pipeline is there, and nothing moves.
pub(super) fn still(app: &mut App, target: &Handle<Image>) -> Result<Image, SnapshotError> {
    let mut last: Option<Image> = None;
    for _ in 0..MOST_TRIES {
        let picture = capture(app, target)?;
        let same = last.as_ref().is_some_and(|last| last.data == picture.data);
        last = Some(picture);
        if same && !waits_for_pipelines(app) {
            break;
        }
    }
    last.ok_or(SnapshotError::NothingRendered(PATIENCE))
}

fn waits_for_pipelines(app: &App) -> bool {
    app.get_sub_app(RenderApp)
        .and_then(|render| render.world().get_resource::<PipelineCache>())
        .is_some_and(|cache| cache.waiting_pipelines().next().is_some())
}

fn capture(app: &mut App, target: &Handle<Image>) -> Result<Image, SnapshotError> {
    app.world_mut().spawn(Screenshot::image(target.clone())).observe(
        |captured: On<'_, '_, ScreenshotCaptured>, mut slot: ResMut<'_, Captured>| {
            slot.0 = Some(captured.image.clone());
        },
    );
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(PATIENCE) {
        app.update();
        if let Some(picture) = app.world_mut().resource_mut::<Captured>().0.take() {
            return Ok(picture);
        }
        // The copy from the graphics card is awaited by a task.
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    Err(SnapshotError::NothingRendered(PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::focus::FocusPlugin;
    use crate::interaction::camera::CameraPlugin;

    const SIZE: UVec2 = UVec2::new(320, 180);

    /// A world with a green square in the middle, under a panel with text on the left.
    fn app() -> App {
        let mut app = App::new();
        app.add_plugins((plugins(SIZE).disable::<bevy::log::LogPlugin>(), FocusPlugin))
            .add_plugins(CameraPlugin)
            .insert_resource(ClearColor(Color::BLACK))
            .add_systems(Startup, |mut commands: Commands<'_, '_>| {
                let green = Color::srgb_u8(0, 200, 0);
                commands.spawn(Sprite::from_color(green, Vec2::splat(60.0)));
                commands
                    .spawn((
                        Node { width: px(80), height: percent(100), ..default() },
                        BackgroundColor(Color::srgb_u8(0, 0, 120)),
                    ))
                    .with_child(Text::new("text"));
            });
        app
    }

    fn shot(path: PathBuf) -> Shot {
        let at = Duration::from_millis(100);
        Shot { path, size: SIZE, at, pace: Pace::Stepped, pose: Pose::default() }
    }

    #[test]
    fn a_picture_shows_world_and_panels_and_comes_out_the_same_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("1.png"), folder.path().join("2.png"));
        render(app(), &shot(first.clone())).unwrap();
        render(app(), &shot(second.clone())).unwrap();
        let picture = image::open(&first).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (320, 180));
        assert_eq!(picture.get_pixel(160, 90).0, [0, 200, 0]);
        assert_eq!(picture.get_pixel(40, 150).0, [0, 0, 120]);
        assert_eq!(picture.get_pixel(300, 10).0, [0, 0, 0]);
        let text = picture.pixels().filter(|pixel| pixel.0.iter().all(|&part| part > 200)).count();
        assert!(text > 20, "only {text} pixels of text");
        assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_rendered_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let missing = shot(folder.path().join("missing/out.png"));
        let error = render(app(), &missing).unwrap_err().to_string();
        assert!(error.contains("missing/out.png"), "{error}");

        let path = folder.path().join("out.png");
        let size = UVec2::new(1_000_000, 10);
        let error = render(app(), &Shot { size, ..shot(path.clone()) }).unwrap_err().to_string();
        assert!(error.starts_with("1000000x10 is too large"), "{error}");

        let pose = Pose { select: Some("checkout".to_owned()), ..Pose::default() };
        let error = render(app(), &Shot { pose, ..shot(path.clone()) }).unwrap_err().to_string();
        assert!(error.contains("\"checkout\"") && error.contains("none"), "{error}");
        assert!(!path.exists());
    }
}
