//! The operator is interrupted between the write of the size and the write of the status, or never learns what became of
//! its write.

use std::time::Duration;

use autoscaler_api::GROUP;
use autoscaler_core::ChangeCause;
use autoscaler_testkit::fault_proxy::Fault;
use autoscaler_testkit::process::Signal;
use autoscaler_testkit::tcp_proxy::TcpProxy;
use autoscaler_testkit::wait::eventually;

use super::End;
use crate::gated::{Door, PATIENT};
use crate::operator::Operator;
use crate::world::{DEADLINE, World, assert_contains};
use autoscaler_testkit::rights::Right;

/// At most 3 pods in half an hour: a change that is forgotten shows as a second step.
fn three_at_most(world: &World) -> String {
    let free = "scaleUp: {policies: [{type: Pods, value: 100, periodSeconds: 1}]}";
    let spec = world.default_spec("");
    assert_contains(&spec, free);
    spec.replace(
        free,
        "scaleUp: {policies: [{type: Pods, value: 3, periodSeconds: 1800}]}",
    )
}

/// Two replicas under a load, and an operator that reaches the API server through a network of its own. It does not lose its
/// lease with it.
async fn through_a_proxy(world: &World, load: f64) -> (TcpProxy, Operator) {
    world.set_load(load).await;
    world.workload("Deployment", "web", 2).await;
    let network = TcpProxy::start(world.plane.api_server_address());
    let flags = ["--api-timeout", "6", "--lease-duration", "600"];
    let operator = world.start_operator_via(network.address(), "operator", &flags).await;
    operator.wait_ready().await;
    (network, operator)
}

#[tokio::test]
async fn a_change_that_was_never_written_down_counts_as_made_when_it_is_found() {
    let world = World::new("crash-point").await;
    world.set_load(200.0).await;
    world.workload("Deployment", "web", 2).await;
    let first = world.operator_with("first", &[]).await;
    let spec = three_at_most(&world);
    world.apply_autoscaler("web", "Deployment", "web", &spec).await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;

    // From here on no status can be written: the size is, and then the operator dies.
    let status = [Right::new(GROUP, "metricautoscalers/status", "patch")];
    world.take_rights(&status).await;
    world.set_load(900.0).await;
    world.wait_wanted("Deployment", "web", 5).await;
    End::Killed.of(first).await;
    assert_eq!(world.status("web").await.last_replicas, Some(2));
    world.restore_rights(&status).await;

    let mark = world.mark();
    let second = world.operator_with("second", &[]).await;
    let message = world
        .wait_condition("web", "ScalingLimited", "True", "ScaleUpLimit")
        .await;
    assert_contains(&message, "the scaleUp policies allow at most 5 before ");
    second.wait_evaluations(3).await;
    let changes = world.history("web").await.changes;
    let found = changes.as_slice().last().copied().unwrap();
    assert_eq!(
        (found.from.get(), found.to.get(), found.cause),
        (2, 5, ChangeCause::Foreign)
    );
    assert_eq!(world.scale_writes_since(mark).await, []);
}

#[tokio::test]
async fn a_write_whose_answer_never_comes_is_not_repeated() {
    let door = Door::closed("no-answer").await;
    let world = &door.world;
    let (network, operator) = through_a_proxy(world, 900.0).await;
    let mark = world.mark();
    let spec = three_at_most(world);
    world.apply_autoscaler("web", "Deployment", "web", &spec).await;
    door.wait_for_a_write().await;
    // The write is carried out, and the operator does not hear of it.
    network.black_hole();
    door.open();
    world.wait_wanted("Deployment", "web", 5).await;
    eventually("the operator gives up waiting", DEADLINE, || async {
        operator.metric("metric_autoscaler_scale_writes_total", "failed").await > 0.0
    })
    .await;
    network.restore();

    let message = world
        .wait_condition("web", "ScalingLimited", "True", "ScaleUpLimit")
        .await;
    assert_contains(&message, "the scaleUp policies allow at most 5 now");
    operator.wait_evaluations(3).await;
    let writes = world.scale_writes_since(mark).await;
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!(world.replicas("Deployment", "web").await, 5);
    // It is known again as our own, and told like any other.
    let found = world.history("web").await.changes.as_slice().last().copied().unwrap();
    assert_eq!(
        (found.from.get(), found.to.get(), found.cause),
        (2, 5, ChangeCause::Ours)
    );
    let status = world.status("web").await;
    let decisions = status.decisions.join("\n");
    assert_contains(&decisions, " 2 -> 5: metric load: ");
    assert!(!decisions.contains("somebody else"), "{decisions}");
    assert!(status.last_scale_time.is_some());
    assert_eq!(world.events("web", "SuccessfulRescale").await.len(), 1);
}

