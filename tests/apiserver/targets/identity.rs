//! A target comes, goes, and comes back as another one.

use autoscaler_core::ChangeCause;
use kube::api::DeleteParams;

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
    world.apply_workload("Deployment", "web", 1).await;
    world.wait_wanted("Deployment", "web", 3).await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
}

#[tokio::test]
async fn a_target_created_again_is_another_one_with_a_memory_of_its_own() {
    let world = World::new("recreated").await;
    world.set_load(200.0).await;
    world.workload("Deployment", "web", 1).await;
    let _operator = world.operator().await;
    let hour = "  cooldown: {scaleUpSeconds: 3600}\n";
    world.autoscale("web", "Deployment", "web", hour).await;
    world.wait_wanted("Deployment", "web", 2).await;
    world.set_load(500.0).await;
    world
        .wait_condition("web", "ScalingLimited", "True", "CoolingDown")
        .await;
    let before = world.status("web").await;

    let deployments = world.api("Deployment");
    deployments.delete("web", &DeleteParams::default()).await.unwrap();
    world.wait_condition("web", "Ready", "False", "TargetNotFound").await;
    world.apply_workload("Deployment", "web", 1).await;

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
