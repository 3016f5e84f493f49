//! Pods of every kind, and what is measured of each of them, for metrics of every pod (R10).

use autoscaler_core::per_pod::{Pod, PodPhase, PodReady, PodSample, PodSamples};
use autoscaler_core::{Quantity, Replicas, Seconds};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

use super::generators::{METRICS, any_load};

/// At most so many pods beyond `spec.replicas`, as in a rollout's surge.
pub(super) const SURGE: i64 = 5;

/// How far the number of pods, or of those that are ready, is from `spec.replicas`.
pub(super) fn any_distance() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(0), 2 => -3..0_i64, 1 => -40..0_i64, 3 => 1..=SURGE]
}

/// So many more or fewer.
pub(super) fn at_distance(replicas: Replicas, distance: i64) -> Replicas {
    Replicas::saturating(replicas.as_i128() + i128::from(distance))
}

/// One pod, with ages in milliseconds instead of times.
#[derive(Debug, Clone)]
struct AnyPod {
    phase: PodPhase,
    terminating: bool,
    runs_for: Option<i64>,
    ready: Option<(Option<bool>, i64)>,
    request: Option<Quantity>,
    samples: [Option<Quantity>; METRICS],
}

/// Mostly about what one replica should carry.
fn any_sample() -> impl Strategy<Value = Option<Quantity>> {
    let ordinary = (0_i64..=3_000).prop_map(Quantity::from_millis);
    prop::option::weighted(0.92, prop_oneof![4 => ordinary, 1 => any_load()])
}

prop_compose! {
    fn any_pod()(
        phase in prop_oneof![
            20 => Just(PodPhase::Running),
            4 => select(&[PodPhase::Pending, PodPhase::Succeeded, PodPhase::Failed, PodPhase::Unknown][..]),
        ],
        terminating in prop::bool::weighted(0.05),
        runs_for in prop_oneof![12 => Just(Some(600_000_i64)), 4 => (0_i64..90_000).prop_map(Some), 1 => Just(None)],
        ready in prop::option::weighted(0.95, (select(&[Some(true), Some(true), Some(false), None][..]), 0_i64..600_000)),
        request in prop_oneof![
            100 => (100_i64..=2_000).prop_map(|millis| Some(Quantity::from_millis(millis))),
            1 => select(&[None, Some(Quantity::ZERO)][..]),
        ],
        samples in prop::array::uniform(any_sample()),
    ) -> AnyPod {
        AnyPod { phase, terminating, runs_for, ready, request, samples }
    }
}

/// The pods of a target, whatever its count.
#[derive(Debug, Clone)]
pub(super) struct Pods {
    /// What pods there are, by turns.
    kinds: Vec<AnyPod>,
    distance: i64,
}

prop_compose! {
    pub(super) fn any_pods()(kinds in prop::collection::vec(any_pod(), 1..=3), distance in any_distance()) -> Pods {
        Pods { kinds, distance }
    }
}

impl Pods {
    /// One for each replica, long since ready, of which each metric measures something, and which requests one unit.
    pub(super) fn alike() -> Self {
        let pod = AnyPod {
            phase: PodPhase::Running,
            terminating: false,
            runs_for: Some(600_000),
            ready: Some((Some(true), 600_000)),
            request: Some(Quantity::from_units(1)),
            samples: [Some(Quantity::ZERO); METRICS],
        };
        Self {
            kinds: vec![pod],
            distance: 0,
        }
    }

    /// The same with the first kind of pod alone, so that their average does not change with their number, and never fewer
    /// than replicas: where the last is gone the metric is absent, and a fallback brings it back.
    pub(super) fn all_alike(mut self) -> Self {
        self.kinds.truncate(1);
        self.distance = self.distance.max(0);
        self
    }

    /// Gives what one metric measures of all pods, or of those of some kind, another value, found from what such a pod
    /// requests and the value it had.
    pub(super) fn change(
        &mut self,
        metric: usize,
        on: Option<prop::sample::Index>,
        to: impl Fn(Quantity, Quantity) -> Quantity,
    ) {
        let on = on.map(|on| on.index(self.kinds.len()));
        let kinds = self.kinds.iter_mut().enumerate();
        for (_, pod) in kinds.filter(|(kind, _)| on.is_none_or(|on| on == *kind)) {
            let request = pod.request.unwrap_or_default();
            pod.samples[metric] = pod.samples[metric].map(|sample| to(request, sample));
        }
    }

    /// The pods of a target of this count.
    pub(super) fn of(&self, replicas: Replicas, now: Timestamp) -> Vec<Pod> {
        let ago = |age: i64| now - SignedDuration::from_millis(age);
        let pod = |(name, kind): (String, &AnyPod)| Pod {
            name,
            phase: kind.phase,
            terminating: kind.terminating,
            started: kind.runs_for.map(ago),
            ready: kind.ready.map(|(status, age)| PodReady {
                status,
                since: ago(age),
            }),
            request: kind.request,
        };
        self.named(replicas).map(pod).collect()
    }

    /// What one metric tells of them, over its look-back.
    pub(super) fn samples(&self, metric: usize, look_back: Seconds, replicas: Replicas, now: Timestamp) -> PodSamples {
        let since = now - look_back.duration();
        let sample = |(name, kind): (String, &AnyPod)| {
            Some((name, kind.samples[metric].map(|value| PodSample { value, since })?))
        };
        self.named(replicas).filter_map(sample).collect()
    }

    fn named(&self, replicas: Replicas) -> impl Iterator<Item = (String, &AnyPod)> {
        let count = at_distance(replicas, self.distance).get();
        (0..count)
            .zip(self.kinds.iter().cycle())
            .map(|(index, kind)| (format!("pod-{index}"), kind))
    }
}
