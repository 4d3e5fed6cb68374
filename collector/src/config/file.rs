//! The configuration's file. In: TOML. Out: its values in their places in a [`Config`], where each
//! was set, and every mistake.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::Config;
use super::memory;
use super::mistake::{Mistake, Place};
use super::settings::{SETTINGS, Setting, find};
use super::value::Given;
use super::{node, runbook, trigger};

/// Where each setting was made.
pub(super) type Places = BTreeMap<&'static str, Place>;

/// Reads a file into a configuration.
pub(super) fn read(
    text: &str,
    config: &mut Config,
    places: &mut Places,
    mistakes: &mut Vec<Mistake>,
) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { config, places, mistakes: Vec::new() };
    reader.table(table.get_ref(), "");
    // A line that is no TOML is one mistake. What is left of it must not look like another.
    let broken: Vec<_> =
        errors.iter().filter_map(|error| Some(line(text, error.span()?.start))).collect();
    mistakes.extend(reader.mistakes.into_iter().filter(|mistake| match &mistake.place {
        Place::File(span) => !broken.contains(&line(text, span.start)),
        _ => true,
    }));
    mistakes.extend(errors.iter().map(|error| {
        let place = error.span().map_or(Place::WholeFile, Place::File);
        Mistake::new(place, format!("not TOML: {}", error.message()))
    }));
}

fn line(text: &str, byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).matches('\n').count()
}

struct Reader<'a> {
    config: &'a mut Config,
    places: &'a mut Places,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    /// Reads one table. `path` is empty for the file itself.
    fn table(&mut self, table: &DeTable<'_>, path: &str) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let key_path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            if let Some(setting) = find(&key_path) {
                self.setting(setting, value.get_ref(), value.span());
            } else if key_path == "trigger" {
                self.config.reduce.triggers = trigger::read(value, &mut self.mistakes);
            } else if key_path == "node.rename" {
                let nodes = Arc::make_mut(&mut self.config.reduce.nodes);
                nodes.renames = node::renames(value, &mut self.mistakes);
            } else if key_path == "node.ignore" {
                let nodes = Arc::make_mut(&mut self.config.reduce.nodes);
                nodes.ignores = node::ignores(value, &mut self.mistakes);
            } else if key_path == "cost.function" {
                self.config.prices.functions = memory::read(value, &mut self.mistakes);
            } else if key_path == "notice.runbook" {
                self.config.runbooks = runbook::read(value, &mut self.mistakes);
            } else if is_table(&key_path) {
                match value.get_ref() {
                    DeValue::Table(inner) => self.table(inner, &key_path),
                    _ => self.mistakes.push(
                        Mistake::new(
                            Place::File(key.span()),
                            format!("`{key_path}` is a table, not a value"),
                        )
                        .hint(format!("write [{key_path}] on a line of its own")),
                    ),
                }
            } else {
                self.mistakes.push(unknown(Place::File(key.span()), path, name));
            }
        }
    }

    fn setting(&mut self, setting: &'static Setting, value: &DeValue<'_>, span: Range<usize>) {
        let place = Place::File(span);
        match setting.write(self.config, Given::Toml(value)) {
            Ok(()) => {
                self.places.insert(setting.key, place);
            }
            Err(expected) => {
                self.mistakes.push(Mistake::in_value(setting.key, place, &expected));
            }
        }
    }
}

/// Lists of tables: the table that each is in, and its name there.
const LISTS: [(&str, &str); 5] = [
    ("", "trigger"),
    ("node", "rename"),
    ("node", "ignore"),
    ("cost", "function"),
    ("notice", "runbook"),
];

