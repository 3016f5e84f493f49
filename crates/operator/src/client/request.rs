//! Answers: what is this request called in the terms of the API? From its method and path alone.

use http::{Method, Uri};

/// A request in the words of RBAC and the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestName {
    pub(super) verb: &'static str,
    /// `deployments`, `deployments/scale`; `discovery` for what is no resource. Never the name of an object.
    pub(super) resource: String,
}

impl RequestName {
    pub(super) fn of(method: &Method, uri: &Uri) -> Self {
        let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let rest = match parts.as_slice() {
            ["api", _version, rest @ ..] | ["apis", _, _version, rest @ ..] => rest,
            _ => &[],
        };
        let (resource, has_name) = match rest {
            [] => ("discovery".to_owned(), true),
            ["namespaces", _, resource] | [resource] => ((*resource).to_owned(), false),
            ["namespaces", _, resource, _] | [resource, _] => ((*resource).to_owned(), true),
            ["namespaces", _, resource, _, subresource, ..] | [resource, _, subresource, ..] => {
                (format!("{resource}/{subresource}"), true)
            }
        };
        Self {
            verb: verb(method, uri, has_name),
            resource,
        }
    }
}

fn verb(method: &Method, uri: &Uri, has_name: bool) -> &'static str {
    let watches = uri
        .query()
        .is_some_and(|query| query.split('&').any(|part| part == "watch=true" || part == "watch=1"));
    match (method.as_str(), has_name) {
        ("GET", _) if watches => "watch",
        ("GET", true) => "get",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("GET", "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", "get", "leases")]
    #[case("PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", "update", "leases")]
    #[case("GET", "/apis/apps/v1/deployments?limit=500", "list", "deployments")]
    #[case(
        "GET",
        "/apis/apps/v1/namespaces/a/deployments?&watch=true&resourceVersion=1",
        "watch",
        "deployments"
    )]
    #[case(
        "PATCH",
        "/apis/apps/v1/namespaces/a/deployments/b/scale?fieldManager=x",
        "patch",
        "deployments/scale"
    )]
    #[case("POST", "/apis/events.k8s.io/v1/namespaces/a/events", "create", "events")]
    #[case("GET", "/api/v1/pods", "list", "pods")]
    #[case("GET", "/api/v1/namespaces", "list", "namespaces")]
    #[case("GET", "/api/v1/namespaces/a", "get", "namespaces")]
    #[case("GET", "/apis/apps/v1", "get", "discovery")]
    #[case("GET", "/apis", "get", "discovery")]
    #[case("GET", "/version", "get", "discovery")]
    fn requests_are_named_as_in_the_audit_log(
        #[case] method: &str,
        #[case] uri: &str,
        #[case] verb: &'static str,
        #[case] resource: &str,
    ) {
        let name = RequestName::of(&method.parse().unwrap(), &uri.parse().unwrap());
        let expected = RequestName {
            verb,
            resource: resource.to_owned(),
        };
        assert_eq!(name, expected);
    }
}
