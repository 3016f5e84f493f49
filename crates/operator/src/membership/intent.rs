//! What a decision asks of the members. Pure.
//!
//! While an operation is under way, or between two on the way to one goal, what was decided at any pace counts: cooldowns and
//! limits of rate have allowed the goal, and do not stand between its members (M20).

use autoscaler_api::conditions::reason;
use autoscaler_core::decision::Asked;
use autoscaler_core::membership::{Idle, Operation, Stop, Wish};
use autoscaler_core::{Decision, Direction, Reading, Replicas, Seconds};

use crate::prepared::EffectiveMode;
use crate::reconcile::act::Acted;
use crate::reconcile::decide::Decided;
use crate::reconcile::observe::Blocked;
use crate::subject::Subject;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intent {
    /// The count decided, after every limit; none if nothing could be decided.
    desired: Option<Replicas>,
    /// The count decided at any pace.
    free: Option<Replicas>,
    /// The count that the metrics ask for, before windows and locks.
    asked: Option<Replicas>,
    /// Whether every metric was Fresh.
    is_fresh: bool,
    /// Why nothing may go on that can still be taken back.
    stop: Option<Stop>,
    /// `minReplicas` and `maxReplicas`, if the spec can be read.
    pub(super) bounds: Option<(Replicas, Replicas)>,
    /// The rest after a shrink.
    pub(super) cooldown: Seconds,
}

impl Intent {
    /// What an evaluation asks for.
    pub(crate) fn of(subject: &Subject, acted: &Acted) -> Self {
        let policy = subject.prepared.as_ref().ok().map(|prepared| &prepared.policy);
        let nothing = Self {
            desired: None,
            free: None,
            asked: None,
            is_fresh: false,
            stop: stop(subject),
            bounds: policy.map(|policy| (policy.bounds.min(), policy.bounds.max())),
            cooldown: policy.map_or(Seconds::ZERO, |policy| policy.cooldown.down),
        };
        match acted {
            Acted::Decided { decided, .. } => nothing.decided(decided),
            Acted::Blocked(blocked) => nothing.blocked(blocked),
        }
    }

    fn decided(self, decided: &Decided) -> Self {
        let Decided { decision, free, seen } = decided;
        if seen.mode != EffectiveMode::Active {
            return self.stopped_by(Stop::NotActive);
        }
        Self {
            desired: Some(decision.desired),
            free: Some(free.as_ref().map_or(decision.desired, |free| free.desired)),
            asked: decision.merged().map(|(_, asked)| asked),
            is_fresh: is_fresh(decision),
            ..self
        }
    }

    fn blocked(self, blocked: &Blocked) -> Self {
        match blocked.reason {
            reason::PAUSED => self.stopped_by(Stop::NotActive),
            reason::TARGET_CONFLICT | reason::TARGET_MANAGED | reason::CONTENDED => self.stopped_by(Stop::Contended),
            // What is not known may be known at the next evaluation: nothing new begins, and what goes on, goes on.
            _ => self,
        }
    }

    fn stopped_by(self, stop: Stop) -> Self {
        Self {
            stop: self.stop.or(Some(stop)),
            ..self
        }
    }

    /// For tests: this count is wanted, by Fresh metrics.
    #[cfg(test)]
    pub(super) fn wanting(desired: Replicas, bounds: (Replicas, Replicas), cooldown: Seconds) -> Self {
        Self {
            desired: Some(desired),
            free: Some(desired),
            asked: Some(desired),
            is_fresh: true,
            stop: None,
            bounds: Some(bounds),
            cooldown,
        }
    }

    /// Whether anything may begin.
    pub(super) fn may_begin(&self) -> bool {
        self.desired.is_some() && self.stop.is_none()
    }

    /// Why nothing begins.
    pub(super) fn idle(&self) -> Idle {
        self.stop.map_or(Idle::AtGoal, Idle::Stop)
    }

    /// The size to go to from this one, with nothing under way, and a goal that was not reached yet.
    pub(super) fn desired(&self, replicas: Replicas, goal: Option<Replicas>) -> Replicas {
        let (Some(desired), Some(free)) = (self.desired, self.free) else {
            return replicas;
        };
        let Some((goal, direction)) = goal.and_then(|goal| Some((goal, Direction::between(replicas, goal)?))) else {
            return desired;
        };
        if Direction::between(replicas, self.asked.unwrap_or(replicas)) != Some(direction) && self.is_fresh {
            return desired; // nobody asks for it any more
        }
        match Direction::between(replicas, free) {
            // No farther than the goal: what lies beyond it has not been allowed yet.
            Some(towards) if towards == direction => direction.nearer(goal, free),
            // Held by a window or a lock, or the other way.
            Some(_) | None => desired,
        }
    }

    /// The wish as of this look.
    pub(super) fn wish(
        &self,
        subject: &Subject,
        operation: Option<&Operation>,
        replicas: Replicas,
        is_new: bool,
    ) -> Wish {
        let floor = self.bounds.map(|(floor, _)| floor);
        let desired = match operation {
            Some(operation) => self.free.unwrap_or(operation.to),
            None => self.desired(replicas, subject.membership.memory.goal),
        };
        let requests = &subject.snapshot.requests;
        Wish {
            desired,
            is_fresh: self.is_fresh && self.free.is_some(),
            is_new,
            floor: floor
                .or(operation.map(|operation| operation.floor))
                .unwrap_or(Replicas::new(1)),
            stop: self.stop,
            abort: requests.abort.clone(),
            forget: requests.forget.clone(),
        }
    }

    /// The profile under way is not the one of now (M9).
    pub(super) fn and_profile_changed(self) -> Self {
        self.stopped_by(Stop::ProfileChanged)
    }
}

/// What stands in the way whatever the metrics say.
fn stop(subject: &Subject) -> Option<Stop> {
    if subject.snapshot.terminating {
        return Some(Stop::Deleted);
    }
    let spec = subject.snapshot.spec()?;
    spec.membership.is_none().then_some(Stop::MembershipRemoved)
}

fn is_fresh(decision: &Decision) -> bool {
    let is_merged = matches!(decision.trail.asked, Asked::Merged { .. });
    is_merged
        && decision
            .metrics()
            .all(|step| matches!(step.reading, Reading::Fresh { .. }))
}
