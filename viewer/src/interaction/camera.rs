//! The one camera. It shows the whole graph until a person moves it, and glides wherever it goes.
//! In: [`Places`], the window, [`PanelInsets`], and what pointer and keys ask of [`Steering`].
//! Out: the camera's transform and projection.

use bevy::prelude::*;
use bevy::window::RequestRedraw;

use super::view::{Insets, Limits, View, glide};
use crate::app::Flow;
use crate::focus::{Command, FocusSystems};
use crate::layout::Places;
use crate::picture::Picture;
use crate::scene::Theme;
use crate::settings::Settings;

/// Spawns the camera and moves it.
pub struct CameraPlugin;

impl Plugin for CameraPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Steering>()
            .init_resource::<Settings>()
            .init_resource::<PanelInsets>()
            .init_resource::<Places>()
            .init_resource::<Picture>()
            .add_message::<RequestRedraw>()
            .add_message::<Command>()
            .add_systems(Startup, spawn.in_set(CameraSystems))
            .add_systems(
                Update,
                (obey, look_around, move_camera)
                    .chain()
                    .in_set(CameraSystems)
                    .in_set(Flow::Scene)
                    .after(FocusSystems::Apply),
            );
    }
}

/// When the camera is spawned (`Startup`) and moved (`Update`). What depends on the zoom in the
/// same frame runs after this.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CameraSystems;

/// Marks the camera that shows the world and the panels.
#[derive(Component, Clone, Copy, Debug)]
#[require(Camera2d)]
pub struct MainCamera;

/// Room that panels take at the window's edges now; the graph is fitted between them.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct PanelInsets(pub Insets);

/// Where the camera looks, and where it is going.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct Steering {
    /// What the window shows now.
    view: View,
    /// The window's size in logical pixels; zero until it is known.
    window: Vec2,
    /// The box around all nodes, in world units; none without nodes.
    bounds: Option<Rect>,
    /// Whether a person has taken the camera; else it shows the whole graph.
    taken: bool,
    /// By how much labels are larger than in the theme; zero until it is known.
    text: f32,
    motion: Motion,
}

/// What the camera does now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Motion {
    #[default]
    Still,
    /// On its way to another view. The velocity is of (x, y, ln scale), per second.
    Glide { to: View, velocity: Vec3 },
    /// On a calm way to another view, which takes so many seconds; `at` of them have passed.
    Travel { from: View, to: View, at: f32, seconds: f32, release: bool },
    /// Zooming while a world point stays under the pointer.
    Zoom { screen: Vec2, world: Vec2, to: f32, velocity: f32 },
}

/// World units around the nodes' centres that belong to the picture, whatever size they have now:
/// a fit that followed the radius would breathe with the traffic.
const NODE_ROOM: f32 = 44.0;
/// Logical pixels (at 1080) at each side for the labels, which do not shrink with the world.
const LABEL_ROOM: Insets = Insets { left: 96.0, right: 128.0, top: 52.0, bottom: 52.0 };
/// Logical pixels (at 1080) that one world unit takes at most when the camera fits by itself.
const FIT_CLOSEST: f32 = 1.6;
/// The same when a person zooms in.
const CLOSEST: f32 = 6.0;
/// How much farther than the fitted view a person may go.
const FARTHEST: f32 = 2.0;
/// Seconds that one frame counts at most: after an idle minute a glide still glides.
const LONGEST_FRAME: f32 = 0.05;

impl Steering {
    /// What the window shows now.
    pub fn view(&self) -> View {
        self.view
    }

    /// The window's size in logical pixels.
    pub fn window(&self) -> Vec2 {
        self.window
    }

    /// The world point under a screen point.
    pub fn to_world(&self, screen: Vec2) -> Vec2 {
        self.view.to_world(self.window, screen)
    }

    /// Whether the camera is on its way somewhere.
    pub fn moving(&self) -> bool {
        self.motion != Motion::Still
    }

