//! Answers: what does a real API server, with its real controllers, do?
//!
//! etcd, kube-apiserver and kube-controller-manager as child processes on loopback; on demand kube-scheduler and kwok, so that
//! pods become Ready on a node that does not exist. One plane is meant to be shared by all tests of a binary, each in a
//! namespace of its own.

mod access;
mod commands;
mod kubectl;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub use crate::component::Component;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, Config};
pub use kubectl::Output;

use crate::binaries::{BinaryError, Program, locate_all};
use crate::certificates::{CertificateError, Certificates};
use crate::ports::free_address;
use crate::process::ProcessError;
use crate::scratch::Scratch;
use access::{Access, User};
use commands::Commands;

/// How often other ports are tried when somebody takes one between our looking and the child's binding.
const ATTEMPTS: usize = 3;

const CLUSTER: &str = include_str!("plane/manifests/cluster.yaml");

/// Why there is no plane.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaneError {
    /// A program is missing.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// A program did not come up.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Keys could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A file of the plane could not be written, or kubectl not be run.
    #[error("failed to set up the plane")]
    File(#[from] io::Error),
    /// The API server refused something.
    #[error("failed to set up the cluster")]
    Api(#[from] kube::Error),
    /// The API server does not reach what serves an aggregated API.
    #[error("failed to make {name} available: {last}")]
    Unavailable {
        /// The `APIService`.
        name: String,
        /// What the API server said last.
        last: String,
    },
    /// `kubectl` said no.
    #[error("failed to run kubectl {arguments}: {stderr}")]
    Kubectl {
        /// What it was asked.
        arguments: String,
        /// What it said.
        stderr: String,
    },
}

impl PlaneError {
    fn is_port_taken(&self) -> bool {
        matches!(self, Self::Process(error) if error.is_port_taken())
    }
}

/// Who sees to the pods of a plane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Pods {
    /// Nobody: they stay Pending.
    #[default]
    Pending,
    /// kube-scheduler, and kwok on a node that does not exist.
    Fake,
    /// kube-scheduler, and the kubelets that the caller starts.
    Real,
}

/// What a plane is made of.
#[derive(Debug, Clone, Default)]
pub struct PlaneOptions {
    pods: Pods,
    api_server: Vec<String>,
    controller_manager: Vec<String>,
}

impl PlaneOptions {
    /// With kube-scheduler, kwok and a fake node: pods become Ready, claims are bound. Else pods stay Pending.
    #[must_use]
    pub fn with_ready_pods(mut self) -> Self {
        self.pods = Pods::Fake;
        self
    }

    /// With kube-scheduler, and an API server that pods reach at this address of the machine.
    #[must_use]
    pub(crate) fn with_real_nodes(mut self, address: &str) -> Self {
        self.pods = Pods::Real;
        self.api_server.extend([
            "--bind-address=0.0.0.0".to_owned(),
            format!("--advertise-address={address}"),
            // The default: the Service `kubernetes` leads to that address.
            "--endpoint-reconciler-type=lease".to_owned(),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
        ]);
        self
    }

    /// One more argument for kube-apiserver; it wins over ours.
    #[must_use]
    pub fn with_api_server_arg(mut self, argument: impl Into<String>) -> Self {
        self.api_server.push(argument.into());
        self
    }

    /// One more argument for kube-controller-manager, such as `--horizontal-pod-autoscaler-sync-period=1s`; it wins over ours.
    #[must_use]
    pub fn with_controller_manager_arg(mut self, argument: impl Into<String>) -> Self {
        self.controller_manager.push(argument.into());
        self
    }
}

