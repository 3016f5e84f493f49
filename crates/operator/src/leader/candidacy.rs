//! Answers: what does a replica without the lease do next, given what it saw of it? Pure: no clock, no requests.
//!
//! One principle: the lease is taken at once only on proof that nobody can be writing (it was given up, or never held).
//! In every other case it must have been seen unchanged for its whole duration, and it is taken with the
//! `resourceVersion` seen, so that a renewal in between defeats the attempt. The other side's clock is never looked at,
//! and our own name in the lease proves nothing: a person may have written it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;

use super::record::{self, Holder};
use crate::clock::BootTime;

/// What the new leader knows of the time before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handover {
    /// The previous leader gave the lease up after it had finished.
    Released {
        /// When, by its clock.
        at: Timestamp,
    },
    /// Nobody ever held the lease.
    First,
    /// The previous leader went silent, or its lease was lost: evaluations were missed.
    TakenOver,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing until then, unless the lease changes.
    Wait(BootTime),
    /// Create the lease, held by nobody: only what has a `resourceVersion` can be seen unchanged.
    Create,
    /// Take it as it was seen.
    Take(Handover),
}

/// The lease as it was last seen, and what is remembered of earlier sights.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    lease: Option<Lease>,
    /// Since when it is unchanged, on our clock.
    since: BootTime,
    /// How long it must stay unchanged.
    patience: Duration,
    /// Somebody may believe to hold it, even if it now looks as if it had never been held.
    doubted: bool,
    /// The highest epoch ever seen: a deleted lease must not lead to an old number.
    epoch: i32,
}

impl Sighting {
    /// The first sight.
    pub(super) fn first(lease: Option<Lease>, own_duration: Duration, now: BootTime) -> Self {
        let nothing = Self {
            lease: None,
            since: now,
            patience: own_duration,
            doubted: false,
            epoch: 0,
        };
        nothing.next(lease, own_duration, now)
    }

    /// A later sight. Of the same version of the lease, it changes nothing.
    pub(super) fn then(self, lease: Option<Lease>, own_duration: Duration, now: BootTime) -> Self {
        if self.lease.as_ref().map(record::version) == lease.as_ref().map(record::version) {
            return self;
        }
        self.next(lease, own_duration, now)
    }

    fn next(self, lease: Option<Lease>, own_duration: Duration, now: BootTime) -> Self {
        let (before, after) = (self.holder(), lease.as_ref().map(record::holder));
        let asked = lease.as_ref().and_then(record::duration).unwrap_or(own_duration);
        let another = matches!(&after, Some(named @ Holder::Named(_)) if before.as_ref() != Some(named));
        // A person who shortens the duration must not make us impatient with a holder who knows nothing of it.
        let remembered = if another { own_duration } else { self.patience };
        Self {
            since: now,
            patience: asked.max(own_duration).max(remembered),
            doubted: match after {
                Some(Holder::Released { .. }) => false,
                None | Some(Holder::Unknown | Holder::Named(_)) => true,
                Some(Holder::Never) => self.doubted,
            },
            epoch: self.epoch.max(lease.as_ref().map_or(0, record::epoch)),
            lease,
        }
    }

    /// The lease as it was seen; none if it does not exist.
    pub(super) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// The highest epoch seen.
    pub(super) fn epoch(&self) -> i32 {
        self.epoch
    }

    /// What to do at this moment.
    pub(super) fn step(&self, now: BootTime) -> Step {
        let patient_until = self.since.plus(self.patience);
        match self.holder() {
            None => Step::Create,
            Some(Holder::Released { at }) => Step::Take(Handover::Released { at }),
            Some(Holder::Never) if !self.doubted => Step::Take(Handover::First),
            Some(Holder::Never | Holder::Unknown | Holder::Named(_)) if now < patient_until => {
                Step::Wait(patient_until)
            }
            Some(Holder::Never | Holder::Unknown | Holder::Named(_)) => Step::Take(Handover::TakenOver),
        }
    }

    fn holder(&self) -> Option<Holder> {
        self.lease.as_ref().map(record::holder)
    }
}

#[cfg(test)]
mod tests;
