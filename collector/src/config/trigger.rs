//! `[[trigger]]`: what runs a function whose spans do not say. In: an array of tables. Out: the
//! reducer's [`TriggerRule`]s, and every mistake.

use toml::de::{DeTable, DeValue};

use super::file::nearest;
use super::mistake::{Mistake, Place};
use super::tables;
use super::value::Given;
use crate::reduce::node::NodeKind;
use crate::reduce::{TriggerRule, naming};

/// The keys of one rule.
const KEYS: [&str; 3] = ["function", "kind", "source"];

/// What the sample file says about it.
pub(super) const SAMPLE: &str = r#"
# What runs a function, where no span tells: SNS, S3 and schedules never do. One table for each
# thing that runs it; `spanfall-collector triggers` writes them from AWS's listings. `function` and
# `source` may be ARNs where names mean several things.
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
    tables::read("trigger", value, mistakes, |table, span, mistakes| {
        rule(table, Place::File(span), mistakes)
    })
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
                let expected = || format!("a function is expected, which `{text}` is not");
                naming::of_kind(NodeKind::Function, text).map(|_| ()).ok_or_else(expected)
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
        return None;
    }
    let Some(node) = naming::of_kind(kind?, &source) else {
        let message = format!("`source` is the ARN of something else than a {}", kind?);
        mistakes.push(Mistake::new(place, message));
        return None;
    };
    Some(TriggerRule { function, source: node })
}

/// The kind of node of that name.
pub(super) fn kind(text: &str) -> Result<NodeKind, String> {
    NodeKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        let known: Vec<_> = NodeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("one of {} is expected, not `{text}`", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::super::file::told as read;

    #[test]
    fn a_rule_names_the_source_of_a_function() {
        let mut sample = String::new();
        for line in super::SAMPLE.lines() {
            let comment = line.starts_with("# ");
            sample.push_str(if comment { line } else { line.trim_start_matches('#') });
            sample.push('\n');
        }
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
        let queue =
            "[[trigger]]\nfunction = \"a\"\nkind = \"topic\"\nsource = \"arn:aws:sqs:r:1:q\"";
        assert!(read(queue).1[0].contains("else than a topic"), "{:?}", read(queue).1);
        let layer = "[[trigger]]\nfunction = \"arn:aws:lambda:r:1:layer:l\"";
        assert!(read(layer).1[0].contains("a function is expected"), "{:?}", read(layer).1);
    }
}
