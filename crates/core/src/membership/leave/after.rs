//! The pod is gone, and so must the member be, for everybody and for a while (M4).

use super::super::operation::{Leave, Work};
use super::super::world::Listed;
use super::super::{Effect, Ended, Step, Wait, act, end, has_passed, look, settle, wait};
use super::Leaving;

impl Leaving<'_> {
    pub(super) fn gone(self) -> Step {
        let Self {
            operation,
            world,
            profile,
            now,
        } = self;
        let member = &operation.member;
        let verifying = || look(operation.at(Work::Leave(Leave::Verifying), now));
        if world.target.ordinals().contains(&member.ordinal) {
            return verifying(); // a pod of that name is to come: it is no leftover
        }
        if world.subject.uid.is_some() {
            return wait(operation, Wait::PodGone); // another pod of that name, not gone yet
        }
        let may_forget = profile.can_forget && operation.is_due(profile.times.retry, now);
        match world.listed_by_survivors(member.ordinal, &member.name) {
            Listed::ByNone => verifying(),
            Listed::ByAll | Listed::BySome if may_forget => act(operation.intending(now), Effect::Forget),
            Listed::ByAll | Listed::BySome | Listed::Unknown => wait(operation, Wait::Forgotten),
        }
    }

    pub(super) fn verifying(self) -> Step {
        let Self {
            operation,
            world,
            profile,
            now,
        } = self;
        let member = &operation.member;
        let is_again = world.target.ordinals().contains(&member.ordinal);
        let is_listed = world
            .survivors(member.ordinal)
            .any(|view| view.lists(&member.name).is_yes());
        if is_listed && !is_again {
            // It had come back for a moment before its pod went: what it left behind is repaired.
            return look(operation.at(Work::Leave(Leave::Gone), now));
        }
        if is_again {
            return self.stays();
        }
        settle(operation, world, profile, now, (operation.work, Wait::Agreement))
    }

    /// It has left, and the target is to have a pod of that name: somebody raised the replicas, or the pod was made anew before
    /// they were lowered. Either it has come back by itself, or a person has to see to it. In neither case has anything shrunk.
    fn stays(self) -> Step {
        let Self {
            operation,
            world,
            profile,
            now,
        } = self;
        if !world.is_in_order() {
            return wait(operation, Wait::LeftAndStays);
        }
        if has_passed(Some(operation.since), profile.times.settle, now) {
            return end(operation, Ended::Overtaken);
        }
        wait(operation, Wait::Settled)
    }
}
