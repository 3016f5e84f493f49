use proptest::prelude::*;

use super::*;
use crate::{Failure, Quantity};

mod fill;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn value() -> Quantity {
    Quantity::from_units(120)
}

fn fresh(evidence: Evidence) -> Reading {
    Reading::Fresh {
        value: value(),
        evidence,
    }
}

fn partial(cause: PartialCause) -> Reading {
    Reading::Partial { value: value(), cause }
}

/// Ten replicas, no change of size, a minute of age allowed.
fn expected() -> Expected {
    Expected {
        max_sample_age: MINUTE,
        replicas: Replicas::new(10),
        replicas_before: Replicas::new(10),
        ready: None,
    }
}

fn shrunk(from: u32, to: u32) -> Expected {
    Expected {
        replicas: Replicas::new(to),
        replicas_before: Replicas::new(from),
        ..expected()
    }
}

fn expecting_pods(ready: u32) -> Expected {
    Expected {
        ready: Some(Replicas::new(ready)),
        ..expected()
    }
}

const FULL: Fill = Fill::Samples { now: 4, lately: 4 };
const EMPTY: Fill = Fill::Samples { now: 0, lately: 0 };

/// Ten series, as old as a scrape, ten before, four samples in the range.
fn whole() -> Coverage {
    Coverage {
        age: Some(SignedDuration::from_secs(15)),
        now: 10,
        before: 10,
        old: 10,
        down: 0,
        own_pods: 0,
        over: Some(MINUTE),
        fill: FULL,
    }
}

fn judged(coverage: Coverage, expected: &Expected) -> Reading {
    judge(fresh(Evidence::Unprobed), &[coverage], expected)
}

#[test]
fn r1_fresh_samples_of_all_series_are_probed() {
    assert_eq!(judged(whole(), &expected()), fresh(Evidence::Probed));
    assert_eq!(
        judged(
            Coverage {
                age: Some(MINUTE),
                ..whole()
            },
            &expected()
        ),
        fresh(Evidence::Probed)
    );
}

#[test]
fn r1_a_sample_older_than_allowed_is_stale() {
    let age = SignedDuration::from_millis(60_001);
    let coverage = Coverage {
        age: Some(age),
        ..whole()
    };
    assert_eq!(judged(coverage, &expected()), Reading::Stale { age, limit: MINUTE });
}

#[test]
fn r1_the_stalest_selector_decides() {
    let old = Coverage {
        age: Some(MINUTE * 3),
        ..whole()
    };
    let coverages = [old, whole()];
    let stale = Reading::Stale {
        age: MINUTE * 3,
        limit: MINUTE,
    };
    assert_eq!(judge(fresh(Evidence::Unprobed), &coverages, &expected()), stale);
}

#[test]
fn r2_half_the_series_gone_are_fewer_series() {
    let coverage = Coverage { now: 5, ..whole() };
    assert_eq!(
        judged(coverage, &expected()),
        partial(PartialCause::FewerSeries { now: 5, before: 10 })
    );
}

#[test]
fn r2_all_series_gone_beside_another_selector_are_fewer_series() {
    let coverage = Coverage {
        age: None,
        now: 0,
        fill: EMPTY,
        ..whole()
    };
    assert_eq!(
        judged(coverage, &expected()),
        partial(PartialCause::FewerSeries { now: 0, before: 10 })
    );
}

#[test]
fn r2_fewer_replicas_explain_fewer_series_rounded_down() {
    let table = [
        (10, 10, 5, 5, true),
        (10, 10, 5, 4, false),
        (9, 10, 5, 4, true),
        (3, 10, 9, 2, true),
        (3, 10, 9, 1, false),
    ];
    for (before, from, to, now, explained) in table {
        let reading = judged(Coverage { now, before, ..whole() }, &shrunk(from, to));
        assert_eq!(
            reading == fresh(Evidence::Probed),
            explained,
            "{before} series before, {now} now, {from} -> {to}"
        );
    }
}

#[test]
fn r2_more_replicas_explain_nothing_less() {
    let coverage = Coverage { now: 9, ..whole() };
    assert_eq!(
        judged(coverage, &shrunk(5, 10)),
        partial(PartialCause::FewerSeries { now: 9, before: 10 })
    );
}

#[test]
fn r2_more_series_than_before_are_fine() {
    assert_eq!(
        judged(Coverage { now: 20, ..whole() }, &expected()),
        fresh(Evidence::Probed)
    );
}

#[test]
fn r2_fewer_pods_than_are_ready_are_partial() {
    let coverage = |own_pods| Coverage { own_pods, ..whole() };
    let ready = Replicas::new(5);
    assert_eq!(
        judged(coverage(4), &expecting_pods(5)),
        partial(PartialCause::FewerPods { covered: 4, ready })
    );
    assert_eq!(judged(coverage(5), &expecting_pods(5)), fresh(Evidence::Probed));
    assert_eq!(judged(coverage(6), &expecting_pods(5)), fresh(Evidence::Probed));
}

