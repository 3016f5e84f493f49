//! Several metrics, and metrics that cannot be read (R11): the largest proposal wins; a metric that cannot be read blocks
//! shrinking only.

use autoscaler_core::FailureClass::{Execution, UnknownMetricKind};
use autoscaler_core::{FailureClass, ScalingRules, Seconds};
use rstest::rstest;

use super::row::Limited::{self, DesiredWithinRange, ScaleDownBlockedByMetric, TooManyReplicas};
use super::row::{Row, judge};

/// The readable metrics, which stand in for the CPU where the row has it: (target, value) of a `value` metric.
#[rstest]
#[case::e82_only_an_unknown_kind("E82", 3, (2, 6), &[], Some(UnknownMetricKind), 3, DesiredWithinRange)]
#[case::e86_two_above_target("E86", 3, (1, 5), &[(10_000, 2_000_000), (15_000, 20_000)], None, 5, TooManyReplicas)]
#[case::e93_one_fails_growth("E93", 3, (2, 6), &[(30_000, 40_000)], Some(Execution), 4, DesiredWithinRange)]
#[case::e94_one_unknown_no_shrink("E94", 5, (2, 6), &[(50_000, 28_000)], Some(UnknownMetricKind), 5, ScaleDownBlockedByMetric)]
#[case::e95_one_fails_no_shrink("E95", 5, (2, 6), &[(50_000, 28_000)], Some(Execution), 5, ScaleDownBlockedByMetric)]
#[case::k44_one_fails_the_other_is_on_target("K44", 5, (1, 10), &[(50_000, 50_000)], Some(Execution), 5, DesiredWithinRange)]
#[case::k45_one_fails_the_other_wants_less("K45", 5, (1, 10), &[(50_000, 28_000)], Some(Execution), 5, ScaleDownBlockedByMetric)]
fn merge(
    #[case] id: &str,
    #[case] current: u32,
    #[case] (min, max): (u32, u32),
    #[case] readable: &[(i64, i64)],
    #[case] failing: Option<FailureClass>,
    #[case] hpa: u32,
    #[case] reason: Limited,
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
        .fold(row, |row, (target, value)| row.value(*target, *value));
    let row = failing.into_iter().fold(row, Row::failing);
    let decision = row.decide();
    judge(id, decision.desired.get(), hpa);
    assert_eq!(Limited::of(&decision), reason, "{id}");
}
