//! The admission policy of `config/strict`: only who may scale a target may autoscale it.

use autoscaler_testkit::wait::eventually;
use serde_json::{Value, json};

use super::rendered::Rendered;
use crate::world::{DEADLINE, World, assert_contains};

/// May write autoscalers, and scale the StatefulSet `broker` and no other.
async fn let_ann_scale_broker(world: &World) {
    let metadata = json!({"name": "ann", "namespace": world.namespace});
    let rules = json!([
        {"apiGroups": ["metricautoscaler.dev"], "resources": ["metricautoscalers"], "verbs": ["get", "create", "patch"]},
        {"apiGroups": ["apps"], "resources": ["statefulsets/scale"], "resourceNames": ["broker"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["replicationcontrollers/scale"], "verbs": ["patch"]},
        {"apiGroups": ["example.com"], "resources": ["proxies/scale"], "verbs": ["patch"]},
    ]);
    let api = "rbac.authorization.k8s.io";
    let role = json!({"apiVersion": format!("{api}/v1"), "kind": "Role", "metadata": metadata, "rules": rules});
    let binding = json!({
        "apiVersion": format!("{api}/v1"), "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": api, "kind": "Role", "name": "ann"},
        "subjects": [{"apiGroup": api, "kind": "User", "name": "ann"}],
    });
    for object in [role, binding] {
        world.plane.apply(&object.to_string()).await.unwrap();
    }
}

/// What the API server says to Ann; nothing where it lets her.
async fn refusal(world: &World, api_version: &str, kind: &str, target: &str) -> Option<String> {
    let spec = world.default_spec("");
    let manifest = world.autoscaler_manifest(
        &format!("{}-{target}", kind.to_lowercase()),
        "Deployment",
        target,
        &spec,
    );
    let mut object: Value = serde_saphyr::from_str(&manifest).unwrap();
    object["spec"]["scaleTargetRef"] = json!({"apiVersion": api_version, "kind": kind, "name": target});
    let arguments = ["create", "--as=ann", "--dry-run=server", "--filename=-"];
    let output = world
        .plane
        .kubectl_with_input(&arguments, &object.to_string())
        .await
        .unwrap();
    (!output.success).then_some(output.stderr)
}

#[tokio::test]
async fn only_who_may_scale_a_target_may_autoscale_it() {
    let world = World::new("policy").await;
    let_ann_scale_broker(&world).await;
    Rendered::of("strict").await.enforce("who-may-autoscale", &world).await;
    eventually("the policy is in force", DEADLINE, || async {
        let refused = refusal(&world, "apps/v1", "Deployment", "web").await;
        refused.filter(|said| said.contains("denied request"))
    })
    .await;
    let said = refusal(&world, "apps/v1", "Deployment", "web").await.unwrap();
    assert_contains(
        &said,
        "to autoscale Deployment web you must be allowed to scale it: patch deployments/scale in the API group \"apps\"",
    );
    assert!(refusal(&world, "apps/v1", "StatefulSet", "store").await.is_some());
    assert_eq!(refusal(&world, "apps/v1", "StatefulSet", "broker").await, None);
    // The core group has no name.
    assert_eq!(refusal(&world, "v1", "ReplicationController", "any").await, None);
    // The plural is guessed.
    assert_eq!(refusal(&world, "example.com/v2", "Proxy", "any").await, None);
    let said = refusal(&world, "example.com/v1", "Bus", "any").await.unwrap();
    assert_contains(&said, "patch buses/scale in the API group \"example.com\"");
}

/// Labels and finalizers are also written by others, who need no right to scale; a new spec is judged like a new object, and so
/// are annotations that act on members.
#[tokio::test]
async fn what_leaves_the_spec_alone_is_not_judged() {
    let world = World::new("policy-updates").await;
    world.autoscale("web", "Deployment", "web", "").await;
    let_ann_scale_broker(&world).await;
    Rendered::of("strict").await.enforce("who-may-autoscale", &world).await;
    let patch = |patch: &'static str| {
        let (patch, world) = (format!("--patch={patch}"), &world);
        async move {
            let namespace = format!("--namespace={}", world.namespace);
            // Not kept: once the spec were 9, to make it 9 would leave it alone.
            let dry = "--dry-run=server";
            let arguments = [
                "patch",
                "mas",
                "web",
                "--as=ann",
                "--type=merge",
                dry,
                &namespace,
                &patch,
            ];
            world.plane.kubectl(&arguments).await.unwrap()
        }
    };
    eventually("the policy is in force", DEADLINE, || async {
        let output = patch(r#"{"spec": {"maxReplicas": 9}}"#).await;
        output
            .stderr
            .contains("denied request")
            .then_some(())
            .ok_or(output.stdout)
    })
    .await;
    for harmless in [
        r#"{"metadata": {"labels": {"team": "one"}}}"#,
        r#"{"metadata": {"annotations": {"example.com/team": "one"}}}"#,
    ] {
        let output = patch(harmless).await;
        assert!(output.success, "{}", output.stderr);
    }
    // These act on members.
    for acts in [
        r#"{"metadata": {"annotations": {"metricautoscaler.dev/abort": "at-3-x"}}}"#,
        r#"{"metadata": {"annotations": {"metricautoscaler.dev/retry": "at-3-x"}}}"#,
        r#"{"metadata": {"annotations": {"metricautoscaler.dev/forget": "web-3"}}}"#,
        r#"{"metadata": {"annotations": {"metricautoscaler.dev/allow-lowering-to": "0"}}}"#,
    ] {
        assert_contains(&patch(acts).await.stderr, "denied request");
    }
}
