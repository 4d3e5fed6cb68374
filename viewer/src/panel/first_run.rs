//! How to point functions here, for whoever has just started: a card with the environment variables,
//! at the bottom left while a sample plays or nothing has come yet. In: where spans can be sent to,
//! the source's state, [`Shown`]. Out: the card; [`CopyText`].

use std::net::IpAddr;

use bevy::prelude::*;
use spanfall_collector::feed::message::Severity;

use super::marks::Mark;
use super::paint::{Build, Paint, Style};
use super::rows::Goes;
use super::timeline::Room;
use super::{PanelSystems, SpawnPanels, legend};
use crate::clipboard::CopyText;
use crate::focus::{Command, Shown};
use crate::interaction::Solid;
use crate::source::{Intake, Reach, Setup, outward};
use crate::traffic::{SourceState, Traffic};

/// Shows the card.
pub(super) struct FirstRunPlugin;

impl Plugin for FirstRunPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Intake>()
            .init_resource::<Way>()
            .add_message::<Command>()
            .add_message::<CopyText>()
            .add_systems(SpawnPanels, spawn)
            .add_systems(
                Update,
                (
                    find_way.run_if(resource_changed::<Intake>),
                    come_and_go,
                    copy,
                    update.run_if(
                        resource_changed::<Way>
                            .or_else(resource_changed::<Shown>)
                            .or_else(resource_changed::<SourceState>),
                    ),
                    stand_above,
                )
                    .chain()
                    .in_set(PanelSystems::Update),
            );
    }
}

/// The way here.
#[derive(Resource, Clone, Debug, Default)]
pub(super) struct Way {
    setup: Option<Setup>,
    /// Why there is none.
    closed: &'static str,
}

impl Way {
    /// How much of the window's left the card takes, in logical pixels at 1080.
    pub(super) fn room(&self, shown: &Shown) -> f32 {
        if shown.setup { MARGIN + WIDTH } else { 0.0 }
    }
}

/// From the window's edge, in logical pixels at 1080.
const MARGIN: f32 = 24.0;
const BOTTOM: f32 = 16.0;
const WIDTH: f32 = 560.0;

#[derive(Resource)]
struct Tree {
    root: Entity,
    why: Entity,
    /// What is there only where spans can come in: the variables, for whom they are, and their copy.
    open: Vec<Entity>,
    values: [Entity; 4],
    caution: Entity,
    caution_text: Entity,
}

fn spawn(mut build: Build<'_, '_>) {
    let node = Node {
        display: Display::None,
        position_type: PositionType::Absolute,
        left: px(MARGIN),
        bottom: px(BOTTOM),
        width: px(WIDTH),
        flex_direction: FlexDirection::Column,
        row_gap: px(14),
        padding: UiRect::all(px(20)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(10)),
        ..default()
    };
    let colors = build.colors();
    // Nothing shines through what is to be read letter by letter.
    let card = (BackgroundColor(colors.surface), BorderColor::all(colors.outline));
    let root = build.root("first run", (node, card, Solid, GlobalZIndex(6)));
    let head = build.stack(root, 4.0);
    build.text(head, Style::Title, "Point your functions here");
    let why = build.sentence(head, Style::Second, "");
    let field = Node {
        flex_direction: FlexDirection::Column,
        row_gap: px(6),
        padding: UiRect::axes(px(14), px(12)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let field = build.part(root, (field, BackgroundColor(colors.surface_raised)));
    let values = NAMES.map(|name| {
        let line = build.line(field, 0.0);
        build.text(line, Style::Second, &format!("{name}="));
        build.text(line, Style::Strong, "")
    });
    let whom = build.sentence(
        root,
        Style::Second,
        "For a Lambda with an OpenTelemetry layer. Layers without this wrapper have \
         /opt/otel-handler. Other programs need the first two lines.",
    );
    let caution = build.line(root, 12.0);
    build.sign(caution, Mark::Severity(Severity::Warning), 20);
    let caution_text = build.sentence(caution, Style::Body, "");
    let buttons = Node { column_gap: px(4), margin: UiRect::left(px(-8)), ..default() };
    let buttons = build.part(root, buttons);
    let mut open = vec![field, whom];
    for (text, command) in [("Copy (C)", Command::Copy), ("Hide (Esc)", Command::ToggleSetup)] {
        let node = Node {
            padding: UiRect::axes(px(8), px(3)),
            border_radius: BorderRadius::all(px(6)),
            ..default()
        };
        let button = build.button(buttons, node, Goes::Asks(command));
        if command == Command::Copy {
            open.push(button);
        }
        let text = build.text(button, Style::Body, text);
        build.commands.entity(text).insert(TextColor(colors.accent));
    }
    build.commands.insert_resource(Tree { root, why, open, values, caution, caution_text });
}

/// The variables' names, in the order of [`Setup::variables`].
const NAMES: [&str; 4] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "AWS_LAMBDA_EXEC_WRAPPER",
    "OTEL_TRACES_SAMPLER",
];

fn find_way(intake: Res<'_, Intake>, mut way: ResMut<'_, Way>) {
    let address: Option<IpAddr> = if *intake == Intake::Nowhere { None } else { outward() };
    way.setup = intake.setup(address);
    way.closed = closed(&intake);
}

/// Why no span can come in, where none can, and what to do.
fn closed(intake: &Intake) -> &'static str {
    match intake {
        Intake::Nowhere => {
            // In this order no line ends within a flag.
            "No span can come in while a recording plays. Without --replay, --vizceral and --feed-file \
             spanfall listens for spans; with --connect it shows what a collector gets."
        }
        Intake::Here { .. } | Intake::Elsewhere(_) => {
            "This collector listens on no OTLP port. [listen] in its configuration opens one."
        }
    }
}

