//! Which operation comes next, if any.

use jiff::Timestamp;

use super::operation::{AbortCause, Attempt, Join, Leave, Looks, Member, Operation, Plan, Work};
use super::profile::Profile;
use super::world::{Fact, World};
use crate::Replicas;

/// Why no operation begins although the size is not the one that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Idle {
    /// The cluster has the size that is asked for.
    AtGoal,
    /// All of it was stopped by a person: `spec.replicas` is 0, or not every member is back since (M11).
    Stopped,
    /// What stands in the way of every operation now.
    Stop(super::Stop),
    /// The target, or its namespace, is being deleted.
    TargetGoing,
    /// No allowed size lies within the bounds.
    NoAllowedSize,
    /// A member of this name left without a drain, and nobody has allowed to forget it (M10).
    Undrained(String),
    /// The pod that would leave is not there.
    NoPod,
}

/// The operation that leads to the size wished for, one member at a time (M20). `name` is what the cluster will call a
/// member, by its ordinal.
pub fn begin(
    world: &World,
    profile: &Profile,
    ceiling: Replicas,
    name: impl Fn(u32) -> String,
    id: &str,
    now: Timestamp,
) -> Result<Operation, Idle> {
    let (target, wish) = (&world.target, &world.wish);
    if target.is_going {
        return Err(Idle::TargetGoing);
    }
    if let Some(stop) = wish.stop {
        return Err(Idle::Stop(stop));
    }
    if target.replicas == Replicas::ZERO {
        return Err(Idle::Stopped);
    }
    let goal = profile
        .sizes
        .fit(wish.desired, wish.floor, ceiling)
        .ok_or(Idle::NoAllowedSize)?;
    let (from, count) = (target.replicas, target.replicas.get());
    let new = |to: Replicas, ordinal: u32, uid: Option<String>, work: Work| Operation {
        id: id.to_owned(),
        epoch: world.epoch,
        target: target.uid.clone(),
        goal,
        from,
        to,
        floor: wish.floor,
        member: Member {
            ordinal,
            uid,
            name: name(ordinal),
        },
        survivors: others(world, ordinal),
        reached: 0,
        plan: Plan::of(profile),
        work,
        started: now,
        since: now,
        sent: None,
        attempt: None,
        progress: None,
        looks: Looks::default(),
    };
    if goal > from {
        let ordinal = target.ordinals().end;
        return Ok(new(Replicas::new(count + 1), ordinal, None, Work::Join(Join::Gating)));
    }
    if let Some((ordinal, name)) = undrained(world, &name) {
        if world.wish.forget.contains(&name) || world.subject.has_stale_claim.is_no() {
            return Ok(new(from, ordinal, None, Work::Forget));
        }
        return Err(Idle::Undrained(name));
    }
    if goal < from {
        let ordinal = target.ordinals().end - 1;
        let pod = world.pod(ordinal).ok_or(Idle::NoPod)?;
        let uid = Some(pod.uid.clone());
        return Ok(new(Replicas::new(count - 1), ordinal, uid, Work::Leave(Leave::Gating)));
    }
    Err(Idle::AtGoal)
}

fn others(world: &World, ordinal: u32) -> Vec<String> {
    let others = world.pods.iter().filter(|pod| pod.ordinal != ordinal);
    others.map(|pod| pod.uid.clone()).collect()
}

/// What is done about something that is left of an operation of which no status tells (M13): it is taken back, or, where
/// the highest member is in the middle of leaving and that cannot be taken back, gone on with. The look is about the pod at
/// this ordinal.
pub fn adopt(
    world: &World,
    profile: &Profile,
    ordinal: u32,
    name: impl Fn(u32) -> String,
    id: &str,
    now: Timestamp,
) -> Option<Operation> {
    let (target, plan) = (&world.target, Plan::of(profile));
    // What is left of one that is on its way out anyway goes with it.
    let stays = !target.is_going && target.ordinals().contains(&ordinal);
    let pod = world.pod(ordinal).filter(|_| stays)?;
    let reached = plan.steps.len();
    let is_highest = target.ordinals().end.checked_sub(1) == Some(ordinal);
    let commit = plan.steps.iter().position(|step| step.commits);
    // A profile may say so of every member while another one is down, for then it cannot tell (VerneMQ waits with a leave
    // until all are up): it is believed only where the others are known to be well. Nobody makes the last one leave.
    let mut neighbours = world.survivors(ordinal).map(|view| view.is_healthy).peekable();
    let are_well = neighbours.peek().is_some() && Fact::all(neighbours).is_yes();
    let is_leaving = world.subject.is_leaving.is_yes() && are_well;
    let is_left = world.residue.iter().any(|residue| residue.is_yes());
    let (work, attempt) = match commit {
        Some(step) if is_highest && is_leaving => {
            // It was sent by somebody: it is never sent blindly a second time.
            let sent = Attempt {
                number: 1,
                at: now,
                reply: None,
            };
            (Leave::Draining { step, committed: true }, Some(sent))
        }
        _ if is_left => {
            let cause = AbortCause::Leftover;
            (Leave::Aborting { left: reached, cause }, None)
        }
        _ => return None,
    };
    let from = target.replicas;
    Some(Operation {
        id: id.to_owned(),
        epoch: world.epoch,
        target: target.uid.clone(),
        goal: from,
        from,
        to: Replicas::new(from.get().saturating_sub(1)),
        floor: world.wish.floor,
        member: Member {
            ordinal,
            uid: Some(pod.uid.clone()),
            name: name(ordinal),
        },
        survivors: others(world, ordinal),
        reached,
        plan,
        work: Work::Leave(work),
        started: now,
        since: now,
        sent: Some(now),
        attempt,
        progress: None,
        looks: Looks::default(),
    })
}

/// The lowest member that somebody lists and that has no place in the target any more: nobody drained it (M10).
pub fn undrained(world: &World, name: impl Fn(u32) -> String) -> Option<(u32, String)> {
    // As many as a person may have taken away at once; they are looked for one after the other.
    const REACH: u32 = 1_000;
    let end = world.target.ordinals().end;
    let is_listed = |name: &String| world.views.iter().any(|view| view.lists(name).is_yes());
    let mut beyond = (end..end.saturating_add(REACH)).map(|ordinal| (ordinal, name(ordinal)));
    beyond.find(|(_, name)| is_listed(name))
}
