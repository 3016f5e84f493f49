//! `cluster leave`, which is three things under one name (`vmq_server_cli.erl:324-457`): it suspends, it moves everything
//! away and stops, or it writes a member off with what it stored; which of them depends on the flag and on whether the node
//! that was asked can reach the one that is to go.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::oneshot;

use super::membership::{Removal, any, remove};
use super::node::Node;
use super::peers::Message;

/// Of a queue whose target does not answer.
const TRY_AGAIN: f64 = 1.0;
/// Between two rounds of `migrate` (`vmq_server_cli.erl:476`).
const ROUND: f64 = 0.1;
/// Between two questions to a member that is not ready (`vmq_server_cli.erl:495`).
const ASK_AGAIN: f64 = 1.0;

/// The flags, with their defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flags {
    pub(super) kill: bool,
    pub(super) interval_seconds: u64,
    pub(super) timeout_seconds: u64,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            kill: false,
            interval_seconds: 5,
            timeout_seconds: 60,
        }
    }
}

/// The process that carries the command out has crashed: of HTTP a 500, of the command line a stack trace.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("crashed: {0}")]
pub(super) struct Crash(pub(super) &'static str);

/// What it answers. Dropping this future gives up what runs in the process that was asked, and leaves alone what was spawned.
pub(super) async fn leave(node: &Arc<Node>, name: &str, flags: Flags) -> Result<String, Crash> {
    let mut targets = node.members();
    targets.retain(|target| target != name);
    if !node.pings(name).await {
        return forget(node, name, &targets).await;
    }
    if !flags.kill {
        suspend(node, name).await;
        return Ok("Done! Use -k to teardown and migrate existing sessions!".to_owned());
    }
    // The guard of :423 looks for a name that nobody registers, so a second call gets as far as the first.
    until_consistent(node, &targets).await?;
    let polls = (flags.timeout_seconds / flags.interval_seconds).max(1);
    let order = Message::Leave {
        targets,
        interval_seconds: precise(flags.interval_seconds),
        polls,
    };
    if name == node.name() {
        return Ok(spawn(node, order).await.unwrap_or_else(|_| unknown("killed")));
    }
    match node.ask(name, &order).await {
        Ok(Value::String(text)) => Ok(text),
        Ok(_) | Err(_) => Ok(unknown("noconnection")),
    }
}

/// The third row: the member does not answer.
async fn forget(node: &Arc<Node>, name: &str, targets: &[String]) -> Result<String, Crash> {
    match remove(node, name).await {
        // :384 does not look at what it got, so a name that nobody has is as good as any.
        Removal::Removed | Removal::NotPresent => {}
    }
    until_consistent(node, targets).await?;
    if targets.is_empty() {
        return Err(Crash("no_target_available"));
    }
    let dead: Vec<String> = {
        let state = node.state();
        let subscribers = state.metadata.subscribers.iter();
        subscribers
            .filter(|(_, holder)| *holder == name)
            .map(|(client, _)| client.clone())
            .collect()
    };
    // Round robin over the survivors: the queues are new and empty (`vmq_reg.erl:934`).
    for (client, target) in dead.into_iter().zip(targets.iter().cycle()) {
        let message = Message::ReplaceDeadQueue { client: client.clone() };
        if target == node.name() {
            node.change_queue(&client, |state| state.enqueue(&client, Vec::new()));
        } else if node.ask(target, &message).await.is_err() {
            continue;
        }
        node.remap(&client, Some(target)).await;
    }
    Ok("Done".to_owned())
}

async fn suspend(node: &Arc<Node>, name: &str) {
    if name == node.name() {
        suspend_here(node);
    } else {
        // What the call returns is not looked at (:439).
        let _ = node.ask(name, &Message::Suspend).await;
    }
}

pub(super) fn suspend_here(node: &Node) {
    let mut state = node.state();
    for row in state.listeners.iter_mut().filter(|row| row.is_mqtt()) {
        row.is_running = false;
    }
}

/// Every target must say that it is ready. One that says no is asked again, for ever: the clause that would give up is never
/// reached (:490-501). One that does not answer crashes whoever asks.
async fn until_consistent(node: &Arc<Node>, targets: &[String]) -> Result<(), Crash> {
    for target in targets {
        loop {
            let is_ready = if target == node.name() {
                Value::Bool(node.state().is_ready())
            } else {
                let asked = node.ask(target, &Message::IsReady).await;
                asked.map_err(|_| Crash("badrpc, nodedown"))?
            };
            if is_ready == true {
                break;
            }
            node.sleep(ASK_AGAIN).await;
        }
    }
    Ok(())
}

/// `LeaveFun` (:395-421), on the leaving node itself and linked to nobody.
pub(super) fn spawn(node: &Arc<Node>, order: Message) -> oneshot::Receiver<String> {
    let (sender, done) = oneshot::channel();
    let node = Arc::clone(node);
    tokio::spawn(async move {
        let Message::Leave {
            targets,
            interval_seconds,
            polls,
        } = order
        else {
            return;
        };
        node.state().cut_clients();
        keep_all_queues(&node);
        if !until_offline(&node, interval_seconds, polls).await {
            let _ = sender.send("error, still online queues, check the logs, and retry!".to_owned());
            return;
        }
        if targets.is_empty() {
            let _ = sender.send(unknown("no_target_available"));
            return;
        }
        migrate(&node, &targets).await;
        let own = node.name().to_owned();
        remove(&node, &own).await;
        let _ = sender.send("Done".to_owned());
        if !node.state().knobs.lingers {
            node.begin_stop();
        }
    });
    done
}

async fn until_offline(node: &Node, interval_seconds: f64, polls: u64) -> bool {
    for _ in 0..polls {
        if node.state().online() == 0 {
            return true;
        }
        node.sleep(interval_seconds).await;
    }
    false
}

/// The queues of this moment, each to a random one of the members of the moment of the call (`vmq_reg.erl:803-827`). What
/// comes in later, such as from another node that is leaving, is not seen.
async fn migrate(node: &Arc<Node>, targets: &[String]) {
    let candidates: Vec<String> = node.state().queues.keys().cloned().collect();
    for client in candidates {
        let rate = node.state().knobs.queues_per_second;
        if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
            tokio::time::sleep(std::time::Duration::from_secs_f64(1.0 / rate)).await;
        }
        let Some(target) = any(targets) else {
            return;
        };
        move_queue(node, &client, target).await;
    }
    node.sleep(ROUND).await;
}

