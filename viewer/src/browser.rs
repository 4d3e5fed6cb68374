//! Web pages, in the person's own browser. In: [`OpenPage`]. Out: a browser that shows it, and
//! [`Remark`]s.

use std::process::{Command as Process, Stdio};

use bevy::prelude::*;
use spanfall_collector::feed::message::Severity;
use spanfall_collector::trouble::is_web_page;

use crate::panel::Remark;

/// Opens web pages.
pub struct BrowserPlugin;

impl Plugin for BrowserPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<OpenPage>().add_message::<Remark>().add_systems(Update, open_pages);
    }
}

/// Asks for a page in the browser.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
pub struct OpenPage(pub String);

fn open_pages(mut asked: MessageReader<'_, '_, OpenPage>, mut remarks: MessageWriter<'_, Remark>) {
    for OpenPage(url) in asked.read() {
        let text = match open(url) {
            Ok(()) => format!("Opened {url}"),
            // Without a browser, as on a wall, the address is what helps.
            Err(why) => format!("{why} Open it elsewhere: {url}"),
        };
        info!("{text}");
        remarks.write(Remark { severity: Severity::Info, text });
    }
}

/// What opens a page, on this system.
const OPENER: &[&str] = if cfg!(target_os = "macos") {
    &["open"]
} else if cfg!(windows) {
    &["rundll32", "url.dll,FileProtocolHandler"]
} else {
    &["xdg-open"]
};

/// Only what a browser shows: an address from elsewhere must not start a program.
fn open(url: &str) -> Result<(), String> {
    if !is_web_page(url) {
        return Err("This is no web page.".to_owned());
    }
    let Some((program, arguments)) = OPENER.split_first() else { return Ok(()) };
    let mut child = Process::new(program)
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| "There is no browser here.".to_owned())?;
    // Somebody has to take note of its end.
    let waits = std::thread::Builder::new().name("browser".to_owned()).spawn(move || child.wait());
    waits.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_pages_are_opened() {
        for url in ["file:///etc/passwd", "calc.exe", "-h", "", "https://a b"] {
            assert_eq!(open(url), Err("This is no web page.".to_owned()), "{url}");
        }
    }
}