#[tokio::test]
async fn a_status_whose_answer_never_comes_is_known_again_as_our_own() {
    let door = Door::of_statuses("no-answer-either").await;
    let world = &door.world;
    let (network, operator) = through_a_proxy(world, 200.0).await;
    let windowed = world
        .default_spec("")
        .replace("stabilizationWindowSeconds: 0", "stabilizationWindowSeconds: 300");
    world.apply_autoscaler("web", "Deployment", "web", &windowed).await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;

    door.close();
    world.set_load(500.0).await;
    door.wait_for_a_write().await;
    // The status is stored, and the operator does not hear of it.
    network.black_hole();
    door.open();
    world
        .wait_status("web", "the growth is stored", |status| {
            (status.last_replicas == Some(5)).then_some(())
        })
        .await;
    eventually("the operator gives up waiting", DEADLINE, || async {
        operator
            .metric("metric_autoscaler_status_writes_total", "timeout")
            .await
            > 0.0
    })
    .await;
    network.restore();

    world.set_load(800.0).await;
    world
        .wait_status("web", "the next growth is stored", |status| {
            (status.last_replicas == Some(8)).then_some(())
        })
        .await;
    assert_eq!(world.history("web").await.uncertain_since, None);
}

#[tokio::test]
async fn a_status_whose_answer_never_came_is_put_right_when_the_trouble_has_passed() {
    let door = Door::of_statuses("passed").await;
    let world = &door.world;
    let (network, operator) = through_a_proxy(world, 200.0).await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;

    door.close();
    world.proxy.inject(Fault::status(503));
    door.wait_for_a_write().await;
    network.black_hole();
    door.open();
    world.wait_condition("web", "Ready", "False", "SourceUnavailable").await;
    // What the operator last heard of is what is true again.
    world.proxy.clear();
    eventually("the operator gives up waiting", DEADLINE, || async {
        operator
            .metric("metric_autoscaler_status_writes_total", "timeout")
            .await
            > 0.0
    })
    .await;
    network.restore();
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    assert_eq!(world.history("web").await.unread_since, None);
    // Nothing is owed any more: the lease is given up, and nobody need wait ten minutes for it to expire.
    End::Told.of(operator).await;
    let successor = world.operator_with("successor", &PATIENT).await;
    successor.wait_evaluations(1).await;
}

#[tokio::test]
async fn a_write_on_its_way_is_finished_and_written_down_before_the_operator_ends() {
    let door = Door::closed("ending").await;
    let world = &door.world;
    world.set_load(500.0).await;
    world.workload("Deployment", "web", 2).await;
    let operator = world.operator_with("operator", &PATIENT).await;
    world.autoscale("web", "Deployment", "web", "").await;
    door.wait_for_a_write().await;
    operator.process.signal(Signal::TERM).unwrap();
    eventually("it has heard of its end", DEADLINE, || async {
        operator.process.log_tail(1_000).contains("told to end")
    })
    .await;
    door.open();
    let ended = operator.process.wait_exit(Duration::from_mins(1)).await;
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");

    assert_eq!(world.replicas("Deployment", "web").await, 5);
    assert_eq!(world.status("web").await.last_replicas, Some(5));
    let last = world.history("web").await.changes.as_slice().last().copied().unwrap();
    assert_eq!((last.from.get(), last.to.get(), last.cause), (2, 5, ChangeCause::Ours));
    // The lease was given up: another operator need not wait ten minutes for it to expire.
    let successor = world.operator_with("successor", &PATIENT).await;
    successor.wait_evaluations(2).await;
}
