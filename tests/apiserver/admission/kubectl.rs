//! What a person at a terminal sees.

use std::fs;
use std::time::Duration;

use autoscaler_testkit::wait::eventually;
use serde_json::{Value, json};

use super::autoscaler;
use crate::shared::{definition_file, plane};

/// The output of a kubectl command that succeeds without a word of warning.
async fn kubectl(arguments: &[&str]) -> String {
    let output = plane().await.kubectl(arguments).await.unwrap();
    assert!(
        output.success && output.stderr.is_empty(),
        "kubectl {arguments:?}: {}",
        output.stderr
    );
    output.stdout
}

/// An autoscaler of its own namespace, applied.
async fn applied(prefix: &str, change: impl FnOnce(&mut Value)) -> (String, Value) {
    let namespace = plane().await.namespace(prefix).await.unwrap();
    let mut object = autoscaler();
    object["metadata"]["namespace"] = json!(namespace);
    change(&mut object);
    let output = plane()
        .await
        .kubectl_with_input(&["apply", "-f", "-"], &object.to_string())
        .await
        .unwrap();
    assert!(output.success && output.stderr.is_empty(), "{}", output.stderr);
    (namespace, object)
}

/// The text of `kubectl explain`, on one line. The server publishes a new schema a moment after it enforces it.
async fn explained(field: &str) -> String {
    let text = eventually("explain", Duration::from_secs(30), || async move {
        let output = plane().await.kubectl(&["explain", field]).await.unwrap();
        output.success.then_some(output.stdout)
    });
    text.await.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the server warns of when this definition replaces the one installed.
async fn warnings(definition: &str) -> String {
    let replace = ["replace", "--dry-run=server", "-f", "-"];
    let output = plane().await.kubectl_with_input(&replace, definition).await.unwrap();
    assert!(output.success, "{}", output.stderr);
    output.stderr
}

#[tokio::test]
async fn applying_the_definition_gives_no_warning() {
    let definition = fs::read_to_string(definition_file()).unwrap();
    assert_eq!(warnings(&definition).await, "");
    let careless = definition.replace("format: int64", "format: uint64");
    assert!(
        warnings(&careless).await.contains("unrecognized format \"uint64\""),
        "a warning would have been seen"
    );
}

#[tokio::test]
async fn explain_teaches_units_ranges_defaults_and_an_example() {
    let metrics = explained("mas.spec.metrics").await;
    for taught in [
        "1 to 8 of them",
        "the largest proposal wins",
        "may scale up but not down",
        "target: {averageValue: 100}",
        "whenMissing <string> enum: Hold, Zero, Ignore What it means when the query answers with no series at all. \
         Default Hold.",
        "whenNaN <string> enum: Hold, Zero",
    ] {
        assert!(metrics.contains(taught), "{taught:?} is not in: {metrics}");
    }
    for (field, taught) in [
        ("mas.spec.metrics.target.averageValue", "Quote fractions: \"0.5\""),
        ("mas.spec.metrics.target.value", "60m (0.06)"),
        ("mas.spec.metrics.prometheus.query", "Example: `sum(rate("),
        ("mas.spec.intervalSeconds", "1 to 3600, default 15"),
        ("mas.spec.mode", "ENUM: Active DryRun Paused"),
        ("mas.spec.behavior.scaleDown.selectPolicy", "Default Max"),
        ("mas.spec.behavior.scaleUp.tolerance", "Quote fractions: \"0.05\""),
        ("mas.spec.cooldown.scaleDownSeconds", "0 to 86400, default 0"),
        ("mas.spec.fallback", "held"),
        ("mas.status.nextChangeTime", "at the earliest"),
    ] {
        let text = explained(field).await;
        assert!(text.contains(taught), "{taught:?} is not in {field}: {text}");
    }
}

#[tokio::test]
async fn a_changed_target_is_refused_with_a_sentence() {
    let (namespace, mut object) = applied("immutable", |_| {}).await;
    object["spec"]["scaleTargetRef"]["name"] = json!("other");
    let output = plane()
        .await
        .kubectl_with_input(&["apply", "-f", "-"], &object.to_string())
        .await
        .unwrap();
    assert!(!output.success);
    assert_eq!(
        output.stderr.trim(),
        "The MetricAutoscaler \"web\" is invalid: spec.scaleTargetRef: Invalid value: scaleTargetRef is immutable: create \
         a new MetricAutoscaler instead"
    );
    let name = kubectl(&[
        "get",
        "mas",
        "web",
        "-n",
        &namespace,
        "-o",
        "jsonpath={.spec.scaleTargetRef.name}",
    ])
    .await;
    assert_eq!(name, "web");
}

#[tokio::test]
async fn every_other_field_can_be_changed() {
    let (_, mut object) = applied("mutable", |_| {}).await;
    object["spec"]["maxReplicas"] = json!(20);
    object["spec"]["mode"] = json!("Paused");
    object["spec"]["metrics"][0]["target"] = json!({"value": "60m"});
    let output = plane()
        .await
        .kubectl_with_input(&["apply", "-f", "-"], &object.to_string())
        .await
        .unwrap();
    assert!(output.success, "{}", output.stderr);
}

#[tokio::test]
async fn a_misspelt_field_is_refused_by_its_name() {
    let mut object = autoscaler();
    object["spec"]["maxReplica"] = json!(3);
    let output = plane()
        .await
        .kubectl_with_input(&["apply", "-f", "-"], &object.to_string())
        .await
        .unwrap();
    assert!(
        !output.success && output.stderr.contains("unknown field \"spec.maxReplica\""),
        "{}",
        output.stderr
    );
}

/// A status such as the operator writes.
fn status() -> Value {
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": "why", "observedGeneration": 1,
            "lastTransitionTime": "2026-11-22T10:00:00Z",
        })
    };
    json!({"status": {
        "conditions": [
            condition("Ready", "True", "ValidMetricFound"),
            condition("ScalingLimited", "True", "CoolingDown"),
        ],
        "currentMetrics": [
            {"name": "rate", "proposal": 4, "reading": "Fresh", "target": "100", "targetType": "AverageValue", "value": "173"},
            {"name": "delay", "reading": "Failed", "reason": "cannot be read: the source did not answer in time", "target": "60m", "targetType": "Value"},
        ],
        "currentReplicas": 2,
        "decisions": ["2026-11-22T10:00:00Z 1 -> 2: metric rate: 173 per replica, target 100, asks for 2"],
        "desiredReplicas": 3,
        "summary": "scaling up from 2 to 3: metric rate: 173 per replica, target 100, asks for 4",
        "targets": "173/100 (avg), <Failed>/60m",
    }})
}