/// A running control plane. Dropping it, or the end of the process, ends it and removes its directory, unless the environment
/// variable `TESTKIT_KEEP` is set: then the directory with the logs stays.
#[derive(Debug)]
pub struct ControlPlane {
    /// The store.
    pub etcd: Component,
    /// The API server.
    pub api_server: Component,
    /// The controllers.
    pub controller_manager: Component,
    /// With [`PlaneOptions::with_ready_pods`].
    pub scheduler: Option<Component>,
    /// With [`PlaneOptions::with_ready_pods`].
    pub kwok: Option<Component>,
    access: Access,
    kubectl: PathBuf,
    namespaces: AtomicU32,
    scratch: Scratch,
}

impl ControlPlane {
    /// Starts a plane and returns when its API server answers `/readyz` and its controllers `/healthz`.
    pub async fn start(options: PlaneOptions) -> Result<Self, PlaneError> {
        let mut attempt = 1;
        loop {
            match Self::try_start(&options).await {
                Err(error) if error.is_port_taken() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn try_start(options: &PlaneOptions) -> Result<Self, PlaneError> {
        use Program::{Etcd, KubeApiserver, KubeControllerManager, Kubectl};
        let programs = locate_all([Etcd, KubeApiserver, KubeControllerManager, Kubectl]).await?;
        let [etcd, api_server, controller_manager, kubectl] = programs;

        let scratch = Scratch::new("testkit-plane-")?;
        let directory = scratch.path();
        let certificates = Certificates::generate(&directory.join("pki"))?;
        let access = Access::create(directory, certificates, free_address())?;
        let commands = Commands {
            directory,
            access: &access,
        };

        let etcd_address = free_address();
        let (spec, probe) = commands.etcd(etcd, etcd_address, free_address());
        let etcd = Component::spawn(spec, probe)?;
        etcd.wait_ready().await?;
        let (spec, probe) = commands.api_server(api_server, etcd_address)?;
        let api_server = Component::spawn(spec.args(&options.api_server), probe)?;
        api_server.wait_ready().await?;
        let (spec, probe) = commands.controller_manager(controller_manager, free_address());
        let controller_manager = Component::spawn(spec.args(&options.controller_manager), probe)?;
        let scheduler = match options.pods {
            Pods::Pending => None,
            Pods::Fake | Pods::Real => Some(spawn_scheduler(&commands).await?),
        };
        let kwok = match options.pods {
            Pods::Fake => Some(spawn_kwok(&commands).await?),
            Pods::Pending | Pods::Real => None,
        };

        let namespaces = AtomicU32::new(0);
        let plane = Self {
            etcd,
            api_server,
            controller_manager,
            scheduler,
            kwok,
            access,
            kubectl,
            namespaces,
            scratch,
        };
        plane.settle().await?;
        Ok(plane)
    }

    /// Waits for the programs behind the API server, while the fake node is being made.
    async fn settle(&self) -> Result<(), PlaneError> {
        let ready = async |component: Option<&Component>| match component {
            Some(component) => component.wait_ready().await.map_err(PlaneError::from),
            None => Ok(()),
        };
        futures::try_join!(
            ready(Some(&self.controller_manager)),
            ready(self.scheduler.as_ref()),
            ready(self.kwok.as_ref()),
            self.create_fake_node(),
        )?;
        Ok(())
    }

    async fn create_fake_node(&self) -> Result<(), PlaneError> {
        if self.kwok.is_some() {
            self.apply(CLUSTER).await?;
        }
        Ok(())
    }

    /// A client with all rights. A new one each time: its connections live and die with the caller's runtime.
    pub fn client_as_admin(&self) -> Client {
        Access::client(self.config_for_token(self.access.token(User::Admin)))
    }

    /// A client for whoever has this token.
    pub fn client_for_token(&self, token: &str) -> Client {
        Access::client(self.config_for_token(token))
    }

    /// A client configuration for whoever has this token.
    pub fn config_for_token(&self, token: &str) -> Config {
        self.access.config(token, self.access.server())
    }

    /// The admin's token.
    pub fn admin_token(&self) -> &str {
        self.access.token(User::Admin)
    }

    /// Where the API server listens.
    pub fn api_server_address(&self) -> SocketAddr {
        self.access.server()
    }

    /// The admin's kubeconfig.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.access.kubeconfig_path(User::Admin)
    }

    /// The kubectl of this version.
    pub(crate) fn kubectl_path(&self) -> &Path {
        &self.kubectl
    }

    /// The kubeconfig of kubelets and kube-proxy.
    pub(crate) fn kubelet_kubeconfig_path(&self) -> PathBuf {
        self.access.kubeconfig_path(User::Kubelet)
    }

    /// Writes a kubeconfig for whoever has this token.
    pub fn write_kubeconfig(&self, path: &Path, token: &str) -> io::Result<()> {
        self.access.write_kubeconfig(path, token, self.access.server())
    }

    /// The same, by way of another address: a [`crate::tcp_proxy::TcpProxy`] in front of the API server.
    pub fn write_kubeconfig_via(&self, path: &Path, token: &str, server: SocketAddr) -> io::Result<()> {
        self.access.write_kubeconfig(path, token, server)
    }

    /// A token of a service account, from the API server itself. It accepts nothing below ten minutes.
    pub async fn service_account_token(
        &self,
        namespace: &str,
        name: &str,
        ttl: Duration,
    ) -> Result<String, kube::Error> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client_as_admin(), namespace);
        let expiration_seconds = i64::try_from(ttl.as_secs()).ok();
        let spec = TokenRequestSpec {
            audiences: None,
            expiration_seconds,
            bound_object_ref: None,
        };
        let request = TokenRequest {
            spec: Some(spec),
            ..TokenRequest::default()
        };
        let granted = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await?;
        Ok(granted
            .status
            .and_then(|status| status.token)
            .expect("a granted request has a token"))
    }

