//! Carries commands out, and tells it in clique's JSON (`vmq_cli_json_writer.erl:56-135`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::command::{Command, Malformed};
use super::leave::{Crash, Flags, leave};
use super::membership::{JoinError, join};
use super::node::Node;
use super::state::{ListenerRow, Metadata};

/// What a command came to.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Said(Value),
    /// Whoever carried it out has crashed.
    Crashed,
}

impl From<Crash> for Outcome {
    fn from(_: Crash) -> Self {
        Self::Crashed
    }
}

/// A command that exists and was called with what it knows, but not carried out yet: a caller without a key learns from a 400
/// that there is no such command, and only then that it needs a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Known {
    ClusterShow,
    ClusterLeave {
        node: Vec<String>,
        flags: Result<Flags, ()>,
    },
    ClusterJoin {
        discovery: Vec<String>,
    },
    NodeStatus,
    NodeHistory,
    NodeStop,
    ListenerShow,
    Listener {
        verb: Verb,
        at: Option<(String, u16)>,
        kind: &'static str,
        kill: bool,
    },
    SessionShow,
    SessionDisconnect {
        client: Option<String>,
    },
    KeyAdd {
        key: Option<String>,
        scope: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Start,
    Stop,
    Restart,
    Delete,
}

const LEAVE: [(&str, char); 3] = [("kill_sessions", 'k'), ("summary-interval", 'i'), ("timeout", 't')];
const NONE: char = '\0';

