//! Where the configuration comes from. In: a file, environment variables and options, later ones
//! over earlier ones. Out: a [`Config`], or all mistakes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::{self, Places, unknown};
use super::mistake::{Mistake, Mistakes, Place};
use super::settings::{SETTINGS, find};
use super::value::Given;
use super::{Config, rules, watched};

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
        Some(watched::read(self.file.as_ref()?))
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
        rules::check(&config, &places, &mut mistakes);
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
                Err(expected) => {
                    let place = Place::Variable(name);
                    mistakes.push(Mistake::in_value(setting.key, place, &expected));
                }
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
                Err(expected) => {
                    mistakes.push(Mistake::in_value(setting.key, place, &expected));
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn source(variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Source {
        let text = |text: &str| text.to_owned();
        Source {
            file: Some(PathBuf::from("a.toml")),
            variables: variables.iter().map(|(name, value)| (text(name), text(value))).collect(),
            flags: flags
                .iter()
                .map(|(key, value)| Flag {
                    option: format!("--set {key}"),
                    key: text(key),
                    value: text(value),
                })
                .collect(),
        }
    }

    fn load(source: &Source, text: &str) -> Result<Config, Mistakes> {
        source.load_text(Some(Ok(text.to_owned())))
    }

    #[test]
    fn all_mistakes_are_told_at_once_wherever_they_are() {
        let source = source(&[("SPANFALL_FEED_TICK", "soon")], &[("reduce.slwo", "1s")]);
        let text = "lgo = 'info'\n[reduce]\nwait = 30\nmax_pending = -5\n[listen]\ngrpc = 70000\n";
        let told = load(&source, text).unwrap_err();
        let places: Vec<_> = told
            .to_string()
            .lines()
            .filter(|line| !line.starts_with(' ') && !line.is_empty())
            .map(|line| line.split(": ").next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            places,
            [
                "a.toml:1:1",
                "a.toml:3:8",
                "a.toml:4:15",
                "a.toml:6:8",
                "environment variable SPANFALL_FEED_TICK",
                "option --set reduce.slwo",
            ],
            "{told}"
        );
        assert!(told.to_string().contains("hint: did you mean `slow`?"), "{told}");
    }

    #[test]
    fn a_mistake_between_two_values_is_shown_where_the_later_was_set() {
        let text = "[receive]\nmax_decompressed_bytes = '1MiB'\nmax_request_bytes = '2MiB'\n\
                    [listen]\ngrpc = 1\nhttp = 1\n";
        let told = load(&source(&[], &[]), text).unwrap_err().to_string();
        assert!(told.contains("a.toml:2:26: `receive.max_decompressed_bytes` is less"), "{told}");
        assert!(told.contains("a.toml:6:8: `listen.grpc` and `listen.http` are both"), "{told}");
    }

    #[test]
    fn a_file_that_is_not_there_is_a_mistake_and_no_file_is_none() {
        let missing = Source { file: Some(PathBuf::from("/nowhere/a.toml")), ..Source::default() };
        let told = missing.load().unwrap_err().to_string();
        assert!(told.starts_with("/nowhere/a.toml: cannot be read: "), "{told}");
        assert_eq!(Source::default().load(), Ok(Config::default()));
    }

    #[test]
    fn a_mistyped_variable_is_noticed_and_those_of_others_are_not() {
        let source = source(
            &[
                ("SPANFALL_REDUCE_WIAT", "1s"),
                ("SPANFALL_SERVICE_HOST", "10.0.0.1"),
                ("SPANFALL_CONFIG", "a.toml"),
                ("PATH", "/bin"),
            ],
            &[],
        );
        let unknown = source.unknown_variables();
        let expected = ("SPANFALL_REDUCE_WIAT".to_owned(), "SPANFALL_REDUCE_WAIT".to_owned());
        assert!(unknown.contains(&expected), "{unknown:?}");
        assert!(!unknown.iter().any(|(name, _)| name == "PATH" || name == "SPANFALL_CONFIG"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_whatever_makes_it_panic(text in ".{0,200}", value in ".{0,20}") {
            let source = source(&[("SPANFALL_LISTEN_GRPC", &value)], &[(&value, &text)]);
            if let Err(mistakes) = load(&source, &text) {
                proptest::prop_assert!(!mistakes.to_string().is_empty());
                proptest::prop_assert!(!mistakes.summary().is_empty());
            }
        }
    }
}
