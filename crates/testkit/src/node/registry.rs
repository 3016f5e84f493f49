//! Answers: where do nodes pull images from that somebody has pushed, when there is nothing outside? From a registry on this
//! machine that goes by the name which `docs/guide/install.md` has for the reader's own.
//!
//! Keeps everything in memory, and asks nobody who they are.

use std::fs;
use std::path::{Path, PathBuf};

use super::{NodeError, run};
use crate::component::{Component, Probe};
use crate::http::client;
use crate::process::ProcessSpec;

/// What it is called.
const NAME: &str = "registry.example.com";

/// Where it is: whoever pushes without TLS expects it there, and nobody else is in this network.
const ADDRESS: &str = "127.0.0.1:80";

/// Of this machine, as whoever runs alone sees it ([`crate::isolation`]).
const HOSTS: &str = "/etc/hosts";

/// A registry, and what tells others where it is.
#[derive(Debug)]
pub(super) struct Registry {
    _component: Component,
    directory: PathBuf,
}

impl Registry {
    pub(super) async fn start(program: PathBuf, directory: &Path) -> Result<Self, NodeError> {
        let directory = directory.join("registry");
        fs::create_dir_all(&directory)?;
        tell_containerd(&directory)?;
        tell_buildah(&directory).await?;
        let spec = ProcessSpec::new("registry", program, directory.join("registry.log")).arg("-port=80");
        let probe = Probe {
            request: client(None).get(format!("http://{ADDRESS}/v2/")),
            contains: String::new(),
        };
        let component = Component::spawn(spec, probe)?;
        component.wait_ready().await?;
        Ok(Self {
            _component: component,
            directory,
        })
    }

    /// For containerd, whose `config_path` it is.
    pub(super) fn hosts_directory(directory: &Path) -> PathBuf {
        directory.join("registry/hosts")
    }

    /// For buildah, podman and skopeo, which are told by `CONTAINERS_REGISTRIES_CONF`.
    pub(super) fn configuration(&self) -> PathBuf {
        self.directory.join("registries.conf")
    }
}

/// As in containerd's docs/hosts.md.
fn tell_containerd(directory: &Path) -> Result<(), NodeError> {
    let hosts = directory.join("hosts").join(NAME);
    fs::create_dir_all(&hosts)?;
    let server =
        format!("server = \"http://{ADDRESS}\"\n[host.\"http://{ADDRESS}\"]\ncapabilities = [\"pull\", \"resolve\"]\n");
    Ok(fs::write(hosts.join("hosts.toml"), server)?)
}

/// That it speaks plain HTTP (containers-registries.conf(5); another location than the name would be for pulling only), and its
/// address, which nobody could resolve.
async fn tell_buildah(directory: &Path) -> Result<(), NodeError> {
    let registries = format!("[[registry]]\nlocation = \"{NAME}\"\ninsecure = true\n");
    fs::write(directory.join("registries.conf"), registries)?;
    let hosts = directory.join("etc-hosts");
    let known = fs::read_to_string(HOSTS)?;
    fs::write(&hosts, format!("127.0.0.1 {NAME}\n{known}"))?;
    run("mount", &["--bind", &hosts.display().to_string(), HOSTS]).await?;
    Ok(())
}
