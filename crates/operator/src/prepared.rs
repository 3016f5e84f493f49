//! What a spec comes down to: a policy for the core, queries for Prometheus, and what the installation allows. Pure.

use std::time::Duration;

use autoscaler_api::{Metric, MetricAutoscalerSpec, Mode, SpecError, WhenMissing, WhenNan, convert};
use autoscaler_core::{Policy, Seconds};
use autoscaler_promql::{PlanError, PlannedQuery, PodLabels};
use jiff::SignedDuration;

use crate::args::MaxMode;

/// What may be done, after the operator's own `--max-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EffectiveMode {
    /// Decide and scale.
    Active,
    /// Decide and report.
    DryRun,
    /// Neither.
    Paused,
}

impl EffectiveMode {
    /// The more cautious of what the object and the installation allow.
    pub(crate) fn of(mode: Mode, most: MaxMode) -> Self {
        match (mode, most) {
            (Mode::Paused, _) | (_, MaxMode::Paused) => Self::Paused,
            (Mode::DryRun, _) | (_, MaxMode::DryRun) => Self::DryRun,
            (Mode::Active, MaxMode::Active) => Self::Active,
        }
    }
}

/// What a spec comes down to, prepared once per generation.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// For the core.
    pub policy: Policy,
    /// For Prometheus, in the order of the spec.
    pub metrics: Vec<PreparedMetric>,
    /// How often it is evaluated, after the operator's own minimum.
    pub interval: Duration,
    /// The interval asked for is shorter than the operator allows.
    pub clamped: bool,
}

/// One metric, ready to be asked for.
#[derive(Debug, Clone)]
pub(crate) struct PreparedMetric {
    /// Its name.
    pub name: String,
    /// Its query; none for a kind that this version does not know.
    pub query: Option<PlannedQuery>,
    /// The largest age of a sample.
    pub max_sample_age: SignedDuration,
    /// The labels that tell pods apart, if it answers with one series for each.
    pub per_pod: Option<PodLabels>,
}

impl Prepared {
    /// Prepares a spec.
    pub(crate) fn of(spec: &MetricAutoscalerSpec, min_interval: Duration) -> Result<Self, SpecError> {
        let metrics: Vec<PreparedMetric> = spec.metrics.iter().map(PreparedMetric::of).collect();
        let look_back = |metric: &Metric| {
            let prepared = metrics.iter().find(|prepared| prepared.name == metric.name);
            prepared
                .and_then(|prepared| prepared.query.as_ref())
                .map_or(Seconds::ZERO, PlannedQuery::look_back_seconds)
        };
        let mut policy = convert::policy(spec, look_back)?;
        let wanted = Duration::from_secs(u64::from(policy.interval.get()));
        let interval = wanted.max(min_interval);
        policy.interval = Seconds::new(u32::try_from(interval.as_secs().max(1)).unwrap_or(u32::MAX));
        Ok(Self {
            policy,
            metrics,
            interval,
            clamped: interval > wanted,
        })
    }

    /// Whether the pods of the target have to be known.
    pub(crate) fn is_per_pod(&self) -> bool {
        self.metrics.iter().any(|metric| metric.per_pod.is_some())
    }

    /// Whether a query could not be planned for a reason that passes, such as a limit on threads: it is to be prepared
    /// again, for how far it looks back is not known either.
    pub(crate) fn is_unfinished(&self) -> bool {
        let mut queries = self.metrics.iter().filter_map(|metric| metric.query.as_ref());
        queries.any(|query| query.plan().is_err_and(PlanError::is_passing))
    }
}

impl PreparedMetric {
    fn of(metric: &Metric) -> Self {
        let Some(prometheus) = &metric.prometheus else {
            return Self {
                name: metric.name.clone(),
                query: None,
                max_sample_age: SignedDuration::ZERO,
                per_pod: None,
            };
        };
        let planned = PlannedQuery::new(&prometheus.query, prometheus.look_back());
        let wants_proof = metric.when_missing == Some(WhenMissing::Zero) || metric.when_nan == Some(WhenNan::Zero);
        let query = if wants_proof {
            planned.with_proof_of_absence()
        } else {
            planned
        };
        let max_sample_age = prometheus.max_sample_age(query.look_back_seconds()).duration();
        Self {
            name: metric.name.clone(),
            query: Some(query),
            max_sample_age,
            per_pod: prometheus.per_pod.as_ref().map(|labels| PodLabels {
                pod: labels.pod_label().to_owned(),
                namespace: labels.namespace_label().to_owned(),
            }),
        }
    }
}
