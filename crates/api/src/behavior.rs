//! `behavior`, in the shape and bounds of `autoscaling/v2`
//! (`pkg/apis/autoscaling/validation/validation.go`, `pkg/apis/autoscaling/v2/defaults.go`).
//!
//! One difference is forced by the schema language: an unquoted fraction (`tolerance: 0.05`) is refused.

#![expect(
    unreachable_pub,
    reason = "KubeSchema copies each public struct into the body of a function"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::IntOrQuantity;
use crate::limits::{MAX_PERIOD_SECONDS, MAX_POLICIES, MAX_WINDOW_SECONDS};
use crate::quantity::{NOT_NEGATIVE_MESSAGE, NOT_NEGATIVE_RULE};

/// How the replicas may change, per direction.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Behavior {
    /// Scaling up. Default: no stabilization window; at most 4 pods or 100 percent in 15 seconds, whichever is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,

    /// Scaling down. Default: a stabilization window of 300 seconds; at most 100 percent in 15 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// Rules of one direction.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ScalingRules {
    /// Seconds of past recommendations that are considered: 0 to 3600. Scaling up goes only as far as the lowest of
    /// them, scaling down only as far as the highest. Default: 0 for scaleUp, 300 for scaleDown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_WINDOW_SECONDS))]
    pub stabilization_window_seconds: Option<i32>,

    /// Which policy counts when there are several: the one that allows the most change (Max), the least change (Min), or
    /// none, so that nothing ever scales in this direction (Disabled). Default Max.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SelectPolicy")]
    pub select_policy: Option<SelectPolicy>,

    /// How much the replicas may change within a period, 1 to 16 policies. Left out, the defaults of the direction apply.
    ///
    /// Example, at most one pod a minute: `[{type: Pods, value: 1, periodSeconds: 60}]`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_POLICIES))]
    #[x_kube(validation = Rule::new("size(self) > 0")
        .message("policies must hold at least one policy: leave the field out for the default, or set selectPolicy: Disabled for no change in this direction"))]
    pub policies: Option<Vec<ScalingPolicy>>,

    /// How far a metric may be from its target before it scales in this direction, as a fraction of the target:
    /// a quantity of 0 or above, 0.1 being 10 percent. Quote fractions: "0.05", or write 50m. Default 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(NOT_NEGATIVE_RULE).message(NOT_NEGATIVE_MESSAGE))]
    pub tolerance: Option<IntOrQuantity>,
}

/// One policy: at most so many pods, or so many percent, within a period.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ScalingPolicy {
    /// Whether value counts pods (Pods) or percent of the replicas at the start of the period (Percent).
    pub r#type: PolicyType,

    /// How many pods or percent: at least 1.
    #[schemars(range(min = 1, max = i32::MAX))]
    pub value: i32,

    /// Length of the period in seconds: 1 to 1800.
    #[schemars(range(min = 1, max = MAX_PERIOD_SECONDS))]
    pub period_seconds: i32,
}

/// What a policy counts.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyType {
    /// Replicas.
    Pods,
    /// Percent of the replicas at the start of the period.
    Percent,
}

/// Which policy of several counts.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SelectPolicy {
    /// The one that allows the most change.
    #[default]
    Max,
    /// The one that allows the least change.
    Min,
    /// No change in this direction.
    Disabled,
}
