//! What a decision may remember, in exactly the form in which it is stored, but for one mark that lives until the next
//! decision.
//!
//! The HPA keeps its windows and rate budgets in process memory: a restart resets the budgets and restarts the windows.
//! Here memory is one short text in the object's status ([`History::encode`]), bounded, and decisions are computed from
//! that form and never from something richer (R13), so that a restart or a change of leader never makes a shrink
//! earlier or a step larger (R16).

mod changes;
mod codec;
mod runs;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

pub use changes::{Change, ChangeCause, Changes, Contention};
pub use codec::DecodeHistoryError;
pub use runs::{Run, Runs};

use crate::{Policy, Replicas, Seconds};

/// The memory of one autoscaler for one target UID.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// The count when we last looked: a difference now is somebody else's change (R14, R15).
    pub last_replicas: Option<Replicas>,
    /// Whether the last decision was one to be carried out; acting (again) starts the clocks anew (R14).
    pub acting: bool,
    /// Recommendations that hold back shrinking.
    pub shrink: Runs,
    /// Recommendations that hold back growth.
    pub growth: Runs,
    /// Changes of size, ours and others'.
    pub changes: Changes,
    /// Since when no metric could be read at all: what the fallback waits from.
    pub unread_since: Option<Timestamp>,
    /// Per metric that is not Fresh: since when.
    pub not_fresh_since: BTreeMap<String, Timestamp>,
    /// Per metric with a gap in its data: when it began, or until when it locks shrinking (R2).
    pub gaps: BTreeMap<String, Gap>,
    /// When memory was found to be incomplete, until the windows have filled again (R16).
    pub uncertain_since: Option<Timestamp>,
    /// Memory was just found to be incomplete: the next decision fills the windows with the present count. Not stored.
    pub(crate) refill: bool,
}

/// A gap in the data of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The series is absent since then.
    Since(Timestamp),
    /// Nobody looked: for all that is known it may be absent since then (R16).
    Suspected(Timestamp),
    /// The series is back, but its rate reads low until then.
    LocksUntil {
        /// Until when.
        until: Timestamp,
        /// The gap is not proven.
        suspected: bool,
    },
}

/// What there is to go on with after a start or a change of leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored<'a> {
    /// A new object: it has no memory, and none is missing.
    Nothing,
    /// `status.history` and `status.lastReplicas`.
    Memory {
        /// The text.
        text: &'a str,
        /// The count.
        last_replicas: Option<Replicas>,
    },
    /// There was a memory, and it cannot be read.
    Lost,
}

/// Whether evaluations may have been missed between the stored history and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The previous holder of the history gave it up on purpose, and less than one interval ago.
    Unbroken,
    /// It crashed, was cut off, or the text could not be read.
    Broken,
}

impl History {
    /// The memory to go on with after a start or a change of leader.
    ///
    /// `now` is the clock's; where a time stored is later by no more than `allowed_skew`, deciding goes on from that time
    /// ([`History::not_before`]). Later still, whoever stored it had a clock that was wrong, and none of the times stored
    /// can be trusted (R17).
    pub fn resume(stored: Stored<'_>, continuity: Continuity, now: Timestamp, allowed_skew: SignedDuration) -> Self {
        let (decoded, last_replicas) = match stored {
            Stored::Nothing => return Self::default(),
            Stored::Memory { text, last_replicas } => (Self::decode(text).ok(), last_replicas),
            Stored::Lost => (None, None),
        };
        let mut complete = continuity == Continuity::Unbroken && decoded.is_some();
        let mut history = decoded.unwrap_or_else(|| Self::lost(now));
        history.last_replicas = last_replicas;
        if history.not_before(now).duration_since(now) > allowed_skew {
            history.distrust_times(now);
            complete = false;
        }
        history.shrink.extend_open_to(now);
        history.growth.extend_open_to(now);
        if !complete {
            history.uncertain_since = Some(now);
            history.refill = true;
        }
        history
    }

    /// The time to decide at: the clock's, but never behind what is stored (R17).
    pub fn not_before(&self, now: Timestamp) -> Timestamp {
        self.newest_time().map_or(now, |newest| newest.max(now))
    }

    /// What there is to go on with where nothing is: that we did act, and that the size may have changed up to now.
    fn lost(now: Timestamp) -> Self {
        let mut lost = Self {
            acting: true,
            ..Self::default()
        };
        lost.changes.forget_all(now);
        lost
    }

    /// Nothing stored lies in the future. When the size changed is not known any more: just now, for all we know, so that
    /// every cooldown and every budget starts anew.
    fn distrust_times(&mut self, now: Timestamp) {
        self.shrink.cut_at(now);
        self.growth.cut_at(now);
        self.changes.forget_all(now);
        self.unread_since = self.unread_since.map(|since| since.min(now));
        for since in self.not_fresh_since.values_mut() {
            *since = now.min(*since);
        }
        for gap in self.gaps.values_mut() {
            match gap {
                Gap::Since(since) | Gap::Suspected(since) => *since = now.min(*since),
                // Incomplete memory puts a suspicion in its place.
                Gap::LocksUntil { .. } => {}
            }
        }
    }

    /// The newest time stored.
    pub fn newest_time(&self) -> Option<Timestamp> {
        let gaps = self.gaps.values().filter_map(|gap| match gap {
            Gap::Since(at) | Gap::Suspected(at) => Some(*at),
            Gap::LocksUntil { .. } => None,
        });
        [
            self.shrink.newest(),
            self.growth.newest(),
            self.changes.newest(),
            self.unread_since,
            self.uncertain_since,
        ]
        .into_iter()
        .flatten()
        .chain(self.not_fresh_since.values().copied())
        .chain(gaps)
        .max()
    }

    /// Records a change of size that has happened.
    pub fn record_change(&mut self, change: Change, policy: &Policy) {
        self.last_replicas = Some(change.to);
        self.changes.record(change, horizon(policy));
    }

    /// Fills both windows after an interruption, so that nothing moves away from `present` for a window.
    ///
    /// What was recommended meanwhile is not known. Against shrinking the present count stands for it: a size that is
    /// larger later was recommended, or set by somebody else, later. Against growth nothing stands for it but the lowest
    /// count of all: somebody else may set a size below what was recommended.
    pub(crate) fn fill_windows(&mut self, present: Replicas, policy: &Policy, now: Timestamp) {
        self.shrink.record(present, now, policy.scale_down.window);
        self.growth.record(Replicas::ZERO, now, policy.scale_up.window);
    }
}

/// How long a change of size matters to anything.
pub(crate) fn horizon(policy: &Policy) -> SignedDuration {
    let periods = policy
        .scale_up
        .policies
        .iter()
        .chain(&policy.scale_down.policies)
        .map(|rule| rule.period);
    let look_backs = policy.metrics.iter().map(|metric| metric.look_back);
    let settle = look_backs.max().unwrap_or_default().duration() + policy.growth_settle.duration();
    periods
        .chain([policy.cooldown.up, policy.cooldown.down])
        .map(Seconds::duration)
        .chain([settle, changes::CONTENTION_SPAN * 3])
        .max()
        .unwrap_or(settle)
}

#[cfg(test)]
mod tests;
