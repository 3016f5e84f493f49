//! Zero replicas. The HPA scales to and from zero behind a feature gate that is off by default in 1.36 (`on` and `off`
//! below); with us `spec.replicas: 0` is always a person's pause, and `minReplicas` is at least 1.

use autoscaler_core::{FailureClass, RatePolicy, Replicas, ScalingRules, policy::Bounds};
use rstest::rstest;

use super::pods::Pods;
use super::row::{Metric, Row, free, judge};

#[rstest]
#[case::e16_on_value("E16", (1, 6), Row::value, (15_000, 20_000), 2)]
#[case::e17_off_value("E17", (1, 6), Row::value, (15_000, 20_000), 0)]
#[case::e18_on_at_the_target("E18", (1, 6), Row::value, (1_000, 1_000), 1)]
#[case::e19_off_at_the_target("E19", (1, 6), Row::value, (1_000, 1_000), 0)]
#[case::e39_on_with_a_raised_minimum("E39", (2, 6), Row::value, (15_000, 10_000), 2)]
#[case::e40_off_with_a_raised_minimum("E40", (2, 6), Row::value, (15_000, 10_000), 0)]
#[case::e62_below_the_minimum("E62", (3, 5), cpu, (90, 0), 0)]
#[case::k12_first_step_is_capped("K12", (1, 100), Row::average, (1_000, 30_000), 4)]
#[case::k13_any_load_starts_one_pod("K13", (1, 100), Row::value, (10_000, 1), 1)]
fn a_target_at_zero(
    #[case] id: &str,
    #[case] (min, max): (u32, u32),
    #[case] metric: fn(Row, i64, i64) -> Row,
    #[case] (target, value): (i64, i64),
    #[case] hpa: u32,
) {
    let decision = metric(Row::at(0).bounds(min, max).default_rules(), target, value).decide();
    assert!(decision.is_disabled(), "{id}: the pause is told");
    judge(id, decision.desired.get(), hpa);
}

fn cpu(row: Row, percent: i64, _no_pod: i64) -> Row {
    row.of_pods(Metric::Cpu(percent), Pods::default())
}

/// K11: with the HPA a Percent policy alone can never leave zero.
#[test]
fn case_k11_percent_of_nothing() {
    let up = ScalingRules {
        policies: vec![RatePolicy::percent(900, 60)],
        ..free(ScalingRules::default_scale_up())
    };
    let row = Row::at(0).rules(up, free(ScalingRules::default_scale_down()));
    judge("K11", row.wants(30).desired(), 0);
}

/// Rows with a minimum of 0: it cannot be written, 1 takes its place.
#[rstest]
#[case::d1_3_legacy("D1.3", 1, 10, Row::average, (1_000, 0), 0)]
#[case::d3_3_behavior("D3.3", 1, 10, Row::average, (1_000, 0), 0)]
#[case::e33_no_load("E33", 5, 6, Row::value, (20_000, 0), 0)]
fn a_minimum_of_zero(
    #[case] id: &str,
    #[case] current: u32,
    #[case] max: u32,
    #[case] metric: fn(Row, i64, i64) -> Row,
    #[case] (target, value): (i64, i64),
    #[case] hpa: u32,
) {
    assert!(Bounds::new(Replicas::ZERO, Replicas::new(max)).is_err());
    let row = metric(Row::at(current).bounds(1, max).default_rules(), target, value);
    judge(id, row.desired(), hpa);
}

/// E27: neither the CPU nor a metric of an unknown kind is looked at.
#[test]
fn case_e27_a_target_at_zero_is_not_measured() {
    let row = Row::at(0)
        .bounds(1, 6)
        .of_pods(Metric::Cpu(30), Pods::default())
        .failing(FailureClass::UnknownMetricKind);
    let decision = row.decide();
    assert_eq!(decision.metrics().count(), 0);
    judge("E27", decision.desired.get(), 0);
}
