//! People and other writers, edits in mid-operation (M9 to M14).

use rstest::rstest;

use super::fixtures::*;
use crate::membership::*;

#[rstest]
#[case::not_active(|world: &mut World| world.wish.stop = Some(Stop::NotActive), AbortCause::Stop(Stop::NotActive))]
#[case::membership_removed(|world: &mut World| world.wish.stop = Some(Stop::MembershipRemoved), AbortCause::Stop(Stop::MembershipRemoved))]
#[case::contended(|world: &mut World| world.wish.stop = Some(Stop::Contended), AbortCause::Stop(Stop::Contended))]
#[case::deleted(|world: &mut World| world.wish.stop = Some(Stop::Deleted), AbortCause::Stop(Stop::Deleted))]
#[case::the_minimum_was_raised(|world: &mut World| world.wish.floor = replicas(3), AbortCause::Bounds)]
#[case::somebody_scaled(|world: &mut World| world.target.replicas = replicas(5), AbortCause::ReplicasChanged)]
#[case::a_rollout_began(|world: &mut World| world.target.is_settled = false, AbortCause::TargetChanged)]
#[case::the_target_is_another(|world: &mut World| world.target.uid = "another".to_owned(), AbortCause::TargetChanged)]
#[case::the_ordinals_moved(|world: &mut World| world.target.first_ordinal = 10, AbortCause::TargetChanged)]
#[case::the_pod_is_another(|world: &mut World| world.subject.uid = Some("another".to_owned()), AbortCause::PodReplaced)]
fn m9_what_changes_in_mid_operation_takes_it_back_before_the_commit(
    #[case] change: fn(&mut World),
    #[case] cause: AbortCause,
) {
    let mut world = world(3, 2);
    world.done[0] = Fact::Yes;
    let operation = on_its_way(&world, draining(1, false));
    change(&mut world);
    let aborting = Work::Leave(Leave::Aborting { left: 2, cause });
    assert_eq!(seen(&operation, &world, 1).operation.work, aborting);
}

#[test]
fn m9_an_edited_profile_takes_it_back_before_the_commit_and_not_afterwards() {
    let mut world = world(3, 2);
    world.done[0] = Fact::Yes;
    world.subject.is_leaving = Fact::Yes;
    let mut edited = profile();
    edited.digest = "second".to_owned();
    let look = |operation: &Operation| step(operation, &Event::Looked(Box::new(world.clone())), &edited, at(1));
    let before = on_its_way(&world, draining(1, false));
    let cause = AbortCause::Stop(Stop::ProfileChanged);
    assert_eq!(
        look(&before).operation.work,
        Work::Leave(Leave::Aborting { left: 2, cause })
    );
    let after = on_its_way(&world, draining(1, true)).intending(at(0));
    assert_eq!(look(&after).operation.work, draining(1, true));
}

#[test]
fn m10_nobody_is_forgotten_but_by_name_or_when_nothing_is_left_of_it() {
    let mut world = world(2, 2);
    for view in &mut world.views {
        view.lists = Some((0..3).map(name).collect());
    }
    world.subject.uid = None;
    world.subject.is_node_lost = true;
    world.subject.has_stale_claim = Fact::Yes;
    let begin = |world: &World| begin(world, &profile(), replicas(10), name, "op-1", at(0));
    assert_eq!(begin(&world), Err(Idle::Undrained("broker-2".to_owned())));
    world.wish.forget = vec!["broker-2".to_owned()];
    let operation = begin(&world).unwrap();
    assert_eq!(operation.work, Work::Forget);
    assert_eq!(seen(&operation, &world, 1).then, Then::Act(Effect::Forget));
    // A larger cluster is wanted: to bring it back comes first.
    let mut wanted = world.clone();
    wanted.wish.desired = replicas(3);
    assert_eq!(
        seen(&operation, &wanted, 1).then,
        Then::End(Ended::Aborted(AbortCause::Load))
    );
    // A pod on a node that is merely cut off still runs (M4).
    world.subject.is_node_lost = false;
    assert_eq!(seen(&operation, &world, 1).then, Then::Wait(Wait::NodeLost));
    // Scaled back, it is a member as before.
    world.subject.uid = Some("uid-2".to_owned());
    let ended = Then::End(Ended::Aborted(AbortCause::ReplicasChanged));
    assert_eq!(seen(&operation, &world, 1).then, ended);
}

