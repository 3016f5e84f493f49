//! Answers: who belongs to the cluster, and how do the others hear of a change?
//!
//! By multicast at once and by gossip with one random member every 15 s (`vmq_swc_peer_service_gossip.erl:27`, `:100`), as
//! the nodes of the real one do; so two survivors may well differ for a while.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::node::Node;
use super::peers::Message;
use super::state::Metadata;
use super::versioned::Members;

/// `vmq_swc_peer_service_gossip.erl:27`.
const GOSSIP: f64 = 15.0;
/// How often a node looks whether all members run, while they do and while they do not.
const RECHECK: f64 = 10.0;
const RECHECK_WHILE_NOT_READY: f64 = 2.0;
/// docker-vernemq, `bin/join_cluster.sh`: for ever.
const JOIN_AGAIN: f64 = 2.0;
/// `vmq_swc_plugin.erl:96-98`.
const MULTICAST: f64 = 1.0;

/// Why a node did not join (`vmq_swc_peer_service.erl:47-79`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JoinError {
    #[error("self_join")]
    SelfJoin,
    #[error("non_empty_node")]
    NonEmptyNode,
    #[error("not_reachable")]
    NotReachable,
}

/// Whoever removed a member, or was told that there is none of that name (`vmq_swc_plugin.erl:76`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removal {
    Removed,
    NotPresent,
}

/// Merges the other's state into everybody's. What comes of it is not waited for.
pub(super) async fn join(node: &Arc<Node>, discovery: &str) -> Result<(), JoinError> {
    if discovery == node.name() {
        return Err(JoinError::SelfJoin);
    }
    let (has_history, mut members) = {
        let state = node.state();
        (state.has_history, state.members.clone())
    };
    if has_history && !node.options.allow_nonempty_join {
        return Err(JoinError::NonEmptyNode);
    }
    let theirs: Members = told(node, discovery, &Message::SendMembers).await?;
    let metadata: Metadata = told(node, discovery, &Message::SendMetadata).await?;
    members.merge(theirs);
    // A name that was removed once is added anew by its owner.
    if !members.contains(node.name()) {
        members.put(node.name(), true);
    }
    let all = members.keys();
    node.tell(&all, &Message::Members(members.clone())).await;
    hear(node, members).await;
    node.hear_metadata(metadata);
    let ours = node.state().metadata.clone();
    node.tell(&all, &Message::Metadata(ours)).await;
    Ok(())
}

async fn told<T: serde::de::DeserializeOwned>(node: &Node, name: &str, message: &Message) -> Result<T, JoinError> {
    let answer = node.ask(name, message).await.map_err(|_| JoinError::NotReachable)?;
    serde_json::from_value(answer).map_err(|_| JoinError::NotReachable)
}

/// `vmq_swc_plugin.erl:72-91`: told to everybody, a second's sleep, and then the state file of *this* node is deleted,
/// whoever it was that left.
pub(super) async fn remove(node: &Arc<Node>, name: &str) -> Removal {
    let (everybody, members) = {
        let state = node.state();
        if !state.members.contains(name) {
            return Removal::NotPresent;
        }
        let everybody = state.members.keys();
        let mut members = state.members.clone();
        members.remove(name);
        (everybody, members)
    };
    node.tell(&everybody, &Message::Members(members.clone())).await;
    hear_now(node, members).await;
    node.sleep(MULTICAST).await;
    node.forget_members_on_disk();
    Removal::Removed
}

/// Merges what another node says of the membership, as late as this node hears of it.
pub(super) async fn hear(node: &Arc<Node>, members: Members) {
    let late = node.state().knobs.hears_after_seconds;
    if late > 0.0 {
        let node = Arc::clone(node);
        tokio::spawn(async move {
            node.sleep(late).await;
            hear_now(&node, members).await;
        });
    } else {
        hear_now(node, members).await;
    }
}

async fn hear_now(node: &Arc<Node>, members: Members) {
    let changed = node.change_members(|state| {
        let changed = state.members.merge(members);
        if changed {
            // `vmq_cluster.erl:199-217`: whoever is no member any more is not supervised any more.
            let listed = state.members.clone();
            state.readiness.members.retain(|name, _| listed.contains(name));
        }
        changed
    });
    if changed {
        watch_members(node);
        node.check_ready().await;
    }
}

/// The tasks that a node runs for as long as it lives.
pub(super) fn run(node: &Arc<Node>) {
    watch_members(node);
    tokio::spawn(gossip(Arc::clone(node)));
    tokio::spawn(recheck(Arc::clone(node)));
    if node.options.discover {
        tokio::spawn(join_for_ever(Arc::clone(node)));
    }
}

async fn gossip(node: Arc<Node>) {
    loop {
        node.sleep(GOSSIP).await;
        let (members, metadata) = {
            let state = node.state();
            (state.members.clone(), state.metadata.clone())
        };
        let others: Vec<_> = members.keys().into_iter().filter(|name| name != node.name()).collect();
        if let Some(one) = any(&others) {
            let one = [one.clone()];
            node.tell(&one, &Message::Members(members)).await;
            node.tell(&one, &Message::Metadata(metadata)).await;
        }
    }
}

async fn recheck(node: Arc<Node>) {
    loop {
        node.check_ready().await;
        let is_ready = node.state().readiness.is_ready;
        node.sleep(if is_ready { RECHECK } else { RECHECK_WHILE_NOT_READY })
            .await;
    }
}

/// bin/vernemq.sh:173-188: the first pod that is not this one, chosen once.
async fn join_for_ever(node: Arc<Node>) {
    let Some(host) = node.peers.neighbours().into_iter().next() else {
        return;
    };
    let discovery = format!("VerneMQ@{host}");
    loop {
        // What it says is in the real one's log only.
        let _ = join(&node, &discovery).await;
        node.sleep(JOIN_AGAIN).await;
    }
}

/// Erlang's `nodedown`: a connection to every member, whose end is looked into at once.
fn watch_members(node: &Arc<Node>) {
    for name in node.members() {
        if name != node.name() && node.peers.watches(&name) {
            tokio::spawn(watch(Arc::clone(node), name));
        }
    }
}

async fn watch(node: Arc<Node>, name: String) {
    while node.state().members.contains(&name) {
        if let Some(address) = node.peers.address(&name)
            && let Ok(mut stream) = TcpStream::connect(address).await
        {
            node.check_ready().await;
            // Nothing is ever said on it.
            let _ = stream.read(&mut [0]).await;
            node.check_ready().await;
        }
        node.sleep(RECHECK_WHILE_NOT_READY).await;
    }
    node.peers.watches_no_more(&name);
}

/// One of them, at random.
pub(super) fn any<T>(of: &[T]) -> Option<&T> {
    let length = u64::try_from(of.len()).ok().filter(|length| *length > 0)?;
    let drawn = RandomState::new().hash_one(0) % length;
    of.get(usize::try_from(drawn).ok()?)
}
