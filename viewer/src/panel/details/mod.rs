//! The details panel: slides in from the right when a node or an edge is selected, and says all
//! that is known about it. In: [`Focus`], [`Traffic`]. Out: texts; clicks become commands.

mod describe;
mod facts;
mod group;
mod lists;
mod past;
mod tree;

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::reduce::hop::Class;

use super::marks::Mark;
use super::paint::{Leaving, Paint};
use super::rows::Goes;
use super::{Beat, PanelSystems, SpawnPanels};
use crate::activity::Activity;
use crate::figures::{number, share};
use crate::focus::{Focus, Item};
use crate::picture::Picture;
use crate::scene::Theme;
use crate::settings::Settings;
use crate::traffic::Traffic;
use describe::{Details, Head, describe};
use lists::{List, Row};
use tree::{HeadTree, LINES, ListTree, RowTree, Tree};

pub(super) use tree::WIDTH;

/// Shows the details panel.
pub(super) struct DetailsPlugin;

impl Plugin for DetailsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<ShownItem>()
            .init_resource::<Slide>()
            .add_systems(SpawnPanels, tree::spawn)
            .add_systems(
                Update,
                (
                    follow_focus,
                    slide,
                    scroll_back.run_if(resource_changed::<ShownItem>),
                    update.run_if(Beat::strikes.or_else(resource_changed::<ShownItem>)),
                    past::draw_past,
                )
                    .chain()
                    .in_set(PanelSystems::Update),
            );
    }
}

/// What the panel is about; stays while it slides out.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ShownItem(Option<Item>);

/// How far the panel is in the window: 0 is outside, 1 is in its place.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub(super) struct Slide {
    at: f32,
    open: bool,
}

impl Slide {
    /// Whether the panel is there or on its way in.
    pub(super) fn open(self) -> bool {
        self.open
    }

    /// It is outside, and may have to come in: it was spawned anew.
    pub(super) fn begin_again(&mut self) {
        self.at = 0.0;
    }
}

/// How fast the panel slides: it is nearly in after about 3 / RATE seconds.
const RATE: f32 = 14.0;

fn follow_focus(
    focus: Res<'_, Focus>,
    mut shown: ResMut<'_, ShownItem>,
    mut slide: ResMut<'_, Slide>,
) {
    slide.open = focus.selected.is_some();
    if focus.selected.is_some() {
        shown.set_if_neq(ShownItem(focus.selected));
    }
}

fn slide(
    time: Res<'_, Time<Real>>,
    settings: Res<'_, Settings>,
    tree: Option<Res<'_, Tree>>,
    mut slide: ResMut<'_, Slide>,
    mut activity: ResMut<'_, Activity>,
    mut panels: Query<'_, '_, (&mut UiTransform, &mut Visibility)>,
    mut commands: Commands<'_, '_>,
) {
    let goal = if slide.open { 1.0 } else { 0.0 };
    let Some(tree) = tree.filter(|_| slide.at != goal) else { return };
    let dt = settings.glide(time.delta_secs().min(0.05));
    let next = goal + (slide.at - goal) * (-RATE * dt).exp();
    slide.at = if (next - goal).abs() < 0.002 { goal } else { next };
    activity.extend(&time, 0.1);
    if let Ok((mut transform, mut visibility)) = panels.get_mut(tree.root) {
        transform.translation = Val2::px((1.0 - slide.at) * WIDTH, 0.0);
        let seen = if slide.at > 0.0 { Visibility::Inherited } else { Visibility::Hidden };
        visibility.set_if_neq(seen);
        let mut root = commands.entity(tree.root);
        if slide.open {
            root.remove::<Leaving>();
        } else {
            root.insert(Leaving);
        }
    }
}

/// Another item is read from its beginning.
fn scroll_back(tree: Option<Res<'_, Tree>>, mut bodies: Query<'_, '_, &mut ScrollPosition>) {
    if let Some(mut position) = tree.and_then(|tree| bodies.get_mut(tree.body).ok()) {
        position.0 = Vec2::ZERO;
    }
}

