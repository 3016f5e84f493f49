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

/// Lets no more than four replicas be stored in the namespace, whatever is written, and waits until the API server does so.
async fn cap_at_four(world: &World) {
    let namespace = &world.namespace;
    let yaml = format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy\nmetadata: {{name: \
         {namespace}}}\nspec:\n  failurePolicy: Fail\n  reinvocationPolicy: Never\n  matchConstraints:\n    \
         resourceRules:\n    - {{apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: \
         [deployments/scale]}}\n  matchConditions: [{{name: many, expression: object.spec.replicas > 4}}]\n  \
         mutations:\n  - patchType: JSONPatch\n    jsonPatch:\n      expression: '[JSONPatch{{op: \"replace\", path: \
         \"/spec/replicas\", value: 4}}]'\n---\napiVersion: admissionregistration.k8s.io/v1\nkind: \
         MutatingAdmissionPolicyBinding\nmetadata: {{name: {namespace}}}\nspec:\n  policyName: {namespace}\n  \
         matchResources:\n    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}\n"
    );
    world.plane.apply(&yaml).await.unwrap();
    let nine = Patch::Merge(json!({"spec": {"replicas": 9}}));
    let dry_run = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    eventually("the policy is in force", DEADLINE, || async {
        let scale = world
            .api("Deployment")
            .patch_scale("web", &dry_run, &nine)
            .await
            .unwrap();
        let stored = scale.spec.and_then(|spec| spec.replicas);
        (stored == Some(4)).then_some(()).ok_or(format!("{stored:?}"))
    })
    .await;
}

#[tokio::test]
async fn what_a_policy_makes_of_a_write_is_told_as_it_was_stored() {
    let world = World::new("altered").await;
    world.set_load(200.0).await;
    world.workload("Deployment", "web", 2).await;
    cap_at_four(&world).await;
    let _operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;

    world.set_load(600.0).await;
    world.wait_replicas("Deployment", "web", 4).await;
    let altered = "6 were written, and admission control made 4 of them";
    let message = world
        .wait_condition("web", "AbleToScale", "False", "FailedUpdateScale")
        .await;
    assert_contains(
        &message,
        "6 replicas were written, and admission control made 4 of them",
    );
    let events = world.events("web", "SuccessfulRescale").await;
    let notes: Vec<&str> = events.iter().filter_map(|event| event.note.as_deref()).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_contains(notes[0], "New size: 4, was 2; ");
    assert_contains(notes[0], altered);
    let status = world.status("web").await;
    assert_eq!(status.last_replicas, Some(4));
    let changes: Vec<&String> = status.decisions.iter().filter(|line| line.contains(" -> ")).collect();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_contains(changes[0], " 2 -> 4: ");
    assert_contains(changes[0], altered);
}

/// A policy denies with the same code as a test of our patch that fails, but nothing has changed: it is no race.
#[tokio::test]
async fn e84_a_write_that_a_policy_denies_is_told_with_its_reason_and_tried_again() {
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
