//! R24: what does not change comes to rest, and then the stored form does not change either.

use autoscaler_core::{History, Policy, Quantity, Replicas};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::generators::{METRICS, Present, Sight, any_past, any_policy, any_reading, any_sight, at, cases, probed};
use super::pods::Pods;

/// Evaluations until everything has come to rest at the latest: the slowest policy takes a step of one each 300 s.
const LONG: usize = 230;
/// Evaluations that are watched after that.
const WATCHED: usize = 20;

fn evaluate(present: &mut Present, policy: &Policy, sight: &Sight) {
    present.now += SignedDuration::from_secs(60);
    present.evaluate(policy, sight);
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn r24_what_is_constant_comes_to_rest_and_writes_nothing_more(
        policy in any_policy(), past in any_past(), sight in any_sight(any_reading().boxed()),
    ) {
        let mut present = past.lived(&policy);
        // Pods that differ have another average when there are more of them: their load would not be constant.
        let mut sight = sight;
        sight.pods = sight.pods.map(Pods::all_alike);
        for _ in 0..LONG {
            evaluate(&mut present, &policy, &sight);
        }
        let (replicas, text) = (present.replicas, present.history.encode());
        for _ in 0..WATCHED {
            evaluate(&mut present, &policy, &sight);
            prop_assert_eq!(present.replicas, replicas);
            prop_assert_eq!(present.history.encode(), text.clone());
        }
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// Ten minutes of noise, 40 evaluations, about the target of every metric.
    #[test]
    fn r24_noise_within_the_tolerance_changes_nothing(
        policy in any_policy(), replicas in 1_u32..=36, noise in prop::collection::vec(-50_i64..=50, 40),
    ) {
        let mut policy = policy;
        policy.scale_up.tolerance = Quantity::from_millis(51);
        policy.scale_down.tolerance = Quantity::from_millis(51);
        let replicas = policy.bounds.clamp(Replicas::new(replicas));
        let mut present = Present { history: History::default(), replicas, now: at(0) };
        let mut text = None;
        for permille in noise {
            present.now += SignedDuration::from_secs(15);
            let loads = [1_000 + permille; METRICS];
            let sight = Sight::plain([(); METRICS].map(|()| probed(Quantity::ZERO)), Pods::alike());
            let decision = present.evaluate(&policy, &sight.at_targets(&policy, replicas, loads));
            prop_assert_eq!(decision.change(), None);
            let now = present.history.encode();
            prop_assert_eq!(text.get_or_insert_with(|| now.clone()), &now);
        }
    }
}
