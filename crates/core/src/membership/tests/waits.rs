//! How long a shrink waits, for what, and what it then does.

use rstest::rstest;

use super::fixtures::*;
use crate::membership::*;

const LATE: i64 = 900;

fn leaving(work: Leave) -> Operation {
    on_its_way(&world(3, 2), Work::Leave(work))
}

fn step_of(number: usize, committed: bool) -> Leave {
    Leave::Draining {
        step: number,
        committed,
    }
}

fn with_progress() -> Profile {
    let mut profile = profile();
    profile.has_progress = true;
    profile
}

fn seen_by(profile: &Profile, operation: &Operation, world: &World, seconds: i64) -> Step {
    step(operation, &Event::Looked(Box::new(world.clone())), profile, at(seconds))
}

#[rstest]
#[case::a_rollout(|world: &mut World| world.target.is_settled = false, Wait::Target)]
#[case::a_pod_is_not_ready(|world: &mut World| world.pods[0].is_ready = false, Wait::Agreement)]
#[case::somebody_does_not_agree(|world: &mut World| world.views[0].is_healthy = Fact::Unknown, Wait::Agreement)]
fn what_holds_at_the_start_is_waited_for_and_given_up_at_the_deadline(
    #[case] change: fn(&mut World),
    #[case] waits: Wait,
) {
    let operation = leaving(Leave::Gating);
    let mut world = world(3, 2);
    change(&mut world);
    assert_eq!(seen(&operation, &world, LATE - 1).then, Then::Wait(waits));
    let ended = Then::End(Ended::Aborted(AbortCause::Deadline));
    assert_eq!(seen(&operation, &world, LATE).then, ended);
}

#[test]
fn where_one_less_would_be_no_quorum_nothing_begins() {
    let mut profile = profile();
    profile.quorum = Quorum::Majority { down_to_one: false };
    let world = world(2, 1);
    let operation = begin(&world, &profile, replicas(10), name, "op-1", at(0)).unwrap();
    assert_eq!(seen_by(&profile, &operation, &world, 1).then, Then::Wait(Wait::Quorum));
}

#[rstest]
#[case::another_pod_is_not_ready(|world: &mut World| world.pods[0].is_ready = false)]
#[case::another_member_is_not_well(|world: &mut World| world.views[0].is_healthy = Fact::No)]
fn on_the_way_everybody_else_has_to_be_well(#[case] change: fn(&mut World)) {
    let operation = leaving(step_of(1, false));
    let mut world = world(3, 2);
    // The member itself need not be: its drain is what takes it out of service.
    world.pods[2].is_ready = false;
    world.views[2].is_healthy = Fact::No;
    assert_eq!(seen(&operation, &world, 1).then, Then::Act(Effect::Drain(1)));
    change(&mut world);
    assert_eq!(seen(&operation, &world, 1).then, Then::Wait(Wait::Agreement));
    let aborting = seen(&operation, &world, LATE).operation.work;
    let cause = AbortCause::Deadline;
    assert_eq!(aborting, Work::Leave(Leave::Aborting { left: 2, cause }));
}

#[test]
fn m1_a_step_that_commits_has_committed_whoever_did_it() {
    let mut world = world(3, 2);
    world.done = vec![Fact::Yes, Fact::Yes];
    assert_eq!(
        seen(&leaving(step_of(0, false)), &world, 1).operation.work,
        draining(1, false)
    );
    assert_eq!(
        seen(&leaving(step_of(1, false)), &world, 1).operation.work,
        draining(2, true)
    );
    // Once committed it stays so, also past steps that would not commit.
    assert_eq!(
        seen(&leaving(step_of(0, true)), &world, 1).operation.work,
        draining(1, true)
    );
}

#[test]
fn a_reply_is_kept_and_a_refusal_takes_it_back() {
    let sent = leaving(step_of(0, false)).intending(at(0));
    let replied = |reply| step(&sent, &Event::Replied(reply), &profile(), at(1));
    let unclear = replied(Reply::Unclear);
    assert_eq!(unclear.then, Then::Look);
    assert_eq!(
        unclear.operation.attempt.and_then(|attempt| attempt.reply),
        Some(Reply::Unclear)
    );
    let world = world(3, 2);
    let waits = Then::Wait(Wait::Step("soft".to_owned()));
    assert_eq!(seen(&unclear.operation, &world, 2).then, waits);
    let refused = seen(&replied(Reply::Refused).operation, &world, 2).operation.work;
    let cause = AbortCause::Refused;
    assert_eq!(refused, Work::Leave(Leave::Aborting { left: 2, cause }));
}

