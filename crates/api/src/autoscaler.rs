//! The `MetricAutoscaler` resource: what a user writes, with the bounds and rules the API server enforces.
//!
//! The doc comments of the fields are the descriptions in the schema, read with `kubectl explain`: they are written for
//! that reader. Defaults stand in the schema only for top-level scalars: a default inside a nested object would be added
//! by the server to what a GitOps tool applied, and keep the two apart for ever.

#![expect(
    unreachable_pub,
    reason = "KubeSchema copies each public struct into the body of a function"
)]
#![expect(
    clippy::doc_markdown,
    reason = "kubectl explain shows this text as it stands, without Markdown"
)]
#![expect(clippy::duplicated_attributes, reason = "each printcolumn has its own type and path")]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_API_VERSION, MAX_DAY_SECONDS, MAX_INTERVAL_SECONDS, MAX_KIND, MAX_METRICS, MAX_OBJECT_NAME};
use crate::{Behavior, Metric, MetricAutoscalerStatus};

/// What is scaled, between which counts, by which metrics.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "metricautoscaler.dev",
    version = "v1alpha1",
    kind = "MetricAutoscaler",
    plural = "metricautoscalers",
    singular = "metricautoscaler",
    shortname = "mas",
    category = "all",
    namespaced,
    status = "MetricAutoscalerStatus",
    derive = "PartialEq",
    doc = "Keeps the number of replicas of one workload in step with the answers of PromQL queries.",
    printcolumn(
        name = "Kind",
        type_ = "string",
        json_path = ".spec.scaleTargetRef.kind",
        description = "Kind of the target."
    ),
    printcolumn(
        name = "Target",
        type_ = "string",
        json_path = ".spec.scaleTargetRef.name",
        description = "Name of the target."
    ),
    printcolumn(
        name = "Targets",
        type_ = "string",
        json_path = ".status.targets",
        description = "Each metric as value/target; (avg) means per replica or pod. What could not be read shows its state, such as <Missing>."
    ),
    printcolumn(
        name = "Min",
        type_ = "integer",
        json_path = ".spec.minReplicas",
        description = "Lowest number of replicas."
    ),
    printcolumn(
        name = "Max",
        type_ = "integer",
        json_path = ".spec.maxReplicas",
        description = "Highest number of replicas."
    ),
    printcolumn(
        name = "Replicas",
        type_ = "integer",
        json_path = ".status.currentReplicas",
        description = "Replicas the target asked for when it was last looked at."
    ),
    printcolumn(
        name = "Desired",
        type_ = "integer",
        json_path = ".status.desiredReplicas",
        description = "Replicas decided."
    ),
    printcolumn(
        name = "Mode",
        type_ = "string",
        json_path = ".spec.mode",
        description = "Active, DryRun or Paused."
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether the autoscaler can do its work."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since it was created."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why it is Ready, or why not."
    ),
    printcolumn(
        name = "Limit",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type=='ScalingLimited')].reason",
        description = "What keeps the replicas from being what the metrics ask for."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minReplicas <= self.maxReplicas")
        .message(Message::Expression("'minReplicas (%d) must not be larger than maxReplicas (%d)'.format([self.minReplicas, self.maxReplicas])".into()))
        .field_path(".minReplicas"),
    validation = Rule::new("!has(self.fallback) || self.fallback.minReplicas <= self.maxReplicas")
        .message(Message::Expression("'fallback.minReplicas (%d) must not be larger than maxReplicas (%d)'.format([self.fallback.minReplicas, self.maxReplicas])".into()))
        .field_path(".fallback.minReplicas"),
    validation = Rule::new("!has(self.membership) || (self.scaleTargetRef.kind == 'StatefulSet' && self.scaleTargetRef.apiVersion.startsWith('apps/'))")
        .message("membership is only for a StatefulSet: its pods have an order, and the highest one is the member that leaves")
        .field_path(".membership"),
)]
pub struct MetricAutoscalerSpec {
    /// The workload to scale, in the same namespace: anything with a scale subresource, such as a Deployment, a
    /// StatefulSet or a custom resource. It cannot be changed afterwards: create a new MetricAutoscaler instead.
    ///
    /// Example: `{apiVersion: apps/v1, kind: StatefulSet, name: vernemq}`
    #[x_kube(validation = Rule::new("self == oldSelf").message("scaleTargetRef is immutable: create a new MetricAutoscaler instead"))]
    pub scale_target_ref: ScaleTargetRef,

    /// The target never has fewer replicas than this, whatever the metrics say. At least 1, default 1. A target that a
    /// person has scaled to 0 is left alone: 0 means paused.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = i32::MAX))]
    pub min_replicas: i32,

    /// The target never has more replicas than this, whatever the metrics say. At least minReplicas.
    #[schemars(range(min = 1, max = i32::MAX))]
    pub max_replicas: i32,

    /// Seconds from one evaluation to the next: 1 to 3600, default 15. The operator's own minimum (--min-interval, 5 by
    /// default) wins, and the status says so. Below the scrape interval of the metrics nothing is gained.
    #[serde(default = "fifteen")]
    #[schemars(range(min = 1, max = MAX_INTERVAL_SECONDS))]
    pub interval_seconds: i32,

