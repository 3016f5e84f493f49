//! Pods as processes, under the real controllers.
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use autoscaler_testkit::binaries::{Program, locate_all};
use autoscaler_testkit::kubelet::Kubelet;
use autoscaler_testkit::kubelet::sets::{SetOptions, etcd, vernemq};
use autoscaler_testkit::plane::{ControlPlane, PlaneOptions};
use autoscaler_testkit::process::Signal;
use autoscaler_testkit::recorder::Heard;
use autoscaler_testkit::vernemq::Broker;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ContainerStatus, PersistentVolumeClaim, Pod};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const SOON: Duration = Duration::from_mins(2);

async fn plane() -> &'static ControlPlane {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    let start = || async {
        ControlPlane::start(PlaneOptions::default().with_ready_pods())
            .await
            .unwrap()
    };
    PLANE.get_or_init(start).await
}

/// A namespace and a node of its own.
struct Scene {
    namespace: String,
    kubelet: Kubelet,
    client: Client,
}

impl Scene {
    async fn new(name: &str) -> Self {
        let plane = plane().await;
        let namespace = plane.namespace(name).await.unwrap();
        let kubelet = Kubelet::start(plane, &namespace).await.unwrap();
        Self {
            namespace,
            kubelet,
            client: plane.client_as_admin(),
        }
    }

