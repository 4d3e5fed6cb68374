//! Lists of tables, such as `[[trigger]]`. In: a value of the file. Out: what each table says, and
//! every mistake.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Place};

/// Reads each table of a list, given with its place in the file; `list` is its key.
pub(super) fn read<'a, T>(
    list: &str,
    value: &'a Spanned<DeValue<'_>>,
    mistakes: &mut Vec<Mistake>,
    mut table: impl FnMut(&'a DeTable<'_>, Range<usize>, &mut Vec<Mistake>) -> Option<T>,
) -> Vec<T> {
    let DeValue::Array(tables) = value.get_ref() else {
        let message = format!("`{list}` is a list of tables");
        let hint = format!("write [[{list}]] on a line of its own, before each of them");
        mistakes.push(Mistake::new(Place::File(value.span()), message).hint(hint));
        return Vec::new();
    };
    let mut found = Vec::with_capacity(tables.len());
    for entry in tables {
        match entry.get_ref() {
            DeValue::Table(inner) => found.extend(table(inner, entry.span(), mistakes)),
            _ => {
                let message = format!("an entry of `{list}` is a table");
                mistakes.push(Mistake::new(Place::File(entry.span()), message));
            }
        }
    }
    found
}
