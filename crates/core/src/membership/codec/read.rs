//! From words to an operation. Whatever is missing, comes twice or makes no sense is refused with the word.

use jiff::Timestamp;

use super::super::operation::{Attempt, Looks, Member, Operation, Plan, Progress, Reply, Work};
use super::super::profile::{DrainStep, Undo};
use super::{VERSION, words};
use crate::Replicas;

/// Reads all of it, or says which word made no sense.
pub(super) fn operation(text: &str) -> Result<Operation, &str> {
    let mut words = text.split_ascii_whitespace();
    match words.next() {
        Some(VERSION) => {}
        other => return Err(other.unwrap_or_default()),
    }
    let first = words.next().unwrap_or_default();
    let work = words::read_work(first).ok_or(first)?;
    let mut parts = Parts::default();
    for word in words {
        parts.take(word).ok_or(word)?;
    }
    parts.finish(work).ok_or(text)
}

/// The words read so far.
#[derive(Default)]
struct Parts {
    id: Option<String>,
    epoch: Option<u64>,
    target: Option<String>,
    size: Option<(Replicas, Replicas, Replicas)>,
    floor: Option<Replicas>,
    member: Option<Member>,
    survivors: Vec<String>,
    reached: Option<usize>,
    digest: Option<String>,
    steps: Vec<DrainStep>,
    started: Option<Timestamp>,
    since: Option<Timestamp>,
    sent: Option<Timestamp>,
    attempt: Option<Attempt>,
    progress: Option<Progress>,
    turned: Option<u8>,
    undone: Option<Timestamp>,
    drained: Option<Timestamp>,
}

impl Parts {
    fn take(&mut self, word: &str) -> Option<()> {
        let (key, value) = word.split_once('=')?;
        match key {
            "id" => once(&mut self.id, name(value)?),
            "epoch" => once(&mut self.epoch, value.parse().ok()?),
            "target" => once(&mut self.target, name(value)?),
            "size" => once(&mut self.size, size(value)?),
            "floor" => once(&mut self.floor, count(value)?),
            "member" => once(&mut self.member, member(value)?),
            "with" => {
                self.survivors.push(name(value)?);
                Some(())
            }
            "reached" => once(&mut self.reached, value.parse().ok()?),
            "digest" => once(&mut self.digest, name(value)?),
            "step" => {
                self.steps.push(step(value)?);
                Some(())
            }
            "began" => once(&mut self.started, time(value)?),
            "since" => once(&mut self.since, time(value)?),
            "sent" => once(&mut self.sent, time(value)?),
            "attempt" => once(&mut self.attempt, attempt(value)?),
            "progress" => once(&mut self.progress, progress(value)?),
            "turned" => once(&mut self.turned, value.parse().ok()?),
            "undone" => once(&mut self.undone, time(value)?),
            "drained" => once(&mut self.drained, time(value)?),
            _ => None,
        }
    }

    fn finish(self, work: Work) -> Option<Operation> {
        let (from, to, goal) = self.size?;
        Some(Operation {
            id: self.id?,
            epoch: self.epoch?,
            target: self.target?,
            goal,
            from,
            to,
            floor: self.floor?,
            member: self.member?,
            survivors: self.survivors,
            reached: self.reached?,
            plan: Plan {
                digest: self.digest?,
                steps: self.steps,
            },
            work,
            started: self.started?,
            since: self.since?,
            sent: self.sent,
            attempt: self.attempt,
            progress: self.progress,
            looks: Looks {
                turned: self.turned.unwrap_or_default(),
                undone: self.undone,
                drained: self.drained,
            },
        })
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

fn size(value: &str) -> Option<(Replicas, Replicas, Replicas)> {
    let mut counts = value.split('>').map(count);
    let size = (counts.next()??, counts.next()??, counts.next()??);
    counts.next().is_none().then_some(size)
}

fn member(value: &str) -> Option<Member> {
    let (ordinal, rest) = value.split_once('/')?;
    let (uid, called) = rest.split_once('/')?;
    let uid = (!uid.is_empty()).then_some(uid);
    Some(Member {
        ordinal: ordinal.parse().ok()?,
        uid: match uid {
            Some(uid) => Some(name(uid)?),
            None => None,
        },
        name: name(called)?,
    })
}

fn step(value: &str) -> Option<DrainStep> {
    let (called, flags) = value.split_once('/')?;
    let has = |flag| flags.contains(flag);
    if flags.chars().any(|flag| !"crup".contains(flag)) || (has('p') && !has('u')) {
        return None;
    }
    Some(DrainStep {
        name: name(called)?,
        commits: has('c'),
        is_repeatable: has('r'),
        undo: has('u').then_some(Undo {
            ends_with_pod: has('p'),
        }),
    })
}

fn attempt(value: &str) -> Option<Attempt> {
    let (number, rest) = value.split_once('@')?;
    let (at, reply) = match rest.split_once('=') {
        Some((at, word)) => (at, Some(self::reply(word)?)),
        None => (rest, None),
    };
    Some(Attempt {
        number: number.parse().ok()?,
        at: time(at)?,
        reply,
    })
}

fn reply(word: &str) -> Option<Reply> {
    words::REPLIES.into_iter().find(|known| words::reply(*known) == word)
}

fn progress(value: &str) -> Option<Progress> {
    let (value, since) = value.split_once('@')?;
    Some(Progress {
        value: value.parse().ok()?,
        since: time(since)?,
    })
}

fn count(text: &str) -> Option<Replicas> {
    text.parse::<i32>().ok().filter(|count| *count >= 0).map(Replicas::from)
}

fn time(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(text.parse().ok()?).ok()
}

/// The reverse of the percent-encoding.
fn name(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}
