//! Targets follow the metric: every kind, both ways.

use rstest::rstest;

use crate::world::World;

#[rstest]
#[case("Deployment")]
#[case("StatefulSet")]
#[case("ReplicaSet")]
#[tokio::test]
async fn a_target_grows_and_shrinks_with_its_metric(#[case] kind: &str) {
    let world = World::new("follow").await;
    world.set_load(200.0).await;
    world.workload(kind, "web", 2).await;
    let _operator = world.operator().await;
    world.autoscale("web", kind, "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    world.set_load(500.0).await;
    world.wait_replicas(kind, "web", 5).await;
    world.set_load(100.0).await;
    world.wait_replicas(kind, "web", 1).await;
}