    /// Zooms by `factor` (above 1 is closer); the world point under `screen` stays there.
    pub fn zoom_at(&mut self, screen: Vec2, factor: f32) {
        let (from, velocity) = match self.motion {
            Motion::Zoom { to, velocity, .. } => (to, velocity),
            _ => (self.view.scale, 0.0),
        };
        let limits = self.limits();
        let to = (from / factor).clamp(limits.closest, limits.farthest);
        let world = self.to_world(screen);
        self.taken = true;
        self.motion = Motion::Zoom { screen, world, to, velocity };
    }

    /// Moves the picture with the pointer, by logical pixels.
    pub fn pan_by(&mut self, pixels: Vec2) {
        self.taken = true;
        self.motion = Motion::Still;
        self.view.centre += Vec2::new(-pixels.x, pixels.y) * self.view.scale;
        self.keep_within();
    }

    /// Goes calmly, in so many seconds, to where these world points can be seen, or to the whole
    /// graph, which it then keeps showing.
    pub fn travel(&mut self, around: Option<Rect>, panels: Insets, seconds: f32) {
        let Some(to) = self.framed(around.or(self.bounds), panels) else { return };
        let release = around.is_none();
        self.taken = true;
        self.motion = Motion::Travel { from: self.view, to, at: 0.0, seconds, release };
    }

    /// Shows the whole graph again, and keeps showing it.
    pub fn release(&mut self) {
        self.taken = false;
    }

    fn limits(&self) -> Limits {
        let scale = Theme::scale(self.window.y);
        let closest = 1.0 / (CLOSEST * scale);
        let whole = self.fitted(Insets::default()).map_or(1.0, |view| view.scale);
        Limits { closest, farthest: (whole * FARTHEST).max(closest) }
    }

    /// The view that shows the whole graph; none without nodes.
    fn fitted(&self, panels: Insets) -> Option<View> {
        self.framed(self.bounds, panels)
    }

    /// The view that shows a part of it.
    fn framed(&self, bounds: Option<Rect>, panels: Insets) -> Option<View> {
        let scale = Theme::scale(self.window.y) * self.text.max(1.0);
        let Insets { left, right, top, bottom } = LABEL_ROOM;
        let labels = Insets {
            left: left * scale,
            right: right * scale,
            top: top * scale,
            bottom: bottom * scale,
        };
        let closest = 1.0 / (FIT_CLOSEST * Theme::scale(self.window.y));
        let bounds = bounds?.inflate(NODE_ROOM);
        Some(View::fit(bounds, self.window, panels.plus(labels), closest))
    }

    fn keep_within(&mut self) {
        if let Some(bounds) = self.bounds {
            self.view = self.view.kept_within(bounds.inflate(NODE_ROOM), self.limits());
        }
    }

    /// Heads for a view; what is under way already keeps its speed.
    fn glide_to(&mut self, to: View) {
        let velocity = match self.motion {
            Motion::Glide { velocity, .. } => velocity,
            _ => Vec3::ZERO,
        };
        self.motion = Motion::Glide { to, velocity };
    }

    /// One frame further along.
    fn advance(&mut self, dt: f32) {
        let before = self.view;
        match self.motion {
            Motion::Still => {}
            Motion::Glide { to, velocity } => {
                let at = before.centre.extend(before.scale.ln());
                let (at, velocity) = glide(at, velocity, to.centre.extend(to.scale.ln()), dt);
                let view = View { centre: at.truncate(), scale: at.z.exp() };
                let arrived = view.looks_like(&to, self.window);
                self.view = if arrived { to } else { view };
                self.motion = if arrived { Motion::Still } else { Motion::Glide { to, velocity } };
            }
            Motion::Travel { from, to, at, seconds, release } => {
                let at = at + dt;
                if at >= seconds {
                    (self.view, self.motion) = (to, Motion::Still);
                    self.taken &= !release;
                } else {
                    self.view = from.on_the_way(&to, at / seconds);
                    self.motion = Motion::Travel { from, to, at, seconds, release };
                }
            }
            Motion::Zoom { screen, world, to, velocity } => {
                let (at, speed) =
                    glide(Vec3::X * before.scale.ln(), Vec3::X * velocity, Vec3::X * to.ln(), dt);
                let arrived = (at.x - to.ln()).abs() < 1e-4;
                let scale = if arrived { to } else { at.x.exp() };
                self.view = View::anchored(self.window, screen, world, scale);
                let velocity = speed.x;
                self.motion = if arrived {
                    Motion::Still
                } else {
                    Motion::Zoom { screen, world, to, velocity }
                };
                self.keep_within();
            }
        }
    }
}

