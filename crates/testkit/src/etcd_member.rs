//! What the start script of an etcd pod does: join the others if there is nothing to start from, then become etcd.
//!
//! With data in its directory it starts from them, and if it was removed from the cluster meanwhile, etcd itself ends ("the
//! member has been permanently removed"). Without data the first host of the set, if there is no other host yet, founds the
//! cluster; every other one is added through a member that answers (`member/add`), again and again until one does. A member
//! that was added but has never started is taken over, so that a crash between the two is mended. One that *has* started
//! under this name, but whose data are gone, is nobody's to replace: that is said, and the process ends.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::hosts::Hosts;

const AGAIN: Duration = Duration::from_millis(500);
const PEERS: u16 = 2380;

/// How one member runs.
#[derive(Debug, Clone, Args)]
pub struct EtcdMemberOptions {
    /// The etcd server.
    #[arg(long)]
    pub program: PathBuf,
    /// The pod's host name; its first part is the member's name.
    #[arg(long)]
    pub host: String,
    /// The host that may found a cluster.
    #[arg(long)]
    pub first: String,
    /// The pod's address.
    #[arg(long, env = "POD_IP")]
    pub address: IpAddr,
    /// Who else there is.
    #[arg(long, env = "HOSTS")]
    pub hosts: PathBuf,
    /// Kept or wiped by whoever owns the claim, never by this program.
    #[arg(long)]
    pub data_directory: PathBuf,
    /// Where clients are told to go.
    #[arg(long, default_value_t = 2379)]
    pub client_port: u16,
    /// Where the server listens for them: another one if calls are recorded.
    #[arg(long, default_value_t = 2379)]
    pub listen_client_port: u16,
}

/// Why a member does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EtcdMemberError {
    /// A started member has this one's name.
    #[error("a member {0} is in the cluster, but its data are not here")]
    DataGone(String),
    /// The server could not be started, or the directory not be read.
    #[error("failed to become etcd")]
    Start(#[from] io::Error),
}

/// Joins if need be, and is etcd from then on: returns only if that fails.
pub async fn become_member(options: &EtcdMemberOptions) -> EtcdMemberError {
    match initial_cluster(options).await {
        Ok((state, cluster)) => Command::new(&options.program)
            .args(arguments(options, state, &cluster))
            .exec()
            .into(),
        Err(error) => error,
    }
}

async fn initial_cluster(
    options: &EtcdMemberOptions,
) -> Result<(&'static str, BTreeMap<String, String>), EtcdMemberError> {
    let alone = BTreeMap::from([(name(options), peer_url(options.address))]);
    let hosts = Hosts::open(&options.hosts)?;
    if has_data(&options.data_directory)? {
        // etcd reads who belongs to it from the data.
        return Ok(("existing", alone));
    }
    let client = crate::http::client(None);
    loop {
        let others = hosts.neighbours(&options.host);
        if others.is_empty() && options.host == options.first {
            return Ok(("new", alone));
        }
        for address in others.iter().filter_map(|host| hosts.get(host)) {
            if let Ok(members) = joined(options, &client, address).await? {
                return Ok(("existing", members));
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The members after this one was added, or why another host is to be asked.
async fn joined(
    options: &EtcdMemberOptions,
    client: &reqwest::Client,
    through: IpAddr,
) -> Result<Result<BTreeMap<String, String>, String>, EtcdMemberError> {
    let ask = async |what: &str, body: Value| -> Result<Value, String> {
        let url = format!("http://{through}:{}/v3/cluster/member/{what}", options.client_port);
        let body = crate::http::answer(client.post(url).json(&body)).await?;
        serde_json::from_str(&body).map_err(|error| error.to_string())
    };
    let listed = match ask("list", json!({})).await {
        Ok(listed) => members(&listed),
        Err(error) => return Ok(Err(error)),
    };
    let own_url = peer_url(options.address);
    if listed.iter().any(|(member, _)| *member == name(options)) {
        return Err(EtcdMemberError::DataGone(name(options)));
    }
    let is_added = listed.iter().any(|(member, url)| member.is_empty() && *url == own_url);
    let all = if is_added {
        Ok(listed)
    } else {
        ask("add", json!({"peerURLs": [own_url]}))
            .await
            .map(|added| members(&added))
    };
    Ok(all.map(|all| {
        let named = |(member, url): (String, String)| {
            if url == own_url {
                (name(options), url)
            } else {
                (member, url)
            }
        };
        all.into_iter()
            .map(named)
            .filter(|(member, _)| !member.is_empty())
            .collect()
    }))
}

/// Names and peer URLs. Whoever has never started has no name.
fn members(answer: &Value) -> Vec<(String, String)> {
    let rows = answer["members"].as_array().into_iter().flatten();
    let row = |row: &Value| {
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        Some((name, row["peerURLs"][0].as_str()?.to_owned()))
    };
    rows.filter_map(row).collect()
}

fn arguments(options: &EtcdMemberOptions, state: &str, cluster: &BTreeMap<String, String>) -> Vec<String> {
    let EtcdMemberOptions {
        address,
        data_directory,
        client_port,
        listen_client_port,
        ..
    } = options;
    let cluster: Vec<String> = cluster.iter().map(|(name, url)| format!("{name}={url}")).collect();
    vec![
        format!("--name={}", name(options)),
        format!("--data-dir={}", data_directory.display()),
        format!("--listen-peer-urls={}", peer_url(*address)),
        format!("--initial-advertise-peer-urls={}", peer_url(*address)),
        format!("--listen-client-urls=http://{address}:{listen_client_port}"),
        format!("--advertise-client-urls=http://{address}:{client_port}"),
        format!("--initial-cluster={}", cluster.join(",")),
        format!("--initial-cluster-state={state}"),
        // A machine that builds at the same time is slow; the disk's safety is not what is tested.
        "--heartbeat-interval=300".to_owned(),
        "--election-timeout=3000".to_owned(),
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn name(options: &EtcdMemberOptions) -> String {
    options.host.split('.').next().unwrap_or_default().to_owned()
}

fn peer_url(address: IpAddr) -> String {
    format!("http://{address}:{PEERS}")
}

fn has_data(directory: &Path) -> io::Result<bool> {
    std::fs::exists(directory.join("member"))
}
