//! Commit and proof, abort and retry (M1 to M7, M15, M18, M19).

use rstest::rstest;

use super::fixtures::*;
use crate::membership::*;

#[test]
fn a_member_leaves_step_by_step_and_each_is_stored_before_it_is_done() {
    let mut world = world(3, 2);
    let soft = until_settled(&begun(&world), &world, 0);
    assert_eq!(soft.then, Then::Act(Effect::Drain(0)));
    assert_eq!((soft.operation.reached, soft.operation.sent), (1, Some(at(0))));
    world.done[0] = Fact::Yes;
    let hard = until_settled(&soft.operation, &world, 1);
    assert_eq!(hard.then, Then::Act(Effect::Drain(1)));
    assert_eq!(hard.operation.work, draining(1, true));
    let gone = left(3, 2);
    let patch = until_settled(&hard.operation, &gone, 2);
    let (from, to) = (replicas(3), replicas(2));
    assert_eq!(patch.then, Then::Act(Effect::Lower { from, to }));
    assert_eq!(patch.operation.work, Work::Leave(Leave::Patched));
    let mut smaller = super::fixtures::world(2, 2);
    smaller.subject.uid = None;
    let settling = until_settled(&patch.operation, &smaller, 5);
    assert_eq!(settling.then, Then::Wait(Wait::Settled));
    assert_eq!(
        until_settled(&settling.operation, &smaller, 35).then,
        Then::End(Ended::Done)
    );
}

#[test]
fn m1_what_may_have_happened_is_taken_back_by_nothing_but_the_world() {
    let mut world = world(3, 3);
    world.done[0] = Fact::Yes;
    world.subject.is_leaving = Fact::Yes;
    world.wish.abort = Some("op-1".to_owned());
    world.wish.stop = Some(Stop::NotActive);
    let operation = on_its_way(&super::fixtures::world(3, 2), draining(1, true)).intending(at(0));
    let waits = until_settled(&operation, &world, 1_000);
    assert_eq!(waits.then, Then::Wait(Wait::Stalled("hard".to_owned())));
    assert_eq!(waits.operation.work, draining(1, true));
}

#[test]
fn m1_it_can_be_taken_back_again_once_two_looks_far_enough_apart_find_nothing_of_it() {
    let mut world = world(3, 2);
    world.done[0] = Fact::Yes;
    let operation = on_its_way(&super::fixtures::world(3, 2), draining(1, true)).intending(at(0));
    // What was sent may still arrive.
    let early = seen(&operation, &world, 59);
    assert_eq!(
        (early.then, early.operation.looks.undone),
        (Then::Wait(Wait::InDoubt), None)
    );
    let first = seen(&operation, &world, 60);
    assert_eq!(first.operation.looks.undone, Some(at(60)));
    assert_eq!(seen(&first.operation, &world, 74).then, Then::Wait(Wait::InDoubt));
    let second = seen(&first.operation, &world, 75);
    assert_eq!(second.operation.work, draining(0, false));
    // A look between them that finds it otherwise begins anew.
    let mut leaving = world.clone();
    leaving.subject.is_leaving = Fact::Yes;
    assert_eq!(seen(&first.operation, &leaving, 70).operation.looks.undone, None);
}

#[test]
fn m1_survivors_alone_do_not_prove_that_nothing_happened() {
    let mut world = world(3, 3);
    world.done[0] = Fact::Yes;
    world.views[2].lists = Some(vec![name(2)]);
    let operation = on_its_way(&super::fixtures::world(3, 2), draining(1, true)).intending(at(0));
    assert_eq!(seen(&operation, &world, 100).operation.looks.undone, None);
}

#[rstest]
#[case::one_survivor_does_not_answer(|world: &mut World| world.drained = Fact::Unknown, Wait::Proof)]
#[case::one_survivor_lists_it(|world: &mut World| world.drained = Fact::No, Wait::Proof)]
#[case::it_serves(|world: &mut World| { world.subject.is_stopped = Fact::No; world.subject.sessions = Some(1) }, Wait::LeaverServesAlone)]
#[case::it_is_ready(|world: &mut World| { world.subject.is_stopped = Fact::No; world.subject.sessions = Some(0); world.subject.is_ready = true }, Wait::LeaverServesAlone)]
#[case::nobody_knows(|world: &mut World| world.subject.is_stopped = Fact::Unknown, Wait::LeaverUnknown)]
#[case::the_survivors_know_nobody(|world: &mut World| for view in &mut world.views { view.lists = Some(vec![name(view.ordinal)]) }, Wait::NobodyAffirms)]
fn m2_without_both_sides_of_the_proof_nothing_is_removed(#[case] lacks: fn(&mut World), #[case] waits: Wait) {
    let mut world = left(3, 2);
    lacks(&mut world);
    let operation = on_its_way(
        &super::fixtures::world(3, 2),
        Work::Leave(Leave::Drained { committed: true }),
    );
    assert_eq!(until_settled(&operation, &world, 10).then, Then::Wait(waits.clone()));
    let patched = on_its_way(&super::fixtures::world(3, 2), Work::Leave(Leave::Patched));
    assert_eq!(until_settled(&patched, &world, 10).then, Then::Wait(waits));
}

