//! The setting of one row, and the comparison with what the HPA does there.

use autoscaler_core::per_pod::WarmUp;
use autoscaler_core::{
    Bounds, Change, ChangeCause, Cooldown, Decision, Direction, Evidence, Failure, FailureClass, History, LimitCause,
    MetricPolicy, MetricReading, Observation, Policy, Quantity, RatePolicy, Reading, Replicas, ScalingRules, Seconds,
    Standing, Target, TargetKind, WhenMissing, WhenNan, decide, policy::GROWTH_SETTLE,
};
use jiff::{SignedDuration, Timestamp};

use super::differences;
use super::pods::{CPU, Pods};

/// The instant at which rows are decided, some seconds on.
pub(super) fn at(seconds: i64) -> Timestamp {
    const NOW: i64 = 1_795_348_000;
    Timestamp::from_second(NOW + seconds).expect("a time of this century")
}

/// Holds the count that a row gives against the HPA's, or against ours where `differences` has the row.
#[track_caller]
pub(super) fn judge(id: &str, ours: u32, hpa: u32) {
    match differences::find(id) {
        None => assert_eq!(ours, hpa, "{id}: we decide {ours}, the HPA {hpa}"),
        Some(difference) => {
            assert_eq!(
                hpa, difference.hpa,
                "{id}: the row and the difference disagree about the HPA"
            );
            assert_eq!(
                ours, difference.ours,
                "{id}: we decide {ours}, the difference says {}",
                difference.ours
            );
        }
    }
}

/// The HPA's condition `ScalingLimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limited {
    DesiredWithinRange,
    TooFewReplicas,
    TooManyReplicas,
    ScaleUpLimit,
    ScaleDownLimit,
    /// Ours: the HPA says `ScalingActive=False` instead, with the error of the first metric that failed.
    ScaleDownBlockedByMetric,
}

impl Limited {
    /// What the trail of a decision amounts to. The window is no limit in this sense: the HPA tells it in `AbleToScale`.
    pub(super) fn of(decision: &Decision) -> Self {
        let causes = decision.limits().map(|limit| &limit.cause);
        causes
            .filter_map(|cause| match cause {
                LimitCause::Min => Some(Self::TooFewReplicas),
                LimitCause::Max => Some(Self::TooManyReplicas),
                LimitCause::Rate { direction } | LimitCause::Disabled { direction } => Some(match direction {
                    Direction::Up => Self::ScaleUpLimit,
                    Direction::Down => Self::ScaleDownLimit,
                }),
                LimitCause::MetricNotFresh { .. } => Some(Self::ScaleDownBlockedByMetric),
                LimitCause::Window { .. } => None,
                other => panic!("no row is about {other:?}"),
            })
            .next_back()
            .unwrap_or(Self::DesiredWithinRange)
    }
}

/// What a metric of every pod measures.
#[derive(Debug, Clone, Copy)]
pub(super) enum Metric {
    /// `cpu N%`, and `ctr N%` of one container, which is the same to us.
    Cpu(i64),
    /// `pods N`.
    Pods(i64),
}

/// Rules without window and without limit, and the default tolerance.
pub(super) fn free(mut rules: ScalingRules) -> ScalingRules {
    rules.window = Seconds::ZERO;
    rules.policies = vec![RatePolicy::pods(u32::MAX, 15)];
    rules
}

/// A policy, an observation and a memory that has acted on the present count for long and remembers nothing else.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) policy: Policy,
    pub(super) observation: Observation,
    pub(super) history: History,
}

impl Row {
    /// So many replicas, all ready, between 1 and what fits; no metric yet.
    pub(super) fn at(replicas: u32) -> Self {
        let replicas = Replicas::new(replicas);
        let mut history = History::default();
        history.last_replicas = Some(replicas);
        history.acting = true;
        Self {
            policy: Policy {
                bounds: Bounds::new(Replicas::new(1), Replicas::MAX).expect("1 is not above the maximum"),
                metrics: Vec::new(),
                scale_up: free(ScalingRules::default_scale_up()),
                scale_down: free(ScalingRules::default_scale_down()),
                cooldown: Cooldown::default(),
                fallback: None,
                interval: Seconds::new(15),
                growth_settle: GROWTH_SETTLE,
            },
            observation: Observation {
                replicas,
                ready: Some(replicas),
                pods: None,
                rollout: None,
                readings: Vec::new(),
                clock_skew: None,
                standing: Standing::Acts,
            },
            history,
        }
    }

    pub(super) fn bounds(mut self, min: u32, max: u32) -> Self {
        self.policy.bounds =
            Bounds::new(Replicas::new(min), Replicas::new(max)).expect("the bounds of the row are valid");
        self
    }

    /// The tolerance downwards and upwards.
    pub(super) fn tolerance(mut self, down: &str, up: &str) -> Self {
        self.policy.scale_down.tolerance = quantity(down);
        self.policy.scale_up.tolerance = quantity(up);
        self
    }

