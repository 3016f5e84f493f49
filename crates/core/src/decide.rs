//! The pipeline, a method and a file for each step:
//!
//! 1. **read** each metric, **propose** a count for it, **merge** to the largest (R1 to R11);
//! 2. **remember** it (R13 to R16);
//! 3. **bound** it (R12);
//! 4. **stabilize** behind the windows (R13);
//! 5. **limit the rate** by the policies of `behavior`;
//! 6. **cool down** after a change (R19);
//! 7. **lock** shrinking (R2, R17, R18);
//! 8. **hold until probed**: no change rests on readings that nobody has probed (R1).
//!
//! Precedence (R12): paused > bounds > locks > cooldown > rate limit > window. A count outside the bounds is corrected
//! first and unconditionally; every later step moves between that corrected count (`base`) and the count asked for, and
//! a later step overrides an earlier one.

mod bound;
mod cool_down;
mod limit_rate;
mod lock;
mod propose;
mod read;
mod remember;
mod stabilize;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::decision::{Asked, Trail};
use crate::{Decision, Direction, History, Limit, Observation, Policy, Replicas, Standing};

/// Decides how many replicas there should be now.
///
/// `history` is the memory as it was stored; the decision carries the memory to store next. A change that is made
/// because of the decision is recorded by [`History::record_change`] once it has really been made.
pub fn decide(policy: &Policy, observation: &Observation, history: &History, now: Timestamp) -> Decision {
    let mut pipeline = Pipeline::new(policy, observation, history, now);
    if observation.replicas == Replicas::ZERO {
        pipeline.trail.asked = Asked::Disabled;
        pipeline.history.last_replicas = Some(Replicas::ZERO);
        pipeline.history.acting = false;
        return pipeline.finish(Replicas::ZERO);
    }
    pipeline.notice_changes();
    let merged = pipeline.read_and_merge();
    let wanted = pipeline.remember(&merged);
    let bounded = pipeline.bound(wanted);
    let stable = pipeline.stabilize(bounded);
    let limited = pipeline.limit_rate(stable);
    let cooled = pipeline.cool_down(limited);
    let allowed = pipeline.lock(cooled);
    let proven = pipeline.hold_until_probed(allowed);
    pipeline.finish(proven)
}

/// Something that lets the count not move at all.
struct Hold {
    /// Its end, if that is fixed.
    until: Option<Timestamp>,
}

/// One decision under way. Each step is a method in a file of its own.
struct Pipeline<'a> {
    policy: &'a Policy,
    observation: &'a Observation,
    now: Timestamp,
    /// `spec.replicas`: what ratios are taken of.
    current: Replicas,
    /// The present count, corrected into the bounds: what a hold holds.
    base: Replicas,
    history: History,
    trail: Trail,
    needs_probe: bool,
    /// Metrics of every pod whose samples reach back to before replicas were removed, and until when (R10).
    lagging: BTreeMap<String, Timestamp>,
}

impl<'a> Pipeline<'a> {
    fn new(policy: &'a Policy, observation: &'a Observation, history: &History, now: Timestamp) -> Self {
        Self {
            policy,
            observation,
            now,
            current: observation.replicas,
            base: policy.bounds.clamp(observation.replicas),
            history: history.clone(),
            trail: Trail::default(),
            needs_probe: false,
            lagging: BTreeMap::new(),
        }
    }

    fn direction_to(&self, wanted: Replicas) -> Option<Direction> {
        Direction::between(self.base, wanted)
    }

    /// Leaves a line if the count was moved, and passes the count on.
    fn limited(&mut self, limit: Limit) -> Replicas {
        let allowed = limit.allowed;
        if limit.wanted != limit.allowed {
            self.trail.limits.push(limit);
        }
        allowed
    }

    /// A change that rests on readings whose age and coverage nobody has asked for must wait for the probe (R1).
    fn hold_until_probed(&mut self, wanted: Replicas) -> Replicas {
        if wanted == self.base || !read::any_unprobed(self.observation) {
            return wanted;
        }
        self.needs_probe = true;
        self.base
    }

    fn finish(mut self, desired: Replicas) -> Decision {
        self.history.last_replicas = Some(self.current);
        self.history.acting = self.observation.standing == Standing::Acts && self.current != Replicas::ZERO;
        let next_change = if self.needs_probe || desired != self.current {
            None
        } else {
            self.next_change()
        };
        Decision {
            at: self.now,
            current: self.current,
            desired,
            trail: self.trail,
            needs_probe: self.needs_probe,
            next_change,
            history: self.history,
        }
    }

    /// The earliest time at which the count may move, if that is fixed: the latest end of all that holds it now. What
    /// would hold it behind a window counts too: else the time told would move when the window ends (R24).
    fn next_change(&self) -> Option<Timestamp> {
        let mut limits = self.trail.limits.iter().filter(|limit| !limit.cause.is_bound());
        let direction = self.direction_to(limits.clone().next()?.wanted)?;
        // What merely shortens the change is no reason to wait.
        let told = limits.by_ref().filter(|limit| limit.allowed == self.base);
        told.map(|limit| Hold { until: limit.until })
            .chain(self.used_up(direction))
            .chain(self.rests_until(direction).map(|ends| Hold { until: Some(ends) }))
            .chain(self.locked(direction))
            .map(|hold| hold.until)
            .reduce(|one, other| Some(one?.max(other?)))
            .flatten()
    }
}

#[cfg(test)]
mod tests;