fn spawn(mut commands: Commands<'_, '_>) {
    // Antialiasing of edges is done by the shapes themselves; multisampling would cost a software
    // renderer most of its frame.
    commands.spawn((Name::new("main camera"), MainCamera, Msaa::Off, IsDefaultUiCamera));
}

fn obey(mut commands: MessageReader<'_, '_, Command>, mut steering: ResMut<'_, Steering>) {
    for command in commands.read() {
        match *command {
            Command::Fit => steering.release(),
            Command::Zoom(factor) => {
                let middle = steering.window / 2.0;
                steering.zoom_at(middle, factor);
            }
            _ => {}
        }
    }
}

/// Takes in what changed around the camera: the window, the panels, the graph.
fn look_around(
    camera: Query<'_, '_, &Camera, With<MainCamera>>,
    (places, picture): (Res<'_, Places>, Res<'_, Picture>),
    panels: Res<'_, PanelInsets>,
    settings: Res<'_, Settings>,
    mut ground: Local<'_, u64>,
    mut steering: ResMut<'_, Steering>,
) {
    let Some(window) = camera.single().ok().and_then(Camera::logical_viewport_size) else { return };
    let bounds = places.target.values().copied().fold(None, |bounds: Option<Rect>, at| {
        Some(bounds.map_or(Rect::from_corners(at, at), |bounds| bounds.union_point(at)))
    });
    steering.text = settings.text_scale();
    // Another level is shown as a whole.
    if std::mem::replace(&mut *ground, picture.ground) != picture.ground {
        steering.release();
    }
    let first = steering.bounds.is_none() || steering.window == Vec2::ZERO;
    if window != steering.window || bounds != steering.bounds {
        steering.window = window;
        steering.bounds = bounds;
    }
    if steering.taken {
        return;
    }
    let Some(goal) = steering.fitted(panels.0) else { return };
    let heading = match steering.motion {
        Motion::Glide { to, .. } => to,
        _ => steering.view,
    };
    if first {
        steering.view = goal;
        steering.motion = Motion::Still;
    } else if heading != goal {
        steering.glide_to(goal);
    }
}

