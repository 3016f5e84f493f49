//! What a user reads: the status, laid out for `kubectl describe`.
//!
//! `kubectl describe` sorts keys alphabetically and prints lists of objects without a separator. So each field's name
//! decides its place, an entry of `currentMetrics` begins with its name (no other key of it sorts before), and texts for
//! people are lists of one-line strings. `summary` and `targets` come last, right above the events.
//!
//! Times are absolute, so that nothing moves by itself (R24), and in whole seconds, as Kubernetes writes them; the times
//! that decisions rest on live inside `history`, with milliseconds (R17). The operator applies the status whole, from the one
//! struct below: a field left out of a server-side apply is deleted (R21).

#![expect(
    unreachable_pub,
    reason = "KubeSchema copies each public struct into the body of a function"
)]
#![expect(
    clippy::doc_markdown,
    reason = "kubectl explain shows this text as it stands, without Markdown"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_METRIC_NAME, MAX_METRICS};

/// Longest `summary` in characters.
pub const MAX_SUMMARY: usize = 1024;
/// Longest `targets` in characters.
pub const MAX_TARGETS: usize = 512;
/// Most lines of `decisions`.
pub const MAX_DECISIONS: usize = 5;
/// Longest line of `decisions` in characters.
pub const MAX_DECISION: usize = 1024;
/// Longest `history` in characters. The largest that the core can write, else a status would be refused for ever: two
/// windows of 64 runs of 46 characters, 64 changes of 39, two marks of 80 for each of 8 metrics, and a few words, 9,800
/// in all. With counts of up to four digits it stays below 8,192.
pub const MAX_HISTORY: usize = 12_288;
/// Longest `reason` of a metric in characters.
pub const MAX_METRIC_REASON: usize = 512;
/// Longest `operation.record` in characters: with UIDs of 36, about 800 pods. What is longer is not begun.
pub const MAX_RECORD: usize = 32_768;
/// Longest `operation.profile` in characters. An operation with a longer one is not begun.
pub const MAX_STORED_PROFILE: usize = 32_768;
/// Longest sentence about an operation in characters.
pub const MAX_DOING: usize = 1024;
/// Longest `message` of a condition in characters, as in every Kubernetes condition.
pub const MAX_CONDITION_MESSAGE: usize = 32_768;

/// What was measured, what was wanted, what limited it, and when it may act next. Written by the operator alone.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct MetricAutoscalerStatus {
    /// Ready, ScalingActive, AbleToScale and ScalingLimited, and with spec.membership MembershipHealthy and
    /// MembershipStable, with reason and message. kubectl wait --for=condition=Ready works.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,

    /// Each metric as it was read last, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_METRICS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub current_metrics: Vec<MetricStatus>,

    /// Replicas that the target asked for (its spec.replicas) when it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_replicas: Option<i32>,

    /// The last five decisions that changed something, one line each, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_DECISIONS), inner(length(max = MAX_DECISION)))]
    pub decisions: Vec<String>,

    /// Replicas decided. It differs from currentReplicas while a change is on its way, is refused, or mode is DryRun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<i32>,

    /// What the operator must remember across a restart: past recommendations and changes, in a compact form of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_HISTORY))]
    pub history: Option<String>,

    /// Replicas of the target when this status was written, to notice a change made while the operator was away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_replicas: Option<i32>,

    /// When the operator last scaled the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time")]
    pub last_scale_time: Option<Time>,

    /// What is remembered of operations on the members of the target that have ended. Absent without spec.membership.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<MembershipStatus>,

    /// When a change that is held back now may be made at the earliest. Absent if nothing is held back by time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time")]
    pub next_change_time: Option<Time>,

    /// When what stands here was observed. The status is written when something changed, not at every evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time")]
    pub observed_at: Option<Time>,

    /// The generation of the spec that this status answers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The operation on a member of the target that is under way: it leaves, comes, or is forgotten. Absent while there is
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStatus>,

    /// The state in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_SUMMARY))]
    pub summary: Option<String>,

    /// UID of the target that the history belongs to: a target deleted and created again starts afresh.
    #[serde(default, rename = "targetUID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub target_uid: Option<String>,

    /// Each metric as value/target, such as 173/100 (avg), for the column of kubectl get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_TARGETS))]
    pub targets: Option<String>,
}

