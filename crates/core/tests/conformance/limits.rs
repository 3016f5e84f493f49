//! Minimum, maximum and one step of the rate policies: D1 to D3 without events, the rows of E and K about limits.

use autoscaler_core::{FailureClass, RatePolicy, ScalingRules, Seconds, SelectPolicy};
use rstest::rstest;

use super::pods::Pods;
use super::row::Limited::{self, DesiredWithinRange, ScaleDownLimit, ScaleUpLimit, TooFewReplicas, TooManyReplicas};
use super::row::{Metric, Row, judge};

/// Rules of growth and of shrinking.
type Behavior = (ScalingRules, ScalingRules);

/// The API defaults without their windows: rows of D begin behind the windows.
fn defaults() -> Behavior {
    let no_window = |rules| ScalingRules {
        window: Seconds::ZERO,
        ..rules
    };
    (
        no_window(ScalingRules::default_scale_up()),
        no_window(ScalingRules::default_scale_down()),
    )
}

fn up(policies: &[RatePolicy]) -> Behavior {
    let (up, down) = defaults();
    let policies = policies.to_vec();
    (ScalingRules { policies, ..up }, down)
}

fn down(policies: &[RatePolicy]) -> Behavior {
    let (up, down) = defaults();
    let policies = policies.to_vec();
    (up, ScalingRules { policies, ..down })
}

fn select(select: SelectPolicy, (up, down): Behavior) -> Behavior {
    (ScalingRules { select, ..up }, ScalingRules { select, ..down })
}

const fn pods(value: u32) -> RatePolicy {
    RatePolicy::pods(value, 60)
}

const fn percent(value: u32) -> RatePolicy {
    RatePolicy::percent(value, 60)
}

/// The rows begin with the count that the metrics ask for.
#[rstest]
#[case::d1_2_below_min("D1.2", (3, 1), (2, 8), defaults(), 2, TooFewReplicas)]
#[case::d1_4_above_max("D1.4", (20, 1_000), (1, 10), defaults(), 10, TooManyReplicas)]
#[case::d2_1_least_of_two_up("D2.1", (1, 1_000), (1, 9_999), select(SelectPolicy::Min, up(&[pods(2), percent(50)])), 2, ScaleUpLimit)]
#[case::d2_2_least_of_two_down("D2.2", (5, 0), (1, 9_999), select(SelectPolicy::Min, down(&[pods(2), percent(50)])), 3, ScaleDownLimit)]
#[case::d3_2_below_min("D3.2", (3, 1), (2, 8), defaults(), 2, TooFewReplicas)]
#[case::d3_4_max_below_the_limit("D3.4", (20, 1_000), (1, 10), defaults(), 10, TooManyReplicas)]
#[case::d3_5_more_than_max("D3.5", (100, 1_000), (100, 150), defaults(), 150, TooManyReplicas)]
#[case::d3_6_one_percent_up("D3.6", (3, 1_000), (1, 2_000), up(&[percent(1)]), 4, ScaleUpLimit)]
#[case::d3_7_twenty_pods_down("D3.7", (1_000, 3), (3, 2_000), down(&[pods(20)]), 980, ScaleDownLimit)]
#[case::d3_8_default_up("D3.8", (10, 50), (1, 1_000), defaults(), 20, ScaleUpLimit)]
#[case::d3_10_percent_beats_pods_up("D3.10", (10, 500), (1, 1_000), up(&[pods(2), percent(100)]), 20, ScaleUpLimit)]
#[case::d3_11_many_pods_up("D3.11", (10, 50), (1, 1_000), up(&[pods(100)]), 50, DesiredWithinRange)]
#[case::d3_12_very_many_pods_up("D3.12", (10, 50), (1, 1_000), up(&[pods(10_000)]), 50, DesiredWithinRange)]
#[case::d3_13_thirty_pods_up("D3.13", (10, 50), (1, 1_000), up(&[pods(30)]), 40, ScaleUpLimit)]
#[case::d3_14_two_hundred_percent_up("D3.14", (10, 50), (1, 1_000), up(&[percent(200)]), 30, ScaleUpLimit)]
#[case::d3_15_pods_beat_percent_down("D3.15", (100, 2), (1, 1_000), down(&[pods(20), percent(1)]), 80, ScaleDownLimit)]
#[case::d3_16_two_pods_beat_one_percent_down("D3.16", (100, 2), (1, 1_000), down(&[pods(2), percent(1)]), 98, ScaleDownLimit)]
#[case::d3_17_to_the_default_min("D3.17", (10, 0), (1, 1_000), down(&[pods(100)]), 1, TooFewReplicas)]
#[case::d3_18_to_the_min("D3.18", (10, 0), (1, 1_000), down(&[pods(100)]), 1, TooFewReplicas)]
#[case::d3_19_percent_to_the_min("D3.19", (10, 2), (5, 1_000), down(&[percent(100)]), 5, TooFewReplicas)]
#[case::d3_20_five_pods_down("D3.20", (10, 2), (1, 1_000), down(&[pods(5)]), 5, ScaleDownLimit)]
#[case::d3_21_half_down("D3.21", (10, 5), (1, 1_000), down(&[percent(50)]), 5, DesiredWithinRange)]
#[case::k21_disabled_down("K21", (5, 2), (1, 10), select(SelectPolicy::Disabled, defaults()), 5, ScaleDownLimit)]
#[case::k22_disabled_up("K22", (5, 9), (1, 10), select(SelectPolicy::Disabled, defaults()), 5, ScaleUpLimit)]
#[case::k23_least_of_two_up("K23", (10, 50), (1, 100), select(SelectPolicy::Min, up(&[pods(4), percent(100)])), 14, ScaleUpLimit)]
#[case::k24_least_of_two_down("K24", (100, 1), (1, 100), select(SelectPolicy::Min, down(&[pods(5), percent(10)])), 95, ScaleDownLimit)]
fn one_step(
    #[case] id: &str,
    #[case] (current, desired): (u32, u32),
    #[case] (min, max): (u32, u32),
    #[case] (up, down): Behavior,
    #[case] hpa: u32,
    #[case] reason: Limited,
) {
    let decision = Row::at(current)
        .bounds(min, max)
        .rules(up, down)
        .wants(desired)
        .decide();
    judge(id, decision.desired.get(), hpa);
    assert_eq!(Limited::of(&decision), reason, "{id}");
}

