//! The rights of people to autoscalers come with the roles that Kubernetes has for them.

use autoscaler_testkit::wait::eventually;

use super::rendered::directory;
use crate::shared::plane;
use crate::world::DEADLINE;

#[tokio::test]
async fn viewers_see_autoscalers_and_editors_and_admins_write_them() {
    let plane = plane().await;
    let roles = directory("crd").join("user_roles.yaml");
    // Other tests apply them too, maybe at this moment.
    eventually("the roles are applied", DEADLINE, || async {
        plane.apply_file(&roles).await.map_err(|error| error.to_string())
    })
    .await;
    let namespace = plane.namespace("people").await.unwrap();
    let in_namespace = format!("--namespace={namespace}");
    for (role, may) in [
        ("view", ["yes", "no"]),
        ("edit", ["yes", "yes"]),
        ("admin", ["yes", "yes"]),
    ] {
        let (to_role, user) = (format!("--clusterrole={role}"), format!("--user={role}er"));
        let create = ["create", "rolebinding", role, &in_namespace, &to_role, &user];
        assert!(plane.kubectl(&create).await.unwrap().success);
        for (verbs, expected) in [["list", "watch"], ["create", "delete"]].into_iter().zip(may) {
            for verb in verbs {
                let who = format!("--as={role}er");
                let ask = [
                    "auth",
                    "can-i",
                    verb,
                    "metricautoscalers.metricautoscaler.dev",
                    &in_namespace,
                    &who,
                ];
                // The control plane adds the rules a moment after the role was applied.
                eventually(&format!("{role}: may {verb} is {expected}"), DEADLINE, || async {
                    let said = plane.kubectl(&ask).await.unwrap().stdout;
                    (said.trim() == expected).then_some(()).ok_or(said)
                })
                .await;
            }
        }
        let who = format!("--as={role}er");
        let ask = [
            "auth",
            "can-i",
            "patch",
            "metricautoscalers.metricautoscaler.dev",
            "--subresource=status",
            &in_namespace,
            &who,
        ];
        assert_eq!(plane.kubectl(&ask).await.unwrap().stdout.trim(), "no", "{role}");
    }
}
