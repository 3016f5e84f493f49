//! Several metrics, and metrics that cannot be read (R11): the largest proposal wins; a metric that cannot be read blocks
//! shrinking only.

use autoscaler_core::FailureClass::{Execution, UnknownMetricKind};
use autoscaler_core::{FailureClass, ScalingRules, Seconds};
use rstest::rstest;

use super::row::Limited::{self, DesiredWithinRange, ScaleDownBlockedByMetric, TooManyReplicas};
use super::row::Metric::{self, Cpu, Pods};
use super::row::{Row, judge};

const BELOW: &str = "r100/1000 r300/1000 r500/1000 r250/1000x2";
const ON_TARGET: &str = "r500/1000x5";
const ABOVE: &str = "r300/1000 r400/1000 r500/1000";
const FAR_ABOVE: &str = "r20000/1000 r10000/1000 r30000/1000";

/// The metrics that can be read are about these pods.
#[rstest]
#[case::e82_only_an_unknown_kind("E82", 3, (2, 6), &[], "rx3", Some(UnknownMetricKind), (3, DesiredWithinRange))]
#[case::e86_two_above_target("E86", 3, (1, 5), &[Cpu(10), Pods(15_000)], FAR_ABOVE, None, (5, TooManyReplicas))]
#[case::e93_one_fails_growth("E93", 3, (2, 6), &[Cpu(30)], ABOVE, Some(Execution), (4, DesiredWithinRange))]
#[case::e94_one_unknown_no_shrink("E94", 5, (2, 6), &[Cpu(50)], BELOW, Some(UnknownMetricKind), (5, ScaleDownBlockedByMetric))]
#[case::e95_one_fails_no_shrink("E95", 5, (2, 6), &[Cpu(50)], BELOW, Some(Execution), (5, ScaleDownBlockedByMetric))]
#[case::k44_one_fails_the_other_is_on_target("K44", 5, (1, 10), &[Cpu(50)], ON_TARGET, Some(Execution), (5, DesiredWithinRange))]
#[case::k45_one_fails_the_other_wants_less("K45", 5, (1, 10), &[Cpu(50)], BELOW, Some(Execution), (5, ScaleDownBlockedByMetric))]
fn merge(
    #[case] id: &str,
    #[case] current: u32,
    #[case] (min, max): (u32, u32),
    #[case] readable: &[Metric],
    #[case] pods: &str,
    #[case] failing: Option<FailureClass>,
    #[case] (hpa, reason): (u32, Limited),
) {
    let row = Row::at(current).bounds(min, max).rules(
        ScalingRules::default_scale_up(),
        ScalingRules {
            window: Seconds::ZERO,
            ..ScalingRules::default_scale_down()
        },
    );
    let row = readable
        .iter()
        .fold(row, |row, metric| row.of_pods(*metric, super::pods::Pods::of(pods, 0)));
    let row = failing.into_iter().fold(row, Row::failing);
    let decision = row.decide();
    judge(id, decision.desired.get(), hpa);
    assert_eq!(Limited::of(&decision), reason, "{id}");
}
