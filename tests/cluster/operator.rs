//! The pods of the operator, and of Prometheus: which one leads, where it runs, and what it counts.

use std::time::Duration;

use autoscaler_testkit::node::Machine;
use autoscaler_testkit::wait::eventually;
use serde_json::Value;

use crate::installation::{DEADLINE, Installation};

pub(crate) const NAMESPACE: &str = "metric-autoscaler";

const OPERATOR: &str = "deployment/metric-autoscaler";

/// A running pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) node: String,
    pub(crate) image: String,
    /// Of its only container.
    pub(crate) container_id: String,
    ip: String,
}

impl Installation {
    /// Its pods are made anew, one after the other.
    pub(crate) async fn restart_operator(&self) {
        let restart = ["rollout", "restart", OPERATOR, "--namespace", NAMESPACE];
        self.kubectl(&restart).await;
    }

    /// Waits until all of its pods are those of its present manifest, and ready.
    pub(crate) async fn wait_rolled_out(&self) {
        self.cluster.wait_rollout(NAMESPACE, OPERATOR).await.unwrap();
    }

    /// The pod that leads: the one whose name is in the Lease, before what tells its processes apart.
    pub(crate) async fn leader(&self) -> Pod {
        eventually("one of the operator's pods leads", DEADLINE, || async {
            let lease = self.object("Lease", NAMESPACE, "metric-autoscaler").await;
            let lease = lease.map_err(|error| error.to_string())?;
            let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
            let holder = holder.split_once('_').map_or(holder, |(pod, _)| pod).to_owned();
            let pods = self.pods(NAMESPACE, "app.kubernetes.io/name=metric-autoscaler").await;
            let named = format!("{holder:?} of {pods:?}");
            pods.into_iter().find(|pod| pod.name == holder).ok_or(named)
        })
        .await
    }

    /// Waits until another pod leads than this one.
    pub(crate) async fn wait_other_leader(&self, than: &Pod) -> Pod {
        eventually("another pod leads", DEADLINE, || async {
            let leader = self.leader().await;
            if leader.name == than.name {
                Err(format!("{leader:?}"))
            } else {
                Ok(leader)
            }
        })
        .await
    }

    /// The pod of Prometheus.
    pub(crate) async fn prometheus(&self) -> Pod {
        eventually("the pod of Prometheus runs", DEADLINE, || async {
            let mut pods = self.pods("monitoring", "app=prometheus").await;
            if pods.len() == 1 {
                Ok(pods.remove(0))
            } else {
                Err(format!("{pods:?}"))
            }
        })
        .await
    }

    /// The pods with these labels that run and are not about to end.
    pub(crate) async fn pods(&self, namespace: &str, selector: &str) -> Vec<Pod> {
        let pods = self.objects("Pod", namespace, selector).await;
        pods.iter().filter_map(running).collect()
    }

    /// The node that a pod runs on.
    pub(crate) fn machine(&self, pod: &Pod) -> &Machine {
        let mut machines = self.cluster.machines.iter();
        machines.find(|machine| machine.name == pod.node).unwrap()
    }

    /// Waits until this pod, which leads, has looked at its autoscalers so many times more: time passes for the operator,
    /// whatever the machine does.
    pub(crate) async fn wait_evaluations(&self, leader: &Pod, count: u32) {
        let before = evaluations(leader).await.unwrap();
        eventually(&format!("{count} further evaluations"), DEADLINE, || async {
            let now = evaluations(leader).await?;
            if now >= before + f64::from(count) {
                Ok(())
            } else {
                Err(format!("{now} after {before}"))
            }
        })
        .await;
    }
}

fn running(pod: &Value) -> Option<Pod> {
    let text = |path: &str| pod.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let status = pod.pointer("/status/containerStatuses/0")?;
    let runs = status["state"]["running"].is_object() && pod["metadata"]["deletionTimestamp"].is_null();
    runs.then_some(())?;
    let id = text("/status/containerStatuses/0/containerID")?;
    Some(Pod {
        name: text("/metadata/name")?,
        node: text("/spec/nodeName")?,
        image: text("/spec/containers/0/image")?,
        container_id: id.trim_start_matches("containerd://").to_owned(),
        ip: text("/status/podIP")?,
    })
}

/// From the pod itself: Prometheus may be what a test has taken away.
async fn evaluations(pod: &Pod) -> Result<f64, String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let answer = client.get(format!("http://{}:8080/metrics", pod.ip)).send().await;
    let text = answer
        .map_err(|error| error.to_string())?
        .text()
        .await
        .map_err(|error| error.to_string())?;
    let counts = text
        .lines()
        .filter(|line| line.starts_with("metric_autoscaler_evaluations_total"));
    Ok(counts
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum())
}
