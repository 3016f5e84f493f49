//! Loads in thousandths of the targets of a policy, so that they lie where decisions turn.

use autoscaler_core::{Policy, Quantity, Reading, Replicas, Target, TargetKind};
use proptest::prelude::*;

use super::generators::{METRICS, Sight};

impl Sight {
    /// Each metric, and each pod that has a sample, at so many thousandths of its target.
    pub(super) fn at_targets(mut self, policy: &Policy, replicas: Replicas, thousandths: [i64; METRICS]) -> Self {
        self.change(policy, replicas, thousandths, None, |_, load| load);
        self
    }

    /// So many thousandths of its target more on each metric; of a metric of every pod on some of the pods.
    pub(super) fn with_more(
        mut self,
        policy: &Policy,
        replicas: Replicas,
        thousandths: [i64; METRICS],
        on: prop::sample::Index,
    ) -> Self {
        let more = |load: Quantity, more: Quantity| Quantity::from_nanos(load.nanos() + more.nanos());
        self.change(policy, replicas, thousandths, Some(on), more);
        self
    }

    fn change(
        &mut self,
        policy: &Policy,
        replicas: Replicas,
        thousandths: [i64; METRICS],
        on: Option<prop::sample::Index>,
        to: impl Fn(Quantity, Quantity) -> Quantity,
    ) {
        for (index, (metric, thousandths)) in policy.metrics.iter().zip(thousandths).enumerate() {
            let target = metric.target.expect("a known kind");
            if let Reading::Fresh { value, .. } = &mut self.readings[index] {
                *value = to(*value, part(whole(target, replicas), thousandths));
            }
            if let Some(pods) = &mut self.pods {
                pods.change(index, on, |request, sample| {
                    to(sample, part(of_one_pod(target, request), thousandths))
                });
            }
        }
    }
}

/// The load of all replicas at their target.
fn whole(target: Target, replicas: Replicas) -> Quantity {
    match target.kind() {
        TargetKind::Value => target.amount(),
        TargetKind::AverageValue | TargetKind::Utilization => {
            Quantity::from_nanos(target.amount().nanos() * replicas.as_i128())
        }
    }
}

/// The load of one pod at its target.
fn of_one_pod(target: Target, request: Quantity) -> Quantity {
    match target.kind() {
        TargetKind::Value | TargetKind::AverageValue => target.amount(),
        TargetKind::Utilization => {
            let percent = target.amount().nanos() / Quantity::from_units(1).nanos();
            Quantity::from_nanos(request.nanos() * percent / 100)
        }
    }
}

fn part(load: Quantity, thousandths: i64) -> Quantity {
    Quantity::from_nanos(load.nanos() * i128::from(thousandths) / 1_000)
}