/// One metric as it was read last.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct MetricStatus {
    /// Name of the metric in the spec.
    #[schemars(length(min = 1, max = MAX_METRIC_NAME))]
    pub name: String,

    /// Replicas that this metric alone asks for. Absent if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<i32>,

    /// Fresh, or why the number cannot be trusted: Stale, Missing, NotANumber, TooMany, Partial or Failed.
    #[schemars(length(min = 1, max = 63))]
    pub reading: String,

    /// What is wrong with the reading, or with the query: that there was no answer in time, or that it cannot be probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_METRIC_REASON))]
    pub reason: Option<String>,

    /// Since when the reading has been of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time")]
    pub since: Option<Time>,

    /// The target, as a quantity. Absent for a metric of a kind that this version of the operator does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub target: Option<String>,

    /// Value: the query's answer itself is compared with the target. AverageValue: the answer divided by the replicas, or
    /// with perPod the average of the pods measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub target_type: Option<String>,

    /// The value compared with the target, as a quantity: with AverageValue already divided by the replicas, or with
    /// perPod the average of the pods measured. Absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub value: Option<String>,
}

/// The operation under way. `record` is what the operator goes by; the rest is for people.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time")]
    pub began: Option<Time>,

    /// What is being done, and what is waited for, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_DOING))]
    pub doing: Option<String>,

    /// The name of this operation, for the annotations metricautoscaler.dev/abort and metricautoscaler.dev/retry.
    #[schemars(length(max = 128))]
    pub id: String,

    /// Leave, Join or Forget.
    #[schemars(length(max = 63))]
    pub kind: String,

    /// The member, as the cluster calls it.
    #[schemars(length(max = 1024))]
    pub member: String,

    /// How far it is: Gating, Draining, Drained, Patched, Gone, Verifying, Settling, Withdrawing, Forgetting or Aborting.
    #[schemars(length(max = 63))]
    pub phase: String,

    /// The profile that it began with, which it keeps when the profile is edited or the operator upgraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_STORED_PROFILE))]
    pub profile: Option<String>,

    /// Everything that must be known to go on after a crash, in a compact form of its own, stored before each act.
    #[schemars(length(max = MAX_RECORD))]
    pub record: String,

    /// Since when it is in this phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time")]
    pub since: Option<Time>,
}

/// What is remembered between operations.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct MembershipStatus {
    /// When the last shrink was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time")]
    pub aborted_at: Option<Time>,

    /// The generation of the spec at which the last shrink was taken back: an edit lets the next one begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted_generation: Option<i64>,

    /// Shrinks in a row that were taken back. After three of them a person has to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = i32::MAX))]
    pub aborts: Option<i32>,

    /// The number of replicas that operations are on the way to, one member after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<i32>,

    /// The id of the last operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub last_id: Option<String>,

    /// How the last operation ended, and when, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_DOING))]
    pub last_result: Option<String>,
}

fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// A list of `metav1.Condition`, in the bounds that `k8s.io/apimachinery/pkg/apis/meta/v1/types.go` names.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "lastTransitionTime": {
                    "description": "When the status last changed from one of True, False and Unknown to another.",
                    "type": "string",
                    "format": "date-time",
                },
                "message": {
                    "description": "The reason with its numbers, for people.",
                    "type": "string",
                    "maxLength": MAX_CONDITION_MESSAGE,
                },
                "observedGeneration": {
                    "description": "The generation of the spec that this condition answers to.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
                "reason": {
                    "description": "Why the status is what it is, in one word; docs/reference/reasons.md lists them all.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                },
                "status": {
                    "description": "Whether the condition holds.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "type": {
                    "description": "Ready, ScalingActive, AbleToScale, ScalingLimited, MembershipHealthy or MembershipStable.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 316,
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use autoscaler_core::History;

    use super::*;

    /// The largest history that the core keeps, in the core's own text form.
    fn largest_history() -> String {
        let (count, time) = (i32::MAX, 9_999_999_999_999_i64);
        let run = |mark: char, at: i64| format!(" {mark}{}-{count}@{at}+3600000", count - 1);
        let runs = |mark| -> Vec<String> { (0..64).map(|age| run(mark, time - (64 - age) * 3_700_000)).collect() };
        let change = |age: i64| format!(" c{count}>{}@{}o", count - 1, time - 64 + age);
        let changes: Vec<String> = (0..64).map(change).collect();
        let mark = |metric: u8| {
            let name = format!("{metric}{}", "x".repeat(MAX_METRIC_NAME - 1));
            format!(" b@{time}={name} l@{time}={name}")
        };
        let marks: Vec<String> = (0..8).map(mark).collect();
        let since = format!(" x@{time} n@{time} h@{time}");
        [
            "1 acting",
            &runs('d').concat(),
            &runs('u').concat(),
            &changes.concat(),
            &since,
            &marks.concat(),
        ]
        .concat()
    }

    #[test]
    fn the_largest_history_fits() {
        let text = largest_history();
        let encoded = History::decode(&text).unwrap().encode();
        assert!(encoded.len() > 9_000, "not the largest: {encoded}");
        assert!(encoded.len() <= MAX_HISTORY, "{}", encoded.len());
    }
}
