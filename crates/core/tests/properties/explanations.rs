//! Whatever is decided can be told, and the text names what decided.

use std::cmp::Ordering;

use autoscaler_core::decision::Asked;
use autoscaler_core::{Decision, LimitCause, explain};
use proptest::prelude::*;

use super::generators::{any_past, any_policy, any_reading, any_sight, cases};

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn every_decision_is_explained_with_what_won_and_what_limited_it(
        policy in any_policy(), past in any_past(), sight in any_sight(any_reading().boxed()),
    ) {
        let mut present = past.lived(&policy);
        let decision = present.evaluate(&policy, &sight);
        let summary = explain::summary(&decision);
        prop_assert!(summary.starts_with(&act(&decision)), "{summary}");
        prop_assert_eq!(explain::reason(&decision).is_some(), has_a_reason(&decision), "{}", summary);
        if let Some((winner, _)) = decision.merged() {
            prop_assert!(summary.contains(winner), "{summary}");
        }
        if let Asked::Unread { .. } = decision.trail.asked {
            for metric in &policy.metrics {
                prop_assert!(summary.contains(&metric.name), "{summary}");
            }
        }
        for limit in decision.limits() {
            let text = explain::limit(limit);
            prop_assert!(!text.is_empty() && !text.ends_with(' '), "{text}");
        }
        if let Some(limit) = decision.limit() {
            let told = decision.limits().any(|limit| summary.contains(&explain::limit(limit)));
            prop_assert!(told || decision.trail.corrected.is_some() || is_told_by_the_winner(&decision), "{limit:?} in {summary}");
        }
        let targets = explain::targets(&decision);
        prop_assert_eq!(targets.matches('/').count(), decision.metrics().count(), "{}", targets);
    }
}

/// How a summary begins.
fn act(decision: &Decision) -> String {
    let (from, to) = (decision.current, decision.desired);
    match from.cmp(&to) {
        Ordering::Less => format!("scaling up from {from} to {to}"),
        Ordering::Equal => format!("holding at {to}"),
        Ordering::Greater => format!("scaling down from {from} to {to}"),
    }
}

/// The metric that asks for the count is the one that blocks scaling down: told once, with its numbers.
fn is_told_by_the_winner(decision: &Decision) -> bool {
    decision.limits().any(|limit| match &limit.cause {
        LimitCause::MetricNotFresh { metric, .. } => decision
            .winner()
            .is_some_and(|winner| winner.metric == *metric && winner.blocks_since().is_some()),
        _ => false,
    })
}

/// A count that is not merely held has something that asks for it.
fn has_a_reason(decision: &Decision) -> bool {
    decision.trail.corrected.is_some()
        || match decision.trail.asked {
            Asked::Merged { .. } | Asked::Unread { .. } => true,
            Asked::Nothing | Asked::Disabled => false,
        }
}
