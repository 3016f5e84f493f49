//! The few facts that are kept of a target. Pure.

use std::collections::BTreeMap;

use autoscaler_core::{Replicas, Rollout};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ManagedFieldsEntry};
use kube::core::{DynamicObject, Selector};
use serde_json::Value;

/// Our name among the managers of a field.
pub(crate) const FIELD_MANAGER: &str = "metric-autoscaler";

/// `progressDeadlineSeconds` of a Deployment that gives none, and what stands in for it on a StatefulSet.
const PROGRESS_DEADLINE: SignedDuration = SignedDuration::from_secs(600);

/// The longest deadline that is believed: 2147483647 means none, and a rollout that is stuck must not hold the size for
/// ever (R18).
const LONGEST_DEADLINE: SignedDuration = SignedDuration::from_hours(1);

/// What a target looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetView {
    /// Which facts its kind offers.
    pub shape: Shape,
    /// Identity: a recreated object is another one.
    pub uid: String,
    /// The version these facts are of.
    pub resource_version: String,
    /// `spec.replicas` of its scale; none for a custom resource whose scale has not been read yet.
    pub replicas: Option<Replicas>,
    /// What finds its pods, in the form of a query; none for a custom resource whose scale tells none.
    pub selector: Option<String>,
    /// Replicas that are Ready, if the kind tells.
    pub ready: Option<Replicas>,
    /// A rollout under way.
    pub rollout: Option<Rollout>,
    /// The controller that owns it.
    pub owner: Option<Owner>,
    /// A manager that applies `spec.replicas` (GitOps): it would put its number back.
    pub applied_by: Option<String>,
    /// Whoever else last set `spec.replicas`.
    pub last_set_by: Option<String>,
    /// It is being deleted.
    pub terminating: bool,
}

/// An owner with `controller: true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Which facts a kind offers beyond its scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `apps` Deployment.
    Deployment,
    /// `apps` StatefulSet.
    StatefulSet,
    /// `apps` `ReplicaSet`, and `ReplicationController`.
    ReplicaSet,
    /// Anything else: only the scale is known, and no rollout is assumed (R18).
    Custom,
}

impl Shape {
    /// The shape of a kind.
    pub(crate) fn of(group: &str, kind: &str) -> Self {
        match (group, kind) {
            ("apps", "Deployment") => Self::Deployment,
            ("apps", "StatefulSet") => Self::StatefulSet,
            ("apps", "ReplicaSet") | ("", "ReplicationController") => Self::ReplicaSet,
            _ => Self::Custom,
        }
    }
}

impl TargetView {
    /// Whether these facts are to take the place of others: those of an older version, or of the same one without a count.
    ///
    /// Versions are compared as numbers (KEP-5504); where a server has others, whoever asked last is believed.
    pub(crate) fn supersedes(&self, known: &Self) -> bool {
        let number = |view: &Self| view.resource_version.parse::<u128>().ok();
        match (number(self), number(known)) {
            (Some(ours), Some(theirs)) => ours > theirs || (ours == theirs && known.replicas.is_none()),
            (None, _) | (_, None) => true,
        }
    }

    /// The facts of an object. None if it has no UID, which no object of an API server lacks.
    pub(crate) fn of(object: &DynamicObject, shape: Shape) -> Option<Self> {
        let metadata = &object.metadata;
        let managers = metadata.managed_fields.as_deref().unwrap_or_default();
        let owner = metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.controller == Some(true));
        Some(Self {
            shape,
            uid: metadata.uid.clone()?,
            resource_version: metadata.resource_version.clone()?,
            replicas: match shape {
                // An absent count of a built-in kind means 1; the API server fills it in.
                Shape::Deployment | Shape::StatefulSet | Shape::ReplicaSet => {
                    Some(count(&object.data, "/spec/replicas").unwrap_or(Replicas::new(1)))
                }
                Shape::Custom => None,
            },
            selector: selector(&object.data, shape),
            ready: ready(&object.data, shape),
            rollout: rollout(object, shape),
            owner: owner.map(|owner| Owner {
                kind: owner.kind.clone(),
                name: owner.name.clone(),
            }),
            applied_by: applied_by(managers),
            last_set_by: last_set_by(managers),
            terminating: metadata.deletion_timestamp.is_some(),
        })
    }
}

fn count(data: &Value, pointer: &str) -> Option<Replicas> {
    let count = data.pointer(pointer)?.as_i64()?;
    Some(Replicas::saturating(i128::from(count)))
}

fn text<'a>(data: &'a Value, pointer: &str) -> Option<&'a str> {
    data.pointer(pointer)?.as_str()
}

