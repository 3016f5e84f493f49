//! Answers: how do nodes talk to each other? JSON over HTTP on one port, where VerneMQ has Erlang's distribution and its own
//! channel for messages.
//!
//! Who is where is found by host name, in files: the headless Service of a pod that has no DNS.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::options::NodeOptions;
use super::state::Metadata;
use super::versioned::Members;
use crate::hosts::Hosts;

/// What one node says to another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Message {
    /// Are you there?
    Ping,
    /// Are you ready (`vmq_cluster:is_ready`)?
    IsReady,
    /// A new state of the membership.
    Members(Members),
    /// Tell me yours.
    SendMembers,
    /// A new word of the metadata.
    Metadata(Metadata),
    /// Tell me all of yours.
    SendMetadata,
    /// Suspend the MQTT listeners.
    Suspend,
    /// Leave: what is spawned on the leaving node.
    Leave {
        targets: Vec<String>,
        interval_seconds: f64,
        polls: u64,
    },
    /// Take these messages into the queue of a client.
    Enqueue { client: String, messages: Vec<String> },
    /// Give me the queue of a client, who has come to me.
    Drain { client: String },
    /// Make a queue in place of one that died with its node.
    ReplaceDeadQueue { client: String },
    /// What of `/status.json` is about you.
    Status,
}

/// The envelope: a node that is cut off from another does not hear it either.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Letter {
    pub(super) from: String,
    pub(super) message: Message,
}

/// A node does not answer.
#[derive(Debug, thiserror::Error)]
#[error("failed to reach {name}: {reason}")]
pub(super) struct Unreachable {
    name: String,
    reason: String,
}

impl Unreachable {
    pub(super) fn cut_off(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            reason: "cut off".to_owned(),
        }
    }
}

/// The other nodes.
#[derive(Debug)]
pub(super) struct Peers {
    name: String,
    hosts: Hosts,
    port: u16,
    patience: Duration,
    client: Client,
    watched: Mutex<BTreeSet<String>>,
}

impl Peers {
    /// Whether nobody did before.
    pub(super) fn watches(&self, name: &str) -> bool {
        self.watched().insert(name.to_owned())
    }

    pub(super) fn watches_no_more(&self, name: &str) {
        self.watched().remove(name);
    }

    fn watched(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn new(options: &NodeOptions) -> io::Result<Self> {
        Ok(Self {
            name: options.name.clone(),
            hosts: Hosts::open(&options.hosts)?,
            port: options.peer_port,
            // `erpc:multicall` waits 5 s for each; never less than a busy machine needs.
            patience: options.scaled(5.0).max(Duration::from_secs(10)),
            client: crate::http::client(None),
            watched: Mutex::default(),
        })
    }

    /// Where this node is, if its host has an address.
    pub(super) fn address(&self, name: &str) -> Option<SocketAddr> {
        let host = name.split_once('@').map_or(name, |(_, host)| host);
        // A name comes from a request, and must not lead out of the directory.
        let is_plain = !host.is_empty() && !host.contains('/') && !host.starts_with('.');
        let ip = is_plain.then(|| self.hosts.get(host)).flatten()?;
        Some((ip, self.port).into())
    }

    /// The hosts of the same Service, in order: what the image gets by listing pods.
    pub(super) fn neighbours(&self) -> Vec<String> {
        let own = self.name.split_once('@').map_or("", |(_, host)| host);
        self.hosts.neighbours(own)
    }

    pub(super) async fn ask(&self, name: &str, message: &Message) -> Result<Value, Unreachable> {
        let failed = |reason: String| Unreachable {
            name: name.to_owned(),
            reason,
        };
        let address = self
            .address(name)
            .ok_or_else(|| failed("its host has no address".to_owned()))?;
        let letter = Letter {
            from: self.name.clone(),
            message: message.clone(),
        };
        let request = self
            .client
            .post(format!("http://{address}/peer"))
            .json(&letter)
            .timeout(self.patience(message));
        let body = crate::http::answer(request).await.map_err(failed)?;
        serde_json::from_str(&body).map_err(|error| failed(error.to_string()))
    }

    /// A leave is waited for until it is done, as a monitored process is.
    fn patience(&self, message: &Message) -> Duration {
        match message {
            Message::Leave { .. } => Duration::from_hours(1),
            Message::Ping
            | Message::IsReady
            | Message::Members(_)
            | Message::SendMembers
            | Message::Metadata(_)
            | Message::SendMetadata
            | Message::Suspend
            | Message::Enqueue { .. }
            | Message::Drain { .. }
            | Message::ReplaceDeadQueue { .. }
            | Message::Status => self.patience,
        }
    }
}
