//! Tolerance, in both directions. A `value` metric of the same ratio stands in for the utilization of the rows.

use rstest::rstest;

use super::row::{Row, judge};

#[rstest]
#[case::e49_default("E49", 3, (100, 102), ("0.1", "0.1"), 3)]
#[case::e50_up_1_percent("E50", 3, (100, 102), ("0.1", "0.01"), 4)]
#[case::e51_down_90_percent("E51", 3, (100, 30), ("0.9", "0.1"), 3)]
#[case::e52_default("E52", 3, (100, 102), ("0.1", "0.1"), 3)]
#[case::e53_up_1_percent_with_the_gate_off("E53", 3, (100, 102), ("0.1", "0.01"), 3)]
#[case::k3_1_lower_end_of_the_band("K3.1", 10, (50, 45), ("0.1", "0.1"), 10)]
#[case::k3_2_upper_end_of_the_band("K3.2", 10, (50, 55), ("0.1", "0.1"), 10)]
#[case::k42_1_down_100_percent("K42.1", 7, (100, 0), ("1", "0.1"), 7)]
#[case::k42_2_down_300_percent("K42.2", 7, (100, 1), ("3", "0.1"), 7)]
fn tolerance(
    #[case] id: &str,
    #[case] current: u32,
    #[case] (target, percent): (i64, i64),
    #[case] (down, up): (&str, &str),
    #[case] hpa: u32,
) {
    let row = Row::at(current)
        .value(target * 1_000, percent * 1_000)
        .tolerance(down, up);
    judge(id, row.desired(), hpa);
}
