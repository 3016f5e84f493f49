//! Plays the MQTT clients: who connects, publishes and reads, and what the broker does with it.
//!
//! A message counts as acknowledged when [`publish`] says so, as a PUBACK would.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::node::Node;
use super::peers::Message;

/// Why a broker did not take something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// No listener for it runs.
    #[error("connection refused")]
    NoListener,
    /// A member is down (CONNACK code 3, or no acknowledgement).
    #[error("server unavailable")]
    NotReady,
    /// The client is not connected to this node.
    #[error("not connected")]
    NotConnected,
}

/// Connects a client here. Its queue comes from wherever it was. Whether there was one is told.
pub(super) async fn connect(node: &Arc<Node>, client: &str, is_clean: bool) -> Result<bool, Refusal> {
    let holder = {
        let mut state = node.state();
        let listens = state.listeners.iter().any(|row| row.kind == "mqtt" && row.is_running);
        if !listens {
            return Err(Refusal::NoListener);
        }
        if !state.is_ready() && !state.knobs.allow_during_netsplit {
            state.counters.refused += 1;
            return Err(Refusal::NotReady);
        }
        state.metadata.subscribers.get(client).cloned()
    };
    let is_known = holder.is_some();
    if let Some(holder) = holder.filter(|holder| holder != node.name()) {
        // From a node that does not answer nothing comes: what it stored stays there.
        let message = Message::Drain {
            client: client.to_owned(),
        };
        let drained = node.ask(&holder, &message).await.ok();
        let messages = drained.and_then(|messages| serde_json::from_value(messages).ok());
        node.change_queue(client, |state| state.enqueue(client, messages.unwrap_or_default()));
    }
    node.change_queue(client, |state| {
        state.counters.opened += 1;
        let queue = state.queues.entry(client.to_owned()).or_default();
        (queue.is_online, queue.is_clean) = (true, is_clean);
        if is_clean {
            queue.messages.clear();
        }
    });
    node.remap(client, Some(node.name())).await;
    Ok(is_known && !is_clean)
}

/// Ends its connection.
pub(super) async fn disconnect(node: &Arc<Node>, client: &str) {
    let is_gone = node.change_queue(client, |state| {
        state.disconnect(client) && !state.queues.contains_key(client)
    });
    if is_gone {
        node.remap(client, None).await;
    }
}

/// Somebody connected here publishes for a subscriber, wherever that one is. An acknowledgement says that the broker took it,
/// not that there is anybody at the place where the subscription points.
pub(super) async fn publish(node: &Arc<Node>, client: &str, messages: Vec<String>) -> Result<(), Refusal> {
    let holder = {
        let mut state = node.state();
        if !state.is_ready() && !state.knobs.allow_during_netsplit {
            state.counters.refused += 1;
            return Err(Refusal::NotReady);
        }
        state.counters.published += messages.len() as u64;
        state.metadata.subscribers.get(client).cloned()
    };
    let count = messages.len() as u64;
    let arrived = match holder {
        Some(holder) if holder != node.name() => {
            let message = Message::Enqueue {
                client: client.to_owned(),
                messages,
            };
            node.ask(&holder, &message).await.is_ok()
        }
        Some(_) => {
            node.change_queue(client, |state| state.enqueue(client, messages));
            true
        }
        None => false,
    };
    if !arrived {
        node.state().counters.dropped += count;
    }
    Ok(())
}

/// The client reads and acknowledges all that waits for it.
pub(super) fn receive(node: &Node, client: &str) -> Result<Vec<String>, Refusal> {
    node.change_queue(client, |state| {
        let queue = state.queues.get_mut(client).filter(|queue| queue.is_online);
        let messages = std::mem::take(&mut queue.ok_or(Refusal::NotConnected)?.messages);
        state.counters.delivered += messages.len() as u64;
        Ok(messages)
    })
}
