//! The bounds of every other field, one case per rule.

use rstest::rstest;
use serde_json::{Value, json};

use super::{autoscaler, autoscaler_with, metric, submit};

/// Refused at `spec.<field>` with exactly this text.
async fn refused(path: &str, value: Value) -> Vec<String> {
    submit(&autoscaler_with(path, value)).await.unwrap_err()
}

#[rstest]
#[case::min_above_max("minReplicas", json!(11), "minReplicas (11) must not be larger than maxReplicas (10)")]
#[case::fallback_above_max(
    "fallback",
    json!({"afterSeconds": 60, "minReplicas": 11}),
    "fallback.minReplicas (11) must not be larger than maxReplicas (10)"
)]
#[tokio::test]
async fn counts_that_contradict_each_other_are_refused_with_both_numbers(
    #[case] field: &str,
    #[case] value: Value,
    #[case] sentence: &str,
) {
    let at = if field == "fallback" {
        "fallback.minReplicas"
    } else {
        field
    };
    assert_eq!(
        refused(field, value).await,
        [format!("spec.{at}: Invalid value: {sentence}")]
    );
}

#[tokio::test]
async fn a_minimum_equal_to_the_maximum_is_a_fixed_size() {
    let stored = submit(&autoscaler_with("minReplicas", json!(10))).await.unwrap();
    assert_eq!(stored["spec"]["minReplicas"], 10);
}

/// Neither beside a metric of pods (J29) nor by an edit (J31).
#[tokio::test]
async fn j29_j31_a_minimum_of_zero_is_refused() {
    let at = "spec.minReplicas";
    let expected = format!("{at}: Invalid value: 0: {at} in body should be greater than or equal to 1");
    assert_eq!(refused("minReplicas", json!(0)).await, [expected]);
}

#[rstest]
#[case("minReplicas", -1, "greater than or equal to 1")]
#[case("maxReplicas", 3_000_000_000, "less than or equal to 2147483647")]
#[case("intervalSeconds", 0, "greater than or equal to 1")]
#[case("intervalSeconds", -15, "greater than or equal to 1")]
#[case("intervalSeconds", 3601, "less than or equal to 3600")]
#[case("metrics.0.prometheus.maxSampleAgeSeconds", 0, "greater than or equal to 1")]
#[case("metrics.0.prometheus.maxSampleAgeSeconds", -5, "greater than or equal to 1")]
#[case("metrics.0.prometheus.maxSampleAgeSeconds", 86_401, "less than or equal to 86400")]
#[case("metrics.0.prometheus.lookBackSeconds", 0, "greater than or equal to 1")]
#[case("metrics.0.prometheus.lookBackSeconds", -1, "greater than or equal to 1")]
#[case("metrics.0.prometheus.lookBackSeconds", 86_401, "less than or equal to 86400")]
#[case("cooldown.scaleUpSeconds", -1, "greater than or equal to 0")]
#[case("cooldown.scaleUpSeconds", 86_401, "less than or equal to 86400")]
#[case("cooldown.scaleDownSeconds", -1, "greater than or equal to 0")]
#[case("cooldown.scaleDownSeconds", 86_401, "less than or equal to 86400")]
#[tokio::test]
async fn counts_and_durations_have_bounds(#[case] path: &str, #[case] value: i64, #[case] bound: &str) {
    let at = format!("spec.{}", path.replace(".0.", "[0]."));
    let expected = format!("{at}: Invalid value: {value}: {at} in body should be {bound}");
    assert_eq!(refused(path, json!(value)).await, [expected]);
}

#[rstest]
#[case("afterSeconds", 0, "greater than or equal to 1")]
#[case("afterSeconds", -60, "greater than or equal to 1")]
#[case("afterSeconds", 86_401, "less than or equal to 86400")]
#[case("minReplicas", 0, "greater than or equal to 1")]
#[tokio::test]
async fn a_fallback_has_bounds(#[case] field: &str, #[case] value: i64, #[case] bound: &str) {
    let mut fallback = json!({"afterSeconds": 60, "minReplicas": 2});
    fallback[field] = json!(value);
    let at = format!("spec.fallback.{field}");
    assert_eq!(
        refused("fallback", fallback).await,
        [format!("{at}: Invalid value: {value}: {at} in body should be {bound}")]
    );
}

#[tokio::test]
async fn a_fallback_up_to_the_maximum_is_accepted() {
    let stored = submit(&autoscaler_with(
        "fallback",
        json!({"afterSeconds": 86_400, "minReplicas": 10}),
    ))
    .await
    .unwrap();
    assert_eq!(stored["spec"]["fallback"]["minReplicas"], 10);
}

#[rstest]
#[case::target("scaleTargetRef")]
#[case::maximum("maxReplicas")]
#[case::metrics("metrics")]
#[case::metric_name("metrics.0.name")]
#[case::metric_target("metrics.0.target")]
#[case::query("metrics.0.prometheus.query")]
#[tokio::test]
async fn what_has_no_default_must_be_given(#[case] path: &str) {
    let expected = format!("spec.{}: Required value", path.replace(".0.", "[0]."));
    assert_eq!(refused(path, Value::Null).await, [expected]);
}

