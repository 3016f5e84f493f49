//! What `kubectl apply -k` of the guide's overlay makes of real nodes.

use std::collections::BTreeSet;

use autoscaler_testkit::wait::eventually;

use crate::installation::DEADLINE;
use crate::operator::NAMESPACE;
use crate::scene::scene;

#[tokio::test]
async fn the_two_replicas_run_on_two_nodes_and_prometheus_scrapes_both() {
    scene("shipped", async |scene| {
        let installation = scene.installation;
        // Anew, since a test before this one may have emptied a node.
        let restart = [
            "rollout",
            "restart",
            "deployment/metric-autoscaler",
            "--namespace",
            NAMESPACE,
        ];
        installation.kubectl(&restart).await;
        installation.install().await;
        eventually("two replicas are left, on two nodes", DEADLINE, || async {
            let pods = installation
                .pods(NAMESPACE, "app.kubernetes.io/name=metric-autoscaler")
                .await;
            let nodes: BTreeSet<&String> = pods.iter().map(|pod| &pod.node).collect();
            if (pods.len(), nodes.len()) == (2, 2) {
                Ok(())
            } else {
                Err(format!("{pods:?}"))
            }
        })
        .await;
        // By the guide's own scrape job.
        installation
            .wait_answer("count(metric_autoscaler_leader)", |replicas| replicas >= 2.0)
            .await;
        installation
            .wait_answer("sum(metric_autoscaler_leader)", |leaders| (leaders - 1.0).abs() < 1e-9)
            .await;
    })
    .await;
}
