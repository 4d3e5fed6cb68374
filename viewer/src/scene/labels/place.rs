//! Where labels go, so that none overlaps another label or a foreign node. In: what every node wants
//! to say and how much it matters. Out: for each a place and how much of it is said. Pure maths, in
//! logical pixels of the screen, y down.

use bevy::math::{Rect, Vec2};

use super::measure::{shorten, width};
use super::obstacles::{Streams, Taken};

/// What one node wants to say.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// The node's middle on the screen.
    pub(super) center: Vec2,
    /// The node's radius on the screen.
    pub(super) radius: f32,
    /// The node's name.
    pub(super) name: String,
    /// The line below the name; empty where there is none.
    pub(super) rate: String,
    /// The share that goes wrong; empty where nothing does. It is said even where that line has no room.
    pub(super) share: String,
    /// On which side its label stood before.
    pub(super) before: Option<Side>,
    /// How much of what is in front may run where it stands, in what [`Streams::weight`] counts.
    pub(super) tolerance: f32,
    /// Whether it may stand a little aside where it has no room otherwise.
    pub(super) important: bool,
    /// What matters more is placed first.
    pub(super) priority: f32,
}

/// Sizes in logical pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Type {
    /// Size of names.
    pub(super) name: f32,
    /// Size of the line below.
    pub(super) rate: f32,
}

impl Type {
    /// Height of a line, in sizes: what Bevy lays text out with.
    pub(super) const LINE: f32 = 1.2;

    /// From a name to what stands behind it.
    fn space(&self) -> f32 {
        self.name * 0.35
    }

    /// From a node's rim to its label.
    fn gap(&self) -> f32 {
        self.name * 0.32
    }

    /// Around a label's text.
    pub(super) fn padding(&self) -> Vec2 {
        Vec2::new(self.name * 0.3, self.name * 0.06)
    }
}

/// On which side of its node a label stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Below,
    Right,
    Left,
    Above,
}

/// What a label says besides the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// Nothing.
    None,
    /// The line below the name.
    Below,
    /// The share that goes wrong, behind the name.
    Behind,
}

/// A label that has a place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    /// From the node's middle to the label's middle.
    pub(super) offset: Vec2,
    /// Width and height, padding included.
    pub(super) size: Vec2,
    /// The name, or what is left of it.
    pub(super) name: String,
    /// What is said besides.
    pub(super) second: Second,
    /// Where it stands.
    pub(super) side: Side,
}

/// Where labels may stand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Room {
    /// The part of the screen that is seen.
    pub(super) window: Rect,
    /// What lies on it.
    pub(super) covers: Vec<Rect>,
}

impl Room {
    fn holds(&self, rect: Rect) -> bool {
        let covered = |cover: &Rect| !cover.intersect(rect).is_empty();
        self.window.contains(rect.min)
            && self.window.contains(rect.max)
            && !self.covers.iter().any(covered)
    }
}

/// Places what fits into the room; `None` for what does not.
/// `streams` is where edges run, which labels keep away from if they can: all of them, and those
/// `in_front`.
pub(super) fn place(
    wishes: &[Wish],
    streams: &Streams,
    in_front: &Streams,
    font: Type,
    room: &Room,
) -> Vec<Option<Placed>> {
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    // Equal wishes keep their order, so that nothing flickers.
    order.sort_by(|a, b| wishes[*b].priority.total_cmp(&wishes[*a].priority));
    let sides = if stand_beside(wishes, font) { BESIDE } else { BELOW };
    let mut taken = Taken::new(font.name * 6.0);
    for (index, wish) in wishes.iter().enumerate() {
        taken.add(Rect::from_center_half_size(wish.center, Vec2::splat(wish.radius)), index);
    }
    let mut placed = vec![None; wishes.len()];
    for index in order {
        let wish = &wishes[index];
        if !room.window.contains(wish.center) {
            continue;
        }
        let fits = |label: &Placed| {
            let rect = label.rect(wish.center);
            // A label that the window's edge or a card would cut has a better place, or none.
            room.holds(rect) && taken.is_free(rect, index)
        };
        let shifts = if wish.important { &SHIFTS[..] } else { &SHIFTS[..1] };
        let mut stands = texts(wish, font).flat_map(|(name, second)| {
            shifts.iter().map(move |shifts| (name.clone(), second, *shifts))
        });
        let found = stands.find_map(|(name, second, shifts)| {
            let sides = sides.into_iter().zip(RELUCTANCE);
            let places = sides.flat_map(|side| shifts.iter().map(move |shift| (side, *shift)));
            let labels = places.filter_map(|((side, reluctance), shift)| {
                let label = label(wish, name.clone()?, second, side, font).shifted(shift)?;
                let stays = if wish.before == Some(side) { STAYING } else { 0.0 };
                let rect = label.rect(wish.center);
                let cost = reluctance - stays + streams.weight(rect);
                let covers = || in_front.weight(rect) > wish.tolerance;
                (fits(&label) && !covers()).then_some((cost, label))
            });
            labels.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, label)| label)
        });
        if let Some(label) = found {
            taken.add(label.rect(wish.center), index);
            placed[index] = Some(label);
        }
    }
    placed
}

