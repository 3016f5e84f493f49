use jiff::SignedDuration;
use rstest::rstest;

use super::fixtures::*;
use crate::decision::{LimitCause, Rescale};
use crate::*;

#[rstest]
#[case(vec![RatePolicy::pods(4, 15), RatePolicy::percent(100, 15)], SelectPolicy::Max, 10, 50, 20)]
#[case(vec![RatePolicy::pods(4, 15), RatePolicy::percent(100, 15)], SelectPolicy::Min, 10, 50, 14)]
#[case(vec![RatePolicy::percent(10, 60)], SelectPolicy::Max, 100, 500, 110)] // binary64 gives 111
#[case(vec![RatePolicy::percent(1, 60)], SelectPolicy::Max, 3, 50, 4)]
#[case(vec![RatePolicy::pods(20, 60)], SelectPolicy::Max, 1000, 3, 980)]
#[case(vec![RatePolicy::percent(90, 60)], SelectPolicy::Max, 10, 1, 1)] // binary64 gives 0
#[case(vec![RatePolicy::percent(50, 60)], SelectPolicy::Max, 5, 1, 2)]
#[case(vec![RatePolicy::pods(5, 60), RatePolicy::percent(10, 60)], SelectPolicy::Min, 100, 1, 95)]
#[case(vec![RatePolicy::pods(5, 60)], SelectPolicy::Disabled, 5, 2, 5)]
#[case(vec![RatePolicy::pods(5, 60)], SelectPolicy::Disabled, 5, 9, 5)]
fn a_rate_policy_limits_one_step(
    #[case] policies: Vec<RatePolicy>,
    #[case] select: SelectPolicy,
    #[case] replicas: u32,
    #[case] wanted: u32,
    #[case] expected: u32,
) {
    let load = (wanted * 100).to_string();
    assert_eq!(desired(&with_rules(policies, select), replicas, fresh(&load)), expected);
}

#[test]
fn r24_a_change_that_is_made_now_tells_no_next_time() {
    let policy = with_rules(vec![RatePolicy::pods(4, 15)], SelectPolicy::Max);
    let mut history = settled(10);
    history.record_change(change(8, 10, at(-5), ChangeCause::Ours), &policy);
    let decision = decide(&policy, &observe(10, fresh("5000")), &history, at(0));
    assert_eq!((decision.desired.get(), decision.next_change), (12, None));
}

#[test]
fn r24_a_correction_that_is_made_now_tells_no_next_time() {
    let policy = with_rules(vec![RatePolicy::pods(4, 60)], SelectPolicy::Max);
    let policy = Policy {
        bounds: Bounds::new(Replicas::new(1), Replicas::new(10)).unwrap(),
        ..policy
    };
    let mut history = settled(15);
    history.record_change(change(25, 15, at(-5), ChangeCause::Ours), &policy);
    // Corrected to 10, and held there by the budget until it refills.
    let decision = decide(&policy, &observe(15, fresh("300")), &history, at(0));
    assert_eq!(decision.limit().unwrap().until, Some(at(55)));
    assert_eq!((decision.desired.get(), decision.next_change), (10, None));
}

#[test]
fn a_rate_period_is_strict_and_counts_what_was_done_in_it() {
    let policy = with_rules(
        vec![RatePolicy::pods(4, 15), RatePolicy::percent(100, 15)],
        SelectPolicy::Max,
    );
    let mut history = settled(8);
    history.record_change(change(4, 8, at(0), ChangeCause::Ours), &policy);
    let count = |seconds| {
        decide(&policy, &observe(8, fresh("9900")), &history, at(seconds))
            .desired
            .get()
    };
    assert_eq!(count(14), 8);
    assert_eq!(count(15), 16);
    let held = decide(&policy, &observe(8, fresh("9900")), &history, at(10));
    assert_eq!(held.next_change, Some(at(15)));
}

