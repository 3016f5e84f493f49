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