#[test]
fn m2_survivors_that_were_made_anew_affirm_nothing() {
    let mut world = left(3, 2);
    for pod in &mut world.pods {
        pod.uid.push_str("-anew");
    }
    world.subject.uid = Some("uid-2".to_owned());
    let operation = on_its_way(
        &super::fixtures::world(3, 2),
        Work::Leave(Leave::Drained { committed: true }),
    );
    assert_eq!(
        until_settled(&operation, &world, 10).then,
        Then::Wait(Wait::NobodyAffirms)
    );
}

#[test]
fn m3_a_patch_that_did_not_come_through_is_sent_again_while_the_proof_holds() {
    let world = left(3, 2);
    let operation = on_its_way(&super::fixtures::world(3, 2), Work::Leave(Leave::Patched)).intending(at(0));
    let again = until_settled(&operation, &world, 1);
    let (from, to) = (replicas(3), replicas(2));
    assert_eq!(again.then, Then::Act(Effect::Lower { from, to }));
    assert_eq!(again.operation.attempt.map(|attempt| attempt.number), Some(2));
}

#[test]
fn m4_a_pod_is_gone_when_it_is_not_found_and_its_name_is_forgotten_only_then() {
    let mut world = left(3, 2);
    world.target.replicas = replicas(2);
    let patched = on_its_way(&super::fixtures::world(3, 2), Work::Leave(Leave::Patched)).intending(at(0));
    world.pods[2].is_terminating = true;
    assert_eq!(until_settled(&patched, &world, 1).then, Then::Wait(Wait::PodGone));
    // It came back for a moment, so the survivors list it again.
    for view in &mut world.views {
        view.lists = Some((0..3).map(name).collect());
    }
    world.subject.uid = Some("another".to_owned());
    assert_eq!(until_settled(&patched, &world, 2).then, Then::Wait(Wait::PodGone));
    world.subject.uid = None;
    world.pods.pop();
    assert_eq!(until_settled(&patched, &world, 3).then, Then::Act(Effect::Forget));
}

#[test]
fn m5_load_cancels_when_two_fresh_decisions_ask_for_more_than_it_leads_to() {
    let mut world = world(3, 3);
    world.done[0] = Fact::Yes;
    let operation = on_its_way(&super::fixtures::world(3, 2), draining(1, false));
    let mut stale = world.clone();
    stale.wish.is_fresh = false;
    assert_eq!(seen(&operation, &stale, 1).operation.looks.turned, 0);
    let mut gate = world.clone();
    gate.gates = vec![gate_of("netsplit", GateTime::Always, Fact::Unknown)];
    let once = seen(&operation, &gate, 1);
    assert_eq!(
        (once.then, once.operation.looks.turned),
        (Then::Wait(Wait::Gate("netsplit".to_owned())), 1)
    );
    let twice = seen(&once.operation, &gate, 2);
    let aborting = Work::Leave(Leave::Aborting {
        left: 2,
        cause: AbortCause::Load,
    });
    assert_eq!(twice.operation.work, aborting);
}

#[test]
fn m7_an_abort_goes_on_until_nothing_of_it_is_left() {
    let mut world = world(3, 3);
    world.residue = vec![Fact::Yes, Fact::No];
    let aborting = Work::Leave(Leave::Aborting {
        left: 2,
        cause: AbortCause::Load,
    });
    let operation = on_its_way(&super::fixtures::world(3, 2), aborting);
    let undo = until_settled(&operation, &world, 1);
    assert_eq!(undo.then, Then::Act(Effect::Undo(0)));
    assert_eq!(
        until_settled(&undo.operation, &world, 2).then,
        Then::Wait(Wait::Undone("soft".to_owned()))
    );
    assert_eq!(
        until_settled(&undo.operation, &world, 40).then,
        Then::Act(Effect::Undo(0))
    );
    world.residue[0] = Fact::Unknown;
    assert_eq!(
        until_settled(&undo.operation, &world, 2).then,
        Then::Wait(Wait::Undone("soft".to_owned()))
    );
    world.residue[0] = Fact::No;
    let ended = Then::End(Ended::Aborted(AbortCause::Load));
    assert_eq!(until_settled(&undo.operation, &world, 41).then, ended);
}

