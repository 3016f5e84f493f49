//! A second replica of the operator stands by.

use autoscaler_core::History;

use super::End;
use crate::world::{World, assert_contains};

/// Two operators, and a Deployment of 5 replicas that a window alone keeps from shrinking: the end of the hold is fixed.
async fn held_by_a_window(world: &World) -> (crate::operator::Operator, crate::operator::Operator, History) {
    let leader = world.operator_with("leader", &[]).await;
    let standby = world.operator_with("standby", &[]).await;
    world.set_load(500.0).await;
    world.workload("Deployment", "web", 5).await;
    // Recommendations within a tenth of the window share a run, so the first of the lower ones comes after that.
    let spec = world
        .default_spec("")
        .replace("intervalSeconds: 1\n", "intervalSeconds: 5\n")
        .replace("stabilizationWindowSeconds: 0", "stabilizationWindowSeconds: 60");
    world.apply_autoscaler("web", "Deployment", "web", &spec).await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    world.set_load(100.0).await;
    world
        .wait_status("web", "the end of the hold is known", |status| {
            status.next_change_time.as_ref().map(drop)
        })
        .await;
    let history = world.history("web").await;
    (leader, standby, history)
}

#[tokio::test]
async fn a_window_ends_when_it_would_have_ended_after_an_orderly_handover() {
    let world = World::new("handover").await;
    let (leader, standby, before) = held_by_a_window(&world).await;
    let ends = world.status("web").await.next_change_time;
    End::Told.of(leader).await;

    let mark = world.mark();
    standby.wait_evaluations(2).await;
    let after = world.history("web").await;
    assert_eq!(after.uncertain_since, None);
    assert_eq!(after.shrink.as_slice()[0], before.shrink.as_slice()[0]);
    assert_eq!(world.status("web").await.next_change_time, ends);
    let message = world
        .wait_condition("web", "AbleToScale", "True", "ScaleDownStabilized")
        .await;
    assert_contains(&message, "the scaleDown stabilization window of 60 s holds 5");
    assert_eq!(world.scale_writes_since(mark).await, []);
}

#[tokio::test]
async fn a_window_starts_anew_after_a_crash_and_says_so() {
    let world = World::new("crash").await;
    let (leader, standby, before) = held_by_a_window(&world).await;
    End::Killed.of(leader).await;

    let mark = world.mark();
    let message = world
        .wait_condition("web", "ScalingLimited", "True", "HistoryUncertain")
        .await;
    assert_contains(
        &message,
        "history is uncertain after an interruption, so the scaleDown stabilization window of 60 s starts anew and \
         holds 5",
    );
    standby.wait_evaluations(1).await;
    let after = world.history("web").await;
    assert!(after.uncertain_since.is_some());
    let last_hold = |history: &History| {
        let runs = history.shrink.as_slice().iter();
        runs.filter(|run| run.max.get() >= 5).map(|run| run.last).max()
    };
    assert!(last_hold(&after) > last_hold(&before), "{before:?} {after:?}");
    assert_eq!(world.scale_writes_since(mark).await, []);
}
