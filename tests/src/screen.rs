//! A screen that nobody looks at: Xvfb, and what a person's eyes and hands do on it. In: clicks and
//! keys. Out: what the screen shows.

use std::io::IoSlice;
use std::process::Command;
use std::time::Duration;

use image::{Rgb, RgbImage};
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, EventMask,
    ImageFormat, InputFocus, MapState, Window,
};
use x11rb::rust_connection::RustConnection;

use crate::driver::INSTALL;
use crate::program::{Program, command, until};

/// How long Xvfb may take to start.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// What can be pressed and moved, by the numbers that the X protocol has for it.
#[derive(Clone, Copy)]
enum Event {
    KeyPress = 2,
    KeyRelease = 3,
    ButtonPress = 4,
    ButtonRelease = 5,
    MotionNotify = 6,
}

/// Symbols of keys that make no character; those that do are the character's number.
pub const ESCAPE: u32 = 0xff1b;
/// Return.
pub const ENTER: u32 = 0xff0d;
/// Backspace.
pub const BACKSPACE: u32 = 0xff08;
/// Tab.
pub const TAB: u32 = 0xff09;
/// To the beginning.
pub const HOME: u32 = 0xff50;
/// To the end.
pub const END: u32 = 0xff57;

/// A screen of its own. Dropping it ends its X server.
pub struct Screen {
    connection: RustConnection,
    root: Window,
    size: (u16, u16),
    display: String,
    /// The extension that plays hands: the first byte of its requests.
    xtest: u8,
    _server: Program,
}

impl Screen {
    /// Starts an X server with one screen of this size, on a display number that is free.
    ///
    /// # Panics
    /// If there is no Xvfb, or it does not start.
    #[track_caller]
    pub fn start(width: u16, height: u16) -> Self {
        let mut xvfb = command("Xvfb");
        xvfb.args(["-displayfd", "1", "-nolisten", "tcp", "-noreset"]).args([
            "-screen",
            "0",
            &format!("{width}x{height}x24"),
        ]);
        let found = Command::new("Xvfb").arg("-help").output().is_ok();
        assert!(found, "no Xvfb: {INSTALL}");
        let mut server = Program::start("Xvfb", xvfb);
        // It prints the number once it listens.
        let number = until(STARTS_WITHIN, "Xvfb's display number", || {
            assert!(server.ended().is_none(), "Xvfb ended: {}", server.stderr());
            server.stdout().strip_suffix('\n').map(str::to_owned)
        });
        let display = format!(":{number}");
        let (connection, screen) = x11rb::connect(Some(&display)).expect("a display that answers");
        let root = connection.setup().roots[screen].root;
        let xtest = connection.query_extension(b"XTEST").expect("a request").reply();
        let xtest = xtest.expect("XTEST").major_opcode;
        Self { connection, root, size: (width, height), display, xtest, _server: server }
    }

    /// What `DISPLAY` must be for programs that are to show on it.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The window with this title, once it is on the screen.
    pub fn window(&self, title: &str) -> Option<Window> {
        let tree = self.connection.query_tree(self.root).ok()?.reply().ok()?;
        tree.children.into_iter().find(|&window| {
            let name = self.connection.get_property(
                false,
                window,
                AtomEnum::WM_NAME,
                AtomEnum::ANY,
                0,
                64,
            );
            let name = name.ok().and_then(|cookie| cookie.reply().ok());
            name.is_some_and(|name| name.value == title.as_bytes()) && self.shows(window)
        })
    }

    /// Whether a window is on the screen; before, it cannot have the keyboard.
    fn shows(&self, window: Window) -> bool {
        let attributes = self.connection.get_window_attributes(window);
        let attributes = attributes.ok().and_then(|cookie| cookie.reply().ok());
        attributes.is_some_and(|attributes| attributes.map_state == MapState::VIEWABLE)
    }

    /// What the screen shows now.
    ///
    /// # Panics
    /// If the server does not tell.
    #[track_caller]
    pub fn picture(&self) -> RgbImage {
        let (width, height) = self.size;
        let image = self
            .connection
            .get_image(ImageFormat::Z_PIXMAP, self.root, 0, 0, width, height, u32::MAX)
            .expect("a request")
            .reply()
            .expect("a picture of the screen");
        let mut picture = RgbImage::new(width.into(), height.into());
        // 24 bits deep means four bytes a pixel: blue, green, red, nothing.
        for (pixel, bytes) in picture.pixels_mut().zip(image.data.chunks_exact(4)) {
            *pixel = Rgb([bytes[2], bytes[1], bytes[0]]);
        }
        picture
    }