#[test]
fn m7_what_was_in_the_memory_of_a_pod_is_gone_with_it() {
    let mut world = world(3, 3);
    world.residue = vec![Fact::Unknown, Fact::No];
    world.subject.uid = Some("another".to_owned());
    let aborting = Work::Leave(Leave::Aborting {
        left: 2,
        cause: AbortCause::PodReplaced,
    });
    let operation = on_its_way(&super::fixtures::world(3, 2), aborting);
    let ended = Then::End(Ended::Aborted(AbortCause::PodReplaced));
    assert_eq!(until_settled(&operation, &world, 1).then, ended);
}

#[test]
fn m7_nothing_is_believed_to_be_left_of_a_step_that_may_still_arrive() {
    let world = world(3, 3);
    let mut operation = on_its_way(&super::fixtures::world(3, 2), draining(0, false)).intending(at(0));
    operation.looks.turned = 2;
    let aborting = seen(&operation, &world, 10);
    assert_eq!(
        until_settled(&aborting.operation, &world, 10).then,
        Then::Wait(Wait::UnderWay)
    );
    let ended = Then::End(Ended::Aborted(AbortCause::Load));
    assert_eq!(until_settled(&aborting.operation, &world, 60).then, ended);
}

#[test]
fn m15_the_first_look_of_a_term_is_for_the_record() {
    let mut world = left(3, 2);
    world.epoch = 2;
    let operation = on_its_way(&super::fixtures::world(3, 2), Work::Leave(Leave::Patched));
    let stamped = seen(&operation, &world, 10);
    assert_eq!((stamped.then, stamped.operation.epoch), (Then::Look, 2));
    assert!(matches!(
        seen(&stamped.operation, &world, 25).then,
        Then::Act(Effect::Lower { .. })
    ));
    world.epoch = 0;
    assert_eq!(seen(&stamped.operation, &world, 26).then, Then::Wait(Wait::Deposed));
}

#[test]
fn m18_a_pod_that_is_not_deleted_although_it_is_too_many_is_told() {
    let mut world = left(3, 2);
    world.target.replicas = replicas(2);
    let operation = on_its_way(&super::fixtures::world(3, 2), Work::Leave(Leave::Patched)).intending(at(0));
    assert_eq!(until_settled(&operation, &world, 119).then, Then::Wait(Wait::PodGone));
    assert_eq!(
        until_settled(&operation, &world, 120).then,
        Then::Wait(Wait::LeaverLingers)
    );
}

fn gate_of(name: &str, time: GateTime, is_open: Fact) -> Gate {
    Gate {
        name: name.to_owned(),
        time,
        is_open,
    }
}

#[test]
fn m19_gates_end_where_the_commit_is_intended() {
    let mut world = world(3, 2);
    world.done[0] = Fact::Yes;
    world.subject.is_leaving = Fact::Yes;
    world.gates = vec![gate_of("netsplit", GateTime::Always, Fact::No)];
    let before = on_its_way(&super::fixtures::world(3, 2), draining(1, false));
    let aborting = Work::Leave(Leave::Aborting {
        left: 2,
        cause: AbortCause::Gate,
    });
    assert_eq!(seen(&before, &world, 1).operation.work, aborting);
    let after = on_its_way(&super::fixtures::world(3, 2), draining(1, true)).intending(at(0));
    assert_eq!(seen(&after, &world, 1).then, Then::Wait(Wait::Step("hard".to_owned())));
}

#[test]
fn m19_unknown_progress_is_no_stall_and_the_total_deadline_runs() {
    let world = world(3, 2);
    let mut profile = profile();
    profile.has_progress = true;
    let operation = on_its_way(&world, draining(0, false)).intending(at(880));
    let look = |seconds| {
        step(
            &operation,
            &Event::Looked(Box::new(world.clone())),
            &profile,
            at(seconds),
        )
    };
    assert_eq!(look(890).then, Then::Wait(Wait::Step("soft".to_owned())));
    let aborting = Work::Leave(Leave::Aborting {
        left: 2,
        cause: AbortCause::Deadline,
    });
    assert_eq!(look(900).operation.work, aborting);
}
