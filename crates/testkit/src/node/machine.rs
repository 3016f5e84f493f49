//! Answers: is this node up, and what runs on it? One containerd, one kubelet.
//!
//! Everything of a node is below its directory and its cgroup, for there are two on one machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::images::{Archive, PAUSE, import};
use super::network::{PLUGINS, Site};
use super::{NodeError, run};
use crate::component::{Component, Probe};
use crate::http::client;
use crate::isolation::{cgroup_directories, inherit_cpuset};
use crate::plane::ControlPlane;
use crate::process::{Process, ProcessError, ProcessSpec};

const KUBELET_PORT: u16 = 10_250;
const HEALTH_PORT: u16 = 10_248;

/// From the start of containerd to its first answer.
const READY: Duration = Duration::from_secs(90);

/// The address of the DNS' Service, as in its manifest.
const CLUSTER_DNS: &str = "10.96.0.10";

/// Of 64 KiB each: more than any container of the tests may have.
const FILL: u32 = 16_384;

/// A node of the cluster.
#[derive(Debug)]
pub struct Machine {
    /// As the API server knows it.
    pub name: &'static str,
    /// Its kubelet: restarted, it asks for everything anew, the tokens of its pods too.
    pub kubelet: Component,
    cgroup: String,
    _containerd: Process,
}

impl Machine {
    /// Starts containerd, gives it the images, and then starts the kubelet.
    pub(super) async fn start(
        site: Site,
        kubelet: &Path,
        plane: &ControlPlane,
        cgroup: &str,
        archives: &[Archive],
    ) -> Result<Self, NodeError> {
        let containerd = spawn_containerd(&site)?;
        wait_for_containerd(&containerd, &site).await?;
        let socket = socket(&site).display().to_string();
        for archive in archives {
            import(&socket, archive).await?;
        }
        let cgroup = format!("{cgroup}/{}", site.name);
        for directory in cgroup_directories(&cgroup)? {
            fs::create_dir(&directory)?;
            inherit_cpuset(&directory)?;
        }
        let kubelet = spawn_kubelet(&site, kubelet, plane, &cgroup)?;
        kubelet.wait_ready().await?;
        Ok(Self {
            name: site.name,
            kubelet,
            cgroup,
            _containerd: containerd,
        })
    }

    /// Uses up a container's memory from outside, so that the kernel kills what runs in it, and returns when it has.
    ///
    /// Pages of a file in memory count for whoever writes them and belong to no process that could be killed for them. The
    /// writer itself is small, and killed second.
    pub async fn exhaust_memory(&self, container_id: &str) -> Result<(), NodeError> {
        let processes = self.memory_cgroup(container_id)?.join("cgroup.procs");
        let file = Path::new("/run").join(container_id);
        let (processes, file_name) = (processes.display(), file.display());
        let write = format!("(echo 0 >{processes}; exec dd if=/dev/zero of={file_name} bs=64k count={FILL}) || true");
        let written = run("/bin/sh", &["-c", &write]).await;
        fs::remove_file(file)?;
        written.map(drop)
    }

    /// SIGKILL to all processes of a container.
    pub fn kill_container(&self, container_id: &str) -> Result<(), NodeError> {
        let processes = fs::read_to_string(self.memory_cgroup(container_id)?.join("cgroup.procs"))?;
        let pids = processes.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?));
        for pid in pids {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
        Ok(())
    }

    /// Whose last part is the container's id.
    fn memory_cgroup(&self, container_id: &str) -> io::Result<PathBuf> {
        let mut left: Vec<PathBuf> = cgroup_directories(&self.cgroup)?
            .into_iter()
            .filter(|directory| directory.join("memory.stat").exists())
            .collect();
        while let Some(directory) = left.pop() {
            if directory.file_name().is_some_and(|name| name == container_id) {
                return Ok(directory);
            }
            for entry in fs::read_dir(&directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    left.push(path);
                }
            }
        }
        Err(io::Error::other(format!(
            "no memory cgroup of container {container_id}"
        )))
    }
}

fn socket(site: &Site) -> PathBuf {
    site.directory.join("containerd.sock")
}

fn spawn_containerd(site: &Site) -> Result<Process, NodeError> {
    let below = |name: &str| site.directory.join(name).display().to_string();
    let (socket, plugins) = (socket(site).display().to_string(), site.plugin_configuration());
    // `restrict_oom_score_adj`: without CAP_SYS_RESOURCE a score cannot be lowered, and runc says no word about why it ends.
    let configuration = format!(
        r#"version = 2
root = "{root}"
state = "{state}"
[grpc]
address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "{opt}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{PLUGINS}"
conf_dir = "{plugins}"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{registries}"
"#,
        root = below("containerd"),
        state = below("containerd-state"),
        opt = below("opt"),
        plugins = plugins.display(),
        registries = site.registries.display(),
    );
    let file = site.directory.join("containerd.toml");
    fs::write(&file, configuration)?;
    let spec = ProcessSpec::new("containerd", "containerd", site.directory.join("containerd.log"))
        .args(["--config".to_owned(), file.display().to_string()]);
    Ok(Process::spawn(&spec)?)
}

async fn wait_for_containerd(containerd: &Process, site: &Site) -> Result<(), ProcessError> {
    let socket = socket(site).display().to_string();
    let answers = || async {
        let version = run("ctr", &["--address", &socket, "version"]).await;
        version.map(drop).map_err(|error| error.to_string())
    };
    containerd.wait_ready(READY, answers).await
}

fn spawn_kubelet(site: &Site, program: &Path, plane: &ControlPlane, cgroup: &str) -> Result<Component, NodeError> {
    let below = |name: &str| site.directory.join(name);
    // What pods with the DNS of their node get: nobody to ask.
    fs::write(below("resolv.conf"), "search .\n")?;
    fs::write(below("kubelet.json"), kubelet_configuration(site, cgroup).to_string())?;
    let spec = ProcessSpec::new("kubelet", program, below("kubelet.log")).args([
        format!("--config={}", below("kubelet.json").display()),
        format!("--kubeconfig={}", plane.kubelet_kubeconfig_path().display()),
        format!("--root-dir={}", below("kubelet").display()),
        format!("--cert-dir={}", below("kubelet-pki").display()),
        format!("--hostname-override={}", site.name),
        format!("--node-ip={}", site.address),
    ]);
    let probe = Probe {
        request: client(None).get(format!("http://{}:{HEALTH_PORT}/healthz", site.address)),
        contains: "ok".to_owned(),
    };
    Ok(Component::spawn(spec, probe)?)
}

/// A throwaway node in a network of its own: whoever reaches the kubelet may ask it anything.
fn kubelet_configuration(site: &Site, cgroup: &str) -> serde_json::Value {
    let below = |name: &str| site.directory.join(name);
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": site.address,
        "port": KUBELET_PORT,
        "healthzBindAddress": site.address,
        "healthzPort": HEALTH_PORT,
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": format!("unix://{}", socket(site).display()),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{cgroup}"),
        "failCgroupV1": false,
        "failSwapOn": false,
        // The machine is not a node's alone.
        "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1Mi", "imagefs.available": "1Mi"},
        "imageGCHighThresholdPercent": 100,
        "oomScoreAdj": 0,
        "clusterDNS": [CLUSTER_DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": below("resolv.conf"),
        "podLogsDir": below("pods"),
        "volumePluginDir": below("volume-plugins"),
        // How often a ConfigMap or a token that has changed reaches its pods; a minute by default.
        "syncFrequency": "5s",
    })
}