impl Placed {
    /// So many of its heights further down; `None` for what stands above or below its node, since it
    /// would run into that.
    fn shifted(mut self, heights: f32) -> Option<Self> {
        let beside = matches!(self.side, Side::Left | Side::Right);
        self.offset.y += heights * self.size.y;
        (beside || heights == 0.0).then_some(self)
    }

    fn rect(&self, node: Vec2) -> Rect {
        Rect::from_center_size(node + self.offset, self.size)
    }
}

/// In which order sides are liked where most nodes have room for a label below them, and where not.
const BELOW: [Side; 4] = [Side::Below, Side::Above, Side::Right, Side::Left];
const BESIDE: [Side; 4] = [Side::Right, Side::Left, Side::Below, Side::Above];
/// How much less the second to fourth side is liked, in what [`Streams::weight`] counts: a thin
/// line across a label is better than another side, a stream is not.
const RELUCTANCE: [f32; 4] = [0.0, 12.0, 14.0, 18.0];
/// How far a label beside its node may stand from the node's height, in its own: first not at all; where
/// there is no room, half below or above, if it is important. Others had better go without: the eye takes
/// a label that stands aside for that of the next node.
const SHIFTS: [&[f32]; 2] = [&[0.0], &[0.5, -0.5]];
/// How much a label would rather stay on its side.
const STAYING: f32 = 16.0;

/// Whether labels stand beside their nodes rather than below. The whole picture agrees on it, since
/// labels that stand now here, now there are hard to read: below, where most nodes have room there.
fn stand_beside(wishes: &[Wish], font: Type) -> bool {
    let need = (font.name + font.rate) * Type::LINE + font.gap();
    let crowded = wishes
        .iter()
        .filter(|wish| {
            let below = Rect::new(
                wish.center.x - wish.radius,
                wish.center.y + wish.radius + 1.0,
                wish.center.x + wish.radius,
                wish.center.y + wish.radius + need,
            );
            wishes.iter().any(|other| {
                let disc = Rect::from_center_half_size(other.center, Vec2::splat(other.radius));
                other.center.y > wish.center.y && !disc.intersect(below).is_empty()
            })
        })
        .count();
    crowded * 3 > wishes.len()
}

/// What can be said, best first: everything, then less of the name, then on one line: with what goes wrong,
/// if something does, and less and less of the name.
fn texts(wish: &Wish, font: Type) -> impl Iterator<Item = (Option<String>, Second)> {
    let full = width(&wish.name, font.name);
    let name = Some(wish.name.clone());
    let [long, short] = [0.72, 0.5].map(|part| shorten(&wish.name, font.name, full * part));
    let second = if wish.rate.is_empty() { Second::None } else { Second::Below };
    let two = [name.clone(), long.clone()].map(|name| (name, second));
    let one = [name, long, short];
    let trouble = one.clone().map(|name| (name, Second::Behind));
    two.into_iter()
        .chain(trouble.into_iter().filter(|_| !wish.share.is_empty()))
        .chain(one.map(|name| (name, Second::None)))
}

