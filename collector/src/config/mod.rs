//! The configuration: what a collector can be told. In: a TOML file, environment variables and
//! the command line. Out: a [`Config`] in which everything is right, or every [`Mistake`] at once.
//!
//! [`settings`](settings::SETTINGS) is the one list of what can be set; the file's reader, the
//! environment variables, `--help`, the sample file and hot reload all follow it. Data goes
//! through the files in this order: source (where settings come from), file (TOML), settings and
//! value (what they mean), rules (what has to fit together), reload.

mod file;
mod listen;
mod memory;
mod mistake;
mod node;
pub mod reload;
mod rules;
mod runbook;
mod sample;
pub mod settings;
mod source;
mod tables;
mod trigger;
mod value;
pub mod watched;

use std::path::PathBuf;

pub use file::nearest;
pub use listen::{Listen, Port};
pub use mistake::{Mistake, Mistakes, Place};
pub use sample::{sample, summary};
pub use source::{Flag, Source};

use crate::cost::Prices;
use crate::feed::hub;
use crate::receive::Limits;
use crate::trouble::Runbook;
use crate::{record, reduce};

/// A collector's configuration. Every setting has a default that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which log lines are written, in the words of `tracing`'s filters.
    pub log: String,
    /// `[listen]`: the ports.
    pub listen: Listen,
    /// `[receive]`: what senders may ask.
    pub receive: Limits,
    /// `[reduce]`: from spans to edges.
    pub reduce: reduce::Settings,
    /// `[feed]`: to viewers.
    pub feed: hub::Settings,
    /// `[cost]`: what functions' work costs.
    pub prices: Prices,
    /// `[[notice.runbook]]`: what to do about nodes in trouble.
    pub runbooks: Vec<Runbook>,
    /// `[record]`: what comes in, to disk.
    pub record: Record,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            listen: Listen::default(),
            receive: Limits::default(),
            reduce: reduce::Settings::default(),
            feed: hub::Settings::default(),
            prices: Prices::default(),
            runbooks: Vec::new(),
            record: Record::default(),
        }
    }
}

/// Reads the text of a configuration file; what it does not set is at its default.
impl std::str::FromStr for Config {
    type Err = Mistakes;

    fn from_str(text: &str) -> Result<Self, Mistakes> {
        Source::default().load_text(Some(Ok(text.to_owned())))
    }
}

/// Whether, where and how to record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Where to; nothing is recorded without.
    pub target: Option<PathBuf>,
    /// How.
    pub options: record::Options,
}

impl Record {
    /// What the recorder needs to know, if there is something to record.
    pub fn settings(&self) -> Option<record::Settings> {
        let target = self.target.clone()?;
        Some(record::Settings { target, options: self.options.clone() })
    }
}
