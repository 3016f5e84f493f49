//! Every fault is told with its field; what is shipped has none.

use autoscaler_api::MembershipProfile;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::shipped::{BUILT_IN, built_in};

/// A profile with everything, and nothing wrong with it.
fn whole() -> Value {
    json!({
        "member": {"name": "m@$(pod)", "port": 80, "credential": {"name": "key", "header": "x-key"}},
        "membership": {
            "members": {"http": {"path": "/members"}, "expr": "json"},
            "healthy": {"http": {"path": "/health"}, "expr": "json.ok"},
        },
        "subject": {"leaving": [{"http": {"path": "/leaving"}, "expr": "json.leaving"}]},
        "gates": [{"name": "calm", "ask": {"promql": "sum(up{namespace=\"$(namespace)\"})", "expr": "value == 0.0"}}],
        "drain": [
            {
                "name": "soft",
                "doneWhen": {"http": {"path": "/soft"}, "expr": "json.soft"},
                "act": {"to": "Leaving", "http": {"method": "POST", "path": "/soft", "body": "{\"who\": \"$(leaving.name)\"}"}},
                "undo": {
                    "residue": {"http": {"path": "/soft"}, "expr": "json.soft"},
                    "act": {
                        "to": "Leaving",
                        "forEach": {"http": {"path": "/soft"}, "expr": "json.items"},
                        "http": {"path": "/undo", "query": [{"name": "id", "value": "$(item.id)"}]},
                    },
                },
            },
            {
                "name": "hard",
                "commits": true,
                "doneWhen": {"of": "EachSurvivor", "expr": "!(leaving.name in members)"},
                "act": {"to": "AnySurvivor", "http": {"path": "/hard"}, "timeoutSeconds": 60},
            },
        ],
        "drained": {"expr": "!(leaving.name in members)"},
    })
}

fn compile(spec: Value) -> Result<Compiled, Vec<String>> {
    let spec: MembershipProfileSpec = serde_json::from_value(spec).unwrap();
    Compiled::compile(&spec).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// The whole profile with one field put in its place.
fn with(field: &str, value: Value) -> Value {
    let mut spec = whole();
    let (parent, name) = field.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    spec
}

#[test]
fn a_whole_profile_compiles() {
    let compiled = compile(whole()).unwrap();
    let machine = compiled.machine();
    assert_eq!(
        machine.drain.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(),
        ["soft", "hard"]
    );
    assert!(machine.drain[1].commits && !machine.drain[1].is_repeatable);
    assert!(machine.drain[0].undo.is_some() && machine.drain[1].undo.is_none());
    assert!(!machine.can_forget && !machine.has_progress);
}

#[rstest]
#[case::name("/member/name", json!("same"), "spec.member.name: must tell one member from the next: use $(pod) or $(ordinal)")]
#[case::variable_of_a_name("/member/name", json!("$(pod)$(member.name)"), "spec.member.name: there is no variable \"member.name\" here")]
#[case::port("/member/port", json!(70000), "spec.member.port: must be 1 to 65535")]
#[case::credential("/member/credential/name", json!("../key"), "spec.member.credential.name: must be lower case letters, digits and '-'")]
#[case::header("/member/credential/header", json!("a b"), "spec.member.credential.header: is not the name of an HTTP header")]
#[case::members("/membership/members", json!({"expr": "[member.name]"}), "spec.membership.members: needs http: it is what the other questions may read as members")]
#[case::asked_twice("/drained/of", json!("Leaving"), "spec.drained.of: it is said already who is asked here")]
#[case::hollow("/drained/expr", json!("members.size() > 0 && json.all(x, x.ok)"), "spec.drained.expr: there is no variable \"json\" here; there are members, leaving, member")]
#[case::promql("/drain/0/doneWhen", json!({"promql": "up", "expr": "value == 1.0"}), "spec.drain[0].doneWhen.promql: is for gates and progress only")]
#[case::both("/gates/0/ask/http", json!({"path": "/"}), "spec.gates[0].ask: ask by http or by promql, not by both")]
#[case::promql_of_nobody("/gates/0/ask/promql", json!("up{pod=\"$(member.pod)\"}"), "spec.gates[0].ask.promql: there is no variable \"member.pod\" here")]
#[case::two_of_a_name("/drain/1/name", json!("soft"), "spec.drain[1].name: there is another \"soft\"")]
#[case::undo_of_a_commit("/drain/0/commits", json!(true), "spec.drain[0].undo: a step that commits cannot be undone: leave out undo, or commits")]
#[case::path("/drain/1/act/http/path", json!("hard"), "spec.drain[1].act.http.path: must begin with one '/'")]
#[case::another_host("/drain/1/act/http/path", json!("//evil/x"), "spec.drain[1].act.http.path: must begin with one '/'")]
#[case::query_in_the_path("/drain/1/act/http/path", json!("/hard?a=b"), "spec.drain[1].act.http.path: must be the path of a URL: what stands behind the '?' belongs to query")]
#[case::item_of_nothing("/drain/1/act/http/path", json!("/$(item.id)"), "spec.drain[1].act.http.path: there is no variable \"item.id\" here")]
#[case::body("/drain/0/act/http/body", json!("{\"who\": $(leaving.name)}"), "spec.drain[0].act.http.body: must be JSON, with its variables inside of texts")]
#[case::timeout("/drain/1/act/timeoutSeconds", json!(61), "spec.drain[1].act.timeoutSeconds: must be 1 to 60")]
#[case::sizes("/sizes", json!({"allowed": "List", "list": [3, 3]}), "spec.sizes.list: must be in ascending order")]
#[case::no_sizes("/sizes", json!({"allowed": "List"}), "spec.sizes.list: set 1 to 32 sizes with allowed: List, and none otherwise")]
#[case::doubt("/subject", json!({}), "spec.subject.leaving: is needed: \"hard\" commits and is not repeatable, and nobody else can tell whether it was begun")]
#[case::times("/times", json!({"gossipSeconds": 0}), "spec.times.gossipSeconds: must be 1 to 86400")]
#[case::in_flight("/times", json!({"inFlightSeconds": 30}), "spec.times.inFlightSeconds: must be at least 65, 5 more than the longest timeoutSeconds: an act is under way from when it is stored until its reply has come")]
fn a_fault_is_told_with_its_field(#[case] field: &str, #[case] value: Value, #[case] fault: &str) {
    assert_eq!(compile(with(field, value)).unwrap_err(), [fault]);
}

#[rstest]
#[case::healthy("/membership/healthy/expr", "spec.membership.healthy.expr")]
#[case::done("/drain/0/doneWhen/expr", "spec.drain[0].doneWhen.expr")]
fn a_proof_that_holds_of_nothing_is_a_fault(#[case] field: &str, #[case] path: &str) {
    let faults = compile(with(field, json!("json.rows.all(row, row.ok)"))).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].starts_with(&format!("{path}: it holds of an empty list")),
        "{faults:?}"
    );
}

