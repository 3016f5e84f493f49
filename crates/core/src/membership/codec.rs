//! The stored form of an operation: words separated by blanks, times in milliseconds since 1970, names percent-encoded.
//!
//! ```text
//! 1                          version
//! leave:draining:1:committed what is done, and how far it is
//! id=4f2a                    the operation's name
//! epoch=7                    the term that last looked after it
//! target=<uid>               the target's UID
//! size=5>4>3                 before, after, and the goal
//! floor=2                    the minimum when it began
//! member=4/<uid>/<name>      ordinal, UID of the pod (empty: to come), name in the cluster
//! with=<uid>                 another pod of the cluster, one word for each
//! reached=1                  steps that were intended at least once
//! digest=<digest>            of the profile
//! step=hard/cr               a step: commits (c), repeatable (r), undo (u), which ends with the pod (p)
//! began=1795348773500        when it began
//! since=1795348773500        since when it is where it is
//! sent=1795348773500         when the last act was intended
//! attempt=2@1795348773500=expected   the last act here: its number, when, and what came back, if anything
//! progress=17@1795348773500  the last number that moved, and since when
//! turned=1                   looks that found the wish turned round
//! undone=1795348773500       every look since then found that a commit did not happen
//! drained=1795348773500      every look since then found the member drained
//! ```
//!
//! A word that this version does not know is an error: an operator that was rolled back holds what it does not understand
//! (M9).

mod read;
mod words;

use std::fmt::Write as _;

use jiff::Timestamp;

use super::operation::{Attempt, Looks, Member, Operation, Plan, Progress};
use super::profile::{DrainStep, Undo};

const VERSION: &str = "1";

/// A stored operation that this version cannot read: it is held, never guessed at (M9).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the stored operation at {word:?}")]
pub struct DecodeOperationError {
    /// The first word that made no sense.
    pub word: String,
}

impl Operation {
    /// The text for `status.operation.record`. Times are kept to the millisecond.
    pub fn encode(&self) -> String {
        let Self {
            id,
            epoch,
            target,
            goal,
            from,
            to,
            floor,
            member,
            survivors,
            reached,
            plan: Plan { digest, steps },
            work,
            started,
            since,
            sent,
            attempt,
            progress,
            looks,
        } = self;
        let mut text = format!(
            "{VERSION} {} id={} epoch={epoch} target={} size={from}>{to}>{goal} floor={floor} member={}",
            words::work(*work),
            escaped(id),
            escaped(target),
            encoded_member(member)
        );
        for survivor in survivors {
            word(&mut text, "with", &escaped(survivor));
        }
        word(&mut text, "reached", &reached.to_string());
        word(&mut text, "digest", &escaped(digest));
        for step in steps {
            word(&mut text, "step", &encoded_step(step));
        }
        word(&mut text, "began", &time(*started));
        word(&mut text, "since", &time(*since));
        let more = [
            ("sent", sent.map(time)),
            ("attempt", attempt.map(encoded_attempt)),
            ("progress", progress.map(encoded_progress)),
        ];
        for (key, value) in more.into_iter().chain(encoded_looks(*looks)) {
            if let Some(value) = value {
                word(&mut text, key, &value);
            }
        }
        text
    }

    /// Reads a stored text back.
    pub fn decode(text: &str) -> Result<Self, DecodeOperationError> {
        read::operation(text).map_err(|word| DecodeOperationError {
            word: word.chars().take(64).collect(),
        })
    }
}

fn word(text: &mut String, key: &str, value: &str) {
    write!(text, " {key}={value}").expect("writing to a String cannot fail");
}

fn encoded_member(Member { ordinal, uid, name }: &Member) -> String {
    let uid = uid.as_deref().map(escaped).unwrap_or_default();
    format!("{ordinal}/{uid}/{}", escaped(name))
}

fn encoded_step(step: &DrainStep) -> String {
    let DrainStep {
        name,
        commits,
        is_repeatable,
        undo,
    } = step;
    let flags = [
        ('c', *commits),
        ('r', *is_repeatable),
        ('u', undo.is_some()),
        ('p', undo.is_some_and(|Undo { ends_with_pod }| ends_with_pod)),
    ];
    let flags: String = flags
        .into_iter()
        .filter(|(_, set)| *set)
        .map(|(flag, _)| flag)
        .collect();
    format!("{}/{flags}", escaped(name))
}

fn encoded_attempt(Attempt { number, at, reply }: Attempt) -> String {
    let reply = reply
        .map(|reply| format!("={}", words::reply(reply)))
        .unwrap_or_default();
    format!("{number}@{}{reply}", time(at))
}

fn encoded_progress(Progress { value, since }: Progress) -> String {
    format!("{value}@{}", time(since))
}

fn encoded_looks(looks: Looks) -> [(&'static str, Option<String>); 3] {
    let Looks {
        turned,
        undone,
        drained,
    } = looks;
    [
        ("turned", (turned > 0).then(|| turned.to_string())),
        ("undone", undone.map(time)),
        ("drained", drained.map(time)),
    ]
}

fn time(at: Timestamp) -> String {
    at.as_millisecond().to_string()
}

/// A name without blanks and without any character that parts words.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.@:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests;
