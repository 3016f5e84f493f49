//! What happens while a write of ours is on its way (R20): behind a door, between our read and the API server's act.

use autoscaler_testkit::audit::Mark;
use kube::api::{DeleteParams, Patch, PatchParams};
use rstest::rstest;
use serde_json::json;

use crate::brokers;
use crate::gated::{Door, PATIENT};
use crate::operator::Operator;
use crate::world::assert_contains;

/// A target of 2 replicas whose load asks for 5, and the first write of that, which waits at the door.
async fn write_on_its_way(kind: &str) -> (Door, Operator, Mark) {
    let door = Door::closed("race").await;
    let world = &door.world;
    world.set_load(500.0).await;
    if kind == "Broker" {
        brokers::install(world.plane).await;
        let rules = [
            "{apiGroups: [example.com], resources: [brokers], verbs: [get, list, watch]}",
            "{apiGroups: [example.com], resources: [brokers/scale], verbs: [get]}",
        ];
        brokers::grant(world, &rules).await;
        brokers::create(world, "web", 2).await;
    } else {
        world.workload(kind, "web", 2).await;
    }
    let mark = world.mark();
    let operator = world.operator_with("operator", &PATIENT).await;
    // One evaluation: whatever follows, follows from the answer to the write.
    let spec = world
        .default_spec("")
        .replace("intervalSeconds: 1\n", "intervalSeconds: 3600\n")
        .replace("stabilizationWindowSeconds: 0", "stabilizationWindowSeconds: 300");
    world.apply_autoscaler("web", kind, "web", &spec).await;
    door.wait_for_a_write().await;
    (door, operator, mark)
}

/// What the API server answered to our writes of the size.
async fn answers(door: &Door, mark: Mark) -> Vec<u16> {
    let writes = door.world.scale_writes_since(mark).await;
    writes.iter().map(|write| write.code).collect()
}

#[rstest]
#[case("Deployment", 422)]
#[case("StatefulSet", 422)]
#[case("Broker", 409)]
#[tokio::test]
async fn r20_a_count_set_by_hand_is_not_overwritten(#[case] kind: &str, #[case] refused: u16) {
    let (door, _operator, mark) = write_on_its_way(kind).await;
    let world = &door.world;
    world.scale_by_hand(kind, "web", 8).await;
    door.open();
    let status = world
        .wait_status("web", "the count set by hand is known", |status| {
            (status.current_replicas == Some(8)).then(|| status.clone())
        })
        .await;
    assert_contains(&status.decisions.join("\n"), "2 -> 8 by somebody else");
    assert_eq!(status.desired_replicas, Some(8));
    assert_eq!(world.replicas(kind, "web").await, 8);
    assert_eq!(answers(&door, mark).await, [refused]);
}

#[rstest]
#[case("Deployment", 422)]
#[case("Broker", 409)]
#[tokio::test]
async fn r20_a_target_created_again_is_decided_on_afresh(#[case] kind: &str, #[case] refused: u16) {
    let (door, _operator, mark) = write_on_its_way(kind).await;
    let world = &door.world;
    let before = world.api(kind).get("web").await.unwrap().metadata.uid;
    world.api(kind).delete("web", &DeleteParams::default()).await.unwrap();
    // The same name, the same count.
    if kind == "Broker" {
        brokers::create(world, "web", 2).await;
    } else {
        world.create_workload(kind, "web", 2).await;
    }
    door.open();
    world.wait_wanted(kind, "web", 5).await;
    let after = world.api(kind).get("web").await.unwrap().metadata.uid;
    assert_ne!(before, after);
    assert_eq!(answers(&door, mark).await, [refused, 200]);
    world
        .wait_status("web", "memory belongs to the new target", |status| {
            (status.target_uid == after).then_some(())
        })
        .await;
}

#[rstest]
#[case("Deployment", &[200])]
#[case("StatefulSet", &[200])]
#[case::whose_uid_the_server_does_not_check("Broker", &[409, 200])]
#[tokio::test]
async fn r20_e96_whoever_writes_something_else_does_not_stop_it(#[case] kind: &str, #[case] expected: &[u16]) {
    let (door, _operator, mark) = write_on_its_way(kind).await;
    let world = &door.world;
    for number in 0..3 {
        let annotation = json!({"metadata": {"annotations": {"number": number.to_string()}}});
        let parameters = PatchParams::default();
        let patch = Patch::Merge(annotation);
        world.api(kind).patch("web", &parameters, &patch).await.unwrap();
    }
    door.open();
    world.wait_wanted(kind, "web", 5).await;
    assert_eq!(answers(&door, mark).await, expected);
}
