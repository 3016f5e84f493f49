//! The source is gone, and comes back: nothing moves meanwhile, and scaling goes on afterwards.

use std::time::Duration;

use autoscaler_testkit::fault_proxy::Fault;
use autoscaler_testkit::prometheus::PrometheusOptions;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::scene::{LITTLE, MUCH, REPLICAS, Scene};
use crate::world::{DEADLINE, Operator, World, assert_contains};

#[tokio::test]
async fn a_source_that_refuses_connections_holds_the_size_until_it_is_back() {
    let world = World::new("refused").await;
    let operator = world.operator().await;
    let scene = Scene::in_world(world, "web");
    scene.begin(scene.spec()).await;
    scene.world.proxy.refuse();
    scene.set_load(LITTLE).await;
    scene
        .wait_unread(
            "SourceUnreachable",
            "Failed",
            "cannot be read: the source cannot be reached",
        )
        .await;
    scene.is_held_during(several_evaluations(&operator), REPLICAS).await;
    scene
        .wait_unread(
            "SourceUnreachable",
            "Failed",
            "cannot be read: the source cannot be reached",
        )
        .await;
    scene.world.proxy.clear();
    scene.wait_replicas(1).await;
    scene.is_well().await;
}

#[tokio::test]
async fn a_prometheus_that_is_killed_and_started_again_is_used_again() {
    let mut world = World::with_prometheus("killed", PrometheusOptions::default()).await;
    world.source = Some(world.prometheus.url());
    let operator = world.operator().await;
    let scene = Scene::in_world(world, "web");
    scene.begin(scene.spec()).await;
    scene.world.prometheus.server.kill();
    scene
        .wait_unread(
            "SourceUnreachable",
            "Failed",
            "cannot be read: the source cannot be reached",
        )
        .await;
    scene.is_held_during(several_evaluations(&operator), REPLICAS).await;
    scene.world.prometheus.server.start().await.unwrap();
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    scene.is_well().await;
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
}

#[tokio::test]
async fn without_a_source_the_operator_runs_and_says_so() {
    let mut world = World::new("sourceless").await;
    world.source = None;
    let operator = world.operator().await;
    let scene = Scene::in_world(world, "web");
    scene.create(scene.spec()).await;
    scene
        .wait_unread("SourceNotConfigured", "Failed", "no source is configured")
        .await;
    scene.is_held_during(several_evaluations(&operator), REPLICAS).await;
    scene
        .wait_unread("SourceNotConfigured", "Failed", "no source is configured")
        .await;
}

#[tokio::test]
async fn r14_a_fallback_is_a_floor_after_its_time_and_its_end_a_new_start() {
    const AFTER: Duration = Duration::from_secs(2);
    const COOLDOWN: Duration = Duration::from_secs(3);
    let scene = Scene::shared("fallback").await;
    let mut spec = scene.spec();
    spec["fallback"] = json!({"afterSeconds": AFTER.as_secs(), "minReplicas": 5});
    spec["cooldown"] = json!({"scaleDownSeconds": COOLDOWN.as_secs()});
    scene.begin(spec).await;
    let trouble = scene.trouble(Fault::status(503));
    scene.set_load(LITTLE).await;
    scene.wait_replicas(5).await;
    let message = scene
        .world
        .wait_condition(scene.name, "ScalingLimited", "True", "FallbackActive")
        .await;
    assert_contains(&message, "fallback.minReplicas (5) is in force");
    scene
        .world
        .wait_condition(scene.name, "Ready", "False", "SourceUnavailable")
        .await;
    let status = scene.status().await;
    let (since, grown) = (
        status.current_metrics[0].since.clone().unwrap(),
        status.last_scale_time.unwrap(),
    );
    assert!(grown.0 >= since.0 + AFTER, "unread since {since:?}, grown at {grown:?}");
    scene.is_held(5).await;

    // The cooldown of the growth has passed: what holds the size now can only be the new start.
    eventually("the end of the cooldown", DEADLINE, async || {
        Timestamp::now() > grown.0 + 2 * COOLDOWN
    })
    .await;
    let over = Timestamp::now();
    trouble.lift();
    scene.wait_replicas(1).await;
    scene.is_well().await;
    let shrunk = scene.world.wait_status(scene.name, "a shrink", |status| {
        status.last_scale_time.clone().filter(|at| *at != grown)
    });
    // Status has whole seconds.
    let shrunk = shrunk.await.0 + Duration::from_secs(1);
    assert!(shrunk >= over + COOLDOWN, "over at {over}, shrunk before {shrunk}");
}

/// Evaluations counted where the proxy cannot see them: by the operator.
async fn several_evaluations(operator: &Operator) {
    let count = || operator.metric("metric_autoscaler_evaluations_total", "");
    let before = count().await;
    eventually("three further evaluations", DEADLINE, async || {
        count().await - before >= 3.0
    })
    .await;
}
