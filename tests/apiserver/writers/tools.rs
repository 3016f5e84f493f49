//! GitOps tools, which put their number back: by owning the field, or by writing it again and again.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::world::{World, assert_contains};

/// What a GitOps tool has of the Deployment `web`, with or without its replicas.
fn manifest(world: &World, replicas: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {}}}\nspec:\n{replicas}  selector: \
         {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: \
         [{{name: main, image: none}}]}}\n",
        world.namespace
    )
}

async fn apply_as_argocd(world: &World, manifest: &str) {
    let arguments = ["apply", "--server-side", "--field-manager=argocd", "-f", "-"];
    let applied = world.plane.kubectl_with_input(&arguments, manifest).await.unwrap();
    assert!(applied.success, "{applied:?}");
}

#[tokio::test]
async fn a_tool_that_applies_the_replicas_is_named_and_nothing_is_written() {
    let world = World::new("applied").await;
    world.set_load(500.0).await;
    apply_as_argocd(&world, &manifest(&world, "  replicas: 2\n")).await;
    let mark = world.mark();
    let operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", "").await;
    let message = world.wait_condition("web", "Ready", "False", "Contended").await;
    assert_contains(&message, "argocd applies spec.replicas of Deployment web");
    assert_contains(&message, "leave replicas out of what it applies");
    operator.wait_evaluations(3).await;
    assert_eq!(world.replicas("Deployment", "web").await, 2);
    assert_eq!(world.scale_writes_since(mark).await, []);

    apply_as_argocd(&world, &manifest(&world, "")).await;
    world.wait_wanted("Deployment", "web", 5).await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    // Applied again as it now is, it does not touch the size.
    apply_as_argocd(&world, &manifest(&world, "")).await;
    world.wait_evaluations(2).await;
    assert_eq!(world.replicas("Deployment", "web").await, 5);
}

#[tokio::test]
async fn a_tool_that_takes_our_change_back_twice_is_named_and_there_is_no_war() {
    let world = World::new("war").await;
    world.set_load(500.0).await;
    world.workload("Deployment", "web", 2).await;
    let mark = world.mark();
    let operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", "").await;
    let parameters = PatchParams {
        field_manager: Some("flux".to_owned()),
        ..PatchParams::default()
    };
    let back = Patch::Merge(json!({"spec": {"replicas": 2}}));
    for _ in 0..2 {
        world.wait_wanted("Deployment", "web", 5).await;
        world.api("Deployment").patch("web", &parameters, &back).await.unwrap();
    }
    let message = world.wait_condition("web", "Ready", "False", "Contended").await;
    assert_contains(
        &message,
        "flux undid the operator's changes of spec.replicas 2 times within ten minutes: nothing is written until ",
    );
    operator.wait_evaluations(4).await;
    assert_eq!(world.replicas("Deployment", "web").await, 2);
    assert_eq!(world.scale_writes_since(mark).await.len(), 2);
}
