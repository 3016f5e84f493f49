//! A rollout (R18): while it is under way a target may grow, not shrink.

use kube::api::{Patch, PatchParams};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, assert_contains};

#[rstest]
#[case("Deployment")]
#[case("StatefulSet")]
#[tokio::test]
async fn during_a_rollout_a_target_grows_and_does_not_shrink(#[case] kind: &str) {
    let world = World::new("rollout").await;
    world.set_load(400.0).await;
    world.workload(kind, "web", 4).await;
    let _operator = world.operator().await;
    world.autoscale("web", kind, "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;

    // No node has that label, so the new pods stay Pending and the rollout hangs.
    set_node_selector(&world, kind, json!({"nowhere": "to-be-found"})).await;
    world.set_load(100.0).await;
    let message = world
        .wait_condition("web", "ScalingLimited", "True", "RolloutInProgress")
        .await;
    assert_contains(&message, "so nothing scales down");
    world.wait_evaluations(3).await;
    assert_eq!(world.replicas(kind, "web").await, 4);

    world.set_load(600.0).await;
    world.wait_wanted(kind, "web", 6).await;

    // The rollout ends, and with it the hold.
    world.set_load(100.0).await;
    set_node_selector(&world, kind, Value::Null).await;
    world.wait_wanted(kind, "web", 1).await;
}

async fn set_node_selector(world: &World, kind: &str, selector: Value) {
    let template = Patch::Merge(json!({"spec": {"template": {"spec": {"nodeSelector": selector}}}}));
    let parameters = PatchParams::default();
    world.api(kind).patch("web", &parameters, &template).await.unwrap();
}
