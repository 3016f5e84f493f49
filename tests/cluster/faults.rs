//! What happens to the operator, to Prometheus and to nodes while the load changes: the workload gets the sizes that it
//! should have, each once, and real pods follow.

use std::collections::BTreeSet;

use autoscaler_testkit::audit::AuditLog;
use autoscaler_testkit::wait::eventually;

use crate::installation::DEADLINE;
use crate::operator::{NAMESPACE, Pod};
use crate::scene::{OPERATOR, Scene, scene};

#[tokio::test]
async fn a_rollout_of_the_operator_in_the_middle_of_a_decision_neither_loses_nor_doubles_it() {
    scene("rollout", async |scene| {
        scene.followed(1).await;
        let before = scene.installation.leader().await;
        scene.load_unseen(300.0);
        scene.installation.restart_operator().await;
        scene.wait_ready("StatefulSet", "web", 3).await;
        scene.installation.wait_rolled_out().await;
        scene.installation.wait_other_leader(&before).await;
        scene.load(200.0).await;
        scene.wait_ready("StatefulSet", "web", 2).await;
        assert_eq!(scene.sizes("web"), [3, 2]);
    })
    .await;
}

#[tokio::test]
async fn the_leaders_pod_is_deleted_and_the_other_one_goes_on() {
    scene("deleted", async |scene| {
        scene.followed(2).await;
        let before = scene.installation.leader().await;
        scene
            .installation
            .kubectl(&["delete", "pod", &before.name, "--namespace", NAMESPACE, "--wait=false"])
            .await;
        scene.load(400.0).await;
        scene.wait_ready("StatefulSet", "web", 4).await;
        scene.installation.wait_other_leader(&before).await;
        assert_eq!(scene.sizes("web"), [2, 4]);
    })
    .await;
}

/// The kernel does, and the kubelet starts the container again: the same pod goes on, by the name that is in the Lease.
#[tokio::test]
async fn the_kernel_kills_the_leader_for_want_of_memory_and_nothing_is_scaled_twice() {
    scene("oom", async |scene| {
        scene.followed(1).await;
        let before = scene.installation.leader().await;
        let machine = scene.installation.machine(&before);
        machine.exhaust_memory(&before.container_id).await.unwrap();
        scene.load(300.0).await;
        wait_killed(scene, &before).await;
        scene.wait_ready("StatefulSet", "web", 3).await;
        scene.installation.leader().await;
        scene.load(200.0).await;
        scene.wait_ready("StatefulSet", "web", 2).await;
        assert_eq!(scene.sizes("web"), [3, 2]);
        scene.installation.wait_rolled_out().await;
    })
    .await;
}

