//! From the last step of a drain to the moment when everybody has forgotten the member (M1 to M4).

use rstest::rstest;

use super::fixtures::*;
use crate::Seconds;
use crate::membership::*;

fn leaving(work: Leave) -> Operation {
    on_its_way(&world(3, 2), Work::Leave(work))
}

fn drained(committed: bool) -> Operation {
    leaving(Leave::Drained { committed })
}

fn is_overdue_abort(step: &Step) -> bool {
    let cause = AbortCause::Deadline;
    step.operation.work == Work::Leave(Leave::Aborting { left: 2, cause })
}

#[test]
fn a_proof_that_has_to_last_is_waited_for() {
    let mut profile = profile();
    profile.times.confirm = Seconds::new(5);
    let look = |operation: &Operation, world: &World, seconds| {
        step(
            operation,
            &Event::Looked(Box::new(world.clone())),
            &profile,
            at(seconds),
        )
    };
    let gone = left(3, 2);
    let first = look(&drained(true), &gone, 10);
    assert_eq!(first.then, Then::Wait(Wait::Proof));
    assert_eq!(first.operation.looks.drained, Some(at(10)));
    assert_eq!(look(&first.operation, &gone, 14).then, Then::Wait(Wait::Proof));
    let (from, to) = (replicas(3), replicas(2));
    let lower = Then::Act(Effect::Lower { from, to });
    assert_eq!(look(&first.operation, &gone, 15).then, lower);
    let mut doubtful = gone;
    doubtful.drained = Fact::Unknown;
    assert_eq!(look(&first.operation, &doubtful, 14).operation.looks.drained, None);
}

#[test]
fn without_proof_it_is_taken_back_when_it_does_not_move_but_never_after_the_commit() {
    let world = world(3, 2);
    assert_eq!(seen(&drained(false), &world, 119).then, Then::Wait(Wait::Proof));
    assert!(is_overdue_abort(&seen(&drained(false), &world, 120)));
    // Its pod has only just come here, and all of it has taken too long.
    let late = drained(false).at(Work::Leave(Leave::Drained { committed: false }), at(899));
    assert_eq!(seen(&late, &world, 899).then, Then::Wait(Wait::Proof));
    assert!(is_overdue_abort(&seen(&late, &world, 900)));
    // What has committed waits for as long as it takes.
    let mut leaves = world;
    leaves.subject.is_leaving = Fact::Yes;
    let committed = seen(&drained(true), &leaves, 1_000);
    assert_eq!(committed.then, Then::Wait(Wait::Proof));
    assert_eq!(committed.operation.work, drained(true).work);
}

#[test]
fn m1_who_is_back_after_the_last_step_is_believed_to_be_so_as_before_it() {
    let world = world(3, 2);
    for operation in [drained(true), leaving(Leave::Patched)] {
        let first = seen(&operation, &world, 10);
        assert_eq!(first.then, Then::Wait(Wait::InDoubt));
        assert_eq!(seen(&first.operation, &world, 25).operation.work, draining(0, false));
    }
}

#[test]
fn a_member_that_has_left_stays_as_a_pod_where_somebody_raised_the_replicas() {
    let mut gone = left(3, 2);
    gone.target.replicas = replicas(4);
    let verifying = Work::Leave(Leave::Verifying);
    assert_eq!(seen(&drained(true), &gone, 1).operation.work, verifying);
    // There everybody has to agree about it: nobody lists it, and it has a pod.
    let waits = seen(&leaving(Leave::Verifying), &left(3, 2), 1);
    assert_eq!(
        (waits.then, waits.operation.work),
        (Then::Wait(Wait::LeftAndStays), verifying)
    );
}

#[rstest]
#[case::somebody_lowered_them(|world: &mut World| world.target.replicas = replicas(2))]
#[case::the_pod_is_another(|world: &mut World| world.subject.uid = Some("another".to_owned()))]
fn m14_after_the_commit_what_somebody_else_removed_is_dealt_with(#[case] change: fn(&mut World)) {
    let mut world = world(3, 2);
    world.subject.is_leaving = Fact::Yes;
    for operation in [draining(1, true), drained(true).work] {
        let operation = leaving_at(operation);
        assert_ne!(seen(&operation, &world, 1).operation.work, Work::Leave(Leave::Patched));
        let mut changed = world.clone();
        change(&mut changed);
        assert_eq!(
            seen(&operation, &changed, 1).operation.work,
            Work::Leave(Leave::Patched)
        );
    }
    // No pod at all is none in its place.
    world.subject.uid = None;
    assert_ne!(
        seen(&drained(true), &world, 1).operation.work,
        Work::Leave(Leave::Patched)
    );
}

fn leaving_at(work: Work) -> Operation {
    on_its_way(&world(3, 2), work).intending(at(0))
}

#[test]
fn m3_another_pod_in_its_place_is_not_removed_for_what_was_proven_of_the_first() {
    let mut gone = left(3, 2);
    assert!(matches!(
        seen(&leaving(Leave::Patched), &gone, 1).then,
        Then::Act(Effect::Lower { .. })
    ));
    gone.subject.uid = Some("another".to_owned());
    let step = seen(&leaving(Leave::Patched), &gone, 1);
    assert_eq!(
        (step.then, step.operation.work),
        (Then::Look, Work::Leave(Leave::Verifying))
    );
}

#[test]
fn m2_what_the_member_itself_lists_makes_survivors_known_as_well() {
    let mut operation = leaving(Leave::Draining {
        step: 0,
        committed: false,
    });
    operation.survivors = vec!["of-old".to_owned()];
    // None of the pods is known from before, and the member belongs to them.
    assert_eq!(
        seen(&operation, &world(3, 2), 1).operation.survivors,
        ["uid-0", "uid-1"]
    );
    assert_eq!(seen(&operation, &left(3, 2), 1).operation.survivors, ["of-old"]);
}

