//! One decision, whatever came before it.

use std::cmp::Ordering;

use autoscaler_core::decision::Part;
use autoscaler_core::reading::ReadingClass;
use autoscaler_core::{Decision, Evidence, Reading, Replicas, decide};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::generators::{
    Past, any_careful_policy, any_fresh, any_load, any_past, any_policy, any_reading, any_sight, cases, probed,
};

/// The nearest count within the bounds: what a correction goes to and a hold holds.
fn base(policy: &autoscaler_core::Policy, decision: &Decision) -> Replicas {
    policy.bounds.clamp(decision.current)
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn every_count_is_within_the_bounds_unless_the_target_is_paused(
        policy in any_policy(), past in any_past(), sight in any_sight(any_reading().boxed()),
    ) {
        let mut present = past.lived(&policy);
        let decision = present.evaluate(&policy, &sight);
        if decision.current == Replicas::ZERO {
            prop_assert_eq!(decision.desired, Replicas::ZERO);
        } else {
            prop_assert_eq!(policy.bounds.clamp(decision.desired), decision.desired);
        }
    }

    #[test]
    fn more_load_never_means_fewer_replicas(
        policy in any_policy(), past in any_past(), sight in any_sight(any_fresh().boxed()),
        more in prop::array::uniform3(any_load()),
    ) {
        let present = past.lived(&policy);
        let now = present.now;
        let mut heavier = sight.clone();
        for (reading, more) in heavier.readings.iter_mut().zip(more) {
            if let Reading::Fresh { value, .. } = reading {
                *value = (*value).max(more);
            }
        }
        let count = |sight: &super::generators::Sight| {
            decide(&policy, &sight.of(&policy, present.replicas), &present.history, now).desired
        };
        prop_assert!(count(&heavier) >= count(&sight));
    }

    #[test]
    fn r11_nothing_shrinks_but_into_the_bounds_unless_every_reading_is_fresh(
        policy in any_careful_policy(), past in any_past(), sight in any_sight(any_reading().boxed()),
    ) {
        let mut present = past.lived(&policy);
        let decision = present.evaluate(&policy, &sight);
        if decision.desired < base(&policy, &decision) {
            for step in decision.metrics() {
                prop_assert_eq!(step.reading.class(), ReadingClass::Fresh);
            }
        }
    }

    #[test]
    fn r4_only_the_options_of_a_metric_make_a_number_of_what_cannot_be_read(
        policy in any_policy(), past in any_past(), sight in any_sight(any_reading().boxed()),
    ) {
        let mut present = past.lived(&policy);
        let decision = present.evaluate(&policy, &sight);
        for step in decision.metrics() {
            match step.part {
                Part::Counts => prop_assert_eq!(step.reading.class(), ReadingClass::Fresh),
                Part::AssumedZero => {
                    let proven = matches!(
                        step.reading,
                        Reading::Missing { source_proven: true } | Reading::NotANumber { source_proven: true }
                    );
                    prop_assert!(proven, "{:?}", step.reading);
                }
                Part::Ignored => prop_assert_eq!(step.reading.class(), ReadingClass::Missing),
                Part::BlocksShrink { .. } => prop_assert!(decision.desired >= base(&policy, &decision)),
            }
        }
    }

    #[test]
    fn r1_nothing_but_a_correction_rests_on_readings_that_were_not_probed(
        policy in any_policy(), past in any_past(), sight in any_sight(any_reading().boxed()),
    ) {
        let mut present = past.lived(&policy);
        let decision = present.evaluate(&policy, &sight);
        let unprobed = decision.metrics().any(|step| {
            matches!(step.reading, Reading::Fresh { evidence: Evidence::Unprobed, .. })
        });
        if unprobed && decision.current != Replicas::ZERO {
            prop_assert_eq!(decision.desired, base(&policy, &decision));
        }
    }

    #[test]
    fn r9_a_proposal_never_goes_against_its_ratio(
        policy in any_policy(), past in any_past(), sight in any_sight(any_reading().boxed()),
    ) {
        let mut present = past.lived(&policy);
        let decision = present.evaluate(&policy, &sight);
        for proposal in decision.metrics().filter_map(|step| step.proposal) {
            let along = match proposal.ratio.cmp_one() {
                Ordering::Greater => proposal.replicas >= decision.current,
                Ordering::Equal => proposal.replicas == decision.current,
                Ordering::Less => proposal.replicas <= decision.current,
            };
            prop_assert!(along, "{proposal:?} at {}", decision.current);
        }
    }

    #[test]
    fn r17_r18_a_lock_never_goes_below_the_base(
        policy in any_policy(), past in any_past(), sight in any_sight(any_reading().boxed()),
    ) {
        let mut present = past.lived(&policy);
        let locked = sight.rollout.is_some() || sight.clock_skew.is_some();
        let decision = present.evaluate(&policy, &sight);
        if locked && decision.current != Replicas::ZERO {
            prop_assert!(decision.desired >= base(&policy, &decision));
        }
    }

    #[test]
    fn the_phase_of_the_evaluations_does_not_change_what_a_metric_asks_for(
        policy in any_policy(), past in any_past(), load in any_load(), later in 0_i64..=600_000,
    ) {
        let mut policy = policy;
        // With ready known: otherwise R8 asks when it last grew.
        policy.growth_settle = autoscaler_core::Seconds::ZERO;
        for metric in &mut policy.metrics {
            metric.look_back = autoscaler_core::Seconds::ZERO;
        }
        let present = past.lived(&policy);
        let readings = [probed(load), probed(load), probed(load)];
        let asked = |milliseconds: i64| {
            let seen = super::generators::Sight::plain(readings.clone()).of(&policy, present.replicas);
            let decision = decide(&policy, &seen, &present.history, present.now + SignedDuration::from_millis(milliseconds));
            decision.merged().map(|(metric, count)| (metric.to_owned(), count))
        };
        prop_assert_eq!(asked(0), asked(later));
    }
}

/// The generators reach what they are for: without this the properties above could be empty.
#[test]
fn the_pasts_lead_to_changes_holds_and_pauses() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let strategy = (any_policy(), any_past(), any_sight(any_reading().boxed()));
    let mut seen = [0_u32; 4];
    for _ in 0..2_000 {
        let (policy, past, sight): (_, Past, _) = strategy.new_tree(&mut runner).expect("a case").current();
        let mut present = past.lived(&policy);
        let decision = present.evaluate(&policy, &sight);
        let kind = if decision.is_disabled() {
            0
        } else if decision.desired > decision.current {
            1
        } else if decision.desired < base(&policy, &decision) {
            2
        } else {
            3
        };
        seen[kind] += 1;
    }
    assert!(
        seen[0] >= 10 && seen[1..].iter().all(|count| *count >= 50),
        "pauses, growths, shrinks, holds: {seen:?}"
    );
}
