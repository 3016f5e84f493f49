//! One that is never interrupted: it sees all that happens to a target, keeps each single recommendation, and says how
//! far a decision may go.

use autoscaler_core::history::Runs;
use autoscaler_core::{Change, Decision, Direction, History, Observation, Policy, Replicas, Seconds, decide};
use jiff::Timestamp;

/// The memory of the witness.
#[derive(Debug, Clone, Default)]
pub(super) struct Witness {
    history: History,
    /// Every recommendation against shrinking, and when.
    shrink: Vec<(Timestamp, Replicas)>,
    /// Every recommendation against growth, likewise.
    growth: Vec<(Timestamp, Replicas)>,
}

/// What the witness says of one evaluation.
#[derive(Debug)]
pub(super) struct Verdict {
    /// The decision of an operator that was not interrupted.
    pub(super) decision: Decision,
    /// The count that the rules allow if each recommendation counts for exactly its window. Runs have a resolution of a
    /// tenth of a window (R13), so `decision` may be a little behind it, never ahead.
    pub(super) exact: Replicas,
    /// The highest recommendation against shrinking that is live.
    highest: Option<Replicas>,
    base: Replicas,
}

impl Verdict {
    /// Whether a decision goes no further, and in no other direction, than the rules allow.
    pub(super) fn allows(&self, desired: Replicas) -> bool {
        match Direction::between(self.base, desired) {
            None => true,
            Some(Direction::Up) => desired <= self.exact,
            Some(Direction::Down) => desired >= self.exact,
        }
    }

    /// Whether a decision shrinks below what was recommended within the window.
    pub(super) fn is_early_shrink(&self, desired: Replicas) -> bool {
        desired < self.base && self.highest.is_some_and(|highest| desired < highest.min(self.base))
    }
}

impl Witness {
    pub(super) fn evaluate(&mut self, policy: &Policy, seen: &Observation, now: Timestamp) -> Verdict {
        self.note_recommendations(policy, seen, now);
        let live = |recommendations: &[(Timestamp, Replicas)], window: Seconds| -> Vec<Replicas> {
            let young = recommendations
                .iter()
                .filter(|(at, _)| now.duration_since(*at) < window.duration());
            young.map(|(_, count)| *count).collect()
        };
        let highest = live(&self.shrink, policy.scale_down.window).into_iter().max();
        let lowest = live(&self.growth, policy.scale_up.window).into_iter().min();
        let base = if seen.replicas == Replicas::ZERO {
            Replicas::ZERO
        } else {
            policy.bounds.clamp(seen.replicas)
        };
        // Every limit moves a count towards the base, so their order does not matter.
        let desired = self.unwindowed(policy, seen, now);
        let exact = match Direction::between(base, desired) {
            Some(Direction::Down) => highest.map_or(desired, |highest| desired.max(highest.min(base))),
            Some(Direction::Up) => lowest.map_or(desired, |lowest| desired.min(lowest.max(base))),
            None => desired,
        };
        let decision = decide(policy, seen, &self.history, now);
        self.history = decision.history.clone();
        Verdict {
            decision,
            exact,
            highest,
            base,
        }
    }

    /// A change that was carried out.
    pub(super) fn record(&mut self, change: Change, policy: &Policy) {
        self.history.record_change(change, policy);
    }

    /// What this evaluation alone adds to the windows.
    fn note_recommendations(&mut self, policy: &Policy, seen: &Observation, now: Timestamp) {
        let mut alone = self.history.clone();
        (alone.shrink, alone.growth) = (Runs::default(), Runs::default());
        let alone = decide(policy, seen, &alone, now).history;
        self.shrink
            .extend(alone.shrink.as_slice().iter().map(|run| (now, run.max)));
        self.growth
            .extend(alone.growth.as_slice().iter().map(|run| (now, run.min)));
    }

    /// The count without windows.
    fn unwindowed(&self, policy: &Policy, seen: &Observation, now: Timestamp) -> Replicas {
        let mut policy = policy.clone();
        (policy.scale_up.window, policy.scale_down.window) = (Seconds::ZERO, Seconds::ZERO);
        decide(&policy, seen, &self.history, now).desired
    }
}
