//! What there is around the operator: the target, the source, and the object with its status.

use std::collections::BTreeMap;

use autoscaler_core::{Replicas, Rollout};
use jiff::SignedDuration;

use crate::pods::Pods;
use crate::scenario::{Answers, Event, Happening, Mode, Readiness, RolloutSeen, Scenario, Spec};
use crate::series::Series;
use crate::time;

/// The world at the present time.
pub(crate) struct World<'a> {
    /// What Prometheus holds, of all times.
    pub(crate) series: &'a [Series],
    /// The autoscaler as the API server has it.
    pub(crate) object: Object,
    /// What it scales.
    pub(crate) target: Target,
    /// How far the clocks of operator and API server are apart.
    pub(crate) skew: SignedDuration,
    /// How far the clock of the node where the operator starts next is ahead.
    pub(crate) clock: SignedDuration,
    source: Answers,
    source_of: BTreeMap<String, Answers>,
}

/// The autoscaler as the API server has it.
pub(crate) struct Object {
    pub(crate) spec: Spec,
    pub(crate) mode: Mode,
    pub(crate) status: Option<Status>,
    pub(crate) accepts_status: bool,
}

/// The memory in the status.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) history: String,
    pub(crate) last_replicas: Option<Replicas>,
    pub(crate) target_uid: u32,
}

/// What is scaled.
pub(crate) struct Target {
    pub(crate) uid: u32,
    pub(crate) replicas: Replicas,
    readiness: Readiness,
    /// How many became or become ready when, in the order of their ordinals.
    batches: Vec<(Replicas, SignedDuration)>,
    rollout: Option<RolloutSeen>,
    pub(crate) pods: Pods,
}

impl<'a> World<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        Self {
            series: &scenario.series,
            object: Object {
                spec: scenario.spec.clone(),
                mode: Mode::Active,
                status: None,
                accepts_status: true,
            },
            target: Target::new(Replicas::ZERO, SignedDuration::ZERO, 1),
            skew: SignedDuration::ZERO,
            clock: SignedDuration::ZERO,
            source: Answers::Well,
            source_of: BTreeMap::new(),
        }
    }

    /// Something happens. What happens to the operator itself is not for the world.
    pub(crate) fn happen(&mut self, event: &Event) {
        let now = event.time;
        match &event.happening {
            Happening::Replicas(count) => self.target.resize(*count, now),
            Happening::Recreated(count) => self.target = Target::new(*count, now, self.target.uid + 1),
            Happening::Ready(readiness) => self.target.become_ready(*readiness, now),
            Happening::Rollout(seen) => self.target.rollout = *seen,
            Happening::Pods { state, ordinals } => self.target.pods.show(ordinals, *state, now),
            Happening::Source {
                answers,
                metric: Some(metric),
            } => drop(self.source_of.insert(metric.clone(), *answers)),
            Happening::Source { answers, metric: None } => {
                self.source_of.clear();
                self.source = *answers;
            }
            Happening::Skew(skew) => self.skew = *skew,
            Happening::Clock(ahead) => self.clock = *ahead,
            Happening::Mode(mode) => self.object.mode = *mode,
            Happening::Policy(setting) => self.object.spec.set(setting.clone()),
            Happening::Status { accepted } => self.object.accepts_status = *accepted,
            Happening::Restart { .. } => {}
        }
    }

    /// How the source answers for a metric.
    pub(crate) fn answers(&self, metric: &str) -> Answers {
        self.source_of.get(metric).copied().unwrap_or(self.source)
    }
}

impl Target {
    /// It has been there for a while: all its replicas are ready.
    fn new(replicas: Replicas, now: SignedDuration, uid: u32) -> Self {
        Self {
            uid,
            replicas,
            readiness: Readiness::After(SignedDuration::ZERO),
            batches: vec![(replicas, now)],
            rollout: None,
            pods: Pods::new(replicas, now),
        }
    }

    /// `spec.replicas` is written. The highest ordinals go first.
    pub(crate) fn resize(&mut self, to: Replicas, now: SignedDuration) {
        let (added, mut left) = (to.get().saturating_sub(self.replicas.get()), to.get());
        for (size, _) in &mut self.batches {
            *size = Replicas::new(size.get().min(left));
            left -= size.get();
        }
        let delay = match self.readiness {
            Readiness::After(delay) => delay,
            Readiness::Fixed(_) | Readiness::Unknown => SignedDuration::ZERO,
        };
        self.batches.push((Replicas::new(added), now + delay));
        self.pods.resize(self.replicas, to, now + delay);
        self.replicas = to;
    }

    /// From now on replicas become ready like this, those under way too.
    fn become_ready(&mut self, readiness: Readiness, now: SignedDuration) {
        if let Readiness::After(delay) = readiness {
            let late = self.batches.iter_mut().filter(|(_, ready)| *ready > now);
            late.for_each(|(_, ready)| *ready = now + delay);
            self.pods.start(now, now + delay);
        }
        self.readiness = readiness;
    }

    /// Ready replicas, if the kind tells.
    pub(crate) fn ready(&self, now: SignedDuration) -> Option<Replicas> {
        match self.readiness {
            Readiness::Unknown => None,
            Readiness::Fixed(count) => Some(count),
            Readiness::After(_) => {
                let ready = self.batches.iter().filter(|(_, ready)| *ready <= now);
                Some(Replicas::new(ready.map(|(size, _)| size.get()).sum()))
            }
        }
    }

    /// The rollout, in the core's terms.
    pub(crate) fn rollout(&self) -> Option<Rollout> {
        self.rollout.map(|seen| match seen {
            RolloutSeen::Unobserved => Rollout::GenerationLags,
            RolloutSeen::Updating {
                updated,
                replicas,
                until,
            } => Rollout::Updating {
                updated,
                replicas,
                until: until.map(time::timestamp),
            },
        })
    }
}
