//! Who may do what: the rules of `config/rbac` as data, and worlds whose operators have fewer of them.

use autoscaler_testkit::audit::Request;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::shared::rbac_file;
use crate::world::{DEADLINE, World};

/// One verb on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Right {
    group: String,
    /// With the subresource: `deployments/scale`.
    resource: String,
    verb: String,
    /// Of the only object that it is about, or empty.
    name: String,
}

impl Right {
    /// On any object.
    pub(crate) fn new(group: &str, resource: &str, verb: &str) -> Self {
        let [group, resource, verb] = [group, resource, verb].map(str::to_owned);
        let name = String::new();
        Self {
            group,
            resource,
            verb,
            name,
        }
    }

    /// All that the roles in one file of `config/rbac` give.
    pub(crate) fn in_file(file: &str) -> Vec<Self> {
        let objects = rbac_objects(file);
        let rules = objects.iter().filter_map(|role| role["rules"].as_array()).flatten();
        rules.flat_map(Self::in_rule).collect()
    }

    fn in_rule(rule: &Value) -> Vec<Self> {
        let texts = |key: &str| -> Vec<String> {
            let texts = rule[key].as_array().into_iter().flatten();
            texts.map(|text| text.as_str().unwrap().to_owned()).collect()
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
    pub(crate) fn allows(&self, request: &Request) -> bool {
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

/// The objects in one file of `config/rbac`.
fn rbac_objects(file: &str) -> Vec<Value> {
    let text = rbac_file(file);
    let documents = text.split("\n---\n");
    documents
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect()
}

impl World {
    /// Takes rights to resources of `apps` or our own group from the operators of this world alone, and waits until they
    /// are gone.
    pub(crate) async fn take_rights(&self, rights: &[Right]) {
        let name = self.cluster_name();
        let mut role = rbac_objects("operator_role.yaml").remove(1);
        for rule in role["rules"].as_array_mut().unwrap() {
            let resources = rule["resources"].as_array_mut().unwrap();
            resources.retain(|resource| rights.iter().all(|right| right.resource != *resource));
        }
        role["rules"]
            .as_array_mut()
            .unwrap()
            .retain(|rule| rule["resources"] != json!([]));
        role["metadata"] = json!({"name": name});
        self.plane.apply(&role.to_string()).await.unwrap();
        self.bind_to(&name).await;
        for right in rights {
            let gone = || async { !self.is_allowed(right).await };
            eventually(&format!("{right:?} is gone"), DEADLINE, gone).await;
        }
    }

    /// Gives all rights back, and waits until these are there.
    pub(crate) async fn restore_rights(&self, rights: &[Right]) {
        self.bind_to("metric-autoscaler").await;
        self.wait_for_rights(rights).await;
    }

    /// Waits until the operators of this world have these rights.
    pub(crate) async fn wait_for_rights(&self, rights: &[Right]) {
        for right in rights {
            let allowed = || self.is_allowed(right);
            eventually(&format!("{right:?} is given"), DEADLINE, allowed).await;
        }
    }

    /// Takes all rights of the `ClusterRole` from the operators of this world.
    pub(crate) async fn take_cluster_role(&self) {
        let binding = self.cluster_name();
        let deleted = self.plane.kubectl(&["delete", "clusterrolebinding", &binding]).await;
        assert!(deleted.unwrap().success);
    }

    /// The role of a binding cannot be changed, so it is made anew.
    async fn bind_to(&self, role: &str) {
        self.take_cluster_role().await;
        let binding = self.cluster_name();
        let subject = format!("--serviceaccount={}:metric-autoscaler", self.namespace);
        let role = format!("--clusterrole={role}");
        let created = ["create", "clusterrolebinding", &binding, &role, &subject];
        assert!(self.plane.kubectl(&created).await.unwrap().success);
    }

    async fn is_allowed(&self, right: &Right) -> bool {
        let Right {
            group,
            resource,
            verb,
            name,
        } = right;
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let attributes = json!({
            "namespace": self.namespace, "group": group, "resource": resource, "subresource": subresource, "verb": verb,
            "name": name,
        });
        let review = json!({"metadata": {}, "spec": {"user": self.user(), "resourceAttributes": attributes}});
        let review: SubjectAccessReview = serde_json::from_value(review).unwrap();
        let api: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let review = api.create(&PostParams::default(), &review).await.unwrap();
        review.status.is_some_and(|status| status.allowed)
    }
}
