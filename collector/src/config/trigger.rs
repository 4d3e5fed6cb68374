//! `[[trigger]]`: what runs a function whose spans do not say. In: an array of tables. Out: the
//! reducer's [`TriggerRule`]s, and every mistake.

use toml::de::{DeTable, DeValue};

use super::file::nearest;
use super::mistake::{Mistake, Place};
use super::value::Given;
use crate::reduce::TriggerRule;
use crate::reduce::node::{Node, NodeKind};

/// The keys of one rule.
const KEYS: [&str; 3] = ["function", "kind", "source"];

/// What the sample file says about it.
pub(super) const SAMPLE: &str = r#"
# What runs a function, where no span tells: SNS, S3 and schedules never do. One table a function.
#[[trigger]]
#function = "order-mailer"
#kind = "topic"
#source = "order-events"
"#;

/// Reads all rules.
pub(super) fn read(
    value: &toml::Spanned<DeValue<'_>>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<TriggerRule> {
    let DeValue::Array(rules) = value.get_ref() else {
        let message = "`trigger` is a list of tables";
        mistakes.push(
            Mistake::new(Place::File(value.span()), message.to_owned())
                .hint("write [[trigger]] on a line of its own, for every function".to_owned()),
        );
        return Vec::new();
    };
    rules
        .iter()
        .filter_map(|rule| match rule.get_ref() {
            DeValue::Table(table) => self::rule(table, Place::File(rule.span()), mistakes),
            _ => {
                let message = "a trigger is a table".to_owned();
                mistakes.push(Mistake::new(Place::File(rule.span()), message));
                None
            }
        })
        .collect()
}

fn rule(table: &DeTable<'_>, place: Place, mistakes: &mut Vec<Mistake>) -> Option<TriggerRule> {
    let before = mistakes.len();
    let (mut function, mut kind, mut source) = (String::new(), None, String::new());
    for (key, value) in table {
        let given = Given::Toml(value.get_ref());
        let text = given.text().and_then(|text| match text {
            "" => Err("a name is expected, not an empty text".to_owned()),
            text => Ok(text),
        });
        let read = match (key.get_ref().as_ref(), text) {
            ("function", Ok(text)) => {
                text.clone_into(&mut function);
                Ok(())
            }
            ("source", Ok(text)) => {
                text.clone_into(&mut source);
                Ok(())
            }
            ("kind", Ok(text)) => self::kind(text).map(|found| kind = Some(found)),
            ("function" | "source" | "kind", Err(expected)) => Err(expected),
            (other, _) => {
                let message = format!("unknown key `{other}` in [[trigger]]");
                let near = nearest(other, KEYS);
                let hint = near.map_or_else(
                    || "known here: `function`, `kind`, `source`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                mistakes.push(Mistake::new(Place::File(key.span()), message).hint(hint));
                continue;
            }
        };
        if let Err(expected) = read {
            let message = format!("`{}`: {expected}", key.get_ref());
            mistakes.push(Mistake::new(Place::File(value.span()), message));
        }
    }
    if mistakes.len() == before && (function.is_empty() || source.is_empty() || kind.is_none()) {
        let message = "a trigger needs `function`, `kind` and `source`".to_owned();
        mistakes.push(Mistake::new(place, message));
    }
    Some(TriggerRule { function, source: Node::named(kind?, &source) })
}

fn kind(text: &str) -> Result<NodeKind, String> {
    NodeKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        let known: Vec<_> = NodeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("one of {} is expected, not `{text}`", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Config, file};

    fn read(text: &str) -> (Config, Vec<String>) {
        let (mut config, mut mistakes) = (Config::default(), Vec::new());
        file::read(text, &mut config, &mut Default::default(), &mut mistakes);
        let said = |mistake: super::Mistake| mistake.hint.unwrap_or(mistake.message);
        (config, mistakes.into_iter().map(said).collect())
    }

    #[test]
    fn a_rule_names_the_source_of_a_function() {
        let sample = super::SAMPLE.replace("\n#", "\n").replace(" What", "# What");
        let (config, mistakes) = read(&sample);
        assert_eq!(mistakes, [""; 0]);
        let [rule] = &config.reduce.triggers[..] else { panic!("{config:?}") };
        assert_eq!(
            (rule.function.as_str(), rule.source.name.as_str()),
            ("order-mailer", "order-events")
        );
    }

    #[test]
    fn mistakes_in_a_rule_say_what_is_expected() {
        assert!(read("trigger = 5").1[0].contains("[[trigger]]"));
        assert!(read("[[trigger]]\nfunction = \"a\"").1[0].contains("needs"));
        assert_eq!(read("[[trigger]]\nfuncton = \"a\"").1[0], "did you mean `function`?");
        let kind = "[[trigger]]\nfunction = \"a\"\nsource = \"b\"\nkind = \"tpoic\"";
        assert!(read(kind).1[0].contains("topic, stream"));
    }
}
