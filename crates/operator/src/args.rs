//! Command line flags, each also an environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Scales any workload from PromQL: one process, no adapter, no aggregated API.
#[derive(Debug, Clone, Parser)]
#[command(name = "metric-autoscaler", version, about)]
pub struct Args {
    /// Base URL of Prometheus, or of whatever has its API (Thanos, Mimir, `VictoriaMetrics`). Unset, every autoscaler says so
    /// and holds.
    #[arg(long, env = "PROMETHEUS_URL")]
    pub prometheus_url: Option<String>,

    /// File with a bearer token for the source; read again when it changes.
    #[arg(long, env = "PROMETHEUS_BEARER_TOKEN_FILE")]
    pub prometheus_bearer_token_file: Option<PathBuf>,

    /// File with the certificate authorities (PEM) that the source's certificate must come from.
    #[arg(long, env = "PROMETHEUS_CA_FILE")]
    pub prometheus_ca_file: Option<PathBuf>,

    /// File with our client certificate (PEM) for the source.
    #[arg(
        long,
        env = "PROMETHEUS_CLIENT_CERTIFICATE_FILE",
        requires = "prometheus_client_key_file"
    )]
    pub prometheus_client_certificate_file: Option<PathBuf>,

    /// File with the key of our client certificate (PEM).
    #[arg(
        long,
        env = "PROMETHEUS_CLIENT_KEY_FILE",
        requires = "prometheus_client_certificate_file"
    )]
    pub prometheus_client_key_file: Option<PathBuf>,

    /// Header to send with every query, such as `X-Scope-OrgID=tenant`. May be repeated; the variable has one per line.
    #[arg(long, env = "PROMETHEUS_HEADER", value_name = "NAME=VALUE", value_delimiter = '\n', value_parser = name_and_value)]
    pub prometheus_header: Vec<(String, String)>,

    /// Parameter to send with every query, such as `dedup=true`. May be repeated; the variable has one per line.
    #[arg(long, env = "PROMETHEUS_QUERY_PARAMETER", value_name = "NAME=VALUE", value_delimiter = '\n', value_parser = name_and_value)]
    pub prometheus_query_parameter: Vec<(String, String)>,

    /// Longest time for one query, in seconds. An evaluation never waits longer than four fifths of its interval.
    #[arg(long, env = "QUERY_TIMEOUT", default_value = "10", value_parser = seconds)]
    pub query_timeout: Duration,

    /// Largest answer of the source that is read, in bytes.
    #[arg(long, env = "MAX_ANSWER_BYTES", default_value_t = 4 << 20)]
    pub max_answer_bytes: usize,

    /// Shortest interval between evaluations, in seconds; shorter ones are clamped, and status says so.
    #[arg(long, env = "MIN_INTERVAL", default_value = "5", value_parser = seconds)]
    pub min_interval: Duration,

    /// The most that any autoscaler may do; `dryrun` makes a whole installation a trial.
    #[arg(long, env = "MAX_MODE", default_value = "active", ignore_case = true)]
    pub max_mode: MaxMode,

    /// Watch autoscalers of this namespace only.
    #[arg(long, env = "WATCH_NAMESPACE")]
    pub namespace: Option<String>,

    /// Directory with credentials for the members of clusters: a file `NAMESPACE.NAME` for the autoscalers of a namespace,
    /// with the name that the profile gives. Read anew before each use.
    #[arg(long, env = "CREDENTIALS_DIR")]
    pub credentials_dir: Option<PathBuf>,

    /// Use the built-in profiles and no `MembershipProfile` objects: they are in no namespace, and an operator that is installed
    /// for one has no right to them.
    #[arg(long, env = "BUILT_IN_PROFILES_ONLY")]
    pub built_in_profiles_only: bool,

    /// DNS domain of the cluster, as it stands in the names of members.
    #[arg(long, env = "CLUSTER_DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: String,

    /// Kubeconfig to use; without it the service account of the pod.
    #[arg(long, env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,

    /// Longest time for one request to the API server, in seconds.
    #[arg(long, env = "API_TIMEOUT", default_value = "5", value_parser = seconds)]
    pub api_timeout: Duration,

    /// Name of the Lease by which replicas of the operator choose a leader.
    #[arg(long, env = "LEASE_NAME", default_value = "metric-autoscaler")]
    pub lease_name: String,

    /// Namespace of that Lease: the operator's own.
    #[arg(long, env = "POD_NAMESPACE", default_value = "metric-autoscaler")]
    pub lease_namespace: String,

    /// How long a lease is valid without being renewed, in seconds. It is renewed after a third of it. The API timeout
    /// may be at most 13/30 of it, so that no write is under way when another replica may start.
    #[arg(long, env = "LEASE_DURATION", default_value = "30", value_parser = seconds)]
    pub lease_duration: Duration,

    /// Name of this replica in the Lease; by default the pod's name.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,

    /// Address that serves /metrics, /healthz and /readyz.
    #[arg(long, env = "LISTEN_ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen_address: SocketAddr,

    /// Form of the log.
    #[arg(long, env = "LOG_FORMAT", default_value = "text", ignore_case = true)]
    pub log_format: LogFormat,

    /// What is logged, in the notation of tracing: `info`, `metric_autoscaler=debug`.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

/// The most that any autoscaler may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MaxMode {
    /// Decide and scale.
    Active,
    /// Decide and report; write nothing to any target.
    #[value(name = "dryrun", alias = "dry-run")]
    DryRun,
    /// Neither.
    Paused,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "write a number of seconds, such as 5 or 0.5".to_owned())?;
    if !(0.1..=86_400.0).contains(&seconds) {
        return Err("must be between 0.1 and 86400 seconds".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn headers_are_repeatable_and_keep_their_equals_signs() {
        let args = Args::parse_from([
            "x",
            "--prometheus-header=A=b=c",
            "--prometheus-header",
            "X-Scope-OrgID=one",
        ]);
        let expected = [("A", "b=c"), ("X-Scope-OrgID", "one")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(args.prometheus_header, expected);
    }

    /// The delimiter of values is that of the variable too, which cannot be set in a test of one process.
    #[test]
    fn one_value_may_have_several_lines() {
        let args = Args::parse_from(["x", "--prometheus-query-parameter=dedup=true\npartial_response=false"]);
        let expected = [("dedup", "true"), ("partial_response", "false")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(args.prometheus_query_parameter, expected);
    }

    #[test]
    fn durations_are_seconds_with_fractions() {
        let args = Args::parse_from(["x", "--min-interval", "0.5"]);
        assert_eq!(args.min_interval, Duration::from_millis(500));
        assert!(Args::try_parse_from(["x", "--min-interval", "-1"]).is_err());
        assert!(Args::try_parse_from(["x", "--query-timeout", "NaN"]).is_err());
    }
}
