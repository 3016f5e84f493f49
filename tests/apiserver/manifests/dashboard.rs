//! The dashboard of `config/monitoring`: each panel shows something, and Grafana's sidecar finds it.

use std::fs;

use autoscaler_testkit::prometheus::PrometheusOptions;
use autoscaler_testkit::wait::eventually;
use serde_json::{Value, json};

use super::rendered::{Rendered, directory};
use crate::world::{DEADLINE, World, assert_contains};

/// The row whose panels are about members: `crate::membership::panels`.
pub(crate) const MEMBERS: &str = "Members of clusters";

/// One query of a panel.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) row: String,
    panel: String,
    pub(super) text: String,
}

/// Those of all panels, each in its row.
pub(crate) fn queries() -> Vec<Query> {
    let text = fs::read_to_string(directory("monitoring").join("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let (mut row, mut queries) = (String::new(), Vec::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        if panel["type"] == "row" {
            title.clone_into(&mut row);
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries.push(Query {
                row: row.clone(),
                panel: title.to_owned(),
                text: target["expr"].as_str().unwrap().to_owned(),
            });
        }
    }
    queries
}

/// What Grafana does before it asks. What stands for "none" is no answer here.
fn filled_in(query: &str) -> String {
    let query = query.replace("$__rate_interval", "10s").replace(" or vector(0)", "");
    query.replace("$namespace", ".*").replace("$name", ".*")
}

/// Waits until each has an answer.
pub(crate) async fn all_show_something(world: &World, queries: &[Query]) {
    for Query { panel, text, .. } in queries {
        let query = filled_in(text);
        eventually(&format!("{panel}: {query}"), DEADLINE, || async {
            let answer = world.prometheus.try_query(&query).await?;
            let series = answer["data"]["result"].as_array().map_or(0, Vec::len);
            (series > 0).then_some(()).ok_or(answer.to_string())
        })
        .await;
    }
}

#[tokio::test]
async fn every_panel_shows_something() {
    let world = World::with_prometheus("dashboard", PrometheusOptions::default()).await;
    world.workload("Deployment", "web", 1).await;
    world.set_load(300.0).await;
    let operator = world.operator().await;
    world.prometheus.add_target("operator", operator.address, &[]).unwrap();
    world.autoscale("web", "Deployment", "web", "").await;
    world.autoscale("nowhere", "Deployment", "nowhere", "").await;
    for name in ["high", "held"] {
        world.workload("Deployment", name, 4).await;
    }
    world.autoscale("high", "Deployment", "high", "").await;
    world.edit("high", json!({"spec": {"maxReplicas": 2}})).await;
    let absent = "  - {name: absent, prometheus: {query: 'sum(no_such_series)'}, target: {averageValue: 1}}\n";
    world.autoscale("held", "Deployment", "held", absent).await;
    world.wait_replicas("Deployment", "web", 3).await;
    let mut queries = queries();
    queries.retain(|query| query.row != MEMBERS);
    assert!(queries.len() > 20);
    all_show_something(&world, &queries).await;
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
