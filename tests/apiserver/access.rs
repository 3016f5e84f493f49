//! Who may do what: the rules of `config/rbac` as data, and worlds whose operators have fewer of them.

use autoscaler_testkit::rights::Right;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::shared::rbac_file;
use crate::world::{DEADLINE, World};

/// All that the roles in one file of `config/rbac` give.
pub(crate) fn rights_in_file(file: &str) -> Vec<Right> {
    rbac_objects(file).iter().flat_map(Right::in_role).collect()
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
