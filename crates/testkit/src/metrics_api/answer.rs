//! Answers: how is a number written in the metrics APIs? Fields as in `k8s.io/metrics/pkg/apis`.

use std::time::SystemTime;

use hyper::StatusCode;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::request::{Asked, CUSTOM, EXTERNAL, Subject};

/// What the caller's function says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A list of values; an empty one is what an adapter answers that finds nothing.
    Values(Vec<Measured>),
    /// An error of the API.
    Failure(StatusCode),
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The object that it is about: the pod, for a Pods metric. An External metric has none.
    pub name: String,
    /// A quantity: `1500m`.
    pub quantity: String,
}

impl Answer {
    /// A single value about nothing in particular.
    pub fn value(quantity: impl Into<String>) -> Self {
        let (name, quantity) = (String::new(), quantity.into());
        Self::Values(vec![Measured { name, quantity }])
    }

    pub(super) fn render(&self, asked: &Asked, at: SystemTime) -> (StatusCode, Value) {
        let values = match self {
            Self::Values(values) => values,
            Self::Failure(code) => return (*code, status(*code, &asked.metric)),
        };
        let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
        let (kind, (group, version)) = match asked.subject {
            Subject::External => ("ExternalMetricValueList", EXTERNAL),
            Subject::Object { .. } | Subject::Pods { .. } => ("MetricValueList", CUSTOM),
        };
        let items: Vec<Value> = values.iter().map(|value| item(value, asked, at)).collect();
        let body = json!({"kind": kind, "apiVersion": format!("{group}/{version}"), "metadata": {}, "items": items});
        (StatusCode::OK, body)
    }
}

fn item(value: &Measured, asked: &Asked, at: Timestamp) -> Value {
    let (metric, at, quantity) = (&asked.metric, at.to_string(), &value.quantity);
    let described = |kind: &str, name: &str| {
        json!({
            "describedObject": {"kind": kind, "namespace": asked.namespace, "name": name},
            "metric": {"name": metric, "selector": null}, "timestamp": at, "value": quantity,
        })
    };
    match &asked.subject {
        Subject::External => json!({"metricName": metric, "metricLabels": {}, "timestamp": at, "value": quantity}),
        Subject::Object { resource, name } => described(resource, name),
        Subject::Pods { .. } => described("Pod", &value.name),
    }
}

/// How Kubernetes says no.
pub(super) fn status(code: StatusCode, what: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(),
        "message": format!("the testkit has nothing for {what}"),
    })
}
