//! A member that left without a drain is forgotten, because a person allowed it or nothing of it is left (M10).

use jiff::Timestamp;

use super::operation::Operation;
use super::profile::Profile;
use super::world::{Listed, World};
use super::{AbortCause, Effect, Ended, Step, Wait, act, end, wait};

pub(super) fn step(operation: &Operation, world: &World, profile: &Profile, now: Timestamp) -> Step {
    let member = &operation.member;
    if world.target.uid != operation.target {
        return end(operation, Ended::Aborted(AbortCause::TargetChanged));
    }
    if world.subject.uid.is_some() || world.target.ordinals().contains(&member.ordinal) {
        // Somebody scaled back: its data is where it was, and nothing is lost.
        return end(operation, Ended::Aborted(AbortCause::ReplicasChanged));
    }
    // Nothing was sent yet, and somebody wants the member back: to bring it back heals the cluster (M10).
    if operation.attempt.is_none() && world.wish.desired > world.target.replicas {
        return end(operation, Ended::Aborted(AbortCause::Load));
    }
    let cause = called_off(operation, world);
    if let Some(cause) = cause
        && operation.attempt.is_none()
    {
        return end(operation, Ended::Aborted(cause));
    }
    match world.listed_by_survivors(member.ordinal, &member.name) {
        Listed::ByNone => end(operation, Ended::Done),
        Listed::Unknown => wait(operation, Wait::Forgotten),
        // Nobody has drained it, so it may be a pod on a node that is merely cut off, which still serves (M4).
        Listed::ByAll | Listed::BySome if !world.subject.is_node_lost => wait(operation, Wait::NodeLost),
        Listed::ByAll | Listed::BySome => match cause {
            Some(cause) => end(operation, Ended::Aborted(cause)),
            None if operation.is_due(profile.times.retry, now) => act(operation.intending(now), Effect::Forget),
            None => wait(operation, Wait::Forgotten),
        },
    }
}

/// Why nobody is to be told to forget it any more: what is sent cannot be taken back, and nothing more is sent (M9, M10).
fn called_off(operation: &Operation, world: &World) -> Option<AbortCause> {
    let stop = world.wish.stop.map(AbortCause::Stop);
    let is_unwanted = operation.is_to_abort(&world.wish) || !may_forget(operation, world);
    stop.or_else(|| is_unwanted.then_some(AbortCause::Person))
}

/// A person named it, or its claim is gone and with it whatever it held.
fn may_forget(operation: &Operation, world: &World) -> bool {
    world.wish.forget.contains(&operation.member.name) || world.subject.has_stale_claim.is_no()
}
