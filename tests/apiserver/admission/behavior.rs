//! `behavior`: the same verdict as for an HPA, side by side on the same server (section J of the conformance vectors).

use rstest::rstest;
use serde_json::{Value, json};

use super::{autoscaler_with, submit};

/// An HPA with this behavior, otherwise like our autoscaler.
fn hpa_with(behavior: &Value) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 10,
            "behavior": behavior,
        },
    })
}

fn policy(kind: &str, value: i64, period: i64) -> Value {
    json!({"type": kind, "value": value, "periodSeconds": period})
}

/// The rules in either direction.
fn either(rules: &Value) -> [Value; 2] {
    [json!({"scaleUp": rules}), json!({"scaleDown": rules})]
}

#[rstest]
#[case::empty(json!({}))]
#[case::j2_both_directions_null(json!({"scaleUp": null, "scaleDown": null}))]
#[case::empty_rules(json!({"scaleUp": {}, "scaleDown": {}}))]
#[tokio::test]
async fn a_behavior_without_rules_is_accepted_as_for_an_hpa(#[case] behavior: Value) {
    submit(&hpa_with(&behavior)).await.unwrap();
    submit(&autoscaler_with("behavior", behavior)).await.unwrap();
}

#[rstest]
#[case::j3_longest_window(json!({"stabilizationWindowSeconds": 3600, "policies": [policy("Pods", 1, 60)]}))]
#[case::j3_no_window(json!({"stabilizationWindowSeconds": 0, "policies": [policy("Pods", 1, 60)]}))]
#[case::window_alone(json!({"stabilizationWindowSeconds": 60}))]
#[case::j3_min(json!({"selectPolicy": "Min", "policies": [policy("Pods", 1, 60)]}))]
#[case::j3_disabled(json!({"selectPolicy": "Disabled", "policies": [policy("Pods", 1, 60)]}))]
#[case::disabled_alone(json!({"selectPolicy": "Disabled"}))]
#[case::j4_several(json!({"policies": [policy("Pods", 1, 2), policy("Percent", 3, 4), policy("Pods", 5, 1800)]}))]
#[case::percent_above_100(json!({"policies": [policy("Percent", 1000, 15)]}))]
#[case::j11_fraction(json!({"tolerance": "0.1"}))]
#[case::j11_integer(json!({"tolerance": 10}))]
#[case::j11_zero(json!({"tolerance": 0}))]
#[case::j11_milli(json!({"tolerance": "100m"}))]
#[case::j11_one_milli(json!({"tolerance": "1m"}))]
#[tokio::test]
async fn rules_that_an_hpa_takes_are_accepted(#[case] rules: Value) {
    for behavior in either(&rules) {
        submit(&hpa_with(&behavior)).await.unwrap();
        let stored = submit(&autoscaler_with("behavior", behavior.clone())).await.unwrap();
        assert_eq!(
            stored["spec"]["behavior"], behavior,
            "stored as it was written, without defaults"
        );
    }
}

