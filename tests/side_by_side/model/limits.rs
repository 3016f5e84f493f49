//! The rate policies: `calculateScaleUpLimitWithScalingRules`, `calculateScaleDownLimitWithBehaviors`, `storeScaleEvent`.

use autoscaler_core::{RatePolicy, RateUnit, ScalingRules, SelectPolicy};
use jiff::Timestamp;

use super::Model;
use crate::difference::Difference;

/// A change of size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) by: i64,
    pub(super) at: Timestamp,
    /// Somebody else's, which the HPA knows nothing of.
    pub(super) foreign: bool,
    /// Older than the longest period of its own direction: its place is the next one to be used.
    pub(super) forgotten: bool,
}

impl Model<'_> {
    /// The HPA writes a new event over the last one that is too old for its own direction, though the other direction may
    /// have a longer period in which it counts.
    pub(super) fn store(&mut self, event: Event) {
        let own = if event.by > 0 {
            &self.policy.scale_up
        } else {
            &self.policy.scale_down
        };
        let longest = own
            .policies
            .iter()
            .map(|policy| policy.period.duration())
            .max()
            .unwrap_or_default();
        let same_direction = |old: &&mut Event| (old.by > 0) == (event.by > 0) && !old.foreign;
        if !self.differences.has(Difference::ChangesAreKept) {
            let mut place = None;
            for old in self.events.iter_mut().filter(same_direction) {
                old.forgotten |= event.at.duration_since(old.at) > longest;
                if old.forgotten {
                    place = Some(old);
                }
            }
            if let Some(place) = place {
                *place = event;
                return;
            }
        }
        self.events.push(event);
    }

    pub(super) fn growth_limit(&self, base: i64, now: Timestamp) -> i64 {
        let limits = |policy: &RatePolicy| {
            let start = base - self.added(policy, now, true) + self.removed(policy, now, false);
            let value = i64::from(policy.value);
            match policy.unit {
                RateUnit::Pods => start + value,
                RateUnit::Percent if self.has(Difference::ExactNumbers) => -(-start * (100 + value)).div_euclid(100),
                RateUnit::Percent => float::ceil(float::from(start) * (1.0 + float::from(value) / 100.0)),
            }
        };
        select(&self.policy.scale_up, base, limits, i64::max, i64::min)
    }

    pub(super) fn shrink_limit(&self, base: i64, now: Timestamp) -> i64 {
        let limits = |policy: &RatePolicy| {
            let start = base - self.added(policy, now, false) + self.removed(policy, now, true);
            let value = i64::from(policy.value);
            match policy.unit {
                RateUnit::Pods => start - value,
                RateUnit::Percent if self.has(Difference::ExactNumbers) => (start * (100 - value)).div_euclid(100),
                RateUnit::Percent => float::truncate(float::from(start) * (1.0 - float::from(value) / 100.0)),
            }
        };
        select(&self.policy.scale_down, base, limits, i64::min, i64::max)
    }

    /// Replicas added within the period of a policy; those of others only where they use the budget up.
    fn added(&self, policy: &RatePolicy, now: Timestamp, others: bool) -> i64 {
        self.moved(policy, now, others).map(|by| by.max(0)).sum()
    }

    fn removed(&self, policy: &RatePolicy, now: Timestamp, others: bool) -> i64 {
        self.moved(policy, now, others).map(|by| -by.min(0)).sum()
    }

    fn moved(&self, policy: &RatePolicy, now: Timestamp, others: bool) -> impl Iterator<Item = i64> {
        let period = policy.period.duration();
        let counts = move |event: &&Event| now.duration_since(event.at) < period && (others || !event.foreign);
        self.events.iter().filter(counts).map(|event| event.by)
    }
}

fn select(
    rules: &ScalingRules,
    base: i64,
    limit: impl Fn(&RatePolicy) -> i64,
    most: fn(i64, i64) -> i64,
    least: fn(i64, i64) -> i64,
) -> i64 {
    let limits = rules.policies.iter().map(limit);
    let selected = match rules.select {
        SelectPolicy::Disabled => None,
        SelectPolicy::Max => limits.reduce(most),
        SelectPolicy::Min => limits.reduce(least),
    };
    selected.unwrap_or(base)
}

/// Numbers as Go has them.
pub(super) mod float {
    #![expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "as the HPA does"
    )]

    pub(in crate::model) const fn from(number: i64) -> f64 {
        number as f64
    }

    /// Saturates where the HPA does, at the largest `int32`.
    pub(in crate::model) fn ceil(number: f64) -> i64 {
        (number.ceil() as i64).min(i64::from(i32::MAX))
    }

    pub(in crate::model) const fn truncate(number: f64) -> i64 {
        number as i64
    }
}
