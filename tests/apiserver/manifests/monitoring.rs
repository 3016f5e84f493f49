//! `config/monitoring`: the alerts fire when they should, and the dashboard shows something.

use std::collections::BTreeSet;
use std::fs;

use autoscaler_testkit::binaries::{Program, locate_all};
use autoscaler_testkit::prometheus::PrometheusOptions;
use autoscaler_testkit::wait::eventually;
use serde_json::Value;
use tokio::process::Command;

use super::rendered::{Rendered, directory};
use crate::shared::{plane, repository};
use crate::world::{DEADLINE, World, assert_contains};

const ALERT_TESTS: &str = include_str!("alerts.yaml");

/// The rules, as Prometheus would load them.
async fn rules() -> Value {
    Rendered::of("monitoring").await.only("PrometheusRule")["spec"].clone()
}

fn alerts(rules: &Value) -> Vec<&Value> {
    let groups = rules["groups"].as_array().unwrap();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect()
}

#[tokio::test]
async fn every_alert_fires_on_what_it_is_for_and_not_before() {
    let directory = plane().await.directory().join("alerts");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("rules.yaml"), rules().await.to_string()).unwrap();
    fs::write(directory.join("alerts.yaml"), ALERT_TESTS).unwrap();
    let [promtool] = locate_all([Program::Promtool]).await.unwrap();
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "alerts.yaml"]] {
        let output = Command::new(&promtool)
            .args(arguments)
            .current_dir(&directory)
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test]
async fn every_alert_has_a_unit_test_in_which_it_fires() {
    let rules = rules().await;
    let written = alerts(&rules).into_iter().map(|alert| alert["alert"].as_str().unwrap());
    let tests: Value = serde_saphyr::from_str(ALERT_TESTS).unwrap();
    let cases = tests["tests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_array().unwrap());
    let firing = cases.filter(|case| case.get("exp_alerts").is_some());
    let tested: BTreeSet<&str> = firing.map(|case| case["alertname"].as_str().unwrap()).collect();
    assert_eq!(written.collect::<BTreeSet<_>>(), tested);
}

#[tokio::test]
async fn every_alert_has_a_runbook_that_is_there() {
    for alert in alerts(&rules().await) {
        let runbook = alert["annotations"]["runbook_url"].as_str().unwrap();
        let (page, anchor) = runbook.split_once('#').unwrap();
        let page = fs::read_to_string(repository().join(page)).unwrap();
        let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
        let found = headings.map(str::to_lowercase).any(|heading| heading == anchor);
        assert!(
            found && alert["alert"].as_str().unwrap().to_lowercase() == anchor,
            "{runbook}"
        );
    }
}

/// All names in alerts and dashboard are on the page that is generated from the registry.
#[tokio::test]
async fn what_is_queried_is_exported() {
    let page = fs::read_to_string(repository().join("docs/reference/metrics.md")).unwrap();
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let exported: BTreeSet<String> = page.lines().filter_map(row).collect();
    let rules = rules().await;
    let asked = alerts(&rules)
        .into_iter()
        .map(|alert| alert["expr"].as_str().unwrap().to_owned());
    for query in asked.chain(panels().into_iter().map(|(_, query)| query)) {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: Vec<&str> = words
            .filter(|word| word.starts_with("metric_autoscaler") || word.starts_with("process_"))
            .collect();
        assert!(!names.is_empty(), "{query}");
        for name in names {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(exported.contains(family), "{name} in {query} is not exported");
        }
    }
}

/// Title and query of each panel.
fn panels() -> Vec<(String, String)> {
    let text = fs::read_to_string(directory("monitoring").join("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let queries = panels.flat_map(|panel| {
        let title = panel["title"].as_str().unwrap();
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(|target| (title.to_owned(), target["expr"].as_str().unwrap().to_owned()))
    });
    queries.collect()
}

/// What Grafana does before it asks.
fn filled_in(query: &str) -> String {
    let query = query.replace("$__rate_interval", "10s");
    query.replace("$namespace", ".*").replace("$name", ".*")
}

#[tokio::test]
async fn every_panel_shows_something() {
    let world = World::with_prometheus("dashboard", PrometheusOptions::default()).await;
    world.workload("Deployment", "web", 1).await;
    world.set_load(300.0).await;
    let operator = world.operator().await;
    world.prometheus.add_target("operator", operator.address, &[]).unwrap();
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_replicas("Deployment", "web", 3).await;
    let panels = panels();
    assert!(panels.len() > 20);
    for (title, query) in panels {
        let query = filled_in(&query);
        eventually(&format!("{title}: {query}"), DEADLINE, || async {
            let answer = world.prometheus.try_query(&query).await?;
            let series = answer["data"]["result"].as_array().map_or(0, Vec::len);
            (series > 0).then_some(()).ok_or(answer.to_string())
        })
        .await;
    }
    let replicas = world
        .prometheus
        .query("metric_autoscaler_desired_replicas")
        .await
        .to_string();
    // As with `honorLabels`: it is the autoscaler's.
    assert_contains(&replicas, &format!(r#""namespace":"{}""#, world.namespace));
}

/// Where Grafana's sidecar looks.
#[tokio::test]
async fn the_dashboard_is_picked_up() {
    let rendered = Rendered::of("monitoring").await;
    let shipped = rendered.only("ConfigMap");
    assert_eq!(shipped["metadata"]["labels"]["grafana_dashboard"], "1");
    let dashboard: Value = serde_json::from_str(shipped["data"]["metric-autoscaler.json"].as_str().unwrap()).unwrap();
    assert_eq!(dashboard["title"], "MetricAutoscaler");
}
