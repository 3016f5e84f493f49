//! Answers: what happens to pods whose containers are real processes? A small kubelet for one node of the local plane.
//!
//! It runs one process per pod on an address of its own in 127.0.0.0/8, tells the API server podIP and Ready, restarts what
//! ends under the same UID, obeys deletions with preStop, SIGTERM, grace and SIGKILL, and keeps a directory per claim. Pods come
//! to it by `nodeSelector: {kubernetes.io/hostname: <node>}` and a toleration of `testkit.metricautoscaler.dev/node`. A pod is
//! read as `recipe.rs` says; nothing is isolated, and there are no init containers, no liveness probes and no images.

pub mod sets;

mod life;
mod probe;
mod recipe;
mod status;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::background::kubelets;
use crate::hosts::{Hosts, new_address};
use crate::plane::ControlPlane;
use crate::process::{Process, ProcessError, Signal};
use crate::recorder::CallLog;
use crate::scratch::Scratch;
use life::Life;
use status::until;

/// A pod with this annotation, whatever its value, gets the address that the last pod of its name had: what a DNS name is to a
/// system that knows its members by name.
const STABLE_ADDRESS: &str = "testkit.metricautoscaler.dev/stable-address";

/// What keeps everybody else's pods away.
const TAINT: &str = "testkit.metricautoscaler.dev/node";

const AGAIN: Duration = Duration::from_millis(100);

