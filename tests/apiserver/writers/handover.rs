//! How a size is handed over from who applies it to the autoscaler: the steps of `docs/guide/gitops.md`, and why they are
//! needed.

use crate::world::World;

/// A Deployment as somebody has it in a repository, with or without its replicas.
fn manifest(world: &World, name: &str, replicas: &str) -> String {
    let manifest = world.workload_manifest("Deployment", name, 3);
    let without = manifest.replacen("  replicas: 3\n", replicas, 1);
    assert_ne!(manifest, without);
    without
}

async fn kubectl(world: &World, arguments: &[&str], input: &str) {
    let output = world.plane.kubectl_with_input(arguments, input).await.unwrap();
    assert!(output.success, "{}", output.stderr);
}

const SERVER_SIDE: [&str; 5] = ["apply", "--server-side", "--field-manager=flux", "--filename", "-"];
const CLIENT_SIDE: [&str; 3] = ["apply", "--filename", "-"];

/// Scaling by hand to another number takes the field from the one who applied it, so that leaving it out takes nothing away.
#[tokio::test]
async fn what_was_applied_by_the_server_is_handed_over_by_scaling_once() {
    let world = World::new("handover-server").await;
    let (before, after) = (manifest(&world, "web", "  replicas: 5\n"), manifest(&world, "web", ""));
    world.set_load(600.0).await;
    kubectl(&world, &SERVER_SIDE, &before).await;
    world.scale_by_hand("Deployment", "web", 6).await;
    kubectl(&world, &SERVER_SIDE, &after).await;
    assert_eq!(world.replicas("Deployment", "web").await, 6);
    let _operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    assert_eq!(world.replicas("Deployment", "web").await, 6);
}

/// The annotation of `kubectl apply` is told first that the number is no longer ours.
#[tokio::test]
async fn what_was_applied_by_the_client_is_handed_over_by_the_annotation() {
    let world = World::new("handover-client").await;
    let (before, after) = (manifest(&world, "web", "  replicas: 5\n"), manifest(&world, "web", ""));
    kubectl(&world, &CLIENT_SIDE, &before).await;
    kubectl(&world, &["apply", "set-last-applied", "--filename", "-"], &after).await;
    kubectl(&world, &CLIENT_SIDE, &after).await;
    assert_eq!(world.replicas("Deployment", "web").await, 5);
}

/// Kubernetes puts its default in the place of a number that its only owner leaves out.
#[tokio::test]
async fn without_these_steps_the_workload_falls_to_one_replica() {
    let world = World::new("handover-none").await;
    for (name, apply) in [("server", &SERVER_SIDE[..]), ("client", &CLIENT_SIDE[..])] {
        kubectl(&world, apply, &manifest(&world, name, "  replicas: 5\n")).await;
        kubectl(&world, apply, &manifest(&world, name, "")).await;
        assert_eq!(world.replicas("Deployment", name).await, 1, "{name}");
    }
}
