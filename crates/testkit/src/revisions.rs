//! Answers: which sizes has a `StatefulSet` had, revision by revision, and was each shrink preceded by what must precede it?
//!
//! The sizes come from a watch, which tells every revision that the store had; the calls from [`crate::recorder`]. Joined they
//! show what no final state shows: that a member went without proof, or two at a time.

mod ends;
mod following;
mod measure;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Api, WatchParams};

use crate::plane::ControlPlane;
use crate::recorder::{Call, Heard};
pub use ends::{PodEnd, PodEnds};
use following::{Change, Following};
pub use measure::{Removal, most_in_transit, removals};

/// One revision of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Of etcd.
    pub revision: String,
    /// When the watch told of it: no earlier than it was written.
    pub at: Timestamp,
    /// `spec.replicas`.
    pub replicas: u32,
}

/// All revisions from now on. Dropping it ends the watch.
#[derive(Debug)]
pub struct Revisions(Following<Revision>);

impl Revisions {
    /// Starts watching a set that exists.
    pub async fn watch(plane: &ControlPlane, namespace: &str, name: &str) -> Result<Self, kube::Error> {
        let sets: Api<StatefulSet> = Api::namespaced(following::client(plane), namespace);
        let first = sets.get(name).await?;
        let version = first.metadata.resource_version.clone().unwrap_or_default();
        let only = WatchParams::default().fields(&format!("metadata.name={name}"));
        let told = |event: &Change<StatefulSet>| match event {
            Change::Is(set) | Change::Ended(set) => Some(revision(set)),
        };
        Ok(Self(Following::start(
            sets,
            only,
            version,
            vec![revision(&first)],
            told,
        )))
    }

    /// In order. An error says that some may be missing, and then nothing can be said of any.
    pub fn seen(&self) -> Result<Vec<Revision>, String> {
        self.0.seen()
    }
}

fn revision(set: &StatefulSet) -> Revision {
    let replicas = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    Revision {
        revision: set.metadata.resource_version.clone().unwrap_or_default(),
        at: Timestamp::now(),
        replicas: u32::try_from(replicas).unwrap_or_default(),
    }
}

/// How the calls of one system are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// The pod that this call makes leave for good, by name.
    pub removes: fn(&Call) -> Option<String>,
    /// The pods that this answer lists as members.
    pub lists: fn(&Call) -> Option<BTreeSet<String>>,
    /// How old a survivor's word may be when the size is lowered, with what a busy machine adds.
    pub proof: SignedDuration,
    /// How often one pod may be told to leave.
    pub times: usize,
}

/// Every way in which these revisions and calls break the rules of a shrink; `start` is the set's first ordinal.
pub fn broken_rules(set: &str, start: u32, revisions: &[Revision], calls: &[Call], reading: &Reading) -> Vec<String> {
    let mut broken = Vec::new();
    let pod = |ordinal: u32| format!("{set}-{}", start + ordinal);
    let mut removals: Vec<(Timestamp, String, String)> = Vec::new();
    for call in calls.iter().filter(|call| call.is_passed_on) {
        if let Some(leaver) = (reading.removes)(call) {
            removals.push((call.at, leaver, call.callee.uid.clone()));
        }
    }
    let shrinks: Vec<_> = revisions
        .windows(2)
        .filter(|pair| pair[1].replicas < pair[0].replicas)
        .collect();
    for pair in &shrinks {
        let (before, after) = (&pair[0], &pair[1]);
        if before.replicas - after.replicas > 1 {
            broken.push(format!(
                "{} to {} at {}: more than one member at a time",
                before.replicas, after.replicas, after.revision
            ));
            continue;
        }
        let leaver = pod(after.replicas);
        if !removals.iter().any(|(at, name, _)| *name == leaver && *at <= after.at) {
            broken.push(format!(
                "{leaver} went at {} and was never told to leave",
                after.revision
            ));
        }
        for survivor in (0..after.replicas).map(pod) {
            if let Err(why) = affirms(&survivor, &leaver, after.at, calls, reading) {
                broken.push(format!("{leaver} went at {}, and {survivor} {why}", after.revision));
            }
        }
    }
    broken.extend(overlaps(&removals, &shrinks, pod));
    let mut told: BTreeMap<(&String, &String), usize> = BTreeMap::new();
    for (_, leaver, uid) in &removals {
        *told.entry((leaver, uid)).or_default() += 1;
    }
    let too_often = told.into_iter().filter(|(_, times)| *times > reading.times);
    broken.extend(too_often.map(|((leaver, _), times)| format!("{leaver} was told to leave {times} times")));
    broken
}

/// The survivor's last word before the shrink must be new, and must not list the leaver.
fn affirms(survivor: &str, leaver: &str, at: Timestamp, calls: &[Call], reading: &Reading) -> Result<(), String> {
    let words = calls
        .iter()
        .filter(|call| call.callee.pod == survivor && call.heard == Heard::Status(200));
    let told = words.filter_map(|call| Some((call.answered?, (reading.lists)(call)?)));
    let last = told
        .filter(|(answered, _)| *answered <= at)
        .max_by_key(|(answered, _)| *answered);
    let (answered, listed) = last.ok_or("was never asked")?;
    if listed.contains(leaver) {
        return Err("still listed it".to_owned());
    }
    let age = at.duration_since(answered);
    if age > reading.proof {
        return Err(format!("had said so {age:#} ago"));
    }
    Ok(())
}

/// Between the first call that makes a pod leave and the shrink that ends it, no other pod may be told to.
fn overlaps(
    removals: &[(Timestamp, String, String)],
    shrinks: &[&[Revision]],
    pod: impl Fn(u32) -> String,
) -> Vec<String> {
    let ended = |leaver: &String, since: Timestamp| {
        let of_it = shrinks
            .iter()
            .filter(|pair| pod(pair[1].replicas) == *leaver && pair[1].at >= since);
        of_it.map(|pair| pair[1].at).min()
    };
    let overlap = |(index, (at, leaver, _)): (usize, &(Timestamp, String, String))| {
        let end = ended(leaver, *at);
        let other = removals[index + 1..]
            .iter()
            .find(|(later, other, _)| other != leaver && end.is_none_or(|end| *later < end));
        other.map(|(_, other, _)| format!("{other} was told to leave while {leaver} was leaving"))
    };
    removals.iter().enumerate().filter_map(overlap).collect()
}

#[cfg(test)]
mod tests;
