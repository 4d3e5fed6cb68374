//! What the keys mean: to the control that has them, or else to the picture. In: key presses,
//! [`InputFocus`]. Out: [`Command`]s.

use bevy::input::ButtonState;
use bevy::input::keyboard::{Key, KeyCode, KeyboardInput};
use bevy::input_focus::InputFocus;
use bevy::prelude::*;

use crate::focus::{Arrow, Command, FocusSystems};
use crate::picture::filter::Change;
use crate::search::{Ask, Search, Typed};

/// Turns key presses into commands.
pub struct KeysPlugin;

impl Plugin for KeysPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<InputFocus>()
            .add_message::<KeyboardInput>()
            .add_message::<Command>()
            .add_message::<Typed>()
            .add_systems(Update, read_keys.in_set(FocusSystems::Ask));
    }
}

/// Marks what can have the keys. Whatever has the [`InputFocus`] and not this does not have them.
#[derive(Component, Clone, Copy, Debug, Default)]
pub struct TakesKeys;

/// Every key and its meaning, as the list of keys shows them.
pub const KEYS: [(&str, &str); 33] = [
    ("Click", "select a node or an edge"),
    ("Double click", "go into a node, a region, a group; on the ground go out"),
    ("Drag", "move the picture, or a node"),
    ("Wheel  + −", "zoom"),
    ("← ↑ ↓ →", "the next node there"),
    ("Tab", "next control; with Shift the one before"),
    ("Enter", "go into what is selected; press the control"),
    ("Alt with ↑", "out to the level around"),
    ("Backspace", "the level before; Alt with → the one after"),
    ("/", "search"),
    ("N  E  X", "narrow what is shown; only errors; everything again"),
    ("Z", "fold what was unfolded"),
    ("Esc", "back"),
    ("F", "show everything"),
    ("R", "forget where nodes were dragged"),
    ("Space", "pause, go on"),
    (",  .", "tick by tick"),
    ("[  ]", "slower, faster: 0.1 to 20 times"),
    ("Home  End", "the oldest moment; back to live"),
    ("T", "timeline"),
    ("M", "mute the first notice for an hour; with Shift show all again"),
    ("O", "open the runbook of the first notice"),
    ("G", "go along with the worst request of what is selected, then the next"),
    ("U", "open it in the trace store"),
    ("L", "legend"),
    ("V", "the next theme"),
    ("P", "options: labels, sizes, particles, motion"),
    ("S", "save a picture (PNG); with Shift begin or end a clip"),
    ("I", "how to point functions here"),
    ("C", "copy what the card shows, or the trace id of the request"),
    ("F11", "full screen"),
    ("H  ?", "this list"),
    ("Q with Ctrl", "quit"),
];

/// How much closer one press of + goes.
const ZOOM_STEP: f32 = 1.3;

fn read_keys(
    mut presses: MessageReader<'_, '_, KeyboardInput>,
    held: Res<'_, ButtonInput<KeyCode>>,
    (focus, controls): (Res<'_, InputFocus>, Query<'_, '_, (), With<TakesKeys>>),
    mut commands: MessageWriter<'_, Command>,
    mut exit: MessageWriter<'_, AppExit>,
    search: Option<Res<'_, Search>>,
    mut typed: MessageWriter<'_, Typed>,
) {
    let mut typing = search.is_some_and(|search| search.open);
    let mut on_control = focus.get().is_some_and(|holder| controls.contains(holder));
    let shift = held.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]);
    let alt = held.any_pressed([KeyCode::AltLeft, KeyCode::AltRight]);
    let control = held.any_pressed([
        KeyCode::ControlLeft,
        KeyCode::ControlRight,
        KeyCode::SuperLeft,
        KeyCode::SuperRight,
    ]);
    let events: Vec<&KeyboardInput> = presses.read().collect();
    for (index, press) in events.iter().enumerate() {
        if press.state != ButtonState::Pressed {
            continue;
        }
        let shift = shift_at(&events, index).unwrap_or(shift);
        let letter = letter(press);
        if typing && press.logical_key == Key::Tab {
            // The field is a control like others.
            (typing, on_control) = (false, false);
            commands.write(Command::Search(Ask::Close));
        }
        if typing {
            match word(press, shift, control) {
                Some(Word::Types(text)) => _ = typed.write(text),
                Some(Word::Asks(command)) => {
                    typing = command != Command::Search(Ask::Close);
                    // The field that had the keys is gone.
                    on_control &= typing;
                    commands.write(command);
                }
                None => {}
            }
            continue;
        }
        if control {
            if letter == Some('q') {
                exit.write(AppExit::Success);
            }
            continue;
        }
        let for_control = on_control && !alt;
        let command = match meaning_to_control(&press.logical_key, press.repeat) {
            Some(command) if for_control => Some(command),
            _ if alt => with_alt(&press.logical_key),
            _ => meaning(&press.logical_key, letter, shift, press.repeat),
        };
        if let Some(command) = command {
            on_control = match command {
                Command::NextControl(_) => true,
                Command::Back => false,
                _ => on_control,
            };
            // On a slow screen what is typed may come in the same frame.
            typing = command == Command::Search(Ask::Open);
            commands.write(command);
        }
    }
}

