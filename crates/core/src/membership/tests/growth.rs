//! A member more, and the sizes that a cluster rests at (M8, M10, M16, M20).

use rstest::rstest;

use super::fixtures::*;
use crate::membership::*;

fn growing(world: &World, at: Join) -> Operation {
    let mut operation = begun(world);
    operation.work = Work::Join(at);
    operation.sent = Some(super::fixtures::at(0));
    operation
}

/// The cluster of three with the pod of its fourth member, which nobody lists yet.
fn with_a_newcomer(desired: u32) -> World {
    let mut world = world(4, desired);
    for view in &mut world.views {
        view.lists = Some(if view.ordinal == 3 {
            vec![name(3)]
        } else {
            (0..3).map(name).collect()
        });
    }
    world.subject.sessions = Some(0);
    world.pods[3].is_ready = false;
    world
}

#[test]
fn a_member_comes_in_once_it_is_ready_and_listed_by_everybody() {
    let mut small = world(3, 4);
    small.subject.uid = None;
    let raise = until_settled(&begun(&small), &small, 0);
    let (from, to) = (replicas(3), replicas(4));
    assert_eq!(raise.then, Then::Act(Effect::Raise { from, to }));
    let mut ready = with_a_newcomer(4);
    ready.pods[3].is_ready = true;
    // Ready is not joined.
    assert_eq!(
        until_settled(&raise.operation, &ready, 10).then,
        Then::Wait(Wait::Joined)
    );
    let whole = world(4, 4);
    let settling = until_settled(&raise.operation, &whole, 20);
    assert_eq!(settling.then, Then::Wait(Wait::Settled));
    assert_eq!(
        until_settled(&settling.operation, &whole, 50).then,
        Then::End(Ended::Done)
    );
}

#[test]
fn m8_a_growth_is_withdrawn_only_while_the_pod_holds_nothing_of_anybody() {
    let operation = growing(&world(3, 4), Join::Patched);
    let mut stuck = with_a_newcomer(3);
    let (from, to) = (replicas(4), replicas(3));
    let once = until_settled(&operation, &stuck, 10);
    assert_eq!(once.then, Then::Wait(Wait::Joined));
    assert_eq!(
        until_settled(&once.operation, &stuck, 20).then,
        Then::Act(Effect::Lower { from, to })
    );
    stuck.subject.sessions = Some(1);
    assert_eq!(
        until_settled(&once.operation, &stuck, 20).then,
        Then::Wait(Wait::Joined)
    );
    stuck.subject.sessions = Some(0);
    stuck.views[0].lists = Some((0..4).map(name).collect());
    assert_eq!(
        until_settled(&once.operation, &stuck, 20).then,
        Then::Wait(Wait::Joined)
    );
}

#[test]
fn m10_a_member_that_was_taken_away_undrained_is_brought_back_first() {
    // A person scaled five to two; what is wished for is four.
    let mut world = world(2, 4);
    for view in &mut world.views {
        view.lists = Some((0..5).map(name).collect());
        view.is_healthy = Fact::No;
    }
    world.subject.uid = None;
    world.subject.has_stale_claim = Fact::Yes;
    let step = until_settled(&begun(&world), &world, 0);
    let (from, to) = (replicas(2), replicas(3));
    assert_eq!(step.then, Then::Act(Effect::Raise { from, to }));
}

#[test]
fn m16_a_claim_that_a_removed_member_left_behind_is_grown_onto_by_nobody() {
    let mut world = world(3, 4);
    world.subject.uid = None;
    world.subject.has_stale_claim = Fact::Yes;
    assert_eq!(
        until_settled(&begun(&world), &world, 0).then,
        Then::Wait(Wait::StaleClaim)
    );
    world.subject.has_stale_claim = Fact::Unknown;
    assert_eq!(
        until_settled(&begun(&world), &world, 0).then,
        Then::Wait(Wait::StaleClaim)
    );
}

#[rstest]
#[case::any(Sizes::Any, 4, (1, 10), Some(4))]
#[case::bounded(Sizes::Any, 40, (1, 10), Some(10))]
#[case::odd_goes_up(Sizes::Odd, 4, (1, 10), Some(5))]
#[case::odd_at_the_top_goes_down(Sizes::Odd, 10, (1, 10), Some(9))]
#[case::odd_at_the_bottom_goes_up(Sizes::Odd, 1, (2, 10), Some(3))]
#[case::a_list_goes_up(Sizes::List(vec![replicas(1), replicas(3), replicas(7)]), 4, (1, 10), Some(7))]
#[case::a_list_goes_down_to_the_largest(Sizes::List(vec![replicas(1), replicas(3), replicas(7)]), 4, (1, 6), Some(3))]
#[case::no_size_fits(Sizes::List(vec![replicas(1)]), 4, (2, 6), None)]
#[case::no_odd_size_fits(Sizes::Odd, 2, (2, 2), None)]
fn m20_a_cluster_rests_at_allowed_sizes(
    #[case] sizes: Sizes,
    #[case] wish: u32,
    #[case] (floor, ceiling): (u32, u32),
    #[case] goal: Option<u32>,
) {
    let fit = sizes.fit(replicas(wish), replicas(floor), replicas(ceiling));
    assert_eq!(fit, goal.map(replicas));
}

