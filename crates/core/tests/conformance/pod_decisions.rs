//! Whole decisions on metrics of every pod: section E of the table.

use autoscaler_core::Reading;
use rstest::rstest;

use super::pods::Pods;
use super::row::Limited::{self, DesiredWithinRange, TooManyReplicas};
use super::row::{Metric, Row, judge};

/// Each without limits, and behind the default rules with no recommendation stored (`recs []`, or growth).
#[rstest]
#[case::e1_scale_up("E1", 3, (2, 6), Metric::Cpu(30), "r300 r500 r700", 1_000, (5, DesiredWithinRange))]
#[case::e2_one_container("E2", 3, (2, 6), Metric::Cpu(30), "r150 r250 r350", 500, (5, DesiredWithinRange))]
#[case::e3_unready("E3", 3, (2, 6), Metric::Cpu(30), "u300 r500 r700", 1_000, (4, DesiredWithinRange))]
#[case::e4_hot("E4", 3, (2, 6), Metric::Cpu(30), "h300 r500 r700", 1_000, (4, DesiredWithinRange))]
#[case::e5_unready_no_scale("E5", 3, (2, 6), Metric::Cpu(30), "r400 u500 u700", 1_000, (3, DesiredWithinRange))]
#[case::e6_hot_no_scale("E6", 3, (2, 6), Metric::Cpu(30), "r400 h500 h700", 1_000, (3, DesiredWithinRange))]
#[case::e7_failed("E7", 2, (2, 6), Metric::Cpu(30), "r500 r700 fx2", 1_000, (4, DesiredWithinRange))]
#[case::e8_deleted("E8", 2, (2, 6), Metric::Cpu(30), "r500 r700 dx2", 1_000, (4, DesiredWithinRange))]
#[case::e9_deployment("E9", 3, (2, 6), Metric::Cpu(30), "r300 r500 r700", 1_000, (5, DesiredWithinRange))]
#[case::e10_replica_set("E10", 3, (2, 6), Metric::Cpu(30), "r300 r500 r700", 1_000, (5, DesiredWithinRange))]
#[case::e11_scale_up_by_pods("E11", 3, (2, 6), Metric::Pods(15_000), "r20000 r10000 r30000", 1_000, (4, DesiredWithinRange))]
#[case::e12_hot_counts_for_pods("E12", 3, (2, 6), Metric::Pods(15_000), "r50000 r10000 h30000", 1_000, (6, DesiredWithinRange))]
#[case::e13_hot_up_to_the_maximum("E13", 3, (2, 6), Metric::Pods(15_000), "h50000 r15000 h30000", 1_000, (6, TooManyReplicas))]
#[case::e23_scale_down("E23", 5, (2, 6), Metric::Cpu(50), "r100 r300 r500 r250x2", 1_000, (3, DesiredWithinRange))]
#[case::e24_scale_down_by_one_container("E24", 5, (2, 6), Metric::Cpu(50), "r50 r150 r250 r125x2", 500, (3, DesiredWithinRange))]
#[case::e30_scale_down_by_pods("E30", 5, (2, 6), Metric::Pods(20_000), "r12000x5", 1_000, (3, DesiredWithinRange))]
#[case::e41_ordinary_rescale("E41", 3, (1, 6), Metric::Cpu(30), "r300 r500 r700", 1_000, (5, DesiredWithinRange))]
#[case::e42_ordinary_rescale_with_the_gate_off("E42", 3, (1, 6), Metric::Cpu(30), "r300 r500 r700", 1_000, (5, DesiredWithinRange))]
#[case::e45_scale_down_with_unready("E45", 5, (2, 6), Metric::Cpu(50), "r100 r300 r500 u250x2", 1_000, (2, DesiredWithinRange))]
#[case::e47_scale_down_with_failed("E47", 5, (2, 6), Metric::Cpu(50), "r100 r300 r500 r250x2 fx2", 1_000, (3, DesiredWithinRange))]
#[case::e54_within_by_pods("E54", 3, (1, 5), Metric::Pods(20_000), "r20000 r20001 r21000", 1_000, (3, DesiredWithinRange))]
#[case::e67_missing("E67", 4, (2, 6), Metric::Cpu(100), "r400 r95 mx2", 1_000, (3, DesiredWithinRange))]
#[case::e70_one_more("E70", 1, (1, 5), Metric::Cpu(50), "r200", 200, (2, DesiredWithinRange))]
#[case::e71_at_target("E71", 2, (1, 5), Metric::Cpu(50), "r200x2", 400, (2, DesiredWithinRange))]
#[case::e72_one_pod_of_four("E72", 4, (1, 5), Metric::Cpu(50), "r200", 200, (2, DesiredWithinRange))]
#[case::e75_surge("E75", 4, (1, 8), Metric::Cpu(50), "r500x5", 1_000, (4, DesiredWithinRange))]
#[case::e85_scale_up_at_once("E85", 3, (1, 5), Metric::Pods(15_000), "r20000 r10000 r30000", 1_000, (4, DesiredWithinRange))]
fn decision(
    #[case] id: &str,
    #[case] spec: u32,
    #[case] (min, max): (u32, u32),
    #[case] metric: Metric,
    #[case] pods: &str,
    #[case] request: i64,
    #[case] (hpa, reason): (u32, Limited),
) {
    let row = Row::at(spec).bounds(min, max).of_pods(metric, Pods::of(pods, request));
    for row in [row.clone(), row.default_rules()] {
        let decision = row.decide();
        judge(id, decision.desired.get(), hpa);
        assert_eq!(Limited::of(&decision), reason, "{id}");
    }
}