fn label(wish: &Wish, name: String, second: Second, side: Side, font: Type) -> Placed {
    let first = width(&name, font.name);
    let text = match second {
        Second::None => Vec2::new(first, font.name),
        Second::Below => Vec2::new(first.max(width(&wish.rate, font.rate)), font.name + font.rate),
        Second::Behind => {
            Vec2::new(first + font.space() + width(&wish.share, font.rate), font.name)
        }
    };
    let size = text * Vec2::new(1.0, Type::LINE) + 2.0 * font.padding();
    let away = Vec2::splat(wish.radius + font.gap()) + size / 2.0 - font.padding();
    let offset = match side {
        Side::Below => Vec2::new(0.0, away.y),
        Side::Above => Vec2::new(0.0, -away.y),
        Side::Right => Vec2::new(away.x, 0.0),
        Side::Left => Vec2::new(-away.x, 0.0),
    };
    Placed { offset, size, name, second, side }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FONT: Type = Type { name: 16.0, rate: 13.0 };
    const WINDOW: Rect = Rect { min: Vec2::ZERO, max: Vec2::new(1920.0, 1080.0) };

    fn wish(x: f32, y: f32, name: &str, priority: f32) -> Wish {
        Wish {
            center: Vec2::new(x, y),
            radius: 18.0,
            name: name.into(),
            rate: "12.4 /s".into(),
            share: String::new(),
            before: None,
            tolerance: f32::INFINITY,
            important: false,
            priority,
        }
    }

    fn room(covers: &[Rect]) -> Room {
        Room { window: WINDOW, covers: covers.to_vec() }
    }

    fn placed(wishes: &[Wish]) -> Vec<Option<Placed>> {
        let none = Streams::new(FONT.name);
        place(wishes, &none, &none, FONT, &room(&[]))
    }

    fn any_wishes() -> impl Strategy<Value = Vec<Wish>> {
        let one = (0.0..1920.0_f32, 0.0..1080.0_f32, "[a-z-]{1,40}", 0.0..10.0_f32, any::<bool>())
            .prop_map(|(x, y, name, priority, important)| Wish {
                important,
                ..wish(x, y, &name, priority)
            });
        prop::collection::vec(one, 1..120)
    }

    proptest! {
        #[test]
        fn labels_overlap_no_other_no_foreign_node_and_not_the_windows_edge(wishes in any_wishes()) {
            let placed = placed(&wishes);
            let rects: Vec<(usize, Rect)> = placed
                .iter()
                .enumerate()
                .filter_map(|(i, label)| Some((i, label.as_ref()?.rect(wishes[i].center))))
                .collect();
            for (i, (owner, rect)) in rects.iter().enumerate() {
                let cut = !(WINDOW.contains(rect.min) && WINDOW.contains(rect.max));
                prop_assert!(!cut, "the window cuts {rect:?}");
                for (_, other) in &rects[i + 1..] {
                    prop_assert!(rect.intersect(*other).is_empty(), "{rect:?} {other:?}");
                }
                for (node, wish) in wishes.iter().enumerate().filter(|(node, _)| node != owner) {
                    let disc = Rect::from_center_half_size(wish.center, Vec2::splat(wish.radius));
                    prop_assert!(rect.intersect(disc).is_empty(), "{node} under {owner}");
                }
            }
        }

        #[test]
        fn what_matters_most_is_always_said_in_full(wishes in any_wishes()) {
            // Where no other node is in the way, that is.
            let mut wishes = wishes;
            wishes.retain(|w| w.center.distance(Vec2::new(900.0, 500.0)) > 500.0);
            wishes.push(wish(900.0, 500.0, "the-one-in-focus", 100.0));
            let placed = placed(&wishes);
            let label = placed.last().unwrap().as_ref().unwrap();
            prop_assert!(label.second == Second::Below && label.name == "the-one-in-focus");
        }
    }

    #[test]
    fn a_lone_node_has_its_label_below() {
        let placed = placed(&[wish(500.0, 500.0, "orders", 0.0)]);
        let label = placed[0].as_ref().unwrap();
        assert_eq!(label.side, Side::Below);
        assert!(label.second == Second::Below && label.offset.x == 0.0 && label.offset.y > 18.0);
    }

    #[test]
    fn in_narrow_rows_all_labels_stand_beside_their_nodes() {
        let column: Vec<Wish> =
            (0..15).map(|row| wish(500.0, 60.0 + 48.0 * row as f32, "orders", 0.0)).collect();
        let placed = placed(&column);
        assert!(placed.iter().all(|label| label.as_ref().unwrap().side == Side::Right));
    }

    #[test]
    fn neighbours_without_room_are_shortened_before_they_are_hidden() {
        let name = "webshop-checkout-create-payment";
        let row: Vec<Wish> =
            (0..8).map(|i| wish(100.0 + 210.0 * i as f32, 500.0, name, 0.0)).collect();
        let placed = placed(&row);
        assert!(placed.iter().all(Option::is_some));
    }

    #[test]
    fn where_two_lines_have_no_room_the_share_that_goes_wrong_stands_behind_the_name() {
        // Between two rows of nodes there is room for one line.
        let second = |share: &str| {
            let mut wishes = vec![Wish {
                rate: "12.4 /s".to_owned(),
                share: share.to_owned(),
                ..wish(500.0, 500.0, "orders", 1.0)
            }];
            for y in [470.0, 530.0] {
                let node = |x| Wish { radius: 12.0, ..wish(x, y, "", 0.0) };
                wishes.extend((0..20).map(|at| node(200.0 + 30.0 * at as f32)));
            }
            placed(&wishes)[0].as_ref().map(|label| label.second)
        };
        assert_eq!(second("15%"), Some(Second::Behind));
        assert_eq!(second(""), Some(Second::None));
    }

    #[test]
    fn an_important_label_stands_a_little_aside_before_it_is_hidden() {
        // Rows above and below, and a node on either side, somewhat higher.
        let placed = |important| {
            let mut wishes = vec![Wish { important, ..wish(500.0, 500.0, "group of many", 9.0) }];
            for y in [440.0, 560.0] {
                wishes.extend((0..20).map(|at| wish(200.0 + 40.0 * at as f32, y, "", 0.0)));
            }
            wishes.extend([430.0, 570.0].map(|x| wish(x, 480.0, "", 0.0)));
            placed(&wishes)[0].clone()
        };
        assert_eq!(placed(false), None);
        let label = placed(true).unwrap();
        assert!(label.offset.y > 0.0 && label.name == "group of many");
    }

    #[test]
    fn a_label_that_the_window_would_cut_stands_elsewhere() {
        let label = placed(&[wish(900.0, 1060.0, "orders", 0.0)]);
        assert_eq!(label[0].as_ref().unwrap().side, Side::Above);
    }

    #[test]
    fn a_label_that_a_card_would_cover_stands_elsewhere() {
        let none = Streams::new(FONT.name);
        let side = |covers: &[Rect]| {
            let wishes = [wish(900.0, 500.0, "orders", 0.0)];
            let placed = place(&wishes, &none, &none, FONT, &room(covers));
            placed[0].as_ref().map(|label| label.side)
        };
        let card = Rect::new(700.0, 530.0, 1_100.0, 600.0);
        assert_eq!(side(&[]), Some(Side::Below));
        assert_eq!(side(&[card]), Some(Side::Above));
        assert_eq!(side(&[Rect::new(0.0, 0.0, 1_920.0, 1_080.0)]), None);
    }

    #[test]
    fn a_label_keeps_out_of_a_stream_and_stays_where_it_was_for_a_thin_line() {
        let at = |width| {
            let mut streams = Streams::new(FONT.name);
            streams.add((0..40).map(|i| Vec2::new(400.0 + 5.0 * i as f32, 535.0)), width);
            let wishes = [wish(500.0, 500.0, "orders", 0.0)];
            let placed = place(&wishes, &streams, &streams, FONT, &room(&[]));
            placed[0].as_ref().unwrap().side
        };
        assert_eq!(at(0.8), Side::Below);
        assert_eq!(at(6.0), Side::Above);
    }

    #[test]
    fn what_has_stepped_back_does_not_cover_what_is_in_front() {
        let mut front = Streams::new(FONT.name);
        front.add((0..100).map(|i| Vec2::new(500.0, 300.0 + 4.0 * i as f32)), 5.0);
        front.add((0..100).map(|i| Vec2::new(300.0 + 4.0 * i as f32, 500.0)), 5.0);
        let mut behind = wish(500.0, 500.0, "orders", 0.0);
        let streams = Streams::new(FONT.name);
        let shown = |wish: &Wish| {
            place(std::slice::from_ref(wish), &streams, &front, FONT, &room(&[]))[0].is_some()
        };
        assert!(shown(&behind));
        behind.tolerance = 8.0;
        assert!(!shown(&behind));
    }

    #[test]
    fn what_is_far_outside_the_window_takes_no_place() {
        assert_eq!(placed(&[wish(9000.0, 0.0, "orders", 0.0)]), [None]);
    }
}
