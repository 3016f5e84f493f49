//! The rate policies of `behavior`, as `convertDesiredReplicasWithBehaviorRate` in
//! `pkg/controller/podautoscaler/horizontal.go` has them, but in integers: 10 % up from 100 is 110, not 111.

use jiff::Timestamp;

use super::{Hold, Pipeline};
use crate::decision::LimitCause;
use crate::{Direction, Limit, RatePolicy, RateUnit, Replicas, ScalingRules, SelectPolicy};

impl<'a> Pipeline<'a> {
    pub(super) fn limit_rate(&mut self, wanted: Replicas) -> Replicas {
        let Some(direction) = self.direction_to(wanted) else {
            return wanted;
        };
        let rules = self.rules(direction);
        let limit = self.rate_limit(rules, direction);
        let cause = match rules.select {
            SelectPolicy::Disabled => LimitCause::Disabled { direction },
            SelectPolicy::Max | SelectPolicy::Min => LimitCause::Rate { direction },
        };
        let until = self.next_budget(rules);
        self.limited(Limit {
            wanted,
            allowed: direction.nearer(wanted, direction.farther(limit, self.base)),
            cause,
            until,
        })
    }

    /// A budget that allows nothing at all, if it does.
    pub(super) fn used_up(&self, direction: Direction) -> Option<Hold> {
        let rules = self.rules(direction);
        let allows = direction.farther(self.rate_limit(rules, direction), self.base);
        (allows == self.base).then(|| Hold {
            until: self.next_budget(rules),
        })
    }

    const fn rules(&self, direction: Direction) -> &'a ScalingRules {
        match direction {
            Direction::Up => &self.policy.scale_up,
            Direction::Down => &self.policy.scale_down,
        }
    }

    /// The farthest count that the rules allow.
    fn rate_limit(&self, rules: &ScalingRules, direction: Direction) -> Replicas {
        let limits = rules.policies.iter().map(|policy| self.policy_limit(policy, direction));
        let allowed = match rules.select {
            SelectPolicy::Disabled => None,
            SelectPolicy::Max => limits.reduce(|one, other| direction.farther(one, other)),
            SelectPolicy::Min => limits.reduce(|one, other| direction.nearer(one, other)),
        };
        allowed.unwrap_or(self.base)
    }

    /// The farthest count that one policy allows, counted from where the period began.
    fn policy_limit(&self, policy: &RatePolicy, direction: Direction) -> Replicas {
        let Some(moved) = self.history.changes.within(self.now, policy.period) else {
            return self.base;
        };
        let start = self.base.as_i128() - moved.since_start(direction);
        let value = i128::from(policy.value);
        // Percentages are rounded away from the start: up when growing, down when shrinking.
        Replicas::saturating(match (policy.unit, direction) {
            (RateUnit::Pods, Direction::Up) => start + value,
            (RateUnit::Pods, Direction::Down) => start - value,
            (RateUnit::Percent, Direction::Up) => -(-start * (100 + value)).div_euclid(100),
            (RateUnit::Percent, Direction::Down) => (start * (100 - value)).div_euclid(100),
        })
    }

    /// When the first change that counts now stops counting. With `Disabled` that time never comes.
    fn next_budget(&self, rules: &ScalingRules) -> Option<Timestamp> {
        match rules.select {
            SelectPolicy::Disabled => None,
            SelectPolicy::Max | SelectPolicy::Min => rules
                .policies
                .iter()
                .filter_map(|policy| self.history.changes.next_to_leave(self.now, policy.period))
                .min(),
        }
    }
}
