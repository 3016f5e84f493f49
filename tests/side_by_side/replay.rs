//! Our core, told what the HPA saw at the instant at which the HPA saw it.
//!
//! The core keeps its own recommendations, and is told the changes of size that the HPA made as its own: so it always has
//! the size that the HPA has, and the same changes to count in its budgets, while its windows are its own work. A
//! difference of one look therefore does not drag others behind it by the size, only by what the core remembers, which is
//! what is compared.

use autoscaler_core::per_pod::{Pod, PodPhase, PodReady, PodSample, PodSamples};
use autoscaler_core::{
    Change, ChangeCause, Evidence, Failure, FailureClass, History, MetricReading, Observation, PartialCause, Policy,
    Quantity, Reading, Replicas, Standing, decide,
};
use jiff::{SignedDuration, Timestamp};

use crate::case::{Case, Kind};
use crate::pods::{PodState, Pods};
use crate::record::Look;
use crate::series::Sample;
use crate::stage::pod_name;

/// How long ago pods began.
const AGE: SignedDuration = SignedDuration::from_hours(1);

/// Our side of one case.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    case: &'a Case,
    policy: &'a Policy,
    history: History,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(case: &'a Case, policy: &'a Policy) -> Self {
        Self {
            case,
            policy,
            history: History::default(),
        }
    }

    /// What our core decides; then it is told what was done.
    pub(crate) fn decide(&mut self, look: &Look, pods: &Pods) -> u32 {
        let observation = Observation {
            replicas: Replicas::new(look.spec),
            ready: Some(Replicas::new(pods.ready)),
            pods: (self.case.kind == Kind::Pods).then(|| self.pods(pods, look.at)),
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
        let readings = metrics.map(|(metric, sample)| MetricReading {
            name: metric.name.clone(),
            reading: reading(*sample),
            pods: (self.case.kind == Kind::Pods && sample.number().is_some()).then(|| self.samples(look)),
        });
        readings.collect()
    }

    fn samples(&self, look: &Look) -> PodSamples {
        let samples = look.loads.iter().map(|load| {
            let sample = PodSample {
                value: amount(load.load),
                since: look.at - load.range(),
            };
            (pod_name(&self.case.name, load.pod), sample)
        });
        samples.collect()
    }

    fn pods(&self, pods: &Pods, now: Timestamp) -> Vec<Pod> {
        let pods = (0..).zip(&pods.states).filter_map(|(index, state)| {
            let phase = match state {
                PodState::Gone => return None,
                PodState::Pending => PodPhase::Pending,
                PodState::Running | PodState::Terminating => PodPhase::Running,
                PodState::Succeeded => PodPhase::Succeeded,
                PodState::Failed => PodPhase::Failed,
            };
            let since = now - AGE;
            Some(Pod {
                name: pod_name(&self.case.name, index),
                phase,
                terminating: *state == PodState::Terminating,
                started: (phase != PodPhase::Pending).then_some(since),
                ready: Some(PodReady {
                    status: Some(phase == PodPhase::Running),
                    since,
                }),
                request: None,
            })
        });
        pods.collect()
    }
}

fn amount(load: i64) -> Quantity {
    Quantity::from_millis(Case::quantity(load))
}

fn reading(sample: Sample) -> Reading {
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
