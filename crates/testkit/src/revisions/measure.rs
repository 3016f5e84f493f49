//! Answers: how long did it take, and how many at once? From the same revisions and calls that the rules are held against.

use std::collections::BTreeSet;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{PodEnd, Reading, Revision};
use crate::recorder::{Call, Heard};

/// One member that went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Its pod.
    pub member: String,
    /// From the moment at which the last survivor had said that it is gone, to the lower count; none if one had not.
    pub proof_to_patch: Option<SignedDuration>,
    /// How old the oldest of the survivors' last words was then.
    pub oldest_word: Option<SignedDuration>,
    /// From the end of its pod until every survivor, asked after that, listed exactly those that are left.
    pub agreed_after: Option<SignedDuration>,
}

/// Whoever went while this was recorded, in order.
pub fn removals(
    set: &str,
    start: u32,
    revisions: &[Revision],
    calls: &[Call],
    ends: &[PodEnd],
    reading: &Reading,
) -> Vec<Removal> {
    let words = Words::of(calls, reading);
    let pod = |ordinal: u32| format!("{set}-{}", start + ordinal);
    let shrinks = revisions.windows(2).filter(|pair| pair[1].replicas < pair[0].replicas);
    let removal = |pair: &[Revision]| {
        let (at, replicas) = (pair[1].at, pair[1].replicas);
        let member = pod(replicas);
        let left: BTreeSet<String> = (0..replicas).map(pod).collect();
        let latest = |moments: Option<Vec<Timestamp>>| moments.and_then(|moments| moments.into_iter().max());
        let proven = latest(
            left.iter()
                .map(|survivor| words.gone_since(survivor, &member, at))
                .collect(),
        );
        let last: Option<Vec<_>> = left.iter().map(|survivor| words.last(survivor, at)).collect();
        let oldest = last.and_then(|last| last.into_iter().min());
        let ended = ends
            .iter()
            .find(|end| end.pod == member && end.at >= at)
            .map(|end| end.at);
        let agreed = ended.and_then(|ended| {
            let each = left.iter().map(|survivor| words.first_exact(survivor, &left, ended));
            Some(latest(each.collect())?.duration_since(ended))
        });
        Removal {
            member,
            proof_to_patch: proven.map(|proven| at.duration_since(proven)),
            oldest_word: oldest.map(|oldest| at.duration_since(oldest)),
            agreed_after: agreed,
        }
    };
    shrinks.map(removal).collect()
}

/// How many members were on their way at once at most: out, from the call that makes one leave until its pod is not wanted any
/// more; or in, from when its pod is wanted until every member lists it.
pub fn most_in_transit(set: &str, start: u32, revisions: &[Revision], calls: &[Call], reading: &Reading) -> usize {
    let words = Words::of(calls, reading);
    let pod = |ordinal: u32| format!("{set}-{}", start + ordinal);
    let mut moves: Vec<(Timestamp, bool, String)> = Vec::new();
    for call in calls.iter().filter(|call| call.is_passed_on) {
        if let Some(leaver) = (reading.removes)(call) {
            moves.push((call.at, true, leaver));
        }
    }
    for pair in revisions.windows(2) {
        let (before, after) = (pair[0].replicas, &pair[1]);
        for gone in after.replicas..before {
            moves.push((after.at, false, pod(gone)));
        }
        for new in before..after.replicas {
            moves.push((after.at, true, pod(new)));
            let members: BTreeSet<String> = (0..=new).map(pod).collect();
            let each: Option<Vec<_>> = members
                .iter()
                .map(|member| words.first_exact(member, &members, after.at))
                .collect();
            if let Some(joined) = each.and_then(|each| each.into_iter().max()) {
                moves.push((joined, false, pod(new)));
            }
        }
    }
    // Of one moment, ends count first.
    moves.sort();
    let (mut moving, mut most) = (BTreeSet::new(), 0);
    for (_, begins, member) in moves {
        if begins {
            moving.insert(member);
        } else {
            moving.remove(&member);
        }
        most = most.max(moving.len());
    }
    most
}

/// What members have said of the membership, when, in order.
struct Words<'a> {
    said: Vec<(Timestamp, &'a str, BTreeSet<String>)>,
}

impl<'a> Words<'a> {
    fn of(calls: &'a [Call], reading: &Reading) -> Self {
        let heard = calls.iter().filter(|call| call.heard == Heard::Status(200));
        let word = |call: &'a Call| Some((call.answered?, call.callee.pod.as_str(), (reading.lists)(call)?));
        let mut said: Vec<_> = heard.filter_map(word).collect();
        said.sort();
        Self { said }
    }

    fn by(&self, member: &str) -> impl DoubleEndedIterator<Item = &(Timestamp, &'a str, BTreeSet<String>)> {
        self.said.iter().filter(move |(_, of, _)| *of == member)
    }

    fn last(&self, member: &str, until: Timestamp) -> Option<Timestamp> {
        self.by(member).rfind(|(at, ..)| *at <= until).map(|(at, ..)| *at)
    }

    /// When a member began to leave another one out, and did until then; none if it lists it.
    fn gone_since(&self, member: &str, other: &str, until: Timestamp) -> Option<Timestamp> {
        let before = self.by(member).rev().filter(|(at, ..)| *at <= until);
        let without = before.take_while(|(_, _, listed)| !listed.contains(other));
        without.last().map(|(at, ..)| *at)
    }

    fn first_exact(&self, member: &str, members: &BTreeSet<String>, since: Timestamp) -> Option<Timestamp> {
        let mut after = self.by(member).filter(|(at, ..)| *at >= since);
        after.find(|(.., listed)| listed == members).map(|(at, ..)| *at)
    }
}
