//! Faults put into the machine on purpose: the model check must find every one of them, or it proves nothing.

use autoscaler_core::Replicas;
use autoscaler_core::membership::{
    AbortCause, Effect, Ended, Event, Fact, Join, Leave, Operation, Profile, Step, Then, Wait, Work, World, step,
};
use jiff::Timestamp;
use rstest::rstest;
use stateright::{Checker, HasDiscoveries, Model};

use super::cluster::{Budget, Cluster, Machine};
use super::model::Interleavings;

/// The machine, told another world than there is.
fn told(
    operation: &Operation,
    event: &Event,
    profile: &Profile,
    now: Timestamp,
    change: impl FnOnce(&mut World),
) -> Step {
    match event {
        Event::Looked(world) => {
            let mut world = world.clone();
            change(&mut world);
            step(operation, &Event::Looked(world), profile, now)
        }
        Event::Replied(_) => step(operation, event, profile, now),
    }
}

fn lowers_without_proof(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    told(operation, event, profile, now, |world| {
        (world.drained, world.subject.is_stopped) = (Fact::Yes, Fact::Yes);
    })
}

fn does_not_ask_the_leaver(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    told(operation, event, profile, now, |world| {
        world.subject.is_stopped = Fact::Yes;
    })
}

fn takes_any_pod_for_the_member(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    told(operation, event, profile, now, |world| {
        if world.subject.uid.is_some() && matches!(operation.work, Work::Leave(_)) {
            world.subject.uid.clone_from(&operation.member.uid);
        }
    })
}

fn forgets_while_the_pod_is_there(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    told(operation, event, profile, now, |world| {
        if matches!(operation.work, Work::Leave(Leave::Patched | Leave::Gone)) {
            world.subject.uid = None;
        }
    })
}

fn believes_survivors_alone_that_nothing_happened(
    operation: &Operation,
    event: &Event,
    profile: &Profile,
    now: Timestamp,
) -> Step {
    told(operation, event, profile, now, |world| {
        let everybody: Vec<String> = world.pods.iter().map(|pod| pod.member.clone()).collect();
        for view in &mut world.views {
            if view.ordinal == operation.member.ordinal && view.lists.is_some() {
                view.lists = Some(everybody.clone());
            }
        }
    })
}

fn believes_one_look_that_nothing_happened(
    operation: &Operation,
    event: &Event,
    profile: &Profile,
    now: Timestamp,
) -> Step {
    let mut hasty = operation.clone();
    hasty.looks.undone = Some(Timestamp::UNIX_EPOCH);
    hasty.sent = None;
    step(&hasty, event, profile, now)
}

fn does_not_wait_for_what_is_under_way(
    operation: &Operation,
    event: &Event,
    profile: &Profile,
    now: Timestamp,
) -> Step {
    let mut hasty = operation.clone();
    hasty.sent = None;
    step(&hasty, event, profile, now)
}

/// M1 the other way round.
fn thinks_a_commit_can_be_taken_back(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    let mut forgetful = operation.clone();
    if let Work::Leave(Leave::Draining { committed, .. } | Leave::Drained { committed }) = &mut forgetful.work {
        *committed = false;
    }
    step(&forgetful, event, profile, now)
}

fn repeats_the_commit(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    let mut eager = operation.clone();
    for planned in &mut eager.plan.steps {
        planned.is_repeatable = true;
    }
    step(&eager, event, profile, now)
}

fn takes_nothing_back(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    match operation.work {
        Work::Leave(Leave::Aborting { .. }) => Step {
            operation: operation.clone(),
            then: Then::End(Ended::Aborted(AbortCause::Load)),
        },
        _ => step(operation, event, profile, now),
    }
}

fn removes_two(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    let mut greedy = step(operation, event, profile, now);
    if let Then::Act(Effect::Lower { to, .. }) = &mut greedy.then {
        *to = Replicas::new(to.get().saturating_sub(1));
    }
    greedy
}

fn adds_two(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    let mut greedy = step(operation, event, profile, now);
    if let Then::Act(Effect::Raise { to, .. }) = &mut greedy.then {
        *to = Replicas::new(to.get() + 1);
    }
    greedy
}

fn withdraws_a_member(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    match event {
        Event::Looked(world) if operation.work == Work::Join(Join::Settling) && world.wish.desired < operation.to => {
            let (from, to) = (operation.to, operation.from);
            let mut withdrawing = operation.clone();
            withdrawing.work = Work::Join(Join::Withdrawing);
            Step {
                operation: withdrawing,
                then: Then::Act(Effect::Lower { from, to }),
            }
        }
        _ => step(operation, event, profile, now),
    }
}

