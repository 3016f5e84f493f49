//! Windows and cooldowns, and when they end.

use jiff::SignedDuration;

use super::fixtures::*;
use crate::decision::LimitCause;
use crate::history::Gap;
use crate::*;

#[test]
fn r13_the_shrink_window_holds_the_highest_recommendation() {
    let mut policy = policy();
    policy.scale_down.window = Seconds::new(300);
    let mut run = Run::new(policy, 6);
    assert_eq!(run.step(0, fresh("600")).desired.get(), 6);
    let held = run.step(60, fresh("200"));
    assert_eq!(held.desired.get(), 6);
    assert!(matches!(
        held.limit().unwrap().cause,
        LimitCause::Window {
            direction: Direction::Down,
            ..
        }
    ));
    assert_eq!(held.next_change, Some(at(300)));
    assert_eq!(run.step(239, fresh("200")).desired.get(), 6);
    assert_eq!(run.step(1, fresh("200")).desired.get(), 2);
}

#[test]
fn r13_the_growth_window_holds_the_lowest_recommendation() {
    let mut policy = policy();
    policy.scale_up.window = Seconds::new(60);
    let mut run = Run::new(policy, 2);
    run.step(0, fresh("200"));
    assert_eq!(run.step(30, fresh("800")).desired.get(), 2);
    assert_eq!(run.step(30, fresh("900")).desired.get(), 8);
}

#[test]
fn a_window_never_moves_against_the_present_count() {
    let mut policy = policy();
    policy.scale_down.window = Seconds::new(300);
    let mut run = Run::new(policy, 4);
    run.step(0, fresh("900")); // grows to 9
    run.replicas = 5; // somebody shrinks by hand
    // The old recommendation of 9 must not push up again.
    assert_eq!(run.step(15, fresh("400")).desired.get(), 5);
}

#[test]
fn r19_cooldown_has_two_clocks() {
    let mut policy = policy();
    policy.cooldown = Cooldown {
        up: Seconds::new(30),
        down: Seconds::new(300),
    };
    let mut run = Run::new(policy, 2);
    assert_eq!(run.step(0, fresh("300")).desired.get(), 3);
    let held = run.step(29, fresh("500"));
    assert_eq!(held.desired.get(), 3);
    assert_eq!(held.next_change, Some(at(30)));
    assert_eq!(run.step(1, fresh("500")).desired.get(), 5); // 30 s after the last growth
    assert_eq!(run.step(299, fresh("200")).desired.get(), 5); // 299 s after the last change
    assert_eq!(run.step(1, fresh("200")).desired.get(), 2);
    // Growth does not rest after a shrink.
    assert_eq!(run.step(1, fresh("400")).desired.get(), 4);
}

#[test]
fn r24_the_next_change_is_told_once_though_window_and_cooldown_end_at_different_times() {
    let mut policy = policy();
    policy.scale_down.window = Seconds::new(300);
    policy.cooldown.down = Seconds::new(420);
    let mut run = Run::new(policy, 3);
    run.step(0, fresh("700"));
    for _ in 0..27 {
        let held = run.step(15, fresh("300"));
        // The window holds until 300 and the cooldown until 420. The first evaluations share a run with the seven.
        let known = run.now.duration_since(at(0)) > SignedDuration::from_secs(30);
        assert_eq!(held.next_change, known.then_some(at(420)));
    }
    assert_eq!(run.step(15, fresh("300")).desired.get(), 3);
}

#[test]
fn r24_what_merely_shortens_a_change_is_not_waited_for() {
    let mut policy = with_rules(vec![RatePolicy::pods(2, 60)], SelectPolicy::Max);
    policy.cooldown.down = Seconds::new(300);
    let mut run = Run::new(policy, 5);
    run.step(0, fresh("600"));
    let held = run.step(90, fresh("100"));
    let causes: Vec<_> = held.limits().map(|limit| limit.cause.clone()).collect();
    let direction = Direction::Down;
    let length = Seconds::new(300);
    assert_eq!(
        causes,
        [
            LimitCause::Rate { direction },
            LimitCause::Cooldown { direction, length }
        ]
    );
    assert_eq!(held.next_change, Some(at(300)));
}

#[test]
fn r24_what_holds_behind_a_window_is_foreseen() {
    let mut policy = with_rules(vec![RatePolicy::pods(1, 600)], SelectPolicy::Max);
    policy.scale_down.window = Seconds::new(300);
    let mut run = Run::new(policy, 4);
    run.step(0, fresh("400"));
    run.history
        .record_change(change(5, 4, run.now, ChangeCause::Ours), &run.policy);
    // The window holds until 300, the budget is used up until 600.
    let held = run.step(60, fresh("100"));
    assert_eq!(held.limits().count(), 1);
    assert_eq!(held.next_change, Some(at(600)));

    run.history.gaps.insert(
        "load".to_owned(),
        Gap::LocksUntil {
            until: at(700),
            suspected: false,
        },
    );
    let unprobeable = Reading::Fresh {
        value: quantity("100"),
        evidence: Evidence::Unprobeable,
    };
    assert_eq!(run.step(15, unprobeable).next_change, Some(at(700)));

    let mut seen = observe(4, fresh("100"));
    seen.rollout = Some(Rollout::GenerationLags);
    let held = decide(&run.policy, &seen, &run.history, at(90));
    assert!(matches!(held.limit().unwrap().cause, LimitCause::Window { .. }));
    assert_eq!(held.next_change, None);
}

#[test]
fn r19_shrinking_rests_after_a_shrink_too() {
    let mut policy = policy();
    policy.cooldown.down = Seconds::new(300);
    let mut run = Run::new(policy, 6);
    assert_eq!(run.step(0, fresh("400")).desired.get(), 4);
    assert_eq!(run.step(299, fresh("200")).desired.get(), 4);
    assert_eq!(run.step(1, fresh("200")).desired.get(), 2);
}

#[test]
fn r19_a_manual_change_starts_the_shrink_clock() {
    let mut policy = policy();
    policy.cooldown.down = Seconds::new(300);
    let mut run = Run::new(policy, 2);
    run.step(0, fresh("200"));
    run.replicas = 6;
    assert_eq!(run.step(10, fresh("200")).desired.get(), 6);
    assert_eq!(run.step(299, fresh("200")).desired.get(), 6);
    assert_eq!(run.step(1, fresh("200")).desired.get(), 2);
}
