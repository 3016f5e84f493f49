//! What the API server tells of a target and its pods: everything live, for a cache may lag behind what an operation has
//! done (M3, M4). Reads only.

use std::net::IpAddr;

use autoscaler_core::Replicas;
use autoscaler_core::membership::{Fact, Gate as GateFact, GateTime, TargetState};
use autoscaler_members::{Cluster, Container, Credential, Pod};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{self, Namespace, Node, PersistentVolumeClaim};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::core::{Selector, SelectorExt};
use kube::{Api, Client, ResourceExt};

use super::right::MissingBinding;
use crate::gate::{CallError, Gate};

/// The taint by which a person says that a node is down for good (KEP-2268).
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum SceneError {
    /// A right is missing.
    #[error("{0}")]
    Forbidden(MissingBinding),
    /// A call did not succeed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A target as it is now.
#[derive(Debug)]
pub(super) struct Scene {
    /// For the machine.
    pub target: TargetState,
    /// The version that this is of.
    pub resource_version: String,
    /// For whoever asks the members.
    pub cluster: Cluster,
    /// Labels of its pods.
    labels: Vec<std::collections::BTreeMap<String, String>>,
    /// Names of its claim templates.
    templates: Vec<String>,
}

/// Who reads.
pub(super) struct Reader<'a> {
    pub(super) client: &'a Client,
    pub(super) gate: &'a Gate,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    /// The operator is installed for one namespace.
    pub(super) is_namespaced: bool,
}

impl Reader<'_> {
    /// Everything but what only some operations need. None if there is no such target.
    pub(super) async fn scene(
        &self,
        domain: &str,
        credential: Option<Credential>,
    ) -> Result<Option<Scene>, SceneError> {
        let Self {
            client,
            gate,
            namespace,
            name,
            ..
        } = *self;
        let api: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
        let found = gate.read("read the target", api.get_opt(name)).await;
        let Some(target) = found.map_err(|error| self.refused(error, "get", "get statefulsets"))? else {
            return Ok(None);
        };
        let spec = target.spec.clone().unwrap_or_default();
        let selector = Selector::try_from(spec.selector.clone()).unwrap_or_default();
        let pods: Api<v1::Pod> = Api::namespaced(client.clone(), namespace);
        let own = ListParams::default().labels_from(&selector);
        let all = gate.read("list the pods of the target", pods.list(&own)).await;
        let all = all.map_err(|error| self.refused(error, "list", "list pods"))?;
        let uid = target.uid().unwrap_or_default();
        let own: Vec<v1::Pod> = all.items.into_iter().filter(|pod| is_owned(pod, &uid)).collect();
        let mut known: Vec<Pod> = own.iter().filter_map(|pod| member_pod(pod, name)).collect();
        known.sort_by_key(|pod| pod.ordinal);
        Ok(Some(Scene {
            target: state(&target),
            resource_version: target.resource_version().unwrap_or_default(),
            cluster: Cluster {
                namespace: namespace.to_owned(),
                target: name.to_owned(),
                service: spec.service_name.clone().unwrap_or_default(),
                domain: domain.to_owned(),
                pods: known,
                credential,
            },
            labels: own.iter().map(|pod| pod.labels().clone()).collect(),
            templates: spec
                .volume_claim_templates
                .unwrap_or_default()
                .iter()
                .map(ResourceExt::name_any)
                .collect(),
        }))
    }

    /// UID of the pod at an ordinal: of one that no list tells it is asked by name (M4).
    pub(super) async fn pod(&self, scene: &Scene, ordinal: u32) -> Result<Option<String>, SceneError> {
        if let Some(pod) = scene.cluster.pods.iter().find(|pod| pod.ordinal == ordinal) {
            return Ok(Some(pod.uid.clone()));
        }
        let pod = self.live_pod(&format!("{}-{ordinal}", self.name)).await?;
        Ok(pod.and_then(|pod| pod.metadata.uid))
    }

    /// A pod as it is now.
    pub(super) async fn live_pod(&self, name: &str) -> Result<Option<v1::Pod>, SceneError> {
        let api: Api<v1::Pod> = Api::namespaced(self.client.clone(), self.namespace);
        let found = self.gate.read("read the pod", api.get_opt(name)).await;
        found.map_err(|error| self.refused(error, "get", "get pods"))
    }

    /// Whether a claim is there for an ordinal (M16).
    pub(super) async fn claim(&self, scene: &Scene, ordinal: u32) -> Result<Fact, SceneError> {
        let api: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), self.namespace);
        for template in &scene.templates {
            let name = format!("{template}-{}-{ordinal}", self.name);
            let found = self.gate.read("read the claim", api.get_opt(&name)).await;
            let found = found.map_err(|error| self.refused(error, "get", "get persistentvolumeclaims"))?;
            if found.is_some() {
                return Ok(Fact::Yes);
            }
        }
        Ok(Fact::No)
    }

    /// The disruption budgets of the pods, as gates before the first act: a soft leave itself uses a disruption up.
    pub(super) async fn budgets(&self, scene: &Scene) -> Result<Vec<GateFact>, SceneError> {
        let api: Api<PodDisruptionBudget> = Api::namespaced(self.client.clone(), self.namespace);
        let all = self
            .gate
            .read("list disruption budgets", api.list(&ListParams::default()))
            .await;
        let all = all.map_err(|error| self.refused(error, "list", "list poddisruptionbudgets"))?;
        let covers = |budget: &PodDisruptionBudget| {
            let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone());
            let selector = selector.and_then(|selector| Selector::try_from(selector).ok());
            selector.is_some_and(|selector| scene.labels.iter().any(|labels| selector.matches(labels)))
        };
        Ok(all.items.iter().filter(|budget| covers(budget)).map(room).collect())
    }

    /// Whether nothing of a pod that the API server does not know any more can still run: every node answers, so its
    /// kubelet has ended what is not there any more, or a person has said that the node is down for good (M4).
    pub(super) async fn is_nothing_cut_off(&self) -> Result<bool, SceneError> {
        let api: Api<Node> = Api::all(self.client.clone());
        let nodes = self.gate.read("list nodes", api.list(&ListParams::default())).await;
        let nodes = nodes.map_err(|error| match MissingBinding::to_nodes(&error) {
            Some(right) => SceneError::Forbidden(right),
            None => SceneError::Call(error),
        })?;
        Ok(nodes.items.iter().all(|node| is_ready(node) || is_out_of_service(node)))
    }

    /// Whether the namespace is being deleted (M13).
    pub(super) async fn is_namespace_going(&self) -> Result<bool, SceneError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let found = self.gate.read("read the namespace", api.get_opt(self.namespace)).await;
        let found = found.map_err(|error| self.refused(error, "get", "get namespaces"))?;
        Ok(found.is_none_or(|found| found.metadata.deletion_timestamp.is_some()))
    }

    fn refused(&self, error: CallError, verb: &str, what: &'static str) -> SceneError {
        match MissingBinding::of(&error, (verb, what), self.namespace, self.is_namespaced) {
            Some(right) => SceneError::Forbidden(right),
            None => SceneError::Call(error),
        }
    }
}

