//! Whose pods are whose.

use kube::api::{DeleteParams, Patch, PatchParams, PropagationPolicy};
use rstest::rstest;
use serde_json::json;

use super::{autoscale, pods, set};
use crate::brokers;
use crate::world::{World, assert_contains};

#[tokio::test]
async fn r10_pods_that_a_new_target_adopts_are_its_own() {
    let world = World::new("pods").await;
    world.workload("Deployment", "web", 2).await;
    for pod in pods(&world, "web", 2).await {
        set(&world, &pod, 100.0).await;
    }
    let _operator = world.operator().await;
    autoscale(&world, "Deployment", "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;

    let orphan = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    world.api("Deployment").delete("web", &orphan).await.unwrap();
    world.wait_condition("web", "Ready", "False", "TargetNotFound").await;
    world.workload("Deployment", "web", 2).await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    for pod in pods(&world, "web", 2).await {
        set(&world, &pod, 200.0).await;
    }
    world.wait_replicas("Deployment", "web", 4).await;
}

/// A custom resource of two members, the pods that its controller would make by way of a `StatefulSet`, loaded with 200
/// each, and an operator that may read and scale brokers.
async fn broker(world: &World, selector: &str, is_owner: bool) {
    brokers::install(world.plane).await;
    let rules = [
        "{apiGroups: [example.com], resources: [brokers], verbs: [get, list, watch]}",
        "{apiGroups: [example.com], resources: [brokers/scale], verbs: [get, patch]}",
    ];
    brokers::grant(world, &rules).await;
    brokers::create(world, "mq", 2).await;
    brokers::select(world, "mq", selector).await;
    world.workload("StatefulSet", "web", 2).await;
    if is_owner {
        let uid = world.api("Broker").get("mq").await.unwrap().metadata.uid;
        let owner =
            json!({"apiVersion": "example.com/v1", "kind": "Broker", "name": "mq", "uid": uid, "controller": true});
        let patch = Patch::Merge(json!({"metadata": {"ownerReferences": [owner]}}));
        let (api, parameters) = (world.api("StatefulSet"), PatchParams::default());
        api.patch("web", &parameters, &patch).await.unwrap();
    }
    for pod in ["web-0", "web-1"] {
        set(world, pod, 200.0).await;
    }
}

#[tokio::test]
async fn r10_a_custom_resource_follows_the_pods_of_a_set_that_it_owns() {
    let world = World::new("pods").await;
    broker(&world, "app in (web, other),!absent", true).await;
    let _operator = world.operator().await;
    autoscale(&world, "Broker", "mq", "").await;
    world.wait_wanted("Broker", "mq", 4).await;
    let ready = world.wait_condition("mq", "Ready", "True", "ValidMetricFound").await;
    assert_contains(&ready, "200 per pod");
}

#[rstest]
#[case::pods_of_a_set_that_it_does_not_own(
    "app=web",
    "2 pods match the selector, none is owned by the target, neither directly nor through ReplicaSets, StatefulSets or \
     Deployments: web-0 is controlled by StatefulSet web"
)]
#[case::no_pods_at_all("app=nobody", "no series, the target has no pods")]
#[case::a_selector_that_is_none(
    "app in (web",
    r#""app in (web", the selector in the scale of the target, cannot be read: its parentheses do not match"#
)]
#[case::no_selector("", "the scale of the target has no selector to find its pods by")]
#[tokio::test]
async fn r10_a_custom_resource_whose_pods_are_not_known_says_why(#[case] selector: &str, #[case] why: &str) {
    let world = World::new("pods").await;
    broker(&world, selector, false).await;
    let _operator = world.operator().await;
    autoscale(&world, "Broker", "mq", "").await;
    let reason = if selector == "app=nobody" {
        "MetricMissing"
    } else {
        "PodsUnknown"
    };
    for condition in ["Ready", "ScalingActive"] {
        let message = world.wait_condition("mq", condition, "False", reason).await;
        assert_contains(&message, why);
    }
    assert_eq!(world.replicas("Broker", "mq").await, 2);
}
