//! Profiles: what is shipped is stored as it is, and what the schema can tell is told in words.

use autoscaler_api::MembershipProfile;
use rstest::rstest;
use serde_json::{Value, json};

use super::submit;
use crate::shared::repository;

fn shipped(name: &str) -> Value {
    let file = repository().join("config/profiles").join(format!("{name}.yaml"));
    let text = std::fs::read_to_string(file).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

#[rstest]
#[case("vernemq")]
#[case("etcd")]
#[case("rabbitmq")]
#[tokio::test]
async fn a_shipped_profile_is_stored_as_it_is(#[case] name: &str) {
    let written = shipped(name);
    let stored = submit(&written).await.unwrap();
    // Nothing is defaulted or pruned, and lists keep their order.
    assert_eq!(stored["spec"], written["spec"]);
    serde_json::from_value::<MembershipProfile>(stored).unwrap();
}

#[rstest]
#[case::both_ways("/gates/0/ask/http", json!({"path": "/"}), "spec.gates[0].ask: Invalid value: ask by http or by promql, not by both")]
#[case::undo_of_a_commit("/drain/0/commits", json!(true), "spec.drain[0]: Invalid value: a step that commits cannot be undone: leave out undo, or commits")]
#[case::name("/drain/0/name", json!("So ft"), "spec.drain[0].name: Invalid value: \"So ft\": name must be a DNS label: lower case letters, digits and '-', with a letter or digit first and last")]
#[case::credential("/member/credential/name", json!("../key"), "spec.member.credential.name: Invalid value: \"../key\": name must be lower case letters, digits and '-', with a letter or digit first and last")]
#[case::sizes("/sizes", json!({"allowed": "Any", "list": [3]}), "spec.sizes: Invalid value: set list with allowed: List, and only then")]
#[tokio::test]
async fn what_cannot_be_is_refused_in_words(#[case] field: &str, #[case] value: Value, #[case] reason: &str) {
    let mut profile = shipped("vernemq");
    let (parent, name) = field.rsplit_once('/').unwrap();
    profile["spec"].pointer_mut(parent).unwrap()[name] = value;
    assert_eq!(submit(&profile).await.unwrap_err(), [reason]);
}