/// What a key means while a search is open.
enum Word {
    Types(Typed),
    Asks(Command),
}

fn word(press: &KeyboardInput, shift: bool, control: bool) -> Option<Word> {
    let asks = |command| Some(Word::Asks(command));
    match &press.logical_key {
        Key::Escape => asks(Command::Search(Ask::Close)),
        Key::Enter | Key::ArrowUp if shift || press.logical_key == Key::ArrowUp => {
            asks(Command::Search(Ask::Previous))
        }
        Key::Enter | Key::ArrowDown => asks(Command::Search(Ask::Next)),
        Key::Backspace if control => Some(Word::Types(Typed::WordShorter)),
        Key::Backspace => Some(Word::Types(Typed::Shorter)),
        Key::Space => Some(Word::Types(Typed::Text(" ".to_owned()))),
        Key::Character(text) if !control => Some(Word::Types(Typed::Text(text.to_string()))),
        _ => None,
    }
}

/// Whether Shift was down at one of a frame's events. A quick hand has let go of it before a slow frame
/// sees either. None if the frame's events do not say.
fn shift_at(events: &[&KeyboardInput], index: usize) -> Option<bool> {
    let (before, after) = events.split_at_checked(index)?;
    let shift = |event: &&&KeyboardInput| {
        matches!(event.key_code, KeyCode::ShiftLeft | KeyCode::ShiftRight)
    };
    match before.iter().rev().find(shift) {
        Some(last) => Some(last.state == ButtonState::Pressed),
        None => after.iter().find(shift).map(|next| next.state == ButtonState::Released),
    }
}

/// The letter on the key: the one that the layout puts there, or, where that is no Latin letter,
/// the one at this place on an English keyboard, so that shortcuts work under any alphabet.
fn letter(press: &KeyboardInput) -> Option<char> {
    let typed = match &press.logical_key {
        Key::Character(text) => text.chars().next(),
        _ => return None,
    };
    if let Some(typed) = typed.filter(char::is_ascii) {
        return Some(typed.to_ascii_lowercase());
    }
    Some(match press.key_code {
        KeyCode::KeyC => 'c',
        KeyCode::KeyE => 'e',
        KeyCode::KeyF => 'f',
        KeyCode::KeyG => 'g',
        KeyCode::KeyH => 'h',
        KeyCode::KeyI => 'i',
        KeyCode::KeyL => 'l',
        KeyCode::KeyM => 'm',
        KeyCode::KeyN => 'n',
        KeyCode::KeyO => 'o',
        KeyCode::KeyP => 'p',
        KeyCode::KeyQ => 'q',
        KeyCode::KeyR => 'r',
        KeyCode::KeyS => 's',
        KeyCode::KeyT => 't',
        KeyCode::KeyV => 'v',
        KeyCode::KeyX => 'x',
        KeyCode::KeyZ => 'z',
        KeyCode::KeyU => 'u',
        _ => return None,
    })
}

/// What a key asks of the control that has the keys. What it does not know is the picture's.
fn meaning_to_control(key: &Key, repeat: bool) -> Option<Command> {
    match key {
        Key::ArrowUp => Some(Command::Arrow(Arrow::Up)),
        Key::ArrowDown => Some(Command::Arrow(Arrow::Down)),
        Key::ArrowLeft => Some(Command::Arrow(Arrow::Left)),
        Key::ArrowRight => Some(Command::Arrow(Arrow::Right)),
        Key::Enter | Key::Space if !repeat => Some(Command::Press),
        _ => None,
    }
}

/// What a key asks for while Alt is held: the way through the levels, as in a browser.
fn with_alt(key: &Key) -> Option<Command> {
    match key {
        Key::ArrowLeft => Some(Command::Backward),
        Key::ArrowRight => Some(Command::Forward),
        Key::ArrowUp => Some(Command::Outward),
        _ => None,
    }
}

