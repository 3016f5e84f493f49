//! People who scale by hand, or edit an autoscaler, while it is being evaluated.

use autoscaler_testkit::fault_proxy::{Fault, Gate};
use autoscaler_testkit::wait::eventually;
use serde_json::json;

use crate::operator::Operator;
use crate::world::{DEADLINE, World, assert_contains};

/// What tells a probe from a reading.
const PROBE: &str = "timestamp(";

/// A Deployment of 2 replicas whose load asks for 5, whose autoscaler is evaluated once, and the gate at which the proof of
/// that waits: 2 has been read, and 5 is about to be written.
async fn about_to_grow(world: &World) -> (Operator, Gate) {
    world.set_load(500.0).await;
    world.workload("Deployment", "web", 2).await;
    let gate = Gate::closed();
    world.proxy.inject_for(PROBE, Fault::Held(gate.clone()));
    // Nothing here may end for want of time.
    let operator = world.operator_with("operator", &["--query-timeout", "600"]).await;
    let spec = world
        .default_spec("")
        .replace("intervalSeconds: 1\n", "intervalSeconds: 3600\n")
        .replace("stabilizationWindowSeconds: 0", "stabilizationWindowSeconds: 300");
    world.apply_autoscaler("web", "Deployment", "web", &spec).await;
    eventually("it asks for a proof before it grows", DEADLINE, || async {
        world.proxy.queries().iter().any(|query| query.contains(PROBE))
    })
    .await;
    (operator, gate)
}

#[tokio::test]
async fn r20_a_count_set_by_hand_between_reading_and_writing_stays() {
    let world = World::new("between").await;
    let mark = world.mark();
    let (operator, gate) = about_to_grow(&world).await;
    world.scale_by_hand("Deployment", "web", 8).await;
    gate.open();

    let status = world
        .wait_status("web", "the count set by hand is known", |status| {
            (status.current_replicas == Some(8)).then(|| status.clone())
        })
        .await;
    assert_contains(&status.decisions.join("\n"), "2 -> 8 by somebody else (kubectl)");
    assert_eq!(status.desired_replicas, Some(8));
    let message = world
        .wait_condition("web", "AbleToScale", "True", "ScaleDownStabilized")
        .await;
    assert_contains(&message, "the scaleDown stabilization window of 300 s holds 8");
    assert_eq!(world.replicas("Deployment", "web").await, 8);
    assert!(
        operator
            .metric("metric_autoscaler_scale_writes_total", "superseded")
            .await
            > 0.0
    );
    assert_eq!(world.scale_writes_since(mark).await, []);
}

#[tokio::test]
async fn a_decision_on_a_spec_that_is_edited_meanwhile_is_dropped() {
    let world = World::new("edit").await;
    let mark = world.mark();
    let (_operator, gate) = about_to_grow(&world).await;
    world.edit("web", json!({"spec": {"maxReplicas": 3}})).await;
    let generation = world.autoscalers().get("web").await.unwrap().metadata.generation;
    // Whoever answers to a later object has heard of the edit.
    world.autoscale("later", "Deployment", "nowhere", "").await;
    world.wait_condition("later", "Ready", "False", "TargetNotFound").await;
    gate.open();
    world
        .wait_status("web", "the edit is answered to", |status| {
            (status.observed_generation == generation).then_some(())
        })
        .await;
    assert_eq!(world.replicas("Deployment", "web").await, 3);
    assert_eq!(world.scale_writes_since(mark).await.len(), 1);
}
