//! The scale subresource: read with the object it belongs to, and written as a compare-and-swap (R20).

use autoscaler_core::Replicas;
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::Client;
use kube::api::{Patch, PatchParams};
use kube::core::ApiResource;
use serde_json::{Value, json};

use super::view::{FIELD_MANAGER, Shape, TargetView};
use super::{Kind, MissingRight, TargetError};
use crate::gate::{CallError, Gate};
use crate::resources::dynamic;

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScaleOutcome {
    /// A count was stored: that asked for, or what admission control made of it.
    Written {
        /// The count that was stored.
        replicas: Replicas,
        /// The version of the object after it.
        resource_version: String,
    },
    /// The object is no longer what was decided on: read again, decide again.
    Superseded,
}

/// The object as it is now. Built-in kinds answer everything at once; a custom resource is asked for its scale too, until
/// both answers are of the same version.
pub(super) async fn read_live(
    client: &Client,
    gate: &Gate,
    kind: &Kind,
    namespace: &str,
    name: &str,
) -> Result<Option<TargetView>, TargetError> {
    const TRIES: usize = 3;
    let api = dynamic(client, &kind.resource, Some(namespace));
    let mut has_scale = true;
    for _ in 0..TRIES {
        let object = match gate.read("read the target", api.get_opt(name)).await {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(None),
            Err(error) => return Err(refused(error, "get", &kind.resource, "")),
        };
        let Some(view) = TargetView::of(&object, kind.shape) else {
            return Ok(None);
        };
        if kind.shape != Shape::Custom {
            return Ok(Some(view));
        }
        let scale = match gate.read("read the scale of the target", api.get_scale(name)).await {
            Ok(scale) => scale,
            // Deleted meanwhile, or its definition has lost the scale.
            Err(error) if error.is_not_found() => {
                has_scale = false;
                continue;
            }
            Err(error) => return Err(refused(error, "get", &kind.resource, "/scale")),
        };
        has_scale = true;
        if scale.metadata.resource_version.as_deref() == Some(view.resource_version.as_str()) {
            return Ok(Some(TargetView {
                replicas: Some(replicas_of(&scale)),
                selector: scale
                    .status
                    .and_then(|status| status.selector)
                    .filter(|text| !text.is_empty()),
                ..view
            }));
        }
    }
    let ApiResource { api_version, kind, .. } = kind.resource.clone();
    Err(if has_scale {
        TargetError::Unsettled { kind }
    } else {
        TargetError::NoScale { api_version, kind }
    })
}

/// Writes the count if UID and count are still those decided on. A `kubectl scale` in between survives.
///
/// Built-in kinds: JSON patch with tests, no resourceVersion, which every pod that turns Ready bumps. Custom resources:
/// the UID is not enforced in a patch of the scale, so the resourceVersion guards it.
pub(crate) async fn write_scale(
    client: &Client,
    gate: &Gate,
    kind: &Kind,
    namespace: &str,
    name: &str,
    decided_on: &TargetView,
    to: Replicas,
) -> Result<ScaleOutcome, TargetError> {
    let api = dynamic(client, &kind.resource, Some(namespace));
    let parameters = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = match kind.shape {
        Shape::Deployment | Shape::StatefulSet | Shape::ReplicaSet => compare_and_swap(decided_on, to),
        Shape::Custom => Patch::Merge(json!({
            "metadata": {"resourceVersion": decided_on.resource_version},
            "spec": {"replicas": to.get()},
        })),
    };
    let patched = api.patch_scale(name, &parameters, &patch);
    let patched = gate.write("write the scale of the target", patched).await;
    match patched {
        Ok(scale) => Ok(ScaleOutcome::Written {
            replicas: replicas_of(&scale),
            resource_version: scale.metadata.resource_version.unwrap_or_default(),
        }),
        // 409: the version has moved on.
        Err(error) if matches!(error.code(), Some(404 | 409)) => Ok(ScaleOutcome::Superseded),
        // 422: a test of the JSON patch failed, or an admission policy denies the write. Only the target can tell.
        Err(error) if error.code() == Some(422) => {
            let live = read_live(client, gate, kind, namespace, name).await?;
            let same = |live: &TargetView| live.uid == decided_on.uid && live.replicas == decided_on.replicas;
            if live.as_ref().is_some_and(same) {
                return Err(TargetError::Call(error));
            }
            Ok(ScaleOutcome::Superseded)
        }
        Err(error) if error.is_unknown() => Err(TargetError::Unanswered(error)),
        Err(error) => Err(refused(error, "patch", &kind.resource, "/scale")),
    }
}

fn compare_and_swap(decided_on: &TargetView, to: Replicas) -> Patch<Value> {
    let from = decided_on.replicas.unwrap_or(Replicas::ZERO);
    let operations = json!([
        {"op": "test", "path": "/metadata/uid", "value": decided_on.uid},
        {"op": "test", "path": "/spec/replicas", "value": from.get()},
        {"op": "replace", "path": "/spec/replicas", "value": to.get()},
    ]);
    Patch::Json(serde_json::from_value(operations).expect("the three operations above are a JSON patch"))
}

/// `spec.replicas` of a scale is left out when it is 0.
fn replicas_of(scale: &Scale) -> Replicas {
    Replicas::from(scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0))
}

fn refused(error: CallError, verb: &'static str, resource: &ApiResource, subresource: &'static str) -> TargetError {
    if error.lacks_right(verb) {
        return TargetError::Forbidden(MissingRight::new(verb, resource, subresource));
    }
    TargetError::Call(error)
}
