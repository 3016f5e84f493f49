//! Nodes as processes of their own, without Kubernetes: for the contract, and for whoever wants to see the double alone.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::Broker;
use crate::hosts::{Hosts, new_address};
use crate::process::{Process, ProcessError, ProcessSpec};
use crate::scratch::Scratch;
use crate::wait::within;

const READY: Duration = Duration::from_mins(1);
const GRACE: Duration = Duration::from_secs(10);

/// Why there are no nodes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodesError {
    /// A directory could not be made.
    #[error("failed to make a directory for nodes")]
    File(#[from] io::Error),
    /// A node did not come up.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// They do not agree on who belongs to them.
    #[error("failed to form a cluster: {0}")]
    NotFormed(String),
}

#[derive(Debug)]
struct Running {
    address: Ipv4Addr,
    process: Process,
}

/// Some nodes. Dropping this ends them and removes what they stored.
#[derive(Debug)]
pub struct Nodes {
    program: PathBuf,
    hosts: Hosts,
    running: BTreeMap<String, Running>,
    flags: Vec<String>,
    // Last: children end before their directory goes.
    scratch: Scratch,
}

impl Nodes {
    /// None yet. The program is `vernemq-double`.
    pub fn new(program: &Path) -> Result<Self, NodesError> {
        let scratch = Scratch::new("testkit-vernemq-")?;
        Ok(Self {
            program: program.to_owned(),
            hosts: Hosts::open(scratch.path().join("hosts"))?,
            running: BTreeMap::new(),
            // A twentieth of VerneMQ's times; and a reply is cut only where that is what is tested.
            flags: [
                "--time-scale=0.05",
                "--auth-mode=noauth",
                r#"--knobs={"reply_cut_seconds": 3600}"#,
            ]
            .map(str::to_owned)
            .into(),
            scratch,
        })
    }

    /// With further flags for every node; the last of one name counts.
    #[must_use]
    pub fn with_flags(mut self, flags: &[&str]) -> Self {
        let named = |flag: &str| flag.split('=').next().map(str::to_owned);
        self.flags
            .retain(|ours| flags.iter().all(|flag| named(flag) != named(ours)));
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// So many nodes, called a, b, c and so on, that all agree that they are one cluster.
    pub async fn form(&mut self, count: u8) -> Result<(), NodesError> {
        for letter in (b'a'..).take(usize::from(count)) {
            let name = char::from(letter).to_string();
            self.start(&name).await?;
            self.agree().await?;
        }
        Ok(())
    }

    /// Waits until every running node lists exactly the running ones, all of them running.
    pub async fn agree(&self) -> Result<(), NodesError> {
        let all: BTreeMap<String, bool> = self.running.keys().map(|name| (Self::node(name), true)).collect();
        for name in self.running.keys() {
            let broker = self.broker(name);
            let agreed = within(READY, || async {
                let listed = broker.inside().await?.members;
                if listed == all {
                    Ok(())
                } else {
                    Err(format!("{name} lists {listed:?}"))
                }
            });
            agreed.await.map_err(NodesError::NotFormed)?;
        }
        Ok(())
    }

    /// Starts a node, on its old data if it has any, and at its old address.
    pub async fn start(&mut self, name: &str) -> Result<(), NodesError> {
        let known = self.hosts.get(&Self::host(name));
        let address = match known {
            Some(std::net::IpAddr::V4(address)) => address,
            Some(std::net::IpAddr::V6(_)) | None => new_address(),
        };
        self.hosts.set(&Self::host(name), address.into())?;
        let spec = ProcessSpec::new(name, &self.program, self.scratch.path().join(format!("{name}.log")))
            .args(["node", "--discover"])
            .arg(format!("--name={}", Self::node(name)))
            .arg(format!("--address={address}"))
            .arg(format!("--data-directory={}", self.data(name).display()))
            .arg(format!("--hosts={}", self.hosts.directory().display()))
            .args(&self.flags);
        let process = Process::spawn(&spec)?;
        let broker = Broker::at(address.into());
        let up = process.wait_ready(READY, || async { broker.get("/health/ping").await.map(|_| ()) });
        up.await?;
        self.running.insert(name.to_owned(), Running { address, process });
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self, name: &str) {
        self.running.remove(name);
    }

    /// SIGTERM. Its exit code.
    pub async fn terminate(&mut self, name: &str) -> Option<i32> {
        let node = self.running.remove(name)?;
        node.process.terminate(GRACE).await?.code()
    }

    /// Waits until it has ended by itself. Its exit code.
    pub async fn exited(&mut self, name: &str) -> Option<i32> {
        let node = self.running.get(name)?;
        let status = node.process.wait_exit(READY).await?;
        self.running.remove(name);
        status.code()
    }

    /// Removes what a node that does not run has stored.
    pub fn wipe(&self, name: &str) -> io::Result<()> {
        fs::remove_dir_all(self.data(name))
    }

    /// Who is called so among the members.
    pub fn node(name: &str) -> String {
        format!("VerneMQ@{}", Self::host(name))
    }

    /// A way to talk to it, whether it runs or not.
    pub fn broker(&self, name: &str) -> Broker {
        let address = self.hosts.get(&Self::host(name));
        Broker::at(address.unwrap_or(Ipv4Addr::LOCALHOST.into()))
    }

    /// Those that run.
    pub fn names(&self) -> Vec<String> {
        self.running.keys().cloned().collect()
    }

    /// The address of one that runs.
    pub fn address(&self, name: &str) -> Option<Ipv4Addr> {
        self.running.get(name).map(|node| node.address)
    }

    /// Every message that some running node would still give to its client, in order.
    pub async fn messages(&self) -> Result<Vec<String>, String> {
        let mut all = Vec::new();
        for name in self.running.keys() {
            let inside = self.broker(name).inside().await?;
            all.extend(inside.queues.into_iter().flat_map(|queue| queue.messages));
        }
        all.sort();
        Ok(all)
    }

    /// Turns knobs of one node.
    pub async fn turn(&self, name: &str, knobs: Value) -> Result<(), String> {
        self.broker(name).turn(knobs).await.map(|_| ())
    }

    fn host(name: &str) -> String {
        format!("vernemq-{name}.vernemq.default.svc.cluster.local")
    }

    fn data(&self, name: &str) -> PathBuf {
        self.scratch.path().join("data").join(name)
    }
}
