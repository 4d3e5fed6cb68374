//! The sample file: every setting with its meaning and its default, commented out.

use super::Config;
use super::settings::{Change, SETTINGS};

/// How wide the sample's comments are.
const WIDTH: usize = 96;

/// A file that names every setting and changes none.
pub fn sample() -> String {
    let mut text = String::from(
        "# Spanfall's collector: every setting, at its default. Use it with\n\
         #     spanfall-collector --config spanfall.toml\n\
         # and try it with\n\
         #     spanfall-collector check spanfall.toml\n\
         # A change of this file takes effect when it is saved, except where it says \"restart\".\n",
    );
    let defaults = Config::default();
    let mut table = "";
    for setting in SETTINGS {
        if setting.table() != table {
            table = setting.table();
            text.push_str(&format!("\n[{table}]\n"));
        }
        text.push('\n');
        let restart = match setting.change {
            Change::AtOnce => String::new(),
            Change::AtRestart => " (restart)".to_owned(),
        };
        for line in wrapped(&format!("{}{restart}", setting.help)) {
            text.push_str(&format!("# {line}\n"));
        }
        let value = setting.value(&defaults);
        let value = value.unwrap_or_else(|| format!("{:?}", setting.example));
        text.push_str(&format!("#{} = {value}\n", setting.name()));
    }
    text
}

/// A text in lines.
pub(crate) fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|line| {
            !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH
        });
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
