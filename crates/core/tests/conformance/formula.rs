//! One metric with a target `value` or `averageValue`: sections C and E of the table, and what follows from the code of
//! `replica_calculator.go` (K).

use autoscaler_core::Decision;
use rstest::rstest;

use super::row::{Limited, Row, judge};

/// Object and External with a target `Value`, and what is reported where the row says so. Amounts are thousandths, as in
/// the table.
#[rstest]
#[case::c2_object_above_target("C2", 3, (15_000, 20_000), 3, ("0.1", "0.1"), 4, Some(20_000))]
#[case::c5_object_below_target("C5", 5, (20_000, 12_000), 5, ("0.1", "0.1"), 3, Some(12_000))]
#[case::c7_object_within_tolerance("C7", 3, (20_000, 20_666), 3, ("0.1", "0.1"), 3, Some(20_666))]
#[case::c9_object_with_a_small_tolerance("C9", 3, (20_000, 20_666), 3, ("0.1", "0.01"), 4, Some(20_666))]
#[case::c11_external_with_unready_pods("C11", 3, (4_400, 8_600), 1, ("0.1", "0.1"), 2, Some(8_600))]
#[case::c13_external_below_target("C13", 5, (14_334, 8_600), 5, ("0.1", "0.1"), 3, Some(8_600))]
#[case::c15_external_within_tolerance("C15", 3, (8_888, 8_600), 3, ("0.1", "0.1"), 3, Some(8_600))]
#[case::c21_external_largest_amount("C21", 3, (i64::MAX, i64::MAX), 3, ("0.1", "0.1"), 3, Some(i64::MAX))]
#[case::k27_no_pod_is_ready("K27", 5, (1_000, 1_950), 0, ("0.1", "0.1"), 0, None)]
#[case::r8_pods_lag_behind_a_shrink("R8", 3, (1_000, 556), 6, ("0.1", "0.1"), 4, None)]
#[case::k28_one_pod_of_five_is_ready("K28", 5, (1_000, 1_950), 1, ("0.1", "0.1"), 2, None)]
fn value(
    #[case] id: &str,
    #[case] current: u32,
    #[case] (target, sample): (i64, i64),
    #[case] ready: u32,
    #[case] (down, up): (&str, &str),
    #[case] hpa: u32,
    #[case] reported: Option<i64>,
) {
    let row = Row::at(current).ready(ready).value(target, sample).tolerance(down, up);
    let decision = row.decide();
    judge(id, decision.desired.get(), hpa);
    assert!(reported.is_none_or(|reported| reported == told(&decision)), "{id}");
}

/// What is told of the metric, in thousandths rounded up as the HPA tells them.
fn told(decision: &Decision) -> i64 {
    let step = decision.metrics().next().expect("there is one metric");
    let compared = step.proposal.expect("it can be read").compared.nanos();
    i64::try_from((compared + 999_999) / 1_000_000).expect("the amounts of the table fit")
}

/// Object and External with a target `AverageValue`. The HPA compares with `scale.status.replicas`, we with
/// `spec.replicas`; `current` is both, except where a row says otherwise.
#[rstest]
#[case::c6_object_below_target("C6", 5, (2_000, 6_000), ("0.1", "0.1"), 3, Some(1_200))]
#[case::c8_object_within_tolerance("C8", 4, (5_000, 20_166), ("0.1", "0.1"), 4, Some(5_042))]
#[case::c10_object_with_a_small_tolerance("C10", 4, (5_000, 20_208), ("0.1", "0.01"), 5, Some(5_052))]
#[case::c12_external_above_target("C12", 3, (2_150, 8_600), ("0.1", "0.1"), 4, Some(2_867))]
#[case::c14_external_below_target("C14", 5, (2_867, 8_600), ("0.1", "0.1"), 3, Some(1_720))]
#[case::c16_external_within_tolerance("C16", 3, (2_900, 8_600), ("0.1", "0.1"), 3, Some(2_867))]
#[case::c18_external_with_a_small_tolerance("C18", 3, (2_800, 8_600), ("0.1", "0.01"), 4, Some(2_867))]
#[case::c20_external_largest_amount("C20", 1, (i64::MAX, i64::MAX), ("0.1", "0.1"), 1, Some(i64::MAX))]
#[case::k29_surge_of_one_and_the_load_of_six("K29", 5, (1_000, 6_000), ("0.1", "0.1"), 6, None)]
#[case::k29_surge_within_tolerance_of_status("K29.surge", 5, (1_000, 5_400), ("0.1", "0.1"), 6, None)]
#[case::k30_surge_of_three_and_the_load_of_five("K30", 5, (1_000, 5_000), ("0.1", "0.1"), 5, None)]
#[case::k31_status_of_none("K31", 3, (1_000, 2_500), ("0.1", "0.1"), 3, None)]
fn average_value(
    #[case] id: &str,
    #[case] current: u32,
    #[case] (target, total): (i64, i64),
    #[case] (down, up): (&str, &str),
    #[case] hpa: u32,
    #[case] reported: Option<i64>,
) {
    // R7: it does not matter how many replicas are ready, none at all for instance.
    for ready in [current, 0] {
        let row = Row::at(current).ready(ready).average(target, total).tolerance(down, up);
        let decision = row.decide();
        judge(id, decision.desired.get(), hpa);
        assert!(reported.is_none_or(|reported| reported == told(&decision)), "{id}");
    }
}

/// The whole decision, behind the default rules, with no recommendation stored (`recs []`).
#[rstest]
#[case::e20_object_average_above_target("E20", 3, (2, 6), Row::average, (10_000, 40_000), 4)]
#[case::e34_object_average_below_target("E34", 5, (2, 6), Row::average, (20_000, 60_000), 3)]
#[case::e44_external_average_below_target("E44", 5, (2, 6), Row::average, (3_000, 8_600), 3)]
#[case::e55_object_within_tolerance("E55", 3, (1, 5), Row::value, (20_000, 20_050), 3)]
#[case::e58_external_average_within_tolerance("E58", 4, (2, 6), Row::average, (2_200, 8_600), 4)]
fn whole_decision(
    #[case] id: &str,
    #[case] current: u32,
    #[case] (min, max): (u32, u32),
    #[case] metric: fn(Row, i64, i64) -> Row,
    #[case] (target, value): (i64, i64),
    #[case] hpa: u32,
) {
    let decision = metric(Row::at(current).bounds(min, max).default_rules(), target, value).decide();
    judge(id, decision.desired.get(), hpa);
    assert_eq!(Limited::of(&decision), Limited::DesiredWithinRange, "{id}");
}

/// K33: the HPA takes a sum below zero for an overflow and goes to the maximum.
#[test]
fn case_k33_a_negative_load_is_no_load() {
    judge("K33", Row::at(3).bounds(1, 10).average(1_000, -5_000).desired(), 10);
}

/// K43: the HPA's Object metric wraps to a negative count, which becomes the minimum.
#[test]
fn case_k43_what_is_too_large_saturates() {
    let row = Row::at(3).bounds(1, 10).average(1, 3_000_000_000_000_000);
    judge("K43", row.desired(), 1);
}
