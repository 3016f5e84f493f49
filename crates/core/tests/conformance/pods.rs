//! The pods of a row, from the notation of the table: `r600 u500x2 h100 p f d m` are a ready pod that uses 600, two that
//! are not ready, one in its CPU initialization, a pending, a failed, a deleted one, and one without a sample; `s` is one
//! that has succeeded. Amounts are thousandths.

use autoscaler_core::per_pod::{
    Pod, PodMetric, PodMetricError, PodPhase, PodProposal, PodReady, PodSample, PodSamples,
};
use autoscaler_core::per_pod::{PodTarget, WarmUp};
use autoscaler_core::{Quantity, Replicas, Seconds};
use jiff::Timestamp;

use super::row::{at, quantity};

/// The periods of the HPA's tests: the defaults are five minutes and thirty seconds.
pub(super) const CPU: WarmUp = WarmUp::Cpu {
    initialization: Seconds::new(120),
    readiness_delay: Seconds::new(10),
};
/// Samples cover a minute.
const WINDOW: i64 = 60;
/// Long enough ago that a pod is in no way new.
const COOL: i64 = 180;

/// Pods and what is measured of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pods {
    pub(super) pods: Vec<Pod>,
    pub(super) samples: PodSamples,
}

impl Pods {
    /// Pods in the notation of the table; each requests what stands behind its `/`, or all of them this.
    pub(super) fn of(notation: &str, request: i64) -> Self {
        let mut pods = Self::default();
        for word in notation.split_whitespace() {
            let (word, times) = word.split_once('x').unwrap_or((word, "1"));
            for _ in 0..times.parse().expect("a count follows the x") {
                pods.add(word, request);
            }
        }
        pods
    }

    fn add(&mut self, word: &str, request: i64) {
        let (kind, usage) = word.split_at(1);
        let (usage, request) = match usage.split_once('/') {
            None => (usage, request),
            Some((usage, own)) => (usage, own.parse().expect("an amount follows the slash")),
        };
        let age = if kind == "h" { 0 } else { COOL };
        let phase = match kind {
            "p" => PodPhase::Pending,
            "f" => PodPhase::Failed,
            "s" => PodPhase::Succeeded,
            "r" | "u" | "h" | "d" | "m" => PodPhase::Running,
            other => panic!("no pod is {other:?}"),
        };
        let pod = Pod {
            name: format!("pod-{}", self.pods.len()),
            phase,
            terminating: kind == "d",
            started: Some(at(-age)),
            ready: Some(PodReady {
                status: Some(kind != "u"),
                since: at(-age),
            }),
            request: (request > 0).then(|| Quantity::from_millis(request)),
        };
        if let Ok(usage) = usage.parse() {
            self.sample(&pod.name, usage);
        }
        self.pods.push(pod);
    }

    /// A sample, also of a pod that is not listed.
    pub(super) fn sample(&mut self, name: &str, usage: i64) {
        let sample = PodSample {
            value: Quantity::from_millis(usage),
            since: at(-WINDOW),
        };
        self.samples.insert(name.to_owned(), sample);
    }

    /// What the metric asks for so many seconds after replicas were removed.
    pub(super) fn propose_after_removal(&self, current: u32, target: PodTarget, age: i64) -> PodProposal {
        let metric = PodMetric {
            target,
            tolerance: (quantity("0.1"), quantity("0.1")),
            warm_up: WarmUp::Sample,
            current: Replicas::new(current),
            pods: &self.pods,
            samples: &self.samples,
            removed: Some(at(-age)),
            now: at(0),
        };
        metric.propose().expect("some pod is measured")
    }

    /// What the metric asks for.
    pub(super) fn propose(
        &self,
        current: u32,
        target: PodTarget,
        warm_up: WarmUp,
        (down, up): (&str, &str),
    ) -> Result<PodProposal, PodMetricError> {
        let now: Timestamp = at(0);
        PodMetric {
            target,
            tolerance: (quantity(down), quantity(up)),
            warm_up,
            current: Replicas::new(current),
            pods: &self.pods,
            samples: &self.samples,
            removed: None,
            now,
        }
        .propose()
    }
}

/// So many thousandths for each pod.
pub(super) fn average(target: i64) -> PodTarget {
    PodTarget::AverageValue(Quantity::from_millis(target))
}
