//! What a user asked for, parsed once into types that cannot be wrong.
//!
//! Defaults of `behavior` are those of `autoscaling/v2` (`pkg/apis/autoscaling/v2/defaults.go`), tolerance and the
//! downscale window those of the kube-controller-manager flags.

use crate::per_pod::WarmUp;
use crate::{Quantity, Replicas, Seconds};

/// A validated policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Lowest and highest count.
    pub bounds: Bounds,
    /// The metrics, in the user's order.
    pub metrics: Vec<MetricPolicy>,
    /// How growth is shaped.
    pub scale_up: ScalingRules,
    /// How shrinking is shaped.
    pub scale_down: ScalingRules,
    /// Rest after a change.
    pub cooldown: Cooldown,
    /// A floor for when nothing can be read.
    pub fallback: Option<Fallback>,
    /// How often this policy is evaluated: the unit of a gap in the data (R2).
    pub interval: Seconds,
    /// Beyond the look-back of a query, how long new replicas take to show in it (R8).
    pub growth_settle: Seconds,
}

impl Policy {
    /// The same without limits of rate and cooldowns: a change that they have allowed once is carried out one member after
    /// the other, without a rest between them (M20). What disables a direction stays.
    #[must_use]
    pub fn at_any_pace(&self) -> Self {
        let free = |rules: &ScalingRules| ScalingRules {
            policies: vec![RatePolicy::pods(Replicas::MAX.get(), 1)],
            ..rules.clone()
        };
        Self {
            scale_up: free(&self.scale_up),
            scale_down: free(&self.scale_down),
            cooldown: Cooldown {
                up: Seconds::ZERO,
                down: Seconds::ZERO,
            },
            ..self.clone()
        }
    }
}

/// Default of [`Policy::growth_settle`].
pub const GROWTH_SETTLE: Seconds = Seconds::new(60);

/// Errors in a policy that the schema cannot rule out everywhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// `minReplicas` above `maxReplicas`.
    #[error("minReplicas ({min}) must not be larger than maxReplicas ({max})")]
    BoundsCrossed {
        /// The minimum given.
        min: Replicas,
        /// The maximum given.
        max: Replicas,
    },
    /// `minReplicas` or `maxReplicas` is 0: scaling to zero is not offered.
    #[error("minReplicas and maxReplicas must be at least 1")]
    BoundsZero,
    /// A target that is not above zero.
    #[error("the target of metric {metric:?} must be above zero, not {target}")]
    TargetNotPositive {
        /// The metric.
        metric: String,
        /// The target given.
        target: Quantity,
    },
}

/// Lowest and highest count, both at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    min: Replicas,
    max: Replicas,
}

impl Bounds {
    /// Bounds in order, or the error to show.
    pub fn new(min: Replicas, max: Replicas) -> Result<Self, PolicyError> {
        if min == Replicas::ZERO || max == Replicas::ZERO {
            return Err(PolicyError::BoundsZero);
        }
        if min > max {
            return Err(PolicyError::BoundsCrossed { min, max });
        }
        Ok(Self { min, max })
    }

    /// Lowest count.
    pub const fn min(self) -> Replicas {
        self.min
    }

    /// Highest count.
    pub const fn max(self) -> Replicas {
        self.max
    }

    /// The nearest count within the bounds.
    pub fn clamp(self, replicas: Replicas) -> Replicas {
        replicas.clamp(self.min, self.max)
    }
}

/// One metric and its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricPolicy {
    /// Name, unique within the policy.
    pub name: String,
    /// What it is compared with; none for a metric of a kind that this version does not know, which is never read.
    pub target: Option<Target>,
    /// What an empty answer means.
    pub when_missing: WhenMissing,
    /// What NaN means.
    pub when_nan: WhenNan,
    /// How far back the query looks.
    pub look_back: Seconds,
    /// From when on a pod counts in full; for metrics of every pod.
    pub warm_up: WarmUp,
}

/// What a metric is compared with: a kind and an amount above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    kind: TargetKind,
    amount: Quantity,
}

