//! `config/namespaced`, by an admin of that namespace and nobody else: with the one binding that the guide has an administrator
//! make, and not without.

use autoscaler_testkit::plane::Output;
use autoscaler_testkit::wait::eventually;
use serde_json::Value;

use super::rendered::{Rendered, directory};
use crate::access::object_in;
use crate::shared::plane;
use crate::world::{DEADLINE, assert_contains};

async fn applies(namespace: &str, object: &Value) -> Output {
    let arguments = ["apply", "--as=adam", "--filename=-"];
    let object = object_in(namespace, object);
    plane().await.kubectl_with_input(&arguments, &object).await.unwrap()
}

async fn bind(namespace: &str, role: &str) {
    let (in_namespace, to_role) = (format!("--namespace={namespace}"), format!("--clusterrole={role}"));
    let create = ["create", "rolebinding", role, &in_namespace, &to_role, "--user=adam"];
    assert!(plane().await.kubectl(&create).await.unwrap().success);
}

#[tokio::test]
async fn an_admin_of_a_namespace_installs_the_operator_there_once_an_administrator_lets_them() {
    let plane = plane().await;
    let roles = directory("crd").join("user_roles.yaml");
    // Other tests apply them too, maybe at this moment.
    eventually("the roles are applied", DEADLINE, || async {
        plane.apply_file(&roles).await.map_err(|error| error.to_string())
    })
    .await;
    let namespace = plane.namespace("team").await.unwrap();
    bind(&namespace, "admin").await;
    let namespaced = Rendered::of("namespaced").await;

    // The control plane adds the rights to autoscalers to the role `admin` a moment after they were applied: until then more is
    // lacking than what the guide has them bind.
    let operator = namespaced
        .of_kind("Role")
        .find(|role| role["metadata"]["name"] == "metric-autoscaler-operator")
        .unwrap();
    eventually("only what the guide says is lacking", DEADLINE, || async {
        let said = applies(&namespace, operator).await.stderr;
        let lacking: Vec<&str> = said.lines().filter(|line| line.starts_with('{')).collect();
        let expected = [
            r#"{APIGroups:["keda.sh"], Resources:["scaledobjects"], Verbs:["list" "watch"]}"#,
            r#"{APIGroups:["metricautoscaler.dev"], Resources:["metricautoscalers/status"], Verbs:["patch"]}"#,
        ];
        (lacking == expected).then_some(()).ok_or(said)
    })
    .await;
    let said = applies(&namespace, operator).await.stderr;
    assert_contains(&said, "is attempting to grant RBAC permissions not currently held");

    bind(&namespace, "metric-autoscaler-installer").await;
    eventually("they may", DEADLINE, || async {
        let output = applies(&namespace, operator).await;
        output.success.then_some(()).ok_or(output.stderr)
    })
    .await;
    for object in namespaced.all() {
        let output = applies(&namespace, object).await;
        assert!(output.success, "{}: {}", object["kind"], output.stderr);
    }
}
