//! Records that were lost, and ordinals that were moved: what the model check found.

use super::fixtures::*;
use crate::membership::operation::Looks;
use crate::membership::*;

fn adopted(world: &World, ordinal: u32) -> Option<Operation> {
    adopt(world, &profile(), ordinal, name, "op-1", at(0))
}

#[test]
fn m13_what_is_left_of_a_pod_that_goes_anyway_begins_nothing() {
    // Somebody lowered three to two, or we did and the record is lost: the third is on its way out.
    let mut world = world(3, 2);
    world.target.replicas = replicas(2);
    (world.residue[0], world.subject.is_leaving) = (Fact::Yes, Fact::Yes);
    assert_eq!(adopted(&world, 2), None);
}

#[test]
fn m13_the_only_member_left_is_not_in_the_middle_of_leaving() {
    // Its last neighbour was removed without a drain, so it finds the cluster not well, as one that waits to leave does.
    let mut world = world(1, 1);
    world.subject.is_leaving = Fact::Yes;
    assert_eq!(adopted(&world, 0), None);
}

#[test]
fn m13_what_was_taken_back_without_a_record_may_have_left_all_the_same() {
    let mut found = world(3, 3);
    found.residue[0] = Fact::Yes;
    let mut operation = adopted(&found, 2).unwrap();
    // What commits was under way when the record was lost, and arrives.
    let mut gone = left(3, 3);
    gone.subject.uid = Some("uid-2".to_owned());
    let next = until_settled(&operation, &gone, 61);
    let lower = |from, to| {
        Then::Act(Effect::Lower {
            from: replicas(from),
            to: replicas(to),
        })
    };
    assert_eq!(next.then, lower(3, 2));
    // Nothing was under way: it belongs to the cluster as before.
    found.residue[0] = Fact::No;
    let cause = AbortCause::Leftover;
    assert_eq!(
        until_settled(&operation, &found, 61).then,
        Then::End(Ended::Aborted(cause))
    );
    // One that is not the last is never what a lower count removes.
    operation.member.ordinal = 1;
    operation.member.uid = Some("uid-1".to_owned());
    gone.subject.uid = Some("uid-1".to_owned());
    assert_eq!(
        until_settled(&operation, &gone, 61).then,
        Then::End(Ended::Aborted(cause))
    );
}

#[test]
fn m3_ordinals_that_were_moved_after_the_commit_never_cost_another_pod() {
    let mut world = left(3, 2);
    let operation = on_its_way(&world, Work::Leave(Leave::Drained { committed: true }));
    assert!(matches!(
        seen(&operation, &world, 1).then,
        Then::Act(Effect::Lower { .. })
    ));
    world.target.first_ordinal = 1;
    assert_eq!(seen(&operation, &world, 1).then, Then::Wait(Wait::TargetReplaced));
}

#[test]
fn m1_a_member_that_came_back_stays_if_nobody_would_let_it_go_now() {
    let mut world = world(3, 3);
    world.done[0] = Fact::Yes;
    let mut operation = on_its_way(&world_that_wants(2), draining(1, true));
    operation.looks.undone = Some(at(0));
    let cause = AbortCause::Load;
    let aborting = Work::Leave(Leave::Aborting { left: 2, cause });
    assert_eq!(seen(&operation, &world, 15).operation.work, aborting);
    world.wish.desired = replicas(2);
    assert_eq!(seen(&operation, &world, 15).operation.work, draining(0, false));
}

fn world_that_wants(desired: u32) -> World {
    world(3, desired)
}

#[test]
fn m15_what_a_look_has_seen_is_kept_without_what_it_would_have_begun() {
    let mut seen = world(3, 3);
    let before = Operation {
        survivors: vec!["uid-0".to_owned()],
        ..begun(&world(3, 2)).at(
            Work::Leave(Leave::Draining {
                step: 0,
                committed: false,
            }),
            at(0),
        )
    };
    (seen.epoch, seen.progress) = (2, Some(5));
    let stamped = step(&before, &Event::Looked(Box::new(seen.clone())), &profile(), at(1)).operation;
    let next = step(&stamped, &Event::Looked(Box::new(seen)), &profile(), at(2));
    assert_eq!(next.then, Then::Act(Effect::Drain(0)));
    let kept = before.having_seen(&next.operation);
    assert_eq!(
        (kept.attempt, kept.sent, kept.reached, kept.since),
        (None, None, 0, at(0))
    );
    assert_eq!((kept.epoch, kept.progress.map(|progress| progress.value)), (2, Some(5)));
    assert_eq!((kept.survivors.len(), kept.looks.turned), (2, 1));
    // What was counted where it is still counts, though the act would have led elsewhere.
    let proven = Operation {
        looks: Looks {
            drained: Some(at(1)),
            ..before.looks
        },
        progress: next.operation.progress,
        ..before
    };
    let lowered = proven.at(Work::Leave(Leave::Patched), at(3)).intending(at(3));
    let kept = proven.having_seen(&lowered);
    assert_eq!((kept.looks.drained, kept.progress), (Some(at(1)), proven.progress));
}
