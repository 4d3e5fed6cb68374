//! Where it is written what to do about a node. In: `[[notice.runbook]]` of the configuration. Out: the
//! page for a node.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::reduce::Pattern;

/// The page for some nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runbook {
    /// The names of these nodes.
    pub node: Pattern,
    /// The page's address.
    pub url: String,
}

/// Whether a browser shows what is at this address, and nothing else is started by it.
pub fn is_web_page(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty())
        && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// All pages, shared with whoever may change them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runbooks(Arc<ArcSwap<Vec<Runbook>>>);

impl Runbooks {
    pub(crate) fn new(runbooks: Vec<Runbook>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(runbooks)))
    }

    /// Takes others from now on.
    pub(crate) fn set(&self, runbooks: Vec<Runbook>) {
        self.0.store(Arc::new(runbooks));
    }

    /// The first page that is for a node of this name.
    pub(super) fn page(&self, name: &str) -> Option<String> {
        self.0.load().iter().find(|runbook| runbook.node.fits(name)).map(|book| book.url.clone())
    }
}
