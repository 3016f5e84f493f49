//! Defaults as in `autoscaling/v2` (ids of section I of the conformance vectors), and that whatever an older schema lets
//! pass is an error with the field's path, never a panic.

use autoscaler_core::ScalingRules as CoreRules;
use autoscaler_core::per_pod::WarmUp;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn metric() -> Value {
    json!({"name": "rate", "prometheus": {"query": "sum(rate(m[1m]))"}, "target": {"averageValue": 100}})
}

fn spec_with(change: impl FnOnce(&mut Value)) -> MetricAutoscalerSpec {
    let mut spec = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 10,
        "metrics": [metric()],
    });
    change(&mut spec);
    serde_json::from_value(spec).unwrap()
}

fn policy_of(change: impl FnOnce(&mut Value)) -> Result<Policy, SpecError> {
    policy(&spec_with(change), |_| Seconds::new(60))
}

fn scale_up(rules: Value) -> CoreRules {
    policy_of(|spec| spec["behavior"]["scaleUp"] = rules).unwrap().scale_up
}

fn scale_down(rules: Value) -> CoreRules {
    policy_of(|spec| spec["behavior"]["scaleDown"] = rules)
        .unwrap()
        .scale_down
}

#[test]
fn the_least_a_user_writes_has_the_defaults_of_the_design() {
    let policy = policy_of(|_| {}).unwrap();
    assert_eq!(policy.bounds, Bounds::new(Replicas::new(1), Replicas::new(10)).unwrap());
    assert_eq!(policy.interval, Seconds::new(15));
    assert_eq!(policy.cooldown, Cooldown::default());
    assert_eq!(policy.fallback, None);
    assert_eq!(policy.growth_settle, Seconds::new(60));
    let hundred = Target::new("rate", TargetKind::AverageValue, Quantity::from_units(100)).unwrap();
    assert_eq!(
        policy.metrics,
        [MetricPolicy {
            name: "rate".to_owned(),
            target: Some(hundred),
            when_missing: autoscaler_core::WhenMissing::Hold,
            when_nan: autoscaler_core::WhenNan::Hold,
            look_back: Seconds::new(60),
            warm_up: WarmUp::Sample,
        }]
    );
}

#[test]
fn i2_i6_rules_given_whole_are_kept_verbatim() {
    let rules = json!({
        "policies": [
            {"type": "Pods", "value": 1, "periodSeconds": 2},
            {"type": "Percent", "value": 3, "periodSeconds": 4},
        ],
        "stabilizationWindowSeconds": 25,
        "selectPolicy": "Max",
    });
    let kept = CoreRules {
        window: Seconds::new(25),
        select: autoscaler_core::SelectPolicy::Max,
        policies: vec![RatePolicy::pods(1, 2), RatePolicy::percent(3, 4)],
        tolerance: Quantity::from_millis(100),
    };
    assert_eq!(scale_up(rules.clone()), kept);
    assert_eq!(scale_down(rules), kept);
}

#[test]
fn i7_i8_i10_i11_what_is_left_out_of_growth_rules_has_its_default() {
    let min = scale_up(json!({"policies": [{"type": "Pods", "value": 1, "periodSeconds": 2}], "selectPolicy": "Min"}));
    assert_eq!(
        (min.select, min.window),
        (autoscaler_core::SelectPolicy::Min, Seconds::ZERO),
        "I7"
    );
    assert_eq!(
        min.policies,
        [RatePolicy::pods(1, 2)],
        "I7: given policies replace the default ones"
    );

    let percent = |value, period| json!([{"type": "Percent", "value": value, "periodSeconds": period}]);
    let rules = scale_up(json!({"policies": percent(7, 10)}));
    assert_eq!(
        (rules.select, rules.window),
        (autoscaler_core::SelectPolicy::Max, Seconds::ZERO),
        "I8"
    );

    let rules = scale_up(json!({"policies": percent(7, 60), "stabilizationWindowSeconds": 25}));
    assert_eq!(
        (rules.select, rules.window),
        (autoscaler_core::SelectPolicy::Max, Seconds::new(25)),
        "I10"
    );

    let rules = scale_up(json!({"policies": percent(7, 10), "tolerance": "0.5"}));
    assert_eq!(
        (rules.window, rules.tolerance),
        (Seconds::ZERO, Quantity::from_millis(500)),
        "I11"
    );
}

#[test]
fn i12_no_behavior_and_an_empty_one_are_the_defaults() {
    for behavior in [Value::Null, json!({}), json!({"scaleUp": {}, "scaleDown": {}})] {
        let policy = policy_of(|spec| spec["behavior"] = behavior).unwrap();
        assert_eq!(policy.scale_up, CoreRules::default_scale_up());
        assert_eq!(policy.scale_down, CoreRules::default_scale_down());
    }
}