/// Two replicas and three by turns, every second: more changes than are kept, of which the last dropped is that of second 5.
fn change_often(history: &mut History, policy: &Policy) {
    for second in 0..70 {
        let (from, to) = if second % 2 == 0 { (2, 3) } else { (3, 2) };
        history.record_change(change(from, to, at(second), ChangeCause::Foreign), policy);
    }
}

#[test]
fn more_changes_than_fit_allow_no_further_step() {
    let mut policy = with_rules(vec![RatePolicy::pods(1000, 1800)], SelectPolicy::Max);
    policy.scale_up.policies = vec![RatePolicy::pods(1000, 1800)];
    let mut history = settled(2);
    change_often(&mut history, &policy);
    assert_eq!(history.changes.as_slice().len(), 64);
    assert_eq!(
        decide(&policy, &observe(2, fresh("900")), &history, at(1804))
            .desired
            .get(),
        2
    );
    assert_eq!(
        decide(&policy, &observe(2, fresh("900")), &history, at(1805))
            .desired
            .get(),
        9
    );
}

#[test]
fn a_dropped_change_that_a_period_no_longer_counts_is_not_waited_for() {
    let mut policy = with_rules(
        vec![RatePolicy::pods(1, 1800), RatePolicy::pods(1, 15)],
        SelectPolicy::Min,
    );
    policy.scale_down.policies.clone_from(&policy.scale_up.policies);
    let mut history = settled(2);
    change_often(&mut history, &policy);
    let held = decide(&policy, &observe(2, fresh("900")), &history, at(900));
    assert_eq!(held.desired.get(), 2);
    assert_eq!(held.next_change, Some(at(1805)));
}

#[test]
fn r14_what_others_did_uses_a_budget_up_and_is_no_allowance() {
    let foreign = |from: u32, to: u32, policy: &Policy| {
        let mut history = settled(to);
        history.record_change(change(from, to, at(0), ChangeCause::Foreign), policy);
        history
    };
    let policy = with_rules(vec![RatePolicy::pods(4, 60)], SelectPolicy::Max);
    let count = |replicas, load, history: &History| {
        decide(&policy, &observe(replicas, fresh(load)), history, at(10))
            .desired
            .get()
    };
    // kubectl scale from 5 to 20 does not allow to go back to 1 in one step.
    assert_eq!(count(20, "100", &foreign(5, 20, &policy)), 16);
    assert_eq!(count(20, "9900", &foreign(5, 20, &policy)), 20);
    // Nor does one from 20 to 5 allow to go back to 24.
    assert_eq!(count(5, "9900", &foreign(20, 5, &policy)), 9);
    assert_eq!(count(5, "100", &foreign(20, 5, &policy)), 5);
}

#[test]
fn a_disabled_direction_is_not_told_as_a_budget_that_refills() {
    for (load, direction) in [("100", Direction::Down), ("900", Direction::Up)] {
        let policy = with_rules(vec![RatePolicy::pods(5, 60)], SelectPolicy::Disabled);
        let held = decide(&policy, &observe(5, fresh(load)), &settled(5), at(0));
        assert_eq!(held.limit().unwrap().cause, LimitCause::Disabled { direction });
        assert_eq!((held.desired.get(), held.next_change), (5, None));
    }
}

#[test]
fn r12_a_count_outside_the_bounds_is_corrected_without_any_data() {
    let mut policy = policy();
    policy.scale_down.window = Seconds::new(300);
    policy.scale_down.select = SelectPolicy::Disabled;
    policy.cooldown = Cooldown {
        up: Seconds::new(999),
        down: Seconds::new(999),
    };
    let mut seen = observe(15, Reading::Failed(Failure::of(FailureClass::Unreachable)));
    seen.rollout = Some(Rollout::GenerationLags);
    let decision = decide(&policy, &seen, &settled(15), at(0));
    assert_eq!(decision.desired.get(), 10);
}