#[tokio::test]
async fn a_fallback_is_given_whole() {
    assert_eq!(
        refused("fallback", json!({"afterSeconds": 60})).await,
        ["spec.fallback.minReplicas: Required value"]
    );
}

#[rstest]
#[case::mode("mode", "Off", r#""Active", "DryRun", "Paused""#)]
#[case::case_matters("mode", "active", r#""Active", "DryRun", "Paused""#)]
#[case::when_missing("metrics.0.whenMissing", "Guess", r#""Hold", "Zero", "Ignore""#)]
#[case::when_nan("metrics.0.whenNaN", "Ignore", r#""Hold", "Zero""#)]
#[tokio::test]
async fn a_value_outside_a_choice_is_refused_with_the_choice(
    #[case] path: &str,
    #[case] value: &str,
    #[case] choice: &str,
) {
    let at = format!("spec.{}", path.replace(".0.", "[0]."));
    let expected = format!("{at}: Unsupported value: \"{value}\": supported values: {choice}");
    assert_eq!(refused(path, json!(value)).await, [expected]);
}

#[tokio::test]
async fn no_metric_at_all_is_refused() {
    let expected = "spec.metrics: Invalid value: 0: spec.metrics in body should have at least 1 items";
    assert_eq!(refused("metrics", json!([])).await, [expected]);
}

#[tokio::test]
async fn eight_metrics_are_accepted_and_nine_are_not() {
    let metrics = |count: usize| {
        (0..count)
            .map(|number| metric(&format!("m{number}")))
            .collect::<Vec<Value>>()
    };
    assert!(submit(&autoscaler_with("metrics", json!(metrics(8)))).await.is_ok());
    assert_eq!(
        refused("metrics", json!(metrics(9))).await,
        ["spec.metrics: Too many: 9: must have at most 8 items"]
    );
}