#[test]
fn i14_i15_one_direction_given_leaves_the_other_whole_and_its_own_window_of_300() {
    let policy = policy_of(|spec| {
        spec["behavior"]["scaleDown"] = json!({"policies": [{"type": "Percent", "value": 7, "periodSeconds": 10}]});
    })
    .unwrap();
    assert_eq!(policy.scale_up, CoreRules::default_scale_up(), "I14");
    assert_eq!(
        policy.scale_down.window,
        Seconds::new(300),
        "I14: the window of the controller's flag"
    );

    let rules = scale_up(json!({"stabilizationWindowSeconds": 100}));
    let expected = CoreRules {
        window: Seconds::new(100),
        ..CoreRules::default_scale_up()
    };
    assert_eq!(rules, expected, "I15: tolerance and policies stay at their defaults");
}

#[test]
fn i16_min_replicas_is_one_unless_given() {
    assert_eq!(policy_of(|_| {}).unwrap().bounds.min(), Replicas::new(1));
    assert_eq!(
        policy_of(|spec| spec["minReplicas"] = json!(3)).unwrap().bounds.min(),
        Replicas::new(3)
    );
}

#[test]
fn k21_a_direction_can_be_disabled() {
    let rules = scale_down(json!({"selectPolicy": "Disabled"}));
    let expected = CoreRules {
        select: autoscaler_core::SelectPolicy::Disabled,
        ..CoreRules::default_scale_down()
    };
    assert_eq!(rules, expected);
}

#[rstest]
#[case::number(json!(100), Quantity::from_units(100))]
#[case::quoted_number(json!("100"), Quantity::from_units(100))]
#[case::milli(json!("60m"), Quantity::from_millis(60))]
#[case::exponent(json!("1e3"), Quantity::from_units(1_000))]
#[case::leading_point(json!(".5"), Quantity::from_millis(500))]
#[case::binary(json!("2Gi"), Quantity::from_units(2 << 30))]
#[case::nano(json!("1n"), Quantity::from_nanos(1))]
#[case::below_nano_rounds_up(json!("0.0000000001"), Quantity::from_nanos(1))]
fn targets_are_quantities(#[case] written: Value, #[case] amount: Quantity) {
    let policy = policy_of(|spec| spec["metrics"][0]["target"] = json!({"value": written})).unwrap();
    let target = policy.metrics[0].target.unwrap();
    assert_eq!((target.kind(), target.amount()), (TargetKind::Value, amount));
}

#[test]
fn what_the_user_says_of_absence_cooldown_and_fallback_arrives() {
    let policy = policy_of(|spec| {
        spec["metrics"][0]["whenMissing"] = json!("Ignore");
        spec["metrics"][0]["whenNaN"] = json!("Zero");
        spec["cooldown"] = json!({"scaleUpSeconds": 30, "scaleDownSeconds": 300});
        spec["fallback"] = json!({"afterSeconds": 600, "minReplicas": 4});
    })
    .unwrap();
    assert_eq!(policy.metrics[0].when_missing, autoscaler_core::WhenMissing::Ignore);
    assert_eq!(policy.metrics[0].when_nan, autoscaler_core::WhenNan::Zero);
    assert_eq!(
        policy.cooldown,
        Cooldown {
            up: Seconds::new(30),
            down: Seconds::new(300)
        }
    );
    assert_eq!(
        policy.fallback,
        Some(Fallback {
            after: Seconds::new(600),
            min_replicas: Replicas::new(4)
        })
    );
}

#[test]
fn the_look_back_is_asked_for_per_metric() {
    let spec = spec_with(|spec| {
        let other = json!({"name": "other", "prometheus": {"query": "x"}, "target": {"value": 1}});
        spec["metrics"] = json!([metric(), other]);
    });
    let policy = policy(&spec, |metric| {
        Seconds::new(if metric.name == "other" { 300 } else { 60 })
    })
    .unwrap();
    let look_backs: Vec<Seconds> = policy.metrics.iter().map(|metric| metric.look_back).collect();
    assert_eq!(look_backs, [Seconds::new(60), Seconds::new(300)]);
}

#[test]
fn a_metric_of_an_unknown_kind_does_not_fail_the_policy() {
    let policy = policy_of(|spec| spec["metrics"] = json!([metric(), {"name": "future", "target": {}}])).unwrap();
    assert_eq!(
        (policy.metrics[1].name.as_str(), policy.metrics[1].target),
        ("future", None)
    );
}

