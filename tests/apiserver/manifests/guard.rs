//! The admission policy of `config/guard`: nobody but the operator lowers a StatefulSet with members (M12).

use std::fs;

use autoscaler_testkit::plane::Output;
use autoscaler_testkit::wait::eventually;
use serde_json::json;

use super::rendered::Rendered;
use crate::world::{DEADLINE, World, assert_contains};

const OPERATOR: &str = "--as=system:serviceaccount:metric-autoscaler:metric-autoscaler";

/// Whoever runs the tests may do anything, but for what admission says. Nothing is kept.
async fn tries(world: &World, arguments: &[&str]) -> Output {
    let namespace = format!("--namespace={}", world.namespace);
    let arguments = [arguments, &["--dry-run=server", &namespace]].concat();
    world.plane.kubectl(&arguments).await.unwrap()
}

async fn patches(world: &World, name: &str, replicas: u32) -> Output {
    let patch = format!(r#"--patch={{"spec": {{"replicas": {replicas}}}}}"#);
    tries(world, &["patch", "statefulset", name, "--type=merge", &patch]).await
}

async fn scales(world: &World, name: &str, replicas: u32, more: &[&str]) -> Output {
    let replicas = format!("--replicas={replicas}");
    tries(world, &[&["scale", "statefulset", name, &replicas], more].concat()).await
}

#[tokio::test]
async fn m12_nobody_but_the_operator_lowers_a_set_with_members() {
    let world = World::new("guard").await;
    for name in ["broker", "other"] {
        world.create_workload("StatefulSet", name, 5).await;
    }
    let spec = world.default_spec("  membership: {profileName: vernemq}\n");
    world.apply_autoscaler("brokers", "StatefulSet", "broker", &spec).await;
    world.autoscale("others", "StatefulSet", "other", "").await;
    Rendered::of("guard").await.enforce("who-may-lower", &world).await;
    eventually("the policy is in force", DEADLINE, || async {
        let output = scales(&world, "broker", 4, &[]).await;
        let refused = output.stderr.contains("denied request");
        refused.then_some(()).ok_or(output.stdout)
    })
    .await;

    for output in [
        scales(&world, "broker", 2, &[]).await,
        patches(&world, "broker", 2).await,
        scales(&world, "broker", 2, &["--as=ann", "--as-group=system:masters"]).await,
    ] {
        assert!(!output.success);
        assert_contains(
            &output.stderr,
            "the members of StatefulSet broker are let go one by one by MetricAutoscaler brokers: lower its minReplicas or \
             maxReplicas instead. To remove members undrained, annotate it with \
             metricautoscaler.dev/allow-lowering-to=2 first",
        );
    }
    for output in [
        scales(&world, "broker", 4, &[OPERATOR, "--as-group=system:masters"]).await,
        scales(&world, "broker", 6, &[]).await,
        patches(&world, "broker", 6).await,
        scales(&world, "other", 0, &[]).await,
        patches(&world, "other", 0).await,
    ] {
        assert!(output.success, "{}", output.stderr);
    }
}

#[tokio::test]
async fn m12_a_person_may_lower_to_what_an_annotation_allows_and_the_audit_log_keeps_it() {
    let world = World::new("guard-open").await;
    world.create_workload("StatefulSet", "broker", 5).await;
    let spec = world.default_spec("  membership: {profileName: vernemq}\n");
    world.apply_autoscaler("broker", "StatefulSet", "broker", &spec).await;
    Rendered::of("guard").await.enforce("who-may-lower", &world).await;
    eventually("the policy is in force", DEADLINE, || async {
        let refused = !scales(&world, "broker", 0, &[]).await.success;
        refused.then_some(()).ok_or("it is let through")
    })
    .await;
    let annotations = json!({"metricautoscaler.dev/allow-lowering-to": "0"});
    world
        .edit("broker", json!({"metadata": {"annotations": annotations}}))
        .await;
    // A Scale leaves a zero out.
    eventually("the annotation has come round", DEADLINE, || async {
        let output = scales(&world, "broker", 0, &[]).await;
        output.success.then_some(()).ok_or(output.stderr)
    })
    .await;
    assert!(patches(&world, "broker", 0).await.success);
    assert!(
        !scales(&world, "broker", 1, &[]).await.success,
        "to that and to nothing else"
    );
    let kept = "lowers StatefulSet broker to 0, which MetricAutoscaler broker allows by annotation";
    let key = format!("who-may-lower-{}/lowered-undrained", world.namespace);
    eventually("the audit log tells it", DEADLINE, || async {
        let log = fs::read_to_string(world.plane.audit_log_path()).map_err(|error| error.to_string())?;
        let mut lines = log.lines().filter(|line| line.contains(&key));
        lines
            .any(|line| line.contains(kept))
            .then_some(())
            .ok_or_else(|| "it does not".to_owned())
    })
    .await;
}
