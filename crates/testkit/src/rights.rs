//! Answers: which rule of a role allowed this request? Rights as data, to find those that are missing and those never used.

use serde_json::Value;

use crate::audit::Request;

/// One verb on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The API group; empty for the core group.
    pub group: String,
    /// With the subresource: `deployments/scale`.
    pub resource: String,
    /// As in a rule.
    pub verb: String,
    /// Of the only object that it is about, or empty.
    pub name: String,
}

impl Right {
    /// On any object.
    pub fn new(group: &str, resource: &str, verb: &str) -> Self {
        let [group, resource, verb] = [group, resource, verb].map(str::to_owned);
        let name = String::new();
        Self {
            group,
            resource,
            verb,
            name,
        }
    }

    /// All that a Role or `ClusterRole` gives.
    pub fn in_role(role: &Value) -> Vec<Self> {
        let rules = role["rules"].as_array().into_iter().flatten();
        rules.flat_map(Self::in_rule).collect()
    }

    fn in_rule(rule: &Value) -> Vec<Self> {
        let texts = |key: &str| -> Vec<String> {
            let texts = rule[key].as_array().into_iter().flatten();
            texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let name = texts("resourceNames").pop().unwrap_or_default();
        let mut rights = Vec::new();
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                for verb in texts("verbs") {
                    let name = name.clone();
                    rights.push(Self {
                        name,
                        ..Self::new(&group, &resource, &verb)
                    });
                }
            }
        }
        rights
    }

    /// Whether this is what allowed a request.
    pub fn allows(&self, request: &Request) -> bool {
        let resource = match request.subresource.as_str() {
            "" => request.resource.clone(),
            subresource => format!("{}/{subresource}", request.resource),
        };
        self.group == request.group
            && self.resource == resource
            && self.verb == request.verb
            && (self.name.is_empty() || self.name == request.name)
    }
}