impl Known {
    pub(super) fn read(command: &Command) -> Result<Self, Malformed> {
        let plain = |known| command.only(&[], &[]).map(|()| known);
        let all = |key: &str| {
            let values = command.arguments.iter().filter(|(name, _)| name == key);
            values.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        match command.words().as_slice() {
            ["cluster", "show"] => plain(Self::ClusterShow),
            ["node", "status"] => plain(Self::NodeStatus),
            ["node", "history"] => plain(Self::NodeHistory),
            ["node", "stop"] => plain(Self::NodeStop),
            ["cluster", "leave"] => {
                command.only(&["node"], &LEAVE)?;
                let (node, flags) = (all("node"), leave_flags(command)?);
                Ok(Self::ClusterLeave { node, flags })
            }
            ["cluster", "join"] => {
                command.only(&["discovery-node"], &[])?;
                let discovery = all("discovery-node");
                Ok(Self::ClusterJoin { discovery })
            }
            ["listener", "show"] => command
                .only(&[], &[("tls", 't'), ("mqtt", 'm')])
                .map(|()| Self::ListenerShow),
            ["listener", verb] => listener(command, verb),
            ["session", "show"] => command.only(&[], &[("limit", NONE)]).map(|()| Self::SessionShow),
            ["session", "disconnect"] => {
                command.only(&["client-id"], &[("cleanup", 'c')])?;
                let client = all("client-id").pop();
                Ok(Self::SessionDisconnect { client })
            }
            ["api-key", "add"] => {
                command.only(&["key", "scope", "expires"], &[])?;
                let scope = all("scope").pop().unwrap_or_else(|| "mgmt".to_owned());
                let key = all("key").pop();
                Ok(Self::KeyAdd { key, scope })
            }
            words => Err(Malformed(format!("no such command: {}", words.join(" ")))),
        }
    }

    pub(super) async fn run(self, node: &Arc<Node>) -> Outcome {
        match self {
            Self::ClusterShow => Outcome::Said(cluster_show(node)),
            Self::ClusterLeave { node: names, flags } => run_leave(node, &names, flags).await,
            Self::ClusterJoin { discovery } => run_join(node, &discovery).await,
            Self::NodeStatus => {
                let status = super::status::node_status(&node.state());
                let rows = status.iter().map(|(key, value)| json!({"Status": key, "Value": value}));
                Outcome::Said(table(rows))
            }
            Self::NodeHistory => {
                let has_history = node.state().has_history;
                Outcome::Said(text(if has_history { "existing_state" } else { "empty_state" }))
            }
            Self::NodeStop => {
                node.begin_stop();
                Outcome::Said(text("Done"))
            }
            Self::ListenerShow => {
                let state = node.state();
                let online = state.online();
                Outcome::Said(table(state.listeners.iter().map(|row| row.row(online))))
            }
            Self::Listener { verb, at, kind, kill } => change_listener(node, verb, at, kind, kill),
            Self::SessionShow => Outcome::Said(session_show(node)),
            Self::SessionDisconnect { client } => match client {
                Some(client) => {
                    super::clients::disconnect(node, &client).await;
                    Outcome::Said(text("Done"))
                }
                None => Outcome::Said(alert("You have to provide a client-id")),
            },
            Self::KeyAdd { key, scope } => add_key(node, key, &scope).await,
        }
    }
}

/// An interval that is no number passes the check in a form that nothing can be divided by (`vmq_server_cli.erl:350`).
fn leave_flags(command: &Command) -> Result<Result<Flags, ()>, Malformed> {
    let defaults = Flags::default();
    let seconds = |value: &str| value.parse::<u64>().ok().filter(|seconds| *seconds > 0);
    let timeout_seconds = match command.value_of("timeout", 't') {
        None => defaults.timeout_seconds,
        Some(value) => seconds(value).ok_or_else(|| Malformed(format!("Invalid value: {value}")))?,
    };
    let interval = match command.value_of("summary-interval", 'i') {
        None => Some(defaults.interval_seconds),
        Some(value) => seconds(value),
    };
    let kill = command.has("kill_sessions", 'k');
    Ok(interval.ok_or(()).map(|interval_seconds| Flags {
        kill,
        interval_seconds,
        timeout_seconds,
    }))
}

fn listener(command: &Command, verb: &str) -> Result<Known, Malformed> {
    let (verb, flags): (Verb, &[(&str, char)]) = match verb {
        "start" => (
            Verb::Start,
            &[
                ("websocket", 'w'),
                ("ssl", NONE),
                ("http", NONE),
                ("mountpoint", 'm'),
                ("max_connections", NONE),
            ],
        ),
        "stop" => (Verb::Stop, &[("kill_sessions", 'k')]),
        "restart" => (Verb::Restart, &[]),
        "delete" => (Verb::Delete, &[]),
        _ => return Err(Malformed(format!("no such command: listener {verb}"))),
    };
    command.only(&["address", "port"], flags)?;
    let value = |key: &str| {
        command
            .arguments
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    };
    let port = value("port").map(|port| {
        port.parse::<u16>()
            .map_err(|_| Malformed(format!("Invalid argument: {port}")))
    });
    let at = value("address").cloned().zip(port.transpose()?);
    let (websocket, tls) = (command.has("websocket", 'w'), command.has("ssl", NONE));
    let kind = match (websocket, tls) {
        (false, false) => "mqtt",
        (false, true) => "mqtts",
        (true, false) => "mqttws",
        (true, true) => "mqttwss",
    };
    let kill = command.has("kill_sessions", 'k');
    Ok(Known::Listener { verb, at, kind, kill })
}

/// In no order, as of an unordered table.
fn cluster_show(node: &Node) -> Value {
    let state = node.state();
    let rows = state.readiness.members.iter().rev();
    table(rows.map(|(name, runs)| json!({"Node": name, "Running": runs})))
}

async fn run_leave(node: &Arc<Node>, names: &[String], flags: Result<Flags, ()>) -> Outcome {
    match (names, flags) {
        ([], _) => Outcome::Said(alert("You have to provide a node")),
        ([name], Ok(flags)) => match leave(node, name, flags).await {
            Ok(said) => Outcome::Said(text(&said)),
            Err(crash) => crash.into(),
        },
        (_, _) => Outcome::Crashed,
    }
}

/// A refusal is a term that the writer of JSON has no clause for (`vmq_server_cli.erl:544`, `clique_status.erl`).
async fn run_join(node: &Arc<Node>, discovery: &[String]) -> Outcome {
    match discovery {
        [] => Outcome::Said(alert(
            "You have to provide a discovery node (example discovery-node=vernemq1@127.0.0.1)",
        )),
        [discovery] => match join(node, discovery).await {
            Ok(()) => Outcome::Said(text("Done")),
            Err(JoinError::SelfJoin | JoinError::NonEmptyNode | JoinError::NotReachable) => Outcome::Crashed,
        },
        _ => Outcome::Crashed,
    }
}

fn change_listener(node: &Node, verb: Verb, at: Option<(String, u16)>, kind: &'static str, kill: bool) -> Outcome {
    let Some((address, port)) = at else {
        return Outcome::Said(alert("Usage: vmq-admin listener <sub-command>"));
    };
    let mut state = node.state();
    let found = state
        .listeners
        .iter()
        .position(|row| row.address == address && row.port == port);
    match (verb, found) {
        (Verb::Start, Some(_)) => return Outcome::Said(alert("can't start listener due to 'eaddrinuse'")),
        (Verb::Start, None) => state.listeners.push(ListenerRow {
            kind,
            address,
            port,
            is_running: true,
        }),
        (Verb::Delete, None) => {}
        // Nobody of that name is supervised, and whoever asks crashes.
        (Verb::Stop | Verb::Restart, None) => return Outcome::Crashed,
        (Verb::Stop, Some(at)) if !kill => state.listeners[at].is_running = false,
        (Verb::Restart, Some(at)) => state.listeners[at].is_running = true,
        (Verb::Stop | Verb::Delete, Some(at)) => {
            let gone = state.listeners.remove(at);
            if gone.kind == "mqtt" {
                for client in state.queues.keys().cloned().collect::<Vec<_>>() {
                    state.disconnect(&client);
                }
            }
        }
    }
    Outcome::Said(text("Done"))
}

/// At most a hundred rows, as by default.
fn session_show(node: &Node) -> Value {
    let state = node.state();
    let rows = state.queues.iter().take(100).map(|(client, queue)| {
        json!({"client_id": client, "is_online": queue.is_online, "mountpoint": "", "peer_host": null, "peer_port": null, "user": null})
    });
    table(rows)
}

async fn add_key(node: &Arc<Node>, key: Option<String>, scope: &str) -> Outcome {
    let Some(key) = key else {
        return Outcome::Said(alert("You have to provide a key"));
    };
    node.write_metadata(|metadata| {
        metadata.keys.put(&key, scope.to_owned());
        Metadata {
            keys: metadata.keys.word_on(&key),
            ..Metadata::default()
        }
    })
    .await;
    Outcome::Said(text("Done"))
}

pub(super) fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn alert(said: &str) -> Value {
    json!({"type": "alert", "alert": [text(said)]})
}

fn table(rows: impl Iterator<Item = Value>) -> Value {
    json!({"type": "table", "table": rows.collect::<Vec<_>>()})
}
