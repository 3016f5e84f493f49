//! Which pods count, and how: the first match wins, as in `groupPods` of `replica_calculator.go`.

use jiff::{SignedDuration, Timestamp};

use super::{Pod, PodCounts, PodMetric, PodMetricError, PodPhase, PodSample, PodTarget, Share, WarmUp};
use crate::Quantity;

/// The pods of a target, without those that are ending or have ended.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// What is measured in full.
    pub(super) measured: Vec<Share>,
    /// What is measured of pods that have not run for as long as the measurement.
    pub(super) young: Vec<Share>,
    /// The requests of pods that have not started or are not ready.
    pub(super) unready: Vec<Quantity>,
    /// The requests of pods without a sample.
    pub(super) missing: Vec<Quantity>,
}

enum Group {
    Ended,
    Unready,
    Missing,
    Young(PodSample),
    Measured(PodSample),
}

impl Groups {
    pub(super) fn of(metric: &PodMetric<'_>) -> Result<Self, PodMetricError> {
        let mut groups = Self::default();
        for pod in metric.pods {
            // As with the HPA, one pod without a request fails the metric, even one that is ending.
            let base = base(metric.target, pod)?;
            let share = |sample: PodSample| Share {
                usage: sample.value.or_zero_if_negative(),
                base,
            };
            match group(metric, pod) {
                Group::Ended => {}
                Group::Unready => groups.unready.push(base),
                Group::Missing => groups.missing.push(base),
                Group::Young(sample) => groups.young.push(share(sample)),
                Group::Measured(sample) => groups.measured.push(share(sample)),
            }
        }
        Ok(groups)
    }

    pub(super) fn counts(&self) -> PodCounts {
        let Self {
            measured,
            young,
            unready,
            missing,
        } = self;
        PodCounts {
            measured: measured.len(),
            young: young.len(),
            unready: unready.len(),
            missing: missing.len(),
        }
    }
}

fn base(target: PodTarget, pod: &Pod) -> Result<Quantity, PodMetricError> {
    match target {
        PodTarget::AverageValue(_) => Ok(Quantity::from_units(1)),
        PodTarget::Utilization { .. } => pod
            .request
            .filter(|request| *request > Quantity::ZERO)
            .ok_or_else(|| PodMetricError::NoRequest { pod: pod.name.clone() }),
    }
}

fn group(metric: &PodMetric<'_>, pod: &Pod) -> Group {
    let ended = match pod.phase {
        PodPhase::Succeeded | PodPhase::Failed => true,
        PodPhase::Pending | PodPhase::Running | PodPhase::Unknown => pod.terminating,
    };
    if ended {
        return Group::Ended;
    }
    if pod.phase == PodPhase::Pending {
        return Group::Unready;
    }
    let Some(sample) = metric.samples.get(&pod.name).copied() else {
        return Group::Missing;
    };
    match metric.warm_up {
        WarmUp::Sample if pod.started.is_none_or(|started| started > sample.since) => Group::Young(sample),
        WarmUp::Cpu {
            initialization,
            readiness_delay,
        } if is_warming_up(
            pod,
            sample,
            metric.now,
            (initialization.duration(), readiness_delay.duration()),
        ) =>
        {
            Group::Unready
        }
        WarmUp::Sample | WarmUp::Cpu { .. } => Group::Measured(sample),
    }
}

/// The HPA's rule for CPU, whose use is high while a process starts. All comparisons are strict, and a `Ready` that is
/// `Unknown` is not `False`.
fn is_warming_up(
    pod: &Pod,
    sample: PodSample,
    now: Timestamp,
    (initialization, readiness_delay): (SignedDuration, SignedDuration),
) -> bool {
    let (Some(ready), Some(started)) = (pod.ready, pod.started) else {
        return true;
    };
    let is_false = ready.status == Some(false);
    if now.duration_since(started) < initialization {
        // Measured, at least in part, before the condition last changed.
        is_false || sample.since < ready.since
    } else {
        // It has never been ready: the condition has not changed since the pod started.
        is_false && ready.since.duration_since(started) < readiness_delay
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::PodReady;
    use super::*;
    use crate::{Replicas, Seconds};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_348_000 + second).unwrap()
    }

    fn pod(started: i64, ready: (bool, i64)) -> Pod {
        Pod {
            name: "pod-0".to_owned(),
            phase: PodPhase::Running,
            terminating: false,
            started: Some(at(started)),
            ready: Some(PodReady {
                status: Some(ready.0),
                since: at(ready.1),
            }),
            request: None,
        }
    }

    /// Of one pod with a sample that begins a minute ago, whether it is measured in full.
    fn is_measured(pod: Pod, warm_up: WarmUp) -> bool {
        let (value, since) = (Quantity::from_units(1), at(-60));
        let groups = Groups::of(&PodMetric {
            target: PodTarget::AverageValue(Quantity::from_units(1)),
            tolerance: (Quantity::ZERO, Quantity::ZERO),
            warm_up,
            current: Replicas::new(1),
            samples: &BTreeMap::from([(pod.name.clone(), PodSample { value, since })]),
            pods: &[pod],
            removed: None,
            now: at(0),
        });
        groups.unwrap().measured.len() == 1
    }

    #[test]
    fn r10_a_pod_that_started_when_its_sample_begins_is_measured() {
        assert!(is_measured(pod(-60, (true, -60)), WarmUp::Sample));
        assert!(!is_measured(pod(-59, (true, -59)), WarmUp::Sample));
    }

    #[test]
    fn the_times_of_cpu_are_compared_strictly() {
        let warm_up = WarmUp::Cpu {
            initialization: Seconds::new(300),
            readiness_delay: Seconds::new(30),
        };
        let measured = |started, ready| is_measured(pod(started, ready), warm_up);
        // Within its initialization a pod counts if it was ready when its sample begins.
        assert!(measured(-299, (true, -60)));
        assert!(!measured(-299, (true, -59)));
        assert!(!measured(-299, (false, -200)));
        // Afterwards if it ever was: the condition changed later than the delay after its start.
        assert!(measured(-300, (true, -59)));
        assert!(measured(-300, (false, -270)));
        assert!(!measured(-300, (false, -271)));
    }

    #[test]
    fn a_request_of_zero_is_none() {
        let mut idle = pod(-600, (true, -600));
        for (request, is_one) in [(Quantity::ZERO, false), (Quantity::from_millis(1), true)] {
            idle.request = Some(request);
            let found = base(PodTarget::Utilization { percent: 50 }, &idle);
            assert_eq!(found.is_ok(), is_one, "{request}");
        }
    }
}
