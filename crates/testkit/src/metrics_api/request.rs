//! Answers: what does a request to the metrics APIs ask for?
//!
//! Paths as `k8s.io/metrics/pkg/client` writes them: `.../namespaces/<n>/<metric>` for an external metric,
//! `.../namespaces/<n>/<resource>/<object>/<metric>` for a custom one, with `*` as the object for all pods of a selector.

use serde_json::{Value, json};

pub(super) const EXTERNAL: (&str, &str) = ("external.metrics.k8s.io", "v1beta1");
pub(super) const CUSTOM: (&str, &str) = ("custom.metrics.k8s.io", "v1beta2");

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The namespace of the autoscaler.
    pub namespace: String,
    /// The name of the metric.
    pub metric: String,
    /// What the metric is about.
    pub subject: Subject,
}

/// What a metric is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Nothing in the cluster: an External metric.
    External,
    /// One object: an Object metric.
    Object {
        /// Its resource with its group: `deployments.apps`.
        resource: String,
        /// Its name.
        name: String,
    },
    /// The pods under a selector: a Pods metric.
    Pods {
        /// The label selector.
        selector: String,
    },
}

impl Asked {
    pub(super) fn parse(path: &str, query: Option<&str>) -> Option<Self> {
        // The one character of these paths that clients may or may not escape.
        let path = path.replace("%2A", "*");
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (namespace, metric, subject) = match *segments.as_slice() {
            ["apis", group, version, "namespaces", namespace, metric] if (group, version) == EXTERNAL => {
                (namespace, metric, Subject::External)
            }
            ["apis", group, version, "namespaces", namespace, "pods", "*", metric] if (group, version) == CUSTOM => {
                let selector = parameter(query.unwrap_or_default(), "labelSelector");
                (namespace, metric, Subject::Pods { selector })
            }
            ["apis", group, version, "namespaces", namespace, resource, name, metric] if (group, version) == CUSTOM => {
                let (resource, name) = (resource.to_owned(), name.to_owned());
                (namespace, metric, Subject::Object { resource, name })
            }
            _ => return None,
        };
        Some(Self {
            namespace: namespace.to_owned(),
            metric: metric.to_owned(),
            subject,
        })
    }
}

/// The list of resources of a version: what the API server asks to see whether anybody is there.
pub(super) fn discovery(path: &str) -> Option<Value> {
    [EXTERNAL, CUSTOM].into_iter().find_map(|(group, version)| {
        let version = format!("{group}/{version}");
        (path.trim_matches('/') == format!("apis/{version}"))
            .then(|| json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": []}))
    })
}

fn parameter(query: &str, name: &str) -> String {
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(path: &str, query: Option<&str>) -> Option<Subject> {
        Asked::parse(path, query).map(|asked| asked.subject)
    }

    #[test]
    fn each_kind_of_metric_is_known_by_its_path() {
        let external = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue";
        assert_eq!(subject(external, None), Some(Subject::External));
        let object = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/deployments.apps/web/hits";
        let (resource, name) = ("deployments.apps".to_owned(), "web".to_owned());
        assert_eq!(subject(object, None), Some(Subject::Object { resource, name }));
        let pods = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/hits";
        let selector = "app=web".to_owned();
        let found = subject(pods, Some("metricLabelSelector=&labelSelector=app%3Dweb"));
        assert_eq!(found, Some(Subject::Pods { selector }));
    }

    #[test]
    fn the_version_is_part_of_the_path() {
        assert_eq!(
            subject("/apis/custom.metrics.k8s.io/v1beta1/namespaces/shop/pods/*/hits", None),
            None
        );
        assert!(discovery("/apis/external.metrics.k8s.io/v1beta1").is_some());
        assert!(discovery("/openapi/v2").is_none());
    }
}
