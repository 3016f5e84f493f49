//! What is not as it was when the member left: its pod stays, the target or a survivor is another one (M1, M2, M14).

use rstest::rstest;

use super::fixtures::*;
use crate::membership::*;

fn leaving(work: Leave) -> Operation {
    on_its_way(&world(3, 2), Work::Leave(work)).intending(at(0))
}

const OVERTAKEN: Then = Then::End(Ended::Overtaken);

/// Somebody raised the replicas after it had left; or it was evicted, and its pod made anew, before they were lowered.
#[rstest]
#[case::the_replicas_were_raised(4)]
#[case::the_pod_was_made_anew(3)]
fn m14_a_pod_that_stays_is_told_until_it_is_a_member_again_and_nothing_has_shrunk(#[case] replicas: u32) {
    let mut alone = left(3, 2);
    alone.target.replicas = super::fixtures::replicas(replicas);
    let verifying = leaving(Leave::Verifying);
    assert_eq!(seen(&verifying, &alone, 9_000).then, Then::Wait(Wait::LeftAndStays));
    // It has joined by itself.
    let whole = world(replicas, 2);
    assert_eq!(seen(&verifying, &whole, 29).then, Then::Wait(Wait::Settled));
    assert_eq!(seen(&verifying, &whole, 30).then, OVERTAKEN);
}

#[test]
fn m14_nothing_is_proven_of_the_pods_of_another_target() {
    let patched = leaving(Leave::Patched);
    let mut other = left(3, 2);
    other.target.uid = "another".to_owned();
    // The very pod and the same count: adopted by a target that was made anew.
    assert!(matches!(
        seen(&patched, &other, 1).then,
        Then::Act(Effect::Lower { .. })
    ));
    for uid in [Some("another".to_owned()), None] {
        other.subject.uid = uid;
        assert_eq!(seen(&patched, &other, 1).then, OVERTAKEN);
    }
}

#[test]
fn m14_a_set_that_was_made_anew_and_lowered_has_lost_the_pod_as_it_should() {
    let patched = leaving(Leave::Patched);
    let mut lowered = left(3, 2);
    lowered.target.uid = "another".to_owned();
    lowered.target.replicas = replicas(2);
    assert_eq!(seen(&patched, &lowered, 1).then, Then::Wait(Wait::PodGone));
    lowered.subject.uid = None;
    lowered.pods.retain(|pod| pod.ordinal != 2);
    assert_eq!(seen(&patched, &lowered, 1).operation.work, Work::Leave(Leave::Gone));
}

#[rstest]
#[case::of_another_target_with_another_count(|world: &mut World| {
    world.target.uid = "another".to_owned();
    world.target.replicas = replicas(4);
})]
#[case::whose_ordinals_begin_elsewhere(|world: &mut World| world.target.first_ordinal = 1)]
fn m13_a_pod_that_cannot_be_removed_waits_for_a_person_who_may_give_it_up(#[case] change: fn(&mut World)) {
    let patched = leaving(Leave::Patched);
    let mut other = left(3, 2);
    change(&mut other);
    assert_eq!(seen(&patched, &other, 1).then, Then::Wait(Wait::TargetReplaced));
    other.wish.stop = Some(Stop::NotActive);
    assert_eq!(seen(&patched, &other, 1).then, Then::Wait(Wait::TargetReplaced));
    other.wish.stop = Some(Stop::Deleted);
    assert_eq!(seen(&patched, &other, 1).then, OVERTAKEN);
}

/// Three members; the pod of one survivor is being made anew.
#[test]
fn m2_a_survivor_without_a_pod_affirms_nothing() {
    let drained = leaving(Leave::Drained { committed: true });
    let mut world = left(3, 2);
    assert!(matches!(
        seen(&drained, &world, 1).then,
        Then::Act(Effect::Lower { .. })
    ));
    world.pods.retain(|pod| pod.ordinal != 0);
    world.views.retain(|view| view.ordinal != 0);
    assert_eq!(seen(&drained, &world, 1).then, Then::Wait(Wait::Proof));
}

/// Two members; the only survivor was evicted without a claim, and comes back empty.
#[test]
fn m1_a_commit_that_was_not_sent_is_not_believed_from_survivors_that_know_nobody() {
    let mut operation = on_its_way(&world(2, 1), draining(1, false));
    operation.survivors = vec!["of-old".to_owned()];
    let mut empty = world(2, 1);
    empty.done = vec![Fact::Yes, Fact::Yes];
    empty.views[0].lists = Some(vec![name(0)]);
    let waits = seen(&operation, &empty, 1);
    assert_eq!(waits.then, Then::Wait(Wait::NobodyAffirms));
    assert!(waits.operation.can_abort());
    let cause = AbortCause::Deadline;
    let aborting = Work::Leave(Leave::Aborting { left: 2, cause });
    assert_eq!(seen(&operation, &empty, 900).operation.work, aborting);
    // From one that is known it is news.
    operation.survivors = vec!["uid-0".to_owned()];
    let believed = seen(&operation, &empty, 1).operation.work;
    assert_eq!(believed, draining(2, true));
}

#[test]
fn m19_nothing_is_sent_while_the_survivors_are_not_one_cluster() {
    let operation = on_its_way(&world(3, 2), draining(0, false));
    let mut split = world(3, 2);
    assert_eq!(seen(&operation, &split, 1).then, Then::Act(Effect::Drain(0)));
    split.views[0].lists = Some(vec![name(0), name(2)]);
    assert_eq!(seen(&operation, &split, 1).then, Then::Wait(Wait::Agreement));
}

#[test]
fn m15_an_act_counts_from_when_it_is_stored() {
    let sent = seen(&on_its_way(&world(3, 2), draining(0, false)), &world(3, 2), 1).operation;
    let stored = sent.sent_at(at(9));
    assert_eq!((stored.sent, stored.attempt.unwrap().at), (Some(at(9)), at(9)));
    assert_eq!(stored.attempt.unwrap().number, sent.attempt.unwrap().number);
    // What intends nothing still does not.
    let looks = on_its_way(&world(3, 2), draining(0, false));
    assert_eq!(looks.sent_at(at(9)), looks);
}
