//! `[[notice.runbook]]`: the page that says what to do about a node in trouble. In: an array of tables.
//! Out: [`Runbook`]s, and every mistake.

use toml::Spanned;
use toml::de::DeValue;

use super::mistake::Mistake;
use super::node::{Rule, rules};
use crate::reduce::Pattern;
use crate::trouble::{Runbook, is_web_page};

/// What the sample file says about it.
pub(super) const SAMPLE: &str = r#"
# What to do about a node in trouble: the page that a notice about it leads to, the first that fits.
# A * in `node` stands for any text.
#[[notice.runbook]]
#node = "payments*"
#url = "https://wiki.example/runbooks/payments"
"#;

/// Reads all pages.
pub(super) fn read(value: &Spanned<DeValue<'_>>, mistakes: &mut Vec<Mistake>) -> Vec<Runbook> {
    let page = |rule: Rule<'_>, mistakes: &mut Vec<Mistake>| {
        let (Some(node), Some(url)) = (rule.text("node"), rule.text("url")) else {
            rule.needs("a runbook needs `node` and `url`", mistakes);
            return None;
        };
        if !is_web_page(url) {
            rule.needs(
                "`url`: an address is expected that begins with https:// or http://",
                mistakes,
            );
            return None;
        }
        Some(Runbook { node: Pattern::new(node), url: url.to_owned() })
    };
    rules("notice.runbook", &["node", "url"], value, mistakes, page)
}

#[cfg(test)]
mod tests {
    use super::super::file::told as read;

    #[test]
    fn a_page_is_for_the_nodes_that_its_pattern_fits() {
        let text = "[[notice.runbook]]\nnode = \"payments*\"\nurl = \"https://wiki.example/p\"";
        let (config, mistakes) = read(text);
        assert_eq!(mistakes, [""; 0]);
        let [runbook] = &config.runbooks[..] else { panic!("{config:?}") };
        assert!(runbook.node.fits("payments.example") && !runbook.node.fits("orders"));
        assert_eq!(runbook.url, "https://wiki.example/p");
    }

    #[test]
    fn mistakes_say_what_is_expected() {
        assert!(read("[[notice.runbook]]\nnode = \"a\"").1[0].contains("`node` and `url`"));
        let script = "[[notice.runbook]]\nnode = \"a\"\nurl = \"file:///etc/passwd\"";
        assert!(read(script).1[0].contains("https://"));
        assert_eq!(
            read("[[notice.runbok]]\nnode = \"a\"").1[0],
            "did you mean [[notice.runbook]]?"
        );
        assert!(read("[notice]\nzzz = 1").1[0].contains("[[notice.runbook]]"));
    }
}
