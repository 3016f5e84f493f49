//! Rate policies with a history of changes: D3 with events, D6, K15 and K16.

use autoscaler_core::{RatePolicy, ScalingRules, Seconds};
use rstest::rstest;

use super::row::Limited::{self, DesiredWithinRange, ScaleDownLimit, ScaleUpLimit, TooFewReplicas, TooManyReplicas};
use super::row::{Row, at, free, judge};

/// Added to the age of every event of D3, as upstream: what lies on the edge of a period is outside.
const EPSILON: i64 = 1;

/// Events spread evenly over the last 120 s, the oldest first, each in the middle of its share: (count, age in ms).
fn spread(counts: &[i64]) -> Vec<(i64, i64)> {
    let total = i64::try_from(counts.len()).expect("a handful of events");
    let aged = (0_i64..).zip(counts).map(|(index, count)| {
        let age = 120_000 * (2 * (total - index) - 1) / (2 * total);
        (*count, age + EPSILON)
    });
    aged.collect()
}

#[test]
fn events_stand_where_the_table_says() {
    let seconds = |counts: &[i64]| -> Vec<i64> { spread(counts).iter().map(|(_, age)| age / 1_000).collect() };
    assert_eq!(seconds(&[1, 5, 9]), [100, 60, 20]);
    assert_eq!(seconds(&[8, 12, 9, 11]), [105, 75, 45, 15]);
    assert_eq!(seconds(&[4]), [60]);
}

/// Growth under these policies after these changes.
#[rstest]
#[case::d3_22_many_pods("D3.22", (100, 500), 200, &[RatePolicy::pods(300, 60)], ups(&[1, 5, 9]), 200, TooManyReplicas)]
#[case::d3_24_budget_used_up("D3.24", (100, 500), 1_000, &[RatePolicy::pods(5, 120)], ups(&[1, 5, 9]), 100, ScaleUpLimit)]
#[case::d3_25_pods_from_the_start_of_the_period("D3.25", (100, 500), 1_000, &[RatePolicy::pods(150, 120)], ups(&[1, 5, 9]), 235, ScaleUpLimit)]
#[case::d3_26_percent_of_the_start_of_the_period("D3.26", (100, 500), 1_000, &[RatePolicy::percent(200, 120)], ups(&[1, 5, 9]), 255, ScaleUpLimit)]
#[case::d3_27_both_directions_count("D3.27", (6, 24), 1_000, &[RatePolicy::percent(300, 300)], [ups(&[4]), downs(&[2])].concat(), 16, ScaleUpLimit)]
#[case::d3_37_one_policy("D3.37", (100, 200), 1_000, &[RatePolicy::pods(1_000, 60)], ups(&[8, 12, 9, 11]), 200, DesiredWithinRange)]
#[case::d3_38_two_policies("D3.38", (100, 200), 1_000, &[RatePolicy::pods(1_000, 120), RatePolicy::percent(100, 60)], ups(&[8, 12, 9, 11]), 200, DesiredWithinRange)]
#[case::d3_39_two_policies_and_old_events("D3.39", (100, 200), 1_000, &[RatePolicy::pods(1_000, 30), RatePolicy::percent(100, 60)], ups(&[8, 12, 9, 11]), 200, DesiredWithinRange)]
#[case::k15_budget_of_a_recent_growth("K15", (8, 99), 1_000, &[RatePolicy::pods(4, 15), RatePolicy::percent(100, 15)], vec![(4, 10_000)], 8, ScaleUpLimit)]
#[case::k16_growth_exactly_a_period_ago("K16", (8, 99), 1_000, &[RatePolicy::pods(4, 15), RatePolicy::percent(100, 15)], vec![(4, 15_000)], 16, ScaleUpLimit)]
fn growth(
    #[case] id: &str,
    #[case] (current, desired): (u32, u32),
    #[case] max: u32,
    #[case] policies: &[RatePolicy],
    #[case] changes: Vec<(i64, i64)>,
    #[case] hpa: u32,
    #[case] reason: Limited,
) {
    let down = free(ScalingRules::default_scale_down());
    let row = Row::at(current).bounds(1, max);
    let row = row.rules(rules(ScalingRules::default_scale_up(), policies), down);
    let decision = row.changes(changes).wants(desired).decide();
    judge(id, decision.desired.get(), hpa);
    assert_eq!(Limited::of(&decision), reason, "{id}");
}