/// Why there is no kubelet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeletError {
    /// Its directory could not be made.
    #[error("failed to make the kubelet's directory")]
    File(#[from] io::Error),
    /// Its node could not be made, or told of.
    #[error("failed to write a Node")]
    Api(#[from] kube::Error),
    /// No process of that pod runs.
    #[error("no process of pod {0} runs")]
    NotRunning(String),
    /// A process could not be reached.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// What a pod's life is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Run,
    /// Its object says that it is to go.
    Delete,
    /// Its object is gone, or its node is: no grace.
    Kill,
}

/// One pod on this node.
#[derive(Debug)]
struct Placed {
    namespace: String,
    name: String,
    address: Ipv4Addr,
    orders: watch::Sender<Order>,
    grace: Option<u64>,
    process: Option<Arc<Process>>,
}

/// What the kubelet and the lives of its pods share.
struct Shared {
    client: Client,
    node: String,
    hosts: Hosts,
    root: PathBuf,
    log: CallLog,
    /// Whether the API server can be reached.
    reach: watch::Sender<bool>,
    pods: Mutex<BTreeMap<String, Placed>>,
    addresses: Mutex<BTreeMap<String, Ipv4Addr>>,
}

/// A node with its kubelet. Dropping it kills the pods' processes; their objects stay.
pub struct Kubelet {
    shared: Arc<Shared>,
    syncing: JoinHandle<()>,
    scratch: Scratch,
}

impl Kubelet {
    /// Registers a node of this name and starts what is placed on it.
    pub async fn start(plane: &ControlPlane, node: &str) -> Result<Self, KubeletError> {
        let scratch = Scratch::new("testkit-kubelet-")?;
        let root = scratch.path().to_owned();
        let client = {
            let _background = kubelets().enter();
            plane.client_as_admin()
        };
        let shared = Arc::new(Shared {
            client,
            node: node.to_owned(),
            hosts: Hosts::open(root.join("hosts"))?,
            log: CallLog::create(&root.join("calls"))?,
            root,
            reach: watch::Sender::new(true),
            pods: Mutex::default(),
            addresses: Mutex::default(),
        });
        shared.register().await?;
        let syncing = kubelets().spawn(sync(Arc::clone(&shared)));
        Ok(Self {
            shared,
            syncing,
            scratch,
        })
    }

    /// The name of the node.
    pub fn node(&self) -> &str {
        &self.shared.node
    }

    /// All calls to recorded ports.
    pub fn log(&self) -> &CallLog {
        &self.shared.log
    }

    /// Logs, claims, and the file `calls`.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// What a claim holds.
    pub fn claim_directory(&self, uid: &str) -> PathBuf {
        self.shared.claim_directory(uid)
    }

    /// The address of a pod whose process runs.
    pub fn address(&self, namespace: &str, name: &str) -> Option<Ipv4Addr> {
        let pods = self.shared.pods();
        let mut of_name = pods
            .values()
            .filter(|pod| pod.namespace == namespace && pod.name == name);
        of_name.find(|pod| pod.process.is_some()).map(|pod| pod.address)
    }

    /// Ends the process of a pod by a signal, as a crash would: SIGKILL, or SIGSTOP for one that hangs.
    pub fn signal(&self, namespace: &str, name: &str, signal: Signal) -> Result<(), KubeletError> {
        let process = {
            let pods = self.shared.pods();
            let mut of_name = pods
                .values()
                .filter(|pod| pod.namespace == namespace && pod.name == name);
            of_name.find_map(|pod| pod.process.clone())
        };
        let process = process.ok_or_else(|| KubeletError::NotRunning(name.to_owned()))?;
        Ok(process.signal(signal)?)
    }

    /// The node is cut off from the API server: its pods run on, and nobody hears of them.
    pub async fn partition(&self) -> Result<(), KubeletError> {
        self.shared.reach.send_replace(false);
        self.shared.tell_node("Unknown").await
    }

    /// It is back: what was deleted meanwhile ends now.
    pub async fn heal(&self) -> Result<(), KubeletError> {
        self.shared.reach.send_replace(true);
        self.shared.tell_node("True").await
    }

    /// The machine is gone, and every process with it.
    pub async fn lose(&self) -> Result<(), KubeletError> {
        self.shared.reach.send_replace(false);
        self.shared.kill_all();
        self.shared.tell_node("Unknown").await
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.syncing.abort();
        self.shared.kill_all();
    }
}

impl std::fmt::Debug for Kubelet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Kubelet")
            .field("node", &self.shared.node)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Placed>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim_directory(&self, uid: &str) -> PathBuf {
        self.root.join("claims").join(uid)
    }

    fn address_of(&self, pod: &Pod) -> Ipv4Addr {
        let is_stable = pod.annotations().contains_key(STABLE_ADDRESS);
        let key = if is_stable {
            format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
        } else {
            pod.uid().unwrap_or_default()
        };
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        *addresses.entry(key).or_insert_with(new_address)
    }

    fn started(&self, uid: &str, process: &Arc<Process>) {
        if let Some(placed) = self.pods().get_mut(uid) {
            placed.process = Some(Arc::clone(process));
        }
    }

    fn ended(&self, uid: &str) {
        if let Some(placed) = self.pods().get_mut(uid) {
            placed.process = None;
        }
    }

    fn grace_of(&self, uid: &str) -> Option<u64> {
        self.pods().get(uid)?.grace
    }

    fn kill_all(&self) {
        for placed in self.pods().values() {
            placed.orders.send_replace(Order::Kill);
            if let Some(process) = &placed.process {
                process.kill();
            }
        }
    }

    async fn register(&self) -> Result<(), KubeletError> {
        let node = json!({
            "metadata": {"name": self.node, "labels": {"kubernetes.io/hostname": self.node, "kubernetes.io/os": "linux"}},
            "spec": {"taints": [{"key": TAINT, "effect": "NoSchedule"}]},
        });
        let node: Node = serde_json::from_value(node).expect("a constant node");
        let nodes: Api<Node> = Api::all(self.client.clone());
        nodes.create(&PostParams::default(), &node).await?;
        self.tell_node("True").await
    }

    /// As the kubelet itself while it can, and as the node lifecycle controller does when it no longer hears of it.
    async fn tell_node(&self, ready: &str) -> Result<(), KubeletError> {
        let room = json!({"cpu": "1k", "memory": "1Ti", "ephemeral-storage": "1Ti", "pods": "1k"});
        let status: Value = json!({"status": {
            "conditions": [{"type": "Ready", "status": ready, "reason": "Testkit"}],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": self.node}],
            "capacity": room, "allocatable": room,
        }});
        let nodes: Api<Node> = Api::all(self.client.clone());
        nodes
            .patch_status(&self.node, &PatchParams::default(), &Patch::Strategic(status))
            .await?;
        Ok(())
    }

    /// A pod as it is now.
    fn see(self: &Arc<Self>, pod: &Pod) {
        let uid = pod.uid().unwrap_or_default();
        let grace = pod
            .metadata
            .deletion_grace_period_seconds
            .and_then(|grace| u64::try_from(grace).ok());
        let order = if pod.metadata.deletion_timestamp.is_some() {
            Order::Delete
        } else {
            Order::Run
        };
        let mut pods = self.pods();
        if let Some(placed) = pods.get_mut(&uid) {
            placed.grace = grace;
            placed.orders.send_if_modified(|now| {
                let changes = *now == Order::Run && order == Order::Delete;
                if changes {
                    *now = order;
                }
                changes
            });
            return;
        }
        let ended = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if matches!(ended, Some("Succeeded" | "Failed")) && order == Order::Run {
            return;
        }
        let (orders, told) = watch::channel(order);
        pods.insert(
            uid.clone(),
            Placed {
                namespace: pod.namespace().unwrap_or_default(),
                name: pod.name_any(),
                address: self.address_of(pod),
                orders,
                grace,
                process: None,
            },
        );
        drop(pods);
        let (shared, life) = (Arc::clone(self), Life::new(Arc::clone(self), pod.clone(), told));
        tokio::spawn(async move {
            life.run().await;
            shared.pods().remove(&uid);
        });
    }

    /// These are all there are: whatever else runs has vanished.
    fn see_all(self: &Arc<Self>, pods: &[Pod]) {
        let known: Vec<String> = pods.iter().filter_map(ResourceExt::uid).collect();
        for (uid, placed) in self.pods().iter() {
            if !known.contains(uid) {
                placed.orders.send_replace(Order::Kill);
            }
        }
        for pod in pods {
            self.see(pod);
        }
    }

    fn vanished(&self, pod: &Pod) {
        if let Some(placed) = self.pods().get(&pod.uid().unwrap_or_default()) {
            placed.orders.send_replace(Order::Kill);
        }
    }
}

/// Lists and watches the pods of the node for as long as the API server can be reached.
async fn sync(shared: Arc<Shared>) {
    let pods: Api<Pod> = Api::all(shared.client.clone());
    let fields = format!("spec.nodeName={}", shared.node);
    loop {
        until(shared.reach.subscribe(), true).await;
        tokio::select! {
            () = until(shared.reach.subscribe(), false) => {}
            () = follow(&shared, &pods, &fields) => sleep(AGAIN).await,
        }
    }
}

/// Until the watch ends, for whatever reason.
async fn follow(shared: &Arc<Shared>, pods: &Api<Pod>, fields: &str) {
    let Ok(listed) = pods.list(&ListParams::default().fields(fields)).await else {
        return;
    };
    shared.see_all(&listed.items);
    let version = listed.metadata.resource_version.unwrap_or_default();
    let Ok(events) = pods.watch(&WatchParams::default().fields(fields), &version).await else {
        return;
    };
    let mut events = std::pin::pin!(events);
    while let Some(Ok(event)) = events.next().await {
        match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) => shared.see(&pod),
            WatchEvent::Deleted(pod) => shared.vanished(&pod),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(_) => return,
        }
    }
}
