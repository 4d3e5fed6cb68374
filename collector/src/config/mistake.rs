//! What is wrong with a configuration: where, what, and how to mend it.

use std::fmt;
use std::ops::Range;
use std::path::Path;

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, from one byte to another.
    File(Range<usize>),
    /// The file as a whole.
    WholeFile,
    /// In an environment variable of this name.
    Variable(String),
    /// On the command line, by this option.
    Option(String),
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// The setting whose value is wrong, if it is one setting's.
    pub(super) setting: Option<&'static str>,
}

impl Mistake {
    /// A mistake without a hint.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: None, setting: None }
    }

    /// In the value of a setting, which says what it expects.
    pub(super) fn in_value(setting: &'static str, place: Place, expected: &str) -> Self {
        let message = match place {
            Place::File(_) => format!("`{setting}`: {expected}"),
            _ => expected.to_owned(),
        };
        Self { setting: Some(setting), ..Self::new(place, message) }
    }

    /// The same, with how to mend it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Everything that is wrong with a configuration, in the order of the file, and the file's text to
/// point into. Displays as a compiler would put it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    file: String,
    text: String,
    list: Vec<Mistake>,
}

impl Mistakes {
    /// What is wrong with this text, which is that of `file`.
    pub fn new(file: Option<&Path>, text: &str, mut list: Vec<Mistake>) -> Self {
        list.sort_by_key(|mistake| match &mistake.place {
            Place::WholeFile => (0, 0),
            Place::File(span) => (1, span.start),
            Place::Variable(_) => (2, 0),
            Place::Option(_) => (3, 0),
        });
        let file = file.map(|file| file.display().to_string()).unwrap_or_default();
        Self { file, text: text.to_owned(), list }
    }

    /// The mistakes.
    pub fn list(&self) -> &[Mistake] {
        &self.list
    }

    /// The first mistake in one line, and how many others there are.
    pub fn summary(&self) -> String {
        let Some(first) = self.list.first() else { return String::new() };
        let mut line = format!("{}: {}", self.place(&first.place), first.message);
        if let Some(hint) = &first.hint {
            line = format!("{line}; {hint}");
        }
        match self.list.len() - 1 {
            0 => line,
            1 => format!("{line} (and one more mistake)"),
            more => format!("{line} (and {more} more mistakes)"),
        }
    }

    /// Line and column of a byte in the file, both counted from 1, the column in characters.
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    fn place(&self, place: &Place) -> String {
        match place {
            Place::File(span) => {
                let (line, column) = self.line_and_column(span.start);
                format!("{}:{line}:{column}", self.file)
            }
            Place::WholeFile => self.file.clone(),
            Place::Variable(name) => format!("environment variable {name}"),
            Place::Option(name) => format!("option {name}"),
        }
    }

    /// The line that a mistake is on, with what is wrong underlined.
    fn excerpt(&self, f: &mut fmt::Formatter<'_>, span: &Range<usize>) -> fmt::Result {
        let (number, column) = self.line_and_column(span.start);
        let line = self.text.lines().nth(number - 1).unwrap_or_default();
        let marked = self.text.get(span.clone()).unwrap_or_default();
        let width = marked.lines().next().unwrap_or_default().chars().count().max(1);
        // The marks stand under the text even where it is indented by tabs.
        let indent: String =
            line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let gutter = number.to_string();
        writeln!(f, "  {gutter} | {line}")?;
        writeln!(f, "  {:w$} | {indent}{}", "", "^".repeat(width), w = gutter.len())
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            writeln!(f, "{}: {}", self.place(&mistake.place), mistake.message)?;
            if let Place::File(span) = &mistake.place {
                self.excerpt(f, span)?;
            }
            if let Some(hint) = &mistake.hint {
                writeln!(f, "  hint: {hint}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_show_like_a_compiler_s_in_the_order_of_the_file() {
        let text = "[reduce]\n\twiat = 'ä'\nslow = 3\n";
        let list = vec![
            Mistake::new(Place::Option("--set".to_owned()), "no"),
            Mistake::new(Place::File(29..30), "seconds of what?"),
            Mistake::new(Place::File(10..14), "unknown").hint("did you mean `wait`?"),
        ];
        let mistakes = Mistakes::new(Some(Path::new("a.toml")), text, list);
        assert_eq!(
            mistakes.to_string(),
            "a.toml:2:2: unknown\n  2 | \twiat = 'ä'\n    | \t^^^^\n  hint: did you mean `wait`?\n\n\
             a.toml:3:8: seconds of what?\n  3 | slow = 3\n    |        ^\n\noption --set: no\n"
        );
        assert_eq!(
            mistakes.summary(),
            "a.toml:2:2: unknown; did you mean `wait`? (and 2 more mistakes)"
        );
    }

    #[test]
    fn a_place_past_the_end_of_the_file_is_its_last_line() {
        let list = vec![Mistake::new(Place::File(4..4), "more expected")];
        let mistakes = Mistakes::new(Some(Path::new("a.toml")), "a = ", list);
        assert_eq!(mistakes.to_string(), "a.toml:1:5: more expected\n  1 | a = \n    |     ^\n");
    }
}
