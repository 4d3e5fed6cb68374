//! `[[node.rename]]` and `[[node.ignore]]`: other names for nodes, and requests that make no hops.
//! In: arrays of tables. Out: the reducer's [`Rename`]s and [`Ignore`]s, and every mistake.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::nearest;
use super::mistake::{Mistake, Place};
use super::tables;
use super::trigger::kind;
use super::value::Given;
use crate::reduce::{Ignore, Pattern, Rename};

/// What the sample file says about them, after the other settings of their table.
pub(super) const SAMPLE: &str = r#"
# Other names for nodes, the first rule that fits; nodes that get the same name are one. A * in
# `name` stands for any text, and a * in `to` for what the first of them stood for. `kind` says
# which nodes, `to_kind` what they become; both may be left out.
#[[node.rename]]
#name = "*.payments.example"
#kind = "host"
#to = "payments"
#to_kind = "service"

# Requests that make no hops: those of which everything in one of these tables is true. `operation`
# is the span's name, `node` either side's, `path` an HTTP request's path or route. They are
# counted: /metrics and `edges` say how many.
#[[node.ignore]]
#path = "/healthz"
#[[node.ignore]]
#user_agent = "ELB-HealthChecker*"
#[[node.ignore]]
#node = "metrics-agent"
#operation = "GET *"
"#;

/// Reads `[[node.rename]]`.
pub(super) fn renames(value: &Spanned<DeValue<'_>>, mistakes: &mut Vec<Mistake>) -> Vec<Rename> {
    let rule = |rule: Rule<'_>, mistakes: &mut Vec<Mistake>| {
        let [kind, to_kind] = ["kind", "to_kind"].map(|key| {
            let (text, span) = rule.texts.get(key)?;
            let wrong =
                |expected| Mistake::new(Place::File(span.clone()), format!("`{key}`: {expected}"));
            kind(text).map_err(|expected| mistakes.push(wrong(expected))).ok()
        });
        let (Some(name), Some(to)) = (rule.text("name"), rule.text("to")) else {
            rule.needs("a rule for names needs `name` and `to`", mistakes);
            return None;
        };
        Some(Rename { name: Pattern::new(name), kind, to: to.to_owned(), to_kind })
    };
    let keys = ["name", "kind", "to", "to_kind"];
    rules("node.rename", &keys, value, mistakes, rule)
}

/// Reads `[[node.ignore]]`.
pub(super) fn ignores(value: &Spanned<DeValue<'_>>, mistakes: &mut Vec<Mistake>) -> Vec<Ignore> {
    let rule = |rule: Rule<'_>, mistakes: &mut Vec<Mistake>| {
        let [operation, node, path, user_agent] =
            ["operation", "node", "path", "user_agent"].map(|key| rule.text(key).map(Pattern::new));
        let ignore = Ignore { operation, node, path, user_agent };
        if ignore == Ignore::default() {
            rule.needs("without a key, this would leave out everything", mistakes);
            return None;
        }
        Some(ignore)
    };
    let keys = ["operation", "node", "path", "user_agent"];
    rules("node.ignore", &keys, value, mistakes, rule)
}

/// One table, whose every value is a text.
pub(super) struct Rule<'a> {
    /// By key: the text, and where it is.
    texts: BTreeMap<&'a str, (&'a str, Range<usize>)>,
    span: Range<usize>,
    /// Whether a mistake was found in it already.
    wrong: bool,
}

impl Rule<'_> {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(|(text, _)| *text)
    }

    /// Something is missing; that is no news where something else is wrong.
    pub(super) fn needs(&self, message: &str, mistakes: &mut Vec<Mistake>) {
        if !self.wrong {
            mistakes.push(Mistake::new(Place::File(self.span.clone()), message));
        }
    }
}

