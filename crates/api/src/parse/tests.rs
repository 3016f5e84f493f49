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
fn a_whole_object_arrives_with_its_metadata_and_status() {
    let Parsed {
        autoscaler,
        status_error,
    } = parse(&object(
        &spec(),
        &json!({"lastReplicas": 3, "targetUID": "u9", "lastScaleTime": "2026-11-22T10:00:00Z"}),
    ))
    .unwrap();
    assert_eq!(autoscaler.metadata.generation, Some(4));
    assert_eq!(autoscaler.spec.min_replicas, 2);
    assert_eq!(autoscaler.spec.metrics[0].target.average_value, Some("60m".into()));
    let status = autoscaler.status.unwrap();
    assert_eq!(
        (status.last_replicas, status.target_uid.as_deref()),
        (Some(3), Some("u9"))
    );
    assert_eq!(status_error, None);
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
    let parsed = parse(&object(&spec, &Value::Null)).unwrap();
    assert_eq!(parsed.autoscaler.spec.metrics[1].name, "cpu");
    assert_eq!(parsed.autoscaler.spec.metrics[1].prometheus, None);
}

#[test]
fn fields_of_a_newer_schema_are_passed_over() {
    let mut spec = spec();
    spec["membership"] = json!({"profileName": "vernemq"});
    spec["metrics"][0]["prometheus"]["sourceName"] = json!("tenant-a");
    assert!(parse(&object(&spec, &json!({"operation": {"phase": "Draining"}}))).is_ok());
}

#[test]
fn a_status_that_does_not_parse_is_left_out_and_reported() {
    let parsed = parse(&object(&spec(), &json!({"lastReplicas": "three"}))).unwrap();
    assert_eq!(parsed.autoscaler.status, None);
    let error = parsed.status_error.unwrap().to_string();
    assert_eq!(
        error,
        "status.lastReplicas: invalid type: string \"three\", expected an integer"
    );
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
    assert_eq!(parse(&object(&spec, &Value::Null)).unwrap_err().to_string(), error);
}

#[test]
fn an_object_without_a_spec_is_an_error() {
    let mut object = object(&spec(), &Value::Null);
    object.data = json!({});
    assert_eq!(parse(&object).unwrap_err().to_string(), "spec: is missing");
    object.data = json!({"spec": null});
    assert_eq!(
        parse(&object).unwrap_err().to_string(),
        "spec: invalid type: null, expected an object"
    );
}
