//! Changes that are not ours, starts of acting, and what is stored (R14, R22, R24).

use rstest::rstest;

use super::fixtures::*;
use crate::*;

#[test]
fn r14_a_foreign_change_is_not_undone_before_a_window_has_passed() {
    let mut run = Run::new(windowed(), 5);
    for _ in 0..40 {
        run.step(15, fresh("500"));
    }
    run.replicas = 8; // kubectl scale before an event
    assert_eq!(run.step(15, fresh("500")).desired.get(), 8);
    assert_eq!(run.step(299, fresh("500")).desired.get(), 8);
    assert_eq!(run.step(1, fresh("500")).desired.get(), 5);
}

#[test]
fn r14_starting_to_act_records_the_present_count() {
    let policy = windowed();
    let decision = decide(&policy, &observe(6, fresh("100")), &History::default(), at(0));
    assert_eq!(decision.desired.get(), 6);
    let change = decision.history.changes.as_slice()[0];
    assert_eq!(
        (change.from.get(), change.to.get(), change.cause),
        (6, 6, ChangeCause::Activation)
    );
}

#[test]
fn r14_leaving_dry_run_starts_the_clocks_anew() {
    let mut policy = policy();
    policy.cooldown.down = Seconds::new(60);
    let dry = Observation {
        standing: Standing::Reports,
        ..observe(6, fresh("100"))
    };
    let reported = decide(&policy, &dry, &settled(6), at(0));
    assert_eq!(reported.desired.get(), 1);
    let decision = decide(&policy, &observe(6, fresh("100")), &reported.history, at(15));
    assert_eq!(decision.desired.get(), 6);
    assert_eq!(decision.next_change, Some(at(75)));
}

#[test]
fn r14_the_end_of_a_fallback_is_a_new_start() {
    let mut policy = windowed();
    policy.fallback = Some(Fallback {
        after: Seconds::new(30),
        min_replicas: Replicas::new(6),
    });
    let failed = || Reading::Failed(Failure::of(FailureClass::Unreachable));
    let mut run = Run::new(policy, 2);
    run.step(0, failed());
    assert_eq!(run.step(30, failed()).desired.get(), 6);
    run.step(1000, failed());
    // More than a tenth of the window later, so that the two recommendations do not share a run.
    assert_eq!(run.step(31, fresh("100")).desired.get(), 6);
    assert_eq!(run.step(299, fresh("100")).desired.get(), 6);
    assert_eq!(run.step(1, fresh("100")).desired.get(), 1);
}

#[test]
fn r14_an_evaluation_that_may_not_shrink_holds_the_present_count_for_a_window() {
    let mut run = Run::new(windowed(), 5);
    run.step(0, Reading::Failed(Failure::of(FailureClass::Timeout)));
    // More than a tenth of the window later, so that the two recommendations do not share a run.
    assert_eq!(run.step(31, fresh("100")).desired.get(), 5);
    assert_eq!(run.step(268, fresh("100")).desired.get(), 5);
    assert_eq!(run.step(1, fresh("100")).desired.get(), 1);
}

#[test]
fn r14_an_evaluation_without_a_number_does_not_hold_growth() {
    let mut policy = policy();
    policy.scale_up.window = Seconds::new(60);
    let mut run = Run::new(policy, 3);
    run.step(0, Reading::Failed(Failure::of(FailureClass::Timeout)));
    assert_eq!(run.step(15, fresh("900")).desired.get(), 9);
}

#[test]
fn r14_beside_a_metric_that_cannot_be_read_growth_is_remembered_and_a_hold_is_not() {
    let mut policy = policy();
    policy.scale_up.window = Seconds::new(60);
    policy.metrics.push(metric("other", TargetKind::AverageValue, "100"));
    let mut history = settled(3);
    let mut count = |replicas, load, second| {
        let mut seen = observe(replicas, fresh(load));
        let failed = Reading::Failed(Failure::of(FailureClass::Timeout));
        seen.readings.push(MetricReading::one("other", failed));
        let decision = decide(&policy, &seen, &history, at(second));
        history = decision.history.clone();
        decision.desired.get()
    };
    assert_eq!(count(3, "300", 0), 3);
    assert_eq!(count(3, "600", 15), 6);
    assert_eq!(
        (count(6, "900", 30), count(6, "900", 74), count(6, "900", 75)),
        (6, 6, 9)
    );
}

#[test]
fn r22_two_reversals_within_ten_minutes_are_a_fight() {
    let mut run = Run::new(policy(), 2);
    for _ in 0..2 {
        assert_eq!(run.history.changes.contention(run.now), None);
        run.step(15, fresh("500"));
        run.replicas = 2; // a GitOps tool puts its number back
        run.step(15, fresh("200"));
    }
    let contention = run.history.changes.contention(run.now).unwrap();
    assert_eq!((contention.reversals, contention.until), (2, at(660)));
    assert_eq!(run.history.changes.contention(at(660)), None);
}

#[test]
fn r22_who_changes_the_count_while_we_only_report_takes_nothing_back() {
    let cause_of = |standing, history: &History| {
        let mut seen = observe(2, fresh("500"));
        seen.standing = standing;
        let decision = decide(&policy(), &seen, history, at(0));
        decision.history.changes.as_slice()[0].cause
    };
    let reporting = History {
        acting: false,
        ..settled(5)
    };
    assert_eq!(cause_of(Standing::Acts, &settled(5)), ChangeCause::Foreign);
    assert_eq!(cause_of(Standing::Reports, &settled(5)), ChangeCause::Activation);
    assert_eq!(cause_of(Standing::Acts, &reporting), ChangeCause::Activation);
}

fn short_windows() -> Policy {
    let mut policy = policy();
    policy.scale_down.window = Seconds::new(10);
    policy.scale_up.window = Seconds::new(15);
    policy
}

#[rstest]
#[case::in_ordinary_windows(windowed())]
#[case::in_windows_shorter_than_the_interval(short_windows())]
fn r24_a_constant_metric_leaves_the_stored_form_alone(#[case] policy: Policy) {
    let mut run = Run::new(policy, 4);
    run.step(0, fresh("400"));
    let stored = run.history.encode();
    for _ in 0..40 {
        run.step(15, fresh("400"));
        assert_eq!(run.history.encode(), stored);
    }
}

#[test]
fn r24_noise_at_the_threshold_changes_the_stored_form_at_most_twice_in_a_tenth_of_a_window() {
    let mut policy = windowed();
    policy.bounds = Bounds::new(Replicas::new(4), Replicas::new(4)).unwrap();
    let mut run = Run::new(policy, 4);
    let mut stored = run.history.encode();
    let mut changes = 0;
    for tick in 0..60 {
        run.step(5, fresh(if tick % 2 == 0 { "450" } else { "600" }));
        let next = run.history.encode();
        changes += usize::from(next != stored);
        stored = next;
    }
    // One new run per 30 s, and one widening of it: 300 s of ticks make at most two writes per tenth of the window.
    assert!(changes <= 20, "{changes} changes");
    assert!(run.history.shrink.as_slice().len() <= 11);
}