impl Target {
    /// A target for the metric named, or the error to show.
    pub fn new(metric: &str, kind: TargetKind, amount: Quantity) -> Result<Self, PolicyError> {
        if amount <= Quantity::ZERO {
            return Err(PolicyError::TargetNotPositive {
                metric: metric.to_owned(),
                target: amount,
            });
        }
        Ok(Self { kind, amount })
    }

    /// Its kind.
    pub const fn kind(self) -> TargetKind {
        self.kind
    }

    /// Its amount, above zero.
    pub const fn amount(self) -> Quantity {
        self.amount
    }
}

/// How an amount is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetKind {
    /// The query's answer itself is to stay at the amount; replicas scale with the ratio.
    Value,
    /// The query's answer divided by the replicas is to stay at the amount: replicas = total / amount. Of a metric of
    /// every pod the average is to stay there.
    AverageValue,
    /// The percentage of what the pods request, together, is to stay at the amount. For metrics of every pod only; no
    /// source of the resource offers it yet.
    Utilization,
}

/// What an empty answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum WhenMissing {
    /// Nothing is known: may not shrink (the default).
    #[default]
    Hold,
    /// No load, once the source has proven that it would know.
    Zero,
    /// The metric does not take part.
    Ignore,
}

/// What NaN or an infinity means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum WhenNan {
    /// Nothing is known: may not shrink (the default).
    #[default]
    Hold,
    /// No load (0/0 of a ratio at rest).
    Zero,
}

/// Rules of one direction, as in `autoscaling/v2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingRules {
    /// Stabilization window, 0 to 3600 s.
    pub window: Seconds,
    /// Which of the policies wins.
    pub select: SelectPolicy,
    /// Rate policies; at least one.
    pub policies: Vec<RatePolicy>,
    /// Relative deviation from the target that is left alone in this direction.
    pub tolerance: Quantity,
}

impl ScalingRules {
    /// Growth: 4 pods or 100 % in 15 s, whichever is more, no window.
    pub fn default_scale_up() -> Self {
        Self {
            window: Seconds::ZERO,
            select: SelectPolicy::Max,
            policies: vec![RatePolicy::pods(4, 15), RatePolicy::percent(100, 15)],
            tolerance: DEFAULT_TOLERANCE,
        }
    }

    /// Shrinking: 100 % in 15 s behind a window of 300 s.
    pub fn default_scale_down() -> Self {
        Self {
            window: Seconds::new(300),
            select: SelectPolicy::Max,
            policies: vec![RatePolicy::percent(100, 15)],
            tolerance: DEFAULT_TOLERANCE,
        }
    }
}

/// 0.1, the default of `--horizontal-pod-autoscaler-tolerance`.
pub const DEFAULT_TOLERANCE: Quantity = Quantity::from_millis(100);

/// Which policy of several wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum SelectPolicy {
    /// The one that allows the most change.
    #[default]
    Max,
    /// The one that allows the least change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// One rate policy: so much within a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RatePolicy {
    /// Pods or percent.
    pub unit: RateUnit,
    /// How many, at least 1.
    pub value: u32,
    /// Within which time, 1 to 1800 s.
    pub period: Seconds,
}

impl RatePolicy {
    /// So many pods within a period.
    pub const fn pods(value: u32, period: u32) -> Self {
        Self {
            unit: RateUnit::Pods,
            value,
            period: Seconds::new(period),
        }
    }

    /// So many percent within a period.
    pub const fn percent(value: u32, period: u32) -> Self {
        Self {
            unit: RateUnit::Percent,
            value,
            period: Seconds::new(period),
        }
    }
}

/// The unit of a rate policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateUnit {
    /// Replicas.
    Pods,
    /// Percent of the count at the start of the period.
    Percent,
}

/// Rest after a change. `up` runs from the last growth, `down` from the last change of either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cooldown {
    /// No growth for so long after a growth.
    pub up: Seconds,
    /// No shrinking for so long after any change.
    pub down: Seconds,
}

/// A floor for when no metric could be read for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallback {
    /// For how long none could be read.
    pub after: Seconds,
    /// The floor. It never shrinks anything.
    pub min_replicas: Replicas,
}
