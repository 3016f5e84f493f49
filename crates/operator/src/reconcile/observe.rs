//! Step 1: what the world looks like. Reads the watches and Prometheus, and the API server only where a watch cannot
//! tell. Changes nothing.

use std::time::Duration;

use autoscaler_api::ScaleTargetRef;
use autoscaler_api::conditions::reason;
use autoscaler_core::{Failure, FailureClass, MetricReading, Observation, Reading, Replicas, Standing, explain};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::context::Context;
use crate::prepared::{EffectiveMode, Prepared, PreparedMetric};
use crate::rivals::{Contender, Rivalry};
use crate::subject::Subject;
use crate::target::{TargetError, TargetView, deadline_of};

/// Clock skew that is always tolerated (R17).
const SKEW_ALLOWED: SignedDuration = SignedDuration::from_secs(5);

/// What was found.
#[derive(Debug)]
pub enum Observed {
    /// Everything that a decision needs.
    Seen(Box<Seen>),
    /// Something that stands in the way of any decision.
    Blocked(Box<Blocked>),
}

/// Everything that a decision needs.
#[derive(Debug)]
pub struct Seen {
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
pub struct Blocked {
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
pub async fn observe(context: &Context, subject: &mut Subject) -> Observed {
    let now = subject.now(&context.clock);
    match seen(context, subject, now).await {
        Ok(seen) => Observed::Seen(Box::new(seen)),
        Err(blocked) => Observed::Blocked(Box::new(blocked)),
    }
}

async fn seen(context: &Context, subject: &mut Subject, now: Timestamp) -> Result<Seen, Blocked> {
    let blocked = |reason, message: String| Blocked {
        reason,
        message,
        target: None,
        now,
    };
    let prepared = subject
        .prepared
        .clone()
        .map_err(|error| blocked(reason::INVALID_SPEC, error.to_string()))?;
    if let Some(refused) = &subject.refused {
        return Err(blocked(reason::OUTDATED_DEFINITION, refused.to_string()));
    }
    let mode = subject.mode(context.settings.max_mode);
    if mode == EffectiveMode::Paused {
        return Err(blocked(reason::PAUSED, paused(context)));
    }
    let autoscaler = subject.snapshot.autoscaler().expect("what is prepared was parsed");
    let reference = autoscaler.spec.scale_target_ref.clone();
    let target = target(context, subject, &reference)
        .await
        .map_err(|error| unreachable_target(&error, now))?;
    subject.belongs_to(&target.uid);
    sole_writer(context, subject, &reference, &target, mode, now).await?;

    if target.rollout.is_none() {
        subject.rollout_since = None;
    }
    let rollout = target
        .rollout
        .map(|rollout| deadline_of(rollout, *subject.rollout_since.get_or_insert(now)));
    let deadline = Instant::now() + query_time(context, prepared.interval);
    let readings = join_all(prepared.metrics.iter().map(|metric| read(context, metric, deadline))).await;
    let observation = Observation {
        replicas: target.replicas.unwrap_or(Replicas::ZERO),
        ready: target.ready,
        rollout,
        readings,
        clock_skew: clock_skew(context, prepared.interval),
        standing: if mode == EffectiveMode::Active {
            Standing::Acts
        } else {
            Standing::Reports
        },
    };
    let namespace = subject.snapshot.namespace.clone();
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

fn unreachable_target(error: &TargetError, now: Timestamp) -> Blocked {
    let reason = match error {
        TargetError::NotFound { .. } => reason::TARGET_NOT_FOUND,
        TargetError::UnknownKind { .. } | TargetError::NoScale { .. } => reason::TARGET_HAS_NO_SCALE,
        TargetError::Forbidden { .. } => reason::FORBIDDEN,
        TargetError::Unreachable { .. } | TargetError::NotSynced { .. } => reason::FAILED_GET_SCALE,
    };
    Blocked {
        reason,
        message: error.to_string(),
        target: None,
        now,
    }
}

/// Nobody else writes the size (R22). Who merely reports need not be alone.
async fn sole_writer(
    context: &Context,
    subject: &Subject,
    reference: &ScaleTargetRef,
    target: &TargetView,
    mode: EffectiveMode,
    now: Timestamp,
) -> Result<(), Blocked> {
    if mode != EffectiveMode::Active {
        return Ok(());
    }
    let blocked = |reason, message: String| Blocked {
        reason,
        message,
        target: Some(target.clone()),
        now,
    };
    let me = Contender::of(&subject.snapshot, reference);
    match context.rivals.of(&subject.snapshot.namespace, &me).await {
        Rivalry::None => {}
        Rivalry::Rival(rival) => {
            let message = format!(
                "{} {} is scaled by {}: this one writes nothing",
                reference.kind,
                reference.name,
                rival.describe()
            );
            return Err(blocked(reason::TARGET_CONFLICT, message));
        }
        Rivalry::Unknown => {
            let message = "waiting to learn whether another autoscaler scales the target".to_owned();
            return Err(blocked(reason::FAILED_GET_SCALE, message));
        }
        Rivalry::Forbidden { resource } => {
            let message = format!(
                "the operator may not list and watch {resource}, so it cannot tell whether one scales the target: apply \
                 config/rbac"
            );
            return Err(blocked(reason::FORBIDDEN, message));
        }
    }
    if let Some(owner) = &target.owner {
        let message = format!(
            "{} {} is managed by {} {}, which sets its size: point scaleTargetRef at that one",
            reference.kind, reference.name, owner.kind, owner.name
        );
        return Err(blocked(reason::TARGET_MANAGED, message));
    }
    if target.terminating {
        let message = format!("{} {} is being deleted", reference.kind, reference.name);
        return Err(blocked(reason::TARGET_NOT_FOUND, message));
    }
    if let Some(manager) = &target.applied_by {
        let message = format!(
            "{manager} applies spec.replicas of {} {} and would put its number back: leave replicas out of what it \
             applies",
            reference.kind, reference.name
        );
        return Err(blocked(reason::CONTENDED, message));
    }
    match subject.history.changes.contention(now) {
        Some(contention) => Err(blocked(reason::CONTENDED, contended(target, contention))),
        None => Ok(()),
    }
}

/// What is said of a fight over the size.
pub(super) fn contended(target: &TargetView, contention: autoscaler_core::history::Contention) -> String {
    let manager = target.last_set_by.as_deref().unwrap_or("another writer");
    format!(
        "{manager} took our change of the size back {} times within ten minutes: nothing is written until {}",
        contention.reversals,
        explain::time(contention.until)
    )
}

fn paused(context: &Context) -> String {
    match context.settings.max_mode {
        crate::args::MaxMode::Paused => "the operator runs with --max-mode=paused: nothing is measured".to_owned(),
        crate::args::MaxMode::Active | crate::args::MaxMode::DryRun => {
            "mode is Paused: nothing is measured or decided".to_owned()
        }
    }
}

async fn read(context: &Context, metric: &PreparedMetric, deadline: Instant) -> MetricReading {
    let reading = match (&context.prometheus, &metric.query) {
        (Some(prometheus), Some(query)) => prometheus.read(query, deadline).await,
        (None, Some(_)) => Reading::Failed(Failure::of(FailureClass::SourceNotConfigured)),
        (_, None) => Reading::Failed(Failure::of(FailureClass::UnknownMetricKind)),
    };
    MetricReading {
        name: metric.name.clone(),
        reading,
    }
}

/// The deadline of all queries of an evaluation lies below its interval, so that evaluations never pile up.
pub(super) fn query_time(context: &Context, interval: Duration) -> Duration {
    context.settings.query_timeout.min(interval.mul_f64(0.8))
}

fn clock_skew(context: &Context, interval: Duration) -> Option<SignedDuration> {
    let allowed = SignedDuration::try_from(interval)
        .unwrap_or(SignedDuration::MAX)
        .max(SKEW_ALLOWED);
    let skew = context.clock.skew();
    (skew.abs() > allowed).then_some(skew)
}