fn selector(data: &Value, shape: Shape) -> Option<String> {
    let selector = data.pointer("/spec/selector")?;
    match shape {
        Shape::Deployment | Shape::StatefulSet | Shape::ReplicaSet => {
            let labels = serde_json::from_value::<BTreeMap<String, String>>(selector.clone());
            let selector = match labels {
                // A ReplicationController's.
                Ok(labels) => labels.into_iter().collect(),
                Err(_) => Selector::try_from(serde_json::from_value::<LabelSelector>(selector.clone()).ok()?).ok()?,
            };
            Some(selector.to_string())
        }
        Shape::Custom => None,
    }
}

/// `status.readyReplicas` is left out when it is 0, so on a built-in kind its absence is a fact; on a custom resource it
/// is one only if the status says so itself.
fn ready(data: &Value, shape: Shape) -> Option<Replicas> {
    let ready = count(data, "/status/readyReplicas");
    match shape {
        Shape::Deployment | Shape::StatefulSet | Shape::ReplicaSet => Some(ready.unwrap_or(Replicas::ZERO)),
        Shape::Custom => ready,
    }
}

fn rollout(object: &DynamicObject, shape: Shape) -> Option<Rollout> {
    let data = &object.data;
    let lags = || {
        let seen = data
            .pointer("/status/observedGeneration")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        object.metadata.generation.is_some_and(|generation| seen < generation)
    };
    match shape {
        Shape::Deployment | Shape::StatefulSet if lags() => Some(Rollout::GenerationLags),
        Shape::Deployment if text(data, "/spec/strategy/type") != Some("Recreate") && !is_stuck(data) => {
            updating(data, progress_deadline(data))
        }
        // While a StatefulSet merely grows, its pods are missing, not outdated: only two revisions make a rollout.
        Shape::StatefulSet
            if text(data, "/spec/updateStrategy/type") != Some("OnDelete")
                && text(data, "/status/currentRevision") != text(data, "/status/updateRevision") =>
        {
            updating(data, None)
        }
        Shape::Deployment | Shape::StatefulSet | Shape::ReplicaSet | Shape::Custom => None,
    }
}

fn updating(data: &Value, until: Option<Timestamp>) -> Option<Rollout> {
    let replicas = count(data, "/spec/replicas").unwrap_or(Replicas::new(1));
    let updated = count(data, "/status/updatedReplicas").unwrap_or(Replicas::ZERO);
    (updated < replicas).then_some(Rollout::Updating {
        updated,
        replicas,
        until,
    })
}

/// The Deployment controller tells that the deadline has passed, with a time of its own
/// (`pkg/controller/deployment/progress.go`): what is stuck is no rollout any more.
fn is_stuck(data: &Value) -> bool {
    progressing(data).is_some_and(|condition| text(condition, "/reason") == Some("ProgressDeadlineExceeded"))
}

/// The deadline counts from the last progress, which the condition `Progressing` carries.
fn progress_deadline(data: &Value) -> Option<Timestamp> {
    let last: Timestamp = text(progressing(data)?, "/lastUpdateTime")?.parse().ok()?;
    let seconds = data.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_i64);
    let deadline = seconds.map_or(PROGRESS_DEADLINE, SignedDuration::from_secs);
    last.checked_add(deadline.min(LONGEST_DEADLINE)).ok()
}

fn progressing(data: &Value) -> Option<&Value> {
    let mut conditions = data.pointer("/status/conditions")?.as_array()?.iter();
    conditions.find(|condition| text(condition, "/type") == Some("Progressing"))
}

/// Without a progress deadline a rollout counts for as long as the default one, from when we first saw it.
pub(crate) fn deadline_of(rollout: Rollout, first_seen: Timestamp) -> Rollout {
    match rollout {
        Rollout::Updating {
            updated,
            replicas,
            until: None,
        } => Rollout::Updating {
            updated,
            replicas,
            until: first_seen.checked_add(PROGRESS_DEADLINE).ok(),
        },
        Rollout::Updating { .. } | Rollout::GenerationLags => rollout,
    }
}

fn applied_by(managers: &[ManagedFieldsEntry]) -> Option<String> {
    managers
        .iter()
        .filter(|entry| entry.operation.as_deref() == Some("Apply"))
        .filter(|entry| owns_replicas(entry))
        .find_map(|entry| entry.manager.clone())
        .filter(|manager| manager != FIELD_MANAGER)
}

fn last_set_by(managers: &[ManagedFieldsEntry]) -> Option<String> {
    managers
        .iter()
        .filter(|entry| owns_replicas(entry))
        .filter(|entry| entry.manager.as_deref() != Some(FIELD_MANAGER))
        .max_by_key(|entry| entry.time.as_ref().map(|time| time.0))
        .and_then(|entry| entry.manager.clone())
}

fn owns_replicas(entry: &ManagedFieldsEntry) -> bool {
    entry
        .fields_v1
        .as_ref()
        .is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
}

#[cfg(test)]
mod tests;
