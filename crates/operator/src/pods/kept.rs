//! The few facts that are kept of a pod. Pure.

use std::collections::BTreeMap;

use autoscaler_core::per_pod::{Pod, PodPhase, PodReady};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

/// A pod, what finds it, and who controls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// For the core.
    pub(super) pod: Pod,
    /// For selectors.
    pub(super) labels: BTreeMap<String, String>,
    /// Its owner with `controller: true`.
    pub(super) controller: Option<Controller>,
}

/// An owner with `controller: true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Controller {
    pub(super) uid: String,
    pub(super) name: String,
    api_version: String,
    kind: String,
}

impl Kept {
    /// The facts of an object.
    pub(super) fn of(object: &DynamicObject) -> Option<Self> {
        let text = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_str);
        let phase = match text("/status/phase") {
            Some("Running") => PodPhase::Running,
            Some("Succeeded") => PodPhase::Succeeded,
            Some("Failed") => PodPhase::Failed,
            Some("Unknown") => PodPhase::Unknown,
            // A pod is created with this phase.
            _ => PodPhase::Pending,
        };
        Some(Self {
            pod: Pod {
                name: object.metadata.name.clone()?,
                phase,
                terminating: object.metadata.deletion_timestamp.is_some(),
                started: started(&object.data),
                ready: ready(&object.data),
                request: None,
            },
            labels: object.metadata.labels.clone().unwrap_or_default(),
            controller: Controller::of(&object.metadata),
        })
    }

    /// Whose it is, in words.
    pub(super) fn whose(&self) -> String {
        let name = &self.pod.name;
        match &self.controller {
            Some(Controller { kind, name: above, .. }) => format!("{name} is controlled by {kind} {above}"),
            None => format!("{name} is controlled by nobody"),
        }
    }
}

/// When all that runs in it ran: the node took it on at `startTime`, and images, init containers and crashes came after
/// that. Unknown while a container does not run.
fn started(data: &Value) -> Option<Timestamp> {
    let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    let taken_on = data.pointer("/status/startTime").and_then(time)?;
    let containers = data.pointer("/status/containerStatuses").and_then(Value::as_array);
    let running = |container: &Value| container.pointer("/state/running/startedAt").and_then(time);
    containers
        .into_iter()
        .flatten()
        .try_fold(taken_on, |latest, container| Some(latest.max(running(container)?)))
}

fn ready(data: &Value) -> Option<PodReady> {
    let conditions = data.pointer("/status/conditions")?.as_array()?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
    let since: Timestamp = ready["lastTransitionTime"].as_str()?.parse().ok()?;
    Some(PodReady {
        status: match ready["status"].as_str()? {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        },
        since,
    })
}

impl Controller {
    /// The controller of an object.
    pub(super) fn of(metadata: &ObjectMeta) -> Option<Self> {
        let mut owners = metadata.owner_references.iter().flatten();
        let owner = owners.find(|owner| owner.controller == Some(true))?;
        Some(Self {
            uid: owner.uid.clone(),
            name: owner.name.clone(),
            api_version: owner.api_version.clone(),
            kind: owner.kind.clone(),
        })
    }

    /// How to ask for it, if it is of a kind that stands between a workload and its pods.
    pub(super) fn resource(&self) -> Option<ApiResource> {
        let Self { api_version, kind, .. } = self;
        (api_version == "apps/v1" && ["ReplicaSet", "StatefulSet", "Deployment"].contains(&kind.as_str()))
            .then(|| ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(object: Value) -> Kept {
        Kept::of(&serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn of_a_pod_its_phase_its_start_its_readiness_its_labels_and_its_controller_are_kept() {
        let found = kept(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "web-7d9c-x",
                "labels": {"app": "web"},
                "deletionTimestamp": "2026-11-22T12:05:00Z",
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Node", "name": "a", "uid": "n"},
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9c", "uid": "r", "controller": true},
                ],
            },
            "status": {
                "phase": "Running",
                "startTime": "2026-11-22T12:00:00Z",
                "conditions": [
                    {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-11-22T12:00:01Z"},
                    {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-22T12:00:03Z"},
                ],
            },
        }));
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(
            found.pod,
            Pod {
                name: "web-7d9c-x".to_owned(),
                phase: PodPhase::Running,
                terminating: true,
                started: Some(time("2026-11-22T12:00:00Z")),
                ready: Some(PodReady {
                    status: Some(false),
                    since: time("2026-11-22T12:00:03Z"),
                }),
                request: None,
            }
        );
        assert_eq!(found.labels, BTreeMap::from([("app".to_owned(), "web".to_owned())]));
        assert_eq!(found.whose(), "web-7d9c-x is controlled by ReplicaSet web-7d9c");
        let controller = found.controller.unwrap();
        assert_eq!((controller.uid.as_str(), controller.name.as_str()), ("r", "web-7d9c"));
        assert_eq!(controller.resource().unwrap().plural, "replicasets");
    }

    #[test]
    fn r10_a_pod_is_as_old_as_the_youngest_of_its_containers() {
        let started = |statuses: Value| {
            let status = json!({"startTime": "2026-11-22T12:00:00Z", "containerStatuses": statuses});
            kept(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "status": status}))
                .pod
                .started
        };
        let running = |at: &str| json!({"state": {"running": {"startedAt": at}}});
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let two = json!([running("2026-11-22T12:01:00Z"), running("2026-11-22T12:09:00Z")]);
        assert_eq!(started(two), time("2026-11-22T12:09:00Z"));
        assert_eq!(started(json!([])), time("2026-11-22T12:00:00Z"));
        let crashing = json!([running("2026-11-22T12:01:00Z"), {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]);
        assert_eq!(started(crashing), None);
    }

    #[test]
    fn a_pod_that_nobody_has_looked_at_yet_is_pending() {
        let found = kept(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}));
        assert_eq!(
            (found.pod.phase, found.pod.started, found.controller),
            (PodPhase::Pending, None, None)
        );
    }

    #[test]
    fn only_sets_of_pods_stand_between_a_workload_and_its_pods() {
        let controller = |api_version: &str, kind: &str| Controller {
            uid: String::new(),
            name: String::new(),
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        };
        assert_eq!(
            controller("apps/v1", "StatefulSet").resource().unwrap().plural,
            "statefulsets"
        );
        assert_eq!(controller("batch/v1", "Job").resource(), None);
        assert_eq!(controller("example.dev/v1", "ReplicaSet").resource(), None);
    }
}
