//! How a member leaves a cluster and how one comes in: one machine, one act at a time, safe wherever it is cut off.
//!
//! [`step`] is told what one look at the world found and says what to store and then do. What is stored comes first, so
//! after a crash the next look finds either that the act has happened, or that it may have; acts are repeated only where
//! the profile allows it. Nothing here asks anybody, reads a clock, or knows how an act is carried out.
//!
//! The rules M1 to M20 are those of `docs/reference/rules.md`.

pub mod back_off;
pub mod codec;
mod forget;
mod join;
mod leave;
pub mod operation;
pub mod plan;
pub mod profile;
pub mod world;

use jiff::Timestamp;

pub use back_off::{Aborts, Retry};
pub use codec::DecodeOperationError;
pub use operation::{AbortCause, Attempt, Ended, Join, Leave, Member, Operation, Plan, Reply, Work};
pub use plan::{Idle, adopt, begin, undrained};
pub use profile::{DrainStep, Profile, Quorum, Sizes, Times, Undo};
pub use world::{Fact, Gate, GateTime, Listed, PodState, Stop, SubjectState, TargetState, View, Wish, World};

use crate::{Replicas, Seconds};

/// What the machine is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// One look at everything.
    Looked(Box<World>),
    /// What came back of the act that was intended last.
    Replied(Reply),
}

/// What is to be stored, and what then.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step {
    /// To be stored before anything is done, if it differs from what is stored.
    pub operation: Operation,
    /// And then.
    pub then: Then,
}

/// What to do once the operation is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Then {
    /// One act.
    Act(Effect),
    /// Nothing: the next look comes first.
    Look,
    /// Nothing, for this is waited for.
    Wait(Wait),
    /// The operation is at its end.
    End(Ended),
}

/// One act. Whoever carries it out checks the lease, the epoch and the pod's UID once more just before (M15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// This step of the drain.
    Drain(usize),
    /// The undo of this step.
    Undo(usize),
    /// Lower `spec.replicas`, on condition that it still has the first count, and on a proof not older than
    /// [`PROOF_LIFETIME`] (M2, M3).
    Lower {
        /// Before.
        from: Replicas,
        /// After.
        to: Replicas,
    },
    /// Raise `spec.replicas`, on condition that nothing of the target has changed since it was read (M3).
    Raise {
        /// Before.
        from: Replicas,
        /// After.
        to: Replicas,
    },
    /// Make the survivors forget the member.
    Forget,
}

/// So long what was seen may be acted on when the replicas are lowered (M2).
pub const PROOF_LIFETIME: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);

/// What is waited for. Nothing but the world ends it: no attempt is ever the last one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Every pod Ready, and every member well and of one mind about who belongs to the cluster.
    Agreement,
    /// This gate to open.
    Gate(String),
    /// A rollout, or the controller of the target.
    Target,
    /// Fewer members would have no quorum.
    Quorum,
    /// The claim of an earlier member at this ordinal: whoever starts on it does not join (M16).
    StaleClaim,
    /// This step to be done.
    Step(String),
    /// This step to be done: nothing has moved for longer than the profile allows, and it cannot be taken back.
    Stalled(String),
    /// To know whether an act that cannot be taken back has happened (M1).
    InDoubt,
    /// Every survivor to affirm that the member is drained.
    Proof,
    /// Somebody of the cluster that the member left: every pod that could affirm it was made anew, and knows of nobody.
    NobodyAffirms,
    /// The member, which has left and serves clients alone, to be stopped by somebody (M2).
    LeaverServesAlone,
    /// The member to tell that it serves nobody.
    LeaverUnknown,
    /// The API server to take the new count.
    Patch,
    /// The pod to go.
    PodGone,
    /// The pod to go: a lower one is not available, so the controller of the target waits (M18).
    LeaverLingers,
    /// The member, which has left and whose pod the target is to keep, to join anew.
    LeftAndStays,
    /// Every survivor to forget the member.
    Forgotten,
    /// The node of the member to be known lost (M4).
    NodeLost,
    /// The new pod to be Ready and listed by everybody.
    Joined,
    /// The new pod has not come into the cluster for longer than the profile allows.
    JoinStalled,
    /// The cluster to stay well for a while.
    Settled,
    /// What was sent last to have arrived, or to have no chance to any more.
    UnderWay,
    /// What this step did to be taken back.
    Undone(String),
    /// The target is another one now, and the operation cannot be taken back (M14).
    TargetReplaced,
    /// Another replica leads (M15).
    Deposed,
}

/// The next step of an operation.
pub fn step(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    match event {
        Event::Replied(reply) => replied(operation, *reply),
        Event::Looked(world) => looked(operation, world, profile, now),
    }
}

/// A reply is kept, and nothing else follows from it: only looks move an operation.
fn replied(operation: &Operation, reply: Reply) -> Step {
    let attempt = operation.attempt.map(|attempt| Attempt {
        reply: Some(reply),
        ..attempt
    });
    let operation = Operation {
        attempt,
        ..operation.clone()
    };
    Step {
        operation,
        then: Then::Look,
    }
}

fn looked(operation: &Operation, world: &World, profile: &Profile, now: Timestamp) -> Step {
    if world.epoch < operation.epoch {
        return wait(operation, Wait::Deposed);
    }
    if world.epoch > operation.epoch {
        // The first look of a new term is for the record; what it finds is looked at once more before anything is done.
        let stamped = Operation {
            epoch: world.epoch,
            ..operation.clone()
        };
        return look(stamped);
    }
    if world.target.is_going {
        return end(operation, Ended::Aborted(AbortCause::TargetGoing));
    }
    match operation.work {
        Work::Leave(at) => leave::step(operation, at, world, profile, now),
        Work::Join(at) => join::step(operation, at, world, profile, now),
        Work::Forget => forget::step(operation, world, profile, now),
    }
}

fn act(operation: Operation, effect: Effect) -> Step {
    Step {
        operation,
        then: Then::Act(effect),
    }
}

fn look(operation: Operation) -> Step {
    Step {
        operation,
        then: Then::Look,
    }
}

fn wait(operation: &Operation, wait: Wait) -> Step {
    Step {
        operation: operation.clone(),
        then: Then::Wait(wait),
    }
}

fn end(operation: &Operation, ended: Ended) -> Step {
    Step {
        operation: operation.clone(),
        then: Then::End(ended),
    }
}

/// The gate that is waited for.
fn held_by_gate(world: &World, at_start: bool) -> Option<Wait> {
    world.shut_gate(at_start).map(|gate| Wait::Gate(gate.name.clone()))
}

/// The last of an operation: it is done when everybody has agreed for a while, and goes back if somebody does not.
fn settle(operation: &Operation, world: &World, profile: &Profile, now: Timestamp, back: (Work, Wait)) -> Step {
    if !world.is_in_order() {
        let (work, wait) = back;
        return Step {
            operation: operation.at(work, now),
            then: Then::Wait(wait),
        };
    }
    if has_passed(Some(operation.since), profile.times.settle, now) {
        return end(operation, Ended::Done);
    }
    wait(operation, Wait::Settled)
}

/// Whether so long a time has passed since an instant.
fn has_passed(since: Option<Timestamp>, time: Seconds, now: Timestamp) -> bool {
    since.is_some_and(|since| since.saturating_add(time.duration()).is_ok_and(|ends| now >= ends))
}

#[cfg(test)]
mod tests;
