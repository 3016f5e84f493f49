//! Sizes, quorum and times of a profile.

#![expect(
    clippy::struct_field_names,
    reason = "a duration of the API names its unit, as those of Kubernetes do"
)]
#![expect(
    unreachable_pub,
    reason = "KubeSchema copies each public struct into the body of a function"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_ALLOWED_SIZES, MAX_DAY_SECONDS};

/// Sizes a cluster may rest at. A wish is rounded up to one of them, else down to the largest; on the way there the cluster
/// has every size between for a moment.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.allowed == 'List') == has(self.list)").message("set list with allowed: List, and only then"))]
pub struct SizeRule {
    /// Any, Odd, or those of list.
    pub allowed: AllowedSizes,

    /// The sizes, in ascending order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Size>", length(min = 1, max = MAX_ALLOWED_SIZES))]
    pub list: Option<Vec<i32>>,
}

/// One size; only its schema is used.
#[derive(JsonSchema)]
#[schemars(transparent)]
struct Size(
    #[schemars(range(min = 1, max = i32::MAX))]
    #[expect(dead_code, reason = "only its schema is used")]
    i32,
);

/// Which sizes are allowed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedSizes {
    /// Every size.
    Any,
    /// Odd ones.
    Odd,
    /// Those of the list.
    List,
}

/// How many members must be left.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum QuorumRule {
    /// One is enough.
    One,
    /// More than half.
    #[default]
    Majority,
    /// More than half, or one of two.
    MajorityOrOne,
}

/// How long things take.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ProfileTimes {
    /// So long news takes to reach every member: 1 to 86400, default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_DAY_SECONDS))]
    pub gossip_seconds: Option<i32>,

    /// Without movement for so long a step is stuck: 1 to 86400, default 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_DAY_SECONDS))]
    pub stall_seconds: Option<i32>,

    /// So long a whole operation may take before it is taken back, if it still can be: 1 to 86400, default 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_DAY_SECONDS))]
    pub total_seconds: Option<i32>,

    /// Between two attempts at one act: 1 to 86400, default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_DAY_SECONDS))]
    pub retry_seconds: Option<i32>,

    /// So long every look must find the member drained before it is believed: 0 to 86400, default 0. Short where the member
    /// stops itself and comes back alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_DAY_SECONDS))]
    pub confirm_seconds: Option<i32>,

    /// So long an act may be under way, whoever sent it and whether or not its reply was seen: 1 to 86400, default 90. At least
    /// 5 more than the longest timeoutSeconds. Nothing is concluded from its absence before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_DAY_SECONDS))]
    pub in_flight_seconds: Option<i32>,

    /// So long the cluster must be well and agreed before an operation is at its end: 0 to 86400, default 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_DAY_SECONDS))]
    pub settle_seconds: Option<i32>,
}
