//! `triggers`: what runs which function, from the AWS CLI's listings. In: JSON as the AWS CLI
//! prints it. Out: `[[trigger]]` lines for the configuration, and notes on what was left out.
//!
//! Data goes through the files in this order: `input` (which file, and what it is about),
//! `listing` (which of the CLI's listings it is), `mapping`, `subscription`, `bucket` and `rule`
//! (what each of them says), `found` (who runs whom), `write` (TOML).

mod args;
mod bucket;
mod error;
mod found;
mod input;
mod listing;
mod mapping;
mod rule;
mod subscription;
#[cfg(test)]
mod tests;
mod write;

pub use args::Args;
pub use error::{TriggersError, Wrong};

use std::io::{self, Write};

use found::Found;
use input::Input;
use listing::Content;
use rule::Rules;

/// What listings say of triggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triggers {
    /// The lines for the configuration.
    pub toml: String,
    /// What a person should know: what was left out and why, what was taken for granted.
    pub notes: Vec<String>,
}

/// Reads the listings, and prints the lines on standard output and the notes on standard error.
///
/// # Errors
/// [`TriggersError`] where a listing cannot be read or is none, or the lines cannot be written.
pub fn run(args: &Args) -> Result<(), TriggersError> {
    let inputs: Vec<_> = args.listings.iter().map(|argument| Input::parse(argument)).collect();
    input::check(&inputs)?;
    let listings =
        inputs.iter().map(|input| Ok((input, input.read()?))).collect::<Result<Vec<_>, _>>()?;
    let triggers = triggers(&listings)?;
    let mut notes = io::stderr().lock();
    for note in &triggers.notes {
        // Nobody is left to be told that this cannot be written.
        let _ = writeln!(notes, "note: {note}");
    }
    match io::stdout().lock().write_all(triggers.toml.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(TriggersError::Write),
    }
}

/// What the texts of listings say, without reading or writing anything.
fn triggers(listings: &[(&Input, String)]) -> Result<Triggers, TriggersError> {
    let mut found = Found::default();
    let mut rules = Rules::default();
    for (input, text) in listings {
        let listings = listing::read(input, text, &mut found)?;
        for listing in listings {
            match listing {
                Content::Mappings(mappings) => mapping::add(input, &mappings, &mut found),
                Content::Subscriptions(list) => subscription::add(input, &list, &mut found),
                Content::Bucket(notifications) => bucket::add(input, &notifications, &mut found)?,
                Content::Rules(list) => rules.add(list),
                Content::Targets(targets) => rules.add_targets(input, targets),
            }
        }
    }
    rules.join(&mut found)?;
    let toml = write::toml(&mut found);
    Ok(Triggers { toml, notes: found.notes })
}
