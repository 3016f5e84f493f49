//! A member more: gates, patch, and a pod that is not only Ready but in the cluster.

use jiff::Timestamp;

use super::operation::{Join, Looks, Operation, Work};
use super::profile::Profile;
use super::world::{Fact, Listed, World};
use super::{AbortCause, Effect, Ended, Step, Wait, act, end, has_passed, held_by_gate, look, settle, wait};

/// One look at a member that comes.
#[derive(Debug, Clone, Copy)]
struct Joining<'a> {
    operation: &'a Operation,
    world: &'a World,
    profile: &'a Profile,
    now: Timestamp,
}

pub(super) fn step(operation: &Operation, at: Join, world: &World, profile: &Profile, now: Timestamp) -> Step {
    let noted = noted(operation, world);
    let joining = Joining {
        operation: &noted,
        world,
        profile,
        now,
    };
    if at != Join::Gating && world.target.uid != operation.target {
        return end(operation, Ended::Aborted(AbortCause::TargetChanged));
    }
    match at {
        Join::Gating => joining.gating(),
        Join::Patched => joining.patched(),
        Join::Settling => joining.settling(),
        Join::Withdrawing => joining.withdrawing(),
    }
}

/// A growth is withdrawn, as a shrink is, after two Fresh decisions that want it no more (M5, M8).
fn noted(operation: &Operation, world: &World) -> Operation {
    let is_turned = world.wish.is_fresh && world.wish.desired < operation.to;
    Operation {
        looks: Looks {
            turned: operation.looks.turned_by(&world.wish, is_turned),
            ..operation.looks
        },
        ..operation.clone()
    }
}

impl Joining<'_> {
    fn gating(self) -> Step {
        let Self { operation, now, .. } = self;
        if let Some(cause) = self.hinders() {
            return end(operation, Ended::Aborted(cause));
        }
        match self.holds() {
            Some(_) if has_passed(Some(operation.started), self.profile.times.total, now) => {
                end(operation, Ended::Aborted(AbortCause::Deadline))
            }
            Some(hold) => wait(operation, hold),
            None => act(
                operation.at(Work::Join(Join::Patched), now).intending(now),
                self.raise(),
            ),
        }
    }

    fn raise(self) -> Effect {
        let Operation { from, to, .. } = *self.operation;
        Effect::Raise { from, to }
    }

    fn hinders(self) -> Option<AbortCause> {
        let Self {
            operation,
            world,
            profile,
            ..
        } = self;
        let called_off = operation.is_called_off(world, profile);
        called_off.or_else(|| operation.looks.is_turned().then_some(AbortCause::Load))
    }

    fn holds(self) -> Option<Wait> {
        let world = self.world;
        if !world.target.is_settled {
            return Some(Wait::Target);
        }
        if !world.is_in_order() {
            return Some(Wait::Agreement);
        }
        if !self.is_return() && !world.subject.has_stale_claim.is_no() {
            return Some(Wait::StaleClaim);
        }
        held_by_gate(world, true)
    }

    /// The member that comes was never drained: it is listed still, what it holds is in its claim, and to bring it back
    /// heals the cluster (M10).
    fn is_return(self) -> bool {
        let member = &self.operation.member.name;
        self.world.views.iter().any(|view| view.lists(member).is_yes())
    }

    fn patched(self) -> Step {
        let Self {
            operation,
            world,
            profile,
            now,
        } = self;
        let replicas = world.target.replicas;
        if replicas == operation.from {
            // The patch has not happened (yet). It is sent again unless nobody wants it any more.
            return match self.hinders() {
                Some(_) if !has_passed(Some(operation.since), profile.times.in_flight, now) => {
                    wait(operation, Wait::Patch)
                }
                Some(cause) => end(operation, Ended::Aborted(cause)),
                None => act(operation.intending(now), self.raise()),
            };
        }
        if replicas != operation.to {
            return end(operation, Ended::Aborted(AbortCause::ReplicasChanged));
        }
        if world.is_in_order() {
            return look(operation.at(Work::Join(Join::Settling), now));
        }
        if self.is_unwanted() && self.never_joined().is_yes() {
            return look(operation.at(Work::Join(Join::Withdrawing), now));
        }
        let stalled = has_passed(Some(operation.since), profile.times.total, now);
        wait(operation, if stalled { Wait::JoinStalled } else { Wait::Joined })
    }

    fn settling(self) -> Step {
        let Self {
            operation,
            world,
            profile,
            now,
        } = self;
        if world.target.replicas != operation.to {
            return end(operation, Ended::Aborted(AbortCause::ReplicasChanged));
        }
        let back = (Work::Join(Join::Patched), Wait::Joined);
        settle(operation, world, profile, now, back)
    }

    fn withdrawing(self) -> Step {
        let Self {
            operation, world, now, ..
        } = self;
        let Operation { from, to, .. } = *operation;
        if world.target.replicas == to {
            return match self.never_joined() {
                Fact::Yes if self.is_unwanted() => act(operation.intending(now), Effect::Lower { from: to, to: from }),
                Fact::Unknown if self.is_unwanted() => wait(operation, Wait::LeaverUnknown),
                _ => look(operation.at(Work::Join(Join::Patched), now)),
            };
        }
        if world.target.replicas != from {
            return end(operation, Ended::Aborted(AbortCause::ReplicasChanged));
        }
        if world.subject.uid.is_some() {
            return wait(operation, Wait::PodGone);
        }
        end(operation, Ended::Withdrawn)
    }

    fn is_unwanted(self) -> bool {
        let wish = &self.world.wish;
        wish.stop.is_some() || self.operation.is_to_abort(wish) || self.operation.looks.is_turned()
    }

    /// The new pod holds nothing of anybody: no survivor lists it, and it serves nobody (M8).
    fn never_joined(self) -> Fact {
        let member = &self.operation.member;
        let subject = &self.world.subject;
        let is_unlisted = match self.world.listed_by_survivors(member.ordinal, &member.name) {
            Listed::ByNone => Fact::Yes,
            Listed::ByAll | Listed::BySome => Fact::No,
            Listed::Unknown => Fact::Unknown,
        };
        let serves_nobody = if subject.uid.is_none() {
            Fact::Yes
        } else {
            subject
                .sessions
                .map_or(Fact::Unknown, |sessions| (sessions == 0).into())
        };
        Fact::all([is_unlisted, serves_nobody.max(subject.is_stopped)])
    }
}