    /// Gives a window the keyboard; there is no window manager that would.
    pub fn focus(&self, window: Window) {
        let focus = self.connection.set_input_focus(InputFocus::PARENT, window, 0u32);
        focus.expect("a request").check().expect("a window that can have the keyboard");
    }

    /// Moves the pointer.
    pub fn point_at(&self, (x, y): (u32, u32)) {
        self.fake(Event::MotionNotify, 0, (x as i16, y as i16));
    }

    /// Presses and releases the left button.
    pub fn click(&self) {
        self.fake(Event::ButtonPress, 1, (0, 0));
        self.fake(Event::ButtonRelease, 1, (0, 0));
    }

    /// Presses and releases a key, by its symbol.
    ///
    /// # Panics
    /// If the keyboard has no such key.
    #[track_caller]
    pub fn press(&self, symbol: u32) {
        let setup = self.connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self.connection.get_keyboard_mapping(first, last - first + 1);
        let mapping = mapping.expect("a request").reply().expect("the keyboard's keys");
        let columns = usize::from(mapping.keysyms_per_keycode);
        let row = mapping.keysyms.chunks(columns).position(|row| row.contains(&symbol));
        let row = row.unwrap_or_else(|| panic!("no key makes {symbol:#x}"));
        let code = first + u8::try_from(row).expect("fewer than 256 keys");
        self.fake(Event::KeyPress, code, (0, 0));
        self.fake(Event::KeyRelease, code, (0, 0));
    }

    /// Gives a window another size, as a hand at its corner does.
    ///
    /// # Panics
    /// If there is no such window.
    #[track_caller]
    pub fn resize(&self, window: Window, width: u32, height: u32) {
        let size = ConfigureWindowAux::new().width(width).height(height);
        let changed = self.connection.configure_window(window, &size).expect("a request");
        changed.check().expect("a window");
    }

    /// Takes a window off the screen, as minimising does.
    ///
    /// # Panics
    /// If there is no such window.
    #[track_caller]
    pub fn hide(&self, window: Window) {
        self.connection.unmap_window(window).expect("a request").check().expect("a window");
    }

    /// Puts it back.
    ///
    /// # Panics
    /// If there is no such window.
    #[track_caller]
    pub fn show(&self, window: Window) {
        self.connection.map_window(window).expect("a request").check().expect("a window");
    }

    /// Closes a window, as a click on its cross does.
    ///
    /// # Panics
    /// If the server does not take the message.
    #[track_caller]
    pub fn close(&self, window: Window) {
        let data = [self.atom(b"WM_DELETE_WINDOW"), 0, 0, 0, 0];
        let event = ClientMessageEvent::new(32, window, self.atom(b"WM_PROTOCOLS"), data);
        let sent = self.connection.send_event(false, window, EventMask::NO_EVENT, event);
        sent.expect("a request").check().expect("a window that can be closed");
    }

    fn atom(&self, name: &[u8]) -> Atom {
        let atom = self.connection.intern_atom(false, name).expect("a request").reply();
        atom.expect("an atom").atom
    }

    /// One `FakeInput` request of the XTEST extension, which the server treats as if a hand had
    /// done it. Written by hand, since the library's own would build it, and what the viewer has
    /// of it, anew.
    fn fake(&self, event: Event, detail: u8, (x, y): (i16, i16)) {
        const FAKE_INPUT: u8 = 2;
        const WORDS: u16 = 9;
        let mut request = Vec::with_capacity(36);
        request.extend([self.xtest, FAKE_INPUT]);
        request.extend(WORDS.to_ne_bytes());
        request.extend([event as u8, detail, 0, 0]);
        request.extend([0; 4]); // at once
        request.extend(self.root.to_ne_bytes());
        request.extend([0; 8]);
        request.extend(x.to_ne_bytes());
        request.extend(y.to_ne_bytes());
        request.extend([0; 8]);
        let parts = [IoSlice::new(&request)];
        let sent = self.connection.send_request_without_reply(&parts, Vec::new());
        sent.expect("a request").check().expect("XTEST takes input");
    }
}
