//! How long pods are watched, and by how many (R24), as the API server's own audit log has it.

use autoscaler_testkit::audit::Mark;
use autoscaler_testkit::wait::eventually;
use kube::api::DeleteParams;
use rstest::rstest;
use serde_json::json;

use super::{LOAD, autoscale, set};
use crate::world::{DEADLINE, World};
use crate::writers::rival;

/// The verbs of what our operators have asked about pods since then.
async fn asked(world: &World, mark: Mark) -> Vec<String> {
    let requests = world.all_requests_since(mark).await;
    let asked = requests.into_iter().filter(|request| request.resource == "pods");
    asked.map(|request| request.verb).collect()
}

/// Waits until an autoscaler knows its pods.
async fn knows_pods(world: &World, name: &str) {
    world
        .wait_status(name, "on how many pods the number rests", |status| {
            let summary = status.summary.as_deref()?;
            (summary.contains("per pod") || summary.contains("pods measured")).then_some(())
        })
        .await;
}

/// How many watches of pods there are of those that have begun since then.
async fn present(world: &World, mark: Mark) -> usize {
    let ended = world.watches_ended_since(mark);
    let ended = ended.iter().filter(|request| request.resource == "pods").count();
    let begun = asked(world, mark).await;
    begun.iter().filter(|verb| *verb == "watch").count() - ended
}

async fn wait_present(world: &World, mark: Mark, count: usize) {
    eventually(&format!("{count} watches of pods"), DEADLINE, || async {
        let present = present(world, mark).await;
        (present == count).then_some(()).ok_or(present)
    })
    .await;
}

#[tokio::test]
async fn r24_pods_are_watched_from_the_first_metric_that_is_about_each_of_them() {
    let world = World::new("pods").await;
    world.set_load(200.0).await;
    world.workload("StatefulSet", "web", 2).await;
    set(&world, "web-0", 100.0).await;
    let mark = world.mark();
    let _operator = world.operator().await;
    world.autoscale("web", "StatefulSet", "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    assert_eq!(asked(&world, mark).await, Vec::<String>::new());

    let per_pod = json!({"spec": {"metrics": [{
        "name": "load",
        "prometheus": {"query": LOAD, "perPod": {}},
        "target": {"averageValue": 100},
    }]}});
    world.edit("web", per_pod).await;
    knows_pods(&world, "web").await;
    let asked = asked(&world, mark).await;
    assert!(asked.contains(&"list".to_owned()), "{asked:?}");
}

/// What ends the need of an autoscaler for its pods.
#[derive(Debug)]
enum End {
    Edit,
    Pause,
    Conflict,
    Deletion,
}

#[rstest]
#[case(End::Edit)]
#[case(End::Pause)]
#[case(End::Conflict)]
#[case(End::Deletion)]
#[tokio::test]
async fn r24_pods_are_watched_until_the_last_that_needs_them_does_no_longer(#[case] end: End) {
    let world = World::new("pods").await;
    for name in ["other", "web"] {
        world.workload("Deployment", name, 1).await;
    }
    let mark = world.mark();
    let operator = world.operator().await;
    for name in ["other", "web"] {
        autoscale(&world, "Deployment", name, "").await;
        knows_pods(&world, name).await;
    }
    world
        .autoscalers()
        .delete("other", &DeleteParams::default())
        .await
        .unwrap();
    operator.wait_evaluations(3).await;
    wait_present(&world, mark, 1).await;

    match end {
        End::Edit => {
            let metrics = json!({"spec": {"metrics": [{
                "name": "load",
                "prometheus": {"query": world.load()},
                "target": {"averageValue": 100},
            }]}});
            world.edit("web", metrics).await;
        }
        End::Pause => world.edit("web", json!({"spec": {"mode": "Paused"}})).await,
        End::Conflict => world.create(&rival(&world, "HorizontalPodAutoscaler")).await,
        End::Deletion => drop(
            world
                .autoscalers()
                .delete("web", &DeleteParams::default())
                .await
                .unwrap(),
        ),
    }
    wait_present(&world, mark, 0).await;
}

#[tokio::test]
async fn r24_the_autoscalers_of_a_namespace_share_one_watch_of_its_pods() {
    const MANY: u32 = 10;
    let world = World::new("pods").await;
    let names: Vec<String> = (0..MANY).map(|number| format!("web-{number}")).collect();
    for name in &names {
        world.create_workload("StatefulSet", name, 1).await;
        let series = format!("{LOAD}{{namespace=\"{}\",pod=\"{name}-0\"}}", world.namespace);
        world.exporter.set(&series, 100.0);
    }
    for name in &names {
        world.wait_replicas("StatefulSet", name, 1).await;
        set(&world, &format!("{name}-0"), 100.0).await;
    }
    let mark = world.mark();
    let operator = world.operator().await;
    for name in &names {
        autoscale(&world, "StatefulSet", name, "").await;
    }
    for name in &names {
        knows_pods(&world, name).await;
        world.wait_condition(name, "Ready", "True", "ValidMetricFound").await;
    }
    operator.wait_evaluations(2 * MANY).await;
    let rest = world.mark();
    operator.wait_evaluations(3 * MANY).await;
    let at_rest = world.requests_since(rest).await;
    // The API server may end a watch early (its cache is behind the list, say), and then it is begun again.
    let others: Vec<_> = at_rest.into_iter().filter(|request| request.verb != "watch").collect();
    assert_eq!(others, []);
    wait_present(&world, mark, 1).await;
    let asked = asked(&world, mark).await;
    let times = |verb: &str| asked.iter().filter(|asked| *asked == verb).count();
    let (lists, watches) = (times("list"), times("watch"));
    assert!((1..=names.len()).contains(&lists), "{lists} lists");
    assert!(watches <= lists + 2, "{watches} watches after {lists} lists");
}
