//! Another autoscaler on the same target.

use std::time::Duration;

use autoscaler_testkit::plane::ControlPlane;
use autoscaler_testkit::wait::eventually;
use kube::api::DeleteParams;
use rstest::rstest;
use serde_json::json;

use crate::world::{World, assert_contains};

const SCALED_OBJECTS: &str = include_str!("../../cluster/manifests/scaled-objects.yaml");

/// As much of KEDA as concerns us. It must be there before an operator starts: that looks for it every few minutes only.
pub(crate) async fn install_keda(plane: &ControlPlane) {
    plane.apply(SCALED_OBJECTS).await.unwrap();
    eventually("scaled objects are served", Duration::from_secs(30), || async {
        let listed = plane.kubectl(&["get", "scaledobjects.keda.sh"]).await.unwrap();
        listed.success.then_some(()).ok_or(listed.stderr)
    })
    .await;
}

/// An autoscaler of theirs on the Deployment `web`.
pub(crate) fn rival(world: &World, kind: &str) -> String {
    let (api_version, more) = match kind {
        "HorizontalPodAutoscaler" => ("autoscaling/v2", "maxReplicas: 10"),
        _ => ("keda.sh/v1alpha1", "triggers: []"),
    };
    format!(
        "apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: theirs, namespace: {}}}\nspec:\n  {more}\n  \
         scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}\n",
        world.namespace
    )
}

#[rstest]
#[case("HorizontalPodAutoscaler", "HorizontalPodAutoscaler theirs")]
#[case("ScaledObject", "KEDA ScaledObject theirs")]
#[tokio::test]
async fn an_autoscaler_of_theirs_wins_as_long_as_it_is_there(#[case] kind: &str, #[case] named: &str) {
    let world = World::new("theirs").await;
    install_keda(world.plane).await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 2).await;
    let rival = rival(&world, kind);
    world.plane.apply(&rival).await.unwrap();
    let mark = world.mark();
    let operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", "").await;

    let message = world.wait_condition("web", "Ready", "False", "TargetConflict").await;
    assert_eq!(
        message,
        format!("Deployment web is scaled by {named}: this one writes nothing")
    );
    for condition in ["ScalingActive", "AbleToScale"] {
        world.wait_condition("web", condition, "False", "TargetConflict").await;
    }
    operator.wait_evaluations(3).await;
    assert_eq!(world.scale_writes_since(mark).await, []);

    let delete = ["delete", kind, "theirs", "-n", &world.namespace];
    assert!(world.plane.kubectl(&delete).await.unwrap().success);
    world.wait_wanted("Deployment", "web", 3).await;

    // One that comes later wins as well.
    world.plane.apply(&rival).await.unwrap();
    world.wait_condition("web", "Ready", "False", "TargetConflict").await;
    world.set_load(500.0).await;
    operator.wait_evaluations(3).await;
    assert_eq!(world.replicas("Deployment", "web").await, 3);
    assert!(world.plane.kubectl(&delete).await.unwrap().success);
    world.wait_wanted("Deployment", "web", 5).await;
}

#[tokio::test]
async fn of_two_of_ours_the_older_one_acts_and_the_other_takes_over() {
    let world = World::new("two").await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 1).await;
    // Both are there before an operator is: whichever it lists first must wait for the other.
    world.autoscale("one", "Deployment", "web", "").await;
    world.autoscale("two", "Deployment", "web", "").await;
    let mut names = ["one", "two"];
    let mut ages = Vec::new();
    for name in names {
        let metadata = world.autoscalers().get(name).await.unwrap().metadata;
        ages.push((metadata.creation_timestamp.unwrap().0, metadata.uid.unwrap(), name));
    }
    // Both may have been created within one second: then the UID decides.
    ages.sort_unstable();
    for (place, (_, _, name)) in names.iter_mut().zip(ages) {
        *place = name;
    }
    let [older, newer] = names;

    let _operator = world.operator().await;
    let message = world.wait_condition(newer, "Ready", "False", "TargetConflict").await;
    assert_eq!(
        message,
        format!("Deployment web is scaled by MetricAutoscaler {older}, which is older: this one writes nothing")
    );
    world.wait_condition(older, "Ready", "True", "ValidMetricFound").await;
    world.wait_wanted("Deployment", "web", 3).await;
    let by_newer = world.status(newer).await;
    assert_eq!((by_newer.last_scale_time, by_newer.decisions), (None, Vec::new()));

    world
        .autoscalers()
        .delete(older, &DeleteParams::default())
        .await
        .unwrap();
    world.wait_condition(newer, "Ready", "True", "ValidMetricFound").await;
    world.set_load(500.0).await;
    world.wait_wanted("Deployment", "web", 5).await;
}

#[tokio::test]
async fn a_dry_run_conflicts_with_nobody() {
    let world = World::new("dry").await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 1).await;
    let _operator = world.operator().await;
    let dry = "  mode: DryRun\n";
    world.autoscale("dry", "Deployment", "web", dry).await;
    world.wait_condition("dry", "Ready", "True", "DryRun").await;

    // It is older, and does not stand in the way of one that acts.
    world.autoscale("acts", "Deployment", "web", "").await;
    world.wait_wanted("Deployment", "web", 3).await;
    world.wait_condition("acts", "Ready", "True", "ValidMetricFound").await;

    // An HPA stands in the way of that one alone.
    let rival = rival(&world, "HorizontalPodAutoscaler");
    world.plane.apply(&rival).await.unwrap();
    world.wait_condition("acts", "Ready", "False", "TargetConflict").await;
    world.set_load(500.0).await;
    world
        .wait_status("dry", "it still decides", |status| {
            (status.desired_replicas == Some(5)).then_some(())
        })
        .await;
    world.wait_condition("dry", "Ready", "True", "DryRun").await;

    // Once it is to act, it conflicts like any other.
    world.edit("dry", json!({"spec": {"mode": "Active"}})).await;
    let message = world.wait_condition("dry", "Ready", "False", "TargetConflict").await;
    assert_contains(&message, "HorizontalPodAutoscaler theirs");
    assert_eq!(world.replicas("Deployment", "web").await, 3);
}
