//! Answers: what do two nodes agree on that each heard something else? The newer word on each key.
//!
//! Stands in for the observed-remove set of VerneMQ's peer service and for its replicated metadata: like those it can be
//! merged in any order and any number of times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is known of one key: since its removal, nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Word<T> {
    version: u64,
    value: Option<T>,
}

/// Who belongs to the cluster. JSON cannot tell `Some(())` from `None`, so members are `true`.
pub(super) type Members = Versioned<bool>;

/// A map that every node has a copy of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Versioned<T> {
    words: BTreeMap<String, Word<T>>,
}

impl<T> Default for Versioned<T> {
    fn default() -> Self {
        Self { words: BTreeMap::new() }
    }
}

impl<T: Ord + Clone> Versioned<T> {
    pub(super) fn put(&mut self, key: &str, value: T) {
        self.say(key, Some(value));
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.say(key, None);
    }

    pub(super) fn get(&self, key: &str) -> Option<&T> {
        self.words.get(key)?.value.as_ref()
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.iter().map(|(key, _)| key.clone()).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &T)> {
        self.words
            .iter()
            .filter_map(|(key, word)| Some((key, word.value.as_ref()?)))
    }

    /// Whether that changed anything. Of two words of one version the one that says more counts.
    pub(super) fn merge(&mut self, other: Self) -> bool {
        let mut changed = false;
        for (key, heard) in other.words {
            let known = self.words.get(&key);
            if known.is_none_or(|known| *known < heard) {
                self.words.insert(key, heard);
                changed = true;
            }
        }
        changed
    }

    /// The word on one key, to be told to others.
    pub(super) fn word_on(&self, key: &str) -> Self {
        let word = self.words.get(key).map(|word| (key.to_owned(), word.clone()));
        Self {
            words: word.into_iter().collect(),
        }
    }

    fn say(&mut self, key: &str, value: Option<T>) {
        let version = self.words.get(key).map_or(0, |word| word.version) + 1;
        self.words.insert(key.to_owned(), Word { version, value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_wins_over_what_somebody_has_not_heard_of_it() {
        let mut here = Versioned::default();
        here.put("a", 1);
        let mut there = here.clone();
        there.remove("a");
        assert!(here.merge(there.clone()));
        assert!(!here.contains("a"));
        assert!(!there.merge(here));
    }

    #[test]
    fn two_that_speak_at_once_agree_whoever_hears_first() {
        let (mut here, mut there) = (Versioned::default(), Versioned::default());
        here.put("a", 1);
        there.put("a", 2);
        let before = here.clone();
        here.merge(there.clone());
        there.merge(before);
        assert_eq!(here, there);
    }
}
