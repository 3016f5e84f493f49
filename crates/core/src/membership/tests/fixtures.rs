//! A cluster of three that is well, its last member leaving in two steps of which the second commits.

use jiff::{SignedDuration, Timestamp};

use crate::membership::*;
use crate::{Replicas, Seconds};

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

pub(super) fn name(ordinal: u32) -> String {
    format!("broker-{ordinal}")
}

pub(super) fn profile() -> Profile {
    let step = |name: &str, commits: bool| DrainStep {
        name: name.to_owned(),
        commits,
        is_repeatable: !commits,
        undo: (!commits).then_some(Undo { ends_with_pod: true }),
    };
    Profile {
        digest: "first".to_owned(),
        drain: vec![step("soft", false), step("hard", true)],
        can_forget: true,
        has_progress: false,
        sizes: Sizes::Any,
        quorum: Quorum::One,
        times: Times {
            gossip: Seconds::new(15),
            stall: Seconds::new(120),
            total: Seconds::new(900),
            retry: Seconds::new(30),
            confirm: Seconds::ZERO,
            in_flight: Seconds::new(60),
            settle: Seconds::new(30),
        },
    }
}

/// A cluster of so many, all well and of one mind, of which as many are wished for.
pub(super) fn world(replicas: u32, desired: u32) -> World {
    let names: Vec<String> = (0..replicas).map(name).collect();
    let pod = |ordinal: u32| PodState {
        ordinal,
        uid: format!("uid-{ordinal}"),
        member: name(ordinal),
        is_ready: true,
        is_terminating: false,
    };
    let view = |ordinal: u32| View {
        ordinal,
        lists: Some(names.clone()),
        is_healthy: Fact::Yes,
    };
    World {
        epoch: 1,
        target: TargetState {
            uid: "target".to_owned(),
            replicas: Replicas::new(replicas),
            first_ordinal: 0,
            is_settled: true,
            is_going: false,
        },
        pods: (0..replicas).map(pod).collect(),
        views: (0..replicas).map(view).collect(),
        subject: SubjectState {
            uid: Some(format!("uid-{}", replicas - 1)),
            is_ready: true,
            is_stopped: Fact::No,
            is_leaving: Fact::No,
            sessions: Some(7),
            is_node_lost: false,
            has_stale_claim: Fact::No,
        },
        gates: Vec::new(),
        done: vec![Fact::No, Fact::No],
        residue: vec![Fact::No, Fact::No],
        drained: Fact::No,
        progress: None,
        wish: Wish {
            desired: Replicas::new(desired),
            is_fresh: true,
            is_new: true,
            floor: Replicas::new(1),
            stop: None,
            abort: None,
            forget: Vec::new(),
        },
    }
}

/// What is seen once the last member has left and its process has ended.
pub(super) fn left(replicas: u32, desired: u32) -> World {
    let mut left = world(replicas, desired);
    let last = replicas - 1;
    for view in &mut left.views {
        view.lists = (view.ordinal != last).then(|| (0..last).map(name).collect());
    }
    left.pods.retain(|pod| pod.ordinal != last);
    left.pods.push(PodState {
        ordinal: last,
        uid: format!("uid-{last}"),
        member: name(last),
        is_ready: false,
        is_terminating: false,
    });
    (left.drained, left.done) = (Fact::Yes, vec![Fact::Yes, Fact::Yes]);
    left.subject.is_ready = false;
    left.subject.is_stopped = Fact::Yes;
    (left.subject.sessions, left.subject.is_leaving) = (None, Fact::Unknown);
    left
}

/// The operation that this world asks for.
pub(super) fn begun(world: &World) -> Operation {
    begin(world, &profile(), Replicas::new(10), name, "op-1", at(0)).unwrap()
}

/// An operation as it is somewhere on its way.
pub(super) fn on_its_way(world: &World, work: Work) -> Operation {
    let mut operation = begun(world);
    operation.work = work;
    operation.reached = 2;
    operation
}

pub(super) fn seen(operation: &Operation, world: &World, seconds: i64) -> Step {
    step(
        operation,
        &Event::Looked(Box::new(world.clone())),
        &profile(),
        at(seconds),
    )
}

/// Looks until something is done, waited for, or ended.
pub(super) fn until_settled(operation: &Operation, world: &World, seconds: i64) -> Step {
    let mut next = seen(operation, world, seconds);
    for _ in 0..10 {
        if next.then != Then::Look {
            break;
        }
        next = seen(&next.operation, world, seconds);
    }
    next
}

pub(super) fn draining(step: usize, committed: bool) -> Work {
    Work::Leave(Leave::Draining { step, committed })
}

pub(super) fn replicas(count: u32) -> Replicas {
    Replicas::new(count)
}
