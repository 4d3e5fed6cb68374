//! A quiet hint at functions that nobody knows what runs. In: the reducer, now and then. Out: a
//! notice that names them and what to do.

use crate::feed::message::{Notice, Severity};
use crate::reduce::Reducer;
use crate::reduce::node::Node;

/// How often the reducer is asked, in milliseconds: it looks through every edge for the answer.
const EVERY_MS: u64 = 10_000;

/// Requests before a function is worth a word: a lone one may have lost its caller's span.
const ENOUGH: f64 = 5.0;

/// Names in one sentence.
const MOST_NAMES: usize = 3;

/// What was hinted at so far.
#[derive(Debug, Default)]
pub(crate) struct UnknownTriggers {
    asked_ms: u64,
    known: Vec<Node>,
}

impl UnknownTriggers {
    /// A notice, if there is something else to say than before. `now_ms` is milliseconds since
    /// 1970.
    pub(crate) fn observe(&mut self, reducer: &Reducer, now_ms: u64) -> Option<Notice> {
        if now_ms.abs_diff(self.asked_ms) < EVERY_MS {
            return None;
        }
        self.asked_ms = now_ms;
        self.hint(reducer.unknown_triggers(ENOUGH), now_ms)
    }

    fn hint(&mut self, functions: Vec<Node>, now_ms: u64) -> Option<Notice> {
        if functions == self.known {
            return None;
        }
        let text = if functions.is_empty() { String::new() } else { sentence(&functions) };
        self.known = functions;
        Some(Notice {
            id: "unknown_triggers".to_owned(),
            severity: Severity::Info,
            text,
            since_ms: now_ms,
            ..Notice::default()
        })
    }
}

fn sentence(functions: &[Node]) -> String {
    let mut names: Vec<&str> = functions.iter().map(|node| node.name.as_str()).collect();
    names.dedup();
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let names = match (names.as_slice(), more) {
        ([name], 0) => (*name).to_owned(),
        ([rest @ .., last], 0) => format!("{} and {last}", rest.join(", ")),
        (names, more) => format!("{} and {more} more", names.join(", ")),
    };
    format!(
        "No span tells what runs {names}. [[trigger]] in the configuration does; \
         `spanfall-collector triggers` writes it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::node::NodeKind;

    fn functions(names: &[&str]) -> Vec<Node> {
        names.iter().map(|name| Node::named(NodeKind::Function, name)).collect()
    }

    #[test]
    fn functions_are_named_as_far_as_a_sentence_holds_them() {
        let said = |names: &[&str]| {
            let text = sentence(&functions(names));
            text.strip_prefix("No span tells what runs ")
                .unwrap()
                .split('.')
                .next()
                .unwrap()
                .to_owned()
        };
        assert_eq!(said(&["a"]), "a");
        assert_eq!(said(&["a", "b"]), "a and b");
        assert_eq!(said(&["a", "b", "c"]), "a, b and c");
        assert_eq!(said(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }

    #[test]
    fn a_hint_is_given_once_and_taken_back_when_all_are_explained() {
        let mut hints = UnknownTriggers::default();
        assert_eq!(hints.hint(Vec::new(), 1), None);
        let given = hints.hint(functions(&["mailer"]), 2).unwrap();
        assert!(given.text.contains("mailer") && given.severity == Severity::Info);
        assert_eq!(hints.hint(functions(&["mailer"]), 3), None);
        assert_eq!(hints.hint(Vec::new(), 4).unwrap().text, "");
    }
}