/// Whole decisions, of metrics of the CPU.
#[rstest]
#[case::e25_rules_for_growth_alone("E25", 5, (2, 6), (window_of_growth(), ScalingRules::default_scale_down()), (50, "r100/1000 r300/1000 r500/1000 r250/1000x2"), 3, DesiredWithinRange)]
#[case::e59_little_load("E59", 3, (2, 5), hpa_defaults(), (90, "r10/900 r95/1000 r10/1100"), 2, TooFewReplicas)]
#[case::e65_much_load("E65", 3, (2, 5), hpa_defaults(), (90, "r8000/900 r9500/1000 r1000/1100"), 5, TooManyReplicas)]
#[case::e73_percent_cap("E73", 3, (1, 100), up(&[percent(700)]), (10, "r100/100 r200/100 r300/100"), 24, ScaleUpLimit)]
#[case::e74_percent_cap_above_max("E74", 3, (1, 20), up(&[percent(700)]), (10, "r100/100 r200/100 r300/100"), 20, TooManyReplicas)]
fn whole_decision(
    #[case] id: &str,
    #[case] current: u32,
    #[case] (min, max): (u32, u32),
    #[case] (up, down): Behavior,
    #[case] (target, pods): (i64, &str),
    #[case] hpa: u32,
    #[case] reason: Limited,
) {
    let row = Row::at(current).bounds(min, max).rules(up, down);
    let decision = row.of_pods(Metric::Cpu(target), Pods::of(pods, 0)).decide();
    judge(id, decision.desired.get(), hpa);
    assert_eq!(Limited::of(&decision), reason, "{id}");
}

fn hpa_defaults() -> Behavior {
    (ScalingRules::default_scale_up(), ScalingRules::default_scale_down())
}

fn window_of_growth() -> ScalingRules {
    ScalingRules {
        window: Seconds::new(30),
        policies: vec![RatePolicy::percent(100, 15)],
        ..ScalingRules::default_scale_up()
    }
}

/// A count outside the bounds is corrected at once: no metric, no window, no policy has a say (R12).
#[rstest]
#[case::e63_too_few_replicas("E63", 2, (3, 5), defaults(), 3)]
#[case::e64_too_many_replicas("E64", 10, (3, 5), defaults(), 5)]
#[case::e90_below_min("E90", 1, (2, 6), hpa_defaults(), 2)]
#[case::e91_above_max("E91", 6, (2, 5), hpa_defaults(), 5)]
#[case::k26_1_one_pod_a_minute("K26.1", 50, (1, 10), down(&[pods(1)]), 10)]
#[case::k26_2_shrinking_disabled("K26.2", 50, (1, 10), select(SelectPolicy::Disabled, defaults()), 10)]
fn correction(
    #[case] id: &str,
    #[case] current: u32,
    #[case] (min, max): (u32, u32),
    #[case] (up, down): Behavior,
    #[case] hpa: u32,
) {
    let row = Row::at(current).bounds(min, max).rules(up, down);
    let row = row.failing(FailureClass::Unreachable).changes([(1, 1_000)]);
    judge(id, row.desired(), hpa);
}

/// K14: without `behavior` the HPA takes another path, which allows max(2 x current, 4). Ours is always the one of
/// `behavior`, whose defaults the HPA takes for `behavior: {}`.
#[rstest]
#[case::k14_1_from_1("K14.1", 1, (4, 5))]
#[case::k14_2_from_2("K14.2", 2, (4, 6))]
#[case::k14_3_from_3("K14.3", 3, (6, 7))]
#[case::k14_4_from_4("K14.4", 4, (8, 8))]
#[case::k14_5_from_5("K14.5", 5, (10, 10))]
fn first_step(#[case] id: &str, #[case] current: u32, #[case] (without, with): (u32, u32)) {
    let ours = Row::at(current).default_rules().wants(100).desired();
    assert_eq!(ours, with, "{id}: with behavior the HPA steps to {with}");
    judge(id, ours, without);
}