#[test]
fn r2_series_of_other_pods_are_not_compared_with_ours() {
    assert_eq!(
        judged(Coverage { own_pods: 0, ..whole() }, &expecting_pods(5)),
        fresh(Evidence::Probed)
    );
}

#[test]
fn r2_scrape_targets_that_are_down_are_a_loss_however_long_ago_they_went() {
    let coverage = Coverage { down: 2, ..whole() };
    assert_eq!(
        judged(coverage.clone(), &expected()),
        partial(PartialCause::TargetsDown { down: 2 })
    );
    // Unless as many replicas were removed, and the configuration still names them.
    assert_eq!(judged(coverage.clone(), &shrunk(12, 10)), fresh(Evidence::Probed));
    assert_eq!(
        judged(coverage, &shrunk(11, 10)),
        partial(PartialCause::TargetsDown { down: 2 })
    );
}

#[test]
fn r2_a_selector_that_never_had_series_does_not_spoil_the_others() {
    let none = Coverage {
        age: None,
        now: 0,
        before: 0,
        old: 0,
        down: 0,
        own_pods: 0,
        over: Some(MINUTE),
        fill: EMPTY,
    };
    let coverages = [whole(), none];
    assert_eq!(
        judge(fresh(Evidence::Unprobed), &coverages, &expected()),
        fresh(Evidence::Probed)
    );
}

#[test]
fn r4_a_number_that_rests_on_no_series_is_missing() {
    let none = Coverage {
        age: None,
        now: 0,
        before: 0,
        old: 0,
        down: 0,
        own_pods: 0,
        over: Some(MINUTE),
        fill: EMPTY,
    };
    assert_eq!(judged(none, &expected()), Reading::Missing { source_proven: false });
}

#[test]
fn a_reading_that_is_no_whole_number_stays_what_it_is() {
    let readings = [
        Reading::Missing { source_proven: true },
        Reading::TooMany { series: 2, pod: None },
        partial(PartialCause::Warning),
        Reading::Failed(Failure::of(FailureClass::Timeout)),
    ];
    for reading in readings {
        assert_eq!(judge(reading.clone(), &[whole()], &expected()), reading);
    }
}

fn coverages() -> impl Strategy<Value = Coverage> {
    (
        proptest::option::of(0_i64..600),
        0_u64..30,
        0_u64..30,
        0_u64..3,
        0_u64..30,
        proptest::option::of((0_u64..30, 0_u64..30)),
    )
        .prop_map(|(age, now, before, down, own_pods, fill)| Coverage {
            age: age.map(SignedDuration::from_secs),
            now,
            before,
            old: before,
            down,
            own_pods,
            over: Some(MINUTE),
            fill: fill.map_or(Fill::NotAsked, |(now, lately)| Fill::Samples { now, lately }),
        })
}

proptest! {
    /// The invariant that a shrink rests on.
    #[test]
    fn nothing_is_probed_good_that_is_old_or_has_lost_series(coverage in coverages(), from in 1_u32..20, to in 1_u32..20) {
        let reading = judged(coverage.clone(), &shrunk(from, to));
        if reading == fresh(Evidence::Probed) {
            prop_assert!(coverage.age.is_none_or(|age| age <= MINUTE));
            prop_assert!(coverage.down <= u64::from(from.saturating_sub(to)));
            prop_assert!(u128::from(coverage.now) * u128::from(from.max(to)) + u128::from(from.max(to)) > u128::from(coverage.before) * u128::from(to));
            prop_assert!(to < from || coverage.now >= coverage.before);
        }
    }
}

fn minutes(times: &[i64]) -> BTreeSet<SignedDuration> {
    times.iter().copied().map(SignedDuration::from_mins).collect()
}

#[test]
fn r2_targets_that_are_down_are_asked_what_they_had_at_times_that_reach_back_for_hours() {
    assert_eq!(had_series(MINUTE), minutes(&[1, 15, 60, 360]));
    // Never at less than a look-back ago: the series is seen there for as long after its end.
    assert_eq!(had_series(SignedDuration::from_mins(30)), minutes(&[30, 60, 360]));
    assert_eq!(had_series(SignedDuration::from_hours(24)), minutes(&[1_440]));
}

#[test]
fn r4_before_an_absence_is_believed_they_are_asked_more_closely() {
    assert_eq!(
        had_series_before_the_absence(MINUTE),
        minutes(&[1, 2, 5, 10, 20, 40, 80, 160, 360])
    );
}

#[test]
fn r2_the_fill_of_a_range_is_looked_at_up_to_a_length() {
    assert!(is_fill_looked_at(LONGEST_FILL));
    assert!(!is_fill_looked_at(LONGEST_FILL + SignedDuration::from_secs(1)));
}