#[test]
fn a_step_that_may_be_repeated_is_sent_again_after_its_pause_and_no_other() {
    let world = world(3, 2);
    let soft = leaving(step_of(0, false)).intending(at(0));
    assert_eq!(seen(&soft, &world, 29).then, Then::Wait(Wait::Step("soft".to_owned())));
    let again = seen(&soft, &world, 30);
    assert_eq!(again.then, Then::Act(Effect::Drain(0)));
    assert_eq!(again.operation.attempt.map(|attempt| attempt.number), Some(2));
    let mut leaves = world.clone();
    leaves.subject.is_leaving = Fact::Yes;
    let hard = leaving(step_of(1, true)).intending(at(0));
    assert_eq!(seen(&hard, &leaves, 30).then, Then::Wait(Wait::Step("hard".to_owned())));
}

#[test]
fn a_step_that_does_not_move_is_taken_back_and_one_that_moves_is_not() {
    let mut world = world(3, 2);
    let soft = leaving(step_of(0, false))
        .at(draining(0, false), at(500))
        .intending(at(500));
    let stalled = |profile: &Profile, operation: &Operation, world: &World, seconds| {
        matches!(
            seen_by(profile, operation, world, seconds).operation.work,
            Work::Leave(Leave::Aborting {
                cause: AbortCause::Deadline,
                ..
            })
        )
    };
    // Without a number to go by, from when it began there.
    assert!(!stalled(&profile(), &soft, &world, 619));
    assert!(stalled(&profile(), &soft, &world, 620));
    // With one, from when it last moved.
    world.progress = Some(40);
    let moved = seen_by(&with_progress(), &soft, &world, 600).operation;
    assert_eq!(
        moved.progress,
        Some(operation::Progress {
            value: 40,
            since: at(600)
        })
    );
    let same = seen_by(&with_progress(), &moved, &world, 610).operation;
    assert_eq!(same.progress, moved.progress);
    assert!(!stalled(&with_progress(), &same, &world, 719));
    assert!(stalled(&with_progress(), &same, &world, 720));
    world.progress = Some(39);
    assert!(!stalled(&with_progress(), &same, &world, 720));
    // Not known is not the same as not moving (M19).
    world.progress = None;
    let unknown = seen_by(&with_progress(), &same, &world, 720);
    assert_eq!(unknown.operation.progress, same.progress);
    assert_eq!(unknown.operation.work, draining(0, false));
}

#[test]
fn m9_it_may_lead_to_the_minimum_and_not_below() {
    let mut world = world(3, 2);
    world.wish.floor = replicas(2);
    assert_eq!(
        seen(&leaving(step_of(0, false)), &world, 1).then,
        Then::Act(Effect::Drain(0))
    );
    world.wish.floor = replicas(3);
    let cause = AbortCause::Bounds;
    let aborting = seen(&leaving(step_of(0, false)), &world, 1).operation.work;
    assert_eq!(aborting, Work::Leave(Leave::Aborting { left: 2, cause }));
}

#[test]
fn m5_after_the_commit_nobody_counts_what_is_wished_for() {
    let world = world(3, 3);
    assert_eq!(seen(&leaving(step_of(1, false)), &world, 1).operation.looks.turned, 1);
    for committed in [step_of(1, true), Leave::Drained { committed: true }, Leave::Patched] {
        let operation = leaving(committed).intending(at(0));
        assert_eq!(seen(&operation, &world, 1).operation.looks.turned, 0, "{committed:?}");
    }
}

#[test]
fn what_was_counted_where_it_was_counts_no_more_but_for_the_wish() {
    let mut operation = leaving(step_of(0, false)).intending(at(1));
    operation.progress = Some(operation::Progress { value: 1, since: at(1) });
    operation.looks = operation::Looks {
        turned: 1,
        undone: Some(at(1)),
        drained: Some(at(1)),
    };
    let intended = operation.intending(at(2));
    assert_eq!((intended.looks.turned, intended.looks.undone), (1, None));
    assert_eq!(intended.looks.drained, Some(at(1)));
    let further = operation.at(draining(1, false), at(3));
    assert_eq!((further.since, further.attempt, further.progress), (at(3), None, None));
    assert_eq!(
        (further.looks.turned, further.looks.undone, further.looks.drained),
        (1, None, None)
    );
    assert_eq!(further.sent, Some(at(1)));
}

#[test]
fn m2_who_is_known_to_be_of_the_cluster_is_known_anew_with_each_look_that_finds_it_whole() {
    let mut world = world(3, 2);
    world.pods[0].uid = "anew".to_owned();
    let whole = seen(&leaving(step_of(0, false)), &world, 1).operation;
    assert_eq!(whole.survivors, ["anew", "uid-1"]);
    // One that knows nobody is not.
    world.pods[1].uid = "anew-as-well".to_owned();
    world.views[1].lists = Some(vec![name(1)]);
    assert_eq!(seen(&whole, &world, 2).operation.survivors, ["anew", "uid-1"]);
}

#[test]
fn nothing_begins_at_the_goal() {
    let nothing = begin(&world(3, 3), &profile(), replicas(10), name, "op-1", at(0));
    assert_eq!(nothing, Err(Idle::AtGoal));
}