    /// The rules of both directions: `behavior` as given.
    pub(super) fn rules(mut self, up: ScalingRules, down: ScalingRules) -> Self {
        (self.policy.scale_up, self.policy.scale_down) = (up, down);
        self
    }

    /// The API defaults of both directions: `behavior: {}`.
    pub(super) fn default_rules(self) -> Self {
        self.rules(ScalingRules::default_scale_up(), ScalingRules::default_scale_down())
    }

    pub(super) fn ready(mut self, ready: u32) -> Self {
        self.observation.ready = Some(Replicas::new(ready));
        self
    }

    /// A metric with a target and a value, in thousandths as the table has them.
    pub(super) fn metric(self, kind: TargetKind, target: i64, value: i64) -> Self {
        let reading = Reading::Fresh {
            value: Quantity::from_millis(value),
            evidence: Evidence::Probed,
        };
        self.reading(kind, Quantity::from_millis(target), reading)
    }

    /// A `value` metric.
    pub(super) fn value(self, target: i64, value: i64) -> Self {
        self.metric(TargetKind::Value, target, value)
    }

    /// An `averageValue` metric with the total.
    pub(super) fn average(self, target: i64, total: i64) -> Self {
        self.metric(TargetKind::AverageValue, target, total)
    }

    /// A metric that cannot be read.
    pub(super) fn failing(self, class: FailureClass) -> Self {
        self.reading(
            TargetKind::Value,
            Quantity::from_units(1),
            Reading::Failed(Failure::of(class)),
        )
    }

    /// A metric that asks for exactly this count, for rows that begin with a desired count.
    pub(super) fn wants(self, replicas: u32) -> Self {
        self.tolerance("0", "0").average(1_000, i64::from(replicas) * 1_000)
    }

    fn reading(mut self, kind: TargetKind, target: Quantity, reading: Reading) -> Self {
        let name = self.add(kind, target, WarmUp::Sample);
        self.observation.readings.push(MetricReading::one(name, reading));
        self
    }

    /// A metric of every pod, and the pods it is about, which are all that the target has.
    pub(super) fn of_pods(mut self, metric: Metric, pods: Pods) -> Self {
        let name = match metric {
            Metric::Cpu(percent) => self.add(TargetKind::Utilization, Quantity::from_units(percent), CPU),
            Metric::Pods(millis) => {
                let target = Quantity::from_millis(millis);
                self.add(TargetKind::AverageValue, target, WarmUp::Sample)
            }
        };
        let total = pods.samples.values().map(|sample| sample.value.nanos()).sum();
        self.observation.readings.push(MetricReading {
            name,
            reading: Reading::Fresh {
                value: Quantity::from_nanos(total),
                evidence: Evidence::Probed,
            },
            pods: Some(pods.samples),
        });
        self.observation.pods = Some(pods.pods);
        self
    }

    /// One more metric of the policy, and its name.
    fn add(&mut self, kind: TargetKind, target: Quantity, warm_up: WarmUp) -> String {
        let name = format!("metric-{}", self.policy.metrics.len());
        self.policy.metrics.push(MetricPolicy {
            target: Some(Target::new(&name, kind, target).expect("the targets of the table are above zero")),
            name: name.clone(),
            when_missing: WhenMissing::Hold,
            when_nan: WhenNan::Hold,
            look_back: Seconds::new(60),
            warm_up,
        });
        name
    }

    /// Changes of ours that led to the present count, the oldest first, as (difference, age in milliseconds).
    pub(super) fn changes(mut self, changes: impl IntoIterator<Item = (i64, i64)>) -> Self {
        for (difference, age) in changes {
            let count = i64::from(self.observation.replicas.get());
            let change = Change {
                from: Replicas::saturating(i128::from(count - difference)),
                to: self.observation.replicas,
                at: at(0) - SignedDuration::from_millis(age),
                cause: ChangeCause::Ours,
            };
            self.history.record_change(change, &self.policy);
        }
        self
    }

    /// Recommendations of the past as (count, age in seconds), the oldest first.
    pub(super) fn recommended(mut self, recommendations: &[(u32, i64)]) -> Self {
        for (count, age) in recommendations {
            let (count, then) = (Replicas::new(*count), at(-age));
            self.history.shrink.record(count, then, self.policy.scale_down.window);
            self.history.growth.record(count, then, self.policy.scale_up.window);
        }
        self
    }

    /// An autoscaler that was just created: nothing is remembered.
    pub(super) fn new_object(mut self) -> Self {
        self.history = History::default();
        self
    }

    pub(super) fn decide(&self) -> Decision {
        decide(&self.policy, &self.observation, &self.history, at(0))
    }

    pub(super) fn desired(&self) -> u32 {
        self.decide().desired.get()
    }
}

pub(super) fn quantity(text: &str) -> Quantity {
    text.parse().expect("the quantities of the table are valid")
}
