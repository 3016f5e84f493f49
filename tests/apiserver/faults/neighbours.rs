//! Trouble with one query stays with the one who asks it; and who asks the same is answered together.

use std::collections::BTreeSet;

use autoscaler_testkit::fault_proxy::Fault;
use autoscaler_testkit::wait::eventually;
use kube::api::ListParams;
use serde_json::json;

use super::scene::{ENOUGH, LITTLE, MUCH, REPLICAS, Scene, shared};
use crate::world::{DEADLINE, World};

#[tokio::test]
async fn a_query_that_hangs_delays_nobody_else() {
    let (slow, prompt) = tokio::join!(Scene::shared("slow"), Scene::shared("prompt"));
    let _trouble = slow.trouble(Fault::Hang);
    let mut spec = slow.spec();
    spec["intervalSeconds"] = json!(3600);
    tokio::join!(slow.create(spec), prompt.begin(prompt.spec()));
    eventually("the query that hangs", DEADLINE, async || slow.asked() == 1).await;
    for (load, replicas) in [(MUCH, 5), (LITTLE, 1), (ENOUGH, 3)] {
        prompt.set_load(load).await;
        prompt.wait_replicas(replicas).await;
    }
    // All the while it was one and the same query that hung.
    assert_eq!(slow.asked(), 1);
    assert_eq!(slow.status().await.conditions, []);
}

#[tokio::test]
async fn r5a_a_hostile_query_hurts_nobody_else_and_is_not_passed_on() {
    let (hostile, neighbour) = tokio::join!(Scene::shared("hostile"), Scene::shared("neighbour"));
    let hostile = hostile.asking(|load| format!("{}sum({load})", "-".repeat(4000)));
    tokio::join!(hostile.create(hostile.spec()), neighbour.begin(neighbour.spec()));
    hostile
        .wait_unread(
            "QueryRefused",
            "Failed",
            "cannot be read: the query has 4000 operators; at most 500 are sent",
        )
        .await;
    hostile
        .is_held_during(
            async {
                neighbour.set_load(MUCH).await;
                neighbour.wait_replicas(5).await;
                neighbour.set_load(LITTLE).await;
                neighbour.wait_replicas(1).await;
            },
            REPLICAS,
        )
        .await;
    hostile
        .wait_unread(
            "QueryRefused",
            "Failed",
            "cannot be read: the query has 4000 operators; at most 500 are sent",
        )
        .await;
    assert_eq!(hostile.asked(), 0);
    assert!(shared().await.1.process.is_running());
}

#[tokio::test]
async fn one_query_of_many_autoscalers_is_sent_once_for_all_of_them() {
    const MANY: f64 = 6.0;
    const ROUNDS: f64 = 5.0;
    let world = World::new("alike").await;
    let operator = world.operator().await;
    let scene = Scene::in_world(world, "alike");
    scene.begin(scene.spec()).await;
    let mut dry_run = scene.spec();
    dry_run["mode"] = json!("DryRun");
    for number in 1..6 {
        scene.autoscale(&format!("alike-{number}"), &dry_run).await;
    }
    let statuses = async || {
        scene
            .world
            .autoscalers()
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
    };
    let wanted = async || {
        statuses()
            .await
            .iter()
            .map(|found| found.status.as_ref()?.desired_replicas)
            .collect::<BTreeSet<_>>()
    };
    eventually("all have decided", DEADLINE, async || {
        wanted().await == [Some(3)].into()
    })
    .await;

    let evaluations = || operator.metric("metric_autoscaler_evaluations_total", "");
    let (asked, before) = (scene.asked(), evaluations().await);
    let several = eventually("several rounds of evaluations", DEADLINE, async || {
        let evaluated = evaluations().await - before;
        (evaluated >= ROUNDS * MANY).then_some(evaluated)
    });
    let evaluated = several.await;
    let sent = f64::from(u32::try_from(scene.asked() - asked).unwrap());
    // Once for six, or twice on a machine on which evaluations of one instant come half a second apart.
    assert!(sent <= evaluated / 3.0, "sent {sent} times for {evaluated} evaluations");
    scene.set_load(MUCH).await;
    eventually("all want five", DEADLINE, async || wanted().await == [Some(5)].into()).await;
}