    fn options(&self, replicas: u32) -> SetOptions<'_> {
        SetOptions::new("broker", &self.namespace, self.kubelet.node(), replicas)
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn claims(&self) -> Api<PersistentVolumeClaim> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn create(&self, set: Value) {
        let set: StatefulSet = serde_json::from_value(set).unwrap();
        let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), &self.namespace);
        sets.create(&PostParams::default(), &set).await.unwrap();
    }

    async fn brokers(&self, options: &SetOptions<'_>) {
        self.create(vernemq(options, Path::new(env!("CARGO_BIN_EXE_vernemq-double"))))
            .await;
        self.wait_ready(options.replicas).await;
    }

    async fn scale(&self, replicas: u32) {
        let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), &self.namespace);
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        sets.patch_scale("broker", &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    async fn wait_ready(&self, count: u32) {
        let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), &self.namespace);
        eventually(&format!("{count} ready pods"), SOON, || async {
            let status = sets.get("broker").await.unwrap().status.unwrap_or_default();
            let seen = (status.replicas, status.ready_replicas.unwrap_or_default());
            let wanted = i32::try_from(count).unwrap();
            if seen == (wanted, wanted) {
                Ok(())
            } else {
                Err(format!("{seen:?}"))
            }
        })
        .await;
    }

    async fn gone(&self, pod: &str) {
        let pods = self.pods();
        eventually(&format!("{pod} gone"), SOON, || async {
            pods.get_opt(pod).await.unwrap().is_none()
        })
        .await;
    }

    async fn container(&self, pod: &str) -> ContainerStatus {
        let pod = self.pods().get(pod).await.unwrap();
        pod.status.unwrap().container_statuses.unwrap().remove(0)
    }

    fn broker(&self, pod: &str) -> Broker {
        Broker::at(self.kubelet.address(&self.namespace, pod).unwrap().into())
    }

    async fn wait_members(&self, pod: &str, count: usize) {
        eventually(&format!("{pod} has {count} members"), SOON, || async {
            let members = self.broker(pod).members().await?;
            if members.len() == count && members.values().all(|runs| *runs) {
                Ok(())
            } else {
                Err(format!("{members:?}"))
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_set_comes_up_in_order_and_its_processes_find_each_other() {
    let scene = Scene::new("order").await;
    scene.brokers(&scene.options(3)).await;
    scene.wait_members("broker-2", 3).await;
    let mut last = None;
    for ordinal in 0..3 {
        let pod = scene.pods().get(&format!("broker-{ordinal}")).await.unwrap();
        let status = pod.status.clone().unwrap();
        let address = status.pod_ip.unwrap();
        assert!(address.starts_with("127."), "{address}");
        let ready = status
            .conditions
            .unwrap()
            .into_iter()
            .find(|condition| condition.type_ == "Ready")
            .unwrap();
        let created = pod.metadata.creation_timestamp.clone().unwrap();
        assert!(
            last.is_none_or(|last| created.0.as_second() >= last),
            "broker-{ordinal} was made too early"
        );
        last = Some(ready.last_transition_time.unwrap().0.as_second());
    }
    // What was asked just now was written down, and the probes were not.
    let calls = scene.kubelet.log().calls();
    assert!(
        calls
            .iter()
            .any(|call| call.callee.pod == "broker-2" && call.heard == Heard::Status(200))
    );
    assert!(
        calls.iter().all(|call| call.path == "/api/v1/cluster/show"),
        "{calls:?}"
    );
}

#[tokio::test]
async fn a_process_that_ends_is_started_again_under_the_same_uid_on_the_same_data() {
    let scene = Scene::new("restart").await;
    scene.brokers(&scene.options(2)).await;
    scene.wait_members("broker-0", 2).await;
    let uid = scene.pods().get("broker-1").await.unwrap().uid();
    let before = scene.container("broker-1").await;
    assert_eq!(before.restart_count, 0);

    let member = format!("VerneMQ@{}", scene.options(2).host(1));
    scene.broker("broker-1").connect("client").await.unwrap();
    assert_eq!(
        scene.broker("broker-1").leave(&member).await.unwrap().json["text"],
        "Done"
    );
    let after = eventually("a second container", SOON, || async {
        let container = scene.container("broker-1").await;
        (container.restart_count == 1 && container.ready).then_some(container)
    })
    .await;
    assert_eq!(scene.pods().get("broker-1").await.unwrap().uid(), uid);
    assert_ne!(after.container_id, before.container_id);
    assert_eq!(after.last_state.unwrap().terminated.unwrap().exit_code, 0);
    // Ready, and alone: its old data keep it out.
    scene.wait_members("broker-0", 1).await;
    scene.wait_members("broker-1", 1).await;

    scene
        .kubelet
        .signal(&scene.namespace, "broker-1", Signal::KILL)
        .unwrap();
    let killed = eventually("a third container", SOON, || async {
        let container = scene.container("broker-1").await;
        (container.restart_count == 2).then_some(container)
    });
    assert_eq!(killed.await.last_state.unwrap().terminated.unwrap().exit_code, 137);
}

#[tokio::test]
async fn a_shrink_waits_for_the_lower_ordinals_and_ends_the_process_in_order() {
    let scene = Scene::new("shrink").await;
    let options = SetOptions {
        leaves_in_pre_stop: true,
        ..scene.options(3)
    };
    scene.brokers(&options).await;
    scene.wait_members("broker-0", 3).await;
    scene
        .kubelet
        .signal(&scene.namespace, "broker-0", Signal::STOP)
        .unwrap();
    eventually("broker-0 not ready", SOON, || async {
        !scene.container("broker-0").await.ready
    })
    .await;
    scene.scale(2).await;
    // The controller has seen the new count, and leaves the pod alone.
    let sets: Api<StatefulSet> = Api::namespaced(scene.client.clone(), &scene.namespace);
    eventually("the count seen", SOON, || async {
        let set = sets.get("broker").await.unwrap();
        set.status.unwrap().observed_generation == set.metadata.generation
    })
    .await;
    assert!(
        scene
            .pods()
            .get("broker-2")
            .await
            .unwrap()
            .metadata
            .deletion_timestamp
            .is_none()
    );
    scene
        .kubelet
        .signal(&scene.namespace, "broker-0", Signal::CONT)
        .unwrap();
    scene.gone("broker-2").await;
    // The hook has left the cluster before the process ended: no dead member.
    scene.wait_members("broker-0", 2).await;
    scene.wait_members("broker-1", 2).await;
}

#[tokio::test]
async fn a_claim_that_is_kept_poisons_regrowth_and_one_that_is_deleted_does_not() {
    for (policy, grown) in [("Retain", 1), ("Delete", 2)] {
        let scene = Scene::new("claims").await;
        let options = SetOptions {
            when_scaled: policy,
            ..scene.options(2)
        };
        scene.brokers(&options).await;
        scene.wait_members("broker-0", 2).await;
        let claim = scene.claims().get("data-broker-1").await.unwrap().uid().unwrap();
        assert!(fs::read_dir(scene.kubelet.claim_directory(&claim)).unwrap().count() > 0);

        let member = format!("VerneMQ@{}", options.host(1));
        scene.broker("broker-1").connect("client").await.unwrap();
        scene.broker("broker-1").leave(&member).await.unwrap();
        scene.scale(1).await;
        scene.gone("broker-1").await;
        if policy == "Delete" {
            let claims = scene.claims();
            eventually("the claim gone", SOON, || async {
                claims.get_opt("data-broker-1").await.unwrap().is_none()
            })
            .await;
        }
        scene.scale(2).await;
        scene.wait_ready(2).await;
        let again = scene.claims().get("data-broker-1").await.unwrap().uid().unwrap();
        assert_eq!(again == claim, policy == "Retain");
        scene.wait_members("broker-1", grown).await;
    }
}

#[tokio::test]
async fn a_pod_that_is_deleted_by_force_runs_on_where_nobody_hears_it() {
    let scene = Scene::new("force").await;
    scene.brokers(&scene.options(1)).await;
    let uid = scene.pods().get("broker-0").await.unwrap().uid();
    let broker = scene.broker("broker-0");
    scene.kubelet.partition().await.unwrap();
    scene
        .pods()
        .delete("broker-0", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    eventually("a new pod", SOON, || async {
        scene
            .pods()
            .get_opt("broker-0")
            .await
            .unwrap()
            .is_some_and(|pod| pod.uid() != uid)
    })
    .await;
    assert!(broker.get("/health/ping").await.is_ok());
    scene.kubelet.heal().await.unwrap();
    eventually("the old process gone", SOON, || async {
        broker.get("/health/ping").await.is_err()
    })
    .await;
    scene.wait_ready(1).await;
}

#[tokio::test]
async fn with_its_node_a_process_is_lost_and_its_pod_is_not() {
    let scene = Scene::new("lost").await;
    scene.brokers(&scene.options(1)).await;
    let broker = scene.broker("broker-0");
    scene.kubelet.lose().await.unwrap();
    assert!(broker.get("/health/ping").await.is_err());
    let pod = scene.pods().get("broker-0").await.unwrap();
    scene.kubelet.heal().await.unwrap();
    eventually("its process again", SOON, || async {
        let container = scene.container("broker-0").await;
        container.ready && container.restart_count == 1
    })
    .await;
    assert_eq!(scene.pods().get("broker-0").await.unwrap().uid(), pod.uid());
}

#[tokio::test]
async fn three_real_etcds_form_a_cluster_and_keep_what_is_written() {
    let scene = Scene::new("etcd").await;
    let [program] = locate_all([Program::Etcd]).await.unwrap();
    let options = SetOptions {
        when_scaled: "Delete",
        ..scene.options(3)
    };
    scene
        .create(etcd(&options, Path::new(env!("CARGO_BIN_EXE_testkit")), &program))
        .await;
    scene.wait_ready(3).await;
    let ask = async |pod: &str, what: &str, body: Value| -> Result<Value, String> {
        let address = scene.kubelet.address(&scene.namespace, pod).ok_or("no address")?;
        autoscaler_testkit::install_crypto_provider();
        let request = reqwest::Client::new()
            .post(format!("http://{address}:2379/v3/{what}"))
            .json(&body);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        answer
            .error_for_status()
            .map_err(|error| error.to_string())?
            .json()
            .await
            .map_err(|error| error.to_string())
    };
    let members = ask("broker-0", "cluster/member/list", json!({})).await.unwrap();
    let ids: Vec<_> = members["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["ID"].clone())
        .collect();
    assert_eq!(ids.len(), 3);
    // "key" and "value", in base64.
    let (key, value) = ("a2V5", "dmFsdWU=");
    ask("broker-1", "kv/put", json!({"key": key, "value": value}))
        .await
        .unwrap();

    // A member that was removed ends, and ends again on its old data.
    let last = members["members"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "broker-2")
        .unwrap();
    // etcd answers 503 ("unhealthy cluster") for the first seconds after the last change.
    let remove = || ask("broker-0", "cluster/member/remove", json!({"ID": last["ID"]}));
    eventually("the removal", SOON, remove).await;
    eventually("a crash loop", SOON, || async {
        scene.container("broker-2").await.restart_count >= 2
    })
    .await;
    scene.scale(2).await;
    scene.gone("broker-2").await;
    let claims = scene.claims();
    eventually("its claim gone", SOON, || async {
        claims.get_opt("data-broker-2").await.unwrap().is_none()
    })
    .await;
    // On new data it joins again, and has what was written.
    scene.scale(3).await;
    scene.wait_ready(3).await;
    let read = eventually("the value", SOON, || ask("broker-2", "kv/range", json!({"key": key}))).await;
    assert_eq!(read["kvs"][0]["value"], value);
}