async fn wait_killed(scene: &Scene, leader: &Pod) {
    eventually("the kubelet tells that the leader was killed", DEADLINE, || async {
        let pod = scene.installation.object("Pod", NAMESPACE, &leader.name).await.unwrap();
        let status = &pod["status"]["containerStatuses"][0];
        let reasons = ["lastState", "state"].map(|state| status[state]["terminated"]["reason"].clone());
        if reasons.contains(&"OOMKilled".into()) {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .await;
}

/// The node that the leader is on. Its pods go to the other one; those of the workload are made anew there.
#[tokio::test]
async fn a_node_is_drained_and_the_operator_goes_on_from_the_other_one() {
    scene("drain", async |scene| {
        scene.followed(3).await;
        let before = scene.installation.leader().await;
        let drain = [
            "drain",
            &before.node,
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            "--timeout=300s",
        ];
        scene.load_unseen(500.0);
        scene.installation.kubectl(&drain).await;
        scene.wait_ready("StatefulSet", "web", 5).await;
        let after = scene.installation.wait_other_leader(&before).await;
        assert_ne!(after.node, before.node);
        scene.load(200.0).await;
        scene.wait_ready("StatefulSet", "web", 2).await;
        assert_eq!(scene.sizes("web"), [3, 5, 2]);
        scene.installation.kubectl(&["uncordon", &before.node]).await;
        scene.installation.wait_rolled_out().await;
    })
    .await;
}

/// First its process, then its pod, for which its node is closed.
#[tokio::test]
async fn prometheus_is_killed_and_then_moved_and_nothing_shrinks_meanwhile() {
    scene("prometheus", async |scene| {
        scene.followed(4).await;
        let installation = scene.installation;
        let before = installation.prometheus().await;
        installation
            .machine(&before)
            .kill_container(&before.container_id)
            .unwrap();
        eventually("Prometheus runs again in its pod", DEADLINE, || async {
            let now = installation.prometheus().await;
            (now.name == before.name && now.container_id != before.container_id)
                .then_some(())
                .ok_or(format!("{now:?}"))
        })
        .await;
        scene.load(400.0).await;
        scene.wait_condition("web", "Ready", "True").await;

        scale_prometheus(scene, "0").await;
        scene.load_unseen(100.0);
        scene.wait_condition("web", "Ready", "False").await;
        let leader = installation.leader().await;
        installation.wait_evaluations(&leader, 3).await;
        assert_eq!(scene.sizes("web"), [4], "nothing shrinks while nothing can be read");

        installation.kubectl(&["cordon", &before.node]).await;
        scale_prometheus(scene, "1").await;
        let after = installation.prometheus().await;
        assert_ne!(after.node, before.node);
        scene.wait_ready("StatefulSet", "web", 1).await;
        installation.kubectl(&["uncordon", &before.node]).await;
        assert_eq!(scene.sizes("web"), [4, 1]);
    })
    .await;
}

async fn scale_prometheus(scene: &Scene, replicas: &str) {
    let replicas = format!("--replicas={replicas}");
    scene
        .installation
        .kubectl(&["scale", "deployment/prometheus", "--namespace=monitoring", &replicas])
        .await;
    let wait = [
        "--namespace=monitoring",
        "--for=delete",
        "--timeout=300s",
        "pod",
        "--selector=app=prometheus",
    ];
    if replicas.ends_with('0') {
        scene.installation.kubectl(&[&["wait"], &wait[..]].concat()).await;
    }
}

/// The API server signs with another key and the kubelets ask for new tokens, as they do by themselves before the old ones
/// end (an hour, which no test waits for); then the old key is no longer trusted.
#[tokio::test]
async fn the_operators_token_is_rotated_under_it_and_the_old_one_is_refused() {
    scene("token", async |scene| {
        scene.followed(1).await;
        let plane = &scene.installation.cluster.plane;
        let old = credentials(scene);
        plane.renew_token_key().await.unwrap();
        for machine in &scene.installation.cluster.machines {
            machine.kubelet.restart().await.unwrap();
        }
        eventually("the operator comes with a new token", DEADLINE, || async {
            if credentials(scene) == old {
                Err(format!("{old:?}"))
            } else {
                Ok(())
            }
        })
        .await;
        let mark = scene.installation.audit.mark().unwrap();
        plane.distrust_old_tokens().await.unwrap();
        scene.load(300.0).await;
        scene.wait_ready("StatefulSet", "web", 3).await;
        scene.load(200.0).await;
        scene.wait_ready("StatefulSet", "web", 2).await;
        assert_eq!(scene.sizes("web"), [3, 2]);
        let since = scene.installation.audit.since(mark).unwrap();
        let used = since
            .iter()
            .filter(|request| request.user == OPERATOR && request.code < 300);
        assert!(
            used.clone().all(|request| !old.contains(&request.credential)),
            "the old token was still good"
        );
    })
    .await;
}

/// The tokens that the operator has ever come with.
fn credentials(scene: &Scene) -> BTreeSet<String> {
    let all = scene.installation.audit.since(AuditLog::start()).unwrap();
    let own = all.into_iter().filter(|request| request.user == OPERATOR);
    own.map(|request| request.credential).collect()
}
