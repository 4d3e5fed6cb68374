//! How wide text will be, before it is laid out, so that labels can be placed without waiting for
//! it. Never narrower than the real thing.

/// Advances of Inter SemiBold for the characters from space to `~`, in thousandths of the size.
/// Of the weights in use it is the widest.
const ADVANCES: [u16; 95] = [
    248, 309, 396, 643, 649, 844, 663, 213, 393, 393, 543, 673, 295, 466, 290, 379, 667, 667, 667,
    667, 667, 667, 667, 667, 667, 667, 290, 295, 673, 673, 673, 544, 999, 724, 657, 744, 724, 608,
    586, 755, 744, 275, 561, 677, 566, 906, 741, 775, 643, 776, 651, 649, 660, 734, 724, 1007, 690,
    705, 653, 393, 379, 393, 481, 468, 497, 575, 630, 577, 630, 593, 377, 625, 613, 261, 261, 569,
    261, 898, 610, 608, 625, 625, 397, 549, 380, 608, 576, 837, 562, 576, 562, 393, 358, 393, 673,
];
/// For letters beyond ASCII that the typeface has: wide ones of Cyrillic are this wide.
const OTHER: u16 = 1100;

/// The width of one line of text at this size, in the size's unit.
pub(super) fn width(text: &str, size: f32) -> f32 {
    let thousandths: u32 = text.chars().map(|c| u32::from(advance(c))).sum();
    thousandths as f32 / 1000.0 * size
}

fn advance(c: char) -> u16 {
    match c {
        ' '..='~' => ADVANCES[c as usize - ' ' as usize],
        '…' => 806,
        '·' => 290,
        _ => OTHER,
    }
}

/// `text`, or, where it is wider than `room`, its beginning and end around an ellipsis: names of
/// functions often begin with the system and end with what sets them apart. At least
/// `LEAST` characters stay; `None` where even these are too wide.
pub(super) fn shorten(text: &str, size: f32, room: f32) -> Option<String> {
    if width(text, size) <= room {
        return Some(text.to_owned());
    }
    let letters: Vec<char> = text.chars().collect();
    // More of the end than of the beginning, by one where the count is odd.
    (LEAST..letters.len().saturating_sub(1)).rev().find_map(|kept| {
        let head: String = letters[..kept / 2].iter().collect();
        let tail: String = letters[letters.len() - (kept - kept / 2)..].iter().collect();
        let shorter =
            format!("{}…{}", head.trim_end_matches(SEAMS), tail.trim_start_matches(SEAMS));
        (width(&shorter, size) <= room).then_some(shorter)
    })
}

/// Characters of a name that are worth keeping; fewer say nothing.
const LEAST: usize = 8;
/// Not left hanging beside the ellipsis.
const SEAMS: [char; 4] = ['-', '_', '.', ' '];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_shortened_fits_and_keeps_both_ends(
            name in "[a-zA-Z0-9_.é漢-]{1,60}", room in 10.0..400.0_f32,
        ) {
            if let Some(short) = shorten(&name, 16.0, room) {
                prop_assert!(width(&short, 16.0) <= room);
                if short != name {
                    let (head, tail) = short.split_once('…').unwrap();
                    prop_assert!(name.starts_with(head) && name.ends_with(tail));
                    prop_assert!(short.chars().count() < name.chars().count());
                }
            } else {
                prop_assert!(width(&name, 16.0) > room);
            }
        }
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        let name = "webshop-checkout-create-payment-intent";
        assert_eq!(shorten(name, 10.0, 150.0).unwrap(), "webshop-chec…yment-intent");
        assert_eq!(shorten(name, 10.0, 20.0), None);
        assert_eq!(shorten("orders", 10.0, 150.0).unwrap(), "orders");
    }

    /// Reads advances from the typeface's own tables (`cmap` format 4 and `hmtx`).
    #[test]
    fn no_character_is_wider_in_the_typeface_than_measured() {
        const FONT: &[u8] = include_bytes!("../../../../assets/fonts/Inter-SemiBold.otf");
        let short = |at: usize| usize::from(u16::from_be_bytes([FONT[at], FONT[at + 1]]));
        let long = |at: usize| short(at) << 16 | short(at + 2);
        let table = |tag: &[u8]| {
            let entry = (0..short(4)).map(|i| 12 + 16 * i).find(|at| &FONT[*at..][..4] == tag);
            long(entry.unwrap() + 8)
        };
        let units = short(table(b"head") + 18) as f32;
        let metrics = short(table(b"hhea") + 34);
        let advance_of = |glyph: usize| short(table(b"hmtx") + 4 * glyph.min(metrics - 1)) as f32;
        let cmap = table(b"cmap");
        let map = (0..short(cmap + 2))
            .map(|i| cmap + long(cmap + 4 + 8 * i + 4))
            .find(|at| short(*at) == 4)
            .unwrap();
        let segments = short(map + 6) / 2;
        let mut seen = 0;
        for segment in 0..segments {
            let at = |array: usize| map + 14 + 2 * (array * segments + segment);
            let (end, start) = (short(at(0)), short(at(1) + 2));
            let (delta, range) = (short(at(2) + 2), short(at(3) + 2));
            for code in start..=end.min(0xFFFD) {
                let glyph = match range {
                    0 => (code + delta) & 0xFFFF,
                    _ => short(at(3) + 2 + range + 2 * (code - start)),
                };
                let letter = char::from_u32(code as u32).unwrap();
                let real = advance_of(glyph) / units;
                // Two digraphs of Croatian are wider still, and never in a name.
                if real < 1.1 {
                    assert!(
                        width("x", 1.0) > 0.0 && width(&letter.to_string(), 1.0) > real - 0.001,
                        "{letter}"
                    );
                    seen += 1;
                }
            }
        }
        assert!(seen > 700, "{seen}");
    }
}