#[test]
fn every_fault_is_told_at_once() {
    let mut spec = with("/member/port", json!(0));
    spec["drained"]["expr"] = json!("nobody");
    spec["times"] = json!({"stallSeconds": -1});
    assert_eq!(compile(spec).unwrap_err().len(), 3);
}

#[test]
fn the_digest_is_of_every_field_and_of_nothing_else() {
    let digest = |spec| compile(spec).unwrap().digest().to_owned();
    assert_eq!(digest(whole()), digest(whole()));
    assert_eq!(digest(whole()).len(), 32);
    let others = [
        with("/member/port", json!(81)),
        with("/drain/0/act/http/path", json!("/softer")),
        with("/drained/expr", json!("!(leaving.name in members) && true")),
        with("/times", json!({"gossipSeconds": 31})),
    ];
    let mut digests: BTreeSet<String> = others.into_iter().map(digest).collect();
    digests.insert(digest(whole()));
    assert_eq!(digests.len(), 5);
}

#[test]
fn every_built_in_profile_compiles_and_is_what_is_shipped() {
    for name in BUILT_IN {
        let compiled = built_in(name).unwrap();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/profiles");
        let text = std::fs::read_to_string(format!("{file}/{name}.yaml")).unwrap();
        let shipped: MembershipProfile = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(shipped.metadata.name.as_deref(), Some(name));
        assert_eq!(compiled.spec(), &shipped.spec);
        // An operation keeps its profile in the status.
        let kept = serde_json::to_string(compiled.spec()).unwrap();
        assert!(kept.len() < 32_768, "{name}: {}", kept.len());
        let again: MembershipProfileSpec = serde_json::from_str(&kept).unwrap();
        assert_eq!(Compiled::compile(&again).unwrap().digest(), compiled.digest());
    }
    assert!(built_in("none").is_none());
}