#[rstest]
#[case::j5_no_policies(
    json!({"policies": []}),
    "policies: Invalid value: policies must hold at least one policy: leave the field out for the default, or set \
     selectPolicy: Disabled for no change in this direction"
)]
#[case::j6_window_too_long(
    json!({"stabilizationWindowSeconds": 3601}),
    "stabilizationWindowSeconds: Invalid value: 3601: PATH in body should be less than or equal to 3600"
)]
#[case::negative_window(
    json!({"stabilizationWindowSeconds": -1}),
    "stabilizationWindowSeconds: Invalid value: -1: PATH in body should be greater than or equal to 0"
)]
#[case::j7_period_too_long(
    json!({"policies": [policy("Pods", 1, 1801)]}),
    "policies[0].periodSeconds: Invalid value: 1801: PATH in body should be less than or equal to 1800"
)]
#[case::j7_no_period(
    json!({"policies": [policy("Pods", 1, 0)]}),
    "policies[0].periodSeconds: Invalid value: 0: PATH in body should be greater than or equal to 1"
)]
#[case::j7_negative_period(
    json!({"policies": [policy("Pods", 1, -1)]}),
    "policies[0].periodSeconds: Invalid value: -1: PATH in body should be greater than or equal to 1"
)]
#[case::j8_no_value(
    json!({"policies": [policy("Pods", 0, 60)]}),
    "policies[0].value: Invalid value: 0: PATH in body should be greater than or equal to 1"
)]
#[case::j8_negative_value(
    json!({"policies": [policy("Percent", -1, 60)]}),
    "policies[0].value: Invalid value: -1: PATH in body should be greater than or equal to 1"
)]
#[case::j9_unknown_selection(
    json!({"selectPolicy": "incorrect"}),
    r#"selectPolicy: Unsupported value: "incorrect": supported values: "Max", "Min", "Disabled""#
)]
#[case::j10_unknown_type(
    json!({"policies": [policy("hm", 1, 60)]}),
    r#"policies[0].type: Unsupported value: "hm": supported values: "Pods", "Percent""#
)]
#[case::j13_tolerance_without_policies(
    json!({"policies": [], "tolerance": "0.1"}),
    "policies: Invalid value: policies must hold at least one policy: leave the field out for the default, or set \
     selectPolicy: Disabled for no change in this direction"
)]
#[case::negative_tolerance(
    json!({"tolerance": "-0.1"}),
    "tolerance: Invalid value: \"-0.1\": must be a quantity of 0 or above and at most 1E, such as 0, 50m or 1 (quote \
     fractions: \"0.05\")"
)]
#[tokio::test]
async fn rules_that_an_hpa_refuses_are_refused(#[case] rules: Value, #[case] reason: &str) {
    for behavior in either(&rules) {
        submit(&hpa_with(&behavior)).await.unwrap_err();
        let direction = if behavior.get("scaleUp").is_some() {
            "scaleUp"
        } else {
            "scaleDown"
        };
        let field = reason.split(": ").next().unwrap();
        let path = format!("spec.behavior.{direction}.{field}");
        let expected = format!("spec.behavior.{direction}.{reason}").replace("PATH", &path);
        assert_eq!(
            submit(&autoscaler_with("behavior", behavior)).await.unwrap_err(),
            [expected]
        );
    }
}

/// The one thing an HPA takes and no schema can: the guide says to quote it.
#[tokio::test]
async fn an_unquoted_fraction_of_a_tolerance_pastes_from_no_hpa() {
    for behavior in either(&json!({"tolerance": 0.05})) {
        submit(&hpa_with(&behavior)).await.unwrap();
        let refused = submit(&autoscaler_with("behavior", behavior)).await.unwrap_err();
        assert_eq!(refused.len(), 1);
        assert!(
            refused[0].ends_with("tolerance in body must be of type integer,string: \"number\""),
            "{refused:?}"
        );
    }
}

/// An HPA has no bound here; a rule list of ours must have one.
#[tokio::test]
async fn sixteen_policies_are_accepted_and_seventeen_are_not() {
    let policies = |count: i64| {
        (1..=count)
            .map(|value| policy("Pods", value, 60))
            .collect::<Vec<Value>>()
    };
    for behavior in either(&json!({"policies": policies(16)})) {
        submit(&autoscaler_with("behavior", behavior)).await.unwrap();
    }
    let refused = submit(&autoscaler_with(
        "behavior",
        json!({"scaleUp": {"policies": policies(17)}}),
    ))
    .await;
    assert_eq!(
        refused.unwrap_err(),
        ["spec.behavior.scaleUp.policies: Too many: 17: must have at most 16 items"]
    );
}

/// What the HPA prints with all its defaults is what people paste.
#[tokio::test]
async fn a_behavior_printed_by_an_hpa_pastes_and_means_the_same() {
    let given = json!({"scaleUp": {"stabilizationWindowSeconds": 30, "tolerance": "0.05"}, "scaleDown": {}});
    let printed = submit(&hpa_with(&given)).await.unwrap()["spec"]["behavior"].clone();
    assert_eq!(printed["scaleUp"]["tolerance"], "50m", "{printed}");

    let policy_of = |stored: Value| {
        let spec = serde_json::from_value(stored["spec"].clone()).unwrap();
        autoscaler_api::policy(&spec, |_| autoscaler_core::Seconds::new(60)).unwrap()
    };
    let pasted = policy_of(submit(&autoscaler_with("behavior", printed)).await.unwrap());
    let ours = policy_of(submit(&autoscaler_with("behavior", given)).await.unwrap());
    assert_eq!(pasted, ours, "the server's defaults of an HPA are our defaults");
}
