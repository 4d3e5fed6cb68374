//! The viewer in a window, on a screen of its own. In: its arguments, a person's hands. Out: what it says
//! of what it shows, and the picture.

use std::time::{Duration, Instant};

use crate::driver;
use crate::program::{Ended, Program, command, path, until};
use crate::screen::Screen;

/// How long anything on the screen may take. It is drawn in software, on a busy machine.
pub const SOON: Duration = Duration::from_secs(120);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A viewer in a window with the keyboard.
pub struct Window {
    /// Where it is.
    pub screen: Screen,
    /// The process.
    pub viewer: Program,
    /// The window, as the screen knows it.
    pub id: u32,
}

impl Window {
    /// Opens the viewer, on a screen of this size.
    ///
    /// # Panics
    /// If there is no window in time.
    #[track_caller]
    pub fn open(size: (u16, u16), arguments: &[&str]) -> Self {
        let screen = Screen::start(size.0, size.1);
        let mut viewer = command(path("spanfall"));
        driver::select(&mut viewer);
        viewer
            .env("DISPLAY", screen.display())
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .env("RUST_LOG", "warn,spanfall_viewer=debug")
            .args(arguments);
        let mut viewer = Program::start("spanfall", viewer);
        let id = until(SOON, "the viewer's window", || {
            assert!(viewer.ended().is_none(), "the viewer ended: {}", viewer.stderr());
            screen.window("Spanfall")
        });
        screen.focus(id);
        Self { screen, viewer, id }
    }

    /// Looks again and again until there is something to be had.
    ///
    /// # Panics
    /// If there is not in time, or the viewer has ended. What the screen shows then is left in the folder for
    /// temporary files.
    #[track_caller]
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            let ended = self.viewer.ended();
            assert!(ended.is_none(), "the viewer ended: {}", self.viewer.stderr());
            if let Some(found) = look(self) {
                return found;
            }
            if began.elapsed() > SOON {
                let left = std::env::temp_dir().join("spanfall-window.png");
                let saved = self.screen.picture().save(&left);
                panic!("waited {SOON:?} in vain for {what}; see {} ({saved:?})", left.display());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The last of its lines in which this stands.
    pub fn last_said(&self, line: &str) -> Option<String> {
        self.viewer.stderr().lines().rfind(|said| said.contains(line)).map(str::to_owned)
    }

    /// Waits until the last of its lines in which `line` stands says so.
    ///
    /// # Panics
    /// If it does not in time.
    #[track_caller]
    pub fn until_says(&mut self, line: &str, says: &str) {
        self.until(&format!("{line} {says}"), |window| {
            window.last_said(line).filter(|said| said.contains(says)).map(drop)
        });
    }

    /// Presses keys one after the other.
    ///
    /// # Panics
    /// If the keyboard has no such key.
    #[track_caller]
    pub fn types(&self, text: &str) {
        for letter in text.bytes() {
            self.screen.press(u32::from(letter));
        }
    }

    /// Closes the window as a person does, and sees that nothing went wrong in it.
    ///
    /// # Panics
    /// If anything did.
    #[track_caller]
    pub fn close(self) -> Ended {
        self.screen.close(self.id);
        let ended = self.viewer.wait(SOON);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }
}
