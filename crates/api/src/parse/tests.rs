//! That parsing is lenient where it must be, and names the field where it cannot.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn object(spec: &Value, status: &Value) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "metricautoscaler.dev/v1alpha1",
        "kind": "MetricAutoscaler",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "generation": 4},
        "spec": spec,
        "status": status,
    }))
    .unwrap()
}

fn spec() -> Value {
    json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "mode": "Active",
        "maxReplicas": 10,
        "metrics": [{"name": "rate", "prometheus": {"query": "q"}, "target": {"averageValue": "60m"}}],
    })
}

#[test]
fn a_whole_object_arrives_with_its_status() {
    let parsed = parse(&object(
        &spec(),
        &json!({"lastReplicas": 3, "targetUID": "u9", "lastScaleTime": "2026-11-22T10:00:00Z"}),
    ));
    let (spec, status) = (parsed.spec.unwrap(), parsed.status.unwrap());
    assert_eq!(spec.min_replicas, 2);
    assert_eq!(spec.metrics[0].target.average_value, Some("60m".into()));
    assert_eq!(parsed.reference.as_ref(), Some(&spec.scale_target_ref));
    assert_eq!(
        (status.last_replicas, status.target_uid.as_deref()),
        (Some(3), Some("u9"))
    );
    assert_eq!(parsed.status_error, None);
}

#[test]
fn a_metric_of_an_unknown_kind_keeps_its_name_whatever_its_shape() {
    let mut spec = spec();
    let future = json!({
        "name": "cpu",
        "resource": {"name": "cpu"},
        "target": {"averageUtilization": 80, "value": [1]},
        "whenMissing": "Guess",
    });
    spec["metrics"].as_array_mut().unwrap().push(future);
    let parsed = parse(&object(&spec, &Value::Null)).spec.unwrap();
    assert_eq!(parsed.metrics[1].name, "cpu");
    assert_eq!(parsed.metrics[1].prometheus, None);
}

#[test]
fn fields_of_a_newer_schema_are_passed_over() {
    let mut spec = spec();
    spec["membership"] = json!({"profileName": "vernemq"});
    spec["metrics"][0]["prometheus"]["sourceName"] = json!("tenant-a");
    let parsed = parse(&object(&spec, &json!({"forecast": {"replicas": "many"}})));
    assert!(parsed.spec.is_ok());
    assert_eq!(parsed.status_error, None);
}

#[test]
fn a_field_of_a_status_that_does_not_parse_is_left_out_and_reported_and_the_others_are_kept() {
    let parsed = parse(&object(&spec(), &json!({"lastReplicas": "three", "targetUID": "u9"})));
    let status = parsed.status.unwrap();
    assert_eq!((status.last_replicas, status.target_uid.as_deref()), (None, Some("u9")));
    let error = parsed.status_error.unwrap().to_string();
    assert_eq!(
        error,
        "status.lastReplicas: invalid type: string \"three\", expected an integer"
    );
}

#[test]
fn m9_an_operation_is_remembered_whatever_is_wrong_with_the_spec_and_the_rest_of_the_status() {
    let operation = json!({
        "id": "at-5", "kind": "Leave", "member": "m", "phase": "Drained", "record": "1 leave:drained:committed",
    });
    let mut spec = spec();
    spec["mode"] = json!("Cautious");
    let status = json!({"operation": operation, "membership": {"goal": "four"}, "conditions": "none"});
    let parsed = parse(&object(&spec, &status));
    assert!(parsed.spec.is_err() && parsed.status_error.is_some());
    assert_eq!(parsed.reference.unwrap().name, "web");
    assert_eq!(json!(parsed.status.unwrap().operation), operation);
}

#[rstest]
#[case(json!({"record": "1 leave", "since": 5}), "1 leave")]
#[case(json!({"record": {"version": 2}, "id": "at-5"}), "")]
#[case(json!("leaving"), "")]
fn m9_an_operation_of_another_shape_is_still_one(#[case] operation: Value, #[case] record: &str) {
    let parsed = parse(&object(&spec(), &json!({"operation": operation})));
    assert_eq!(parsed.status.unwrap().operation.unwrap().record, record);
    let error = parsed.status_error.unwrap().to_string();
    assert!(error.starts_with("status.operation"), "{error}");
}

#[test]
fn a_status_that_is_no_object_is_left_out_and_reported() {
    let parsed = parse(&object(&spec(), &json!([1])));
    assert_eq!(parsed.status, None);
    assert_eq!(parsed.status_error.unwrap().to_string(), "status: is not an object");
}

#[rstest]
#[case("/maxReplicas", json!("ten"), "spec.maxReplicas: invalid type: string \"ten\", expected an integer")]
#[case("/mode", json!("Off"), "spec.mode: unknown variant `Off`, expected one of `Active`, `DryRun`, `Paused`")]
#[case("/metrics/0/prometheus", json!({}), "spec.metrics[0].prometheus: missing field `query`")]
#[case("/metrics/0/prometheus", json!("q"), "spec.metrics[0].prometheus: invalid type: string \"q\", expected an object")]
#[case(
    "/metrics/0/target/averageValue",
    json!(0.5),
    "spec.metrics[0].target.averageValue: invalid type: floating point `0.5`, expected an integer or a quantity string \
     (fractions must be quoted)"
)]
fn what_cannot_be_parsed_names_its_field(#[case] field: &str, #[case] value: Value, #[case] error: &str) {
    let mut spec = spec();
    *spec.pointer_mut(field).unwrap() = value;
    assert_eq!(parse(&object(&spec, &Value::Null)).spec.unwrap_err().to_string(), error);
}

#[test]
fn an_object_without_a_spec_is_an_error() {
    let mut object = object(&spec(), &Value::Null);
    object.data = json!({});
    assert_eq!(parse(&object).spec.unwrap_err().to_string(), "spec: is missing");
    object.data = json!({"spec": null});
    assert_eq!(
        parse(&object).spec.unwrap_err().to_string(),
        "spec: invalid type: null, expected an object"
    );
}
