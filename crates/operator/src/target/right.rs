//! A right that the operator lacks, with the role that gives it.

use std::fmt;

use kube::core::ApiResource;
use serde_json::{Value, json};

/// A right to a resource, told in the API server's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingRight {
    verb: &'static str,
    group: String,
    plural: String,
    subresource: &'static str,
}

impl MissingRight {
    /// To do this with a resource, or with `/scale` of it.
    pub(super) fn new(verb: &'static str, resource: &ApiResource, subresource: &'static str) -> Self {
        Self {
            verb,
            group: resource.group.clone(),
            plural: resource.plural.clone(),
            subresource,
        }
    }

    /// All that the operator needs for targets of this kind, on one line that `kubectl apply` takes.
    fn role(&self) -> Value {
        let Self { group, plural, .. } = self;
        let name = format!("metric-autoscaler-{plural}.{group}");
        let rule =
            |resource: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {
                "name": name.trim_end_matches('.'),
                "labels": {"metricautoscaler.dev/aggregate-to-operator": "true"},
            },
            "rules": [
                rule(plural, &["get", "list", "watch"]),
                rule(&format!("{plural}/scale"), &["get", "patch"]),
            ],
        })
    }
}

/// As a sentence for the condition.
impl fmt::Display for MissingRight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            verb,
            group,
            plural,
            subresource,
        } = self;
        let role = self.role();
        write!(
            formatter,
            "the operator cannot {verb} resource \"{plural}{subresource}\" in API group \"{group}\"; this role gives it \
             the right, by kubectl apply -f -: {role}"
        )
    }
}
