//! Step 1: what the world looks like. Reads the watches and Prometheus, and the API server only where a watch cannot
//! tell. Changes nothing.

mod sole_writer;

use std::collections::BTreeSet;
use std::time::Duration;

use autoscaler_api::ScaleTargetRef;
use autoscaler_api::conditions::reason;
use autoscaler_core::observation::allowed_skew;
use autoscaler_core::per_pod::{Pod, PodSample};
use autoscaler_core::{Failure, FailureClass, MetricReading, Observation, Reading, Replicas, Rollout, Standing};
use autoscaler_promql::{OfPods, OwnSeries};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::context::Context;
use crate::pods::PodsError;
use crate::prepared::{EffectiveMode, Prepared, PreparedMetric};
use crate::subject::Subject;
use crate::target::{TargetError, TargetView, deadline_of};
pub(super) use sole_writer::contended;
use sole_writer::sole_writer;

/// What was found.
#[derive(Debug)]
pub(crate) enum Observed {
    /// Everything that a decision needs.
    Seen(Box<Seen>),
    /// Something that stands in the way of any decision.
    Blocked(Box<Blocked>),
}

/// Everything that a decision needs.
#[derive(Debug)]
pub(crate) struct Seen {
    /// For the core.
    pub observation: Observation,
    /// The target as found.
    pub target: TargetView,
    /// What the target is called.
    pub reference: ScaleTargetRef,
    /// Where it is.
    pub namespace: String,
    /// What is prepared of the spec.
    pub prepared: Prepared,
    /// What may be done.
    pub mode: EffectiveMode,
    /// When.
    pub now: Timestamp,
}

/// Why nothing can be decided.
#[derive(Debug, Clone)]
pub(crate) struct Blocked {
    /// A reason of the table.
    pub reason: &'static str,
    /// With names and numbers.
    pub message: String,
    /// The target, if it was found.
    pub target: Option<TargetView>,
    /// When.
    pub now: Timestamp,
}

/// Observes.
pub(crate) async fn observe(context: &Context, subject: &mut Subject) -> Observed {
    let now = subject.now(&context.clock);
    match seen(context, subject, now).await {
        Ok(seen) => Observed::Seen(Box::new(seen)),
        Err(obstacle) => {
            if !obstacle.is_passing() {
                // Nothing asks about them any more.
                subject.pods = None;
            }
            let Obstacle {
                reason,
                message,
                target,
            } = obstacle;
            Observed::Blocked(Box::new(Blocked {
                reason,
                message,
                target: target.map(|target| *target),
                now,
            }))
        }
    }
}

/// What stands in the way of any decision.
#[derive(Debug)]
struct Obstacle {
    reason: &'static str,
    message: String,
    target: Option<Box<TargetView>>,
}

impl Obstacle {
    fn new(reason: &'static str, message: String) -> Self {
        Self {
            reason,
            message,
            target: None,
        }
    }

    /// Whether it may be over at the next evaluation, without anybody doing anything.
    fn is_passing(&self) -> bool {
        [
            reason::WAITING_FOR_CACHE,
            reason::FAILED_GET_SCALE,
            reason::RIVALS_UNKNOWN,
        ]
        .contains(&self.reason)
    }

    fn to(self, target: &TargetView) -> Self {
        Self {
            target: Some(Box::new(target.clone())),
            ..self
        }
    }
}

async fn seen(context: &Context, subject: &mut Subject, now: Timestamp) -> Result<Seen, Obstacle> {
    let (prepared, mode, reference) = intention(context, subject)?;
    let target = target(context, subject, &reference).await.map_err(Obstacle::from)?;
    subject.belongs_to(&target.uid);
    // Who merely reports need not be alone.
    if mode == EffectiveMode::Active {
        let alone = sole_writer(context, subject, &reference, &target, now).await;
        alone.map_err(|obstacle| obstacle.to(&target))?;
    }
    let rollout = rollout(subject, &target, now);
    let namespace = subject.snapshot.namespace.clone();
    let pods = pods(context, subject, &prepared, &target).await;
    let deadline = Instant::now() + query_time(context, prepared.interval);
    let own = OwnPods::of(&namespace, &pods);
    let read = |metric| read(context, metric, &own, (now, deadline));
    let readings = join_all(prepared.metrics.iter().map(read)).await;
    let observation = Observation {
        replicas: target.replicas.unwrap_or(Replicas::ZERO),
        ready: target.ready,
        pods: pods.ok().flatten(),
        rollout,
        readings,
        clock_skew: clock_skew(context, &prepared),
        standing: match mode {
            EffectiveMode::Active => Standing::Acts,
            EffectiveMode::DryRun | EffectiveMode::Paused => Standing::Reports,
        },
    };
    Ok(Seen {
        observation,
        target,
        reference,
        namespace,
        prepared,
        mode,
        now,
    })
}

/// What is wanted of us, if anything is and it makes sense.
fn intention(context: &Context, subject: &Subject) -> Result<(Prepared, EffectiveMode, ScaleTargetRef), Obstacle> {
    let prepared = subject.prepared.clone();
    let prepared = prepared.map_err(|error| Obstacle::new(reason::INVALID_SPEC, error.to_string()))?;
    if let Some(refused) = &subject.refused {
        return Err(Obstacle::new(reason::OUTDATED_DEFINITION, refused.to_string()));
    }
    let mode = subject.mode(context.settings.max_mode);
    if mode == EffectiveMode::Paused {
        return Err(Obstacle::new(reason::PAUSED, paused(context)));
    }
    let spec = subject.snapshot.spec().expect("what is prepared was parsed");
    Ok((prepared, mode, spec.scale_target_ref.clone()))
}

