//! A metric that is not there beside one that is, and a user's word on what that means (R4, R11).

use std::time::{Duration, Instant};

use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::fault_proxy::Fault;
use autoscaler_testkit::prometheus::PrometheusOptions;
use rstest::rstest;
use serde_json::json;

use super::coverage::shop;
use super::scene::{LITTLE, MUCH, REPLICAS, Scene, metric};
use crate::world::{Operator, World, assert_contains};

#[tokio::test]
async fn r11_one_unreadable_metric_of_two_blocks_shrinking_by_name_and_leaves_growth_to_the_other() {
    let scene = Scene::shared("pair").await;
    let world = &scene.world;
    world.exporter.set("load{case=\"pair-other\"}", LITTLE);
    let other = format!("sum(load{{namespace=\"{}\",case=\"pair-other\"}})", world.namespace);
    world.prometheus.wait_for(&other, |load| load > 0.0).await;
    let mut spec = scene.spec();
    spec["metrics"]
        .as_array_mut()
        .unwrap()
        .insert(0, metric("other", &other));
    scene.begin(spec).await;
    let trouble = scene.trouble_where(|query| query.contains("pair-other"), Fault::status(503));
    scene.set_load(LITTLE).await;

    let message = world
        .wait_condition("pair", "ScalingLimited", "True", "ScaleDownBlockedByMetric")
        .await;
    let said = "metric other: cannot be read: the source is overloaded or shutting down (HTTP 503), blocks scaling down since ";
    assert_contains(&message, said);
    scene.is_held(REPLICAS).await;
    scene.is_well().await;
    scene.wait_warning("ScaleDownBlockedByMetric", said).await;
    let status = scene.status().await;
    let [unread, read] = &status.current_metrics[..] else {
        panic!("{status:#?}")
    };
    assert_eq!((unread.name.as_str(), unread.reading.as_str()), ("other", "Failed"));
    assert!(unread.since.is_some() && read.since.is_none(), "{status:#?}");

    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    trouble.lift();
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
}

#[tokio::test]
async fn r4_a_missing_metric_that_is_to_be_ignored_does_not_take_part() {
    let scene = Scene::shared("ignored").await;
    let never = format!("sum(load{{namespace=\"{}\",case=\"never\"}})", scene.world.namespace);
    let mut spec = scene.spec();
    spec["metrics"] = json!([metric("never", &never), metric("load", &scene.query)]);
    for metric in spec["metrics"].as_array_mut().unwrap() {
        metric["whenMissing"] = json!("Ignore");
    }
    scene.begin(spec).await;
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
    let left_out = scene.status().await.current_metrics[0]
        .reason
        .clone()
        .unwrap_or_default();
    assert_contains(&left_out, "no series, left out (whenMissing: Ignore)");

    // With the other one gone as well, nothing is asked for and nothing is wrong.
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    scene.world.exporter.remove(&scene.series(""));
    scene
        .world
        .wait_status("ignored", "no metric", |status| {
            (status.current_metrics[1].reading == "Missing").then_some(())
        })
        .await;
    scene.is_held(5).await;
    scene.is_well().await;
}

/// A world of its own, for the proof is about all answers of a source, in which absence is no load.
async fn begin_with_zero(name: &'static str, look_back: Duration, field: &str) -> (Scene, Operator) {
    let world = World::new(name).await;
    let operator = world.operator().await;
    let scene = Scene::in_world(world, name);
    let mut spec = scene.spec();
    spec["metrics"][0]["prometheus"]["lookBackSeconds"] = json!(look_back.as_secs());
    spec["metrics"][0][field] = json!("Zero");
    scene.begin(spec).await;
    (scene, operator)
}

/// The size sinks to the minimum, and it is said that an absence was taken for no load.
async fn shrinks_as_without_load(scene: &Scene, class: &str) {
    scene.wait_replicas(1).await;
    let active = scene
        .world
        .wait_condition(scene.name, "ScalingActive", "True", "ValidMetricFound");
    assert_contains(&active.await, "counts as 0");
    assert_eq!(scene.status().await.current_metrics[0].reading, class);
}

#[rstest]
#[case::missing("zero", "whenMissing", "MetricMissing", "Missing")]
#[case::not_a_number("nan-zero", "whenNaN", "MetricNotANumber", "NotANumber")]
#[tokio::test]
async fn r4_absence_is_no_load_only_where_the_source_scrapes_targets(
    #[case] name: &'static str,
    #[case] field: &str,
    #[case] reason: &str,
    #[case] class: &str,
) {
    let (scene, _operator) = begin_with_zero(name, Duration::from_secs(1), field).await;
    let nothing = json!({"status": "success", "data": {"resultType": "vector", "result": []}});
    let scrapes_nothing = scene.trouble_where(|query| query.contains("count(up)"), Fault::Answer(nothing));
    match field {
        "whenNaN" => scene.set_load(f64::NAN).await,
        _ => scene.world.exporter.remove(&scene.series("")),
    }
    let told = if class == "Missing" {
        "no series"
    } else {
        "not a number"
    };
    scene.wait_unread(reason, class, told).await;
    scene.is_held(REPLICAS).await;
    scrapes_nothing.lift();
    shrinks_as_without_load(&scene, class).await;
}

/// A scrape that fails, for a network policy or a port renamed, while everything else is scraped as ever.
#[tokio::test]
async fn r4_absence_is_unknown_load_while_the_targets_that_had_the_series_are_down() {
    let load = shop("load", "a");
    let options = PrometheusOptions::default();
    let options = options.with_history(load.clone(), Duration::from_mins(10), Duration::from_secs(1), |_| 300.0);
    let world = World::with_prometheus("zero-down", options).await;
    let workload = Exporter::start();
    workload.set(&load, 300.0);
    let address = workload.address();
    world
        .prometheus
        .add_target("web", address, &[("instance", "a")])
        .unwrap();
    world.prometheus.wait_for("count(up == 1)", |up| up > 1.5).await;
    let _operator = world.operator().await;
    let scene = Scene::in_world(world, "zero-down").asking(|_| "sum(load{namespace=\"shop\"})".to_owned());
    let mut spec = scene.spec();
    spec["metrics"][0]["prometheus"]["lookBackSeconds"] = json!(1);
    spec["metrics"][0]["whenMissing"] = json!("Zero");
    scene.create(spec).await;
    scene.is_well().await;

    workload.fail(true);
    scene.wait_unread("MetricMissing", "Missing", "no series").await;
    scene.is_held(REPLICAS).await;

    workload.remove(&load);
    workload.fail(false);
    shrinks_as_without_load(&scene, "Missing").await;
}

#[tokio::test]
async fn r4_absence_is_no_load_only_after_the_source_has_answered_for_one_look_back() {
    const LOOK_BACK: Duration = Duration::from_secs(5);
    let (scene, _operator) = begin_with_zero("zero-again", LOOK_BACK, "whenMissing").await;
    let outage = scene.trouble_where(|_| true, Fault::status(503));
    let unavailable = scene
        .world
        .wait_condition(scene.name, "Ready", "False", "SourceUnavailable");
    unavailable.await;
    scene.world.exporter.remove(&scene.series(""));
    let back = Instant::now();
    outage.lift();
    shrinks_as_without_load(&scene, "Missing").await;
    assert!(back.elapsed() >= LOOK_BACK, "believed after {:?}", back.elapsed());
}
