use rstest::rstest;

use super::fixtures::*;
use crate::decision::{Basis, LimitCause, Part};
use crate::reading::{PartialCause, ReadingClass};
use crate::*;

fn failed() -> Reading {
    Reading::Failed(Failure::of(FailureClass::Timeout))
}

#[rstest]
#[case(3, "300", 3)]
#[case(3, "330", 3)] // both ends of the tolerance are within
#[case(3, "270", 3)]
#[case(3, "331", 4)]
#[case(3, "269", 3)] // outside the tolerance, yet ceil(2.69) is 3
#[case(3, "200", 2)]
#[case(3, "0", 1)]
#[case(3, "99999", 10)]
fn r7_an_average_target_divides_the_total(#[case] replicas: u32, #[case] total: &str, #[case] expected: u32) {
    assert_eq!(desired(&policy(), replicas, fresh(total)), expected);
}

#[test]
fn r7_an_average_target_does_not_depend_on_ready_pods() {
    let mut seen = observe(5, fresh("500"));
    seen.ready = Some(Replicas::ZERO);
    assert_eq!(decide(&policy(), &seen, &settled(5), at(0)).desired.get(), 5);
}

#[rstest]
#[case(3, "195", 6, Basis::AboveTarget)]
#[case(2, "150", 3, Basis::AwaitsReplicas)] // exactly as many as there are
#[case(1, "195", 3, Basis::AwaitsReplicas)] // 2 ready at most would be asked for: never fewer than spec (R9)
#[case(0, "195", 3, Basis::AwaitsReplicas)]
#[case(5, "195", 6, Basis::AboveTarget)] // pods beyond spec.replicas are surge, not capacity
fn r8_a_value_target_grows_by_the_replicas_that_are_ready(
    #[case] ready: u32,
    #[case] load: &str,
    #[case] expected: u32,
    #[case] basis: Basis,
) {
    let mut seen = observe(3, fresh(load));
    seen.ready = Some(Replicas::new(ready));
    let decision = decide(&by_value(policy()), &seen, &settled(3), at(0));
    let proposal = decision.winner().unwrap().proposal.unwrap();
    assert_eq!((decision.desired.get(), proposal.basis), (expected, basis));
}

#[test]
fn r8_shrinking_uses_spec_replicas() {
    let mut seen = observe(4, fresh("50"));
    seen.ready = Some(Replicas::new(1));
    assert_eq!(decide(&by_value(policy()), &seen, &settled(4), at(0)).desired.get(), 2);
}

#[test]
fn r8_with_ready_unknown_there_is_no_second_growth_until_it_settles() {
    let policy = by_value(policy());
    let mut history = settled(3);
    history.record_change(change(2, 3, at(0), ChangeCause::Ours), &policy);
    let mut seen = observe(3, fresh("200"));
    seen.ready = None;
    // Look-back 60 s plus 60 s to settle.
    assert_eq!(decide(&policy, &seen, &history, at(119)).desired.get(), 3);
    assert_eq!(decide(&policy, &seen, &history, at(120)).desired.get(), 6);
}

#[rstest]
#[case("101", TargetKind::Value)]
#[case("1000", TargetKind::Value)]
#[case("501", TargetKind::AverageValue)]
#[case("5000", TargetKind::AverageValue)]
fn r9_more_load_never_asks_for_fewer(#[case] load: &str, #[case] kind: TargetKind) {
    let mut policy = policy();
    policy.metrics = vec![metric("load", kind, "100")];
    policy.scale_up.tolerance = Quantity::ZERO;
    let mut seen = observe(5, fresh(load));
    seen.ready = Some(Replicas::new(1));
    assert!(decide(&policy, &seen, &settled(5), at(0)).desired.get() >= 5);
}

#[test]
fn r6_negative_load_is_no_load() {
    assert_eq!(desired(&policy(), 3, fresh("-700")), 1);
    assert_eq!(desired(&by_value(policy()), 3, fresh("-700")), 1);
}

