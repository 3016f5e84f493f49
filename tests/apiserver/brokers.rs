//! A kind of target that Kubernetes does not know: a custom resource with a scale subresource, and no controller.

use std::time::Duration;

use autoscaler_testkit::plane::ControlPlane;
use autoscaler_testkit::wait::eventually;

use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::world::World;

const DEFINITION: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: brokers.example.com}
spec:
  group: example.com
  names: {kind: Broker, plural: brokers, singular: broker}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {members: {type: integer}}}
          status: {type: object, properties: {members: {type: integer}, selector: {type: string}}}
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.members, statusReplicasPath: .status.members, labelSelectorPath: .status.selector}
";

/// Applies the definition, and waits until it is served.
pub(crate) async fn install(plane: &ControlPlane) {
    plane.apply(DEFINITION).await.unwrap();
    eventually("brokers are served", Duration::from_secs(30), || async {
        let listed = plane.kubectl(&["get", "brokers.example.com"]).await.unwrap();
        listed.success.then_some(()).ok_or(listed.stderr)
    })
    .await;
}

/// Creates a broker.
pub(crate) async fn create(world: &World, name: &str, members: u32) {
    let namespace = &world.namespace;
    let broker = format!(
        "apiVersion: example.com/v1\nkind: Broker\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: \
         {{members: {members}}}\n"
    );
    world.create(&broker).await;
}

/// Says which pods are a broker's, as its controller would.
pub(crate) async fn select(world: &World, name: &str, selector: &str) {
    let status = Patch::Merge(json!({"status": {"selector": selector}}));
    let (api, parameters) = (world.api("Broker"), PatchParams::default());
    api.patch_status(name, &parameters, &status).await.unwrap();
}

/// Lets the operators of one world do what these rules say, there and nowhere else.
pub(crate) async fn grant(world: &World, rules: &[&str]) {
    let (namespace, rules) = (&world.namespace, rules.join("\n- "));
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: brokers, namespace: \
         {namespace}}}\nrules:\n- {rules}\n"
    );
    world.plane.apply(&role).await.unwrap();
    let subject = format!("--serviceaccount={namespace}:metric-autoscaler");
    let binding = [
        "create",
        "rolebinding",
        "brokers",
        "--role=brokers",
        &subject,
        "-n",
        namespace,
    ];
    assert!(world.plane.kubectl(&binding).await.unwrap().success);
}
