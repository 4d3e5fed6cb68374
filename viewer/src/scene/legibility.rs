//! What every theme that comes with the program must hold: texts and marks stand out from their
//! grounds, and classes from each other, for colour-blind eyes too. Contrast is WCAG's; colour
//! vision is simulated with the matrices of Machado, Oliveira and Fernandes (2009) at full severity;
//! distances are CIE76. Shapes tell slow from throttled, whose colour is one.

use bevy::prelude::*;

use super::theme::{Colors, SHIPPED, Theme};

/// The least contrasts: of what is read first, second, when looked for; of marks.
const TEXT: f32 = 7.0;
const SECONDARY: f32 = 4.5;
const MARK: f32 = 3.0;
/// The least distance between two classes, to any eyes; a just noticeable one is about 2.
const APART: f32 = 25.0;

/// The same between a cold start and any class. Its ring is a shape of its own, so this is less.
const COLD_APART: f32 = 15.0;

/// Rows from linear RGB to linear RGB as these eyes see it.
const EYES: [(&str, [[f32; 3]; 3]); 4] = [
    ("usual", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

fn contrast(one: Color, other: Color) -> f32 {
    let (one, other) = (one.luminance(), other.luminance());
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn seen(color: Color, eyes: &[[f32; 3]; 3]) -> Laba {
    let linear = color.to_linear();
    let rows = eyes.map(|row| {
        (row[0] * linear.red + row[1] * linear.green + row[2] * linear.blue).clamp(0.0, 1.0)
    });
    LinearRgba::rgb(rows[0], rows[1], rows[2]).into()
}

/// CIE76. Bevy's components of Lab are hundredths.
fn distance(one: Laba, other: Laba) -> f32 {
    Vec3::new(one.lightness, one.a, one.b).distance(Vec3::new(other.lightness, other.a, other.b))
        * 100.0
}

fn each(check: impl Fn(&str, &Colors)) {
    for (name, text) in SHIPPED {
        check(name, &Theme::parse(None, text).unwrap().colors);
    }
}

#[test]
fn contrast_and_distance_are_what_their_definitions_say() {
    assert!((contrast(Color::BLACK, Color::WHITE) - 21.0).abs() < 0.01);
    let usual = &EYES[0].1;
    let black_to_white = distance(seen(Color::BLACK, usual), seen(Color::WHITE, usual));
    assert!((black_to_white - 100.0).abs() < 0.1, "{black_to_white}");
    // Red and green are one hue to deuteranopes, far apart to others.
    let red_to_green = |eyes| {
        distance(seen(Color::srgb_u8(180, 90, 0), eyes), seen(Color::srgb_u8(120, 120, 0), eyes))
    };
    assert!(red_to_green(&EYES[2].1) * 2.0 < red_to_green(usual));
}

#[test]
fn texts_stand_out_from_every_ground() {
    each(|name, colors| {
        for ground in [colors.background, colors.surface, colors.surface_raised] {
            let texts = [
                (colors.text, TEXT),
                (colors.text_secondary, SECONDARY),
                (colors.text_faint, MARK),
            ];
            for (text, least) in texts {
                let is = contrast(text, ground);
                assert!(is >= least, "{name}: {text:?} on {ground:?} is {is}, below {least}");
            }
        }
    });
}

#[test]
fn marks_stand_out_from_every_ground() {
    each(|name, colors| {
        let marks = [colors.ok, colors.slow, colors.throttled, colors.error, colors.cold];
        for mark in marks.into_iter().chain([colors.accent]) {
            for ground in [colors.background, colors.surface, colors.node] {
                let is = contrast(mark, ground);
                assert!(is >= MARK, "{name}: {mark:?} on {ground:?} is {is}");
            }
        }
        assert!(contrast(colors.edge, colors.background) >= MARK, "{name}: edges");
        assert!(contrast(colors.icon, colors.node) >= TEXT, "{name}: icons");
    });
}

#[test]
fn classes_stay_apart_whatever_colours_the_eyes_tell() {
    each(|name, colors| {
        let classes = [colors.ok, colors.slow, colors.error];
        for (eyes, matrix) in &EYES {
            for (at, one) in classes.iter().enumerate() {
                for other in &classes[at + 1..] {
                    let is = distance(seen(*one, matrix), seen(*other, matrix));
                    assert!(is >= APART, "{name}, {eyes}: {one:?} and {other:?} are {is} apart");
                }
            }
        }
    });
}

#[test]
fn a_cold_start_is_told_from_every_class_by_its_colour_too() {
    each(|name, colors| {
        for (eyes, matrix) in &EYES {
            for class in [colors.ok, colors.slow, colors.throttled, colors.error] {
                let is = distance(seen(colors.cold, matrix), seen(class, matrix));
                assert!(is >= COLD_APART, "{name}, {eyes}: cold and {class:?} are {is} apart");
            }
        }
    });
}

#[test]
fn the_ring_of_a_cold_start_lies_outside_every_shape() {
    // Whoever sees no colours sees that: in the shader the ring begins where the longest dot ends.
    let shader = super::draw::shaders::all();
    let (_, text) = shader.iter().find(|(file, _)| *file == "particles.wgsl").unwrap();
    let number = |before: &str, after: &str| -> f32 {
        let rest = text.split(before).nth(1).unwrap();
        rest.split(after).next().unwrap().trim().parse().unwrap()
    };
    let middle = number("abs(far - ", ") * radius");
    let half = number("max(radius *", ", 0.6))");
    // The diamond of a slow one is the longest.
    assert!(middle - half > 0.8 / (0.85 * 0.62), "from {middle} to either side {half}");
}