#[rstest]
#[case(Reading::Missing { source_proven: true }, ReadingClass::Missing)]
#[case(Reading::NotANumber { source_proven: true }, ReadingClass::NotANumber)]
#[case(Reading::TooMany { series: 2, pod: None }, ReadingClass::TooMany)]
#[case(failed(), ReadingClass::Failed)]
#[case(Reading::Partial { value: Quantity::ZERO, cause: PartialCause::Warning }, ReadingClass::Partial)]
fn r4_what_is_not_fresh_holds_and_says_so(#[case] reading: Reading, #[case] class: ReadingClass) {
    let decision = decide(&policy(), &observe(5, reading), &settled(5), at(0));
    assert_eq!(decision.desired.get(), 5);
    let step = decision.metrics().next().unwrap();
    assert_eq!(step.reading.class(), class);
    assert_eq!(step.part, Part::BlocksShrink { since: at(0) });
}

#[test]
fn r2_a_part_of_the_load_may_grow_but_not_shrink() {
    let part = |value: &str| Reading::Partial {
        value: quantity(value),
        cause: PartialCause::FewerSeries { now: 1, before: 2 },
    };
    assert_eq!(desired(&policy(), 3, part("700")), 7);
    assert_eq!(desired(&policy(), 3, part("100")), 3);
}

#[test]
fn r4_zero_for_missing_is_opt_in_and_wants_a_proven_source() {
    let mut policy = policy();
    assert_eq!(desired(&policy, 3, Reading::Missing { source_proven: true }), 3);
    policy.metrics[0].when_missing = WhenMissing::Zero;
    assert_eq!(desired(&policy, 3, Reading::Missing { source_proven: false }), 3);
    assert_eq!(desired(&policy, 3, Reading::Missing { source_proven: true }), 1);
    policy.metrics[0].when_nan = WhenNan::Zero;
    assert_eq!(desired(&policy, 3, Reading::NotANumber { source_proven: true }), 1);
    assert_eq!(desired(&policy, 3, Reading::NotANumber { source_proven: false }), 3);
}

#[test]
fn r4_an_ignored_metric_neither_asks_nor_blocks() {
    let mut policy = policy();
    policy.metrics.push(MetricPolicy {
        when_missing: WhenMissing::Ignore,
        ..metric("other", TargetKind::Value, "1")
    });
    let mut seen = observe(4, fresh("200"));
    seen.readings
        .push(MetricReading::one("other", Reading::Missing { source_proven: false }));
    assert_eq!(decide(&policy, &seen, &settled(4), at(0)).desired.get(), 2);
}

#[test]
fn r11_the_largest_wins_and_one_that_is_not_fresh_blocks_shrinking() {
    let mut policy = policy();
    policy.metrics.push(metric("other", TargetKind::AverageValue, "10"));
    let seen = |load: &str, other: Reading| {
        let mut seen = observe(4, fresh(load));
        seen.readings.push(MetricReading::one("other", other));
        seen
    };
    let count = |seen: &Observation| decide(&policy, seen, &settled(4), at(0)).desired.get();
    assert_eq!(count(&seen("200", fresh("70"))), 7);
    assert_eq!(count(&seen("200", fresh("10"))), 2);
    let of_equals = decide(&policy, &seen("200", fresh("20")), &settled(4), at(0));
    assert_eq!(of_equals.winner().unwrap().metric, "load", "the first one");
    assert_eq!(count(&seen("200", failed())), 4);
    assert_eq!(count(&seen("600", failed())), 6);

    let blocked = decide(&policy, &seen("200", failed()), &settled(4), at(7));
    let limit = blocked.limit().unwrap();
    assert_eq!((limit.wanted.get(), limit.allowed.get()), (2, 4));
    assert_eq!(
        limit.cause,
        LimitCause::MetricNotFresh {
            metric: "other".to_owned(),
            reading: failed(),
            since: at(7)
        }
    );
}

#[test]
fn r23_a_metric_without_a_reading_is_not_fresh() {
    let mut seen = observe(4, fresh("100"));
    seen.readings.clear();
    let decision = decide(&policy(), &seen, &settled(4), at(0));
    assert_eq!(decision.desired.get(), 4);
    let ours = Reading::Failed(Failure::of(FailureClass::Internal));
    assert_eq!(decision.metrics().next().unwrap().reading, ours);
}

#[test]
fn r23_a_metric_of_an_unknown_kind_is_compared_with_nothing() {
    let mut policy = policy();
    policy.metrics[0].target = None;
    let reading = Reading::Failed(Failure::of(FailureClass::UnknownMetricKind));
    let decision = decide(&policy, &observe(4, reading), &settled(4), at(0));
    assert_eq!(decision.desired.get(), 4);
    assert_eq!(explain::targets(&decision), "<Failed>");
}

