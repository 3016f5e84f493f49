//! Answers: how is this node, in numbers? `/health*`, `/status.json` and `/metrics`.

use std::fmt::Write;
use std::sync::Arc;

use futures::future::join_all;
use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::node::Node;
use super::peers::Message;
use super::state::State;

/// `vmq_health_http.erl:31-71`. `None` for a path that is not one of these.
pub(super) fn health(node: &Node, path: &str) -> Option<(StatusCode, Value)> {
    let state = node.state();
    let listeners = listeners_concern(&state);
    let concerns: Vec<String> = match path {
        "/health/ping" => Vec::new(),
        "/health/listeners" => return Some(listeners.map_or_else(fine, |reason| down("reason", json!(reason)))),
        "/health" => {
            let alone = !state.readiness.members.contains_key(node.name());
            let alone = alone.then(|| "Node has not joined cluster".to_owned());
            alone.into_iter().chain(listeners).collect()
        }
        "/health/listeners_full_cluster" => {
            let offline = state.readiness.members.values().any(|runs| !runs);
            let offline = offline.then(|| "At least one node is offline".to_owned());
            offline.into_iter().chain(listeners).collect()
        }
        _ => return None,
    };
    Some(if concerns.is_empty() {
        fine()
    } else {
        down("reasons", json!(concerns))
    })
}

fn fine() -> (StatusCode, Value) {
    (StatusCode::OK, json!({"status": "OK"}))
}

fn down(key: &str, reasons: Value) -> (StatusCode, Value) {
    let mut body = Map::from_iter([("status".to_owned(), json!("DOWN"))]);
    body.insert(key.to_owned(), reasons);
    (StatusCode::SERVICE_UNAVAILABLE, Value::Object(body))
}

/// A listener that was deleted is no concern of anybody's.
fn listeners_concern(state: &State) -> Option<String> {
    let stopped: Vec<&str> = state
        .listeners
        .iter()
        .filter(|row| !row.is_running)
        .map(|row| row.kind)
        .collect();
    (!stopped.is_empty()).then(|| format!("Listeners are not ready: [{}]", stopped.join(",")))
}

/// Of this node and of all that it is connected to (`vmq_status_http.erl:67-77`), members or not.
pub(super) async fn status_json(node: &Arc<Node>) -> Value {
    let others = node.members().into_iter().filter(|name| name != node.name());
    let asked = others.map(|name| async move {
        let status = node.ask(&name, &Message::Status).await.ok();
        status.map(|status| (name, status))
    });
    let mut all = Map::from_iter([(node.name().to_owned(), own_status(node))]);
    all.extend(join_all(asked).await.into_iter().flatten());
    json!([all])
}

/// What this node says of itself.
pub(super) fn own_status(node: &Node) -> Value {
    let state = node.state();
    let mut status: Map<String, Value> = Map::from_iter(node_status(&state));
    let members: Map<String, Value> = state
        .readiness
        .members
        .iter()
        .map(|(name, runs)| (name.clone(), json!(runs)))
        .collect();
    status.insert("mystatus".to_owned(), json!([members]));
    let listeners = state.listeners.iter().map(|row| {
        json!({"type": row.kind, "status": row.status(), "ip": row.address, "port": row.port, "mountpoint": "", "max_conns": 10_000})
    });
    status.insert("listeners".to_owned(), listeners.collect());
    Value::Object(status)
}

/// `vmq_info.erl:46-83`.
pub(super) fn node_status(state: &State) -> Vec<(String, Value)> {
    let (online, counters) = (state.online(), &state.counters);
    let offline = state.queues.len() - online;
    let numbers = [
        ("num_online", json!(online)),
        ("num_offline", json!(offline)),
        ("msg_in", json!(counters.published)),
        ("msg_out", json!(counters.delivered)),
        ("queue_in", json!(counters.queued)),
        ("queue_out", json!(counters.delivered)),
        ("queue_drop", json!(0)),
        ("queue_unhandled", json!(0)),
        ("num_subscriptions", json!(state.metadata.subscribers.keys().len())),
        ("num_retained", json!(0)),
        ("matches_local", json!(0)),
        ("matches_remote", json!(0)),
        ("version", json!("2.1.1")),
    ];
    numbers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// `vmq_metrics_http.erl:112-150`: the namespace before each name, the node first among the labels.
pub(super) fn metrics(node: &Node) -> String {
    let state = node.state();
    let counters = &state.counters;
    let subscriptions = state.metadata.subscribers.keys().len() as u64;
    let (queues, online) = (state.queues.len() as u64, state.online() as u64);
    let series: [(&str, &str, &str, u64); 16] = [
        (
            "mqtt_publish_received",
            "counter",
            r#",mqtt_version="4""#,
            counters.published,
        ),
        ("mqtt_publish_received", "counter", r#",mqtt_version="5""#, 0),
        (
            "mqtt_publish_sent",
            "counter",
            r#",mqtt_version="4""#,
            counters.delivered,
        ),
        ("mqtt_publish_sent", "counter", r#",mqtt_version="5""#, 0),
        ("active_mqtt_connections", "gauge", "", online),
        ("total_active_connections", "gauge", "", online),
        ("queue_processes", "gauge", "", queues),
        ("queue_message_in", "counter", "", counters.queued),
        ("queue_message_out", "counter", "", counters.delivered),
        ("socket_open", "counter", "", counters.opened),
        ("socket_close", "counter", "", counters.closed),
        ("cluster_bytes_dropped", "counter", "", counters.dropped),
        (
            "mqtt_connack_server_unavailable_sent",
            "counter",
            r#",mqtt_version="4""#,
            counters.refused,
        ),
        ("router_subscriptions", "gauge", "", subscriptions),
        ("netsplit_detected", "counter", "", state.readiness.netsplits_detected),
        ("netsplit_resolved", "counter", "", state.readiness.netsplits_resolved),
    ];
    let namespace = &node.options.prometheus_namespace;
    let mut text = String::new();
    let mut last = "";
    for (name, kind, labels, value) in series {
        if name != last {
            let _ = writeln!(
                text,
                "# HELP {namespace}{name} of the double\n# TYPE {namespace}{name} {kind}"
            );
            last = name;
        }
        let _ = writeln!(text, "{namespace}{name}{{node=\"{}\"{labels}}} {value}", node.name());
    }
    text
}
