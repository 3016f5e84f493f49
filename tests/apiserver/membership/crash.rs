//! The operator is killed while an operation is in this phase, or another replica takes over while it is stopped: the cluster
//! ends as if nothing had happened, and nobody is made to leave twice.

use std::time::Duration;

use autoscaler_testkit::wait::patiently;

use super::stage::Stage;

const PATIENCE: Duration = Duration::from_mins(8);

async fn wait_phase(stage: &Stage, phase: &str) {
    patiently(&format!("the phase {phase}"), PATIENCE, || async {
        let found = stage.world.status("broker").await.operation;
        let found = found.map(|operation| operation.phase).unwrap_or_default();
        (found == phase).then_some(()).ok_or(found)
    })
    .await;
}

/// Kills the operator in each of these phases of one operation, one after the other.
#[tokio::test]
async fn an_operator_that_is_killed_in_every_phase_ends_where_it_would_have_ended() {
    let stage = Stage::new("killed", 3).await;
    let mut operator = stage.world.operator().await;
    stage.autoscale(200.0).await;
    for phase in ["Draining", "Verifying"] {
        wait_phase(&stage, phase).await;
        operator.process.kill();
        operator = stage.world.operator().await;
    }
    stage.wait_members(2).await;
    stage.wait_rest().await;
    assert_eq!(stage.calls("--kill_sessions"), 1);
    assert_eq!(
        stage
            .pods()
            .list(&kube::api::ListParams::default())
            .await
            .unwrap()
            .items
            .len(),
        2
    );
}

#[tokio::test]
async fn m15_a_leader_that_is_paused_and_another_that_takes_over_make_nobody_leave_twice() {
    let stage = Stage::new("paused", 3).await;
    let first = stage.world.operator_with("first", &[]).await;
    stage.autoscale(200.0).await;
    wait_phase(&stage, "Draining").await;
    first.process.pause().unwrap();
    let _second = stage.world.operator_with("second", &[]).await;
    wait_phase(&stage, "Verifying").await;
    first.process.resume().unwrap();
    stage.wait_members(2).await;
    stage.wait_rest().await;
    assert_eq!(stage.calls("--kill_sessions"), 1);
}