#[rstest]
#[case("minReplicas", json!(0), "spec.minReplicas: must be at least 1, not 0")]
#[case("maxReplicas", json!(-1), "spec.maxReplicas: must be at least 1, not -1")]
#[case("minReplicas", json!(11), "spec.minReplicas: minReplicas (11) must not be larger than maxReplicas (10)")]
#[case("intervalSeconds", json!(0), "spec.intervalSeconds: must be from 1 to 3600, not 0")]
#[case("metrics", json!([]), "spec.metrics: must have 1 to 8 metrics, not 0")]
#[case("metrics", json!(vec![metric(); 9]), "spec.metrics: must have 1 to 8 metrics, not 9")]
#[case("metrics", json!([metric(), metric()]), "spec.metrics[1].name: \"rate\" is the name of another metric")]
#[case("metrics.0.name", json!("x".repeat(64)), "spec.metrics[0].name: must have 1 to 63 characters, not 64")]
#[case(
    "metrics.0.prometheus.query",
    json!(""),
    "spec.metrics[0].prometheus.query: must have 1 to 4096 characters, not 0"
)]
#[case(
    "metrics.0.prometheus.query",
    json!("-".repeat(4097)),
    "spec.metrics[0].prometheus.query: must have 1 to 4096 characters, not 4097"
)]
#[case(
    "metrics.0.prometheus.maxSampleAgeSeconds",
    json!(0),
    "spec.metrics[0].prometheus.maxSampleAgeSeconds: must be from 1 to 86400, not 0"
)]
#[case(
    "metrics.0.prometheus.lookBackSeconds",
    json!(-5),
    "spec.metrics[0].prometheus.lookBackSeconds: must be from 1 to 86400, not -5"
)]
#[case(
    "metrics.0.prometheus.perPod",
    json!({"podLabel": "pod-name"}),
    "spec.metrics[0].prometheus.perPod.podLabel: \"pod-name\" is not the name of a Prometheus label"
)]
#[case(
    "metrics.0.prometheus.perPod",
    json!({"namespaceLabel": ""}),
    "spec.metrics[0].prometheus.perPod.namespaceLabel: \"\" is not the name of a Prometheus label"
)]
#[case(
    "metrics.0",
    json!({"name": "rate", "prometheus": {"query": "m", "perPod": {}}, "target": {"value": 1}}),
    "spec.metrics[0].target: with perPod set averageValue: what each pod should carry"
)]
#[case("metrics.0.target", json!({}), "spec.metrics[0].target: set exactly one of value and averageValue")]
#[case(
    "metrics.0.target",
    json!({"value": 1, "averageValue": 1}),
    "spec.metrics[0].target: set exactly one of value and averageValue"
)]
#[case(
    "metrics.0.target",
    json!({"value": "many"}),
    "spec.metrics[0].target.value: \"many\" is not a quantity: write a number such as 100, 0.5, 60m, 1e3 or 2Gi"
)]
#[case(
    "metrics.0.target",
    json!({"value": 0}),
    "spec.metrics[0].target.value: the target of metric \"rate\" must be above zero, not 0"
)]
#[case(
    "cooldown.scaleDownSeconds",
    json!(-1),
    "spec.cooldown.scaleDownSeconds: must be from 0 to 86400, not -1"
)]
#[case(
    "fallback",
    json!({"afterSeconds": 0, "minReplicas": 1}),
    "spec.fallback.afterSeconds: must be from 1 to 86400, not 0"
)]
#[case(
    "fallback",
    json!({"afterSeconds": 1, "minReplicas": 11}),
    "spec.fallback.minReplicas: fallback.minReplicas (11) must not be larger than maxReplicas (10)"
)]
#[case(
    "behavior.scaleUp.policies",
    json!([]),
    "spec.behavior.scaleUp.policies: must have 1 to 16 policies, not 0"
)]
#[case(
    "behavior.scaleUp.tolerance",
    json!("-1m"),
    "spec.behavior.scaleUp.tolerance: must be 0 or above, not -1m"
)]
#[case(
    "behavior.scaleDown.stabilizationWindowSeconds",
    json!(3601),
    "spec.behavior.scaleDown.stabilizationWindowSeconds: must be from 0 to 3600, not 3601"
)]
#[case(
    "behavior.scaleDown.policies",
    json!([{"type": "Pods", "value": 0, "periodSeconds": 1}]),
    "spec.behavior.scaleDown.policies[0].value: must be at least 1, not 0"
)]
#[case(
    "behavior.scaleDown.policies",
    json!([{"type": "Pods", "value": 1, "periodSeconds": 1801}]),
    "spec.behavior.scaleDown.policies[0].periodSeconds: must be from 1 to 1800, not 1801"
)]
fn what_an_older_schema_let_pass_is_an_error_that_names_the_field(
    #[case] field: &str,
    #[case] value: Value,
    #[case] error: &str,
) {
    assert_eq!(
        policy_of(|spec| set(spec, field, value)).unwrap_err().to_string(),
        error
    );
}

/// Puts a value at a dotted path, making the objects on the way.
fn set(spec: &mut Value, path: &str, value: Value) {
    let place = path.split('.').fold(spec, |at, step| match step.parse::<usize>() {
        Ok(index) => &mut at[index],
        Err(_) => &mut at[step],
    });
    *place = value;
}
