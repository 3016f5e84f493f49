//! Numbers that cover only a part of the load, or of the past: they may justify growth, never a shrink (R1 to R3).

use std::time::Duration;

use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::fault_proxy::Fault;
use autoscaler_testkit::prometheus::PrometheusOptions;
use k8s_openapi::jiff::Timestamp;
use rstest::rstest;
use serde_json::json;

use super::scene::{LITTLE, MUCH, REPLICAS, Scene};
use crate::world::{World, assert_contains};

const SECOND: Duration = Duration::from_secs(1);
const TEN_MINUTES: Duration = Duration::from_mins(10);

/// A series whose labels are the same in the past that a server is given and in what is scraped: they are the exporter's.
pub(super) fn shop(metric: &str, instance: &str) -> String {
    format!("{metric}{{job=\"web\",instance=\"{instance}\",namespace=\"shop\"}}")
}

/// Growth goes on, shrinking does not, and who blocks it is told with these words.
async fn blocks_shrinking(scene: &Scene, words: &str) {
    let message = scene
        .world
        .wait_condition(scene.name, "ScalingLimited", "True", "ScaleDownBlockedByMetric")
        .await;
    assert_contains(&message, words);
    scene.is_held(REPLICAS).await;
    scene.is_well().await;
    assert_eq!(scene.status().await.current_metrics[0].reading, "Partial");
    scene.wait_warning("ScaleDownBlockedByMetric", words).await;
}

#[tokio::test]
async fn r3_a_warning_of_the_real_prometheus_allows_growth_and_no_shrink() {
    // A quantile of buckets without their label `le` is no number, but comes with a warning.
    let odd = |scene: &Scene| scene.series(",odd=\"true\"").replace("load{", "odd{");
    let scene = Scene::shared("warning").await;
    let selector = format!("odd{{namespace=\"{}\",case=\"warning\"}}", scene.world.namespace);
    let scene = scene.asking(|load| format!("sum({load}) or histogram_quantile(0.9, {selector})"));
    scene.begin(scene.spec()).await;
    scene.world.exporter.set(&odd(&scene), 1.0);
    scene.set_load(LITTLE).await;
    blocks_shrinking(&scene, "the source warns that the answer is not whole").await;
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    scene.world.exporter.remove(&odd(&scene));
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
}

#[tokio::test]
async fn r3_a_warning_of_a_store_that_did_not_answer_allows_growth_and_no_shrink() {
    let scene = Scene::shared("store").await;
    scene.begin(scene.spec()).await;
    let words = "No StoreAPIs matched for this query";
    let trouble = scene.trouble(Fault::Warnings(vec![words.to_owned()]));
    scene.set_load(LITTLE).await;
    blocks_shrinking(&scene, "the source warns that the answer is not whole").await;
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    trouble.lift();
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
}

#[rstest]
#[case::among_the_warnings("advice", |advice| Fault::Warnings(vec![advice]))]
#[case::of_its_own_kind("info", |advice| Fault::Infos(vec![advice]))]
#[tokio::test]
async fn r3_advice_does_not_stand_in_the_way(#[case] name: &'static str, #[case] fault: fn(String) -> Fault) {
    let scene = Scene::shared(name).await;
    let advice = "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket";
    let _trouble = scene.trouble(fault(advice.to_owned()));
    scene.begin(scene.spec()).await;
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
    scene
        .world
        .wait_condition(name, "ScalingLimited", "False", "DesiredWithinRange")
        .await;
    assert!(scene.world.events(name, "ScaleDownBlockedByMetric").await.is_empty());
}

#[tokio::test]
async fn r3_advice_of_the_real_prometheus_does_not_stand_in_the_way() {
    // A rate of what is not called a counter.
    let query = |load: &str| format!("sum(last_over_time({load}[3s])) + 0 * sum(rate({load}[3s]))");
    let scene = Scene::shared("rate").await.asking(query);
    scene.begin(scene.spec()).await;
    let answer = scene.world.prometheus.query(&scene.query).await;
    assert_contains(&answer["infos"].to_string(), "might not be a counter");
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
}

#[tokio::test]
async fn r2_half_of_the_targets_no_longer_scraped_allows_growth_and_no_shrink() {
    let known = |options: PrometheusOptions, instance| {
        options.with_history(shop("load", instance), TEN_MINUTES, SECOND, |_| 150.0)
    };
    let options = ["a", "b"].into_iter().fold(PrometheusOptions::default(), known);
    let world = World::with_prometheus("half", options).await;
    let second = Exporter::start();
    world.exporter.set(&shop("load", "a"), 150.0);
    second.set(&shop("load", "b"), 150.0);
    world.prometheus.add_target("second", second.address(), &[]).unwrap();
    world.prometheus.wait_for("sum(up)", |up| up > 1.5).await;
    let _operator = world.operator().await;
    let scene = Scene::in_world(world, "half").asking(|_| "sum(load{namespace=\"shop\"})".to_owned());
    scene.create(scene.spec()).await;
    scene.is_well().await;
    second.refuse(true);
    blocks_shrinking(
        &scene,
        "covers only part of the load (1 series now, 2 one look-back ago)",
    )
    .await;
    scene.world.exporter.set(&shop("load", "a"), MUCH);
    scene.wait_replicas(5).await;
    scene.world.exporter.set(&shop("load", "a"), LITTLE / 2.0);
    scene.is_held(5).await;
    second.set(&shop("load", "b"), LITTLE / 2.0);
    second.refuse(false);
    scene.wait_replicas(1).await;
}