/// Shrinking under these policies after these changes.
#[rstest]
#[case::d3_30_many_pods("D3.30", (100, 0), 5, &[RatePolicy::pods(130, 120)], downs(&[1, 5, 9]), 5, TooFewReplicas)]
#[case::d3_31_all_percent("D3.31", (100, 2), 5, &[RatePolicy::percent(100, 120)], downs(&[1, 5, 9]), 5, TooFewReplicas)]
#[case::d3_33_percent_of_the_start_of_the_period("D3.33", (100, 0), 1, &[RatePolicy::percent(50, 120)], downs(&[2, 4, 6]), 56, ScaleDownLimit)]
#[case::d3_35_budget_used_up("D3.35", (100, 0), 1, &[RatePolicy::percent(10, 120)], downs(&[10, 10, 10]), 100, ScaleDownLimit)]
#[case::d3_36_more_than_all_percent("D3.36", (10, 5), 1, &[RatePolicy::percent(1_000, 120)], downs(&[10, 10, 10]), 5, DesiredWithinRange)]
#[case::d3_40_one_policy("D3.40", (100, 5), 1, &[RatePolicy::pods(1_000, 60)], downs(&[8, 12, 9, 11]), 5, DesiredWithinRange)]
#[case::d3_42_two_policies_and_old_events("D3.42", (100, 5), 1, &[RatePolicy::pods(1_000, 30), RatePolicy::percent(100, 60)], downs(&[8, 12, 9, 11]), 5, DesiredWithinRange)]
fn shrinking(
    #[case] id: &str,
    #[case] (current, desired): (u32, u32),
    #[case] min: u32,
    #[case] policies: &[RatePolicy],
    #[case] changes: Vec<(i64, i64)>,
    #[case] hpa: u32,
    #[case] reason: Limited,
) {
    let up = free(ScalingRules::default_scale_up());
    let row = Row::at(current).bounds(min, 1_000);
    let row = row.rules(up, rules(ScalingRules::default_scale_down(), policies));
    let decision = row.changes(changes).wants(desired).decide();
    judge(id, decision.desired.get(), hpa);
    assert_eq!(Limited::of(&decision), reason, "{id}");
}

fn rules(mut rules: ScalingRules, policies: &[RatePolicy]) -> ScalingRules {
    rules.window = Seconds::ZERO;
    rules.policies = policies.to_vec();
    rules
}

/// Growths spread over the last 120 s.
fn ups(counts: &[i64]) -> Vec<(i64, i64)> {
    spread(counts)
}

/// Shrinks spread over the last 120 s.
fn downs(counts: &[i64]) -> Vec<(i64, i64)> {
    let events = spread(counts).into_iter();
    events.map(|(count, age)| (-count, age)).collect()
}

/// D6 is about what `storeScaleEvents` keeps. Ours keeps every change of the last ten minutes at least, so the length of
/// the list is not comparable; the sum over a period is, and is the row's point. (change, age in seconds), the sum over
/// 60 s; each row in both directions. Rows "without behavior" are like any other here.
#[rstest]
#[case::d6_1_no_history_no_behavior("D6.1", &[], 0)]
#[case::d6_2_no_history("D6.2", &[], 0)]
#[case::d6_3_one_old_no_behavior("D6.3", &[(7, 61)], 0)]
#[case::d6_4_one_old("D6.4", &[(7, 61)], 0)]
#[case::d6_6_one_old_one_recent("D6.6", &[(7, 61), (6, 59)], 6)]
#[case::d6_7_two_old_two_recent("D6.7", &[(9, 61), (7, 61), (6, 59), (8, 29)], 14)]
fn stored_changes(#[case] id: &str, #[case] changes: &[(i64, i64)], #[case] sum: u32) {
    for sign in [1, -1] {
        let changes = changes.iter().map(|(count, age)| (sign * count, age * 1_000));
        let row = Row::at(10).changes(changes);
        let moved = row
            .history
            .changes
            .within(at(0), Seconds::new(60))
            .expect("all changes fit");
        let (along, against) = if sign > 0 {
            (moved.added, moved.removed)
        } else {
            (moved.removed, moved.added)
        };
        judge(id, u32::try_from(along).expect("a small sum"), sum);
        assert_eq!(against, 0, "{id}");
    }
}

/// The HPA writes a change over the last one that is older than the longest period of its own direction, although a policy
/// of the other direction still counts it (`storeScaleEvent`): the shrink is reckoned from 14 and not from 10.
#[test]
fn case_d6_cross_what_the_other_direction_still_counts() {
    let up = rules(ScalingRules::default_scale_up(), &[RatePolicy::pods(10, 1)]);
    let down = rules(ScalingRules::default_scale_down(), &[RatePolicy::pods(4, 60)]);
    let row = Row::at(17).rules(up, down).changes([(4, 30_000), (3, 5_000)]).wants(2);
    judge("D6.cross", row.desired(), 10);
}
