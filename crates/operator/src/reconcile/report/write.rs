//! The status on its way to the API server: applied whole, with the version that it belongs to (R21).

use autoscaler_api::conditions::reason;
use autoscaler_api::{GROUP, KIND, MetricAutoscalerStatus, VERSION};
use jiff::Timestamp;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::status::{self, ConditionChange, is_material};
use super::{log, news, tell};
use crate::context::Context;
use crate::definition::Refused;
use crate::gate::{CallError, Gate};
use crate::reconcile::act::Acted;
use crate::reconcile::observe::Blocked;
use crate::resources;
use crate::snapshot::Snapshot;
use crate::subject::Subject;
use crate::target::FIELD_MANAGER;
use crate::written::Setback;

/// A status was refused for what the definition lacks, and nobody has been told yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsaid;

/// Writes the status if it says something new, or if an earlier attempt came to nothing.
pub(super) async fn write(
    context: &Context,
    subject: &mut Subject,
    next: &MetricAutoscalerStatus,
    now: Timestamp,
) -> Option<Unsaid> {
    let news = is_material(&subject.written.status, next, now);
    if !subject.written.is_due(news, context.clock.boot()) {
        return None;
    }
    let Some(refused) = subject.refused.take() else {
        send(context, subject, next).await;
        return subject.refused.is_some().then_some(Unsaid);
    };
    // The definition may have been updated meanwhile.
    if send(context, subject, &refused.again(next)).await {
        return None;
    }
    subject.refused = Some(refused);
    let said = ConditionChange::between(&subject.written.status.conditions, &next.conditions).is_empty();
    (!said).then_some(Unsaid)
}

/// Stores what is remembered of the members before something is done to one of them. Returns whether it is stored: if it is
/// not, or nobody knows, nothing may be done (M15).
pub(crate) async fn store(context: &Context, subject: &mut Subject, next: &MetricAutoscalerStatus) -> bool {
    let may_try = subject.refused.is_none() && subject.written.may_be_tried(context.clock.boot());
    may_try && send(context, subject, next).await
}

/// Says that the status was refused, with what was accepted before.
pub(super) async fn say_refused(context: &Context, subject: &mut Subject, now: Timestamp) {
    let message = subject.refused.as_ref().map(ToString::to_string).unwrap_or_default();
    let acted = Acted::Blocked(Box::new(Blocked {
        reason: reason::OUTDATED_DEFINITION,
        message,
        target: None,
        now,
    }));
    let accepted = MetricAutoscalerStatus {
        conditions: status::after(subject, &acted, now).conditions,
        ..subject.written.status.clone()
    };
    let changes = news(subject, &accepted);
    log(subject, &acted, &changes);
    send(context, subject, &accepted).await;
    // What matters is still to be stored.
    subject.written.owe();
    tell(context, subject, &acted, &changes, now).await;
}

/// Sends a status. On a conflict the object is read once more: if nobody else has written its status, only the version
/// was old. Returns whether it was accepted.
async fn send(context: &Context, subject: &mut Subject, next: &MetricAutoscalerStatus) -> bool {
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
            subject.written.accept(next.clone(), version);
            true
        }
        Err(error) => {
            if error.is_not_found() && is_gone(&context.client, &context.gate, &subject.snapshot).await {
                // Nothing is owed to what does not exist.
                subject.gone = true;
                subject.pods = None;
            } else {
                fail(context, subject, next, &error);
            }
            false
        }
    }
}

fn fail(context: &Context, subject: &mut Subject, next: &MetricAutoscalerStatus, error: &CallError) {
    let (namespace, name) = (&subject.snapshot.namespace, &subject.snapshot.name);
    tracing::warn!(%namespace, %name, category = error.category(), "failed to write status");
    subject.refused = Refused::of(next, error);
    let setback = match error.code() {
        _ if subject.refused.is_some() => Setback::Refused,
        _ if error.is_unknown() => Setback::Unanswered,
        Some(409) | None => Setback::Missed,
        Some(_) => Setback::Refused,
    };
    let (interval, now) = (subject.interval(), context.clock.boot());
    subject.written.set_back(setback, next, interval, now);
}

/// Whether the object is gone. That its status is not found may have other causes: a definition that has lost its
/// subresource for a while, or something before the API server. A watch would not tell that it is back. Where we may not
/// even ask, the answer to the status is believed.
async fn is_gone(client: &Client, gate: &Gate, known: &Snapshot) -> bool {
    let api = resources::autoscalers(client, Some(&known.namespace));
    match gate.read("read the autoscaler", api.get(&known.name)).await {
        Ok(object) => object.metadata.uid.as_ref() != Some(&known.uid),
        Err(error) => error.is_not_found() || error.lacks_right("get"),
    }
}

async fn apply(context: &Context, subject: &Subject, next: &MetricAutoscalerStatus) -> Result<String, CallError> {
    let Snapshot {
        namespace, name, uid, ..
    } = &*subject.snapshot;
    let body = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": {"name": name, "uid": uid, "resourceVersion": subject.written.resource_version},
        "status": next,
    });
    let api = resources::autoscalers(&context.client, Some(namespace));
    let (parameters, patch) = (PatchParams::apply(FIELD_MANAGER).force(), Patch::Apply(&body));
    let written = api.patch_status(name, &parameters, &patch);
    let written = context.gate.write("write status", written).await?;
    Ok(written.metadata.resource_version.unwrap_or_default())
}

/// Takes the present version over. Returns whether the status is still one that we wrote: if it is not, the next
/// evaluation decides, and writes, with a memory that may not be whole.
async fn refresh_version(context: &Context, subject: &mut Subject) -> bool {
    let (namespace, name) = (&subject.snapshot.namespace, &subject.snapshot.name);
    let api = resources::autoscalers(&context.client, Some(namespace));
    let Ok(object) = context.gate.read("read the autoscaler", api.get(name)).await else {
        return false;
    };
    let Some(present) = Snapshot::of(&object).filter(|present| present.uid == subject.snapshot.uid) else {
        return false;
    };
    let is_ours = subject.written.is_ours(present.status());
    if !is_ours {
        tracing::warn!(%namespace, %name, "status was written by somebody else");
        subject.distrust_memory(&present);
    }
    subject.written.resource_version = present.resource_version;
    is_ours
}

#[cfg(test)]
mod tests;
