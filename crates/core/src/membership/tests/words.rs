//! What is told of an operation, as the person reads it who was called because of it.

use std::collections::BTreeSet;

use rstest::rstest;

use super::fixtures::*;
use crate::explain::membership as explain;
use crate::membership::*;

#[rstest]
#[case(
    Work::Leave(Leave::Gating),
    "Leave",
    "Gating",
    "shrinking from 3 to 2: broker-2 would leave, and nothing has been done yet"
)]
#[case(
    draining(1, false),
    "Leave",
    "Draining",
    "shrinking from 3 to 2: broker-2 is being drained, step hard"
)]
#[case(
    draining(1, true),
    "Leave",
    "Draining",
    "shrinking from 3 to 2: broker-2 is being drained, step hard, which cannot be taken back any more"
)]
#[case(
    draining(2, false),
    "Leave",
    "Draining",
    "shrinking from 3 to 2: broker-2 is being drained, every step is done"
)]
#[case(Work::Leave(Leave::Drained { committed: true }), "Leave", "Drained", "shrinking from 3 to 2: broker-2 is drained, and the proof of it is looked for")]
#[case(
    Work::Leave(Leave::Patched),
    "Leave",
    "Patched",
    "shrinking from 3 to 2: broker-2 has left, and its pod is being removed"
)]
#[case(
    Work::Leave(Leave::Gone),
    "Leave",
    "Gone",
    "shrinking from 3 to 2: the pod of broker-2 is gone, and the others have to forget it"
)]
#[case(
    Work::Leave(Leave::Verifying),
    "Leave",
    "Verifying",
    "shrinking from 3 to 2: broker-2 is gone, and the others are watched for a while"
)]
#[case(Work::Leave(Leave::Aborting { left: 1, cause: AbortCause::Load }), "Leave", "Aborting", "shrinking from 3 to 2 is being taken back: the load is back")]
#[case(
    Work::Forget,
    "Forget",
    "Forgetting",
    "broker-2, which nobody drained, is being forgotten"
)]
fn a_shrink_is_told_with_its_sizes_its_member_and_how_far_it_is(
    #[case] work: Work,
    #[case] kind: &str,
    #[case] phase: &str,
    #[case] told: &str,
) {
    let operation = on_its_way(&world(3, 2), work);
    assert_eq!((work.kind(), work.phase()), (kind, phase));
    assert_eq!(explain::operation(&operation), told);
}

#[rstest]
#[case(
    Join::Gating,
    "Gating",
    "growing from 3 to 4: broker-3 would come, and nothing has been done yet"
)]
#[case(Join::Patched, "Patched", "growing from 3 to 4: broker-3 is coming")]
#[case(
    Join::Settling,
    "Settling",
    "growing from 3 to 4: broker-3 has come, and the cluster is watched for a while"
)]
#[case(
    Join::Withdrawing,
    "Withdrawing",
    "growing from 3 to 4 is being taken back: broker-3 never came into the cluster, and its pod is being removed"
)]
fn a_growth_is_told_likewise(#[case] at: Join, #[case] phase: &str, #[case] told: &str) {
    let work = Work::Join(at);
    assert_eq!((work.kind(), work.phase()), ("Join", phase));
    assert_eq!(explain::operation(&on_its_way(&world(3, 4), work)), told);
}

#[test]
fn the_goal_is_told_where_this_operation_does_not_reach_it() {
    let mut operation = begun(&world(5, 2));
    assert!(explain::operation(&operation).starts_with("shrinking from 5 to 4 on the way to 2: "));
    operation.goal = operation.to;
    assert!(explain::operation(&operation).starts_with("shrinking from 5 to 4: "));
    // What was found without a record was begun for nobody knows what.
    operation.goal = operation.from;
    assert!(explain::operation(&operation).starts_with("shrinking from 5 to 4: "));
}

