//! When everybody is there and of one mind, and how many there have to be.

use rstest::rstest;

use super::fixtures::*;
use crate::membership::*;

#[rstest]
#[case::a_pod_is_missing(|world: &mut World| drop(world.pods.pop()))]
#[case::a_pod_is_not_ready(|world: &mut World| world.pods[1].is_ready = false)]
#[case::a_pod_is_too_many(|world: &mut World| world.pods.push(PodState { ordinal: 3, ..world.pods[2].clone() }))]
fn a_target_is_whole_with_exactly_its_pods_all_of_them_ready(#[case] change: fn(&mut World)) {
    let mut world = world(3, 3);
    assert!(world.is_whole() && world.is_in_order());
    change(&mut world);
    assert!(!world.is_whole());
    assert!(!world.is_in_order());
}

#[rstest]
#[case::one_lists_fewer(|views: &mut [View]| views[2].lists = Some(vec![name(2)]), Fact::No)]
#[case::one_lists_somebody_else_instead(|views: &mut [View]| views[2].lists = Some(vec![name(0), name(7), name(2)]), Fact::No)]
#[case::one_lists_somebody_besides(|views: &mut [View]| views[0].lists = Some((0..4).map(name).collect()), Fact::No)]
#[case::one_is_not_well(|views: &mut [View]| views[2].is_healthy = Fact::No, Fact::No)]
#[case::one_does_not_answer(|views: &mut [View]| views[2].lists = None, Fact::Unknown)]
#[case::one_does_not_know_whether_it_is_well(|views: &mut [View]| views[1].is_healthy = Fact::Unknown, Fact::Unknown)]
fn they_agree_when_each_lists_exactly_those_that_have_pods_and_is_well(
    #[case] change: fn(&mut [View]),
    #[case] agreed: Fact,
) {
    let mut world = world(3, 3);
    assert_eq!(world.is_agreed(), Fact::Yes);
    change(&mut world.views);
    assert_eq!(world.is_agreed(), agreed);
}

/// Members that were taken away undrained are listed still, and make whoever lists them unwell (M10).
#[test]
fn m10_who_has_no_pod_any_more_is_no_reason_to_wait_as_long_as_the_others_know_each_other() {
    let mut world = world(3, 3);
    for view in &mut world.views {
        view.lists = Some((0..5).map(name).collect());
        view.is_healthy = Fact::No;
    }
    assert!(world.is_in_order());
    world.views[2].lists = Some(vec![name(2), name(4)]);
    assert!(!world.is_in_order());
    assert_eq!(world.is_known_among(|| world.pods.iter()), Fact::No);
    world.views.pop();
    assert_eq!(world.is_known_among(|| world.pods.iter()), Fact::Unknown);
    // Where nobody lists anybody else, being unwell is a reason.
    let mut unwell = super::fixtures::world(3, 3);
    unwell.views[1].is_healthy = Fact::No;
    assert!(!unwell.is_in_order());
}

#[rstest]
#[case(Quorum::One, [false, true, true, true])]
#[case(Quorum::Majority { down_to_one: false }, [false, false, true, true])]
#[case(Quorum::Majority { down_to_one: true }, [false, true, true, true])]
fn the_last_member_never_leaves_and_two_only_where_one_is_a_quorum(
    #[case] quorum: Quorum,
    #[case] of_one_to_four: [bool; 4],
) {
    let allowed = [1, 2, 3, 4].map(|from| quorum.allows_leaving(replicas(from)));
    assert_eq!(allowed, of_one_to_four);
}
