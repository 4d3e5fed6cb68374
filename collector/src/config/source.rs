//! Where the configuration comes from. In: a file, environment variables and options, later ones
//! over earlier ones. Out: a [`Config`], or all mistakes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::{self, Places, unknown};
use super::mistake::{Mistake, Mistakes, Place};
use super::settings::{SETTINGS, find};
use super::value::Given;
use super::{Config, rules};

/// Where the configuration comes from. It can be read again and again.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Environment variables; those that are not `SPANFALL_*` do not matter.
    pub variables: BTreeMap<String, String>,
    /// What the command line sets.
    pub flags: Vec<Flag>,
}

/// A setting made on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The option as it was written, such as `--grpc`.
    pub option: String,
    /// The setting's key, such as `listen.grpc`.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Environment variables of the program that are no settings.
const OTHER_VARIABLES: [&str; 1] = ["SPANFALL_CONFIG"];

impl Source {
    /// Reads everything.
    ///
    /// # Errors
    /// [`Mistakes`], all of them.
    pub fn load(&self) -> Result<Config, Mistakes> {
        self.load_text(self.read_file())
    }

    /// The file's text, if there is a file.
    pub(super) fn read_file(&self) -> Option<Result<String, String>> {
        let bytes = match std::fs::read(self.file.as_ref()?) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(format!("cannot read the configuration: {error}"))),
        };
        Some(String::from_utf8(bytes).map_err(|error| {
            format!("not UTF-8 text at byte {}", error.utf8_error().valid_up_to())
        }))
    }

    /// Reads everything, given the file's text.
    pub(super) fn load_text(
        &self,
        text: Option<Result<String, String>>,
    ) -> Result<Config, Mistakes> {
        let mut config = Config::default();
        let mut places = Places::new();
        let mut mistakes = Vec::new();
        let text = match text {
            Some(Ok(text)) => {
                file::read(&text, &mut config, &mut places, &mut mistakes);
                text
            }
            Some(Err(message)) => {
                mistakes.push(Mistake::new(Place::WholeFile, message));
                String::new()
            }
            None => String::new(),
        };
        self.read_variables(&mut config, &mut places, &mut mistakes);
        self.read_flags(&mut config, &mut places, &mut mistakes);
        if mistakes.is_empty() {
            rules::check(&config, &places, &mut mistakes);
        }
        if mistakes.is_empty() {
            Ok(config)
        } else {
            Err(Mistakes::new(self.file.as_deref(), &text, mistakes))
        }
    }

    fn read_variables(
        &self,
        config: &mut Config,
        places: &mut Places,
        mistakes: &mut Vec<Mistake>,
    ) {
        for setting in SETTINGS {
            let name = setting.variable();
            let Some(value) = self.variables.get(&name) else { continue };
            match setting.write(config, Given::Text(value)) {
                Ok(()) => {
                    places.insert(setting.key, Place::Variable(name));
                }
                Err(expected) => mistakes.push(Mistake::new(Place::Variable(name), expected)),
            }
        }
    }

    fn read_flags(&self, config: &mut Config, places: &mut Places, mistakes: &mut Vec<Mistake>) {
        for Flag { option, key, value } in &self.flags {
            let place = Place::Option(option.clone());
            let Some(setting) = find(key) else {
                let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
                mistakes.push(unknown(place, table, name));
                continue;
            };
            match setting.write(config, Given::Text(value)) {
                Ok(()) => {
                    places.insert(setting.key, place);
                }
                Err(expected) => mistakes.push(Mistake::new(place, expected)),
            }
        }
    }

    /// Environment variables that look like settings and are none, each with the one that was
    /// probably meant. Not mistakes, since other programs set such variables too: Kubernetes
    /// makes `SPANFALL_PORT` and others for a service named `spanfall`.
    pub fn unknown_variables(&self) -> Vec<(String, String)> {
        let known: Vec<String> = SETTINGS.iter().map(super::settings::Setting::variable).collect();
        self.variables
            .keys()
            .filter(|name| name.starts_with("SPANFALL_") && !known.contains(name))
            .filter(|name| !OTHER_VARIABLES.contains(&name.as_str()))
            .filter_map(|name| {
                let near = file::nearest(name, known.iter().map(String::as_str))?;
                Some((name.clone(), near.to_owned()))
            })
            .collect()
    }
}
