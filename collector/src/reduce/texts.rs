//! Texts: names of operations and versions, each with a small number to name it by. In: bytes of a
//! span. Out: a number; and its text, for whoever shows it.

use dashmap::DashMap;
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::nodes::{OTHERS, keyed};
use super::recall::Recall;

/// A bounded table of texts. 0 is the empty text.
#[derive(Debug)]
pub(super) struct Texts {
    by_text: DashMap<Box<str>, u32, foldhash::fast::RandomState>,
    texts: RwLock<Vec<Box<str>>>,
    hasher: foldhash::fast::RandomState,
    recall: Recall,
}

impl Default for Texts {
    fn default() -> Self {
        let texts = Self {
            by_text: DashMap::default(),
            texts: RwLock::default(),
            hasher: foldhash::fast::RandomState::default(),
            recall: Recall::default(),
        };
        texts.index(b"");
        texts
    }
}

/// Span names should be few; where a program puts ids into them, the rest share one.
const MOST_TEXTS: usize = 50_000;
/// Longer names are cut.
const LONGEST_TEXT: usize = 200;

impl Texts {
    /// The number of a text; what is not UTF-8 in it is replaced.
    pub(super) fn index(&self, text: &[u8]) -> u32 {
        let text = &text[..text.len().min(LONGEST_TEXT)];
        let hash = keyed(&self.hasher, text);
        self.recall.get(hash).unwrap_or_else(|| {
            let index = self.index_of(&String::from_utf8_lossy(text));
            self.recall.put(hash, index);
            index
        })
    }

    /// The texts in which one of these words is, in lower case.
    pub(super) fn with_any(&self, words: &[String]) -> HashMap<u32, String> {
        let texts = self.texts.read();
        let has = |text: &str| {
            let text = text.to_lowercase();
            words.iter().any(|word| text.contains(word))
        };
        let found = (0..).zip(texts.iter()).filter(|(_, text)| has(text));
        found.map(|(index, text)| (index, text.to_string())).collect()
    }

    fn index_of(&self, text: &str) -> u32 {
        if let Some(index) = self.by_text.get(text) {
            return *index;
        }
        let mut texts = self.texts.write();
        let text = if texts.len() >= MOST_TEXTS { OTHERS } else { text };
        if let Some(index) = self.by_text.get(text) {
            return *index;
        }
        let index = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        texts.push(text.into());
        self.by_text.insert(text.into(), index);
        index
    }

    /// The text of a number.
    pub(super) fn text(&self, index: u32) -> String {
        self.texts.read().get(index as usize).map(ToString::to_string).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_and_two_texts_have_two() {
        let texts = Texts::default();
        let names: Vec<String> = (0..20_000).map(|n| format!("operation {n}")).collect();
        let first: Vec<u32> = names.iter().map(|name| texts.index(name.as_bytes())).collect();
        for (name, index) in names.iter().zip(first) {
            assert_eq!(texts.index(name.as_bytes()), index);
            assert_eq!(texts.text(index), *name);
        }
        assert_eq!((texts.index(b""), texts.text(0)), (0, String::new()));
    }

    #[test]
    fn texts_without_end_take_no_memory_without_end() {
        let texts = Texts::default();
        (0..MOST_TEXTS + 10).for_each(|i| {
            texts.index(i.to_string().as_bytes());
        });
        assert_eq!(texts.text(texts.index(b"x")), OTHERS);
    }
}
