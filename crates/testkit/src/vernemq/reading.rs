//! Answers: which calls make a member of VerneMQ leave for good, and whom does an answer list?

use std::collections::BTreeSet;

use k8s_openapi::jiff::SignedDuration;
use serde_json::Value;

use crate::recorder::Call;
use crate::revisions::Reading;

/// With the two seconds that a proof may be old, and three that a busy machine may add.
pub fn reading() -> Reading {
    Reading {
        removes,
        lists,
        proof: SignedDuration::from_secs(5),
        times: 1,
    }
}

fn removes(call: &Call) -> Option<String> {
    let query = call.path.strip_prefix("/api/v1/cluster/leave?")?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let node = pairs.find(|(key, _)| key == "node")?.1;
    pairs.any(|(key, _)| key == "--kill_sessions").then(|| pod_of(&node))
}

fn lists(call: &Call) -> Option<BTreeSet<String>> {
    if !call.path.starts_with("/api/v1/cluster/show") {
        return None;
    }
    let said: Value = serde_json::from_str(&call.said).ok()?;
    let rows = said["table"].as_array()?;
    Some(rows.iter().filter_map(|row| row["Node"].as_str().map(pod_of)).collect())
}

/// `VerneMQ@<pod>.<service>...`.
fn pod_of(node: &str) -> String {
    let host = node.split_once('@').map_or(node, |(_, host)| host);
    host.split('.').next().unwrap_or_default().to_owned()
}
