use std::time::Duration;

use autoscaler_members::built_in;
use serde_json::{Value, json};

use super::*;
use crate::scripted_server::ScriptedServer;

const PATH: &str = "/apis/metricautoscaler.dev/v1alpha1/membershipprofiles";

/// A profile of this name: what is built in for `VerneMQ`, with other fields in its spec.
fn profile(name: &str, version: &str, more: &Value) -> Value {
    let mut spec = serde_json::to_value(built_in("vernemq").unwrap().spec()).unwrap();
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "metricautoscaler.dev/v1alpha1", "kind": "MembershipProfile",
        "metadata": {"name": name, "uid": name, "resourceVersion": version, "generation": 1}, "spec": spec,
    })
}

fn wrong() -> Value {
    json!({"member": {"name": "$(pot)", "port": 8888}})
}

fn watch(server: &ScriptedServer) -> (Profiles, tokio_util::sync::DropGuard) {
    let stop = CancellationToken::new();
    let (clock, gate) = ScriptedServer::clock_and_gate();
    let profiles = Profiles::watch(&server.client(), &gate, &clock, &stop);
    (profiles, stop.drop_guard())
}

#[tokio::test(start_paused = true)]
async fn an_object_comes_before_what_is_built_in() {
    let server = ScriptedServer::default();
    let shorter = json!({"drain": []});
    server.serve_list(PATH, &[profile("etcd", "1", &shorter)]);
    let (profiles, _guard) = watch(&server);
    let known = profiles.get("etcd").await.unwrap();
    assert_ne!(
        known.compiled.machine().digest,
        built_in("etcd").unwrap().machine().digest
    );
    let known = profiles.get("vernemq").await.unwrap();
    assert_eq!(
        known.compiled.machine().digest,
        built_in("vernemq").unwrap().machine().digest
    );
    let unknown = profiles.get("mine").await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "there is no MembershipProfile mine, and none of this name is built in"
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_used_hides_what_is_built_in_and_its_field_is_named() {
    let server = ScriptedServer::default();
    server.serve_list(PATH, &[profile("vernemq", "1", &wrong())]);
    let (profiles, _guard) = watch(&server);
    let error = profiles.get("vernemq").await.unwrap_err();
    assert!(matches!(error, ProfileError::NotAccepted { .. }));
    assert!(error.to_string().contains("spec.member.name"), "{error}");
    server.tell(PATH, "MODIFIED", &profile("vernemq", "2", &json!({})));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(profiles.get("vernemq").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_built_in_serves_where_the_definition_is_not_installed_or_may_not_be_read() {
    for (status, hint) in [(404, false), (403, true)] {
        let server = ScriptedServer::default();
        server.refuse(PATH, status);
        let (profiles, _guard) = watch(&server);
        assert!(profiles.get("vernemq").await.is_ok(), "{status}");
        let unknown = profiles.get("mine").await.unwrap_err();
        assert_eq!(
            unknown.to_string().contains("\"membershipprofiles\""),
            hint,
            "{unknown}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_to_be_built_in_before_the_objects_are_known() {
    let server = ScriptedServer::default();
    server.refuse(PATH, 500);
    let (profiles, _guard) = watch(&server);
    let error = profiles.get("vernemq").await.unwrap_err();
    assert!(matches!(error, ProfileError::Unknown(Some(_))), "{error}");
    assert!(error.to_string().contains("HTTP 500"), "{error}");
}

#[test]
fn an_answer_is_given_once() {
    let clock = Clock::simulated(0);
    let (said, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut judged = |object: &Value| {
        let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let _ = judge(&object, &clock, &said);
        told.try_recv().ok()
    };
    let mut object = profile("mine", "1", &wrong());
    let answer = judged(&object).unwrap();
    object["status"] = answer.status();
    assert_eq!(object["status"]["conditions"][0]["status"], "False");
    assert_eq!(object["status"]["observedGeneration"], 1);
    assert_eq!(judged(&object), None);
    object["spec"] = profile("mine", "2", &json!({}))["spec"].clone();
    assert_eq!(judged(&object).unwrap().status()["conditions"][0]["status"], "True");
}
