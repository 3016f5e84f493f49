//! Metrics of every pod (R10), on pods that a real control plane makes.

mod owners;
mod watches;

use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{ListParams, PostParams};
use rstest::rstest;

use crate::world::{DEADLINE, World, assert_contains};

const LOAD: &str = "load_of_pod";

/// Sets the load of one pod, and waits until Prometheus answers it.
pub(crate) async fn set(world: &World, pod: &str, value: f64) {
    let series = format!("{LOAD}{{namespace=\"{}\",pod=\"{pod}\"}}", world.namespace);
    world.exporter.set(&series, value);
    world
        .prometheus
        .wait_for(&series, |seen| (seen - value).abs() < 1e-9)
        .await;
}

/// An autoscaler of 1 to 10 replicas that keeps its pods at 100 each.
pub(crate) async fn autoscale(world: &World, kind: &str, target: &str, more: &str) {
    let spec = World::spec_of("load", &format!("query: {LOAD}, perPod: {{}}{more}"));
    world.apply_autoscaler(target, kind, target, &spec).await;
}

/// The names of the pods of a workload, all of them running.
async fn pods(world: &World, app: &str, count: usize) -> Vec<String> {
    let api: Api<Pod> = Api::namespaced(world.client.clone(), &world.namespace);
    let selected = ListParams::default().labels(&format!("app={app}"));
    eventually(&format!("{count} pods of {app} run"), DEADLINE, || async {
        let listed = api.list(&selected).await.map_err(|error| error.to_string())?;
        let running = listed.items.into_iter().filter(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
        });
        let names: Vec<String> = running.filter_map(|pod| pod.metadata.name).collect();
        if names.len() == count {
            Ok(names)
        } else {
            Err(format!("{names:?}"))
        }
    })
    .await
}

/// A pod with the labels of an app that something else controls, so that nobody adopts it.
async fn stranger(world: &World, app: &str) {
    let owner: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    let named = ConfigMap {
        metadata: ObjectMeta {
            name: Some("owner".to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    let uid = owner
        .create(&PostParams::default(), &named)
        .await
        .unwrap()
        .metadata
        .uid
        .unwrap();
    world
        .create(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: stranger\n  namespace: {}\n  labels: {{app: {app}}}\n  \
             ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}, controller: true}}]\nspec: \
             {{containers: [{{name: main, image: none}}]}}\n",
            world.namespace
        ))
        .await;
}

/// The pods of a workload but for that one.
async fn own_pods(world: &World, app: &str, count: usize) -> Vec<String> {
    let mut names = pods(world, app, count + 1).await;
    names.retain(|name| name != "stranger");
    names
}

#[rstest]
#[case("StatefulSet")]
#[case("Deployment")]
#[case("ReplicaSet")]
#[tokio::test]
async fn r10_a_target_follows_the_average_of_its_own_pods(#[case] kind: &str) {
    let world = World::new("pods").await;
    world.workload(kind, "web", 2).await;
    // A pod that carries the labels of the target and is not its own, with two series, and pods of the same names elsewhere.
    stranger(&world, "web").await;
    for path in ["a", "b"] {
        let namespace = &world.namespace;
        world.exporter.set(
            &format!("{LOAD}{{namespace=\"{namespace}\",pod=\"stranger\",path=\"{path}\"}}"),
            9_000.0,
        );
    }
    for pod in own_pods(&world, "web", 2).await {
        world
            .exporter
            .set(&format!("{LOAD}{{namespace=\"elsewhere\",pod=\"{pod}\"}}"), 9_000.0);
        set(&world, &pod, 200.0).await;
    }
    let _operator = world.operator().await;
    // Each pod carries what it is told to, however many there are: without a minimum two of 40 would become one.
    let spec = World::spec_of("load", &format!("query: {LOAD}, perPod: {{}}"));
    let spec = spec.replacen("minReplicas: 1", "minReplicas: 2", 1);
    world.apply_autoscaler("web", kind, "web", &spec).await;
    world.wait_replicas(kind, "web", 4).await;
    let ready = world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    assert_contains(&ready, "metric load: ");

    for pod in own_pods(&world, "web", 4).await {
        set(&world, &pod, 40.0).await;
    }
    world.wait_replicas(kind, "web", 2).await;
    world
        .wait_status("web", "what the pods that are left carry", |status| {
            (status.targets.as_deref() == Some("40/100 (avg)")).then_some(())
        })
        .await;
}