fn move_camera(
    time: Res<'_, Time<Real>>,
    settings: Res<'_, Settings>,
    mut steering: ResMut<'_, Steering>,
    mut camera: Query<'_, '_, (&mut Transform, &mut Projection), With<MainCamera>>,
    mut redraw: MessageWriter<'_, RequestRedraw>,
) {
    if steering.moving() {
        steering.advance(settings.glide(time.delta_secs().min(LONGEST_FRAME)));
        redraw.write(RequestRedraw);
    }
    let View { centre, scale } = steering.view;
    for (mut transform, mut projection) in &mut camera {
        if transform.translation.truncate() != centre {
            transform.translation = centre.extend(transform.translation.z);
        }
        let Projection::Orthographic(now) = projection.as_ref() else { continue };
        if now.scale != scale {
            *projection = Projection::Orthographic(OrthographicProjection { scale, ..now.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::camera::RenderTargetInfo;
    use proptest::prelude::*;
    use spanfall_collector::reduce::node::NodeId;
    use std::time::Duration;

    const WINDOW: Vec2 = Vec2::new(1920.0, 1080.0);

    fn steering(bounds: Rect) -> Steering {
        Steering { window: WINDOW, bounds: Some(bounds), ..Steering::default() }
    }

    fn settle(steering: &mut Steering) {
        for _ in 0..300 {
            steering.advance(1.0 / 60.0);
        }
    }

    #[test]
    fn the_wheel_keeps_the_world_point_under_the_pointer_all_the_way() {
        let mut steering = steering(Rect::from_corners(Vec2::splat(-900.0), Vec2::splat(900.0)));
        let pointer = Vec2::new(700.0, 300.0);
        let world = steering.to_world(pointer);
        steering.zoom_at(pointer, 1.3);
        steering.zoom_at(pointer, 1.3);
        while steering.moving() {
            steering.advance(1.0 / 60.0);
            let drift = steering.view.to_screen(WINDOW, world) - pointer;
            assert!(drift.length() < 0.5, "{drift}");
        }
        assert!((steering.view.scale - 1.0 / 1.69).abs() < 1e-3, "{}", steering.view.scale);
    }

    proptest! {
        #[test]
        fn nobody_gets_lost(
            moves in prop::collection::vec((0usize..2, -3e3f32..3e3, -3e3f32..3e3), 1..40),
        ) {
            let mut steering =
                steering(Rect::from_corners(Vec2::new(-800.0, -300.0), Vec2::new(800.0, 300.0)));
            for (kind, x, y) in moves {
                match kind {
                    0 => steering.pan_by(Vec2::new(x, y)),
                    _ => steering.zoom_at(Vec2::new(x, y).abs().min(WINDOW), 1.0 + x.abs() / 1e3),
                }
                settle(&mut steering);
            }
            // The middle of the window lies on the graph.
            let room = steering.bounds.unwrap().inflate(NODE_ROOM + 1.0);
            prop_assert!(room.contains(steering.view.centre), "{:?}", steering.view);
            prop_assert!(steering.view.scale >= steering.limits().closest * 0.99);
        }
    }

    /// An app whose camera has a target of this size.
    fn app(size: UVec2) -> App {
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, CameraPlugin)).insert_resource(
            bevy::time::TimeUpdateStrategy::ManualDuration(Duration::from_millis(16)),
        );
        app.update();
        let mut cameras = app.world_mut().query_filtered::<&mut Camera, With<MainCamera>>();
        for mut camera in cameras.iter_mut(app.world_mut()) {
            camera.computed.target_info =
                Some(RenderTargetInfo { physical_size: size, scale_factor: 1.0 });
        }
        app
    }

    fn place(app: &mut App, nodes: &[(u64, f32, f32)]) {
        let mut places = app.world_mut().resource_mut::<Places>();
        places.target = nodes.iter().map(|&(id, x, y)| (NodeId(id), Vec2::new(x, y))).collect();
        places.revision += 1;
    }

    fn run(app: &mut App, frames: usize) -> Steering {
        for _ in 0..frames {
            app.update();
        }
        *app.world().resource::<Steering>()
    }

    #[test]
    fn the_camera_shows_the_whole_graph_until_a_person_takes_it() {
        let mut app = app(UVec2::new(1920, 1080));
        place(&mut app, &[(1, -1000.0, 0.0), (2, 1000.0, 0.0)]);
        let fitted = run(&mut app, 3);
        assert!(!fitted.moving(), "the first graph needs no journey");
        for x in [-1000.0, 1000.0] {
            let at = fitted.view.to_screen(WINDOW, Vec2::new(x, 0.0));
            assert!((0.0..1920.0).contains(&at.x), "{at}");
        }
        place(&mut app, &[(1, -1000.0, 0.0), (2, 3000.0, 0.0)]);
        let wider = run(&mut app, 120);
        assert!(wider.view.scale > fitted.view.scale * 1.5);

        app.world_mut().resource_mut::<Steering>().pan_by(Vec2::new(40.0, 0.0));
        place(&mut app, &[(1, -1000.0, 0.0), (2, 500.0, 0.0)]);
        let taken = run(&mut app, 120);
        assert_eq!(taken.view.scale, wider.view.scale);

        app.world_mut().write_message(Command::Fit);
        assert!(run(&mut app, 120).view.scale < wider.view.scale);
    }

    #[test]
    fn an_open_panel_moves_the_graph_aside() {
        let mut app = app(UVec2::new(1920, 1080));
        place(&mut app, &[(1, -1000.0, 0.0), (2, 1000.0, 0.0)]);
        run(&mut app, 3);
        app.world_mut().resource_mut::<PanelInsets>().0.right = 400.0;
        let aside = run(&mut app, 120);
        assert!(!aside.moving());
        let right = aside.view.to_screen(WINDOW, Vec2::new(1000.0, 0.0));
        assert!(right.x < 1920.0 - 400.0 - LABEL_ROOM.right + 1.0, "{right}");
    }
}