#[test]
fn case_e66_samples_of_unknown_pods_do_not_count() {
    let mut pods = Pods::of("r4000 r9500 r3000 r7000", 1_000);
    pods.sample("stranger-0", 3_200);
    pods.sample("stranger-1", 2_000);
    let decision = Row::at(4).bounds(2, 6).of_pods(Metric::Cpu(100), pods).decide();
    judge("E66", decision.desired.get(), 6);
    assert_eq!(Limited::of(&decision), TooManyReplicas);
}

#[test]
fn case_e69_a_sample_without_any_pod_says_nothing() {
    let mut pods = Pods::default();
    pods.sample("pod-0", 200);
    let decision = Row::at(1).bounds(1, 5).of_pods(Metric::Cpu(100), pods).decide();
    judge("E69", decision.desired.get(), 1);
    assert_eq!(decision.merged(), None);
}

#[test]
fn case_e88_each_pod_with_a_request_of_its_own() {
    let pods = Pods::of(
        "r150/400 r150/200 r150/310 r150/290 r150/302 r150/298 r150/301 r150/299 r150/300x2",
        0,
    );
    let row = Row::at(10).bounds(1, 1_000).of_pods(Metric::Cpu(56), pods);
    judge("E88", row.desired(), 9);
}

/// The error of a resource metric without any sample.
#[test]
fn case_a46_without_any_sample_there_is_nothing_to_say() {
    let decision = Row::at(4).of_pods(Metric::Cpu(100), Pods::of("mx4", 1_000)).decide();
    let reading = decision.metrics().next().map(|step| &step.reading);
    assert_eq!(reading, Some(&Reading::Missing { source_proven: false }));
    judge("A46", decision.desired.get(), 4);
}

/// The error where no pod requests anything.
#[test]
fn case_g14_without_any_request_there_is_no_percentage() {
    let decision = Row::at(2).of_pods(Metric::Cpu(50), Pods::of("r50 r76", 0)).decide();
    let reading = decision.metrics().next().map(|step| &step.reading);
    assert!(matches!(reading, Some(Reading::Failed(_))), "{reading:?}");
    judge("G14", decision.desired.get(), 2);
}

#[test]
fn r10_pods_that_are_not_known_yet_hold_the_size() {
    let mut row = Row::at(3).of_pods(Metric::Pods(1_000), Pods::of("r9000x3", 0));
    row.observation.pods = None;
    assert_eq!(row.desired(), 3);
}