#[test]
fn m20_one_to_ten_is_nine_operations_with_one_goal() {
    let operation = begun(&world(1, 10));
    assert_eq!(
        (operation.goal, operation.from, operation.to),
        (replicas(10), replicas(1), replicas(2))
    );
    let operation = begun(&world(5, 2));
    assert_eq!(
        (operation.goal, operation.from, operation.to),
        (replicas(2), replicas(5), replicas(4))
    );
}

#[rstest]
#[case::another_target(|world: &mut World| world.target.uid = "another".to_owned(), AbortCause::TargetChanged)]
#[case::it_was_stopped(|world: &mut World| world.wish.stop = Some(Stop::NotActive), AbortCause::Stop(Stop::NotActive))]
fn a_growth_that_has_not_begun_is_given_up(#[case] change: fn(&mut World), #[case] cause: AbortCause) {
    let mut world = world(3, 4);
    change(&mut world);
    let ended = Then::End(Ended::Aborted(cause));
    assert_eq!(
        seen(&growing(&super::fixtures::world(3, 4), Join::Gating), &world, 1).then,
        ended
    );
}

#[test]
fn a_growth_that_may_not_begin_is_given_up_at_the_deadline_and_when_the_load_is_gone() {
    let operation = growing(&world(3, 4), Join::Gating);
    let mut world = world(3, 4);
    world.target.is_settled = false;
    assert_eq!(seen(&operation, &world, 899).then, Then::Wait(Wait::Target));
    let late = Then::End(Ended::Aborted(AbortCause::Deadline));
    assert_eq!(seen(&operation, &world, 900).then, late);
    world.wish.desired = replicas(3);
    let once = seen(&operation, &world, 1);
    assert_eq!(once.then, Then::Wait(Wait::Target));
    let gone = Then::End(Ended::Aborted(AbortCause::Load));
    assert_eq!(seen(&once.operation, &world, 2).then, gone);
}

#[test]
fn a_growth_whose_target_was_replaced_ends() {
    let mut world = world(4, 4);
    world.target.uid = "another".to_owned();
    for at in [Join::Patched, Join::Settling, Join::Withdrawing] {
        let step = seen(&growing(&super::fixtures::world(3, 4), at), &world, 1);
        assert_eq!(
            step.then,
            Then::End(Ended::Aborted(AbortCause::TargetChanged)),
            "{at:?}"
        );
    }
}

#[test]
fn a_raise_that_nobody_wants_any_more_may_still_arrive_for_a_while() {
    let operation = growing(&world(3, 4), Join::Patched);
    let mut world = world(3, 4);
    let (from, to) = (replicas(3), replicas(4));
    assert_eq!(seen(&operation, &world, 1).then, Then::Act(Effect::Raise { from, to }));
    world.wish.stop = Some(Stop::Contended);
    assert_eq!(seen(&operation, &world, 59).then, Then::Wait(Wait::Patch));
    let stopped = Then::End(Ended::Aborted(AbortCause::Stop(Stop::Contended)));
    assert_eq!(seen(&operation, &world, 60).then, stopped);
}

#[rstest]
#[case::stopped(|world: &mut World| world.wish.stop = Some(Stop::NotActive))]
#[case::a_person_asked(|world: &mut World| world.wish.abort = Some("op-1".to_owned()))]
fn m8_whoever_stops_a_growth_has_a_pod_that_never_joined_removed(#[case] change: fn(&mut World)) {
    let operation = growing(&world(3, 4), Join::Patched);
    let mut stuck = with_a_newcomer(4);
    assert_eq!(seen(&operation, &stuck, 10).then, Then::Wait(Wait::Joined));
    change(&mut stuck);
    let withdrawing = seen(&operation, &stuck, 10);
    assert_eq!(withdrawing.operation.work, Work::Join(Join::Withdrawing));
    let (from, to) = (replicas(4), replicas(3));
    assert_eq!(
        seen(&withdrawing.operation, &stuck, 11).then,
        Then::Act(Effect::Lower { from, to })
    );
    // Whether it serves anybody is not known: its pod is kept.
    stuck.subject.sessions = None;
    stuck.subject.is_stopped = Fact::Unknown;
    assert_eq!(
        seen(&withdrawing.operation, &stuck, 11).then,
        Then::Wait(Wait::LeaverUnknown)
    );
}

#[test]
fn m8_a_growth_that_is_wanted_again_is_not_withdrawn() {
    let operation = growing(&world(3, 4), Join::Withdrawing);
    let mut stuck = with_a_newcomer(4);
    for sessions in [Some(0), None] {
        stuck.subject.sessions = sessions;
        let step = seen(&operation, &stuck, 10);
        assert_eq!(
            (step.then, step.operation.work),
            (Then::Look, Work::Join(Join::Patched))
        );
    }
}

#[test]
fn m8_it_is_withdrawn_when_the_pod_is_gone() {
    let operation = growing(&world(3, 4), Join::Withdrawing);
    let mut small = world(3, 3);
    small.subject.uid = Some("uid-3".to_owned());
    assert_eq!(seen(&operation, &small, 10).then, Then::Wait(Wait::PodGone));
    small.subject.uid = None;
    assert_eq!(seen(&operation, &small, 10).then, Then::End(Ended::Withdrawn));
    small.target.replicas = replicas(6);
    let changed = Then::End(Ended::Aborted(AbortCause::ReplicasChanged));
    assert_eq!(seen(&operation, &small, 10).then, changed);
}
