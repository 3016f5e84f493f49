//! Our core, told what the HPA saw at the instant at which the HPA saw it.
//!
//! The core keeps its own recommendations, and is told the changes of size that the HPA made as its own: so it always has
//! the size that the HPA has, and the same changes to count in its budgets, while its windows are its own work. A
//! difference of one look therefore does not drag others behind it by the size, only by what the core remembers, which is
//! what is compared.

use autoscaler_core::{
    Change, ChangeCause, Evidence, Failure, FailureClass, History, MetricReading, Observation, PartialCause, Policy,
    Quantity, Reading, Replicas, Standing, decide,
};
use jiff::SignedDuration;

use crate::case::Case;
use crate::record::Look;
use crate::series::Sample;

/// Our side of one case.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    policy: &'a Policy,
    history: History,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(policy: &'a Policy) -> Self {
        Self {
            policy,
            history: History::default(),
        }
    }

    /// What our core decides; then it is told what was done.
    pub(crate) fn decide(&mut self, look: &Look, ready: u32) -> u32 {
        let observation = Observation {
            replicas: Replicas::new(look.spec),
            ready: Some(Replicas::new(ready)),
            pods: None,
            rollout: None,
            readings: self.readings(look),
            clock_skew: None,
            standing: Standing::Acts,
        };
        let decision = decide(self.policy, &observation, &self.history, look.at);
        assert!(!decision.needs_probe, "the readings of a replay are probed");
        self.history = decision.history;
        if let Some(at) = look.changed {
            let change = Change {
                from: Replicas::new(look.spec),
                to: Replicas::new(look.result),
                at,
                cause: ChangeCause::Ours,
            };
            self.history.record_change(change, self.policy);
        }
        decision.desired.get()
    }

    fn readings(&self, look: &Look) -> Vec<MetricReading> {
        let metrics = self.policy.metrics.iter().zip(&look.samples);
        let readings = metrics.map(|(metric, sample)| MetricReading::one(metric.name.as_str(), reading(*sample)));
        readings.collect()
    }
}

fn reading(sample: Sample) -> Reading {
    let amount = |load| Quantity::from_millis(Case::quantity(load));
    match sample {
        Sample::Whole(load) => Reading::Fresh {
            value: amount(load),
            evidence: Evidence::Probed,
        },
        Sample::Stale(_) => Reading::Stale {
            age: SignedDuration::from_mins(10),
            limit: SignedDuration::from_mins(5),
        },
        Sample::Partial(load) => Reading::Partial {
            value: amount(load),
            cause: PartialCause::FewerSeries { now: 1, before: 2 },
        },
        Sample::Empty => Reading::Missing { source_proven: false },
        Sample::Error => Reading::Failed(Failure::of(FailureClass::Unavailable)),
    }
}
