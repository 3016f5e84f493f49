//! A right that operations on members need and the operator lacks, with what gives it: a binding in the namespace, so that
//! the rights reach no further than the autoscalers that need them.

use std::fmt;

use serde_json::{Value, json};

use crate::gate::CallError;

/// The role of `config/rbac/membership_role.yaml`.
const ROLE: &str = "metric-autoscaler-membership";
/// The role for what is in no namespace.
const CLUSTER_ROLE: &str = "metric-autoscaler-membership-cluster";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingBinding {
    what: &'static str,
    namespace: Option<String>,
    /// The roles are Roles where the operator is installed for one namespace.
    is_namespaced: bool,
    service_account: Option<(String, String)>,
}

impl MissingBinding {
    /// To do this in a namespace, if that is what an error says.
    pub(super) fn of(
        error: &CallError,
        (verb, what): (&str, &'static str),
        namespace: &str,
        is_namespaced: bool,
    ) -> Option<Self> {
        error.lacks_right(verb).then(|| Self {
            what,
            namespace: Some(namespace.to_owned()),
            is_namespaced,
            service_account: service_account(error),
        })
    }

    /// To list nodes.
    pub(super) fn to_nodes(error: &CallError) -> Option<Self> {
        error.lacks_right("list").then(|| Self {
            what: "list nodes",
            namespace: None,
            is_namespaced: false,
            service_account: service_account(error),
        })
    }

    /// The binding, on one line that `kubectl apply` takes.
    fn binding(&self) -> Value {
        let (kind, role) = match &self.namespace {
            Some(_) => ("RoleBinding", ROLE),
            None => ("ClusterRoleBinding", CLUSTER_ROLE),
        };
        let (namespace, name) = self.service_account.clone().unwrap_or_else(|| {
            let default = "metric-autoscaler".to_owned();
            (default.clone(), default)
        });
        let role_kind = if self.is_namespaced { "Role" } else { "ClusterRole" };
        let mut metadata = json!({"name": role});
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": kind,
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        })
    }
}

/// Who was refused, in the authorizer's words: `User "system:serviceaccount:NAMESPACE:NAME" cannot …`
/// (`k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go`).
fn service_account(error: &CallError) -> Option<(String, String)> {
    let CallError::Api { source, .. } = error else {
        return None;
    };
    let kube::Error::Api(status) = &**source else {
        return None;
    };
    let (_, after) = status.message.split_once("\"system:serviceaccount:")?;
    let (user, _) = after.split_once('"')?;
    let (namespace, name) = user.split_once(':')?;
    Some((namespace.to_owned(), name.to_owned()))
}

/// As a sentence for the condition.
impl fmt::Display for MissingBinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.namespace {
            Some(namespace) => format!(" in namespace {namespace}"),
            None => String::new(),
        };
        write!(
            formatter,
            "the operator cannot {}{place}; this binding gives it the right, by kubectl apply -f -: {}",
            self.what,
            self.binding()
        )
    }
}
