//! Objects as the API server has them, asked by a client of this process: what is waited for is asked often, and a kubectl for
//! each look would be most of the work of the suite.

use kube::Api;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

use crate::installation::Installation;

impl Installation {
    /// One object, by its kind in any case of letters.
    pub(crate) async fn object(&self, kind: &str, namespace: &str, name: &str) -> Result<Value, kube::Error> {
        let object = self.api(kind, namespace).get(name).await?;
        Ok(serde_json::to_value(object).unwrap())
    }

    /// The objects with these labels.
    pub(crate) async fn objects(&self, kind: &str, namespace: &str, labels: &str) -> Vec<Value> {
        let selected = ListParams::default().labels(labels);
        let list = self.api(kind, namespace).list(&selected).await.unwrap();
        let objects = list.items.into_iter();
        objects.map(|object| serde_json::to_value(object).unwrap()).collect()
    }

    /// With a client of its own, for a connection dies with the runtime of its test.
    fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let kind = kind.to_lowercase();
        let (group, version) = match kind.as_str() {
            "deployment" | "replicaset" | "statefulset" => ("apps", "v1"),
            "lease" => ("coordination.k8s.io", "v1"),
            "metricautoscaler" => ("metricautoscaler.dev", "v1alpha1"),
            "pod" | "service" => ("", "v1"),
            other => panic!("nobody has said of which group {other} is"),
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
        Api::namespaced_with(self.cluster.plane.client_as_admin(), namespace, &resource)
    }
}