fn update(
    shown: Res<'_, ShownItem>,
    (traffic, picture): (Res<'_, Traffic>, Res<'_, Picture>),
    tree: Option<Res<'_, Tree>>,
    theme: Res<'_, Theme>,
    mut paint: Paint<'_, '_>,
) {
    let (Some(tree), Some(item)) = (tree, shown.0) else { return };
    // What has left the graph keeps its last words while the panel slides out.
    let told = describe(item, &traffic).or_else(|| group::describe(item, &picture, &traffic));
    let Some(details) = told else { return };
    for (index, at) in tree.heads.iter().enumerate() {
        paint_head(&mut paint, *at, details.heads.get(index), &theme);
    }
    paint_rates(&mut paint, &tree, &details, &theme);
    for (entity, figure) in tree.latency.iter().zip(&details.latency) {
        paint.text(*entity, figure);
    }
    paint.text(tree.slow, &details.slow);
    paint.show(tree.slow, !details.slow.is_empty());
    for (index, at) in tree.facts.iter().enumerate() {
        let fact = details.facts.get(index);
        paint.text(*at, fact.map_or("", String::as_str));
        paint.show(*at, fact.is_some());
    }
    paint.show(tree.beside, !details.facts.is_empty());
    for (at, list) in tree.lists.iter().zip(&details.lists) {
        paint_list(&mut paint, at, list, &theme);
    }
}

fn paint_head(paint: &mut Paint<'_, '_>, at: HeadTree, head: Option<&Head>, theme: &Theme) {
    paint.show(at.row, head.is_some());
    let Some(Head { kind, name, about, goes }) = head else { return };
    paint.sign(at.sign, Mark::Kind(*kind), theme.colors.icon);
    paint.text(at.name, name);
    paint.text(at.about, about);
    paint.goes(at.row, goes.map_or(Goes::Nowhere, Goes::To));
}

fn paint_rates(paint: &mut Paint<'_, '_>, tree: &Tree, details: &Details, theme: &Theme) {
    let counts = &details.rates;
    let total = counts.total();
    paint.text(tree.total, &number(total));
    paint.text(tree.unit, details.unit);
    for (class, entity) in Class::ALL.into_iter().zip(tree.bar) {
        let part = if total > 0.0 { (counts.of(class) / total).max(0.0) } else { 0.0 };
        paint.grow(entity, part as f32);
        // The gap between parts belongs to those that are there.
        paint.show(entity, part > 0.0);
    }
    for ((mark, _), at) in LINES.into_iter().zip(tree.classes) {
        let count = match mark {
            Mark::Class(class) => counts.of(class),
            _ => counts.cold,
        };
        let faint = theme.colors.text_faint;
        let (sign, text, second) = if count > 0.0 {
            (mark.color(&theme.colors), theme.colors.text, theme.colors.text_secondary)
        } else {
            (faint, faint, faint)
        };
        paint.sign(at.sign, mark, sign);
        paint.text(at.rate, &number(count));
        paint.text_color(at.rate, text);
        paint.text(at.share, &share(count, total));
        paint.text_color(at.share, second);
    }
}

fn paint_list(paint: &mut Paint<'_, '_>, at: &ListTree, list: &List, theme: &Theme) {
    paint.show(at.root, !list.heading.is_empty());
    paint.text(at.heading, list.heading);
    for (entity, word) in at.columns.iter().zip(list.columns) {
        paint.text(*entity, word);
    }
    for (index, row) in at.rows.iter().enumerate() {
        paint_row(paint, *row, list.rows.get(index), theme);
    }
    paint.text(at.note, &list.note);
    paint.show(at.note, !list.note.is_empty());
}

fn paint_row(paint: &mut Paint<'_, '_>, at: RowTree, row: Option<&Row>, theme: &Theme) {
    paint.show(at.row, row.is_some());
    let Some(Row { mark, name, middle, figure, alarming, goes }) = row else { return };
    paint.show(at.sign, mark.is_some());
    if let Some(mark) = mark {
        let color = match mark {
            Mark::Class(_) => mark.color(&theme.colors),
            _ => theme.colors.text_secondary,
        };
        paint.sign(at.sign, *mark, color);
    }
    paint.text(at.name, name);
    paint.text(at.middle, middle);
    paint.text(at.figure, figure);
    let color = if *alarming { theme.colors.error } else { theme.colors.text_secondary };
    paint.text_color(at.middle, color);
    paint.goes(at.row, *goes);
}