/// Gives the autoscaler `web` that status.
async fn patch_status(namespace: &str) {
    let patch = status().to_string();
    let arguments = [
        "patch",
        "mas",
        "web",
        "-n",
        namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ];
    kubectl(&arguments).await;
}

/// The cells of a header and of the one row below it.
fn columns(table: &str) -> [Vec<String>; 2] {
    let mut lines = table.lines().map(|line| {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    });
    [lines.next().unwrap(), lines.next().unwrap()]
}

#[tokio::test]
async fn get_shows_the_columns_and_wide_the_reasons() {
    let (namespace, _) = applied("columns", |_| {}).await;
    patch_status(&namespace).await;

    let [header, row] = columns(&kubectl(&["get", "mas", "-n", &namespace]).await);
    let expected = [
        "NAME", "KIND", "TARGET", "TARGETS", "MIN", "MAX", "REPLICAS", "DESIRED", "MODE", "READY", "AGE",
    ];
    assert_eq!(header, expected);
    let expected = [
        "web",
        "Deployment",
        "web",
        "173/100 (avg), <Failed>/60m",
        "1",
        "10",
        "2",
        "3",
        "Active",
        "True",
    ];
    assert_eq!(row[..10], expected);

    let [header, row] = columns(&kubectl(&["get", "mas", "-n", &namespace, "-o", "wide"]).await);
    assert_eq!(header[11..], ["REASON", "LIMIT"]);
    assert_eq!(row[11..], ["ValidMetricFound", "CoolingDown"]);
}

#[tokio::test]
async fn the_short_name_and_the_category_find_it_and_wait_sees_it_ready() {
    let (namespace, _) = applied("names", |_| {}).await;
    for resource in ["mas", "metricautoscaler", "metricautoscalers", "all"] {
        let names = kubectl(&["get", resource, "-n", &namespace, "-o", "name"]).await;
        assert_eq!(names.trim(), "metricautoscaler.metricautoscaler.dev/web", "{resource}");
    }
    patch_status(&namespace).await;
    kubectl(&[
        "wait",
        "--for=condition=Ready",
        "mas/web",
        "-n",
        &namespace,
        "--timeout=10s",
    ])
    .await;
}

#[tokio::test]
async fn the_status_is_written_only_through_its_subresource() {
    let (namespace, _) = applied("subresource", |object| object["status"] = status()["status"].clone()).await;
    let stored = kubectl(&["get", "mas", "web", "-n", &namespace, "-o", "json"]).await;
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored.get("status"), None);
}

#[tokio::test]
async fn describe_begins_each_metric_with_its_name_and_ends_with_the_summary() {
    let (namespace, _) = applied("describe", |_| {}).await;
    patch_status(&namespace).await;
    let described = kubectl(&["describe", "mas", "web", "-n", &namespace]).await;
    let metrics: Vec<&str> = described
        .lines()
        .skip_while(|line| line.trim() != "Current Metrics:")
        .skip(1)
        .take_while(|line| line.starts_with("    "))
        .map(|line| line.split(':').next().unwrap().trim())
        .collect();
    let expected = [
        "Name",
        "Proposal",
        "Reading",
        "Target",
        "Target Type",
        "Value",
        "Name",
        "Reading",
        "Reason",
        "Target",
        "Target Type",
    ];
    assert_eq!(metrics, expected);
    let last: Vec<&str> = described
        .lines()
        .rev()
        .take(3)
        .map(|line| line.split(':').next().unwrap().trim())
        .collect();
    assert_eq!(last, ["Events", "Targets", "Summary"]);
}
