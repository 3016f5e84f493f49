//! Rows that are about rounding: the HPA computes in binary64, we with integers, so noise in the last digit never makes a
//! replica.

use autoscaler_core::{RatePolicy, ScalingRules};
use rstest::rstest;

use super::pods::Pods;
use super::row::{Metric, Row, free, judge};

/// Pods that use so much of 1000 that each requests, and a target of so many percent.
#[rstest]
#[case::k5_seven_percent_of_fifty("K5", 50, 50, 70, 8)]
#[case::k6_twenty_eight_percent_of_twenty_five("K6", 25, 100, 280, 8)]
#[case::k7_forty_four_of_eighty_percent_of_a_hundred("K7", 100, 80, 440, 56)]
fn ratio(#[case] id: &str, #[case] current: u32, #[case] percent: i64, #[case] usage: i64, #[case] hpa: u32) {
    let pods = Pods::of(&format!("r{usage}/1000x{current}"), 0);
    let row = Row::at(current).of_pods(Metric::Cpu(percent), pods);
    judge(id, row.desired(), hpa);
}

/// One policy of so many percent for growth, and metrics that ask for very much.
#[rstest]
#[case::k8_1_ten_percent_of_100("K8.1", 10, 100, 111)]
#[case::k8_2_ten_percent_of_50("K8.2", 10, 50, 56)]
#[case::k8_3_ten_percent_of_90("K8.3", 10, 90, 100)]
#[case::k8_4_ten_percent_of_200("K8.4", 10, 200, 221)]
#[case::k8_5_ten_percent_of_10("K8.5", 10, 10, 11)]
fn percent_up(#[case] id: &str, #[case] percent: u32, #[case] current: u32, #[case] hpa: u32) {
    let up = ScalingRules {
        policies: vec![RatePolicy::percent(percent, 60)],
        ..free(ScalingRules::default_scale_up())
    };
    let row = Row::at(current).rules(up, free(ScalingRules::default_scale_down()));
    judge(id, row.wants(100_000).desired(), hpa);
}

/// One policy of so many percent for shrinking, and metrics that ask for none. A limit of 0 is 1 by `minReplicas`.
#[rstest]
#[case::k9_1_ninety_percent_of_10("K9.1", 90, 10, 1)]
#[case::k9_2_ninety_percent_of_20("K9.2", 90, 20, 1)]
#[case::k9_3_eighty_percent_of_5("K9.3", 80, 5, 1)]
#[case::k9_4_eighty_percent_of_10("K9.4", 80, 10, 1)]
#[case::k9_5_thirty_percent_of_90("K9.5", 30, 90, 62)]
#[case::k10_1_fifty_percent_of_5("K10.1", 50, 5, 2)]
#[case::k10_2_one_percent_of_3("K10.2", 1, 3, 2)]
#[case::k10_3_one_percent_of_1("K10.3", 1, 1, 1)]
#[case::k10_4_ten_percent_of_72("K10.4", 10, 72, 64)]
#[case::k10_5_twenty_percent_of_10("K10.5", 20, 10, 8)]
fn percent_down(#[case] id: &str, #[case] percent: u32, #[case] current: u32, #[case] hpa: u32) {
    let down = ScalingRules {
        policies: vec![RatePolicy::percent(percent, 60)],
        ..free(ScalingRules::default_scale_down())
    };
    let row = Row::at(current).rules(free(ScalingRules::default_scale_up()), down);
    judge(id, row.wants(0).desired(), hpa);
}
