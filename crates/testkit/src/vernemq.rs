//! A double of VerneMQ as an operator sees it: its HTTP API, its membership, and the sessions and messages that can be lost.
//!
//! VerneMQ itself cannot be had here, so this stands in for it: one process per pod (the program `vernemq-double`), each with a data
//! directory, and no shared memory or directory between them. They talk to each other, gossip, lose sight of one another and
//! contradict each other as the real nodes do. What it answers is written down row by row in `vernemq/contract.json`, each row
//! with its place in VerneMQ's source (2.2.0, commit 90ebd3e), and the same rows can be run against a real broker.
//!
//! What is not doubled: MQTT itself (clients are played over HTTP), TLS, plugins, retained messages, other scopes of keys.

mod broker;
mod clients;
mod command;
mod commands;
pub mod contract;
mod leave;
mod membership;
mod node;
mod nodes;
mod options;
mod peers;
mod reading;
mod server;
mod state;
mod status;
mod store;
mod versioned;

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::http_server::serve_on;
use node::Node;

pub use broker::{Answer, Broker, Inside, InsideQueue, TEST};
pub use clients::Refusal;
pub use nodes::{Nodes, NodesError};
pub use options::{AuthMode, Knobs, NodeOptions};
pub use reading::reading;

/// How a node's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By its own leave, or by `node stop`: exit code 0.
    ByItself,
    /// By SIGTERM: the image's script exits with 143, and never leaves the cluster (docker-vernemq, bin/vernemq.sh:383-417).
    Terminated,
}

/// Runs a node until it ends.
pub async fn run(options: NodeOptions) -> io::Result<End> {
    let node = Node::open(options)?;
    let inside = Arc::clone(&node);
    let _inside = serve_on(node.options.peer_address(), move |request| {
        Box::pin(server::inside(Arc::clone(&inside), request))
    })?;
    let api = Arc::clone(&node);
    let _api = serve_on(node.options.api_address(), move |request| {
        Box::pin(server::api(Arc::clone(&api), request))
    })?;
    membership::run(&node);
    add_key_later(&node);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        () = node.stop.notified() => Ok(End::ByItself),
        _ = terminate.recv() => Ok(End::Terminated),
    }
}

/// bin/vernemq.sh:371: a minute after the start, whether it has joined by then or not.
fn add_key_later(node: &Arc<Node>) {
    let node = Arc::clone(node);
    if let Some(key) = node.options.api_key.clone() {
        tokio::spawn(async move {
            node.sleep(60.0).await;
            commands::Known::KeyAdd {
                key: Some(key),
                scope: "mgmt".to_owned(),
            }
            .run(&node)
            .await;
        });
    }
}
