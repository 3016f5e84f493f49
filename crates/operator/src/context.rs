//! What all evaluations of one term of leadership share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoscaler_promql::Prometheus;
use kube::Client;

use crate::args::MaxMode;
use crate::clock::Clock;
use crate::events::Events;
use crate::gate::Gate;
use crate::membership::{Broker, Profiles};
use crate::metrics::Metrics;
use crate::pods::Pods;
use crate::rivals::Rivals;
use crate::target::Targets;

/// What the operator was told by its flags.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Shortest interval between evaluations.
    pub min_interval: Duration,
    /// Longest time for one query.
    pub query_timeout: Duration,
    /// The most that any autoscaler may do.
    pub max_mode: MaxMode,
    /// Watch autoscalers of this namespace only.
    pub namespace: Option<String>,
    /// Where credentials for members are.
    pub credentials_dir: Option<PathBuf>,
    /// The DNS domain of the cluster.
    pub cluster_domain: String,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Context {
    /// For calls to the API server; every one of them but the watches passes the gate.
    pub client: Client,
    /// See [`Gate`].
    pub gate: Gate,
    /// See [`Clock`].
    pub clock: Clock,
    /// Flags.
    pub settings: Arc<Settings>,
    /// Prometheus; none if no URL is given.
    pub prometheus: Option<Arc<Prometheus>>,
    /// The workloads.
    pub targets: Arc<Targets>,
    /// Their pods.
    pub pods: Arc<Pods>,
    /// Who else scales them.
    pub rivals: Arc<Rivals>,
    /// Our own metrics.
    pub metrics: Arc<Metrics>,
    /// Kubernetes events.
    pub events: Arc<Events>,
    /// The members of clusters.
    pub members: Arc<dyn Broker>,
    /// How they are asked.
    pub profiles: Profiles,
    /// The number of this term (M15).
    pub epoch: u64,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Context")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod simulated;
