//! One autoscaler as the operator holds it: its newest version, what is prepared of its spec, and its memory.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::{Mode, SpecError};
use autoscaler_core::history::Stored;
use autoscaler_core::observation::allowed_skew;
use autoscaler_core::{Continuity, History, Replicas, Seconds, explain};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use tokio::sync::watch;

use crate::args::MaxMode;
use crate::attempt::Attempt;
use crate::clock::{Clock, Correction};
use crate::definition::Refused;
use crate::membership::Keeper;
use crate::pods::TargetPods;
use crate::prepared::{EffectiveMode, Prepared};
use crate::snapshot::Snapshot;
use crate::written::Written;

/// See the module.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Its newest version.
    pub snapshot: Arc<Snapshot>,
    /// What is prepared of its spec.
    pub prepared: Result<Prepared, SpecError>,
    /// What it remembers, for the target with `target_uid`.
    pub history: History,
    /// The target that the memory belongs to.
    pub target_uid: Option<String>,
    /// What the API server holds of its status.
    pub written: Written,
    /// The conditions as they were last told in log and events.
    pub told: Vec<Condition>,
    /// The API server does not know it any more: nothing is done until the watch says what became of it.
    pub gone: bool,
    /// A status that the definition installed has no room for.
    pub refused: Option<Refused>,
    /// A write of the size that may have been carried out, for all we were told.
    pub attempt: Option<Attempt>,
    /// The same, found by the present evaluation to be carried out.
    pub carried_out: Option<Attempt>,
    /// When the present rollout of the target was first seen.
    pub rollout_since: Option<Timestamp>,
    /// The pods of the target, while a metric is about each of them.
    pub pods: Option<TargetPods>,
    /// Evaluations in a row that panicked.
    pub panics: u32,
    /// What is known of the members of the target.
    pub membership: Keeper,
    min_interval: Duration,
    newest: watch::Receiver<Arc<Snapshot>>,
    correction: Correction,
    latest: Timestamp,
}

impl Subject {
    /// Takes an autoscaler up: at its creation, or at the start of a term with what its status remembers.
    pub(crate) fn resume(
        mut newest: watch::Receiver<Arc<Snapshot>>,
        min_interval: Duration,
        continuity: Continuity,
        clock: &Clock,
    ) -> Self {
        let snapshot = newest.borrow_and_update().clone();
        let prepared = prepare(&snapshot, min_interval);
        let allowed = skew_allowed(&prepared);
        let mut correction = Correction::default();
        correction.follow(clock.skew(), allowed);
        let now = correction.apply(clock.now());
        let status = snapshot.status().cloned().unwrap_or_default();
        let lost = snapshot.parsed.status_error.is_some();
        let stored = match &status.history {
            _ if lost => Stored::Lost,
            Some(text) => Stored::Memory {
                text,
                last_replicas: status.last_replicas.map(Replicas::from),
            },
            None => Stored::Nothing,
        };
        let history = History::resume(stored, continuity, now, allowed);
        // What is found to be missing must be stored before the lease may be given up: the next leader would know nothing
        // of it (R16).
        let owed = history.uncertain_since == Some(now);
        let membership = Keeper::found(&status);
        Self {
            attempt: unfinished(&membership, now),
            membership,
            history,
            prepared,
            target_uid: status.target_uid.clone(),
            told: status.conditions.clone(),
            written: Written::found(status, snapshot.resource_version.clone(), owed),
            gone: false,
            refused: None,
            carried_out: None,
            rollout_since: None,
            pods: None,
            panics: 0,
            min_interval,
            newest,
            snapshot,
            correction,
            latest: now,
        }
    }

    /// The time to decide at: our clock's, set right by the API server's where they differ by more than is allowed (R17).
    ///
    /// It does not go backwards. Where it would have to by more than that, the API server's clock was set back, and what
    /// was stamped before cannot be trusted any more than what a leader with a wrong clock leaves behind (ADR 6).
    pub(crate) fn now(&mut self, clock: &Clock) -> Timestamp {
        let allowed = skew_allowed(&self.prepared);
        self.correction.follow(clock.skew(), allowed);
        let now = self.correction.apply(clock.now());
        let latest = self.history.not_before(self.latest);
        self.latest = if latest.duration_since(now) > allowed {
            self.remember_anew(Continuity::Unbroken, now);
            self.rollout_since = None;
            now
        } else {
            latest.max(now)
        };
        self.latest
    }

