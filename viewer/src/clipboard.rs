//! The system's clipboard. In: [`CopyText`]. Out: text that other programs can paste, and
//! [`Remark`]s.

use bevy::prelude::*;
use spanfall_collector::feed::message::Severity;

use crate::panel::Remark;

/// Puts texts on the clipboard.
pub struct ClipboardPlugin;

impl Plugin for ClipboardPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Clipboard>()
            .add_message::<CopyText>()
            .add_message::<Remark>()
            .add_systems(Update, copy);
    }
}

/// Asks for a text to be put on the clipboard.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
pub struct CopyText {
    /// What it is, as in "Copied the trace id": a noun with its article.
    pub what: String,
    /// The text.
    pub text: String,
}

/// Where copied texts go: the system's clipboard, unless a test gives another one.
#[derive(Resource)]
pub struct Clipboard(Box<dyn FnMut(&str) -> Result<(), String> + Send + Sync>);

impl Clipboard {
    /// A clipboard of one's own: a function that takes a text, or says why it cannot.
    pub fn new(write: impl FnMut(&str) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Box::new(write))
    }
}

impl Default for Clipboard {
    fn default() -> Self {
        // Opened when it is needed first. It must stay: on X11 and Wayland the program that copied
        // a text hands it to whoever pastes it.
        let mut system = None;
        Self::new(move |text| {
            let open = match system.take() {
                Some(open) => Ok(open),
                None => arboard::Clipboard::new(),
            };
            let mut open = open.map_err(|error| error.to_string())?;
            // One that fails (a display server that was started anew) is opened again next time.
            open.set_text(text).map_err(|error| error.to_string())?;
            system = Some(open);
            Ok(())
        })
    }
}

fn copy(
    mut asked: MessageReader<'_, '_, CopyText>,
    mut clipboard: ResMut<'_, Clipboard>,
    mut remarks: MessageWriter<'_, Remark>,
) {
    for CopyText { what, text } in asked.read() {
        remarks.write(match (clipboard.0)(text) {
            Ok(()) => Remark { severity: Severity::Info, text: format!("Copied {what}") },
            Err(why) => {
                // Without a clipboard the terminal is the next best place to copy from.
                warn!("there is no clipboard here ({why}); {what}:\n{text}");
                Remark {
                    severity: Severity::Warning,
                    text: format!("There is no clipboard here. The log has {what}."),
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Copies a text to this clipboard; what the viewer says then.
    fn said(clipboard: Clipboard) -> Remark {
        let mut app = App::new();
        app.add_plugins(ClipboardPlugin).insert_resource(clipboard);
        let (what, text) = ("the trace id".to_owned(), "4bf92f".to_owned());
        app.world_mut().write_message(CopyText { what, text });
        app.update();
        let mut remarks = app.world_mut().resource_mut::<Messages<Remark>>();
        let said: Vec<Remark> = remarks.drain().collect();
        assert_eq!(said.len(), 1);
        said[0].clone()
    }

    #[test]
    fn a_copied_text_is_on_the_clipboard_and_the_viewer_says_so() {
        let board = Arc::new(Mutex::new(String::new()));
        let there = Arc::clone(&board);
        let remark = said(Clipboard::new(move |text| {
            text.clone_into(&mut there.lock().unwrap());
            Ok(())
        }));
        assert_eq!(*board.lock().unwrap(), "4bf92f");
        assert_eq!(
            (remark.severity, remark.text.as_str()),
            (Severity::Info, "Copied the trace id")
        );
    }

    #[test]
    fn without_a_clipboard_the_viewer_says_where_the_text_is() {
        let remark = said(Clipboard::new(|_| Err("no display".to_owned())));
        assert_eq!(remark.severity, Severity::Warning);
        assert_eq!(remark.text, "There is no clipboard here. The log has the trace id.");
    }
}