fn rollout(subject: &mut Subject, target: &TargetView, now: Timestamp) -> Option<Rollout> {
    let Some(rollout) = target.rollout else {
        subject.rollout_since = None;
        return None;
    };
    Some(deadline_of(rollout, *subject.rollout_since.get_or_insert(now)))
}

/// The target from the watch; live if the watch contradicts what we know, for it may lag behind a write of ours.
async fn target(context: &Context, subject: &Subject, reference: &ScaleTargetRef) -> Result<TargetView, TargetError> {
    let namespace = &subject.snapshot.namespace;
    let watched = context.targets.watched(reference, namespace).await?;
    let same = subject.target_uid.as_deref().is_none_or(|uid| uid == watched.uid);
    if same
        && subject
            .history
            .last_replicas
            .is_none_or(|known| watched.replicas == Some(known))
    {
        return Ok(watched);
    }
    context.targets.live(reference, namespace).await
}

impl From<TargetError> for Obstacle {
    fn from(error: TargetError) -> Self {
        let reason = match &error {
            TargetError::NotFound { .. } => reason::TARGET_NOT_FOUND,
            TargetError::UnknownKind { .. } | TargetError::NoScale { .. } | TargetError::NotNamespaced { .. } => {
                reason::TARGET_HAS_NO_SCALE
            }
            TargetError::Forbidden(_) => reason::FORBIDDEN,
            TargetError::NotSynced { .. } => reason::WAITING_FOR_CACHE,
            TargetError::Call(_)
            | TargetError::Unanswered(_)
            | TargetError::Undone { .. }
            | TargetError::Undiscovered { .. }
            | TargetError::Unsettled { .. } => reason::FAILED_GET_SCALE,
        };
        Self::new(reason, error.to_string())
    }
}

fn paused(context: &Context) -> String {
    match context.settings.max_mode {
        crate::args::MaxMode::Paused => "the operator runs with --max-mode=paused: nothing is measured".to_owned(),
        crate::args::MaxMode::Active | crate::args::MaxMode::DryRun => {
            "mode is Paused: nothing is measured or decided".to_owned()
        }
    }
}

/// The target's own pods, looked after from the first evaluation that needs them to the first that does not.
async fn pods(
    context: &Context,
    subject: &mut Subject,
    prepared: &Prepared,
    target: &TargetView,
) -> Result<Option<Vec<Pod>>, PodsError> {
    if !prepared.is_per_pod() {
        subject.pods = None;
        return Ok(None);
    }
    let Some(selector) = &target.selector else {
        subject.pods = None;
        return Err(PodsError::NoSelector);
    };
    let pods = match subject.pods.take() {
        Some(pods) if pods.are_of(&target.uid, selector) => pods,
        // They hold the watch until there are others.
        before => {
            let pods = context
                .pods
                .of_target(&subject.snapshot.namespace, &target.uid, selector)?;
            drop(before);
            pods
        }
    };
    let pods = subject.pods.insert(pods);
    let replicas = target.replicas.unwrap_or(Replicas::ZERO);
    context.pods.owned(pods, replicas).await.map(Some)
}

/// Whose series a metric of every pod is read from.
struct OwnPods<'a> {
    namespace: &'a str,
    pods: Result<BTreeSet<&'a str>, &'a PodsError>,
}

impl<'a> OwnPods<'a> {
    fn of(namespace: &'a str, pods: &'a Result<Option<Vec<Pod>>, PodsError>) -> Self {
        let names = |pods: &'a Option<Vec<Pod>>| pods.iter().flatten().map(|pod| pod.name.as_str()).collect();
        Self {
            namespace,
            pods: pods.as_ref().map(names),
        }
    }
}

async fn read(
    context: &Context,
    metric: &PreparedMetric,
    own: &OwnPods<'_>,
    (now, deadline): (Timestamp, Instant),
) -> MetricReading {
    let failed = |failure| MetricReading::one(metric.name.as_str(), Reading::Failed(failure));
    let (prometheus, query) = match (&context.prometheus, &metric.query) {
        (Some(prometheus), Some(query)) => (prometheus, query),
        (None, Some(_)) => return failed(Failure::of(FailureClass::SourceNotConfigured)),
        (_, None) => return failed(Failure::of(FailureClass::UnknownMetricKind)),
    };
    let Some(labels) = &metric.per_pod else {
        return MetricReading::one(metric.name.as_str(), prometheus.read(query, deadline).await);
    };
    let pods = match &own.pods {
        Ok(pods) => pods,
        Err(error) => return failed(Failure::of(FailureClass::PodsUnknown).because(error.to_string())),
    };
    let series = OwnSeries {
        labels,
        namespace: own.namespace,
        pods,
    };
    let OfPods { reading, amounts } = prometheus.read_pods(query, series, deadline).await;
    let since = now.saturating_sub(query.spans()).unwrap_or(now);
    let sample = |(pod, value)| (pod, PodSample { value, since });
    MetricReading {
        name: metric.name.clone(),
        reading,
        pods: Some(amounts.into_iter().map(sample).collect()),
    }
}

/// The deadline of all queries of an evaluation lies below its interval, so that evaluations never pile up.
pub(super) fn query_time(context: &Context, interval: Duration) -> Duration {
    context.settings.query_timeout.min(interval.mul_f64(0.8))
}

fn clock_skew(context: &Context, prepared: &Prepared) -> Option<SignedDuration> {
    let skew = context.clock.skew();
    (skew.abs() > allowed_skew(prepared.policy.interval)).then_some(skew)
}

#[cfg(test)]
mod tests;
