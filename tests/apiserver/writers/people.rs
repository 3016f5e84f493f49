//! People who scale by hand.

use autoscaler_testkit::fault_proxy::{Fault, Gate};
use autoscaler_testkit::wait::eventually;

use crate::world::{DEADLINE, World, assert_contains};

/// What tells a probe from a reading.
const PROBE: &str = "timestamp(";

#[tokio::test]
async fn a_count_set_by_hand_between_reading_and_writing_stays() {
    let world = World::new("between").await;
    world.set_load(500.0).await;
    world.workload("Deployment", "web", 2).await;
    let gate = Gate::closed();
    world.proxy.inject_for(PROBE, Fault::Held(gate.clone()));
    let mark = world.mark();
    // Nothing here may end for want of time.
    let operator = world.operator_with("operator", &["--query-timeout", "600"]).await;
    let spec = world
        .default_spec("")
        .replace("intervalSeconds: 1\n", "intervalSeconds: 3600\n")
        .replace("stabilizationWindowSeconds: 0", "stabilizationWindowSeconds: 300");
    world.apply_autoscaler("web", "Deployment", "web", &spec).await;

    // It has read 2, wants 5, and asks how far the reading can be trusted.
    eventually("it asks for a proof before it grows", DEADLINE, || async {
        world.proxy.queries().iter().any(|query| query.contains(PROBE))
    })
    .await;
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
    assert!(operator.metric("metric_autoscaler_scale_writes_total", "refused").await > 0.0);
    assert_eq!(world.scale_writes_since(mark).await, []);
}