#[tokio::test]
async fn r2_series_of_a_prometheus_that_has_just_returned_allow_growth_and_no_shrink() {
    // Short enough for the samples from before it to be found still, long enough to leave the range almost empty.
    let outage = (3 * TEN_MINUTES, Duration::from_secs(210));
    let requests = shop("requests_total", "a");
    let options = PrometheusOptions::default();
    let options = options.with_history_until(&requests, outage, SECOND, |age| 300.0 * age.as_secs_f64());
    let world = World::with_prometheus("young", options).await;
    world.exporter.set_rate(&requests, 300.0);
    let query = "sum(rate(requests_total{namespace=\"shop\"}[3m]))";
    let low = world.prometheus.wait_for(query, |rate| rate > 0.0).await;
    assert!(low < LITTLE, "{low}");
    let _operator = world.operator().await;
    let scene = Scene::in_world(world, "young").asking(|_| query.to_owned());
    scene.create(scene.spec()).await;
    blocks_shrinking(&scene, "reads low until its series fill the range of 180 s").await;
    scene.world.exporter.set_rate(&requests, 1e6);
    scene.wait_replicas(10).await;
}

#[tokio::test]
async fn r1_without_a_probe_there_is_no_change() {
    const PROBE_FAILED: &str = "metric load: read, but the check of its age and coverage failed: the source is overloaded or \
                                shutting down (HTTP 503)";
    let scene = Scene::shared("blind").await;
    let trouble = scene.trouble_for_probes(Fault::status(503));
    scene.begin(scene.spec()).await;
    for load in [MUCH, LITTLE] {
        scene.set_load(load).await;
        scene.wait_unread("ProbeFailed", "Failed", PROBE_FAILED).await;
        scene.is_held(REPLICAS).await;
    }
    trouble.lift();
    scene.wait_replicas(1).await;
    scene.is_well().await;
}

/// What reads whole ranges is the first to fail where there are many series. Then only shrinking waits for it.
#[tokio::test]
async fn r2_a_fill_that_cannot_be_checked_allows_growth_and_no_shrink() {
    let query = |load: &str| format!("sum(max_over_time({load}[3s]))");
    let scene = Scene::shared("unfilled").await.asking(query);
    let reads_ranges = |query: &str| query.contains("case=\"unfilled\"") && query.contains("count_over_time(");
    let trouble = scene.trouble_where(reads_ranges, Fault::status(422));
    scene.begin(scene.spec()).await;
    scene.set_load(LITTLE).await;
    let words =
        "may read low, for whether its series fill the range could not be checked (the source answers with an error)";
    blocks_shrinking(&scene, words).await;
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    trouble.lift();
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
}

#[tokio::test]
async fn r1_samples_older_than_allowed_neither_grow_nor_shrink_anything() {
    let old = (TEN_MINUTES, Duration::from_mins(2));
    let options = PrometheusOptions::default().with_history_until(shop("load", "a"), old, SECOND, |_| 700.0);
    let world = World::with_prometheus("stale", options).await;
    let _operator = world.operator().await;
    let scene = Scene::in_world(world, "stale").asking(|_| "sum(load{namespace=\"shop\"})".to_owned());
    let mut spec = scene.spec();
    spec["metrics"][0]["prometheus"]["maxSampleAgeSeconds"] = json!(60);
    scene.create(spec).await;
    scene
        .wait_unread("MetricStale", "Stale", "s old, more than the 60 s allowed")
        .await;
    scene.is_held(REPLICAS).await;
    scene.world.exporter.set(&shop("load", "a"), MUCH);
    scene.wait_replicas(5).await;
    scene.is_well().await;
}

#[tokio::test]
async fn r2_a_query_that_only_prometheus_understands_works_and_is_locked_after_a_gap() {
    const LOOK_BACK: Duration = Duration::from_mins(5);
    let scene = Scene::shared("foreign")
        .await
        .asking(|load| format!("sum({load}) + 0 * 1_000_000"));
    scene.begin(scene.spec()).await;
    let told = scene.status().await.current_metrics[0]
        .reason
        .clone()
        .unwrap_or_default();
    assert_contains(&told, "cannot be probed: the query is not understood here");
    assert_contains(&told, "; scaling down locks for 300 s after a gap");
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;

    scene.world.exporter.remove(&scene.series(""));
    scene.wait_unread("MetricMissing", "Missing", "no series").await;
    scene.is_held(5).await;
    let back = Timestamp::now();
    scene.set_load(LITTLE).await;
    let message = scene
        .world
        .wait_condition("foreign", "ScalingLimited", "True", "DataGap")
        .await;
    assert_contains(
        &message,
        "metric load had a gap and reads low, so nothing scales down until ",
    );
    let next = scene.status().await.next_change_time.unwrap().0;
    // Status has whole seconds.
    assert!(next + SECOND >= back + LOOK_BACK, "back at {back}, locked until {next}");
    scene.is_held(5).await;
    scene.set_load(700.0).await;
    scene.wait_replicas(7).await;
}
