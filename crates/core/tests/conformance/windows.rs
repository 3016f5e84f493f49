//! Stabilization windows: D4, D5 and the rows of E and K about them.
//!
//! The HPA keeps each recommendation; we keep runs with a resolution of a tenth of the window (R13). Every two
//! recommendations of a row lie further apart than that (which is checked), so no row of D4 and D5 is changed by it; row
//! R13 shows where it does change something.

use autoscaler_core::{LimitCause, ScalingRules, Seconds};
use rstest::rstest;

use super::pods::Pods;
use super::row::{Metric, Row, free, judge};

/// Windows of growth and of shrinking, in seconds, and no limits.
fn windows(row: Row, up: u32, down: u32) -> Row {
    let with = |rules, window| ScalingRules {
        window: Seconds::new(window),
        ..free(rules)
    };
    row.rules(
        with(ScalingRules::default_scale_up(), up),
        with(ScalingRules::default_scale_down(), down),
    )
}

/// Recommendations as (count, age in seconds); windows of growth and of shrinking.
#[rstest]
#[case::d4_3_legacy_none_higher("D4.3", &[(1, 120), (2, 60)], (5, 3), (0, 300), 3)]
#[case::d4_4_legacy_old_ones("D4.4", &[(10, 600), (9, 540)], (10, 3), (0, 300), 3)]
#[case::d5_1_none_stored("D5.1", &[], (100, 5), (0, 0), 5)]
#[case::d5_2_down("D5.2", &[(4, 120), (5, 60)], (100, 3), (0, 180), 5)]
#[case::d5_3_up("D5.3", &[(4, 120), (5, 60)], (1, 7), (300, 0), 4)]
#[case::d5_6_down_old_ones("D5.6", &[(10, 600), (9, 540)], (100, 3), (0, 0), 3)]
#[case::d5_7_up_old_ones("D5.7", &[(10, 600), (9, 540)], (1, 100), (0, 0), 100)]
#[case::k17_legacy_recommendation_above_the_present_count("K17", &[(10, 60)], (4, 2), (0, 300), 8)]
#[case::k18_recommendation_above_the_present_count("K18", &[(10, 60)], (4, 2), (0, 300), 4)]
fn stabilize(
    #[case] id: &str,
    #[case] recommendations: &[(u32, i64)],
    #[case] (current, desired): (u32, u32),
    #[case] (up, down): (u32, u32),
    #[case] hpa: u32,
) {
    let tenth = i64::from(up.max(down)) / 10;
    let far_apart = recommendations.windows(2).all(|pair| pair[0].1 - pair[1].1 > tenth);
    assert!(far_apart, "{id}: the row must say that its recommendations share a run");

    let row = windows(Row::at(current), up, down).recommended(recommendations);
    judge(id, row.wants(desired).desired(), hpa);
}

/// E29: the HPA seeds its memory with the present count; with us a new autoscaler begins with it (R14).
#[test]
fn case_e29_a_new_autoscaler_does_not_shrink_at_once() {
    let pods = Pods::of("r100/1000 r300/1000 r500/1000 r250/1000x2", 0);
    let row = Row::at(5).bounds(2, 6).default_rules();
    let row = row.of_pods(Metric::Cpu(50), pods).new_object();
    let decision = row.decide();
    let cause = &decision.limit().expect("the window holds").cause;
    assert!(matches!(cause, LimitCause::Window { uncertain: false, .. }));
    judge("E29", decision.desired.get(), 5);
}

/// E87: the recommendation of four a minute ago holds; the ten of ten minutes ago does not.
#[test]
fn case_e87_shrinking_is_stabilized() {
    let row = Row::at(4).bounds(1, 5).default_rules();
    let row = row.of_pods(Metric::Cpu(100), Pods::of("r50/100x3", 0));
    let decision = row.recommended(&[(10, 600), (4, 60)]).decide();
    let cause = &decision.limit().expect("the window holds").cause;
    assert!(matches!(cause, LimitCause::Window { .. }));
    judge("E87", decision.desired.get(), 4);
}

/// K19 and K20: nothing stored. The HPA cannot tell a restart from a new object, and seeds both windows. With us a restart
/// goes on with what was stored (see `memory`), and a new autoscaler may grow at once.
#[rstest]
#[case::k19_window_of_growth("K19", 60, 3)]
#[case::k20_no_window_of_growth("K20", 0, 9)]
fn nothing_stored(#[case] id: &str, #[case] up: u32, #[case] hpa: u32) {
    let row = windows(Row::at(3), up, 300).wants(9).new_object();
    judge(id, row.desired(), hpa);
}