/// The card comes when there is nothing of one's own to see, and goes with the first live span. In
/// between, and later, whoever wants to closes or opens it.
fn come_and_go(
    way: Res<'_, Way>,
    source: Res<'_, SourceState>,
    traffic: Res<'_, Traffic>,
    mut met: Local<'_, bool>,
    mut wanted: Local<'_, bool>,
    mut closed: Local<'_, bool>,
    mut shown: ResMut<'_, Shown>,
) {
    let empty = traffic.nodes.is_empty();
    *met |= matches!(*source, SourceState::Live(_)) && !empty;
    let waits = match *source {
        SourceState::Sample(_) => true,
        SourceState::Live(_) => empty,
        _ => false,
    };
    *closed |= *wanted && !shown.setup;
    let now = waits && !*met && way.setup.is_some();
    if now != *wanted {
        *wanted = now;
        let mut next = *shown;
        next.setup = now && !*closed;
        shown.set_if_neq(next);
    }
}

fn copy(
    mut commands: MessageReader<'_, '_, Command>,
    shown: Res<'_, Shown>,
    way: Res<'_, Way>,
    mut texts: MessageWriter<'_, CopyText>,
) {
    let asked = commands.read().filter(|command| **command == Command::Copy).count() > 0;
    if let Some(setup) = way.setup.as_ref().filter(|_| asked && shown.setup) {
        texts.write(CopyText { what: "the environment variables".to_owned(), text: setup.text() });
    }
}

/// Why the card is there.
fn reason(source: &SourceState) -> &'static str {
    match source {
        SourceState::Sample(_) => "What you see is a sample. It gives way to your first span.",
        _ => "Their spans are what this picture is made of.",
    }
}

/// What stands in the way; empty where nothing does.
fn caution(reach: Reach) -> &'static str {
    match reach {
        Reach::Networks => "",
        Reach::ThisComputer => {
            "For now only this computer can send spans. To let your network in, start with\n\
             --host 0.0.0.0, or set host = \"0.0.0.0\" under [listen]."
        }
        Reach::Unknown => {
            "If nothing comes: a collector lets other computers in only when it was started with\n\
             --host 0.0.0.0, or has host = \"0.0.0.0\" under [listen]."
        }
    }
}

fn update(
    tree: Option<Res<'_, Tree>>,
    way: Res<'_, Way>,
    shown: Res<'_, Shown>,
    source: Res<'_, SourceState>,
    mut paint: Paint<'_, '_>,
) {
    let Some(tree) = tree else { return };
    paint.show(tree.root, shown.setup);
    if !shown.setup {
        return;
    }
    for part in &tree.open {
        paint.show(*part, way.setup.is_some());
    }
    let Some(setup) = &way.setup else {
        paint.show(tree.caution, false);
        paint.text(tree.why, way.closed);
        return;
    };
    paint.text(tree.why, reason(&source));
    for (entity, (_, value)) in tree.values.into_iter().zip(setup.variables()) {
        paint.text(entity, value);
    }
    let caution = caution(setup.reach);
    paint.show(tree.caution, !caution.is_empty());
    paint.text(tree.caution_text, caution);
}

/// The legend and the timeline are below.
fn stand_above(
    tree: Option<Res<'_, Tree>>,
    shown: Res<'_, Shown>,
    room: Res<'_, Room>,
    mut paint: Paint<'_, '_>,
) {
    if let Some(tree) = tree {
        let legend = if shown.legend { legend::ROOM } else { 0.0 };
        paint.bottom(tree.root, BOTTOM + legend + room.0);
    }
}

#[cfg(test)]
mod tests;
