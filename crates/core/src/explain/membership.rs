//! What an operation on a member is doing, what it waits for, how it ended: each as the sentence that a person reads who
//! was called because of it.

use crate::membership::{AbortCause, Aborts, Ended, Idle, Join, Leave, Operation, Retry, Stop, Wait, Work};

/// What is being done: "shrinking from 5 to 4: VerneMQ@vernemq-4 is being drained, step hard".
pub fn operation(operation: &Operation) -> String {
    let Operation { from, to, goal, .. } = operation;
    let aim = if goal == to || *goal == *from {
        String::new()
    } else {
        format!(" on the way to {goal}")
    };
    let phase = phase(operation);
    match operation.work {
        Work::Leave(Leave::Aborting { .. }) => format!("shrinking from {from} to {to} is being taken back: {phase}"),
        Work::Leave(_) => format!("shrinking from {from} to {to}{aim}: {phase}"),
        Work::Join(Join::Withdrawing) => format!("growing from {from} to {to} is being taken back: {phase}"),
        Work::Join(_) => format!("growing from {from} to {to}{aim}: {phase}"),
        Work::Forget => phase,
    }
}

fn phase(operation: &Operation) -> String {
    let name = &operation.member.name;
    let step = |index: usize| match operation.plan.steps.get(index) {
        Some(step) => format!("step {}", step.name),
        None => "every step is done".to_owned(),
    };
    match operation.work {
        Work::Leave(Leave::Gating) => format!("{name} would leave, and nothing has been done yet"),
        Work::Leave(Leave::Draining { step: at, committed }) => {
            let back = if committed {
                ", which cannot be taken back any more"
            } else {
                ""
            };
            format!("{name} is being drained, {}{back}", step(at))
        }
        Work::Leave(Leave::Drained { .. }) => format!("{name} is drained, and the proof of it is looked for"),
        Work::Leave(Leave::Patched) => format!("{name} has left, and its pod is being removed"),
        Work::Leave(Leave::Gone) => format!("the pod of {name} is gone, and the others have to forget it"),
        Work::Leave(Leave::Verifying) => format!("{name} is gone, and the others are watched for a while"),
        Work::Leave(Leave::Aborting { cause, .. }) => cause_of(cause),
        Work::Join(Join::Gating) => format!("{name} would come, and nothing has been done yet"),
        Work::Join(Join::Patched) => format!("{name} is coming"),
        Work::Join(Join::Settling) => format!("{name} has come, and the cluster is watched for a while"),
        Work::Join(Join::Withdrawing) => format!("{name} never came into the cluster, and its pod is being removed"),
        Work::Forget => format!("{name}, which nobody drained, is being forgotten"),
    }
}

/// Why it waits.
pub fn wait(operation: &Operation, wait: &Wait) -> String {
    let name = &operation.member.name;
    match wait {
        Wait::Agreement => {
            "waiting until every pod is Ready, and every member finds the cluster well and lists exactly \
                            the members that have pods"
                .to_owned()
        }
        Wait::Gate(gate) => format!("waiting for the gate {gate} to open"),
        Wait::Target => "waiting for the rollout of the StatefulSet to end".to_owned(),
        Wait::Quorum => format!("waiting: with {} members there would be no quorum", operation.to),
        Wait::StaleClaim => format!(
            "waiting: a claim of an earlier member is left at ordinal {}, and whoever starts on it does not join; delete \
             it if nothing on it is needed, or set persistentVolumeClaimRetentionPolicy.whenScaled: Delete",
            operation.member.ordinal
        ),
        Wait::Step(step) => format!("waiting for the step {step} to be done"),
        Wait::Stalled(step) => format!(
            "the step {step} has not moved for longer than the profile allows, and cannot be taken back; look at the log \
             of the pod of {name}. If its leave has ended with an error, restart its container: it is a member again then, and is \
             drained anew"
        ),
        Wait::InDoubt => format!("waiting to know whether {name} has begun to leave: the answer was lost"),
        Wait::Proof => format!("waiting until every other member confirms that {name} has left"),
        Wait::NobodyAffirms => format!(
            "nobody is left who knew {name}: every pod that could confirm that it has left was made anew; its pod is kept"
        ),
        Wait::LeaverServesAlone => format!(
            "{name} has left the cluster and serves clients alone (it is Ready, or has sessions): its pod is kept until \
             that is over; stop its process (VerneMQ: vmq-admin node stop), and the pod is removed"
        ),
        Wait::LeaverUnknown => format!("waiting for {name} to tell whether it still serves anybody"),
        Wait::Patch => "waiting for the API server to take the new count".to_owned(),
        Wait::PodGone => format!("waiting for the pod of {name} to go"),
        Wait::LeaverLingers => format!(
            "the pod of {name} is not deleted: the StatefulSet controller waits until every lower pod is available; mend \
             those"
        ),
        Wait::LeftAndStays => format!(
            "{name} has left the cluster, and its pod stays: the replicas were raised, or the pod was made anew before they were \
             lowered. If it does not join by itself, delete its pod, with its claim if nothing on it is needed"
        ),
        Wait::Forgotten => format!("waiting until every other member has forgotten {name}"),
        Wait::NodeLost => format!(
            "waiting to know that nothing of {name} still runs: a node does not answer; delete the node, or taint it \
             node.kubernetes.io/out-of-service, once it is certain that it is down"
        ),
        Wait::Joined => format!("waiting until {name} is Ready and every member lists it"),
        Wait::JoinStalled => format!(
            "{name} has not come into the cluster for longer than the profile allows; look at the log of its pod: data of \
             an earlier member is a common cause"
        ),
        Wait::Settled => "waiting: everybody agrees, and it has to stay so for a while".to_owned(),
        Wait::UnderWay => "waiting: what was sent last may still arrive".to_owned(),
        Wait::Undone(step) => format!("waiting until what the step {step} did is taken back"),
        Wait::TargetReplaced => {
            "the StatefulSet is another one now, and the operation cannot be taken back: nothing is \
                                 done until a person has looked; delete the MetricAutoscaler to give it up"
                .to_owned()
        }
        Wait::Deposed => "another replica of the operator leads".to_owned(),
    }
}

