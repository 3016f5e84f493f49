//! The calls to etcd joined with the sizes of the set.

use std::collections::BTreeMap;

use autoscaler_testkit::recorder::Call;
use autoscaler_testkit::revisions::{Reading, Revision, broken_rules};
use jiff::SignedDuration;
use serde_json::Value;

const LIST: &str = "/v3/cluster/member/list";
const REMOVE: &str = "/v3/cluster/member/remove";

/// Every way in which the rules of a shrink were broken, or more than one pod came at once.
pub(super) fn broken(revisions: &[Revision], calls: &[Call]) -> Vec<String> {
    let reading = Reading {
        removes: |call| call.path.strip_prefix(REMOVE)?.strip_prefix('/').map(str::to_owned),
        lists: |call| (call.path == LIST).then(|| members(call).into_values().collect()),
        proof: SignedDuration::from_secs(5),
        // It may be repeated, and is harmless.
        times: usize::MAX,
    };
    let mut broken = broken_rules("broker", 0, revisions, &with_names(calls), &reading);
    let leaps = revisions
        .windows(2)
        .filter(|pair| pair[1].replicas > pair[0].replicas + 1);
    broken.extend(leaps.map(|pair| format!("more than one came at once: {pair:?}")));
    broken
}

/// The same, and behind the path of each removal the name of who is removed by its number.
fn with_names(calls: &[Call]) -> Vec<Call> {
    let mut names = BTreeMap::new();
    let told = calls.iter().cloned().map(|mut call| {
        names.extend(members(&call));
        if call.path == REMOVE {
            let sent: Value = serde_json::from_str(&call.sent).unwrap();
            call.path = format!("{REMOVE}/{}", names[sent["ID"].as_str().unwrap()]);
        }
        call
    });
    told.collect()
}

/// Numbers and names that an answer lists.
fn members(call: &Call) -> BTreeMap<String, String> {
    let said: Value = serde_json::from_str(&call.said).unwrap_or_default();
    let rows = said["members"].as_array().into_iter().flatten();
    let row = |row: &Value| Some((row["ID"].as_str()?.to_owned(), row["name"].as_str()?.to_owned()));
    rows.filter_map(row).collect::<BTreeMap<_, _>>()
}

#[test]
fn a_pod_that_goes_without_being_removed_breaks_a_rule() {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let revision = |revision: &str, replicas| Revision {
        revision: revision.to_owned(),
        at,
        replicas,
    };
    let broken = broken(&[revision("1", 3), revision("2", 2), revision("3", 4)], &[]);
    let of = |part: &str| broken.iter().any(|rule| rule.contains(part));
    assert!(of("broker-2 went at 2 and was never told to leave"), "{broken:?}");
    assert!(of("more than one came at once"), "{broken:?}");
}
