//! A namespace, a node with a kubelet, and a set of brokers or other members on it.

use std::path::Path;
use std::time::Duration;

use autoscaler_testkit::kubelet::Kubelet;
use autoscaler_testkit::kubelet::sets::{SetOptions, vernemq};
use autoscaler_testkit::plane::{ControlPlane, PlaneOptions};
use autoscaler_testkit::vernemq::Broker;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ContainerStatus, PersistentVolumeClaim, Pod};
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

pub(crate) const SOON: Duration = Duration::from_mins(2);

pub(crate) async fn plane() -> &'static ControlPlane {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    let start = || async {
        ControlPlane::start(PlaneOptions::default().with_ready_pods())
            .await
            .unwrap()
    };
    PLANE.get_or_init(start).await
}

/// A namespace and a node of its own.
pub(crate) struct Scene {
    pub(crate) namespace: String,
    pub(crate) kubelet: Kubelet,
    pub(crate) client: Client,
}

impl Scene {
    pub(crate) async fn new(name: &str) -> Self {
        let plane = plane().await;
        let namespace = plane.namespace(name).await.unwrap();
        let kubelet = Kubelet::start(plane, &namespace).await.unwrap();
        Self {
            namespace,
            kubelet,
            client: plane.client_as_admin(),
        }
    }

    pub(crate) fn options(&self, replicas: u32) -> SetOptions<'_> {
        SetOptions::new("broker", &self.namespace, self.kubelet.node(), replicas)
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn claims(&self) -> Api<PersistentVolumeClaim> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) async fn create(&self, set: Value) {
        let set: StatefulSet = serde_json::from_value(set).unwrap();
        let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), &self.namespace);
        sets.create(&PostParams::default(), &set).await.unwrap();
    }

    pub(crate) async fn brokers(&self, options: &SetOptions<'_>) {
        self.create(vernemq(options, Path::new(env!("CARGO_BIN_EXE_vernemq-double"))))
            .await;
        self.wait_ready(options.replicas).await;
    }

    pub(crate) async fn scale(&self, replicas: u32) {
        let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), &self.namespace);
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        sets.patch_scale("broker", &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    pub(crate) async fn wait_ready(&self, count: u32) {
        let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), &self.namespace);
        let wanted = i32::try_from(count).unwrap();
        eventually(&format!("{count} ready pods"), SOON, || async {
            let set = sets.get("broker").await.unwrap();
            let status = set.status.unwrap_or_default();
            let is_new = status.observed_generation == set.metadata.generation;
            let seen = (is_new, status.replicas, status.ready_replicas.unwrap_or_default());
            if seen == (true, wanted, wanted) {
                Ok(())
            } else {
                Err(format!("{seen:?}"))
            }
        })
        .await;
    }

    pub(crate) async fn gone(&self, pod: &str) {
        let pods = self.pods();
        eventually(&format!("{pod} gone"), SOON, || async {
            pods.get_opt(pod).await.unwrap().is_none()
        })
        .await;
    }

    pub(crate) async fn container(&self, pod: &str) -> ContainerStatus {
        let pod = self.pods().get(pod).await.unwrap();
        pod.status.unwrap().container_statuses.unwrap().remove(0)
    }

    pub(crate) fn broker(&self, pod: &str) -> Broker {
        self.broker_now(pod).unwrap()
    }

    /// None while its process does not run.
    fn broker_now(&self, pod: &str) -> Option<Broker> {
        let address = self.kubelet.address(&self.namespace, pod)?;
        Some(Broker::at(address.into()))
    }

    pub(crate) async fn wait_members(&self, pod: &str, count: usize) {
        eventually(&format!("{pod} has {count} members"), SOON, || async {
            let broker = self.broker_now(pod).ok_or("its process does not run")?;
            let members = broker.members().await?;
            if members.len() == count && members.values().all(|runs| *runs) {
                Ok(())
            } else {
                Err(format!("{members:?}"))
            }
        })
        .await;
    }
}