    /// What the operator does with its decisions. Default Active.
    ///
    /// Active: the target is scaled. DryRun: decides from the target's real count and reports it in the status, but
    /// writes nothing to the target; use it beside another autoscaler to compare. Paused: nothing is measured or
    /// decided, and the target keeps its replicas.
    #[serde(default)]
    pub mode: Mode,

    /// The metrics that decide, 1 to 8 of them. Each proposes a number of replicas; the largest proposal wins. While any
    /// of them cannot be read, the target may scale up but not down.
    ///
    /// Example, 100 messages a second per replica: `{name: publish-rate, prometheus: {query:
    /// 'sum(rate(mqtt_publish_received[1m]))'}, target: {averageValue: 100}}`
    #[schemars(length(min = 1, max = MAX_METRICS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub metrics: Vec<Metric>,

    /// How fast the replicas may change, in exactly the shape, bounds and defaults of a HorizontalPodAutoscaler
    /// (autoscaling/v2), so that it can be pasted from one; only fractions must be quoted here. Default: up by at most 4
    /// pods or 100 percent in 15 seconds, whichever is more; down only after the metrics have asked for it for 300
    /// seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,

    /// A rest after each change of the replicas. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Cooldown>,

    /// A lowest number of replicas for when no metric can be read for a while. Default: none, the replicas are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,

    /// For a StatefulSet whose pods are members of a cluster, such as a broker: each member leaves the cluster before its
    /// pod is removed, and has joined it before the next one is added, one at a time. Default: none, replicas are written
    /// at once. While an operation is under way, an edit takes it back where that is still possible.
    ///
    /// Example: `{profileName: vernemq}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
}

/// How members of a cluster leave it and come in.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// Name of the MembershipProfile, which says how this kind of cluster lets a member go and takes one in. vernemq, etcd
    /// and rabbitmq are built in; an object of the same name wins over what is built in.
    #[schemars(length(min = 1, max = MAX_OBJECT_NAME))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("profileName must be the name of a MembershipProfile: lower case letters, digits, '-' and '.', with a letter or digit first and last"))]
    pub profile_name: String,
}

/// Names the workload to scale.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.apiVersion.contains('/') || self.kind == 'ReplicationController'")
        .message("apiVersion must name the API group as well, such as apps/v1 for a Deployment or a StatefulSet")
        .field_path(".apiVersion"),
    validation = Rule::new("!self.apiVersion.startsWith('metricautoscaler.dev/')")
        .message("a MetricAutoscaler cannot scale an object of metricautoscaler.dev: name the workload itself")
        .field_path(".apiVersion"),
)]
pub struct ScaleTargetRef {
    /// API group and version of the target, such as apps/v1.
    #[schemars(length(max = MAX_API_VERSION))]
    #[x_kube(validation = Rule::new("self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("apiVersion must be an API group and a version, such as apps/v1"))]
    pub api_version: String,

    /// Kind of the target, such as Deployment or StatefulSet. It must have a scale subresource.
    #[schemars(length(max = MAX_KIND))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$')")
        .message("kind must be the name of a kind, such as Deployment or StatefulSet"))]
    pub kind: String,

    /// Name of the target, in the namespace of the MetricAutoscaler.
    #[schemars(length(max = MAX_OBJECT_NAME))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("name must be the name of an object: lower case letters, digits, '-' and '.', with a letter or digit first and last"))]
    pub name: String,
}

impl ScaleTargetRef {
    /// The API group, empty for the core group, and the version.
    pub fn group_version(&self) -> (&str, &str) {
        split_api_version(&self.api_version)
    }
}

/// The API group of an `apiVersion`, empty for the core group, and the version.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// What the operator does with its decisions.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Decide, and scale the target.
    #[default]
    Active,
    /// Decide and report; write nothing to the target.
    DryRun,
    /// Neither measure nor decide.
    Paused,
}

/// A rest after each change of the replicas, on top of the behavior.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Cooldown {
    /// After it scaled up, seconds in which the target does not scale up again: 0 to 86400, default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_DAY_SECONDS))]
    pub scale_up_seconds: Option<i32>,

    /// After it scaled up or down, or was scaled by hand, seconds in which the target does not scale down: 0 to 86400,
    /// default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_DAY_SECONDS))]
    pub scale_down_seconds: Option<i32>,
}

/// A lowest number of replicas for when the metrics fail. It only ever scales the target up.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Fallback {
    /// After so many seconds in which no metric could be read the fallback applies: 1 to 86400.
    #[schemars(range(min = 1, max = MAX_DAY_SECONDS))]
    pub after_seconds: i32,

    /// While the fallback applies, the target has at least so many replicas: 1 to maxReplicas. A larger target keeps its
    /// size.
    #[schemars(range(min = 1, max = i32::MAX))]
    pub min_replicas: i32,
}

const fn one() -> i32 {
    1
}

const fn fifteen() -> i32 {
    15
}
