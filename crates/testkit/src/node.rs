//! Answers: what do real kubelets do with what the API server is told? Pods that start, run, are killed and stop.
//!
//! A control plane, and two nodes on this machine: each a containerd and a kubelet with a network and a cgroup of its own;
//! besides kube-proxy, DNS, and a registry, for nothing outside is reached: images are built here, or pushed to it. All of it is
//! set up in the namespaces of [`crate::isolation`] and in a directory of its own, and goes with them: nothing here tears
//! anything down.
//!
//! What it is not: the nodes share one kernel and one network stack, so nothing is lost between them; network policies are
//! accepted and not enforced, for no network plugin of such a machine does that.

mod images;
mod machine;
mod network;
mod registry;
mod state;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::binaries::{BinaryError, Program, locate_all};
use crate::certificates::NODE_ADDRESS;
use crate::component::Component;
use crate::isolation::{IsolationError, cgroup};
use crate::plane::{ControlPlane, PlaneError, PlaneOptions};
use crate::process::ProcessError;
use crate::scratch::Scratch;
use registry::Registry;

pub use images::{Image, ImageError};
pub use machine::Machine;

/// Where programs outside of the cluster listen, so that its pods reach them: the first node's address.
pub const PROGRAM_ADDRESS: &str = NODE_ADDRESS;

/// The names of the nodes.
pub const NODES: [&str; 2] = ["node-a", "node-b"];

const COREDNS: &str = include_str!("node/manifests/coredns.yaml");

const PROMETHEUS: &str = include_str!("node/manifests/prometheus.yaml");

/// From the start of a pod to its readiness: it has to be scheduled, unpacked and probed on a machine that may be busy.
const READY: Duration = Duration::from_mins(5);

/// Why there is no node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// It would have been set up on the bare machine.
    #[error(transparent)]
    Isolation(#[from] IsolationError),
    /// A program is missing.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The control plane did not come up.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// A program of the node did not come up.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// An image could not be built or imported.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A file or cgroup of the node could not be written.
    #[error("failed to set up a node")]
    File(#[from] io::Error),
    /// A program of the machine is missing, or failed.
    #[error("failed to run `{command}`: {said}")]
    Command {
        /// What was run.
        command: String,
        /// What it said.
        said: String,
    },
}

/// A running cluster of two real nodes.
#[derive(Debug)]
pub struct Cluster {
    /// Its control plane.
    pub plane: ControlPlane,
    /// Its nodes.
    pub machines: [Machine; 2],
    _proxy: Component,
    registry: Registry,
    scratch: Scratch,
}

impl Cluster {
    /// Starts a cluster whose nodes have these images, and returns when names of Services are answered.
    pub async fn start(images: &[Image]) -> Result<Self, NodeError> {
        let cgroup = cgroup()?;
        let scratch = Scratch::new("testkit-nodes-")?;
        let [first, second] = network::set_up(scratch.path()).await?;
        let plane = ControlPlane::start(PlaneOptions::default().with_real_nodes(NODE_ADDRESS)).await?;
        let programs = [
            Program::Prometheus,
            Program::Kubelet,
            Program::KubeProxy,
            Program::Coredns,
        ];
        let [prometheus, kubelet, proxy, coredns] = locate_all(programs).await?;
        let [registry] = locate_all([Program::Registry]).await?;

        let base = [
            Image::busybox(),
            Image::of_program("localhost/coredns", coredns),
            Image::of_program("localhost/prometheus", prometheus),
        ];
        let archives = images::archives(base.iter().chain(images), scratch.path()).await?;
        let registry = Registry::start(registry, scratch.path()).await?;
        fs::create_dir(scratch.path().join("bin"))?;
        symlink(plane.kubectl_path(), scratch.path().join("bin/kubectl"))?;
        let proxy = network::proxy(proxy, &plane.kubelet_kubeconfig_path(), scratch.path())?;
        let machines = futures::try_join!(
            Machine::start(first, &kubelet, &plane, &cgroup, &archives),
            Machine::start(second, &kubelet, &plane, &cgroup, &archives),
        )?;
        proxy.wait_ready().await?;
        let cluster = Self {
            plane,
            machines: machines.into(),
            _proxy: proxy,
            registry,
            scratch,
        };
        cluster.plane.apply(COREDNS).await?;
        cluster.wait_rollout("kube-system", "deployment/coredns").await?;
        Ok(cluster)
    }

    /// Starts a Prometheus in a pod, the Service `prometheus` in the namespace `monitoring`, with these scrape jobs.
    pub async fn start_prometheus(&self, jobs: &str) -> Result<(), NodeError> {
        let indented: Vec<String> = jobs.lines().map(|line| format!("    {line}")).collect();
        let manifest = PROMETHEUS.replace("    # JOBS", &indented.join("\n"));
        self.plane.apply(&manifest).await?;
        self.wait_rollout("monitoring", "deployment/prometheus").await
    }

    /// What a shell needs, so that `kubectl` means this cluster and `buildah push` reaches its registry.
    pub fn environment(&self) -> [(&'static str, OsString); 4] {
        let mut path = self.directory().join("bin").into_os_string();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        [
            ("KUBECONFIG", self.plane.kubeconfig_path().into()),
            ("KUBECACHEDIR", self.directory().join("kubectl-cache").into()),
            ("CONTAINERS_REGISTRIES_CONF", self.registry.configuration().into()),
            ("PATH", path),
        ]
    }

    /// `kubectl rollout status`.
    pub async fn wait_rollout(&self, namespace: &str, workload: &str) -> Result<(), NodeError> {
        let timeout = format!("--timeout={}s", READY.as_secs());
        let arguments = ["rollout", "status", workload, "--namespace", namespace, &timeout];
        let output = self.plane.kubectl(&arguments).await?;
        if output.success {
            return Ok(());
        }
        Err(NodeError::Command {
            command: format!("kubectl {}", arguments.join(" ")),
            said: output.stderr,
        })
    }

    /// Writes what there is to know of the cluster below `directory`: objects, events, logs of pods and of programs.
    pub async fn keep_state(&self, directory: &Path) -> io::Result<()> {
        state::keep_objects(self, directory).await?;
        keep_logs(directory)
    }

    /// Logs and files of the nodes.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }
}

/// Writes the logs of all programs and pods below `directory`, of a cluster that did not come up too.
pub fn keep_logs(directory: &Path) -> io::Result<()> {
    state::keep_logs(directory)
}

/// Runs a program of the machine to its end.
async fn run(program: &str, arguments: &[&str]) -> Result<String, NodeError> {
    let failed = |said| NodeError::Command {
        command: format!("{program} {}", arguments.join(" ")),
        said,
    };
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await;
    let output = output.map_err(|error| failed(format!("{error} (make node-packages)")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
