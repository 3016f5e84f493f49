//! Who may do what: the rules of `config/rbac` as data, and worlds whose operators have fewer of them.

use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::shared::rbac_file;
use crate::world::{DEADLINE, World};

/// The objects in one file of `config/rbac`.
pub(crate) fn rbac_objects(file: &str) -> Vec<Value> {
    let text = rbac_file(file);
    let documents = text.split("\n---\n");
    documents
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect()
}

impl World {
    /// Takes the rule about a resource (of a group, or `resource/subresource`) from the operators of this world alone, and
    /// waits until they can no longer do what it allows.
    pub(crate) async fn take_right(&self, group: &str, resource: &str, verb: &str) {
        let name = self.cluster_name();
        let mut role = rbac_objects("operator_role.yaml").remove(1);
        let rules = role["rules"].as_array_mut().unwrap();
        let count = rules.len();
        rules.retain(|rule| !rule["resources"].as_array().unwrap().contains(&json!(resource)));
        assert_eq!(rules.len() + 1, count, "one rule about {resource}");
        role["metadata"] = json!({"name": name});
        self.plane.apply(&role.to_string()).await.unwrap();
        self.bind_to(&name).await;
        let allowed = || self.is_allowed(group, resource, verb);
        eventually("the right is gone", DEADLINE, || async { !allowed().await }).await;
    }

    /// Gives all rights back.
    pub(crate) async fn restore_rights(&self, group: &str, resource: &str, verb: &str) {
        self.bind_to("metric-autoscaler").await;
        let allowed = || self.is_allowed(group, resource, verb);
        eventually("the right is back", DEADLINE, || async { allowed().await }).await;
    }

    /// The role of a binding cannot be changed, so it is made anew.
    async fn bind_to(&self, role: &str) {
        let binding = self.cluster_name();
        let deleted = self.plane.kubectl(&["delete", "clusterrolebinding", &binding]).await;
        assert!(deleted.unwrap().success);
        let subject = format!("--serviceaccount={}:metric-autoscaler", self.namespace);
        let role = format!("--clusterrole={role}");
        let created = ["create", "clusterrolebinding", &binding, &role, &subject];
        assert!(self.plane.kubectl(&created).await.unwrap().success);
    }

    async fn is_allowed(&self, group: &str, resource: &str, verb: &str) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let attributes = json!({
            "namespace": self.namespace, "group": group, "resource": resource, "subresource": subresource, "verb": verb,
        });
        let review = json!({"metadata": {}, "spec": {"user": self.user(), "resourceAttributes": attributes}});
        let review: SubjectAccessReview = serde_json::from_value(review).unwrap();
        let api: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let review = api.create(&PostParams::default(), &review).await.unwrap();
        review.status.is_some_and(|status| status.allowed)
    }
}