#[test]
fn m1_the_act_of_a_commit_in_doubt_is_sent_once_and_then_waited_for() {
    let mut world = world(3, 2);
    world.done[0] = Fact::Yes;
    world.subject.is_leaving = Fact::Yes;
    // It comes after one that commits, and was never sent.
    let fresh = on_its_way(&super::fixtures::world(3, 2), draining(1, true));
    let sent = seen(&fresh, &world, 1);
    assert_eq!(sent.then, Then::Act(Effect::Drain(1)));
    assert_eq!(
        seen(&sent.operation, &world, 40).then,
        Then::Wait(Wait::Step("hard".to_owned()))
    );
    let mut repeatable = fresh.intending(at(1));
    repeatable.plan.steps[1].is_repeatable = true;
    assert_eq!(
        seen(&repeatable, &world, 30).then,
        Then::Wait(Wait::Step("hard".to_owned()))
    );
    assert_eq!(seen(&repeatable, &world, 31).then, Then::Act(Effect::Drain(1)));
    // It does not move, or all of it takes too long: either is told as a stall.
    let stalled = Then::Wait(Wait::Stalled("hard".to_owned()));
    assert_eq!(seen(&sent.operation, &world, 120).then, stalled);
    let late = sent.operation.at(draining(1, true), at(890)).intending(at(890));
    assert_eq!(seen(&late, &world, 899).then, Then::Wait(Wait::Step("hard".to_owned())));
    assert_eq!(seen(&late, &world, 900).then, stalled);
}

#[test]
fn m4_who_is_still_listed_is_forgotten_after_a_pause_and_only_where_the_profile_can() {
    let mut small = world(2, 2);
    small.subject.uid = None;
    for view in &mut small.views {
        view.lists = Some((0..3).map(name).collect());
    }
    let gone = leaving(Leave::Gone);
    let forget = seen(&gone, &small, 1);
    assert_eq!(forget.then, Then::Act(Effect::Forget));
    assert_eq!(seen(&forget.operation, &small, 30).then, Then::Wait(Wait::Forgotten));
    assert_eq!(seen(&forget.operation, &small, 31).then, Then::Act(Effect::Forget));
    let mut profile = profile();
    profile.can_forget = false;
    let waits = step(&gone, &Event::Looked(Box::new(small)), &profile, at(1));
    assert_eq!(waits.then, Then::Wait(Wait::Forgotten));
}

#[test]
fn m4_who_is_listed_again_while_the_others_are_watched_is_forgotten_again() {
    let mut small = world(2, 2);
    small.subject.uid = None;
    let verifying = leaving(Leave::Verifying);
    assert_eq!(seen(&verifying, &small, 1).then, Then::Wait(Wait::Settled));
    small.views[0].lists = Some((0..3).map(name).collect());
    assert_eq!(seen(&verifying, &small, 1).operation.work, Work::Leave(Leave::Gone));
    // A pod of that name is wanted again: it is no leftover.
    let whole = world(3, 3);
    assert_eq!(seen(&verifying, &whole, 1).then, Then::Wait(Wait::Settled));
}

/// A person, or a tool that owns the manifest, lowers the replicas while the queues are still being moved.
#[test]
fn m4_who_was_removed_by_somebody_else_before_it_had_left_is_forgotten_by_nobody() {
    let mut lowered = world(2, 2);
    lowered.subject.uid = None;
    for view in &mut lowered.views {
        view.lists = Some((0..3).map(name).collect());
    }
    let draining = leaving_at(draining(1, true));
    let ended = Then::End(Ended::Aborted(AbortCause::ReplicasChanged));
    assert_eq!(until_settled(&draining, &lowered, 1).then, ended);
    // M10 takes it from there: a person decides.
    let undrained = begin(&lowered, &profile(), replicas(10), name, "op-2", at(2));
    lowered.subject.has_stale_claim = Fact::Yes;
    let held = begin(&lowered, &profile(), replicas(10), name, "op-2", at(2));
    assert_eq!(held, Err(Idle::Undrained("broker-2".to_owned())));
    assert_eq!(undrained.unwrap().work, Work::Forget);
    // Whether it is listed still is not known, and whoever is not listed has left.
    lowered.views[0].lists = None;
    assert_eq!(until_settled(&draining, &lowered, 1).then, Then::Wait(Wait::Forgotten));
    for view in &mut lowered.views {
        view.lists = Some((0..2).map(name).collect());
    }
    assert_eq!(until_settled(&draining, &lowered, 1).then, Then::Wait(Wait::Settled));
}

#[test]
fn a_commit_that_the_member_refuses_is_given_up_and_not_tried_for_ever() {
    let mut world = world(3, 2);
    world.done[0] = Fact::Yes;
    let sent = leaving_at(draining(1, true));
    let refused = step(&sent, &Event::Replied(Reply::Refused), &profile(), at(1)).operation;
    let first = seen(&refused, &world, 60);
    assert_eq!(first.then, Then::Wait(Wait::InDoubt));
    let cause = AbortCause::Refused;
    let aborting = Work::Leave(Leave::Aborting { left: 2, cause });
    assert_eq!(seen(&first.operation, &world, 75).operation.work, aborting);
    // Nor is one that came back again and again until all of it has taken too long.
    let late = seen(&sent, &world, 885);
    let cause = AbortCause::Deadline;
    let aborting = Work::Leave(Leave::Aborting { left: 2, cause });
    assert_eq!(seen(&late.operation, &world, 900).operation.work, aborting);
}
