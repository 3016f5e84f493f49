//! Answers: what does one node know and hold at this moment? Data only: nobody is asked and nothing is waited for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::options::{Knobs, NodeOptions};
use super::versioned::{Members, Versioned};

/// What a client left at its broker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Queue {
    /// A client is connected to it. Never true after a start.
    #[serde(skip)]
    pub(super) is_online: bool,
    /// It ends with its connection.
    pub(super) is_clean: bool,
    /// Ids of messages, oldest first.
    pub(super) messages: Vec<String>,
}

/// A row of `listener show`. One that was deleted has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenerRow {
    pub(super) kind: &'static str,
    pub(super) address: String,
    pub(super) port: u16,
    pub(super) is_running: bool,
}

impl ListenerRow {
    pub(super) fn is_mqtt(&self) -> bool {
        self.kind.starts_with("mqtt")
    }

    /// `vmq_listener_cli.erl:435`: the port is text, the limits are numbers.
    pub(super) fn row(&self, connections: usize) -> Value {
        let connections = if self.kind == "mqtt" { connections } else { 0 };
        json!({
            "type": self.kind, "status": self.status(), "address": self.address, "port": self.port.to_string(),
            "mountpoint": "", "max_conns": 10_000, "active_conns": connections, "all_conns": connections,
        })
    }

    pub(super) fn status(&self) -> &'static str {
        if self.is_running { "running" } else { "suspended" }
    }
}

/// What is replicated to every member, and merged when it is heard.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Metadata {
    /// Which node has the queue of a client.
    pub(super) subscribers: Versioned<String>,
    /// Who may use the API.
    pub(super) keys: Versioned<String>,
}

impl Metadata {
    pub(super) fn merge(&mut self, other: Self) {
        self.subscribers.merge(other.subscribers);
        self.keys.merge(other.keys);
    }
}

/// What the netsplit counters and `/health` are made of (`vmq_cluster.erl:221`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) members: BTreeMap<String, bool>,
    pub(super) is_ready: bool,
    pub(super) netsplits_detected: u64,
    pub(super) netsplits_resolved: u64,
}

/// Since the start.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters {
    pub(super) published: u64,
    pub(super) delivered: u64,
    pub(super) queued: u64,
    pub(super) dropped: u64,
    pub(super) refused: u64,
    pub(super) opened: u64,
    pub(super) closed: u64,
}

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) members: Members,
    pub(super) metadata: Metadata,
    /// Something was ever written here, or heard from a cluster: it may not join another one.
    pub(super) has_history: bool,
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) listeners: Vec<ListenerRow>,
    pub(super) readiness: Readiness,
    pub(super) counters: Counters,
    pub(super) knobs: Knobs,
    pub(super) is_stopping: bool,
}

impl State {
    pub(super) fn new(options: &NodeOptions) -> Self {
        let mut members = Versioned::default();
        members.put(&options.name, true);
        Self {
            members,
            metadata: Metadata::default(),
            has_history: false,
            queues: BTreeMap::new(),
            listeners: listeners(options),
            readiness: Readiness {
                members: BTreeMap::from([(options.name.clone(), true)]),
                is_ready: true,
                netsplits_detected: 0,
                netsplits_resolved: 0,
            },
            counters: Counters::default(),
            knobs: options.knobs.clone(),
            is_stopping: false,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.readiness.is_ready && !self.knobs.not_ready
    }

    pub(super) fn online(&self) -> usize {
        self.queues.values().filter(|queue| queue.is_online).count()
    }

    /// What one look at all members found: `vmq_cluster.erl:247-262`, word by word.
    pub(super) fn looked(&mut self, found: BTreeMap<String, bool>) {
        let was_ready = self.readiness.is_ready;
        let is_ready = found.values().all(|ready| *ready);
        self.readiness.netsplits_detected += u64::from(was_ready && !is_ready);
        self.readiness.netsplits_resolved += u64::from(!was_ready && is_ready);
        self.readiness.is_ready = is_ready;
        self.readiness.members = found;
    }

    /// Every MQTT listener is deleted, and with it go the sessions it carried, but for those that are stuck.
    pub(super) fn cut_clients(&mut self) {
        self.listeners.retain(|row| !row.is_mqtt());
        let stuck = self.knobs.stuck.clone();
        for client in self.queues.keys().cloned().collect::<Vec<_>>() {
            if !stuck.contains(&client) {
                self.disconnect(&client);
            }
        }
    }

    /// Whether it was connected.
    pub(super) fn disconnect(&mut self, client: &str) -> bool {
        let Some(queue) = self.queues.get_mut(client).filter(|queue| queue.is_online) else {
            return false;
        };
        queue.is_online = false;
        self.counters.closed += 1;
        if queue.is_clean {
            self.queues.remove(client);
            self.metadata.subscribers.remove(client);
        }
        true
    }

    /// Puts messages into a queue that is made if need be.
    pub(super) fn enqueue(&mut self, client: &str, messages: Vec<String>) {
        self.counters.queued += messages.len() as u64;
        let queue = self.queues.entry(client.to_owned()).or_default();
        let known: BTreeSet<String> = queue.messages.iter().cloned().collect();
        queue
            .messages
            .extend(messages.into_iter().filter(|message| !known.contains(message)));
    }
}

/// Those that the image configures (docker-vernemq, bin/vernemq.sh:316-331).
fn listeners(options: &NodeOptions) -> Vec<ListenerRow> {
    let row = |kind, port| ListenerRow {
        kind,
        address: options.address.to_string(),
        port,
        is_running: true,
    };
    vec![
        row("http", options.api_port),
        row("vmq", options.peer_port),
        row("mqttws", 8080),
        row("mqtt", 1883),
    ]
}
