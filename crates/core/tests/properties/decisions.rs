//! One decision, whatever came before it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use autoscaler_core::decision::{Basis, MetricStep, Part};
use autoscaler_core::per_pod::Pod;
use autoscaler_core::reading::ReadingClass;
use autoscaler_core::{
    Decision, Evidence, FailureClass, Limit, LimitCause, Observation, Policy, Reading, Replicas, TargetKind, decide,
};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::generators::{
    Past, Sight, any_careful_policy, any_fresh, any_load, any_past, any_policy, any_reading, any_sight, cases, probed,
    sampler,
};
use super::pods::Pods;

/// The nearest count within the bounds: what a correction goes to and a hold holds.
fn base(policy: &Policy, decision: &Decision) -> Replicas {
    policy.bounds.clamp(decision.current)
}

/// Mostly so little more that the load is on the other side of something.
fn any_more() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0_i64..=400, 1 => 0_i64..=20_000]
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
        near in prop::option::weighted(0.7, prop::array::uniform(700_i64..=1_300)),
        more in prop::array::uniform(any_more()), on in any::<prop::sample::Index>(),
    ) {
        let present = past.lived(&policy);
        let (now, replicas) = (present.now, present.replicas);
        let sight = match near {
            Some(loads) => sight.at_targets(&policy, replicas, loads),
            None => sight,
        };
        let count = |sight: &Sight| decide(&policy, &sight.of(&policy, replicas, now), &present.history, now).desired;
        let lighter = count(&sight);
        prop_assert!(count(&sight.with_more(&policy, replicas, more, on)) >= lighter);
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
            let seen = Sight::plain(readings.clone(), Pods::alike()).of(&policy, present.replicas, present.now);
            let decision = decide(&policy, &seen, &present.history, present.now + SignedDuration::from_millis(milliseconds));
            decision.merged().map(|(metric, count)| (metric.to_owned(), count))
        };
        prop_assert_eq!(asked(0), asked(later));
    }
}

/// The generators reach what they are for: without this the properties above could be empty.
#[test]
fn the_pasts_lead_to_changes_holds_and_pauses_and_the_pods_to_all_that_is_decided_of_pods() {
    use proptest::strategy::ValueTree;

    let mut runner = sampler();
    let strategy = (any_policy(), any_past(), any_sight(any_reading().boxed()));
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..2_000 {
        let (policy, past, sight): (_, Past, _) = strategy.new_tree(&mut runner).expect("a case").current();
        let mut present = past.lived(&policy);
        let observation = sight.of(&policy, present.replicas, present.now);
        let decision = present.evaluate(&policy, &sight);
        for kind in kinds(&policy, &observation, &decision) {
            *seen.entry(kind).or_default() += 1;
        }
    }
    for (kind, least) in KINDS {
        assert!(seen.get(kind).is_some_and(|count| count >= least), "{kind}: {seen:?}");
    }
}

/// What decisions the cases above are for, and how many there have to be.
const KINDS: &[(&str, u32)] = &[
    ("paused", 10),
    ("grows", 50),
    ("shrinks", 50),
    ("holds", 50),
    ("grows for its pods", 20),
    ("shrinks for its pods", 15),
    ("awaits pods", 20),
    ("awaits samples", 3),
    ("pods in percent", 50),
    ("no pod has a sample", 20),
    ("a pod without a request", 5),
    ("pods beyond spec.replicas", 50),
    ("ready beyond spec.replicas", 50),
    ("pods that are not known", 5),
];

/// Those that one decision is of.
fn kinds(policy: &Policy, observation: &Observation, decision: &Decision) -> Vec<&'static str> {
    let mut kinds = vec![if decision.is_disabled() {
        "paused"
    } else if decision.desired > decision.current {
        "grows"
    } else if decision.desired < base(policy, decision) {
        "shrinks"
    } else {
        "holds"
    }];
    let beyond = |pods: &Vec<Pod>| pods.len() > observation.replicas.get() as usize;
    kinds.extend(
        observation
            .pods
            .as_ref()
            .is_some_and(beyond)
            .then_some("pods beyond spec.replicas"),
    );
    kinds.extend((observation.ready > Some(observation.replicas)).then_some("ready beyond spec.replicas"));
    let awaits = |limit: &Limit| matches!(limit.cause, LimitCause::AwaitsSamples { .. });
    kinds.extend(decision.limits().any(awaits).then_some("awaits samples"));
    let steps = decision.metrics().filter(|step| step.metric.starts_with("pods"));
    kinds.extend(steps.flat_map(|step| kinds_of_step(step, decision)));
    kinds
}

fn kinds_of_step(step: &MetricStep, decision: &Decision) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    let in_percent = step
        .target
        .is_some_and(|target| target.kind() == TargetKind::Utilization);
    kinds.extend((in_percent && step.proposal.is_some()).then_some("pods in percent"));
    let is_winner = decision.winner().is_some_and(|winner| winner.metric == step.metric);
    kinds.extend(match step.proposal.map(|proposal| proposal.basis) {
        Some(Basis::AboveTarget) if is_winner && decision.desired > decision.current => Some("grows for its pods"),
        Some(Basis::BelowTarget) if is_winner && decision.desired < decision.current => Some("shrinks for its pods"),
        Some(Basis::AwaitsReplicas) => Some("awaits pods"),
        Some(Basis::AboveTarget | Basis::BelowTarget | Basis::WithinTolerance) | None => None,
    });
    kinds.extend(match &step.reading {
        Reading::Missing { .. } if step.pods.is_some() => Some("no pod has a sample"),
        Reading::Failed(failure) if failure.detail.is_some() => Some("a pod without a request"),
        Reading::Failed(failure) if failure.class == FailureClass::PodsUnknown => Some("pods that are not known"),
        _ => None,
    });
    kinds
}