#[tokio::test]
async fn two_metrics_of_one_name_are_refused() {
    let twice = json!([metric("rate"), metric("rate")]);
    assert_eq!(
        refused("metrics", twice).await,
        [r#"spec.metrics[1]: Duplicate value: {"name":"rate"}"#]
    );
}

#[tokio::test]
async fn a_metric_without_a_source_is_refused_with_a_sentence() {
    let expected = "spec.metrics[0]: Invalid value: a metric needs a source: set prometheus.query";
    assert_eq!(refused("metrics.0.prometheus", Value::Null).await, [expected]);
}

#[rstest]
#[case::upper_case("Rate")]
#[case::underscore("publish_rate")]
#[case::dash_first("-rate")]
#[case::dot("a.b")]
#[case::empty("")]
#[tokio::test]
async fn a_metric_name_that_is_no_dns_label_is_refused_with_a_sentence(#[case] name: &str) {
    let expected = format!(
        "spec.metrics[0].name: Invalid value: \"{name}\": name must be a DNS label: lower case letters, digits and '-', \
         with a letter or digit first and last"
    );
    assert_eq!(refused("metrics.0.name", json!(name)).await, [expected]);
}

#[rstest]
#[case("metrics.0.name", 63)]
#[case("metrics.0.prometheus.query", 4096)]
#[case("scaleTargetRef.kind", 63)]
#[case("scaleTargetRef.name", 253)]
#[tokio::test]
async fn texts_are_as_long_as_they_may_be_and_no_longer(#[case] path: &str, #[case] longest: usize) {
    assert!(submit(&autoscaler_with(path, json!("a".repeat(longest)))).await.is_ok());
    let at = format!("spec.{}", path.replace(".0.", "[0]."));
    let too_long = json!("a".repeat(longest + 1));
    assert_eq!(
        refused(path, too_long).await,
        [format!("{at}: Too long: may not be more than {longest} bytes")]
    );
}

#[tokio::test]
async fn an_api_version_is_as_long_as_it_may_be_and_no_longer() {
    let longest = format!("{}/{}", "g".repeat(253), "v".repeat(63));
    assert!(
        submit(&autoscaler_with("scaleTargetRef.apiVersion", json!(longest)))
            .await
            .is_ok()
    );
    assert_eq!(
        refused("scaleTargetRef.apiVersion", json!(longest + "v")).await,
        ["spec.scaleTargetRef.apiVersion: Too long: may not be more than 317 bytes"]
    );
}

#[tokio::test]
async fn an_empty_query_is_refused() {
    let at = "spec.metrics[0].prometheus.query";
    assert_eq!(
        refused("metrics.0.prometheus.query", json!("")).await,
        [format!(
            "{at}: Invalid value: \"\": {at} in body should be at least 1 chars long"
        )]
    );
}

const API_VERSION: &str = "apiVersion must be an API group and a version, such as apps/v1";
const KIND: &str = "kind must be the name of a kind, such as Deployment or StatefulSet";
const NAME: &str = "name must be the name of an object: lower case letters, digits, '-' and '.', with a letter or digit first and last";

#[rstest]
#[case::j16_two_slashes("apiVersion", "apps/v1/v3", API_VERSION)]
#[case::upper_case("apiVersion", "Apps/v1", API_VERSION)]
#[case::no_version("apiVersion", "apps/", API_VERSION)]
#[case::j14_no_kind("kind", "", KIND)]
#[case::j14_dots("kind", "..", KIND)]
#[case::plural_path("kind", "apps/Deployment", KIND)]
#[case::j14_no_name("name", "", NAME)]
#[case::j14_no_path_segment("name", "..", NAME)]
#[case::slash("name", "a/b", NAME)]
#[case::upper_case_name("name", "Web", NAME)]
#[tokio::test]
async fn a_target_that_cannot_exist_is_refused_with_a_sentence(
    #[case] field: &str,
    #[case] value: &str,
    #[case] sentence: &str,
) {
    let expected = format!("spec.scaleTargetRef.{field}: Invalid value: \"{value}\": {sentence}");
    assert_eq!(
        refused(&format!("scaleTargetRef.{field}"), json!(value)).await,
        [expected]
    );
}

#[tokio::test]
async fn j15_an_api_version_without_a_group_is_refused_but_for_a_replication_controller() {
    let expected = "spec.scaleTargetRef.apiVersion: Invalid value: apiVersion must name the API group as well, such as \
                    apps/v1 for a Deployment or a StatefulSet";
    assert_eq!(refused("scaleTargetRef.apiVersion", json!("v1")).await, [expected]);
    let controller = json!({"apiVersion": "v1", "kind": "ReplicationController", "name": "web"});
    assert!(submit(&autoscaler_with("scaleTargetRef", controller)).await.is_ok());
}

#[tokio::test]
async fn an_autoscaler_cannot_scale_an_autoscaler() {
    let itself = json!({"apiVersion": "metricautoscaler.dev/v1alpha1", "kind": "MetricAutoscaler", "name": "web"});
    let expected = "spec.scaleTargetRef.apiVersion: Invalid value: a MetricAutoscaler cannot scale an object of \
                    metricautoscaler.dev: name the workload itself";
    assert_eq!(refused("scaleTargetRef", itself).await, [expected]);
}

#[tokio::test]
async fn what_is_left_out_has_its_default_and_nothing_nested_is_added() {
    let stored = submit(&autoscaler()).await.unwrap();
    let mut expected = autoscaler()["spec"].clone();
    expected["minReplicas"] = json!(1);
    expected["intervalSeconds"] = json!(15);
    expected["mode"] = json!("Active");
    assert_eq!(stored["spec"], expected);
}

#[rstest]
#[case("minReplicas")]
#[case("intervalSeconds")]
#[case("mode")]
#[case("behavior")]
#[case("cooldown")]
#[case("fallback")]
#[case("metrics.0.whenMissing")]
#[case("metrics.0.whenNaN")]
#[case("metrics.0.prometheus.maxSampleAgeSeconds")]
#[tokio::test]
async fn an_explicit_null_is_the_same_as_leaving_it_out(#[case] path: &str) {
    let stored = submit(&autoscaler_with(path, Value::Null)).await.unwrap();
    assert_eq!(stored["spec"], submit(&autoscaler()).await.unwrap()["spec"]);
}

#[tokio::test]
async fn what_the_schema_does_not_know_is_pruned() {
    let stored = submit(&autoscaler_with("schedule", json!({"timeZone": "UTC"})))
        .await
        .unwrap();
    assert_eq!(stored["spec"], submit(&autoscaler()).await.unwrap()["spec"]);
}

#[tokio::test]
async fn j24_a_metric_of_every_pod_is_compared_with_an_average() {
    let per_pod = |target: Value| {
        json!({
            "name": "rate",
            "prometheus": {"query": "rate(m[1m])", "perPod": {"podLabel": "pod_name"}},
            "target": target,
        })
    };
    let refusal = refused("metrics.0", per_pod(json!({"value": 5}))).await;
    assert_eq!(
        refusal,
        ["spec.metrics[0]: Invalid value: with perPod set target.averageValue: what each pod should carry"]
    );
    let stored = submit(&autoscaler_with("metrics.0", per_pod(json!({"averageValue": 5}))))
        .await
        .unwrap();
    // Nothing is defaulted into a list: GitOps tools would be out of sync for ever.
    assert_eq!(
        stored["spec"]["metrics"][0]["prometheus"]["perPod"],
        json!({"podLabel": "pod_name"})
    );
}

#[rstest]
#[case("podLabel", "pod-name")]
#[case("podLabel", "")]
#[case("namespaceLabel", "1st")]
#[case("namespaceLabel", "namespace ")]
#[tokio::test]
async fn labels_are_what_prometheus_calls_so(#[case] field: &str, #[case] name: &str) {
    let at = format!("metrics.0.prometheus.perPod.{field}");
    let expected = format!(
        "spec.{}: Invalid value: {name:?}: must be the name of a Prometheus label: letters, digits and '_', not a digit first",
        at.replace(".0.", "[0].")
    );
    assert_eq!(
        refused("metrics.0.prometheus.perPod", json!({field: name})).await,
        [expected]
    );
}