fn is_table(path: &str) -> bool {
    let holds_settings = SETTINGS
        .iter()
        .any(|setting| setting.key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
    holds_settings || LISTS.iter().any(|(table, _)| *table == path)
}

/// A key that is none, and the one that was probably meant.
pub(super) fn unknown(place: Place, table: &str, name: &str) -> Mistake {
    let message = match table {
        "" => format!("unknown key `{name}`"),
        table => format!("unknown key `{name}` in [{table}]"),
    };
    Mistake::new(place, message).hint(suggestion(table, name))
}

fn suggestion(table: &str, name: &str) -> String {
    let here = || SETTINGS.iter().filter(|setting| setting.table() == table);
    if let Some(near) = nearest(name, here().map(Setting::name)) {
        return format!("did you mean `{near}`?");
    }
    let lists = LISTS.iter().filter(|(list_table, _)| *list_table == table);
    if let Some(near) = nearest(name, lists.map(|(_, list)| *list)) {
        return match table {
            "" => format!("did you mean [[{near}]]?"),
            table => format!("did you mean [[{table}.{near}]]?"),
        };
    }
    let elsewhere = SETTINGS.iter().filter(|setting| setting.table() != table);
    if let Some(setting) = elsewhere.clone().find(|setting| setting.name() == name) {
        return match setting.table() {
            "" => format!("`{name}` stands before the first [table]"),
            other => format!("`{name}` belongs to [{other}]"),
        };
    }
    let tables = SETTINGS.iter().map(Setting::table).filter(|table| !table.is_empty());
    if table.is_empty()
        && let Some(near) = nearest(name, tables)
    {
        return format!("did you mean [{near}]?");
    }
    if let Some(near) = nearest(name, elsewhere.map(Setting::name))
        && let Some(setting) = SETTINGS.iter().find(|setting| setting.name() == near)
    {
        return format!("did you mean `{}`?", setting.key);
    }
    let mut known: Vec<_> = here().map(|setting| format!("`{}`", setting.name())).collect();
    if known.is_empty() {
        let lists = LISTS.iter().filter(|(list_table, _)| *list_table == table);
        known.extend(lists.map(|(_, list)| format!("[[{table}.{list}]]")));
    }
    if table.is_empty() {
        let mut tables: Vec<_> = SETTINGS.iter().map(|s| format!("[{}]", s.table())).collect();
        tables.dedup();
        known.extend(tables.into_iter().filter(|table| table != "[]"));
    }
    format!("known here: {}", known.join(", "))
}

/// The most similar of some names, if one is similar at all: a third of it may be mistyped.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    let (distance, near) = known.into_iter().map(|known| (distance(known), known)).min()?;
    (distance <= (name.chars().count() / 3).max(1)).then_some(near)
}

/// For tests: what a text configures, and what it is told for its mistakes, as hints where there are some.
#[cfg(test)]
pub(super) fn told(text: &str) -> (Config, Vec<String>) {
    let (mut config, mut mistakes) = (Config::default(), Vec::new());
    read(text, &mut config, &mut Places::default(), &mut mistakes);
    let said = |mistake: Mistake| mistake.hint.unwrap_or(mistake.message);
    (config, mistakes.into_iter().map(said).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reduce::Slow;

    fn hints(text: &str) -> Vec<String> {
        let mut mistakes = Vec::new();
        read(text, &mut Config::default(), &mut Places::new(), &mut mistakes);
        mistakes.into_iter().map(|mistake| mistake.hint.unwrap_or(mistake.message)).collect()
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest_known_one() {
        assert_eq!(hints("[reduce]\nwiat = \"1s\""), ["did you mean `wait`?"]);
        assert_eq!(hints("[reduce]\nmaxpending = 5"), ["did you mean `max_pending`?"]);
        assert_eq!(hints("[reduec]\nwait = \"1s\""), ["did you mean [reduce]?"]);
        assert_eq!(hints("[listen]\nwait = \"1s\""), ["`wait` belongs to [reduce]"]);
        assert_eq!(hints("[feed]\nlog = \"info\""), ["`log` stands before the first [table]"]);
        assert_eq!(hints("max_viewer = 1"), ["did you mean `feed.max_viewers`?"]);
        assert!(hints("[listen]\nzzz = 1")[0].starts_with("known here: `host`, `grpc`"));
        assert!(hints("zzz = 1")[0].contains("[reduce]"));
    }

    #[test]
    fn tables_may_be_written_in_every_way_that_toml_knows() {
        for text in [
            "[reduce]\nslow = \"2s\"",
            "reduce.slow = \"2s\"",
            "reduce = { slow = \"2s\" }",
            "[\"reduce\"]\n'slow' = '2s'",
        ] {
            let mut config = Config::default();
            let mut mistakes = Vec::new();
            read(text, &mut config, &mut Places::new(), &mut mistakes);
            assert_eq!(mistakes, [], "{text}");
            assert_eq!(config.reduce.slow, Slow::Over(Duration::from_secs(2)), "{text}");
        }
        assert_eq!(hints("reduce = 5"), ["write [reduce] on a line of its own"]);
    }

    #[test]
    fn a_line_that_is_no_toml_is_one_mistake() {
        let found = hints("[reduce]\nwait = 30s\nslow = \"1s\"\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("not TOML: "), "{found:?}");
    }
}
