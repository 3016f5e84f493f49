//! The admission policies of `config/guard`: nobody but an operator lowers a StatefulSet with members (M12), and an operator
//! writes nothing of an autoscaler but its finalizer.

use std::fs;

use autoscaler_testkit::plane::Output;
use autoscaler_testkit::wait::eventually;
use serde_json::json;

use super::rendered::Rendered;
use crate::world::{DEADLINE, World, assert_contains};

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

/// Brings both policies into force, for one namespace.
pub(crate) async fn enforce(world: &World) {
    let guard = Rendered::of("guard").await;
    for policy in ["who-may-lower", "what-the-operator-writes"] {
        guard.enforce(policy, world).await;
    }
}

/// Waits until a person may lower a `StatefulSet`, or may not.
pub(crate) async fn wait_lowerable(world: &World, name: &str, replicas: u32, wanted: bool) {
    eventually(
        &format!("{name} may be lowered by hand: {wanted}"),
        DEADLINE,
        || async {
            let output = scales(world, name, replicas, &[]).await;
            let is_allowed = output.success;
            (is_allowed == wanted)
                .then_some(())
                .ok_or(output.stdout + &output.stderr)
        },
    )
    .await;
}

fn as_the_operator(world: &World) -> String {
    format!("--as={}", world.user())
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
        scales(&world, "broker", 4, &[&as_the_operator(&world)]).await,
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

#[tokio::test]
async fn m12_the_operator_of_one_namespace_lowers_too() {
    let world = World::new("guard-namespaced").await;
    world.make_do_with_a_role().await;
    world.create_workload("StatefulSet", "broker", 5).await;
    let spec = world.default_spec("  membership: {profileName: vernemq}\n");
    world.apply_autoscaler("broker", "StatefulSet", "broker", &spec).await;
    Rendered::of("guard").await.enforce("who-may-lower", &world).await;
    eventually("the policy is in force", DEADLINE, || async {
        let refused = !scales(&world, "broker", 4, &[]).await.success;
        refused.then_some(()).ok_or("it is let through")
    })
    .await;
    let output = scales(&world, "broker", 4, &[&as_the_operator(&world)]).await;
    assert!(output.success, "{}", output.stderr);
}

/// In a namespace of one's own every name is free, and so is what its admin may do: to scale.
#[tokio::test]
async fn m12_an_operator_by_name_alone_is_none() {
    let world = World::new("guard-namesake").await;
    world.take_cluster_role().await;
    let account = format!("--serviceaccount={}:metric-autoscaler", world.namespace);
    let namespace = format!("--namespace={}", world.namespace);
    let bind = [
        "create",
        "rolebinding",
        "namesake",
        "--clusterrole=admin",
        &account,
        &namespace,
    ];
    assert!(world.plane.kubectl(&bind).await.unwrap().success);
    world.create_workload("StatefulSet", "broker", 5).await;
    let spec = world.default_spec("  membership: {profileName: vernemq}\n");
    world.apply_autoscaler("broker", "StatefulSet", "broker", &spec).await;
    Rendered::of("guard").await.enforce("who-may-lower", &world).await;
    eventually("the policy is in force", DEADLINE, || async {
        let output = scales(&world, "broker", 4, &[&as_the_operator(&world)]).await;
        let refused = output.stderr.contains("denied request");
        refused.then_some(()).ok_or(output.stdout + &output.stderr)
    })
    .await;
    let output = scales(&world, "broker", 6, &[&as_the_operator(&world)]).await;
    assert!(output.success, "{}", output.stderr);
}

#[tokio::test]
async fn the_operator_writes_its_own_finalizer_on_an_autoscaler_and_nothing_else() {
    let world = World::new("guard-writes").await;
    world.give_rights_to_members().await;
    world.autoscale("web", "Deployment", "web", "").await;
    let theirs = json!({"metadata": {"finalizers": ["example.com/theirs"]}});
    world.edit("web", theirs).await;
    Rendered::of("guard")
        .await
        .enforce("what-the-operator-writes", &world)
        .await;
    let patch = |who: String, patch: &'static str| {
        let (patch, world) = (format!("--patch={patch}"), &world);
        async move { tries(world, &["patch", "mas", "web", "--type=merge", &patch, &who]).await }
    };
    let spec = r#"{"spec": {"maxReplicas": 9}}"#;
    eventually("the policy is in force", DEADLINE, || async {
        let output = patch(as_the_operator(&world), spec).await;
        let refused = output.stderr.contains("denied request");
        refused.then_some(()).ok_or(output.stdout + &output.stderr)
    })
    .await;
    for refused in [
        spec,
        r#"{"metadata": {"annotations": {"metricautoscaler.dev/allow-lowering-to": "0"}}}"#,
        r#"{"metadata": {"labels": {"team": "one"}}}"#,
        r#"{"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}]}}"#,
        r#"{"metadata": {"finalizers": null}}"#,
        r#"{"metadata": {"finalizers": ["example.com/theirs", "metricautoscaler.dev/other"]}}"#,
    ] {
        let output = patch(as_the_operator(&world), refused).await;
        assert_contains(
            &output.stderr,
            "the operator writes its own finalizer on a MetricAutoscaler, and nothing else of it but the status",
        );
    }
    let held = r#"{"metadata": {"finalizers": ["example.com/theirs", "metricautoscaler.dev/operation"]}}"#;
    let output = patch(as_the_operator(&world), held).await;
    assert!(output.success, "{}", output.stderr);
    // People are not judged here: whoever runs the tests.
    let patched = tries(
        &world,
        &["patch", "mas", "web", "--type=merge", &format!("--patch={spec}")],
    )
    .await;
    assert!(patched.success, "{}", patched.stderr);
}
