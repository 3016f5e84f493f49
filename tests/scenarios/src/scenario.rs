//! What a scenario says, parsed once into types that cannot be wrong.

use autoscaler_core::{
    Bounds, Cooldown, FailureClass, Fallback, MetricPolicy, Policy, Replicas, ScalingRules, Seconds, policy,
};
use jiff::SignedDuration;

use crate::query::Query;
use crate::series::Series;

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// A sentence.
    pub title: String,
    /// Where it begins, counted from 1.
    pub line: usize,
    /// What a user asked for.
    pub spec: Spec,
    /// What Prometheus holds.
    pub series: Vec<Series>,
    /// What happens and what is expected, in the order of time.
    pub timeline: Vec<Entry>,
}

/// The spec of the autoscaler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Lowest and highest count.
    pub bounds: Bounds,
    /// Time between evaluations.
    pub interval: Seconds,
    /// The metrics, in the user's order.
    pub metrics: Vec<Metric>,
    /// `behavior.scaleUp`.
    pub scale_up: ScalingRules,
    /// `behavior.scaleDown`.
    pub scale_down: ScalingRules,
    /// Rest after a change.
    pub cooldown: Cooldown,
    /// The floor of an outage.
    pub fallback: Option<Fallback>,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// For the core.
    pub policy: MetricPolicy,
    /// What it asks.
    pub query: Query,
    /// The user's word on the look-back.
    pub look_back: Option<SignedDuration>,
    /// The largest age of a sample.
    pub max_sample_age: SignedDuration,
    /// Whether the query has one series for each pod.
    pub per_pod: bool,
}

/// One setting of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// `bounds`.
    Bounds(Bounds),
    /// `interval`.
    Interval(Seconds),
    /// `metric`: replaces the one of the same name, or is one more.
    Metric(Box<Metric>),
    /// `scaleUp`.
    ScaleUp(ScalingRules),
    /// `scaleDown`.
    ScaleDown(ScalingRules),
    /// `cooldown`.
    Cooldown(Cooldown),
    /// `fallback`.
    Fallback(Fallback),
}

/// Something that happens, or something that is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// `event`.
    Event(Event),
    /// `at`.
    At(At),
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it stands.
    pub line: usize,
    /// When.
    pub time: SignedDuration,
    /// What.
    pub happening: Happening,
}

/// What may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Somebody sets `spec.replicas`.
    Replicas(Replicas),
    /// Another target under the same name.
    Recreated(Replicas),
    /// From now on replicas become ready like this.
    Ready(Readiness),
    /// A rollout begins, goes on or is over.
    Rollout(Option<RolloutSeen>),
    /// So much is seen of some pods, by their numbers.
    Pods {
        /// What.
        state: PodState,
        /// Of which.
        ordinals: Vec<u32>,
    },
    /// From now on the source answers like this, for one metric or all.
    Source {
        /// How.
        answers: Answers,
        /// For which metric; none for all.
        metric: Option<String>,
    },
    /// The clocks of operator and API server are so far apart.
    Skew(SignedDuration),
    /// The clock of the node where the operator starts next is so far ahead.
    Clock(SignedDuration),
    /// The mode is edited.
    Mode(Mode),
    /// A setting of the policy is edited.
    Policy(Setting),
    /// Whether the API server accepts writes of status from now on.
    Status {
        /// Whether it does.
        accepted: bool,
    },
    /// The operator ends and starts again.
    Restart {
        /// It gives the lease up on purpose, with everything written.
        graceful: bool,
        /// How long nobody decides.
        down: SignedDuration,
    },
}

/// How replicas become ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// So long after they were asked for.
    After(SignedDuration),
    /// So many are, whatever is asked for.
    Fixed(Replicas),
    /// The kind of target does not tell.
    Unknown,
}

/// What is seen of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutSeen {
    /// The target's controller has not seen its newest generation.
    Unobserved,
    /// Some replicas are updated.
    Updating {
        /// How many.
        updated: Replicas,
        /// Of how many.
        replicas: Replicas,
        /// When it counts as stuck.
        until: Option<SignedDuration>,
    },
}

/// What is seen of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodState {
    /// It has not started.
    Pending,
    /// It starts now.
    Running,
    /// It is being deleted.
    Terminating,
    /// It has ended badly.
    Failed,
    /// It has ended well.
    Succeeded,
    /// It is no more.
    Gone,
}

/// How the source answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// From the series.
    Well,
    /// From the series, with a warning.
    WithWarning,
    /// Not.
    Fails(FailureClass),
}

/// The mode of the autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Decides and scales.
    Active,
    /// Decides and reports.
    DryRun,
    /// Neither.
    Paused,
}

/// What is expected of one evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// Where it stands.
    pub line: usize,
    /// When.
    pub time: SignedDuration,
    /// The count found.
    pub from: Replicas,
    /// The count decided.
    pub to: Replicas,
    /// The count before any limit, if another.
    pub wants: Option<Replicas>,
    /// The words of [`crate::reasons`].
    pub because: Vec<String>,
    /// When the change that is held back may come, if that is asserted.
    pub next: Option<Next>,
    /// The sentence, if that is asserted.
    pub summary: Option<String>,
}

/// When the change that is held back may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Then.
    At(SignedDuration),
    /// No time is fixed.
    Never,
}

impl Metric {
    /// How far back it looks: as the user says, else as the query does.
    pub fn look_back(&self) -> SignedDuration {
        self.look_back.unwrap_or_else(|| self.query.look_back())
    }

    /// The same, if it looks at all of that: without a range only the user's word says so.
    pub(crate) fn over(&self) -> Option<SignedDuration> {
        let over_time = self.query.range.is_some() || self.look_back.is_some();
        over_time.then(|| self.look_back())
    }

    /// How long a pod must have run before a number tells all of it. What cannot be planned may look back anywhere.
    pub(crate) fn spans(&self) -> SignedDuration {
        if self.query.is_probeable() {
            self.over().unwrap_or_default()
        } else {
            self.look_back()
        }
    }
}

impl Spec {
    /// The same with one setting replaced.
    pub fn set(&mut self, setting: Setting) {
        match setting {
            Setting::Bounds(bounds) => self.bounds = bounds,
            Setting::Interval(interval) => self.interval = interval,
            Setting::Metric(metric) => {
                let same = self
                    .metrics
                    .iter_mut()
                    .find(|old| old.policy.name == metric.policy.name);
                match same {
                    Some(old) => *old = *metric,
                    None => self.metrics.push(*metric),
                }
            }
            Setting::ScaleUp(rules) => self.scale_up = rules,
            Setting::ScaleDown(rules) => self.scale_down = rules,
            Setting::Cooldown(cooldown) => self.cooldown = cooldown,
            Setting::Fallback(fallback) => self.fallback = Some(fallback),
        }
    }

    /// What the core is given.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            bounds: self.bounds,
            metrics: self.metrics.iter().map(|metric| metric.policy.clone()).collect(),
            scale_up: self.scale_up.clone(),
            scale_down: self.scale_down.clone(),
            cooldown: self.cooldown,
            fallback: self.fallback,
            interval: self.interval,
            growth_settle: policy::GROWTH_SETTLE,
        }
    }
}
