//! Answers: what is this node called, where does it listen, and how does it misbehave?

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How one node runs. The ports are VerneMQ's own.
#[derive(Debug, Clone, Args)]
pub struct NodeOptions {
    /// The name among the members: VerneMQ@<host name>.
    #[arg(long)]
    pub name: String,
    /// The pod's address.
    #[arg(long, env = "POD_IP")]
    pub address: IpAddr,
    /// Of the HTTP API.
    #[arg(long, default_value_t = 8888)]
    pub api_port: u16,
    /// Of everything between the members, which are several ports in VerneMQ, and of what plays the clients.
    #[arg(long, default_value_t = 44053)]
    pub peer_port: u16,
    /// Where state and messages are kept.
    #[arg(long)]
    pub data_directory: PathBuf,
    /// A directory with a file per host name that holds its address: stands in for the names of a headless Service.
    #[arg(long, env = "HOSTS")]
    pub hosts: PathBuf,
    /// Joins the first other host of the same Service, and tries for ever, as VerneMQ's image does.
    #[arg(long)]
    pub discover: bool,
    /// So much longer than VerneMQ's own is every time here.
    #[arg(long, default_value_t = 1.0)]
    pub time_scale: f64,
    /// Added to the cluster's keys a minute after the start, as the image does with `API_KEY`.
    #[arg(long)]
    pub api_key: Option<String>,
    /// Whether the API wants a key (`http_module.vmq_http_mgmt_api.auth.mode`).
    #[arg(long, value_enum, default_value_t = AuthMode::Apikey)]
    pub auth_mode: AuthMode,
    /// What every metric's name begins with: `vernemq_` since 2.0, nothing before.
    #[arg(long, default_value = "vernemq_")]
    pub prometheus_namespace: String,
    /// A node with a history may join, as before 2.0 (`vmq_swc.prevent_nonempty_join` off).
    #[arg(long)]
    pub allow_nonempty_join: bool,
    /// Misbehaviour from the start, as JSON.
    #[arg(long, default_value = "{}", value_parser = Knobs::parse)]
    pub knobs: Knobs,
}

/// VerneMQ's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthMode {
    /// One of the cluster's keys, with scope `mgmt`.
    Apikey,
    /// Nobody needs a key.
    Noauth,
}

impl NodeOptions {
    pub(super) fn api_address(&self) -> SocketAddr {
        (self.address, self.api_port).into()
    }

    pub(super) fn peer_address(&self) -> SocketAddr {
        (self.address, self.peer_port).into()
    }

    /// A time of VerneMQ's as long as it is here.
    pub(super) fn scaled(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds * self.time_scale).unwrap_or(Duration::MAX)
    }
}

/// Misbehaviours, set while it runs by the control endpoint. Times are VerneMQ's own, before scaling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a knob of its own")]
pub struct Knobs {
    /// How many queues a second a leave moves, unscaled; as fast as it goes if unset.
    pub queues_per_second: Option<f64>,
    /// It says of itself that it is not ready: whoever leaves waits for it for ever.
    pub not_ready: bool,
    /// Clients whose sessions survive the loss of their listener.
    pub stuck: BTreeSet<String>,
    /// So late it hears of changes of the membership.
    pub hears_after_seconds: f64,
    /// So long a reply may take before the connection is cut; the work goes on.
    pub reply_cut_seconds: f64,
    /// Replies of the API are lost after the work is done.
    pub loses_replies: bool,
    /// Nodes that it cannot reach, and that cannot reach it.
    pub unreachable: BTreeSet<String>,
    /// After a leave it does not stop.
    pub lingers: bool,
    /// How long it takes to stop.
    pub stop_seconds: f64,
    /// `/status.json` fails.
    pub status_fails: bool,
    /// Clients are served while a member is down (`allow_*_during_netsplit`).
    pub allow_during_netsplit: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            queues_per_second: None,
            not_ready: false,
            stuck: BTreeSet::new(),
            hears_after_seconds: 0.0,
            reply_cut_seconds: 60.0,
            loses_replies: false,
            unreachable: BTreeSet::new(),
            lingers: false,
            stop_seconds: 2.0,
            status_fails: false,
            allow_during_netsplit: false,
        }
    }
}

impl Knobs {
    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The same with what `change` says otherwise.
    pub(super) fn changed(&self, change: Value) -> Result<Self, serde_json::Error> {
        let mut all = serde_json::to_value(self)?;
        if let (Some(all), Value::Object(change)) = (all.as_object_mut(), change) {
            all.extend(change);
        }
        serde_json::from_value(all)
    }
}