#[tokio::test]
async fn r10_a_pod_without_a_series_is_reckoned_against_the_change() {
    let world = World::new("pods").await;
    world.workload("StatefulSet", "web", 4).await;
    set(&world, "web-0", 300.0).await;
    set(&world, "web-1", 300.0).await;
    let _operator = world.operator().await;
    autoscale(&world, "StatefulSet", "web", "").await;
    // As if the other two carried nothing: 600 for 100 each.
    world.wait_wanted("StatefulSet", "web", 6).await;
    world
        .wait_status("web", "on how many pods the number rested", |status| {
            let rested =
                " 4 -> 6: metric load: 300 per pod, target 100, asks for 6, 2 of 4 pods measured (2 without a series)";
            let mut decisions = status.decisions.iter();
            decisions.any(|line| line.contains(rested)).then_some(())
        })
        .await;
}

#[tokio::test]
async fn r10_two_series_for_one_pod_are_not_a_number() {
    let world = World::new("pods").await;
    world.workload("StatefulSet", "web", 2).await;
    set(&world, "web-1", 300.0).await;
    for path in ["a", "b"] {
        world.exporter.set(
            &format!(
                "{LOAD}{{namespace=\"{}\",pod=\"web-0\",path=\"{path}\"}}",
                world.namespace
            ),
            300.0,
        );
    }
    world
        .prometheus
        .wait_for(&format!("count({LOAD}{{namespace=\"{}\"}})", world.namespace), |seen| {
            seen > 2.5
        })
        .await;
    let _operator = world.operator().await;
    autoscale(&world, "StatefulSet", "web", "").await;
    let message = world
        .wait_condition("web", "Ready", "False", "MetricTooManySeries")
        .await;
    assert_contains(&message, "2 series for pod web-0 where one is due");
    assert_eq!(world.replicas("StatefulSet", "web").await, 2);
}

#[tokio::test]
async fn r10_pods_younger_than_the_query_looks_back_hold_a_shrink() {
    let world = World::new("pods").await;
    world.workload("StatefulSet", "web", 2).await;
    set(&world, "web-0", 10.0).await;
    set(&world, "web-1", 10.0).await;
    let operator = world.operator().await;
    autoscale(&world, "StatefulSet", "web", ", lookBackSeconds: 600").await;
    world
        .wait_status("web", "that its pods are young", |status| {
            let summary = status.summary.as_deref()?;
            summary
                .contains("0 of 2 pods measured (2 too young for the range of the query)")
                .then_some(())
        })
        .await;
    operator.wait_evaluations(3).await;
    assert_eq!(world.replicas("StatefulSet", "web").await, 2);
}

#[tokio::test]
async fn r10_a_shrink_that_waits_for_newer_samples_says_until_when() {
    let world = World::new("pods").await;
    world.workload("StatefulSet", "web", 4).await;
    for pod in pods(&world, "web", 4).await {
        set(&world, &pod, 40.0).await;
    }
    let _operator = world.operator().await;
    // Two of four once the pods are as old as the samples; then each of the two reads 40 still, and one would do.
    autoscale(&world, "StatefulSet", "web", ", lookBackSeconds: 40").await;
    world.wait_replicas("StatefulSet", "web", 2).await;
    let message = world
        .wait_condition("web", "ScalingLimited", "True", "AwaitingSamples")
        .await;
    let waits = "metric load still looks back to before the last scale down, or a change by others, so nothing scales down until ";
    assert_contains(&message, waits);
    world
        .wait_status("web", "what is wanted meanwhile", |status| {
            status.summary.as_deref()?.contains("asks for 1").then_some(())
        })
        .await;
    assert_eq!(world.replicas("StatefulSet", "web").await, 2);
    world.wait_replicas("StatefulSet", "web", 1).await;
}
