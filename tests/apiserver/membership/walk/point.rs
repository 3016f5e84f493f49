//! The points of the walk by name: an effect of the operation, and the side of it at which the operator is cut off.

use std::fmt;

use autoscaler_testkit::recorder::{Call, Side};
use serde_json::Value;

/// Stored just before it is made to leave for good: from then on there is only forward (M1).
pub(in super::super) const COMMIT: &str = "intend leave:draining:1:committed";
pub(in super::super) const SOFT: &str = "make it leave softly";
/// The act of [`COMMIT`].
pub(in super::super) const HARD: &str = "make it leave for good";
pub(in super::super) const LOWER: &str = "lower the replicas";
/// The undo of [`SOFT`].
pub(in super::super) const REOPEN: &str = "open a listener again";

pub(super) const END: &str = "store the end";
/// Stored before [`END`].
pub(super) const VERIFYING: &str = "store leave:verifying";

/// What is stored and done while one member leaves, in order. "Intend" is what is stored just before an act.
pub(super) const EFFECTS: [&str; 16] = [
    "store leave:gating",
    "store leave:draining:0",
    "take the finalizer",
    "intend leave:draining:0",
    SOFT,
    "store leave:draining:1",
    COMMIT,
    HARD,
    "store leave:draining:2:committed",
    "store leave:drained:committed",
    "intend leave:patched",
    LOWER,
    "store leave:gone",
    VERIFYING,
    END,
    "release the finalizer",
];

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) effect: &'static str,
    pub(super) side: Side,
}

impl Point {
    pub(super) fn both(effect: &'static str) -> [Self; 2] {
        [Side::Before, Side::After].map(|side| Self { effect, side })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Before => "before it is sent",
            Side::After => "after it, with the reply swallowed",
        };
        write!(formatter, "{}, {side}", self.effect)
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Sent to a member or to the target: it may arrive late.
pub(super) fn is_act(effect: &str) -> bool {
    effect.starts_with("make it ") || effect == LOWER
}

/// Stored for an act: it may have been sent, for all that the next term knows.
pub(super) fn is_intent(effect: &str) -> bool {
    effect.starts_with("intend ")
}

/// What a call does, if it does anything that outlives it.
pub(in super::super) fn effect(call: &Call) -> Option<String> {
    if call.callee.pod == "kube-apiserver" {
        stored(call)
    } else {
        sent(call)
    }
}

/// Each effect once, in the order in which they came first.
pub(super) fn first_effects(calls: &[Call]) -> Vec<String> {
    let mut effects: Vec<String> = Vec::new();
    for effect in calls.iter().filter_map(effect) {
        if !effects.contains(&effect) {
            effects.push(effect);
        }
    }
    effects
}

fn sent(call: &Call) -> Option<String> {
    if call.path.starts_with("/api/v1/cluster/leave") {
        let is_hard = call.path.contains("--kill_sessions");
        return Some(if is_hard { HARD } else { SOFT }.to_owned());
    }
    let reopens = call.path.starts_with("/api/v1/listener/restart");
    reopens.then(|| REOPEN.to_owned())
}

fn stored(call: &Call) -> Option<String> {
    if call.method != "PATCH" {
        return None;
    }
    if call.path.contains("/scale") {
        return Some(LOWER.to_owned());
    }
    if !call.path.contains("/metricautoscalers/") {
        return None;
    }
    let sent: Value = serde_json::from_str(&call.sent).unwrap_or_default();
    if !call.path.contains("/status") {
        let holds = sent["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|all| !all.is_empty());
        return Some(
            if holds {
                "take the finalizer"
            } else {
                "release the finalizer"
            }
            .to_owned(),
        );
    }
    let Some(record) = sent["status"]["operation"]["record"].as_str() else {
        let has_ended = sent["status"]["membership"]["lastId"].is_string();
        return has_ended.then(|| END.to_owned());
    };
    let work = record.split(' ').nth(1).unwrap_or_default();
    let verb = if record.contains(" attempt=") {
        "intend"
    } else {
        "store"
    };
    Some(format!("{verb} {work}"))
}
