//! Tolerance, in both directions.

use rstest::rstest;

use super::pods::Pods;
use super::row::{Metric, Row, judge};

const AT_102_PERCENT: &str = "r1010/900 r1030/1000 r1020/1100";

#[rstest]
#[case::e49_default("E49", 3, 100, AT_102_PERCENT, ("0.1", "0.1"), 3)]
#[case::e50_up_1_percent("E50", 3, 100, AT_102_PERCENT, ("0.1", "0.01"), 4)]
#[case::e51_down_90_percent("E51", 3, 100, "r300/1000x3", ("0.9", "0.1"), 3)]
#[case::e52_default("E52", 3, 100, AT_102_PERCENT, ("0.1", "0.1"), 3)]
#[case::e53_up_1_percent_with_the_gate_off("E53", 3, 100, AT_102_PERCENT, ("0.1", "0.01"), 3)]
#[case::k3_1_lower_end_of_the_band("K3.1", 10, 50, "r450/1000x10", ("0.1", "0.1"), 10)]
#[case::k3_2_upper_end_of_the_band("K3.2", 10, 50, "r550/1000x10", ("0.1", "0.1"), 10)]
#[case::k42_1_down_100_percent("K42.1", 7, 100, "r0/1000x7", ("1", "0.1"), 7)]
#[case::k42_2_down_300_percent("K42.2", 7, 100, "r10/1000x7", ("3", "0.1"), 7)]
fn tolerance(
    #[case] id: &str,
    #[case] current: u32,
    #[case] percent: i64,
    #[case] pods: &str,
    #[case] (down, up): (&str, &str),
    #[case] hpa: u32,
) {
    let row = Row::at(current).of_pods(Metric::Cpu(percent), Pods::of(pods, 0));
    judge(id, row.tolerance(down, up).desired(), hpa);
}

/// Ten pods at 50.9 % each are at a target of 50 %, and at 51 % they are not.
#[test]
fn a_utilization_is_whole_percent_rounded_down() {
    let at = |pods| {
        let row = Row::at(10).of_pods(Metric::Cpu(50), Pods::of(pods, 0));
        row.tolerance("0", "0").desired()
    };
    assert_eq!((at("r509/1000x10"), at("r510/1000x10")), (10, 11));
}
