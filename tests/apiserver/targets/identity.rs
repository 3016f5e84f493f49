//! A target comes, goes, and comes back as another one.

use autoscaler_core::ChangeCause;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::operator::Operator;
use crate::world::{World, assert_contains};

#[tokio::test]
async fn a_target_that_does_not_exist_yet_is_waited_for() {
    let world = World::new("missing").await;
    world.set_load(300.0).await;
    let _operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", "").await;
    for condition in ["Ready", "ScalingActive", "AbleToScale"] {
        let message = world.wait_condition("web", condition, "False", "TargetNotFound").await;
        assert_eq!(message, "Deployment web does not exist");
    }
    world.create_workload("Deployment", "web", 1).await;
    world.wait_wanted("Deployment", "web", 3).await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
}

/// A cooldown of an hour.
const HOUR: &str = "  cooldown: {scaleUpSeconds: 3600}\n";

/// A target that grew once and would grow again, were it not for a cooldown of an hour.
async fn rests_after_a_growth(name: &str) -> (World, Operator) {
    let world = World::new(name).await;
    world.set_load(200.0).await;
    world.workload("Deployment", "web", 1).await;
    let operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", HOUR).await;
    world.wait_wanted("Deployment", "web", 2).await;
    world.set_load(500.0).await;
    world
        .wait_condition("web", "ScalingLimited", "True", "CoolingDown")
        .await;
    (world, operator)
}

#[tokio::test]
async fn a_target_created_again_is_another_one_with_a_memory_of_its_own() {
    let (world, _operator) = rests_after_a_growth("recreated").await;
    let before = world.status("web").await;

    let deployments = world.api("Deployment");
    deployments.delete("web", &DeleteParams::default()).await.unwrap();
    world.wait_condition("web", "Ready", "False", "TargetNotFound").await;
    world.create_workload("Deployment", "web", 1).await;

    // The old one's growth would still hold it back for an hour.
    world.wait_wanted("Deployment", "web", 5).await;
    let uid = deployments.get("web").await.unwrap().metadata.uid;
    let status = world
        .wait_status("web", "the new target is known", |status| {
            (status.target_uid == uid && status.current_replicas == Some(5)).then(|| status.clone())
        })
        .await;
    assert_ne!(before.target_uid, uid);
    let changes = world.history("web").await.changes;
    let ours: Vec<_> = changes
        .as_slice()
        .iter()
        .filter(|change| change.cause == ChangeCause::Ours)
        .map(|change| (change.from.get(), change.to.get()))
        .collect();
    assert_eq!(ours, [(1, 5)], "{changes:?}");
    assert_contains(&status.decisions.join("\n"), "1 -> 5: ");
}

#[tokio::test]
async fn a_target_that_is_being_deleted_is_left_alone() {
    let world = World::new("terminating").await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 3).await;
    let operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;

    // Somebody holds it back, so that it stays for a while.
    let held = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/held"]}}));
    let (deployments, parameters) = (world.api("Deployment"), PatchParams::default());
    deployments.patch("web", &parameters, &held).await.unwrap();
    deployments.delete("web", &DeleteParams::default()).await.unwrap();
    let message = world.wait_condition("web", "Ready", "False", "TargetTerminating").await;
    assert_eq!(message, "Deployment web is being deleted");
    let mark = world.mark();
    world.set_load(500.0).await;
    operator.wait_evaluations(3).await;
    assert_eq!(world.scale_writes_since(mark).await, []);
}

#[tokio::test]
async fn an_autoscaler_created_again_has_a_memory_of_its_own() {
    let (world, _operator) = rests_after_a_growth("renewed").await;

    let autoscalers = world.autoscalers();
    autoscalers.delete("web", &DeleteParams::default()).await.unwrap();
    world.autoscale("web", "Deployment", "web", HOUR).await;
    world.wait_wanted("Deployment", "web", 5).await;
    let decisions = world
        .wait_status("web", "the growth is reported", |status| {
            (status.current_replicas == Some(5)).then(|| status.decisions.clone())
        })
        .await;
    assert_eq!(decisions.len(), 1, "{decisions:?}");
}
