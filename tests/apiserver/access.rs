//! Who may do what: the rules of `config/rbac` as data, and worlds whose operators have fewer of them.

use autoscaler_testkit::rights::Right;
use autoscaler_testkit::wait::eventually;
use serde_json::{Value, json};

use crate::manifests::Rendered;
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

/// An object of `config/namespaced`, in another namespace than there.
pub(crate) fn object_in(namespace: &str, object: &Value) -> String {
    let own = format!(r#""namespace":"{namespace}""#);
    object.to_string().replace(r#""namespace":"default""#, &own)
}

impl World {
    /// Takes rights to resources of `apps` or our own group from the operators of this world alone, and waits until they
    /// are gone.
    pub(crate) async fn take_rights(&self, rights: &[Right]) {
        self.rights_are_missing();
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

    /// What `docs/guide/stateful.md` says to bind for work on members.
    pub(crate) async fn give_rights_to_members(&self) {
        self.plane.apply(&rbac_file("membership_role.yaml")).await.unwrap();
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "metric-autoscaler-membership", "namespace": self.namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "metric-autoscaler-membership"},
            "subjects": [{"kind": "ServiceAccount", "name": "metric-autoscaler", "namespace": self.namespace}],
        });
        self.plane.apply(&binding.to_string()).await.unwrap();
        self.wait_for_rights(&[Right::new("policy", "poddisruptionbudgets", "list")])
            .await;
    }

    /// Instead of the role of the cluster the Role of `config/namespaced`.
    pub(crate) async fn make_do_with_a_role(&self) {
        self.take_cluster_role().await;
        let namespaced = Rendered::of("namespaced").await;
        for object in namespaced.of_kind("Role").chain(namespaced.of_kind("RoleBinding")) {
            self.plane.apply(&object_in(&self.namespace, object)).await.unwrap();
        }
        self.wait_for_rights(&rights_in_file("operator_role.yaml")).await;
    }

    /// Takes all rights of the `ClusterRole` from the operators of this world.
    pub(crate) async fn take_cluster_role(&self) {
        self.rights_are_missing();
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
}