#[test]
fn r1_without_a_probe_there_is_no_change() {
    let decision = decide(&policy(), &observe(3, unprobed("900")), &settled(3), at(0));
    assert_eq!((decision.desired.get(), decision.needs_probe), (3, true));
    let decision = decide(&policy(), &observe(3, unprobed("100")), &settled(3), at(0));
    assert_eq!((decision.desired.get(), decision.needs_probe), (3, true));
}

#[rstest]
#[case(3, "300")] // at the target
#[case(1, "0")] // at the minimum
#[case(10, "99999")] // at the maximum
fn r1_at_rest_nothing_is_probed(#[case] replicas: u32, #[case] load: &str) {
    let decision = decide(&policy(), &observe(replicas, unprobed(load)), &settled(replicas), at(0));
    assert_eq!((decision.desired.get(), decision.needs_probe), (replicas, false));
}

#[test]
fn all_unread_holds_and_then_falls_back_to_a_floor_that_never_shrinks() {
    let mut policy = policy();
    policy.fallback = Some(Fallback {
        after: Seconds::new(60),
        min_replicas: Replicas::new(5),
    });
    let mut run = Run::new(policy.clone(), 3);
    assert_eq!(run.step(0, failed()).desired.get(), 3);
    assert_eq!(run.step(59, failed()).desired.get(), 3);
    assert_eq!(run.step(1, failed()).desired.get(), 5);

    let mut high = Run::new(policy, 8);
    high.step(0, failed());
    assert_eq!(high.step(600, failed()).desired.get(), 8);
}

#[test]
fn r7_what_is_compared_is_the_share_of_each_replica_rounded_up() {
    let told = |replicas: u32, total: &str| {
        let decision = decide(&policy(), &observe(replicas, fresh(total)), &settled(replicas), at(0));
        decision.trail.metrics[0].proposal.unwrap().compared
    };
    assert_eq!(told(4, "400"), Quantity::from_units(100));
    assert_eq!(told(3, "10"), Quantity::from_nanos(3_333_333_334));
    assert_eq!(told(3, "0"), Quantity::ZERO);
}

#[test]
fn r8_growth_that_starting_replicas_may_already_be_says_so() {
    let basis = |ready: u32, load: &str| {
        let seen = Observation {
            ready: Some(Replicas::new(ready)),
            ..observe(4, fresh(load))
        };
        let decision = decide(&by_value(policy()), &seen, &settled(4), at(0));
        let proposal = decision.trail.metrics[0].proposal.unwrap();
        (proposal.replicas.get(), proposal.basis)
    };
    assert_eq!(basis(4, "150"), (6, Basis::AboveTarget));
    // Two of four carry the load: at twice the target four would do, and four are there.
    assert_eq!(basis(2, "200"), (4, Basis::AwaitsReplicas));
    assert_eq!(basis(1, "200"), (4, Basis::AwaitsReplicas));
    assert_eq!(basis(2, "250"), (5, Basis::AboveTarget));
}

#[test]
fn r14_an_evaluation_that_may_not_shrink_says_nothing_against_growth() {
    let mut policy = policy();
    policy.scale_up.window = Seconds::new(60);
    policy.metrics.push(metric("other", TargetKind::AverageValue, "10"));
    let seen = |load: &str, other: Reading| {
        let mut seen = observe(5, fresh(load));
        seen.readings.push(MetricReading::one("other", other));
        seen
    };
    let blocked = decide(&policy, &seen("200", failed()), &settled(5), at(0));
    assert_eq!(blocked.desired.get(), 5);
    let readable = decide(&policy, &seen("900", fresh("10")), &blocked.history, at(15));
    assert_eq!(readable.desired.get(), 9);
}

#[test]
fn r11_of_equal_proposals_the_first_is_told() {
    let mut policy = policy();
    policy.metrics.push(metric("other", TargetKind::AverageValue, "100"));
    let mut seen = observe(4, fresh("700"));
    seen.readings.push(MetricReading::one("other", fresh("700")));
    let decision = decide(&policy, &seen, &settled(4), at(0));
    assert_eq!(decision.winner().unwrap().metric, "load");
}
