//! Our finalizer: held only while a member is being made to leave or to be forgotten, so that what was begun is taken back or
//! brought to its end before the autoscaler is gone (M13). It needs the one right to patch our own kind itself.

use autoscaler_api::annotations::FINALIZER;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::right::MissingBinding;
use super::scene::SceneError;
use crate::context::Context;
use crate::gate::CallError;
use crate::resources;
use crate::snapshot::Snapshot;
use crate::subject::Subject;
use crate::target::FIELD_MANAGER;

/// Puts it on, or takes it off. Returns whether it is as wanted now: not if somebody else has written the status meanwhile.
pub(super) async fn set(context: &Context, subject: &mut Subject, wanted: bool) -> Result<bool, SceneError> {
    let (namespace, name) = (subject.snapshot.namespace.clone(), subject.snapshot.name.clone());
    let api = resources::autoscalers(&context.client, Some(&namespace));
    let is_namespaced = context.settings.namespace.is_some();
    let refused = |error: CallError| match MissingBinding::of(
        &error,
        ("patch", "patch metricautoscalers"),
        &namespace,
        is_namespaced,
    ) {
        Some(right) => SceneError::Forbidden(right),
        None => SceneError::Call(error),
    };
    let object = context.gate.read("read the autoscaler", api.get(&name)).await?;
    let Some(present) = Snapshot::of(&object).filter(|present| present.uid == subject.snapshot.uid) else {
        return Ok(false);
    };
    if !subject.written.is_ours(present.status()) {
        subject.distrust_memory(&present);
        return Ok(false);
    }
    if present.has_finalizer == wanted {
        subject.written.resource_version.clone_from(&present.resource_version);
    } else {
        let mut finalizers = object.finalizers().to_vec();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        if wanted {
            finalizers.push(FINALIZER.to_owned());
        }
        let version = &present.resource_version;
        let patch = Patch::Merge(json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}}));
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = api.patch(&name, &parameters, &patch);
        match context.gate.write("write the finalizer", patched).await {
            Ok(patched) => subject.written.resource_version = patched.metadata.resource_version.unwrap_or_default(),
            // It was the last finalizer of an object that is being deleted.
            Err(error) if error.is_not_found() && !wanted => {}
            Err(error) => return Err(refused(error)),
        }
    }
    subject.membership.has_finalizer = wanted;
    Ok(true)
}

/// Takes it off; a failure is tried again at the next turn.
pub(super) async fn release(context: &Context, subject: &mut Subject) {
    if let Err(error) = set(context, subject, false).await {
        tracing::warn!(name = subject.snapshot.name, %error, "failed to release the autoscaler");
    }
}
