//! Any kind with a scale subresource will do, and no other.

use kube::api::ListParams;
use rstest::rstest;
use serde_json::json;

use crate::brokers;
use crate::world::{World, assert_contains};

/// As the message has them, to be pasted below `rules:`.
const RULES: [&str; 2] = [
    r#"{apiGroups: ["example.com"], resources: ["brokers"], verbs: [get, list, watch]}"#,
    r#"{apiGroups: ["example.com"], resources: ["brokers/scale"], verbs: [get, patch]}"#,
];

#[tokio::test]
async fn a_custom_resource_is_scaled_once_the_role_in_the_message_is_applied() {
    let world = World::new("custom").await;
    brokers::install(world.plane).await;
    brokers::create(&world, "mq", 1).await;
    world.set_load(300.0).await;
    let operator = world.operator().await;
    world.autoscale("mq", "Broker", "mq", "").await;

    let message = world.wait_condition("mq", "Ready", "False", "Forbidden").await;
    assert_contains(&message, "may not list and watch brokers.example.com");
    assert_contains(&message, r#"metricautoscaler.dev/aggregate-to-operator: "true""#);
    for rule in RULES {
        assert_contains(&message, rule);
    }
    assert_eq!(
        world.wait_condition("mq", "AbleToScale", "False", "Forbidden").await,
        message
    );
    operator.wait_evaluations(2).await;
    assert_eq!(world.replicas("Broker", "mq").await, 1);

    brokers::apply_role(world.plane, &RULES).await;
    world.wait_wanted("Broker", "mq", 3).await;
    world.wait_condition("mq", "Ready", "True", "ValidMetricFound").await;
    world.set_load(100.0).await;
    world.wait_wanted("Broker", "mq", 1).await;
}

#[rstest]
#[case::without_replicas("Job", "Job in batch/v1 has no scale subresource")]
#[case::one_per_node("DaemonSet", "DaemonSet in apps/v1 has no scale subresource")]
#[case::nobody_knows("Gizmo", "the API server serves no kind Gizmo in apps/v1")]
#[case::of_an_unknown_group("Dragon", "the API server serves no kind Dragon in example.net/v1")]
#[tokio::test]
async fn a_kind_without_a_scale_is_refused_by_name(#[case] kind: &str, #[case] expected: &str) {
    let world = World::new("no-scale").await;
    let _operator = world.operator().await;
    world.autoscale("odd", kind, "odd", "").await;
    for condition in ["Ready", "ScalingActive", "AbleToScale"] {
        let message = world
            .wait_condition("odd", condition, "False", "TargetHasNoScale")
            .await;
        assert_eq!(message, expected);
    }
}

#[tokio::test]
async fn a_replica_set_of_a_deployment_is_left_to_the_deployment() {
    let world = World::new("owned").await;
    world.set_load(500.0).await;
    world.workload("Deployment", "web", 2).await;
    let owned = world.api("ReplicaSet").list(&ListParams::default()).await.unwrap();
    let name = owned.items[0].metadata.name.clone().unwrap();
    let operator = world.operator().await;
    world.autoscale("web", "ReplicaSet", &name, "").await;
    let message = world.wait_condition("web", "Ready", "False", "TargetManaged").await;
    assert_contains(&message, &format!("ReplicaSet {name} is managed by Deployment web"));
    operator.wait_evaluations(3).await;
    assert_eq!(world.replicas("ReplicaSet", &name).await, 2);

    // Whoever merely reports may look at it.
    world.edit("web", json!({"spec": {"mode": "DryRun"}})).await;
    world.wait_condition("web", "Ready", "True", "DryRun").await;
    assert_eq!(world.status("web").await.desired_replicas, Some(5));
    assert_eq!(world.replicas("ReplicaSet", &name).await, 2);
}
