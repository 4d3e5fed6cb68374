//! The sample file: every setting with its meaning and its default, commented out.

use std::collections::BTreeSet;

use super::settings::{Change, SETTINGS};
use super::{Config, Source};

/// How wide the sample's comments are.
const WIDTH: usize = 96;

/// What the sample file says about well-known trace stores.
const TRACE_STORES: &str = r#"# X-Ray:
# url = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#xray:traces/{xray_trace_id}"
# Tempo, in Grafana:
# url = "https://grafana.example/explore?left=%7B%22datasource%22:%22tempo%22,%22queries%22:%5B%7B%22refId%22:%22A%22,%22queryType%22:%22traceql%22,%22query%22:%22{trace_id}%22%7D%5D%7D"
# Honeycomb:
# url = "https://ui.honeycomb.io/TEAM/environments/ENVIRONMENT/datasets/DATASET/trace?trace_id={trace_id}&trace_start_ts={start_s}&trace_end_ts={end_s}"
"#;

/// A file that names every setting and changes none.
pub fn sample() -> String {
    let mut text = String::from(
        "# Spanfall's collector: every setting, at its default. Use it with\n\
         #     spanfall-collector --config spanfall.toml\n\
         # and try it with\n\
         #     spanfall-collector check spanfall.toml\n\
         # A change of this file takes effect when it is saved, except where it says \"restart\".\n",
    );
    let defaults = Config::default();
    let mut table = "";
    for setting in SETTINGS {
        if setting.table() != table {
            match table {
                "node" => text.push_str(super::node::SAMPLE),
                "cost" => text.push_str(super::memory::SAMPLE),
                "trace" => text.push_str(TRACE_STORES),
                _ => {}
            }
            table = setting.table();
            text.push_str(&format!("\n[{table}]\n"));
        }
        text.push('\n');
        let restart = match setting.change {
            Change::AtOnce => String::new(),
            Change::AtRestart => " (restart)".to_owned(),
        };
        for line in wrapped(&format!("{}{restart}", setting.help)) {
            text.push_str(&format!("# {line}\n"));
        }
        let value = setting.value(&defaults);
        let value = value.unwrap_or_else(|| format!("{:?}", setting.example));
        text.push_str(&format!("#{} = {value}\n", setting.name()));
    }
    text.push_str(super::runbook::SAMPLE);
    text.push_str(super::trigger::SAMPLE);
    text
}

/// What a right configuration says: how many settings are not at their default, and which.
pub fn summary(source: &Source, config: &Config) -> String {
    let file = source.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    let defaults = Config::default();
    let changed: Vec<_> =
        SETTINGS.iter().filter(|setting| setting.differs(config, &defaults)).collect();
    let mut text = match changed.len() {
        0 => format!("{file} is right. It changes no setting.\n"),
        1 => format!("{file} is right. It changes 1 setting of {}:\n", SETTINGS.len()),
        more => format!("{file} is right. It changes {more} settings of {}:\n", SETTINGS.len()),
    };
    for setting in changed {
        let value = setting.value(config).unwrap_or_else(|| "(hidden)".to_owned());
        let default = setting.value(&defaults).unwrap_or_else(|| "nothing".to_owned());
        text.push_str(&format!("  {} = {value} (default: {default})\n", setting.key));
    }
    for (number, rule) in [
        (config.reduce.nodes.renames.len(), "rename"),
        (config.reduce.nodes.ignores.len(), "ignore"),
    ] {
        match number {
            0 => {}
            1 => text.push_str(&format!("It has 1 rule in [[node.{rule}]].\n")),
            more => text.push_str(&format!("It has {more} rules in [[node.{rule}]].\n")),
        }
    }
    match config.runbooks.len() {
        0 => {}
        1 => text.push_str("It has 1 page in [[notice.runbook]].\n"),
        more => text.push_str(&format!("It has {more} pages in [[notice.runbook]].\n")),
    }
    let functions: BTreeSet<_> =
        config.reduce.triggers.iter().map(|rule| rule.function.as_str()).collect();
    match functions.len() {
        0 => {}
        1 => text.push_str("It names the trigger of 1 function.\n"),
        more => text.push_str(&format!("It names the triggers of {more} functions.\n")),
    }
    text
}

/// A text in lines.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|line| {
            !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH
        });
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/spanfall.toml");

    fn load(text: &str) -> Result<Config, super::super::Mistakes> {
        Source::default().load_text(Some(Ok(text.to_owned())))
    }

    #[test]
    fn the_sample_in_assets_is_this_program_s() {
        if std::env::var_os("SPANFALL_BLESS").is_some() {
            std::fs::write(FILE, sample()).unwrap();
        }
        let text = std::fs::read_to_string(FILE).unwrap_or_default();
        assert_eq!(text, sample(), "run this test with SPANFALL_BLESS=1 to write it anew");
    }

    #[test]
    fn the_sample_changes_nothing_and_so_does_each_of_its_lines_that_has_a_default() {
        assert_eq!(load(&sample()).unwrap(), Config::default());
        let uncommented: String = sample()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                // A setting begins right after the mark, a comment after a space.
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config = load(&uncommented).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let without_default: Vec<_> = SETTINGS
            .iter()
            .filter(|setting| setting.differs(&config, &Config::default()))
            .map(|setting| setting.key)
            .collect();
        assert_eq!(without_default, ["receive.authorization", "trace.url", "record.target"]);
        let rules = &config.reduce.nodes;
        assert_eq!((rules.renames.len(), rules.ignores.len()), (1, 3));
    }

    #[test]
    fn a_right_file_is_summed_up_without_its_secrets() {
        let text = "[reduce]\nslow = '2s'\n[receive]\nauthorization = 'Bearer s3cret'";
        let source = Source { file: Some(Path::new("a.toml").to_owned()), ..Source::default() };
        let told = summary(&source, &load(text).unwrap());
        assert_eq!(
            told,
            format!(
                "a.toml is right. It changes 2 settings of {}:\n  receive.authorization = (hidden) \
                 (default: nothing)\n  reduce.slow = \"2s\" (default: \"auto\")\n",
                SETTINGS.len()
            )
        );
    }
}