fn calls_it_done_once_the_patch_is_through(
    operation: &Operation,
    event: &Event,
    profile: &Profile,
    now: Timestamp,
) -> Step {
    match event {
        Event::Looked(world)
            if operation.work == Work::Leave(Leave::Patched) && world.target.replicas == operation.to =>
        {
            Step {
                operation: operation.clone(),
                then: Then::End(Ended::Done),
            }
        }
        _ => step(operation, event, profile, now),
    }
}

fn gives_an_undo_up(operation: &Operation, event: &Event, profile: &Profile, now: Timestamp) -> Step {
    let next = step(operation, event, profile, now);
    let again = operation.attempt.is_some() && matches!(next.then, Then::Act(Effect::Undo(_)));
    if again {
        return Step {
            operation: operation.clone(),
            then: Then::Wait(Wait::UnderWay),
        };
    }
    next
}

const QUIET: Budget = Budget::NONE;
const LATE: Budget = Budget { late: 1, ..QUIET };
const CRASH: Budget = Budget {
    crash: 1,
    late: 1,
    ..QUIET
};
const LOAD: Budget = Budget {
    flip: 1,
    late: 1,
    ..QUIET
};
const EVICT: Budget = Budget { evict: 1, ..QUIET };

#[rstest]
#[case::lowers_without_proof(lowers_without_proof, 2, 1, QUIET)]
#[case::does_not_ask_the_leaver(does_not_ask_the_leaver, 2, 1, QUIET)]
#[case::takes_any_pod_for_the_member(takes_any_pod_for_the_member, 2, 1, EVICT)]
#[case::forgets_while_the_pod_is_there(forgets_while_the_pod_is_there, 2, 1, Budget { rejoin: 1, ..QUIET })]
#[case::believes_survivors_alone(believes_survivors_alone_that_nothing_happened, 2, 1, CRASH)]
#[case::believes_one_look(believes_one_look_that_nothing_happened, 2, 1, LATE)]
#[case::does_not_wait_for_what_is_under_way(does_not_wait_for_what_is_under_way, 2, 1, LOAD)]
#[case::thinks_a_commit_can_be_taken_back(thinks_a_commit_can_be_taken_back, 2, 1, LOAD)]
#[case::repeats_the_commit(repeats_the_commit, 2, 1, LATE)]
#[case::takes_nothing_back(takes_nothing_back, 2, 1, LOAD)]
#[case::removes_two(removes_two, 3, 1, QUIET)]
#[case::adds_two(adds_two, 1, 3, QUIET)]
#[case::withdraws_a_member(withdraws_a_member, 1, 2, LOAD)]
#[case::calls_it_done_once_the_patch_is_through(calls_it_done_once_the_patch_is_through, 2, 1, Budget { rejoin: 1, ..QUIET })]
#[case::gives_an_undo_up(gives_an_undo_up, 2, 1, LOAD)]
fn a_fault_is_found(#[case] machine: Machine, #[case] replicas: u8, #[case] desired: u8, #[case] budget: Budget) {
    let start = Cluster::of(replicas, desired, budget);
    let model = Interleavings { start, machine };
    let checker = model.checker().finish_when(HasDiscoveries::Any).spawn_bfs().join();
    let found = checker.discoveries();
    let states = checker.unique_state_count();
    assert!(
        !found.is_empty(),
        "{states} different states were looked at, and nothing wrong was found in them"
    );
    for (name, path) in found {
        let wrong = path.last_state().wrong;
        let actions = path.into_actions().len();
        println!("{name}: {wrong:?} after {actions} actions, in {states} different states");
    }
}

/// Nobody else's fault: with the machine as it is, nothing is found where the faults were.
#[rstest]
#[case(2, 1, LATE)]
#[case(2, 1, EVICT)]
#[case(1, 2, LOAD)]
#[case(2, 1, Budget { rejoin: 1, ..QUIET })]
fn nothing_is_found_where_there_is_no_fault(#[case] replicas: u8, #[case] desired: u8, #[case] budget: Budget) {
    let start = Cluster::of(replicas, desired, budget);
    let checker = Interleavings { start, machine: step }.checker().spawn_bfs().join();
    let found: Vec<String> = checker
        .discoveries()
        .into_iter()
        .map(|(name, path)| format!("{name}: {}", path.last_state()))
        .collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(checker.is_done());
    println!("{} different states", checker.unique_state_count());
}
