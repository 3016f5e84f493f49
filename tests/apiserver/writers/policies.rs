//! Admission policies, which may forbid a size.

use autoscaler_testkit::wait::eventually;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::world::{DEADLINE, World, assert_contains};

const REASON: &str = "at most 4 replicas before the sale";

/// Forbids more than four replicas in the namespace, and waits until the API server enforces it.
async fn forbid_more_than_four(world: &World) {
    let namespace = &world.namespace;
    let yaml = format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: {namespace}}}\n\
         spec:\n  failurePolicy: Fail\n  matchConstraints:\n    resourceRules:\n    - {{apiGroups: [apps], apiVersions: \
         [v1], operations: [UPDATE], resources: [deployments/scale]}}\n  validations:\n  - expression: \
         object.spec.replicas <= 4\n    message: {REASON}\n---\napiVersion: admissionregistration.k8s.io/v1\nkind: \
         ValidatingAdmissionPolicyBinding\nmetadata: {{name: {namespace}}}\nspec:\n  policyName: {namespace}\n  \
         validationActions: [Deny]\n  matchResources:\n    namespaceSelector: {{matchLabels: \
         {{kubernetes.io/metadata.name: {namespace}}}}}\n"
    );
    world.plane.apply(&yaml).await.unwrap();
    let nine = Patch::Merge(json!({"spec": {"replicas": 9}}));
    let dry_run = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    eventually("the policy is in force", DEADLINE, || async {
        match world.api("Deployment").patch_scale("web", &dry_run, &nine).await {
            Ok(_) => Err("9 replicas are let pass".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .await;
}

/// A policy denies with the same code as a test of our patch that fails, but nothing has changed: it is no race.
#[tokio::test]
async fn a_write_that_a_policy_denies_is_told_with_its_reason_and_tried_again() {
    let world = World::new("denied").await;
    world.set_load(200.0).await;
    world.workload("Deployment", "web", 2).await;
    forbid_more_than_four(&world).await;
    let _operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;

    world.set_load(600.0).await;
    let message = world
        .wait_condition("web", "AbleToScale", "False", "FailedUpdateScale")
        .await;
    assert_contains(&message, REASON);
    assert_eq!(world.replicas("Deployment", "web").await, 2);

    world.set_load(400.0).await;
    world.wait_replicas("Deployment", "web", 4).await;
    world
        .wait_condition("web", "AbleToScale", "True", "SucceededRescale")
        .await;
}
