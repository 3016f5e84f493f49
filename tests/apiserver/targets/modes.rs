//! What is done at all: bounds always, changes only in mode Active, and nothing that a person has switched off.

use std::time::{Duration, Instant};

use autoscaler_testkit::wait::eventually;
use rstest::rstest;
use serde_json::json;

use crate::world::{DEADLINE, LOAD, World, assert_contains};

#[rstest]
#[case::above_the_maximum(12, 10, "12 is above maxReplicas (10)")]
#[case::below_the_minimum(1, 3, "1 is below minReplicas (3)")]
#[tokio::test]
async fn a_count_outside_the_bounds_is_corrected_even_with_the_source_down(
    #[case] from: u32,
    #[case] to: u32,
    #[case] why: &str,
) {
    let world = World::new("bounds").await;
    world.workload("Deployment", "web", from).await;
    world.proxy.refuse();
    let _operator = world.operator().await;
    let spec = world.default_spec("").replace("minReplicas: 1", "minReplicas: 3");
    world.apply_autoscaler("web", "Deployment", "web", &spec).await;
    world.wait_wanted("Deployment", "web", to).await;
    world
        .wait_condition("web", "ScalingActive", "False", "SourceUnreachable")
        .await;
    let status = world
        .wait_status("web", "the correction", |status| {
            (status.current_replicas == i32::try_from(to).ok()).then(|| status.clone())
        })
        .await;
    assert_contains(&status.decisions.join("\n"), &format!("{from} -> {to}: {why}"));
}

#[tokio::test]
async fn a_target_scaled_to_zero_is_left_alone_until_a_person_scales_it_up() {
    let world = World::new("zero").await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 2).await;
    let operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_wanted("Deployment", "web", 3).await;

    world.scale_by_hand("Deployment", "web", 0).await;
    let message = world.wait_condition("web", "Ready", "True", "ScalingDisabled").await;
    assert_contains(&message, "spec.replicas 0, which pauses autoscaling");
    world
        .wait_condition("web", "ScalingActive", "False", "ScalingDisabled")
        .await;
    operator.wait_evaluations(3).await;
    assert_eq!(world.replicas("Deployment", "web").await, 0);

    world.scale_by_hand("Deployment", "web", 1).await;
    world.wait_wanted("Deployment", "web", 3).await;
    world
        .wait_condition("web", "ScalingActive", "True", "ValidMetricFound")
        .await;
}

#[rstest]
#[case::of_the_autoscaler("  mode: DryRun\n", &[])]
#[case::of_the_installation("", &["--max-mode=dryrun"])]
#[tokio::test]
async fn a_dry_run_decides_and_reports_and_writes_nothing(#[case] mode: &str, #[case] flags: &[&str]) {
    let world = World::new("dry-run").await;
    world.set_load(500.0).await;
    world.workload("Deployment", "web", 2).await;
    let mark = world.mark();
    let _operator = world.operator_with("operator", flags).await;
    world.autoscale("web", "Deployment", "web", mode).await;
    let message = world.wait_condition("web", "Ready", "True", "DryRun").await;
    assert_contains(&message, "dry run, nothing is written: scaling up from 2 to 5");
    world.wait_condition("web", "ScalingActive", "False", "DryRun").await;
    world.wait_evaluations(4).await;

    let status = world.status("web").await;
    assert_eq!((status.current_replicas, status.desired_replicas), (Some(2), Some(5)));
    assert_eq!(status.last_scale_time, None);
    // Once, however often it is decided.
    assert_eq!(status.decisions.len(), 1, "{:?}", status.decisions);
    assert_contains(
        &status.decisions[0],
        "2 -> 5 (dry run): metric load: 250 per replica, target 100",
    );
    assert_eq!(world.replicas("Deployment", "web").await, 2);
    assert_eq!(world.scale_writes_since(mark).await, []);
}

#[rstest]
#[case::of_the_autoscaler("  mode: Paused\n", &[], "mode is Paused")]
#[case::of_the_installation("", &["--max-mode=paused"], "--max-mode=paused")]
#[tokio::test]
async fn what_is_paused_asks_nobody_for_anything(#[case] mode: &str, #[case] flags: &[&str], #[case] why: &str) {
    let world = World::new("paused").await;
    world.set_load(500.0).await;
    world.workload("Deployment", "web", 2).await;
    let mark = world.mark();
    let operator = world.operator_with("operator", flags).await;
    world.autoscale("web", "Deployment", "web", mode).await;
    let message = world.wait_condition("web", "Ready", "True", "Paused").await;
    assert_contains(&message, why);
    world.wait_condition("web", "ScalingActive", "False", "Paused").await;
    operator.wait_evaluations(4).await;
    assert_eq!(world.proxy.queries(), [""; 0]);
    assert_eq!(world.scale_writes_since(mark).await, []);
}

#[tokio::test]
async fn an_interval_below_the_minimum_of_the_operator_is_clamped_and_said_so() {
    let world = World::new("clamped").await;
    world.set_load(200.0).await;
    world.workload("Deployment", "web", 2).await;
    let _operator = world.operator_with("operator", &["--min-interval", "3"]).await;
    let began = Instant::now();
    world.autoscale("web", "Deployment", "web", "").await;
    let message = world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    assert_contains(
        &message,
        "intervalSeconds is below the operator's minimum: evaluated every 3 s",
    );
    world.wait_evaluations(3).await;
    // The first is at once, the second on the beat that suits it, half an interval later at least.
    assert!(began.elapsed() > Duration::from_secs(7), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_edit_of_the_spec_is_evaluated_at_once() {
    let world = World::new("edited").await;
    world.set_load(500.0).await;
    world.workload("Deployment", "web", 2).await;
    let _operator = world.operator().await;
    let hourly = world
        .default_spec("")
        .replace("intervalSeconds: 1\n", "intervalSeconds: 3600\n")
        .replace("maxReplicas: 10", "maxReplicas: 3");
    world.apply_autoscaler("web", "Deployment", "web", &hourly).await;
    // The first evaluation is at once as well.
    world.wait_wanted("Deployment", "web", 3).await;
    world.edit("web", json!({"spec": {"maxReplicas": 4}})).await;
    world.wait_wanted("Deployment", "web", 4).await;
    let asked = || {
        let queries = world.proxy.queries();
        queries.iter().filter(|query| query.contains(LOAD)).count()
    };
    let before = asked();
    world.edit("web", json!({"spec": {"maxReplicas": 6}})).await;
    world.wait_wanted("Deployment", "web", 5).await;
    eventually("it was asked for the metric again", DEADLINE, || async {
        asked() > before
    })
    .await;
    let generation = world.autoscalers().get("web").await.unwrap().metadata.generation;
    world
        .wait_status("web", "the edit is answered to", |status| {
            (status.observed_generation == generation).then_some(())
        })
        .await;
}
