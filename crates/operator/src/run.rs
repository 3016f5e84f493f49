//! Wires the process together: log and endpoints first, then terms of leadership until it is told to end.

pub(crate) mod terms;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;

use autoscaler_members::{Members, MembersError};
use autoscaler_promql::{Prometheus, SourceError};
use kube::Client;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Admin};
use crate::args::Args;
use crate::checks::Checks;
use crate::client::{self, ClientError};
use crate::clock::Clock;
use crate::gate::{Fence, Gate};
use crate::leader::{self, Elector, Settings, Term, Timing, TimingError};
use crate::metrics::Metrics;
use crate::source;

/// kube reads such variables in some of its constructors: another API server, another user.
const DEBUG_OVERRIDES: &str = "KUBE_RS_DEBUG_";

/// Why the operator did not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A debugging aid of kube that an operator must not obey.
    #[error("failed to start: {} is set, which can redirect or impersonate; unset it", .0.display())]
    DebugOverride(OsString),
    /// The flags about the lease contradict each other.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// There is no way to the API server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The flags about Prometheus describe no source that can be used.
    #[error("failed to set the source of metrics up")]
    Source(#[from] SourceError),
    /// `--listen-address`.
    #[error("failed to serve /metrics, /healthz and /readyz on {address}")]
    Listen {
        /// The flag.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// No client for the members of clusters.
    #[error("failed to make a client for the members of clusters")]
    Members(#[from] MembersError),
    /// SIGTERM would kill us in the middle of a write.
    #[error("failed to listen for signals")]
    Signals(#[source] std::io::Error),
}

/// What lasts as long as the process, for whoever leads.
#[derive(Clone)]
pub(crate) struct Process {
    /// Flags.
    pub args: Arc<Args>,
    /// For everything but the lease.
    pub client: Client,
    /// See [`Clock`].
    pub clock: Clock,
    /// What every call to the API server passes.
    pub gate: Gate,
    /// See [`Metrics`].
    pub metrics: Metrics,
    /// The source of metrics; none if no URL is given.
    pub prometheus: Option<Arc<Prometheus>>,
    /// For the members of clusters.
    pub members: Arc<Members>,
    /// Behind `/healthz`.
    pub health: Checks,
    /// Behind `/readyz`.
    pub ready: Checks,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Process")
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

/// How a term's work came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// Every write has had its answer, so the next leader need not wait.
    pub flushed: bool,
}

/// Runs until SIGTERM or SIGINT. In each term `lead` does the work of the leader until its token is cancelled; when the
/// lease is lost, it is dropped.
pub(crate) async fn run<Lead, Leading>(args: Args, lead: Lead) -> Result<(), RunError>
where
    Lead: Fn(Process, Term, CancellationToken) -> Leading,
    Leading: Future<Output = Stopped>,
{
    refuse_debug_overrides(std::env::vars_os().map(|(name, _)| name))?;
    let timing = Timing::new(args.lease_duration, args.api_timeout)?;
    let shutdown = on_signals().map_err(RunError::Signals)?;
    let clock = Clock::start();
    let (metrics, registry) = Metrics::new(&clock);
    let (health, ready) = (Checks::default(), Checks::default());
    let config = client::config(args.kubeconfig.as_deref()).await?;
    let fence = Fence::closed(clock.clone());
    let process = Process {
        client: client::connect(&config, &clock, &metrics)?,
        gate: Gate::new(args.api_timeout, fence.clone()),
        clock,
        prometheus: source::connect(&args, &metrics)?,
        members: Arc::new(Members::new()?),
        metrics,
        health,
        ready,
        args: Arc::new(args),
    };
    let own = client::connect(&config, &process.clock, &process.metrics)?;
    let elector = elector(own, fence, timing, &process);
    let admin = Admin {
        registry,
        health: process.health.clone(),
        ready: process.ready.clone(),
    };
    let metrics = process.metrics.clone();
    let address = process.args.listen_address;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        prometheus_url = process.args.prometheus_url.as_deref().unwrap_or("none"),
        max_mode = ?process.args.max_mode,
        listen_address = %address,
        "started"
    );
    let served = serve(address, admin);
    let held = terms::hold(elector, &metrics, &shutdown, |term, stop| {
        lead(process.clone(), term, stop)
    });
    tokio::select! {
        () = held => Ok(()),
        Err(source) = served => Err(RunError::Listen { address, source }),
    }
}

fn elector(client: Client, fence: Fence, timing: Timing, process: &Process) -> Elector {
    let settings = Settings {
        namespace: process.args.lease_namespace.clone(),
        name: process.args.lease_name.clone(),
        identity: leader::identity(process.args.identity.as_deref()),
        timing,
    };
    Elector::new(
        client,
        process.clock.clone(),
        fence,
        settings,
        &process.health,
        &process.ready,
    )
}

/// In a task of its own, so that it answers whatever the leader is busy with.
async fn serve(address: SocketAddr, admin: Admin) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let served = tokio::spawn(admin::serve(listener, admin)).await;
    served.map_err(std::io::Error::other)
}

fn on_signals() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = CancellationToken::new();
    let told = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("told to end");
        told.cancel();
    });
    Ok(shutdown)
}

fn refuse_debug_overrides(mut names: impl Iterator<Item = OsString>) -> Result<(), RunError> {
    let is_override = |name: &OsString| name.as_encoded_bytes().starts_with(DEBUG_OVERRIDES.as_bytes());
    names
        .find(is_override)
        .map_or(Ok(()), |name| Err(RunError::DebugOverride(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_redirect_the_client_are_refused_by_name() {
        let names = |names: &[&str]| names.iter().map(OsString::from).collect::<Vec<_>>().into_iter();
        assert!(refuse_debug_overrides(names(&["PATH", "KUBECONFIG"])).is_ok());
        let error = refuse_debug_overrides(names(&["PATH", "KUBE_RS_DEBUG_OVERRIDE_URL"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to start: KUBE_RS_DEBUG_OVERRIDE_URL is set, which can redirect or impersonate; unset it"
        );
    }
}