fn state(target: &StatefulSet) -> TargetState {
    let spec = target.spec.clone().unwrap_or_default();
    let status = target.status.clone().unwrap_or_default();
    let start = spec.ordinals.and_then(|ordinals| ordinals.start).unwrap_or(0);
    TargetState {
        uid: target.uid().unwrap_or_default(),
        replicas: Replicas::from(spec.replicas.unwrap_or(1)),
        first_ordinal: u32::try_from(start).unwrap_or(0),
        is_settled: status.observed_generation == target.metadata.generation
            && status.current_revision == status.update_revision,
        is_going: target.metadata.deletion_timestamp.is_some(),
    }
}

fn is_owned(pod: &v1::Pod, uid: &str) -> bool {
    pod.owner_references()
        .iter()
        .any(|owner| owner.controller == Some(true) && owner.uid == uid)
}

fn member_pod(pod: &v1::Pod, target: &str) -> Option<Pod> {
    let name = pod.metadata.name.clone()?;
    let ordinal = name.strip_prefix(target)?.strip_prefix('-')?.parse().ok()?;
    let (spec, status) = (pod.spec.as_ref()?, pod.status.clone().unwrap_or_default());
    let is_terminating = pod.metadata.deletion_timestamp.is_some();
    let ip: Option<IpAddr> = status.pod_ip.as_deref().and_then(|ip| ip.parse().ok());
    let conditions = status.conditions.unwrap_or_default();
    let is_ready = conditions
        .iter()
        .any(|found| found.type_ == "Ready" && found.status == "True");
    Some(Pod {
        name,
        ordinal,
        uid: pod.metadata.uid.clone()?,
        ip,
        host_network: spec.host_network.unwrap_or(false),
        is_ready: is_ready && !is_terminating,
        is_terminating,
        containers: status
            .container_statuses
            .unwrap_or_default()
            .iter()
            .map(container)
            .collect(),
    })
}

fn container(status: &v1::ContainerStatus) -> Container {
    let state = status.state.as_ref();
    Container {
        name: status.name.clone(),
        is_running: state.is_some_and(|state| state.running.is_some()),
    }
}

fn room(budget: &PodDisruptionBudget) -> GateFact {
    let status = budget.status.clone().unwrap_or_default();
    let is_current = status.observed_generation == budget.metadata.generation;
    let is_open = if is_current {
        Fact::from(status.disruptions_allowed.is_some_and(|allowed| allowed >= 1))
    } else {
        Fact::Unknown
    };
    GateFact {
        name: format!("PodDisruptionBudget {}", budget.name_any()),
        time: GateTime::Start,
        is_open,
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|found| found.type_ == "Ready" && found.status == "True")
}

fn is_out_of_service(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    taints.into_iter().flatten().any(|taint| taint.key == OUT_OF_SERVICE)
}
