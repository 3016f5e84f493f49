//! The rights of a world's operators: in effect before one is started, and none missed when the world ends.

use std::sync::atomic::Ordering;
use std::thread;

use autoscaler_api::GROUP;
use autoscaler_testkit::audit::AuditLog;
use autoscaler_testkit::rights::Right;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::world::{DEADLINE, World};

impl World {
    /// Who our operators are to the API server.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:metric-autoscaler", self.namespace)
    }

    /// Waits until the rights that every world has take effect, each binding by itself. Of the role of the cluster the first is its
    /// own, and the second comes from another file.
    pub(crate) async fn wait_for_own_rights(&self) {
        let own = ["metricautoscalers", "membershipprofiles"].map(|kind| Right::new(GROUP, kind, "list"));
        self.wait_for_rights(&own).await;
        let lease = Right {
            name: "metric-autoscaler".to_owned(),
            ..Right::new("coordination.k8s.io", "leases", "update")
        };
        self.wait_for_rights(&[lease]).await;
    }

    /// Waits until the operators of this world have these rights.
    pub(crate) async fn wait_for_rights(&self, rights: &[Right]) {
        for right in rights {
            let allowed = || self.is_allowed(right);
            eventually(&format!("{right:?} is given"), DEADLINE, allowed).await;
        }
    }

    pub(crate) async fn is_allowed(&self, right: &Right) -> bool {
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

    /// From now on it is part of the test that our operators lack a right.
    pub(crate) fn rights_are_missing(&self) {
        self.lacks_rights.store(true, Ordering::Relaxed);
    }

    pub(crate) fn audit_log(&self) -> AuditLog {
        AuditLog::new(self.plane.audit_log_path())
    }
}

/// An operator that is refused for want of a right fails whatever test it is in, unless the test has taken the right away.
impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() || self.lacks_rights.load(Ordering::Relaxed) {
            return;
        }
        let refused = self.audit_log().forbidden_since(self.began, &self.user()).unwrap();
        assert!(refused.is_empty(), "a right is missing: {refused:#?}");
    }
}
