//! One metric of a `MetricAutoscaler`: where its number comes from and what it is compared with.

#![expect(
    unreachable_pub,
    reason = "KubeSchema copies each public struct into the body of a function"
)]

use autoscaler_core::Seconds;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::IntOrQuantity;
use crate::limits::{MAX_DAY_SECONDS, MAX_LABEL_NAME, MAX_METRIC_NAME, MAX_QUERY};
use crate::quantity::{POSITIVE_MESSAGE, POSITIVE_RULE};

/// One metric: a source, and a target to keep it at.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.prometheus)").message("a metric needs a source: set prometheus.query"))]
#[x_kube(validation = Rule::new("!has(self.prometheus) || !has(self.prometheus.perPod) || has(self.target.averageValue)")
    .message("with perPod set target.averageValue: what each pod should carry"))]
pub struct Metric {
    /// Name of the metric, unique in the list; status, events and the operator's own metrics refer to it. A DNS label of
    /// at most 63 characters, such as publish-rate.
    #[schemars(length(max = MAX_METRIC_NAME))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("name must be a DNS label: lower case letters, digits and '-', with a letter or digit first and last"))]
    pub name: String,

    /// The number comes from a PromQL query. Required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusQuery>,

    /// What the number is compared with: exactly one of value and averageValue.
    pub target: MetricTarget,

    /// What it means when the query answers with no series at all. Default Hold.
    ///
    /// Hold: nothing is known, so the target may not scale down. Zero: there is no load, believed only once Prometheus has
    /// answered for one look-back of the query and scrapes targets (it has an up series), and while none of the scrape
    /// targets that had the series is down. Ignore: the metric does not take part in the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WhenMissing")]
    pub when_missing: Option<WhenMissing>,

    /// What it means when the query answers NaN or an infinity, such as 0/0 of a ratio at rest. Default Hold.
    ///
    /// Hold: nothing is known, so the target may not scale down. Zero: there is no load, believed under the same conditions
    /// as for whenMissing.
    #[serde(default, rename = "whenNaN", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WhenNan")]
    pub when_nan: Option<WhenNan>,
}

/// A PromQL query that answers with one number, or with one for each pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusQuery {
    /// The query, sent to the Prometheus that the operator is configured with: 1 to 4096 characters. It must answer with
    /// one series or a scalar; several series are refused as a reading, so aggregate with sum, max or avg, or set perPod.
    /// Counters need a rate.
    ///
    /// Example: `sum(rate(http_requests_total{namespace="shop",service="cart"}[1m]))`
    #[schemars(length(min = 1, max = MAX_QUERY))]
    pub query: String,

    /// Before the target is scaled, the newest sample behind the query may be at most so many seconds old, else the reading is
    /// Stale and the target may not scale down: 1 to 86400. A few scrape intervals are a good choice. Default: as far as the
    /// query looks back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_DAY_SECONDS))]
    pub max_sample_age_seconds: Option<i32>,

    /// How far back the query looks, in seconds: 1 to 86400. Default: read from the query, as the longest range in it with
    /// its offsets, or 300 without a range. Set it only if the query names a recording rule, behind which the range is
    /// hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_DAY_SECONDS))]
    pub look_back_seconds: Option<i32>,

    /// The query answers with one series for each pod, told apart by two labels. Without it the answer is one number.
    ///
    /// Only pods that the target owns count. A pod that has not started, or has no series, is reckoned with whatever makes
    /// the change smaller; one that is younger than the query looks back is taken to be at its target before the
    /// target scales down. Example: `sum by (namespace, pod) (rate(http_requests_total[1m]))`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PerPod")]
    pub per_pod: Option<PerPod>,
}

/// Which labels tell whose series it is.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct PerPod {
    /// Label that holds the name of the pod. Default pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_LABEL_NAME))]
    #[x_kube(validation = Rule::new(LABEL_RULE).message(LABEL_MESSAGE))]
    pub pod_label: Option<String>,

    /// Label that holds the namespace of the pod: pods of a StatefulSet have the same names in every namespace. Default
    /// namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_LABEL_NAME))]
    #[x_kube(validation = Rule::new(LABEL_RULE).message(LABEL_MESSAGE))]
    pub namespace_label: Option<String>,
}

/// What the API server demands of the name of a label.
const LABEL_RULE: &str = "self.matches('^[a-zA-Z_][a-zA-Z0-9_]*$')";
/// What it says otherwise.
const LABEL_MESSAGE: &str = "must be the name of a Prometheus label: letters, digits and '_', not a digit first";

impl PerPod {
    /// The label with the pod's name.
    pub fn pod_label(&self) -> &str {
        self.pod_label.as_deref().unwrap_or("pod")
    }

    /// The label with its namespace.
    pub fn namespace_label(&self) -> &str {
        self.namespace_label.as_deref().unwrap_or("namespace")
    }
}

impl PrometheusQuery {
    /// The oldest age at which the newest sample may back a change of size: as given, else as far as the query looks back.
    pub fn max_sample_age(&self, look_back: Seconds) -> Seconds {
        self.max_sample_age_seconds
            .and_then(|given| u32::try_from(given).ok())
            .map_or(look_back, Seconds::new)
    }

    /// The look-back that the user gives, in place of the one read from the query.
    pub fn look_back(&self) -> Option<Seconds> {
        self.look_back_seconds
            .and_then(|given| u32::try_from(given).ok())
            .map(Seconds::new)
    }
}

/// What a metric is compared with: exactly one of value and averageValue.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.value) != has(self.averageValue)")
    .message("set exactly one of value (the query's answer itself) and averageValue (the answer divided by the replicas)"))]
pub struct MetricTarget {
    /// The query's answer itself is kept at this amount: replicas go up and down with the ratio of the two. For answers
    /// that do not add up over the replicas, such as a latency, a utilization or the length of a queue.
    ///
    /// A quantity above 0: 20, 1e3, 60m (0.06), 2Gi. Quote fractions: "0.5".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(POSITIVE_RULE).message(POSITIVE_MESSAGE))]
    pub value: Option<IntOrQuantity>,

    /// The query's answer divided by the number of replicas is kept at this amount: replicas = answer / averageValue,
    /// rounded up. For totals, such as requests per second of the whole workload. With prometheus.perPod: the average of
    /// the pods is kept at this amount.
    ///
    /// A quantity above 0: 100, 1e3, 60m (0.06), 2Gi. Quote fractions: "0.5".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(POSITIVE_RULE).message(POSITIVE_MESSAGE))]
    pub average_value: Option<IntOrQuantity>,
}

/// What an empty answer means.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenMissing {
    /// Nothing is known: do not scale down.
    #[default]
    Hold,
    /// No load.
    Zero,
    /// The metric does not take part.
    Ignore,
}

/// What NaN or an infinity means.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenNan {
    /// Nothing is known: do not scale down.
    #[default]
    Hold,
    /// No load.
    Zero,
}
