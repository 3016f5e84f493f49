//! One line as words, and reading them one after another.

use jiff::SignedDuration;

use autoscaler_core::{Quantity, Replicas, Seconds};

use super::{Found, ParseError};
use crate::time;

/// A line that is neither empty nor a comment.
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// It begins with blanks.
    pub(super) indented: bool,
    text: &'a str,
    words: Vec<&'a str>,
}

/// The words of a line that have not been read yet.
pub(super) struct Words<'a> {
    /// Counted from 1.
    pub(super) line: usize,
    text: &'a str,
    left: std::vec::IntoIter<&'a str>,
}

impl<'a> Line<'a> {
    /// Splits a line at its blanks, save those between quotation marks. None if it says nothing.
    pub(super) fn of(number: usize, text: &'a str) -> Result<Option<Self>, ParseError> {
        let mut words = Vec::new();
        let mut rest = text.trim_start();
        // A title is not split: it may hold what a word may not.
        let is_title = rest.len() == text.len() && rest.split_whitespace().next() == Some("scenario");
        while !rest.is_empty() && !rest.starts_with('#') {
            let mut quoted = false;
            let end = rest.find(|character: char| {
                quoted ^= character == '"';
                character.is_whitespace() && !quoted
            });
            let (word, tail) = rest.split_at(end.unwrap_or(rest.len()));
            if word.matches('"').count() % 2 == 1 && !is_title {
                let found = Found::Text(word.to_owned());
                return Err(ParseError::new(number, "a closing quotation mark", found));
            }
            words.push(word);
            rest = tail.trim_start();
        }
        let indented = text.starts_with(char::is_whitespace);
        Ok((!words.is_empty()).then_some(Self {
            number,
            indented,
            text,
            words,
        }))
    }

    /// Its words, from the first on.
    pub(super) fn words(&self) -> Words<'a> {
        Words {
            line: self.number,
            text: self.text,
            left: self.words.clone().into_iter(),
        }
    }
}

impl<'a> Words<'a> {
    /// The next word, whatever it is.
    pub(super) fn next(&mut self, expected: &str) -> Result<&'a str, ParseError> {
        self.left
            .next()
            .ok_or_else(|| ParseError::new(self.line, expected, Found::EndOfLine))
    }

    /// The next word, if it makes sense.
    pub(super) fn read<T>(
        &mut self,
        expected: &str,
        sense: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ParseError> {
        let word = self.next(expected)?;
        sense(word).ok_or_else(|| ParseError::new(self.line, expected, Found::Text(word.to_owned())))
    }

    /// The next word without reading it.
    pub(super) fn peek(&self) -> Option<&'a str> {
        self.left.as_slice().first().copied()
    }

    /// Reads the next word if it is this one.
    pub(super) fn take(&mut self, keyword: &str) -> bool {
        let is_next = self.peek() == Some(keyword);
        if is_next {
            self.left.next();
        }
        is_next
    }

    /// What stands behind a keyword, if that is next.
    pub(super) fn behind<T>(
        &mut self,
        keyword: &str,
        read: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Option<T>, ParseError> {
        if self.take(keyword) {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Exactly this word.
    pub(super) fn keyword(&mut self, keyword: &str) -> Result<(), ParseError> {
        self.read(&format!("{keyword:?}"), |word| (word == keyword).then_some(()))
    }

    /// One of a few words, for what it stands for.
    pub(super) fn one_of<T: Copy>(&mut self, choices: &[(&str, T)]) -> Result<T, ParseError> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        self.read(&expected, |word| {
            choices
                .iter()
                .find(|(name, _)| *name == word)
                .map(|(_, choice)| *choice)
        })
    }

    /// A count of replicas.
    pub(super) fn count(&mut self) -> Result<Replicas, ParseError> {
        let expected = "a whole number from 0 to 2147483647";
        self.read(expected, whole).map(Replicas::new)
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, least: u32, most: u32) -> Result<u32, ParseError> {
        let expected = format!("a whole number from {least} to {most}");
        self.read(&expected, |word| {
            whole(word).filter(|number| (least..=most).contains(number))
        })
    }

    /// A duration.
    pub(super) fn duration(&mut self) -> Result<SignedDuration, ParseError> {
        self.read("a duration such as 0s, 90s or 1h30m", time::parse)
    }

    /// A duration of whole seconds within bounds.
    pub(super) fn seconds(&mut self, least: u32, most: u32) -> Result<Seconds, ParseError> {
        let expected = format!("a duration from {least}s to {most}s, in whole seconds");
        self.read(&expected, |word| {
            let duration = time::parse(word).filter(|duration| duration.subsec_nanos() == 0)?;
            let seconds = u32::try_from(duration.as_secs()).ok()?;
            (least..=most).contains(&seconds).then_some(Seconds::new(seconds))
        })
    }

    /// A quantity as Kubernetes writes it.
    pub(super) fn quantity(&mut self) -> Result<Quantity, ParseError> {
        self.read("a quantity such as 100, 0.5 or 60m", |word| word.parse().ok())
    }

    /// A text between quotation marks.
    pub(super) fn string(&mut self) -> Result<String, ParseError> {
        self.read("a text between quotation marks", |word| {
            let text = word.strip_prefix('"')?.strip_suffix('"')?;
            (!text.contains('"')).then(|| text.to_owned())
        })
    }

    /// Nothing more.
    pub(super) fn end(mut self) -> Result<(), ParseError> {
        match self.left.next() {
            None => Ok(()),
            Some(word) => Err(ParseError::new(
                self.line,
                "the end of the line",
                Found::Text(word.to_owned()),
            )),
        }
    }

    /// The next word is not what was expected.
    pub(super) fn refuse(&self, expected: &str) -> ParseError {
        let found = self
            .peek()
            .map_or(Found::EndOfLine, |word| Found::Text(word.to_owned()));
        ParseError::new(self.line, expected, found)
    }

    /// The line behind its first word, as it stands.
    pub(super) fn rest(&self) -> &'a str {
        let line = self.text.trim();
        line.find(char::is_whitespace)
            .map_or("", |end| line[end..].trim_start())
    }
}

/// A whole number without a sign that fits a count.
pub(super) fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = text.parse().ok().filter(|_| digits)?;
    (number <= Replicas::MAX.get()).then_some(number)
}