/// What a key asks for. Held keys repeat where that helps (walking, zooming), and nowhere else.
fn meaning(key: &Key, letter: Option<char>, shift: bool, repeat: bool) -> Option<Command> {
    match (key, letter) {
        (Key::Tab, _) => return Some(Command::NextControl(!shift)),
        (Key::ArrowUp, _) => return Some(Command::Walk(Arrow::Up)),
        (Key::ArrowDown, _) => return Some(Command::Walk(Arrow::Down)),
        (Key::ArrowLeft, _) => return Some(Command::Walk(Arrow::Left)),
        (Key::ArrowRight, _) => return Some(Command::Walk(Arrow::Right)),
        (_, Some('+' | '=')) => return Some(Command::Zoom(ZOOM_STEP)),
        (_, Some('-' | '_')) => return Some(Command::Zoom(1.0 / ZOOM_STEP)),
        (_, Some(',')) => return Some(Command::StepTick(false)),
        (_, Some('.')) => return Some(Command::StepTick(true)),
        _ if repeat => return None,
        _ => {}
    }
    match (key, letter) {
        (Key::Escape, _) => Some(Command::Back),
        (Key::Enter, _) => Some(Command::Enter(None)),
        (Key::Backspace | Key::BrowserBack, _) => Some(Command::Backward),
        (Key::BrowserForward, _) => Some(Command::Forward),
        (Key::Space, _) | (_, Some(' ')) => Some(Command::TogglePause),
        (Key::Home, _) => Some(Command::SeekBegin),
        (Key::End, _) => Some(Command::Live),
        (_, Some('[')) => Some(Command::Slower),
        (_, Some(']')) => Some(Command::Faster),
        (_, Some('t')) => Some(Command::ToggleTimeline),
        (Key::F11, _) => Some(Command::ToggleFullScreen),
        (_, Some('/')) => Some(Command::Search(Ask::Open)),
        (_, Some('n')) => Some(Command::ToggleFilters),
        (_, Some('e')) => Some(Command::Filter(Change::Trouble)),
        (_, Some('x')) => Some(Command::Filter(Change::Clear)),
        (_, Some('z')) => Some(Command::Fold),
        (_, Some('f')) => Some(Command::Fit),
        (_, Some('r')) => Some(Command::ResetLayout),
        (_, Some('s')) if shift => Some(Command::ToggleClip),
        (_, Some('s')) => Some(Command::Snapshot),
        (_, Some('i')) => Some(Command::ToggleSetup),
        (_, Some('c')) => Some(Command::Copy),
        (_, Some('p')) => Some(Command::ToggleOptions),
        (_, Some('v')) => Some(Command::NextTheme(!shift)),
        (_, Some('l')) => Some(Command::ToggleLegend),
        (_, Some('m')) if shift => Some(Command::Unmute),
        (_, Some('m')) => Some(Command::Mute(0)),
        (_, Some('o')) => Some(Command::OpenRunbook(0)),
        (_, Some('g')) => Some(Command::FollowExample),
        (_, Some('u')) => Some(Command::OpenTrace),
        (_, Some('h' | '?')) => Some(Command::ToggleKeys),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(logical_key: Key, key_code: KeyCode) -> KeyboardInput {
        KeyboardInput {
            key_code,
            logical_key,
            state: ButtonState::Pressed,
            text: None,
            repeat: false,
            window: Entity::PLACEHOLDER,
        }
    }

    fn asked(press: &KeyboardInput, shift: bool) -> Option<Command> {
        meaning(&press.logical_key, letter(press), shift, press.repeat)
    }

    #[test]
    fn letters_follow_the_layout_not_the_place_of_the_key() {
        // On a Dvorak keyboard the key at the place of Y types F.
        let dvorak = press(Key::Character("f".into()), KeyCode::KeyY);
        assert_eq!(asked(&dvorak, false), Some(Command::Fit));
    }

    #[test]
    fn letters_work_under_another_alphabet() {
        let cyrillic = press(Key::Character("а".into()), KeyCode::KeyF);
        assert_eq!(asked(&cyrillic, false), Some(Command::Fit));
    }

    #[test]
    fn capitals_and_question_marks_count() {
        assert_eq!(
            asked(&press(Key::Character("L".into()), KeyCode::KeyL), true),
            Some(Command::ToggleLegend)
        );
        assert_eq!(
            asked(&press(Key::Character("?".into()), KeyCode::Slash), true),
            Some(Command::ToggleKeys)
        );
    }

    #[test]
    fn shift_counts_though_it_is_pressed_and_let_go_within_one_frame() {
        let shift = |state| KeyboardInput { state, ..press(Key::Shift, KeyCode::ShiftLeft) };
        let (down, up) = (shift(ButtonState::Pressed), shift(ButtonState::Released));
        let s = press(Key::Character("S".into()), KeyCode::KeyS);
        assert_eq!(shift_at(&[&down, &s, &up], 1), Some(true));
        assert_eq!(shift_at(&[&s, &up], 0), Some(true), "it was held before");
        assert_eq!(shift_at(&[&s, &down], 0), Some(false));
        assert_eq!(shift_at(&[&down, &up, &s], 2), Some(false));
        assert_eq!(shift_at(&[&s], 0), None);
        assert_eq!(asked(&s, true), Some(Command::ToggleClip));
    }

    #[test]
    fn tab_walks_on_and_with_shift_back_even_when_held() {
        let mut tab = press(Key::Tab, KeyCode::Tab);
        tab.repeat = true;
        assert_eq!(asked(&tab, false), Some(Command::NextControl(true)));
        assert_eq!(asked(&tab, true), Some(Command::NextControl(false)));
        let mut space = press(Key::Space, KeyCode::Space);
        space.repeat = true;
        assert_eq!(asked(&space, false), None);
        assert_eq!(meaning_to_control(&Key::Space, true), None);
    }
}
