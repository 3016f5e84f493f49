//! Any kind with a scale subresource will do, and no other.

use autoscaler_testkit::wait::eventually;
use kube::api::ListParams;
use rstest::rstest;
use serde_json::{Value, json};

use crate::brokers;
use crate::world::{DEADLINE, World, assert_contains};

#[tokio::test]
async fn a_custom_resource_is_scaled_once_the_role_in_the_message_is_applied() {
    let world = World::new("custom").await;
    world.rights_are_missing();
    brokers::install(world.plane).await;
    brokers::create(&world, "mq", 1).await;
    world.set_load(300.0).await;
    let operator = world.operator().await;
    world.autoscale("mq", "Broker", "mq", "").await;

    let message = world.wait_condition("mq", "Ready", "False", "Forbidden").await;
    assert_contains(&message, r#"cannot list resource "brokers" in API group "example.com""#);
    assert_eq!(
        world.wait_condition("mq", "AbleToScale", "False", "Forbidden").await,
        message
    );
    operator.wait_evaluations(2).await;
    assert_eq!(world.replicas("Broker", "mq").await, 1);

    apply_role_of(&world, &message).await;
    world.wait_wanted("Broker", "mq", 3).await;
    world.wait_condition("mq", "Ready", "True", "ValidMetricFound").await;
    world.set_load(100.0).await;
    world.wait_wanted("Broker", "mq", 1).await;
}

/// The role that the message about a missing right tells people to paste.
async fn apply_role_of(world: &World, message: &str) {
    let (_, role) = message.split_once("by kubectl apply -f -: ").unwrap();
    world.plane.apply(role).await.unwrap();
}

/// A definition of a kind in a group of its own.
async fn define(world: &World, kind: &str, scope: &str, subresources: Value) {
    let (plural, group) = (format!("{}s", kind.to_lowercase()), "example.net");
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": scope, "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "subresources": subresources,
            }],
        },
    });
    world.plane.apply(&definition.to_string()).await.unwrap();
    let resource = format!("{plural}.{group}");
    eventually(&format!("{resource} are served"), DEADLINE, || async {
        let listed = world.plane.kubectl(&["get", &resource]).await.unwrap();
        listed.success.then_some(()).ok_or(listed.stderr)
    })
    .await;
}

fn with_scale() -> Value {
    json!({"scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}})
}

#[tokio::test]
async fn a_kind_that_is_in_no_namespace_is_refused_by_that_name() {
    let world = World::new("no-namespace").await;
    define(&world, "Planet", "Cluster", with_scale()).await;
    let _operator = world.operator().await;
    world.autoscale("odd", "Planet", "odd", "").await;
    let message = world.wait_condition("odd", "Ready", "False", "TargetHasNoScale").await;
    assert_contains(&message, "Planet in example.net/v1 is not namespaced");
}

#[tokio::test]
async fn a_kind_whose_scale_is_taken_away_says_so_and_not_that_its_object_is_missing() {
    let world = World::new("scale-lost").await;
    world.rights_are_missing();
    define(&world, "Moon", "Namespaced", with_scale()).await;
    world.set_load(300.0).await;
    let moon =
        "apiVersion: example.net/v1\nkind: Moon\nmetadata: {name: luna, namespace: NAMESPACE}\nspec: {replicas: 1}\n";
    world.create(&moon.replace("NAMESPACE", &world.namespace)).await;
    let _operator = world.operator().await;
    world.autoscale("luna", "Moon", "luna", "").await;
    let message = world.wait_condition("luna", "Ready", "False", "Forbidden").await;
    apply_role_of(&world, &message).await;
    world.wait_wanted("Moon", "luna", 3).await;

    define(&world, "Moon", "Namespaced", json!({})).await;
    // The next version of the object is asked for its scale.
    world.set_load(500.0).await;
    let message = world
        .wait_condition("luna", "AbleToScale", "False", "TargetHasNoScale")
        .await;
    assert_eq!(message, "Moon in example.net/v1 has no scale subresource");
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
