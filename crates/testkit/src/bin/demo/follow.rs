//! Answers: what does the API server say about one autoscaler and its target, right now?

use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;

use crate::load::NAMESPACE;

/// An autoscaler of the demo, and how far its target is to go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    /// The autoscaler, and its target: both have the same name.
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    /// The size without load, and the one that the load calls for.
    pub(crate) floor: u32,
    pub(crate) peak: u32,
}

/// What one look has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `spec.replicas` of the target and `status.readyReplicas`.
    pub(crate) replicas: u32,
    pub(crate) ready: u32,
    /// The rest is the autoscaler's: its first query, and what it is compared with.
    pub(crate) query: String,
    pub(crate) target: String,
    /// Of its status.
    pub(crate) current: u32,
    pub(crate) desired: u32,
    pub(crate) targets: String,
    pub(crate) decisions: Vec<String>,
    /// Why it cannot work: the condition `Ready`.
    pub(crate) trouble: Option<Condition>,
    /// What keeps the size from being what the metrics ask for.
    pub(crate) hold: Option<Condition>,
}

/// Of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// Looks at the autoscaler and its target.
pub(crate) async fn look(client: &Client, goal: &Goal) -> kube::Result<Seen> {
    let autoscalers = api(client, "metricautoscaler.dev", "v1alpha1", "MetricAutoscaler");
    let targets = api(client, "apps", "v1", goal.kind);
    let (autoscaler, target) = tokio::try_join!(autoscalers.get(goal.name), targets.get(goal.name))?;
    Ok(Seen::of(&autoscaler.data, &target.data))
}

fn api(client: &Client, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Api::namespaced_with(client.clone(), NAMESPACE, &resource)
}

impl Seen {
    fn of(autoscaler: &Value, target: &Value) -> Self {
        let (metric, status) = (&autoscaler["spec"]["metrics"][0], &autoscaler["status"]);
        let decisions = status["decisions"].as_array().into_iter().flatten();
        let condition = |kind: &str, status: &str| Condition::find(autoscaler, kind, |found| found == status);
        let window = condition("AbleToScale", "True").filter(|found| found.reason.ends_with("Stabilized"));
        Self {
            replicas: count(&target["spec"]["replicas"]),
            ready: count(&target["status"]["readyReplicas"]),
            query: text(&metric["prometheus"]["query"]),
            target: text(&metric["target"]["averageValue"]),
            current: count(&status["currentReplicas"]),
            desired: count(&status["desiredReplicas"]),
            targets: text(&status["targets"]),
            decisions: decisions.map(text).collect(),
            trouble: Condition::find(autoscaler, "Ready", |status| status != "True"),
            hold: window.or_else(|| condition("ScalingLimited", "True")),
        }
    }

    /// The last decision in the operator's own words, without the time and the sizes it begins with.
    pub(crate) fn why(&self) -> Option<&str> {
        let (_, why) = self.decisions.last()?.split_once(": ")?;
        Some(why)
    }

    /// The size is what the autoscaler wants, and every replica is ready.
    pub(crate) fn is_settled(&self) -> bool {
        self.replicas == self.ready && self.replicas == self.desired
    }

    /// And the autoscaler has seen it.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.is_settled() && self.replicas == self.current
    }
}

impl Condition {
    fn find(autoscaler: &Value, kind: &str, is: impl Fn(&str) -> bool) -> Option<Self> {
        let all = autoscaler["status"]["conditions"].as_array()?;
        let found = all
            .iter()
            .find(|one| one["type"] == kind && one["status"].as_str().is_some_and(&is))?;
        Some(Self {
            reason: text(&found["reason"]),
            message: text(&found["message"]),
        })
    }
}

/// Quantities may be texts or numbers.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

fn count(value: &Value) -> u32 {
    value.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}