#[test]
fn what_is_waited_for_is_told_each_in_words_of_its_own() {
    let step = || "hard".to_owned();
    let waits = [
        Wait::Agreement,
        Wait::Gate(step()),
        Wait::Target,
        Wait::Quorum,
        Wait::StaleClaim,
        Wait::Step(step()),
        Wait::Stalled(step()),
        Wait::InDoubt,
        Wait::Proof,
        Wait::NobodyAffirms,
        Wait::LeaverServesAlone,
        Wait::LeaverUnknown,
        Wait::Patch,
        Wait::PodGone,
        Wait::LeaverLingers,
        Wait::Forgotten,
        Wait::NodeLost,
        Wait::Joined,
        Wait::JoinStalled,
        Wait::Settled,
        Wait::UnderWay,
        Wait::Undone(step()),
        Wait::TargetReplaced,
        Wait::Deposed,
    ];
    let operation = begun(&world(3, 2));
    let told: BTreeSet<String> = waits.iter().map(|wait| explain::wait(&operation, wait)).collect();
    assert_eq!(told.len(), waits.len());
    assert!(told.iter().all(|told| told.len() > 20), "{told:#?}");
    assert_eq!(
        explain::wait(&operation, &Wait::Step(step())),
        "waiting for the step hard to be done"
    );
    assert_eq!(
        explain::wait(&operation, &Wait::Quorum),
        "waiting: with 2 members there would be no quorum"
    );
}

#[rstest]
#[case(
    Work::Leave(Leave::Verifying),
    Ended::Done,
    "shrank from 3 to 2: broker-2 has left, and everybody agrees"
)]
#[case(
    Work::Join(Join::Settling),
    Ended::Done,
    "grew from 3 to 2: broker-2 has joined, and everybody agrees"
)]
#[case(Work::Forget, Ended::Done, "broker-2 is forgotten by everybody")]
#[case(
    Work::Leave(Leave::Gating),
    Ended::Aborted(AbortCause::Gate),
    "the removal of broker-2 was given up, and nothing of it is left: a gate closed"
)]
#[case(
    Work::Join(Join::Gating),
    Ended::Aborted(AbortCause::Person),
    "the growth by broker-2 was given up, and nothing of it is left: a person asked for it"
)]
#[case(
    Work::Forget,
    Ended::Aborted(AbortCause::ReplicasChanged),
    "to forget broker-2 was given up, and nothing of it is left: somebody changed the replicas"
)]
#[case(
    Work::Join(Join::Withdrawing),
    Ended::Withdrawn,
    "broker-2 never came into the cluster, and its pod was removed again"
)]
#[case(
    Work::Leave(Leave::Verifying),
    Ended::Overtaken,
    "broker-2 had left, and is a member again: its pod was kept, or made anew"
)]
#[case(
    Work::Leave(Leave::Patched),
    Ended::Overtaken,
    "the removal of broker-2 was given up after it had left, for the StatefulSet is another one now; look whether every pod is a member"
)]
fn how_it_ended_is_told(#[case] work: Work, #[case] ended: Ended, #[case] told: &str) {
    assert_eq!(explain::ended(&on_its_way(&world(3, 2), work), ended), told);
}

#[rstest]
#[case(Stop::NotActive, "mode is not Active")]
#[case(Stop::MembershipRemoved, "spec.membership was removed")]
#[case(Stop::ProfileChanged, "the profile was changed")]
#[case(Stop::Contended, "another writer sets the replicas")]
#[case(Stop::Deleted, "the MetricAutoscaler is being deleted")]
fn whoever_stops_it_is_told(#[case] stop: Stop, #[case] told: &str) {
    assert_eq!(explain::cause_of(AbortCause::Stop(stop)), told);
    assert_eq!(explain::idle(&Idle::Stop(stop)), format!("no operation begins: {told}"));
}

#[test]
fn why_nothing_begins_is_told_with_what_a_person_can_do() {
    assert_eq!(explain::idle(&Idle::AtGoal), "no operation is under way");
    let told = explain::idle(&Idle::Undrained("broker-4".to_owned()));
    assert!(
        told.ends_with("with the annotation metricautoscaler.dev/forget: broker-4"),
        "{told}"
    );
}

#[test]
fn m6_when_the_next_shrink_may_begin_is_told_with_the_annotation_that_begins_it() {
    let one = Aborts::default().and_another(at(0));
    let two = one.and_another(at(0));
    let three = two.and_another(at(0));
    let told = |aborts: Aborts, now| explain::back_off(aborts, aborts.retry(at(now)), "op-1");
    assert_eq!(told(one, 300), None);
    assert_eq!(
        told(one, 0).unwrap(),
        "no shrink before 1970-01-01T00:05:00Z: the last one was taken back; the annotation \
         metricautoscaler.dev/retry: op-1 begins at once"
    );
    assert!(told(two, 0).unwrap().contains("the last 2 were taken back"));
    assert_eq!(
        told(three, 100_000).unwrap(),
        "no shrink any more: the last 3 were taken back; find out why, then edit the spec or set the annotation \
         metricautoscaler.dev/retry: op-1"
    );
}