    /// Creates a namespace that nobody else has; its name begins with `prefix`.
    pub async fn namespace(&self, prefix: &str) -> Result<String, kube::Error> {
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{}-{number}", std::process::id());
        let metadata = ObjectMeta {
            name: Some(name.clone()),
            ..ObjectMeta::default()
        };
        let namespaces: Api<Namespace> = Api::all(self.client_as_admin());
        namespaces
            .create(
                &PostParams::default(),
                &Namespace {
                    metadata,
                    ..Namespace::default()
                },
            )
            .await?;
        Ok(name)
    }

    /// The keys of the plane, for servers that the API server talks to.
    pub fn certificates(&self) -> &Certificates {
        self.access.certificates()
    }

    /// From now on service account tokens are signed with another key; those of before stay good.
    pub async fn renew_token_key(&self) -> Result<(), PlaneError> {
        self.certificates().renew_signing_key()?;
        Ok(self.api_server.restart().await?)
    }

    /// Tokens that were signed before [`ControlPlane::renew_token_key`] are refused from now on.
    pub async fn distrust_old_tokens(&self) -> Result<(), PlaneError> {
        self.certificates().distrust_old_signing_keys()?;
        Ok(self.api_server.restart().await?)
    }

    /// Where the API server notes every request: see [`crate::audit`].
    pub fn audit_log_path(&self) -> PathBuf {
        commands::audit_log(self.scratch.path())
    }

    /// Logs, keys and data of the plane.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }
}

async fn spawn_scheduler(commands: &Commands<'_>) -> Result<Component, PlaneError> {
    let [scheduler] = locate_all([Program::KubeScheduler]).await?;
    let (spec, probe) = commands.scheduler(scheduler, free_address());
    Ok(Component::spawn(spec, probe)?)
}

/// What makes pods Ready on a node that does not exist.
async fn spawn_kwok(commands: &Commands<'_>) -> Result<Component, PlaneError> {
    let [kwok] = locate_all([Program::Kwok]).await?;
    let (spec, probe) = commands.kwok(kwok, free_address())?;
    Ok(Component::spawn(spec, probe)?)
}