/// How it ended.
pub fn ended(operation: &Operation, ended: Ended) -> String {
    let Operation { from, to, .. } = operation;
    let name = &operation.member.name;
    match (operation.work, ended) {
        (Work::Leave(_), Ended::Done) => format!("shrank from {from} to {to}: {name} has left, and everybody agrees"),
        (Work::Join(_), Ended::Done) => format!("grew from {from} to {to}: {name} has joined, and everybody agrees"),
        (Work::Forget, Ended::Done) => format!("{name} is forgotten by everybody"),
        (_, Ended::Aborted(cause)) => format!(
            "{} {name} was given up, and nothing of it is left: {}",
            match operation.work {
                Work::Leave(_) => "the removal of",
                Work::Join(_) => "the growth by",
                Work::Forget => "to forget",
            },
            cause_of(cause)
        ),
        (Work::Leave(Leave::Verifying), Ended::Overtaken) => {
            format!("{name} had left, and is a member again: its pod was kept, or made anew")
        }
        (_, Ended::Overtaken) => format!(
            "the removal of {name} was given up after it had left, for the StatefulSet is another one now; look whether every pod is \
             a member"
        ),
        (_, Ended::Withdrawn) => format!("{name} never came into the cluster, and its pod was removed again"),
    }
}

/// Why an operation is taken back.
pub fn cause_of(cause: AbortCause) -> String {
    match cause {
        AbortCause::Load => "the load is back",
        AbortCause::Gate => "a gate closed",
        AbortCause::Deadline => "it took longer than the profile allows",
        AbortCause::Refused => "the member refused",
        AbortCause::PodReplaced => "the pod is another one now",
        AbortCause::Bounds => "it would lead below minReplicas",
        AbortCause::ReplicasChanged => "somebody changed the replicas",
        AbortCause::TargetChanged => "the StatefulSet is another one now, or a rollout began",
        AbortCause::Person => "a person asked for it",
        AbortCause::TargetGoing => "the StatefulSet or its namespace is being deleted",
        AbortCause::Leftover => "something of an operation was found that no status tells of",
        AbortCause::Stop(stop) => return stopped(stop).to_owned(),
    }
    .to_owned()
}

fn stopped(stop: Stop) -> &'static str {
    match stop {
        Stop::NotActive => "mode is not Active",
        Stop::MembershipRemoved => "spec.membership was removed",
        Stop::ProfileChanged => "the profile was changed",
        Stop::Contended => "another writer sets the replicas",
        Stop::Deleted => "the MetricAutoscaler is being deleted",
    }
}

/// Why no operation begins.
pub fn idle(idle: &Idle) -> String {
    match idle {
        Idle::AtGoal => "no operation is under way".to_owned(),
        Idle::Stopped => "the target has spec.replicas 0, and nothing is done until all members are back".to_owned(),
        Idle::Stop(stop) => format!("no operation begins: {}", stopped(*stop)),
        Idle::TargetGoing => "the StatefulSet is being deleted".to_owned(),
        Idle::NoAllowedSize => "no size that the profile allows lies within minReplicas and maxReplicas".to_owned(),
        Idle::Undrained(name) => format!(
            "{name} was removed without a drain and is still a member; what it holds is in its claim. Scale back to bring \
             it back, or forget it for good with the annotation metricautoscaler.dev/forget: {name}"
        ),
        Idle::NoPod => "the pod that would leave is not there".to_owned(),
    }
}

/// Why the next shrink waits after aborts.
pub fn back_off(aborts: Aborts, retry: Retry, id: &str) -> Option<String> {
    let count = aborts.count;
    let aborted = match count {
        1 => "the last one was taken back".to_owned(),
        _ => format!("the last {count} were taken back"),
    };
    match retry {
        Retry::Now => None,
        Retry::After(at) => Some(format!(
            "no shrink before {}: {aborted}; the annotation metricautoscaler.dev/retry: {id} begins at once",
            super::whole_seconds(at)
        )),
        Retry::Held => Some(format!(
            "no shrink any more: {aborted}; find out why, then edit the spec or set the annotation \
             metricautoscaler.dev/retry: {id}"
        )),
    }
}
