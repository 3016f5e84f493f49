//! Step 4: what was done becomes status, events, metrics and one line of log.

mod outdated;
pub mod status;

use autoscaler_api::conditions::reason;
use autoscaler_api::{GROUP, KIND, MetricAutoscalerStatus, VERSION};
use autoscaler_core::explain;
use jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::json;

use super::act::Acted;
use super::observe::Blocked;
use crate::context::Context;
use crate::events::Happening;
use crate::gate::CallError;
use crate::metrics::{EvaluationOutcome, Gauges, ObjectName};
use crate::subject::{Snapshot, Subject};
use crate::target::FIELD_MANAGER;
pub use outdated::Refused;
use status::{ConditionChange, is_material};

/// Reports.
pub async fn report(context: &Context, subject: &mut Subject, acted: Acted) -> EvaluationOutcome {
    let now = match &acted {
        Acted::Blocked(blocked) => blocked.now,
        Acted::Held(decided)
        | Acted::Scaled { decided, .. }
        | Acted::Superseded { decided }
        | Acted::Failed { decided, .. } => decided.seen.now,
    };
    let next = status::after(subject, &acted, now);
    let changes = news(subject, &next);
    log(subject, &acted, &changes);
    gauge(context, subject, &acted);
    if let Some(refused) = subject.refused.take() {
        // The definition may have been updated meanwhile.
        subject.flushed = write(context, subject, &refused.again(&next)).await;
        if !subject.flushed {
            subject.refused.get_or_insert(refused);
            if !ConditionChange::between(&subject.written.conditions, &next.conditions).is_empty() {
                report_refused(context, subject, now).await;
            }
        }
        return outcome(&acted);
    }
    if is_material(&subject.written, &next, now) {
        subject.flushed = write(context, subject, &next).await;
    }
    tell(context, subject, &acted, &changes, now).await;
    if subject.refused.is_some() {
        report_refused(context, subject, now).await;
    }
    outcome(&acted)
}

/// What is to be told in log and events: each change once, whether or not the status can be written.
fn news(subject: &mut Subject, next: &MetricAutoscalerStatus) -> Vec<ConditionChange> {
    let changes = ConditionChange::between(&subject.told, &next.conditions);
    subject.told.clone_from(&next.conditions);
    changes
}

/// The status was refused for what the definition lacks: says so with what was accepted before.
async fn report_refused(context: &Context, subject: &mut Subject, now: Timestamp) {
    let message = subject.refused.as_ref().map(ToString::to_string).unwrap_or_default();
    let blocked = Blocked {
        reason: reason::OUTDATED_DEFINITION,
        message,
        target: None,
        now,
    };
    let acted = Acted::Blocked(Box::new(blocked));
    let accepted = MetricAutoscalerStatus {
        conditions: status::after(subject, &acted, now).conditions,
        ..subject.written.clone()
    };
    let changes = news(subject, &accepted);
    log(subject, &acted, &changes);
    write(context, subject, &accepted).await;
    tell(context, subject, &acted, &changes, now).await;
}

fn outcome(acted: &Acted) -> EvaluationOutcome {
    match acted {
        Acted::Held(_) => EvaluationOutcome::Unchanged,
        Acted::Scaled { .. } => EvaluationOutcome::Changed,
        Acted::Blocked(_) => EvaluationOutcome::Inert,
        Acted::Superseded { .. } | Acted::Failed { .. } => EvaluationOutcome::Failed,
    }
}

/// Applies the whole status with the version it belongs to (R21). On a conflict the object is read once more: if nobody
/// else has written its status, only the version was old.
async fn write(context: &Context, subject: &mut Subject, next: &MetricAutoscalerStatus) -> bool {
    let mut result = apply(context, subject, next).await;
    if let Err(error) = &result
        && error.code() == Some(409)
        && refresh_version(context, subject).await
    {
        result = apply(context, subject, next).await;
    }
    context.metrics.status_written(&result);
    match result {
        Ok(version) => {
            subject.resource_version = version;
            subject.written = next.clone();
            subject.unanswered = None;
            true
        }
        Err(error) if error.is_not_found() => true,
        Err(error) => {
            subject.refused = subject.refused.take().or_else(|| Refused::of(next, &error));
            if error.is_unknown() {
                subject.unanswered.clone_from(&next.history);
            }
            let (namespace, name) = (&subject.snapshot.namespace, &subject.snapshot.name);
            tracing::warn!(%namespace, %name, category = error.category(), "failed to write status");
            false
        }
    }
}

