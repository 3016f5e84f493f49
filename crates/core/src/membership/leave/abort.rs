//! An operation is taken back: the undo of each step that may have done something, last step first, until nothing of it
//! is left. It goes on by itself for as long as it takes (M7).

use super::super::operation::{AbortCause, Leave, Work};
use super::super::world::Fact;
use super::super::{Effect, Ended, Step, Wait, act, end, look, wait};
use super::Leaving;

impl Leaving<'_> {
    /// The beginning: of every step that was ever intended something may be left.
    pub(super) fn abort(self, cause: AbortCause) -> Step {
        let left = self.operation.reached;
        look(
            self.operation
                .at(Work::Leave(Leave::Aborting { left, cause }), self.now),
        )
    }

    pub(super) fn aborting(self, left: usize, cause: AbortCause) -> Step {
        let Self {
            operation,
            world,
            profile,
            now,
        } = self;
        let Some(index) = left.checked_sub(1) else {
            return self.aborted(cause);
        };
        if self.is_under_way() && operation.attempt.is_none() {
            return wait(operation, Wait::UnderWay);
        }
        let planned = operation.plan.steps.get(index);
        let is_other_pod = world.subject.uid != operation.member.uid;
        let is_left = match planned.and_then(|planned| planned.undo) {
            None => Fact::No,
            Some(undo) if undo.ends_with_pod && is_other_pod => Fact::No,
            Some(_) => world.residue.get(index).copied().unwrap_or(Fact::Unknown),
        };
        if is_left.is_no() {
            return look(operation.at(Work::Leave(Leave::Aborting { left: index, cause }), now));
        }
        if operation.is_due(profile.times.retry, now) {
            return act(operation.intending(now), Effect::Undo(index));
        }
        wait(
            operation,
            Wait::Undone(planned.map(|planned| planned.name.clone()).unwrap_or_default()),
        )
    }

    /// Nothing is left to undo. Of what was found without a record nobody knows whether its commit was under way (M13): if
    /// the member does not belong to the cluster as the others do, it was, and there is only forward (M1).
    fn aborted(self, cause: AbortCause) -> Step {
        let Self { operation, now, .. } = self;
        let commit = operation.plan.steps.iter().position(|step| step.commits);
        match commit {
            Some(step) if cause == AbortCause::Leftover && self.is_highest() && !self.is_back() => {
                let committed = true;
                let in_doubt = operation.at(Work::Leave(Leave::Draining { step, committed }), now);
                // Sent by somebody: never blindly a second time.
                look(in_doubt.intending(now))
            }
            _ => end(operation, Ended::Aborted(cause)),
        }
    }
}