#[test]
fn r12_a_count_below_the_minimum_grows_to_it_despite_cooldown() {
    let mut policy = policy();
    policy.bounds = Bounds::new(Replicas::new(4), Replicas::new(10)).unwrap();
    policy.cooldown.up = Seconds::new(999);
    let mut run = Run::new(policy, 2);
    let decision = run.step(0, fresh("100"));
    assert_eq!(decision.desired.get(), 4);
    assert_eq!(
        decision.trail.corrected,
        Some(Rescale {
            from: Replicas::new(2),
            to: Replicas::new(4)
        })
    );
}

#[test]
fn r12_spec_replicas_zero_pauses_whatever_the_minimum_says() {
    for reading in [fresh("9900"), Reading::Failed(Failure::of(FailureClass::Unreachable))] {
        let decision = decide(&policy(), &observe(0, reading), &settled(0), at(0));
        assert_eq!(decision.desired, Replicas::ZERO);
        assert!(decision.is_disabled());
    }
}

#[rstest]
#[case(Some(Rollout::GenerationLags), None)]
#[case(Some(Rollout::Updating { updated: Replicas::new(1), replicas: Replicas::new(4), until: None }), None)]
#[case(None, Some(SignedDuration::from_secs(20)))]
fn r17_r18_locks_forbid_shrinking_and_allow_growth(
    #[case] rollout: Option<Rollout>,
    #[case] clock_skew: Option<SignedDuration>,
) {
    let seen = |load: &str| Observation {
        rollout,
        clock_skew,
        ..observe(4, fresh(load))
    };
    assert_eq!(decide(&policy(), &seen("100"), &settled(4), at(0)).desired.get(), 4);
    assert_eq!(decide(&policy(), &seen("700"), &settled(4), at(0)).desired.get(), 7);
}

#[test]
fn r18_a_stuck_rollout_does_not_hold_the_size_for_ever() {
    let rollout = Rollout::Updating {
        updated: Replicas::new(1),
        replicas: Replicas::new(4),
        until: Some(at(600)),
    };
    let seen = Observation {
        rollout: Some(rollout),
        ..observe(4, fresh("100"))
    };
    assert_eq!(decide(&policy(), &seen, &settled(4), at(599)).desired.get(), 4);
    assert_eq!(decide(&policy(), &seen, &settled(4), at(600)).desired.get(), 1);
}

#[test]
fn r2_a_gap_in_data_that_cannot_be_probed_locks_shrinking_for_one_look_back() {
    let unprobeable = |value: &str| Reading::Fresh {
        value: quantity(value),
        evidence: Evidence::Unprobeable,
    };
    let missing = Reading::Missing { source_proven: true };
    let mut run = Run::new(policy(), 4);
    run.step(0, unprobeable("400"));
    run.step(15, missing.clone());
    run.step(31, unprobeable("100")); // gone for more than two intervals
    assert_eq!(run.replicas, 4);
    assert_eq!(run.step(59, unprobeable("100")).desired.get(), 4);
    assert_eq!(run.step(1, unprobeable("100")).desired.get(), 1);

    let mut brief = Run::new(policy(), 4);
    brief.step(0, missing.clone());
    assert_eq!(brief.step(30, unprobeable("100")).desired.get(), 1);

    // Gone again, however briefly, before what came back was trusted: it is young again.
    let mut twice = Run::new(policy(), 4);
    twice.step(0, missing.clone());
    twice.step(31, unprobeable("100"));
    twice.step(29, missing.clone());
    assert_eq!(twice.step(15, unprobeable("100")).desired.get(), 4);
    assert_eq!(twice.step(59, unprobeable("100")).desired.get(), 4);
    assert_eq!(twice.step(1, unprobeable("100")).desired.get(), 1);

    // A poll of ours that failed is not a gap in the data.
    let mut failed = Run::new(policy(), 4);
    failed.step(0, Reading::Failed(Failure::of(FailureClass::Timeout)));
    assert_eq!(failed.step(300, unprobeable("100")).desired.get(), 1);
}
