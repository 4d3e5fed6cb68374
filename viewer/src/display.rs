//! Whether there is a screen to draw on and something to draw with; and if not, a sentence that
//! helps, in place of a panic's backtrace.

use std::io::{self, Write as _};
use std::panic::PanicHookInfo;

/// What to do on a computer without a screen.
const HEADLESS: &str = "\
Without a screen you can
  render a picture      spanfall --snapshot out.png --at 10
  run the collector     cargo run --release -p spanfall-collector -- serve
and look at that collector from a computer with a screen:
                        spanfall --connect HOST:4320";

/// There is nothing to draw on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no display: neither WAYLAND_DISPLAY nor DISPLAY is set, so no window can be opened.\n\n{HEADLESS}"
)]
pub struct NoDisplay;

/// Looks for a display server, which on Linux is named by the environment.
///
/// # Errors
/// [`NoDisplay`] if none is named.
pub fn check() -> Result<(), NoDisplay> {
    let named = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !has_display(named) { Err(NoDisplay) } else { Ok(()) }
}

fn has_display(named: impl Fn(&str) -> bool) -> bool {
    ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"].into_iter().any(named)
}

/// From here on, a panic of the window system's or the graphics driver's set-up is told in plain
/// words and ends the program with exit code 1. Other panics are reported as ever.
pub fn explain_failures() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| match explanation(message(info)) {
        Some(text) => {
            // Nothing can be done about a standard error that is closed.
            let _ = writeln!(io::stderr(), "spanfall: {text}");
            std::process::exit(1);
        }
        None => usual(info),
    }));
}

fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or_default()
}

/// The plain words for a panic's message, if it is one of those that a computer's set-up causes.
fn explanation(message: &str) -> Option<String> {
    if message.contains("Unable to find a GPU") {
        Some(format!(
            "no graphics adapter: neither a GPU with its driver nor a software renderer was found.\n\
             On Debian and Ubuntu `apt-get install mesa-vulkan-drivers libvulkan1` brings both.\n\n\
             {HEADLESS}"
        ))
    } else if message.contains("Failed to build event loop")
        || message.contains("Failed to create wgpu surface")
    {
        Some(format!("the window system does not answer: {message}\n\n{HEADLESS}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_driver_is_told_with_what_to_install() {
        let text = explanation("Unable to find a GPU! Make sure you have installed drivers!");
        assert!(text.unwrap().contains("apt-get install mesa-vulkan-drivers"));
    }

    #[test]
    fn a_window_system_that_does_not_answer_is_told_with_the_headless_commands() {
        let text = explanation("Failed to build event loop: Os(..)").unwrap();
        assert!(text.contains("--snapshot") && text.contains("--connect"));
    }

    #[test]
    fn other_panics_are_reported_as_ever() {
        assert_eq!(explanation("index out of bounds"), None);
    }

    #[test]
    fn either_display_server_will_do() {
        assert!(has_display(|name| name == "DISPLAY"));
        assert!(has_display(|name| name == "WAYLAND_DISPLAY"));
        assert!(!has_display(|_| false));
    }
}
