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
    /// Whether all that is wanted of the resource is to see it.
    only_to_read: bool,
}

impl MissingRight {
    /// To do this with a resource, or with `/scale` of it.
    pub(super) fn new(verb: &'static str, resource: &ApiResource, subresource: &'static str) -> Self {
        Self {
            verb,
            group: resource.group.clone(),
            plural: resource.plural.clone(),
            subresource,
            only_to_read: false,
        }
    }

    /// To list and watch a resource that is no target.
    pub(crate) fn to_read(resource: &ApiResource) -> Self {
        Self {
            only_to_read: true,
            ..Self::new("list and watch", resource, "")
        }
    }

    /// All that the operator needs for targets of this kind, on one line that `kubectl apply` takes.
    fn role(&self) -> Value {
        let Self {
            group,
            plural,
            only_to_read,
            ..
        } = self;
        let name = format!("metric-autoscaler-{plural}.{group}");
        let rule =
            |resource: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
        let rules = if *only_to_read {
            json!([rule(plural, &["list", "watch"])])
        } else {
            json!([
                rule(plural, &["get", "list", "watch"]),
                rule(&format!("{plural}/scale"), &["get", "patch"])
            ])
        };
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {
                "name": name.trim_end_matches('.'),
                "labels": {"metricautoscaler.dev/aggregate-to-operator": "true"},
            },
            "rules": rules,
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
            only_to_read: _,
        } = self;
        let role = self.role();
        write!(
            formatter,
            "the operator cannot {verb} resource \"{plural}{subresource}\" in API group \"{group}\"; this role gives it \
             the right, by kubectl apply -f -: {role}"
        )
    }
}
