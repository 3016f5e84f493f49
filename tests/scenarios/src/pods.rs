//! The pods of the target, as far as a metric of every pod looks at them.

use std::collections::BTreeMap;

use autoscaler_core::Replicas;
use autoscaler_core::per_pod::{Pod, PodPhase};
use jiff::SignedDuration;

use crate::probe::STATEFUL_SET;
use crate::scenario::PodState;
use crate::time;

/// What is there at zero has run for so long.
const LONG: SignedDuration = SignedDuration::from_hours(24);

/// By their numbers.
#[derive(Default)]
pub(crate) struct Pods(BTreeMap<u32, Seen>);

/// What is seen of one.
struct Seen {
    state: PodState,
    /// Since when it runs, or will.
    started: SignedDuration,
}

impl Pods {
    /// One for each replica.
    pub(crate) fn new(replicas: Replicas, now: SignedDuration) -> Self {
        let mut pods = Self::default();
        pods.resize(Replicas::ZERO, replicas, now);
        pods
    }

    /// The highest numbers come and go. New ones start at that time.
    pub(crate) fn resize(&mut self, from: Replicas, to: Replicas, starts: SignedDuration) {
        for removed in to.get()..from.get() {
            self.0.remove(&removed);
        }
        let started = if starts.is_zero() { -LONG } else { starts };
        for added in from.get()..to.get() {
            let state = PodState::Running;
            self.0.entry(added).or_insert(Seen { state, started });
        }
    }

    /// Those that have not started yet will at another time.
    pub(crate) fn start(&mut self, now: SignedDuration, starts: SignedDuration) {
        let late = self.0.values_mut().filter(|pod| pod.started > now);
        late.for_each(|pod| pod.started = starts);
    }

    /// From now on so much is seen of these.
    pub(crate) fn show(&mut self, ordinals: &[u32], state: PodState, now: SignedDuration) {
        for ordinal in ordinals {
            let before = self.0.remove(ordinal);
            let started = match state {
                PodState::Gone => continue,
                PodState::Running => now,
                PodState::Pending | PodState::Terminating | PodState::Failed | PodState::Succeeded => {
                    before.map_or(now, |pod| pod.started)
                }
            };
            self.0.insert(*ordinal, Seen { state, started });
        }
    }

    /// For the core.
    pub(crate) fn at(&self, now: SignedDuration) -> Vec<Pod> {
        self.0.iter().map(|(ordinal, pod)| pod.at(*ordinal, now)).collect()
    }
}

impl Seen {
    fn at(&self, ordinal: u32, now: SignedDuration) -> Pod {
        let phase = match self.state {
            PodState::Pending => PodPhase::Pending,
            PodState::Running | PodState::Terminating if self.started > now => PodPhase::Pending,
            PodState::Running | PodState::Terminating => PodPhase::Running,
            PodState::Failed => PodPhase::Failed,
            PodState::Succeeded | PodState::Gone => PodPhase::Succeeded,
        };
        Pod {
            name: format!("{STATEFUL_SET}-{ordinal}"),
            phase,
            terminating: self.state == PodState::Terminating,
            started: (phase == PodPhase::Running).then(|| time::timestamp(self.started)),
            ready: None,
            request: None,
        }
    }
}
