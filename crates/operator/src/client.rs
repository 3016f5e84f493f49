//! Answers: how do we talk to the API server? Makes clients; knows nothing of what is asked through them.
//!
//! The stack is built by hand from kube's own layers, because the default one has no keep-alive (a connection that a
//! firewall forgot would hang until a deadline), retries by itself for minutes (a queued write could land after the
//! lease was lost), and logs every failure at error level. Proxies from the environment are not used: the operator talks
//! to the API server of its own cluster.

mod observe;
mod request;

use std::path::Path;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

use self::observe::ObserveLayer;
use crate::clock::Clock;
use crate::metrics::Metrics;

/// How we name ourselves in the audit log.
const AGENT: &str = concat!("metric-autoscaler/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// The longest time to the head of an answer. Calls have shorter deadlines of their own; this one is for the lists and
/// watches that kube starts by itself and would await for ever.
const HEAD_OF_ANSWER: Duration = Duration::from_secs(30);

/// A silent connection is probed after 15 s, and given up after 3 probes 5 s apart: 30 s in all.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(15);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEP_ALIVE_PROBES: u32 = 3;

/// Bytes that the other side does not confirm for so long end the connection.
const UNCONFIRMED: Duration = Duration::from_secs(30);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file that a flag names.
    #[error("failed to read the kubeconfig")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    /// No flag, and not in a pod.
    #[error("failed to find the API server: give --kubeconfig, or run in a pod with a service account")]
    InCluster(#[source] InClusterError),
    /// Certificates or credentials that cannot be used.
    #[error("failed to make a client for the API server")]
    Build(#[source] Box<kube::Error>),
}

/// Where the API server is and who we are: from a file, or as a pod.
pub(crate) async fn config(kubeconfig: Option<&Path>) -> Result<Config, ClientError> {
    let mut config = match kubeconfig {
        Some(path) => from_file(path)
            .await
            .map_err(|error| ClientError::Kubeconfig(Box::new(error)))?,
        None => Config::incluster().map_err(ClientError::InCluster)?,
    };
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    Ok(config)
}

async fn from_file(path: &Path) -> Result<Config, KubeconfigError> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
}

/// A client with connections of its own.
pub(crate) fn connect(config: &Config, clock: &Clock, metrics: &Metrics) -> Result<Client, ClientError> {
    let build = |error| ClientError::Build(Box::new(error));
    let connector = config.rustls_https_connector_with_connector(tcp()).map_err(build)?;
    let client = hyper_util::client::legacy::Builder::new(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(ObserveLayer::new(clock.clone(), metrics.clone()))
        .map_err(BoxError::from)
        .timeout(HEAD_OF_ANSWER)
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(build)?)
        .layer(config.extra_headers_layer().map_err(build)?)
        .map_err(BoxError::from)
        .service(client);
    Ok(Client::new(service, config.default_namespace.clone()))
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_keepalive(Some(KEEP_ALIVE_AFTER));
    connector.set_keepalive_interval(Some(KEEP_ALIVE_EVERY));
    connector.set_keepalive_retries(Some(KEEP_ALIVE_PROBES));
    #[cfg(target_os = "linux")]
    connector.set_tcp_user_timeout(Some(UNCONFIRMED));
    connector
}
