//! The proof that a member has left, and the patch that removes its pod (M2, M3).

use super::super::operation::{AbortCause, Leave, Operation, Work};
use super::super::world::{Fact, Listed, PodState, Stop};
use super::super::{Effect, Ended, Step, Wait, act, end, has_passed, look, wait};
use super::Leaving;

impl Leaving<'_> {
    pub(super) fn drained(self, committed: bool) -> Step {
        let Self {
            operation,
            profile,
            now,
            ..
        } = self;
        if !committed && let Some(step) = self.stopped() {
            return step;
        }
        if committed && let Some(step) = self.overtaken() {
            return step;
        }
        match self.proof() {
            // Somebody raised them: it has left, and its pod stays. Nothing but a new pod brings it back.
            Ok(()) if self.world.target.replicas > operation.from => {
                look(operation.at(Work::Leave(Leave::Verifying), now))
            }
            Ok(()) if has_passed(operation.looks.drained, profile.times.confirm, now) => self.lower(),
            Ok(()) => wait(operation, Wait::Proof),
            Err(_) if committed && self.is_back() => self.came_back(),
            Err(_) if !committed && (self.is_stalled() || self.is_overdue()) => self.abort(AbortCause::Deadline),
            Err(hold) => wait(operation, hold),
        }
    }

    /// Both sides, in this one look: every survivor affirms it, and the member serves nobody (M2). The survivors count only
    /// as one cluster, and as the one that the member was of: a pod that was made anew and has not found the others knows
    /// of no member, and that is no affirmation.
    pub(super) fn proof(self) -> Result<(), Wait> {
        // Whose pod is being made anew affirms nothing.
        if !self.world.drained.is_yes() || !self.is_everybody_there() {
            return Err(Wait::Proof);
        }
        if !self.are_of_the_cluster() {
            return Err(Wait::NobodyAffirms);
        }
        match self.world.subject.is_quiet() {
            Fact::Yes => Ok(()),
            Fact::No => Err(Wait::LeaverServesAlone),
            Fact::Unknown => Err(Wait::LeaverUnknown),
        }
    }

    /// Whether every member below this one, which are those that stay, has a pod.
    fn is_everybody_there(&self) -> bool {
        let leaver = self.operation.member.ordinal;
        let mut others = self.world.target.ordinals().take_while(|ordinal| *ordinal < leaver);
        others.all(|ordinal| self.world.pod(ordinal).is_some())
    }

    pub(super) fn survivors(&self) -> impl Iterator<Item = &PodState> {
        let leaver = self.operation.member.ordinal;
        self.world.pods.iter().filter(move |pod| pod.ordinal != leaver)
    }

    /// Whether the survivors know each other, and one of them is known from the looks before.
    pub(super) fn are_of_the_cluster(&self) -> bool {
        let is_known = self.survivors().any(|pod| self.operation.survivors.contains(&pod.uid));
        is_known && self.world.is_known_among(|| self.survivors()).is_yes()
    }

    /// The pods that are known to be of the cluster, as of this look: whoever is of one mind with those that were, or with
    /// the member itself.
    pub(super) fn of_the_cluster(&self) -> Vec<String> {
        if self.are_of_the_cluster() || self.is_back() {
            return self.survivors().map(|pod| pod.uid.clone()).collect();
        }
        self.operation.survivors.clone()
    }

    /// The pod is gone. Whoever is listed still although this operation never lowered the replicas was removed by somebody
    /// else, undrained: what it holds is in its claim, and nobody but a person has it forgotten (M4, M10).
    fn removed(self) -> Step {
        let Self {
            operation, world, now, ..
        } = self;
        let member = &operation.member;
        let is_ours = operation.attempt.is_some();
        match world.listed_by_survivors(member.ordinal, &member.name) {
            Listed::ByAll | Listed::BySome if !is_ours => end(operation, Ended::Aborted(AbortCause::ReplicasChanged)),
            Listed::Unknown if !is_ours => wait(operation, Wait::Forgotten),
            Listed::ByNone | Listed::ByAll | Listed::BySome | Listed::Unknown => {
                look(operation.at(Work::Leave(Leave::Gone), now))
            }
        }
    }

    /// Somebody lowered the replicas of an operation that cannot be taken back, or its pod is another one now: what is
    /// left of it is dealt with.
    pub(super) fn overtaken(self) -> Option<Step> {
        let is_changed = self.world.target.replicas < self.operation.from || self.is_replaced();
        is_changed.then(|| look(self.operation.at(Work::Leave(Leave::Patched), self.now)))
    }

    /// Whether another pod stands in the place of the member: what was proven of the one says nothing of the other.
    pub(super) fn is_replaced(self) -> bool {
        let uid = &self.world.subject.uid;
        uid.is_some() && *uid != self.operation.member.uid
    }

    /// Whether it is the pod of this member that goes when the replicas are lowered: `spec.ordinals.start` may be edited.
    pub(super) fn is_highest(self) -> bool {
        let Self { operation, world, .. } = self;
        world.target.first_ordinal.saturating_add(operation.to.get()) == operation.member.ordinal
    }

    pub(super) fn lower(self) -> Step {
        if !self.is_highest() {
            return self.target_replaced();
        }
        let Operation { from, to, .. } = *self.operation;
        let sent = match self.operation.work {
            Work::Leave(Leave::Patched) => self.operation.intending(self.now),
            _ => self
                .operation
                .at(Work::Leave(Leave::Patched), self.now)
                .intending(self.now),
        };
        act(sent, Effect::Lower { from, to })
    }

    /// The pod of a member that has left cannot be removed as it was meant to be: a person has to look, and may give it up.
    fn target_replaced(self) -> Step {
        if self.world.wish.stop == Some(Stop::Deleted) {
            return end(self.operation, Ended::Overtaken);
        }
        wait(self.operation, Wait::TargetReplaced)
    }

    pub(super) fn patched(self) -> Step {
        let Self {
            operation,
            world,
            profile,
            now,
        } = self;
        let (target, member) = (&world.target, &operation.member);
        let is_other_pod = world.subject.uid != member.uid;
        // One that was made anew with the same pod and count is lowered as the first would have been.
        let is_lowered = operation.attempt.is_some() && target.replicas == operation.to;
        let is_other_target = target.uid != operation.target && !is_lowered;
        if is_other_target && is_other_pod {
            // Nothing that was proven is about its pods.
            return end(operation, Ended::Overtaken);
        }
        if is_other_target && target.replicas != operation.from {
            return self.target_replaced();
        }
        if target.replicas == operation.from && !self.is_replaced() {
            return match self.proof() {
                Ok(()) => self.lower(),
                Err(_) if self.is_back() => self.came_back(),
                Err(hold) => wait(operation, hold),
            };
        }
        if target.ordinals().contains(&member.ordinal) {
            // Somebody raised the replicas again: its pod stays, or is made anew, and everybody must agree about it.
            return look(operation.at(Work::Leave(Leave::Verifying), now));
        }
        if is_other_pod {
            return self.removed();
        }
        let is_terminating = world.pod(member.ordinal).is_some_and(|pod| pod.is_terminating);
        let lingers = !is_terminating && has_passed(Some(operation.since), profile.times.stall, now);
        wait(operation, if lingers { Wait::LeaverLingers } else { Wait::PodGone })
    }
}
