//! One act, once what it intends is stored: sent to the member, or written to the target. What is sent is guarded by what was
//! true just before (M15); what is written, by what must still be true (M3).

use std::time::Duration;

use autoscaler_core::Replicas;
use autoscaler_core::membership::{Effect, Operation, PROOF_LIFETIME, Reply, Work};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use super::look::Look;
use super::scene::{Reader, Scene};
use crate::clock::BootTime;
use crate::context::Context;
use crate::gate::CallError;
use crate::metrics::ScaleWriteOutcome;
use crate::target::FIELD_MANAGER;

/// What came of a write of the size.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sized {
    /// The size was written.
    Written(Replicas),
    /// It certainly was not: something is not as it was, or the API server does not let us, and this is what it says.
    Refused(String),
    /// Not sent: what it rests on is too old (M2), or this replica leads no more.
    NotSent,
    /// Nobody knows.
    Unknown,
}

impl Sized {
    /// For the machine.
    pub(super) fn reply(&self) -> Reply {
        match self {
            Self::Written(_) => Reply::Expected,
            Self::Refused(_) => Reply::Refused,
            Self::NotSent | Self::Unknown => Reply::Unclear,
        }
    }
}

/// Sends an act to members. It goes on beside the looks, which alone tell what came of it: a reply may take minutes. None if
/// it was not sent, for the pod is not the one any more that was looked at. It was intended at that time, and may be under way
/// for as long as the profile says from then on.
pub(super) async fn send(
    context: &Context,
    look: &Look,
    reader: &Reader<'_>,
    operation: &Operation,
    effect: Effect,
    intended: BootTime,
) -> Option<AbortOnDropHandle<Reply>> {
    if matches!(effect, Effect::Drain(_) | Effect::Undo(_)) && !is_same_pod(reader, &look.scene, operation).await {
        return None;
    }
    let (broker, known, gate) = (context.members.clone(), look.known.clone(), context.gate.clone());
    let (cluster, operation) = (look.scene.cluster.clone(), operation.clone());
    let in_flight = Duration::from_secs(known.compiled.machine().times.in_flight.get().into());
    let clock = context.clock.clone();
    // What nobody waits for any more must not be on its way.
    let is_in_time = move |timeout| clock.boot().since(intended) + timeout <= in_flight;
    let may_send = Box::new(move |timeout| gate.may_write() && is_in_time(timeout));
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        broker
            .act(&known.compiled, &cluster, &operation, effect, may_send)
            .await
    })))
}

/// Whether the pod is still the one that was looked at: its UID, and the address that the act goes to.
async fn is_same_pod(reader: &Reader<'_>, scene: &Scene, operation: &Operation) -> bool {
    let ordinal = operation.member.ordinal;
    let Some(seen) = scene.cluster.pods.iter().find(|pod| pod.ordinal == ordinal) else {
        return false;
    };
    let Ok(Some(live)) = reader.live_pod(&seen.name).await else {
        return false;
    };
    let ip = live
        .status
        .and_then(|status| status.pod_ip)
        .and_then(|ip| ip.parse().ok());
    live.metadata.uid.as_ref() == Some(&seen.uid) && ip == seen.ip && live.metadata.uid == operation.member.uid
}

/// Lowers the replicas by one, on a proof that is not too old.
pub(super) async fn lower(
    context: &Context,
    look: &Look,
    operation: &Operation,
    from: Replicas,
    to: Replicas,
) -> Sized {
    let is_leave = matches!(operation.work, Work::Leave(_));
    let has_committed = is_leave && operation.plan.steps.iter().any(|step| step.commits);
    let patch = if has_committed {
        // The leaver's own exit bumps the version between proof and patch (M3).
        compare_and_swap(&look.scene.target.uid, from, to)
    } else {
        only_at_version(&look.scene.resource_version, to)
    };
    let age = context.clock.boot().since(look.at);
    if age > proof_lifetime() {
        return Sized::NotSent;
    }
    let sized = write(context, look, patch).await;
    if matches!(sized, Sized::Written(_)) {
        context.metrics.proof_to_patch(context.clock.boot().since(look.at));
    }
    sized
}

/// Raises the replicas by one, if nothing of the target has changed since it was read.
pub(super) async fn raise(context: &Context, look: &Look, to: Replicas) -> Sized {
    write(context, look, only_at_version(&look.scene.resource_version, to)).await
}

/// So long a look may be acted on.
fn proof_lifetime() -> Duration {
    Duration::try_from(PROOF_LIFETIME).unwrap_or_default()
}

async fn write(context: &Context, look: &Look, patch: Patch<Value>) -> Sized {
    let cluster = &look.scene.cluster;
    let api: Api<StatefulSet> = Api::namespaced(context.client.clone(), &cluster.namespace);
    let parameters = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patched = api.patch_scale(&cluster.target, &parameters, &patch);
    let sized = match context.gate.write("write the scale of the target", patched).await {
        Ok(scale) => {
            let stored = scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
            Sized::Written(Replicas::from(stored))
        }
        Err(CallError::NotLeader { .. }) => Sized::NotSent,
        Err(error) if error.is_unknown() => Sized::Unknown,
        Err(error) => {
            let (namespace, target) = (&cluster.namespace, &cluster.target);
            tracing::warn!(%namespace, %target, %error, "failed to write the size");
            Sized::Refused(error.to_string())
        }
    };
    context.metrics.scale_write(match &sized {
        Sized::Written(_) => ScaleWriteOutcome::Written,
        Sized::Refused(_) | Sized::NotSent => ScaleWriteOutcome::Superseded,
        Sized::Unknown => ScaleWriteOutcome::Failed,
    });
    sized
}

fn only_at_version(version: &str, to: Replicas) -> Patch<Value> {
    Patch::Merge(json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": to.get()}}))
}

fn compare_and_swap(uid: &str, from: Replicas, to: Replicas) -> Patch<Value> {
    let operations = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/spec/replicas", "value": from.get()},
        {"op": "replace", "path": "/spec/replicas", "value": to.get()},
    ]);
    Patch::Json(serde_json::from_value(operations).expect("the three operations above are a JSON patch"))
}
