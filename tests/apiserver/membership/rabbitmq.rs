//! Real RabbitMQ as `examples/rabbitmq` has it, shrunk and grown by its profile, with sessions of MQTT and a quorum queue in it.
//!
//! It wants Debian's packages and some minutes, and so is run by `make test-rabbitmq` and left out of `make test-apiserver`.

mod contents;
mod mqtt;

use std::collections::BTreeSet;
use std::path::Path;

use autoscaler_testkit::kubelet::sets::{Secrets, SetOptions, rabbitmq};
use autoscaler_testkit::rabbitmq::Rabbitmq;
use autoscaler_testkit::recorder::Call;
use autoscaler_testkit::revisions::{Reading, Revisions, broken_rules};
use autoscaler_testkit::wait::eventually;
use jiff::SignedDuration;
use serde_json::Value;

use super::stage::{PATIENCE, Stage};
use contents::Contents;

const CREDENTIAL: &str = "Bearer of-a-test";
/// Where the sidecar listens itself: what the test asks is no call of the operator, and is not recorded.
const SIDECAR: u16 = 25_680;

impl Stage {
    /// The same with real RabbitMQ.
    async fn rabbitmq(name: &str, members: u32) -> Self {
        let found = tokio::task::spawn_blocking(Rabbitmq::locate).await.unwrap();
        let found = found.unwrap_or_else(|error| panic!("{error}"));
        let set = |options: &SetOptions<'_>, files: &Path| {
            let secrets = Secrets {
                cookie: "of-a-test",
                credential: CREDENTIAL,
            };
            rabbitmq(options, files, &found, secrets).unwrap()
        };
        let stage = Box::pin(Self::raise(name, members, "Delete", set)).await;
        stage.give_rights().await;
        stage
    }

    /// Waits until every node lists exactly the nodes that there are, and all of them run.
    async fn wait_nodes(&self, count: u32) {
        self.wait_pods(count).await;
        let client = reqwest::Client::new();
        let pods: BTreeSet<String> = (0..count).map(|ordinal| format!("broker-{ordinal}")).collect();
        for pod in &pods {
            eventually(&format!("{pod} lists the pods"), PATIENCE, || async {
                let address = self
                    .kubelet
                    .address(&self.world.namespace, pod)
                    .ok_or("it does not run")?;
                let asked = client
                    .get(format!("http://{address}:{SIDECAR}/members"))
                    .header("authorization", CREDENTIAL);
                let answer = asked.send().await.and_then(reqwest::Response::error_for_status);
                let answer = answer.map_err(|error| error.to_string())?;
                let said: Value = answer.json().await.map_err(|error| error.to_string())?;
                let names = |field: &str| -> BTreeSet<String> {
                    let names = said[field].as_array().into_iter().flatten();
                    names.map(|name| pod_of(name.as_str().unwrap_or_default())).collect()
                };
                (names("members") == pods && names("running") == pods)
                    .then_some(())
                    .ok_or(said.to_string())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn real_rabbitmq_becomes_three_nodes_and_five_again_and_keeps_every_session_and_message() {
    let stage = Stage::rabbitmq("rabbitmq", 5).await;
    stage.wait_nodes(5).await;
    let contents = Contents::new(&stage);
    contents.fill(5).await;

    let credentials = stage.world.directory.join("credentials");
    std::fs::create_dir_all(&credentials).unwrap();
    let file = format!("{}.rabbitmq-sidecar", stage.world.namespace);
    std::fs::write(credentials.join(file), CREDENTIAL).unwrap();
    let flags = ["--credentials-dir", &credentials.display().to_string()];
    let _operator = stage.world.operator_with("operator", &flags).await;
    let revisions = Revisions::watch(stage.world.plane, &stage.world.namespace, "broker")
        .await
        .unwrap();
    stage.autoscale_by("rabbitmq", 300.0).await;
    stage.wait_nodes(3).await;
    stage.wait_rest().await;
    stage.world.set_load(500.0).await;
    stage.wait_nodes(5).await;
    stage.wait_rest().await;

    contents.assert_all_there(5).await;
    let revisions = revisions.seen().unwrap();
    let reading = Reading {
        removes: |call| call.path.strip_prefix("/shrink?node=").map(pod_of),
        lists: held,
        proof: SignedDuration::from_secs(5),
        // It may be repeated, and is harmless.
        times: usize::MAX,
    };
    let broken = broken_rules("broker", 0, &revisions, &stage.kubelet.log().calls(), &reading);
    assert_eq!(broken, Vec::<String>::new());
    assert!(
        revisions
            .windows(2)
            .all(|pair| pair[0].replicas.abs_diff(pair[1].replicas) <= 1),
        "{revisions:?}"
    );
    assert_eq!(stage.finalizers().await, Vec::<String>::new());
}

/// The member that an answer is about, as long as there is something on it.
fn held(call: &Call) -> Option<BTreeSet<String>> {
    let node = call.path.strip_prefix("/queues?node=")?;
    let said: Value = serde_json::from_str(&call.said).ok()?;
    let is_empty = said["quorum"] == 0 && said["classic"] == 0;
    Some(if is_empty {
        BTreeSet::new()
    } else {
        BTreeSet::from([pod_of(node)])
    })
}

/// `rabbit@<pod>.<service>...`, also as it stands in a query.
fn pod_of(node: &str) -> String {
    let node = node.replace("%40", "@");
    let host = node.split_once('@').map_or("", |(_, host)| host);
    host.split('.').next().unwrap_or_default().to_owned()
}
