//! The count that one metric asks for (R6 to R9).

use std::cmp::Ordering;

use super::Pipeline;
use crate::decision::{Basis, Proposal};
use crate::ratio::Ratio;
use crate::{MetricPolicy, Quantity, Replicas, Target, TargetKind};

impl Pipeline<'_> {
    /// The proposal for a load.
    ///
    /// - `averageValue` (R7): `ceil(total / target)`, whatever the number of ready pods, so that a cluster that is
    ///   breaking is not scaled down because it is breaking.
    /// - `value` (R8): growth multiplies the ready replicas, else an interval of seconds would double the count at every
    ///   tick while pods start; shrinking multiplies `spec.replicas`.
    pub(super) fn propose(&self, metric: &MetricPolicy, target: Target, load: Quantity) -> Proposal {
        let load = load.or_zero_if_negative();
        let total = Ratio::new(load, target.amount());
        let (ratio, compared) = match target.kind() {
            TargetKind::Value => (total, load),
            // Percent of requests are never compared as one number; the total would be the nearest thing.
            TargetKind::AverageValue | TargetKind::Utilization => {
                (total.per(self.current), load.shared_by(self.current))
            }
        };
        let (down, up) = (self.policy.scale_down.tolerance, self.policy.scale_up.tolerance);
        let (replicas, basis) = if ratio.is_within(down, up) {
            (self.current, Basis::WithinTolerance)
        } else {
            match (ratio.cmp_one(), target.kind()) {
                (Ordering::Equal, _) => (self.current, Basis::WithinTolerance),
                (Ordering::Less, TargetKind::Value) => (ratio.times_ceil(self.current), Basis::BelowTarget),
                (Ordering::Greater, TargetKind::Value) => self.grow_by_ratio(metric, ratio),
                (Ordering::Less, TargetKind::AverageValue | TargetKind::Utilization) => {
                    (total.times_ceil(Replicas::new(1)), Basis::BelowTarget)
                }
                (Ordering::Greater, TargetKind::AverageValue | TargetKind::Utilization) => {
                    (total.times_ceil(Replicas::new(1)), Basis::AboveTarget)
                }
            }
        };
        Proposal {
            replicas: self.in_direction(replicas, ratio),
            ratio,
            compared,
            basis,
        }
    }

    /// Growth of a `value` target: by the replicas that already carry load.
    fn grow_by_ratio(&self, metric: &MetricPolicy, ratio: Ratio) -> (Replicas, Basis) {
        match self.observation.ready {
            // Pods beyond spec.replicas are a rollout's surge, not capacity (R18).
            Some(ready) => {
                let proposal = ratio.times_ceil(ready.min(self.current));
                let basis = if proposal > self.current {
                    Basis::AboveTarget
                } else {
                    Basis::AwaitsReplicas
                };
                (proposal, basis)
            }
            None if self.last_growth_settles(metric).is_some() => (self.current, Basis::AwaitsReplicas),
            None => (ratio.times_ceil(self.current), Basis::AboveTarget),
        }
    }

    /// R9: more load than the target never asks for fewer replicas, less load never for more.
    fn in_direction(&self, proposal: Replicas, ratio: Ratio) -> Replicas {
        match ratio.cmp_one() {
            Ordering::Greater => proposal.max(self.current),
            Ordering::Less => proposal.min(self.current),
            Ordering::Equal => self.current,
        }
    }
}
