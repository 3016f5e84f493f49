//! At rest nothing is written and nothing is asked for (R24), as the API server's own audit log has it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use autoscaler_api::MetricAutoscaler;
use autoscaler_testkit::exporter::Shape;
use autoscaler_testkit::wait::eventually;
use kube::api::ListParams;

use crate::world::{DEADLINE, LOAD, World};

/// How many evaluations show that it is so, and not just a pause.
const MANY: usize = 6;

/// A lease that a busy machine renews in time, every 15 s.
const UNHURRIED: [&str; 2] = ["--lease-duration", "90"];

/// A spec whose queries have seconds to be answered in, so that a busy machine makes none of them fail: a query's deadline
/// lies below the interval.
fn unhurried(spec: &str) -> String {
    spec.replace("intervalSeconds: 1\n", "intervalSeconds: 4\n")
}

#[tokio::test]
async fn with_a_constant_metric_nothing_is_written_or_read_but_the_lease() {
    let world = World::new("constant").await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 1).await;
    world.workload("StatefulSet", "db", 2).await;
    let _operator = world.operator_with("operator", &UNHURRIED).await;
    let windowed = unhurried(&world.default_spec("  cooldown: {scaleUpSeconds: 5, scaleDownSeconds: 5}\n"))
        .replace("stabilizationWindowSeconds: 0", "stabilizationWindowSeconds: 10");
    world.apply_autoscaler("web", "Deployment", "web", &windowed).await;
    world.apply_autoscaler("db", "StatefulSet", "db", &windowed).await;
    world.wait_replicas("Deployment", "web", 3).await;
    world.wait_replicas("StatefulSet", "db", 3).await;
    // What follows the change comes to its end.
    world.wait_evaluations(MANY).await;

    let mark = world.mark();
    world.wait_evaluations(MANY).await;
    assert_eq!(world.requests_since(mark).await, []);
    eventually("the lease is renewed", DEADLINE, || async {
        let kept = world.all_requests_since(mark).await;
        let is_renewed = kept.iter().any(|request| request.verb == "update");
        is_renewed.then_some(()).ok_or(format!("{kept:?}"))
    })
    .await;
}

#[tokio::test]
async fn noise_within_the_tolerance_changes_no_size_and_seldom_a_status() {
    const WINDOW: u64 = 60;
    let world = World::new("noise").await;
    world.set_load(400.0).await;
    world.workload("Deployment", "web", 4).await;
    let operator = world.operator_with("operator", &UNHURRIED).await;
    let spec =
        unhurried(&world.default_spec("")).replace("stabilizationWindowSeconds: 0", "stabilizationWindowSeconds: 60");
    world.apply_autoscaler("web", "Deployment", "web", &spec).await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    let noise = Shape::Sinusoid {
        middle: 400.0,
        amplitude: 20.0,
        period: Duration::from_secs(7),
    };
    world.exporter.set_shape(LOAD, noise);
    world
        .prometheus
        .wait_for(&world.load(), |seen| (seen - 400.0).abs() > 10.0)
        .await;

    let asked = async |outcome: &str| operator.metric("metric_autoscaler_queries_total", outcome).await;
    let unanswered = async || asked("").await - asked("outcome=\"answered\"").await;
    let (mark, began, before) = (world.mark(), Instant::now(), unanswered().await);
    world.wait_evaluations(MANY).await;
    let took = began.elapsed().as_secs();
    let unanswered = unanswered().await - before;
    let requests = world.requests_since(mark).await;
    let (statuses, others): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|request| request.subresource == "status");
    assert_eq!(others, []);
    // That a source does not answer, on a busy machine, is news, and so is that it does again.
    let allowed = f64::from(u32::try_from(took / (WINDOW / 10)).unwrap() + 1) + 2.0 * unanswered;
    let written = f64::from(u32::try_from(statuses.len()).unwrap());
    assert!(
        written <= allowed,
        "{written} statuses in {took} s, {unanswered} unanswered"
    );
}

#[tokio::test]
async fn what_is_asked_at_rest_does_not_grow_with_the_number_of_autoscalers() {
    let world = World::new("many").await;
    world.set_load(100.0).await;
    let mark = world.mark();
    let operator = world.operator_with("operator", &UNHURRIED).await;

    let mut at_rest = Vec::new();
    for numbers in [0..3, 3..30] {
        let count = numbers.end;
        for number in numbers {
            let name = format!("web-{number}");
            world.create_workload("Deployment", &name, 1).await;
            world
                .apply_autoscaler(&name, "Deployment", &name, &unhurried(&world.default_spec("")))
                .await;
        }
        wait_all_ready(&world, count).await;
        // Every one of them twice, so that what follows the first evaluation is over.
        operator.wait_evaluations(2 * count).await;
        let rest = world.mark();
        operator.wait_evaluations(3 * count).await;
        at_rest.push(world.requests_since(rest).await);
    }
    assert_eq!(at_rest, [Vec::new(), Vec::new()]);

    // From the start on: a watch per kind, whatever the number of objects. The API server may end one early (its cache is
    // behind the list, say), and then it is begun again.
    let mut watches = BTreeMap::new();
    let requests = world.requests_since(mark).await;
    for request in requests.into_iter().filter(|request| request.verb == "watch") {
        *watches.entry(request.resource).or_insert(0) += 1;
    }
    assert!(watches.contains_key("deployments"), "{watches:?}");
    assert!(watches.values().all(|count| *count <= 3), "{watches:?}");
}

#[tokio::test]
async fn edits_in_a_row_are_evaluated_no_more_often_than_the_operator_allows() {
    const ALLOWED: u64 = 20;
    const EDITS: u64 = 20;
    let world = World::new("edits").await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 3).await;
    let (began, interval) = (Instant::now(), ALLOWED.to_string());
    let _operator = world.operator_with("operator", &["--min-interval", &interval]).await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    for edit in 0..EDITS {
        world
            .edit("web", serde_json::json!({"spec": {"maxReplicas": 10 + edit}}))
            .await;
    }
    world
        .wait_status("web", "the last edit is seen", |status| {
            (status.observed_generation == Some(1 + i64::try_from(EDITS - 1).unwrap())).then_some(())
        })
        .await;
    let asked = world.proxy.queries().len();
    let allowed = usize::try_from(2 + began.elapsed().as_secs() / ALLOWED).unwrap();
    assert!(asked <= allowed, "{asked} queries, {allowed} allowed");
}

async fn wait_all_ready(world: &World, count: u32) {
    let count = usize::try_from(count).unwrap();
    eventually(&format!("{count} autoscalers are ready"), DEADLINE, || async {
        let listed = world.autoscalers().list(&ListParams::default()).await.unwrap();
        let ready = listed.items.iter().filter(|autoscaler| is_ready(autoscaler)).count();
        (ready == count).then_some(()).ok_or(ready)
    })
    .await;
}

fn is_ready(autoscaler: &MetricAutoscaler) -> bool {
    let conditions = autoscaler.status.iter().flat_map(|status| &status.conditions);
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
