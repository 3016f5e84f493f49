//! Answers: where is a usable `kube-apiserver`, `prometheus`, …, and if there is none, how does one get it?
//!
//! In this order: the directory `KUBEBUILDER_ASSETS`, our cache, the PATH, and at last a build from pinned Go modules
//! (`tools/*/go.mod` of this crate) into the cache. Never downloads a binary, and never touches `target/`.

mod build;
mod search;

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use search::Version;

/// A program of the local control plane, or of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Program {
    /// The store behind the API server.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// The controllers of Deployments, the HPA and so on.
    KubeControllerManager,
    /// Puts pods on the fake node.
    KubeScheduler,
    /// What a person types.
    Kubectl,
    /// Plays the kubelet: makes pods on the fake node Ready.
    Kwok,
    /// The monitoring server.
    Prometheus,
    /// Prometheus' tool: checks rules and writes blocks of past samples.
    Promtool,
    /// Runs pods on a real node.
    Kubelet,
    /// Makes the addresses of Services lead to pods.
    KubeProxy,
    /// The names of Services.
    Coredns,
    /// Where nodes pull from.
    Registry,
}

impl Program {
    /// Those of the local control plane, in the order in which a first build is quickest to give something usable.
    pub const PLANE: [Self; 8] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::Kubectl,
        Self::Kwok,
        Self::Prometheus,
        Self::Promtool,
    ];

    /// Those that a real node needs besides.
    pub const NODE: [Self; 4] = [Self::Kubelet, Self::KubeProxy, Self::Coredns, Self::Registry];

    /// The name of its binary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::Kubectl => "kubectl",
            Self::Kwok => "kwok",
            Self::Prometheus => "prometheus",
            Self::Promtool => "promtool",
            Self::Kubelet => "kubelet",
            Self::KubeProxy => "kube-proxy",
            Self::Coredns => "coredns",
            // By a name of ours: another `registry` on the PATH has other flags.
            Self::Registry => "testkit-registry",
        }
    }

    /// The oldest version that the suites are meant for. Found binaries below it are passed over.
    const fn minimum(self) -> Version {
        match self {
            // kube-apiserver 1.36 asks etcd for progress of its watches, which 3.4 does not know.
            Self::Etcd => Version { major: 3, minor: 5 },
            // CEL rules as in our schema, and what README promises.
            Self::KubeApiserver
            | Self::KubeControllerManager
            | Self::KubeScheduler
            | Self::Kubectl
            | Self::Kubelet
            | Self::KubeProxy => Version { major: 1, minor: 30 },
            // Stages with `steps`.
            Self::Kwok => Version { major: 0, minor: 7 },
            // PromQL of 3.x: left-open ranges, `infos` beside `warnings`.
            Self::Prometheus | Self::Promtool => Version { major: 3, minor: 0 },
            Self::Coredns => Version { major: 1, minor: 11 },
            Self::Registry => Version { major: 0, minor: 20 },
        }
    }
}

/// Why a program is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinaryError {
    /// It would have to be built, and there is no Go.
    #[error(
        "{program} {minimum} or newer is missing: install Go >= 1.26 and it is built once, or put it on the PATH, or set \
         KUBEBUILDER_ASSETS to a directory that has it"
    )]
    NoGo {
        /// What is missing.
        program: &'static str,
        /// What would do.
        minimum: String,
    },
    /// None of the variables that could name a cache directory is set.
    #[error("no place for built programs: set METRICAUTOSCALER_CACHE, XDG_CACHE_HOME or HOME")]
    NoCache,
    /// The cache could not be written.
    #[error("failed to write to the cache {}", path.display())]
    Cache {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The build failed.
    #[error("failed to build {program} from Go modules ({status}): {output}")]
    Build {
        /// What was built.
        program: &'static str,
        /// How the compiler ended.
        status: ExitStatus,
        /// The end of what it printed.
        output: String,
    },
}

/// Finds `program`, or builds it, which takes minutes the first time and is announced on standard error. Blocks.
pub fn locate(program: Program) -> Result<PathBuf, BinaryError> {
    if let Some(path) = search::in_assets(program) {
        return Ok(path);
    }
    let recipe = build::Recipe::of(program);
    let cached = recipe.cached(&cache_directory()?);
    if cached.is_file() {
        return Ok(cached);
    }
    if let Some(path) = search::on_path(program) {
        return Ok(path);
    }
    recipe.build(&cached)?;
    Ok(cached)
}

/// [`locate`] for several programs, away from the caller's runtime.
pub async fn locate_all<const N: usize>(programs: [Program; N]) -> Result<[PathBuf; N], BinaryError> {
    let located = tokio::task::spawn_blocking(move || {
        let mut paths = [const { PathBuf::new() }; N];
        for (path, program) in paths.iter_mut().zip(programs) {
            *path = locate(program)?;
        }
        Ok(paths)
    });
    located.await.expect("looking for binaries does not panic")
}

pub(crate) fn cache_directory() -> Result<PathBuf, BinaryError> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let ours = || variable("METRICAUTOSCALER_CACHE");
    let standard = || variable("XDG_CACHE_HOME").map(|path| path.join("metricautoscaler"));
    let home = || variable("HOME").map(|path| path.join(".cache/metricautoscaler"));
    ours().or_else(standard).or_else(home).ok_or(BinaryError::NoCache)
}