    /// Waits for a newer version that asks for an evaluation: our own writes of status do not. None if the autoscaler
    /// is gone.
    pub(crate) async fn edited(&mut self) -> Option<()> {
        loop {
            self.newest.changed().await.ok()?;
            if self.catch_up() {
                return Some(());
            }
        }
    }

    /// Whether the spec was edited since it was last taken up: what is decided now would be on the old one.
    pub(crate) fn is_outdated(&self) -> bool {
        self.newest.borrow().generation != self.snapshot.generation
    }

    /// Takes the newest version up. Returns whether it asks for an evaluation.
    pub(crate) fn catch_up(&mut self) -> bool {
        let snapshot = self.newest.borrow_and_update().clone();
        let changed = self.gone
            || snapshot.generation != self.snapshot.generation
            || snapshot.terminating != self.snapshot.terminating
            || snapshot.requests != self.snapshot.requests
            || snapshot.spec().is_some() != self.snapshot.spec().is_some();
        if changed || self.prepared.as_ref().is_ok_and(Prepared::is_unfinished) {
            self.prepared = prepare(&snapshot, self.min_interval);
        }
        if snapshot.generation != self.snapshot.generation {
            // Somebody else wrote the object: its version is newer than the one that our last write returned.
            self.written.resource_version.clone_from(&snapshot.resource_version);
        }
        self.snapshot = snapshot;
        self.gone = false;
        changed
    }

    /// Memory belongs to one target: another UID under the same name starts afresh.
    pub(crate) fn belongs_to(&mut self, uid: &str) {
        if self.target_uid.as_deref() != Some(uid) {
            if self.target_uid.is_some() {
                self.history = History::default();
            }
            self.target_uid = Some(uid.to_owned());
        }
    }

    /// Somebody else wrote the status, which is what we remember by. What we hold is the best there is, but it may not be
    /// all (R16).
    pub(crate) fn distrust_memory(&mut self, present: &Snapshot) {
        self.remember_anew(Continuity::Broken, self.latest);
        self.written.status = present.status().cloned().unwrap_or_default();
        self.membership.compare(&self.written.status);
    }

    /// Takes up what is remembered as if it came from somebody else.
    fn remember_anew(&mut self, continuity: Continuity, now: Timestamp) {
        let held = self.history.encode();
        let stored = Stored::Memory {
            text: &held,
            last_replicas: self.history.last_replicas,
        };
        self.history = History::resume(stored, continuity, now, skew_allowed(&self.prepared));
        self.written.owe();
    }

    /// How often it is evaluated.
    pub(crate) fn interval(&self) -> Duration {
        const UNUSABLE: Duration = Duration::from_mins(1);
        self.prepared.as_ref().map_or(UNUSABLE, |prepared| prepared.interval)
    }

    /// Whether the size is not written at once: the pods are members of a cluster, or one of them is on its way.
    pub(crate) fn has_members(&self) -> bool {
        let spec = self.snapshot.spec();
        spec.is_some_and(|spec| spec.membership.is_some()) || self.membership.is_busy()
    }

    /// What may be done.
    pub(crate) fn mode(&self, most: MaxMode) -> EffectiveMode {
        let mode = self.snapshot.spec().map_or(Mode::Paused, |spec| spec.mode);
        EffectiveMode::of(mode, most)
    }
}

/// The last term may have changed the size for an operation and not lived to remember it.
fn unfinished(membership: &Keeper, now: Timestamp) -> Option<Attempt> {
    let (from, to) = membership.unfinished_change()?;
    let operation = membership.operation()?;
    let why = explain::membership::operation(operation);
    Some(Attempt {
        target_uid: operation.target.clone(),
        from,
        to,
        at: now,
        line: format!("{}: {from} -> {to}: {why}", explain::whole_seconds(now)),
        why,
    })
}

/// How far a stored time may be ahead of our clock (R17).
fn skew_allowed(prepared: &Result<Prepared, SpecError>) -> SignedDuration {
    let interval = prepared
        .as_ref()
        .map_or(Seconds::ZERO, |prepared| prepared.policy.interval);
    allowed_skew(interval)
}

fn prepare(snapshot: &Snapshot, min_interval: Duration) -> Result<Prepared, SpecError> {
    match &snapshot.parsed.spec {
        Ok(spec) => Prepared::of(spec, min_interval),
        Err(error) => Err(error.clone()),
    }
}

#[cfg(test)]
mod tests;
