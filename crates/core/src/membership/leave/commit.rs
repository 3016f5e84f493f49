//! What was intended and cannot be taken back is in doubt until the world tells: done, or certainly not (M1).

use super::super::operation::{AbortCause, Leave, Work};
use super::super::profile::DrainStep;
use super::super::world::Listed;
use super::super::{Reply, Step, Wait, has_passed, look, wait};
use super::Leaving;

impl Leaving<'_> {
    /// A step that commits is intended, or comes after one, and it is not done.
    pub(super) fn in_doubt(self, step: usize, planned: &DrainStep) -> Step {
        let Self {
            operation,
            profile,
            now,
            ..
        } = self;
        if self.is_back() {
            return self.came_back();
        }
        let is_first = operation.attempt.is_none();
        if is_first || (planned.is_repeatable && operation.is_due(profile.times.retry, now)) {
            return self.send(step, planned);
        }
        let name = planned.name.clone();
        if self.is_stalled() || self.is_overdue() {
            return wait(operation, Wait::Stalled(name));
        }
        wait(operation, Wait::Step(name))
    }

    /// Every survivor lists the member, and the member itself lists all of them and is not leaving: what was intended has
    /// not happened, or the member has come back. What survivors list may be old news; what it lists itself is not.
    pub(super) fn is_back(self) -> bool {
        let (member, world) = (&self.operation.member, self.world);
        let own = world.views.iter().find(|view| view.ordinal == member.ordinal);
        let belongs = own.is_some_and(|own| world.pods.iter().all(|pod| own.lists(&pod.member).is_yes()));
        let listed = world.listed_by_survivors(member.ordinal, &member.name);
        belongs && listed == Listed::ByAll && world.subject.is_leaving.is_no()
    }

    /// That is believed only when it was seen twice, so far apart that news would have come round, with nothing under way
    /// any more the first time. Then it goes on from its first step, or is taken back if nobody would begin it now.
    pub(super) fn came_back(self) -> Step {
        let Self {
            operation,
            profile,
            now,
            ..
        } = self;
        let is_sure = has_passed(operation.looks.undone, profile.times.gossip, now);
        if is_sure && let Some(cause) = self.would_not_begin() {
            return self.abort(cause);
        }
        if is_sure {
            return look(operation.at(
                Work::Leave(Leave::Draining {
                    step: 0,
                    committed: false,
                }),
                now,
            ));
        }
        wait(operation, Wait::InDoubt)
    }

    /// Why a member that is back is not drained anew.
    fn would_not_begin(self) -> Option<AbortCause> {
        let Self { operation, world, .. } = self;
        let is_refused = operation
            .attempt
            .is_some_and(|attempt| attempt.reply == Some(Reply::Refused));
        if world.wish.desired > operation.to {
            Some(AbortCause::Load)
        } else if is_refused {
            Some(AbortCause::Refused)
        } else if self.is_overdue() {
            Some(AbortCause::Deadline)
        } else {
            None
        }
    }
}
