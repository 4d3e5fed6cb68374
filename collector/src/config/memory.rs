//! `[[cost.function]]`: the memory of functions whose spans do not say it. In: an array of tables.
//! Out: [`FunctionMemory`], and every mistake.

use toml::de::{DeTable, DeValue};

use super::file::nearest;
use super::mistake::{Mistake, Place};
use super::tables;
use super::value::Given;
use crate::cost::FunctionMemory;

/// What the sample file says about it.
pub(super) const SAMPLE: &str = r#"
# The memory of a function whose spans do not say it; without it such a function's cost is not
# estimated. One table for each.
#[[cost.function]]
#name = "order-mailer"
#memory_mb = 256
"#;

/// Far above what any provider sells.
const MOST_MB: u64 = 1 << 20;

/// Reads all of them.
pub(super) fn read(
    value: &toml::Spanned<DeValue<'_>>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<FunctionMemory> {
    tables::read("cost.function", value, mistakes, |table, span, mistakes| {
        function(table, Place::File(span), mistakes)
    })
}

fn function(
    table: &DeTable<'_>,
    place: Place,
    mistakes: &mut Vec<Mistake>,
) -> Option<FunctionMemory> {
    let before = mistakes.len();
    let (mut name, mut memory) = (None, None);
    for (key, value) in table {
        let given = Given::Toml(value.get_ref());
        let read = match key.get_ref().as_ref() {
            "name" => given.text().map(|text| name = Some(text.to_owned())),
            "memory_mb" => given.count().and_then(|count| match u32::try_from(count) {
                Ok(mb) if (1..=MOST_MB).contains(&count) => {
                    memory = Some(mb);
                    Ok(())
                }
                _ => Err(format!("{count} is not between 1 and {MOST_MB}")),
            }),
            other => {
                let message = format!("unknown key `{other}` in [[cost.function]]");
                let near = nearest(other, ["name", "memory_mb"]);
                let hint = near.map_or_else(
                    || "known here: `name`, `memory_mb`".to_owned(),
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
    match (name, memory) {
        (Some(name), Some(memory_mb)) => Some(FunctionMemory { name, memory_mb }),
        _ if mistakes.len() > before => None,
        _ => {
            let message = "a function needs `name` and `memory_mb`".to_owned();
            mistakes.push(Mistake::new(place, message));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::told as read;

    #[test]
    fn the_memory_of_a_function_can_be_given_beside_the_prices() {
        let text = "[cost]\ncurrency = \"EUR\"\nx86_gb_second = 0.00002\nmillion_requests = 1\n\
                    [[cost.function]]\nname = \"a\"\nmemory_mb = 512\n\
                    [[cost.function]]\nname = \"b\"\nmemory_mb = 1024\n";
        let (config, mistakes) = read(text);
        assert_eq!(mistakes, [""; 0]);
        let prices = config.prices;
        assert_eq!(
            (prices.currency.as_str(), prices.x86_gb_second.to_string().as_str()),
            ("EUR", "0.00002")
        );
        let memory: Vec<_> =
            prices.functions.iter().map(|f| (f.name.as_str(), f.memory_mb)).collect();
        assert_eq!(memory, [("a", 512), ("b", 1024)]);
    }

    #[test]
    fn mistakes_say_what_is_expected() {
        assert!(read("[cost]\nfunction = 5").1[0].contains("[[cost.function]]"));
        assert_eq!(read("[[cost.functions]]\nname = \"a\"").1, ["did you mean [[cost.function]]?"]);
        let function = |text: &str| read(&format!("[[cost.function]]\n{text}")).1[0].clone();
        assert!(function("name = \"a\"").contains("needs `name` and `memory_mb`"));
        assert_eq!(function("name = \"a\"\nmemory_m = 5"), "did you mean `memory_mb`?");
        assert!(function("name = \"a\"\nmemory_mb = 0").contains("between 1 and"));
        assert!(read("[cost]\nx86_gb_second = \"much\"").1[0].contains("an amount such as"));
        assert!(read("[cost]\ncurrency = \"\"").1[0].contains("characters"));
    }
}
