//! What the operator may do, in its own pod and as its own service account: what it needs, and nothing that it does not.

use autoscaler_testkit::audit::AuditLog;
use autoscaler_testkit::rights::Right;
use autoscaler_testkit::wait::eventually;
use serde_json::Value;

use crate::installation::DEADLINE;
use crate::operator::NAMESPACE;
use crate::scene::{OPERATOR, Scene, scene};

const KINDS: [&str; 3] = ["Deployment", "ReplicaSet", "StatefulSet"];

#[tokio::test]
async fn every_right_of_the_installed_roles_is_used_and_none_is_missing() {
    scene("rights", async |scene| {
        install_keda(scene).await;
        scene.load(300.0).await;
        for kind in KINDS {
            let name = kind.to_lowercase();
            scene.workload(kind, &name, 1).await;
            scene.autoscale(kind, &name).await;
        }
        for kind in KINDS {
            scene.wait_ready(kind, &kind.to_lowercase(), 3).await;
        }
        follow_pods(scene).await;
        write_over_a_stale_version(scene).await;
        answer_a_profile(scene).await;
        lose_the_lease(scene).await;
        look_for_keda(scene).await;

        let mut rights = role(scene, &["clusterrole", "metric-autoscaler"]).await;
        rights.extend(role(scene, &["role", "metric-autoscaler-leader", "--namespace", NAMESPACE]).await);
        assert!(!rights.is_empty());
        // Of the whole run: what is done once at the start counts.
        let all = scene.installation.audit.since(AuditLog::start()).unwrap();
        let own: Vec<_> = all.into_iter().filter(|request| request.user == OPERATOR).collect();
        let refused: Vec<_> = own.iter().filter(|request| request.is_forbidden).collect();
        assert!(refused.is_empty(), "{refused:#?}");
        let unused = rights
            .iter()
            .filter(|right| !own.iter().any(|request| right.allows(request)));
        assert_eq!(unused.collect::<Vec<_>>(), Vec::<&Right>::new());
    })
    .await;
}

/// As the API server has it: of the aggregated role, what the control plane has made of it.
async fn role(scene: &Scene, named: &[&str]) -> Vec<Right> {
    let get = [&["get"], named, &["--output=json"]].concat();
    let role: Value = serde_json::from_str(&scene.installation.kubectl(&get).await).unwrap();
    Right::in_role(&role)
}

/// Every pod shows 150 of its own; the target is 100: two pods become three, and so on to the maximum.
async fn follow_pods(scene: &Scene) {
    scene.workload("StatefulSet", "own", 2).await;
    scene.wait_ready("StatefulSet", "own", 2).await;
    let query = format!("query: 'own_load{{namespace=\"{}\"}}', perPod: {{}}", scene.namespace);
    scene.autoscale_by("StatefulSet", "own", &query).await;
    scene.wait_ready("StatefulSet", "own", 8).await;
}

/// A profile comes, is answered, and goes.
async fn answer_a_profile(scene: &Scene) {
    scene
        .installation
        .apply(include_str!("../../config/profiles/vernemq.yaml"))
        .await;
    let accepted = [
        "--for=condition=Accepted",
        "--timeout=300s",
        "membershipprofile/vernemq",
    ];
    scene.installation.kubectl(&[&["wait"], &accepted[..]].concat()).await;
    scene
        .installation
        .kubectl(&["delete", "membershipprofile", "vernemq"])
        .await;
}

/// Somebody else writes the autoscaler, so the version that the operator knows is no longer the newest.
async fn write_over_a_stale_version(scene: &Scene) {
    let annotate = [
        "annotate",
        "metricautoscaler",
        "deployment",
        "somebody=else",
        "--namespace",
        &scene.namespace,
    ];
    scene.installation.kubectl(&annotate).await;
    scene.load(200.0).await;
    scene.wait_ready("Deployment", "deployment", 2).await;
}

async fn lose_the_lease(scene: &Scene) {
    let leader = scene.installation.leader().await;
    scene
        .installation
        .kubectl(&["delete", "lease", "metric-autoscaler", "--namespace", NAMESPACE])
        .await;
    eventually("there is a Lease again, and a leader", DEADLINE, || async {
        let found = scene.installation.object("Lease", NAMESPACE, "metric-autoscaler").await;
        found.map(drop).map_err(|error| format!("{} led: {error}", leader.name))
    })
    .await;
    scene.installation.leader().await;
}

/// KEDA as far as others look at it: its kind.
async fn install_keda(scene: &Scene) {
    scene
        .installation
        .apply(include_str!("manifests/scaled-objects.yaml"))
        .await;
    let established = [
        "--for=condition=Established",
        "--timeout=300s",
        "customresourcedefinition/scaledobjects.keda.sh",
    ];
    scene
        .installation
        .kubectl(&[&["wait"], &established[..]].concat())
        .await;
}

/// A new leader looks at once; one that leads already looks every five minutes.
async fn look_for_keda(scene: &Scene) {
    scene.installation.restart_operator().await;
    scene.installation.wait_rolled_out().await;
    eventually("ScaledObjects are watched", DEADLINE, || async {
        let watched = |verb: &str| {
            let requests = scene.requests();
            requests
                .iter()
                .any(|request| request.resource == "scaledobjects" && request.verb == verb)
        };
        watched("list") && watched("watch")
    })
    .await;
}