async fn apply(context: &Context, subject: &Subject, next: &MetricAutoscalerStatus) -> Result<String, CallError> {
    let snapshot = &subject.snapshot;
    let body = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": {"name": snapshot.name, "uid": snapshot.uid, "resourceVersion": subject.resource_version},
        "status": next,
    });
    let api = autoscalers(context, &snapshot.namespace);
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&body);
    let written = context
        .gate
        .write("write status", api.patch_status(&snapshot.name, &parameters, &patch))
        .await?;
    Ok(written.metadata.resource_version.unwrap_or_default())
}

/// Takes the present version over. Returns whether the status is still the one that we wrote: if it is not, the next
/// evaluation decides, and writes, with a memory that may not be whole.
async fn refresh_version(context: &Context, subject: &mut Subject) -> bool {
    let (namespace, name) = (&subject.snapshot.namespace, &subject.snapshot.name);
    let api = autoscalers(context, namespace);
    let Ok(object) = context.gate.read("read the autoscaler", api.get(name)).await else {
        return false;
    };
    let Some(present) = Snapshot::of(&object).filter(|present| present.uid == subject.snapshot.uid) else {
        return false;
    };
    let history = present.status().and_then(|status| status.history.as_ref());
    let ours = [&None, &subject.written.history, &subject.unanswered];
    let is_ours = ours.iter().any(|ours| ours.as_ref() == history);
    if !is_ours {
        tracing::warn!(%namespace, %name, "status was written by somebody else");
        subject.distrust_memory(&present, context.clock.now());
    }
    subject.resource_version = present.resource_version;
    is_ours
}

fn autoscalers(context: &Context, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, KIND));
    Api::namespaced_with(context.client.clone(), namespace, &resource)
}

/// One line for every act and every change of a condition; nothing at rest.
fn log(subject: &Subject, acted: &Acted, changes: &[ConditionChange]) {
    let (namespace, name) = (&subject.snapshot.namespace, &subject.snapshot.name);
    match acted {
        Acted::Scaled { decided, from, to } => {
            let why = status::why(&decided.decision);
            tracing::info!(%namespace, %name, %from, %to, %why, "scaled");
        }
        Acted::Failed { decided, error } => {
            let to = decided.decision.desired;
            tracing::warn!(%namespace, %name, %to, %error, "failed to scale");
        }
        Acted::Held(decided) => {
            tracing::debug!(%namespace, %name, summary = %explain::summary(&decided.decision), "held");
        }
        Acted::Superseded { .. } | Acted::Blocked(_) => {}
    }
    for change in changes {
        let (condition, reason, message) = (change.condition.as_str(), &change.reason, &change.message);
        if change.good {
            tracing::info!(%namespace, %name, condition, %reason, "condition changed");
        } else {
            tracing::warn!(%namespace, %name, condition, %reason, %message, "condition changed");
        }
    }
}

fn gauge(context: &Context, subject: &Subject, acted: &Acted) {
    let name = ObjectName {
        namespace: subject.snapshot.namespace.clone(),
        name: subject.snapshot.name.clone(),
    };
    let gauges = match acted {
        Acted::Blocked(_) => Gauges {
            current: None,
            desired: None,
            readings: Vec::new(),
        },
        Acted::Held(decided)
        | Acted::Scaled { decided, .. }
        | Acted::Superseded { decided }
        | Acted::Failed { decided, .. } => {
            let decision = &decided.decision;
            context.metrics.decided(decision);
            Gauges {
                current: Some(decision.current),
                desired: Some(decision.desired),
                readings: decision
                    .metrics()
                    .map(|step| (step.metric.clone(), step.reading.class()))
                    .collect(),
            }
        }
    };
    context.metrics.show(name, gauges);
}

/// Events for a change of size, and for conditions that people wait for.
async fn tell(context: &Context, subject: &Subject, acted: &Acted, changes: &[ConditionChange], now: Timestamp) {
    let snapshot = &subject.snapshot;
    let related = snapshot
        .autoscaler()
        .map(|autoscaler| &autoscaler.spec.scale_target_ref);
    let news = changes.iter().filter(|change| change.is_news());
    let mut happenings: Vec<Happening> = news
        .map(|change| Happening::condition(change.good, change.reason.clone(), change.message.clone()))
        .collect();
    if let Acted::Scaled { decided, from, to } = acted {
        happenings.push(Happening::rescaled(*from, *to, &status::why(&decided.decision)));
    }
    for happening in happenings {
        context
            .events
            .send(&context.metrics, snapshot, related, happening, now)
            .await;
    }
}