#[test]
fn m11_while_everything_is_stopped_nothing_begins() {
    let mut stopped = world(1, 3);
    stopped.target.replicas = replicas(0);
    stopped.pods.clear();
    stopped.views.clear();
    assert_eq!(
        begin(&stopped, &profile(), replicas(10), name, "op-1", at(0)),
        Err(Idle::Stopped)
    );
}

#[test]
fn m11_nothing_runs_until_all_members_are_back() {
    let mut world = world(3, 2);
    world.pods.pop();
    let operation = on_its_way(&super::fixtures::world(3, 2), Work::Leave(Leave::Gating));
    world.subject.uid = Some("uid-2".to_owned());
    assert_eq!(until_settled(&operation, &world, 1).then, Then::Wait(Wait::Agreement));
}

#[test]
fn m13_where_the_target_itself_goes_it_ends_at_once() {
    let mut world = world(3, 2);
    let operation = on_its_way(&world, draining(1, true));
    world.target.is_going = true;
    let ended = Then::End(Ended::Aborted(AbortCause::TargetGoing));
    assert_eq!(seen(&operation, &world, 1).then, ended);
}

#[test]
fn m14_after_the_commit_it_goes_on_only_with_the_same_pod_and_count() {
    let mut world = left(3, 2);
    world.target.uid = "another".to_owned();
    let operation = on_its_way(&super::fixtures::world(3, 2), Work::Leave(Leave::Patched)).intending(at(0));
    assert!(matches!(
        seen(&operation, &world, 1).then,
        Then::Act(Effect::Lower { .. })
    ));
    world.target.replicas = replicas(5);
    assert_eq!(seen(&operation, &world, 1).then, Then::Wait(Wait::TargetReplaced));
}

#[test]
fn m14a_a_person_aborts_one_operation_by_its_id_and_no_other() {
    let mut world = world(3, 2);
    world.done[0] = Fact::Yes;
    let operation = on_its_way(&world, draining(1, false));
    world.wish.abort = Some("op-0".to_owned());
    assert_eq!(seen(&operation, &world, 1).then, Then::Act(Effect::Drain(1)));
    world.wish.abort = Some("op-1".to_owned());
    let cause = AbortCause::Person;
    assert_eq!(
        seen(&operation, &world, 1).operation.work,
        Work::Leave(Leave::Aborting { left: 2, cause })
    );
}

#[test]
fn m13_what_is_left_of_an_operation_that_no_status_tells_of_is_taken_back() {
    let mut world = world(3, 3);
    let adopt = |world: &World| adopt(world, &profile(), 2, name, "op-1", at(0));
    assert_eq!(adopt(&world), None);
    world.residue[0] = Fact::Yes;
    let operation = adopt(&world).unwrap();
    let cause = AbortCause::Leftover;
    assert_eq!(operation.work, Work::Leave(Leave::Aborting { left: 2, cause }));
    // It may have been sent just before.
    assert_eq!(until_settled(&operation, &world, 1).then, Then::Wait(Wait::UnderWay));
    assert_eq!(until_settled(&operation, &world, 60).then, Then::Act(Effect::Undo(0)));
}

#[test]
fn m13_a_leave_that_no_status_tells_of_is_gone_on_with_and_never_begun_again() {
    let mut world = world(3, 3);
    world.subject.is_leaving = Fact::Yes;
    let operation = adopt(&world, &profile(), 2, name, "op-1", at(0)).unwrap();
    assert_eq!(operation.work, draining(1, true));
    assert_eq!(
        until_settled(&operation, &world, 60).then,
        Then::Wait(Wait::Step("hard".to_owned()))
    );
    // Of a lower one nothing can be gone on with: the StatefulSet would not remove it.
    world.subject.uid = Some("uid-1".to_owned());
    assert_eq!(super::super::adopt(&world, &profile(), 1, name, "op-1", at(0)), None);
}