pub(super) fn rules<T>(
    list: &str,
    keys: &[&str],
    value: &Spanned<DeValue<'_>>,
    mistakes: &mut Vec<Mistake>,
    read: impl Fn(Rule<'_>, &mut Vec<Mistake>) -> Option<T>,
) -> Vec<T> {
    tables::read(list, value, mistakes, |table, span, mistakes| {
        let rule = texts(list, keys, table, span, mistakes);
        read(rule, mistakes)
    })
}

fn texts<'a>(
    list: &str,
    keys: &[&str],
    table: &'a DeTable<'_>,
    span: Range<usize>,
    mistakes: &mut Vec<Mistake>,
) -> Rule<'a> {
    let before = mistakes.len();
    let mut texts = BTreeMap::new();
    for (key, value) in table {
        let name: &str = key.get_ref();
        if !keys.contains(&name) {
            let hint = nearest(name, keys.iter().copied()).map_or_else(
                || format!("known here: `{}`", keys.join("`, `")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("unknown key `{name}` in [[{list}]]");
            mistakes.push(Mistake::new(Place::File(key.span()), message).hint(hint));
            continue;
        }
        let text = Given::Toml(value.get_ref()).text().and_then(|text| match text {
            "" => Err("a text is expected, not an empty one".to_owned()),
            text => Ok(text),
        });
        match text {
            Ok(text) => {
                texts.insert(name, (text, value.span()));
            }
            Err(expected) => {
                let message = format!("`{name}`: {expected}");
                mistakes.push(Mistake::new(Place::File(value.span()), message));
            }
        }
    }
    Rule { texts, span, wrong: mistakes.len() > before }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use crate::reduce::node::NodeKind;

    fn read(text: &str) -> Result<Config, String> {
        text.parse().map_err(|mistakes: super::super::Mistakes| mistakes.to_string())
    }

    #[test]
    fn rules_are_read_in_the_order_in_which_they_stand() {
        let text = "[node]\nkind = 'table'\n[[node.rename]]\nname = 'a*'\nto = 'b'\n\
                    [[node.rename]]\nname = '*'\nkind = 'host'\nto = '*'\nto_kind = 'api'\n\
                    [[node.ignore]]\npath = '/healthz'\nuser_agent = 'ELB*'\n";
        let rules = read(text).unwrap().reduce.nodes;
        assert_eq!(rules.kind, NodeKind::Table);
        let rename = |name, kind, to: &str, to_kind| Rename {
            name: Pattern::new(name),
            kind,
            to: to.to_owned(),
            to_kind,
        };
        let all = rename("*", Some(NodeKind::Host), "*", Some(NodeKind::Api));
        assert_eq!(rules.renames, [rename("a*", None, "b", None), all]);
        let pattern = |text| Some(Pattern::new(text));
        let ignore =
            Ignore { path: pattern("/healthz"), user_agent: pattern("ELB*"), ..Ignore::default() };
        assert_eq!(rules.ignores, [ignore]);
    }

    #[test]
    fn mistakes_have_their_place_and_a_way_out() {
        for (text, told) in [
            ("[node]\nrename = 5", "2:10: `node.rename` is a list of tables"),
            ("[[node.rename]]\nname = 'a'", "1:1: a rule for names needs `name` and `to`"),
            ("[[node.rename]]\nnmae = 'a'\nto = 'b'", "did you mean `name`?"),
            ("[[node.rename]]\nname = 'a'\nto = 'b'\nkind = 'hots'", "4:8: `kind`: one of"),
            ("[[node.rename]]\nname = 'a'\nto = ''", "3:6: `to`: a text is expected"),
            ("[[node.ignore]]", "1:1: without a key"),
            ("[[node.ignore]]\nroute = '/'", "known here: `operation`, `node`, `path`"),
            ("[[node.ignore]]\npath = ['/']", "2:8: `path`: a text in quotes is expected"),
            ("[node]\nignore = ['/']", "2:11: an entry of `node.ignore` is a table"),
            ("[[node.ingore]]\npath = '/'", "did you mean [[node.ignore]]?"),
            ("[node]\nkind = 'sevrice'", "did you mean `service`?"),
            ("[node]\nattribute = ['a']", "did you mean `attributes`?"),
        ] {
            let all = read(text).unwrap_err();
            assert!(all.contains(told), "{text}\n{told}\n{all}");
            // One mistake is told once: its line is shown with what is wrong marked under it.
            assert_eq!(all.matches("^").count().min(1) + all.matches("\n\n").count(), 1, "{all}");
        }
    }
}
