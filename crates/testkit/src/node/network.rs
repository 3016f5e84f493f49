//! Answers: how do pods reach each other, Services and the API server? In the network namespace of [`crate::isolation`].
//!
//! The nodes have addresses on a bridge of their own (a kubelet refuses loopback, and not every kernel has dummy devices). A
//! pod is joined to the machine point to point: every packet is then routed, so that the answer of a Service's pod to another
//! pod of its node goes back through kube-proxy's rules, which on a bridge would want `br_netfilter`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::registry::Registry;
use super::{NODES, NodeError, run};
use crate::certificates::NODE_ADDRESS;
use crate::component::{Component, Probe};
use crate::http::client;
use crate::process::{ProcessError, ProcessSpec};

const BRIDGE: &str = "knode";
const SECOND_ADDRESS: &str = "10.250.0.2";
const PODS: &str = "10.244.0.0/16";
const PROXY_HEALTH: &str = "127.0.0.1:10256";

/// Where Debian's containernetworking-plugins are.
pub(super) const PLUGINS: &str = "/usr/lib/cni";

/// One node's site in the network.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) name: &'static str,
    pub(super) address: &'static str,
    /// Everything of the node lies here.
    pub(super) directory: PathBuf,
    /// Where its containerd looks for registries.
    pub(super) registries: PathBuf,
    /// Of its pods.
    subnet: &'static str,
}

/// Makes the bridge, and a site for each node below `directory`.
pub(super) async fn set_up(directory: &Path) -> Result<[Site; 2], NodeError> {
    run("ip", &["link", "add", BRIDGE, "type", "bridge"]).await?;
    for address in [NODE_ADDRESS, SECOND_ADDRESS] {
        run("ip", &["address", "add", &format!("{address}/24"), "dev", BRIDGE]).await?;
    }
    run("ip", &["link", "set", BRIDGE, "up"]).await?;
    // Addresses of Services are rewritten only after the machine has found a way to them.
    run("ip", &["route", "add", "default", "dev", BRIDGE]).await?;
    let site = |name, address, subnet| Site {
        name,
        address,
        subnet,
        directory: directory.join(name),
        registries: Registry::hosts_directory(directory),
    };
    let sites = [
        site(NODES[0], NODE_ADDRESS, "10.244.0.0/24"),
        site(NODES[1], SECOND_ADDRESS, "10.244.1.0/24"),
    ];
    for site in &sites {
        fs::create_dir_all(&site.directory)?;
        site.configure_plugins()?;
    }
    Ok(sites)
}

impl Site {
    pub(super) fn plugin_configuration(&self) -> PathBuf {
        self.directory.join("cni")
    }

    fn configure_plugins(&self) -> io::Result<()> {
        let configuration = json!({
            "cniVersion": "0.4.0",
            "name": self.name,
            "plugins": [{
                "type": "ptp",
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": self.subnet}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": self.directory.join("addresses"),
                },
            }],
        });
        fs::create_dir_all(self.plugin_configuration())?;
        fs::write(
            self.plugin_configuration().join("pods.conflist"),
            configuration.to_string(),
        )
    }
}

/// kube-proxy, one for both nodes: they share their packet filter.
pub(super) fn proxy(program: PathBuf, kubeconfig: &Path, directory: &Path) -> Result<Component, NodeError> {
    let configuration = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": kubeconfig},
        "hostnameOverride": NODES[0],
        "clusterCIDR": PODS,
        "healthzBindAddress": PROXY_HEALTH,
        "metricsBindAddress": "127.0.0.1:10249",
        // The table of connections is the whole machine's, and its size not ours to set.
        "conntrack": {"maxPerCore": 0},
    });
    let file = directory.join("kube-proxy.json");
    fs::write(&file, configuration.to_string())?;
    let spec = ProcessSpec::new("kube-proxy", program, directory.join("kube-proxy.log"))
        .arg(format!("--config={}", file.display()));
    let probe = Probe {
        request: client(None).get(format!("http://{PROXY_HEALTH}/livez")),
        contains: "lastUpdated".to_owned(),
    };
    Component::spawn(spec, probe).map_err(|error: ProcessError| error.into())
}