#[test]
fn m5_looks_between_two_decisions_count_for_nothing() {
    let mut world = world(3, 3);
    world.done[0] = Fact::Yes;
    let mut operation = on_its_way(&super::fixtures::world(3, 2), draining(1, false));
    operation.attempt = Some(Attempt {
        number: 1,
        at: at(0),
        reply: None,
    });
    let turned = |step: &Step| step.operation.looks.turned;
    let first = seen(&operation, &world, 1);
    world.wish.is_new = false;
    let between = seen(&first.operation, &world, 2);
    assert_eq!((turned(&first), turned(&between)), (1, 1));
    world.wish.is_new = true;
    let second = seen(&between.operation, &world, 3);
    assert_eq!(turned(&second), 2);
    let cause = AbortCause::Load;
    let aborting = Work::Leave(Leave::Aborting { left: 2, cause });
    assert_eq!(second.operation.work, aborting);
}

#[test]
fn m13_that_a_member_leaves_is_not_believed_while_another_one_is_not_well() {
    let mut world = world(3, 3);
    world.subject.is_leaving = Fact::Yes;
    for doubt in [Fact::No, Fact::Unknown] {
        world.views[0].is_healthy = doubt;
        assert_eq!(adopt(&world, &profile(), 2, name, "op-1", at(0)), None);
    }
}

#[test]
fn m10_a_name_that_was_taken_off_the_annotation_again_is_forgotten_by_nobody() {
    let mut world = world(3, 3);
    for view in &mut world.views {
        view.lists = Some((0..4).map(name).collect());
    }
    (world.subject.uid, world.subject.is_node_lost) = (None, true);
    world.subject.has_stale_claim = Fact::Yes;
    world.wish.forget = vec![name(3)];
    let operation = begun(&world);
    assert_eq!(seen(&operation, &world, 1).then, Then::Act(Effect::Forget));
    world.wish.forget.clear();
    let ended = Then::End(Ended::Aborted(AbortCause::Person));
    assert_eq!(seen(&operation, &world, 1).then, ended);
}

#[rstest]
#[case::paused(|world: &mut World| world.wish.stop = Some(Stop::NotActive), AbortCause::Stop(Stop::NotActive))]
#[case::contended(|world: &mut World| world.wish.stop = Some(Stop::Contended), AbortCause::Stop(Stop::Contended))]
#[case::a_person_asked(|world: &mut World| world.wish.abort = Some("op-1".to_owned()), AbortCause::Person)]
#[case::the_annotation_is_gone(|world: &mut World| world.wish.forget.clear(), AbortCause::Person)]
fn m10_to_forget_can_be_called_off_also_while_a_node_does_not_answer(
    #[case] change: fn(&mut World),
    #[case] cause: AbortCause,
) {
    let mut world = world(3, 3);
    for view in &mut world.views {
        view.lists = Some((0..4).map(name).collect());
    }
    (world.subject.uid, world.subject.is_node_lost) = (None, false);
    world.subject.has_stale_claim = Fact::Yes;
    world.wish.forget = vec![name(3)];
    let operation = begun(&world);
    assert_eq!(seen(&operation, &world, 1).then, Then::Wait(Wait::NodeLost));
    world.subject.is_node_lost = true;
    let sent = seen(&operation, &world, 1).operation;
    assert_eq!(seen(&sent, &world, 30).then, Then::Wait(Wait::Forgotten));
    assert_eq!(seen(&sent, &world, 31).then, Then::Act(Effect::Forget));
    change(&mut world);
    let ended = Then::End(Ended::Aborted(cause));
    // What was sent cannot be taken back; nothing more is sent.
    assert_eq!(seen(&sent, &world, 100).then, ended);
    world.subject.is_node_lost = false;
    assert_eq!(seen(&operation, &world, 1).then, ended);
}