/// The subscription first, then the messages (`vmq_reg.erl:894-909`). A target that does not answer is waited for.
async fn move_queue(node: &Arc<Node>, client: &str, target: &str) {
    node.remap(client, Some(target)).await;
    loop {
        // It may have gone to where its client went.
        let Some(queue) = node.state().queues.get(client).cloned() else {
            return;
        };
        let moved = queue.messages.len();
        let message = Message::Enqueue {
            client: client.to_owned(),
            messages: queue.messages,
        };
        if node.ask(target, &message).await.is_err() {
            node.sleep(TRY_AGAIN).await;
            continue;
        }
        let is_empty = node.change_queue(client, |state| {
            let Some(queue) = state.queues.get_mut(client) else {
                return true;
            };
            // What has come meanwhile is sent by the next round.
            queue.messages.drain(..moved.min(queue.messages.len()));
            let is_empty = queue.messages.is_empty();
            if is_empty {
                state.queues.remove(client);
            }
            is_empty
        });
        if is_empty {
            return;
        }
    }
}

fn keep_all_queues(node: &Node) {
    let clients: Vec<String> = node.state().metadata.subscribers.keys();
    for client in clients {
        node.change_queue(&client, |_| ());
    }
}

fn unknown(reason: &str) -> String {
    format!("Unknown error: {reason}")
}

fn precise(seconds: u64) -> f64 {
    u32::try_from(seconds).map_or(f64::from(u32::MAX), f64::from)
}
