//! Operations on members: the double of VerneMQ as the pods of a StatefulSet under the real controllers, and operators under
//! the rights of `config/rbac`.

mod committed;
mod etcd;
mod installed;
mod midway;
mod numbers;
mod panels;
mod people;
pub(crate) mod profiles;
mod rabbitmq;
mod rights;
mod stage;
mod walk;

use autoscaler_api::conditions::reason;

use crate::world::assert_contains;
use numbers::Record;
use stage::Stage;

#[tokio::test]
async fn five_members_become_three_and_five_again_one_at_a_time() {
    let stage = Stage::new("cycle", 5).await;
    let record = Record::of(&stage).await;
    let _operator = stage.world.operator().await;
    stage.autoscale(300.0).await;
    stage.wait_members(3).await;
    stage.wait_rest().await;
    let text = stage.describe().await;
    assert_contains(&text, "shrank from 4 to 3: VerneMQ@broker-3.");
    // Whoever starts on the claim of a member that has left is refused; the StatefulSet deletes them.
    stage.world.set_load(500.0).await;
    stage.wait_members(5).await;
    stage.wait_rest().await;
    assert_eq!(stage.finalizers().await, Vec::<String>::new());
    assert_eq!(record.broken(&stage), Vec::<String>::new());
    numbers::tell("cycle", record.measured(&stage));
    let advanced = stage.world.events("broker", reason::OPERATION_ADVANCED).await;
    assert!(advanced.iter().all(|event| {
        event
            .related
            .as_ref()
            .is_some_and(|of| of.kind.as_deref() == Some("StatefulSet"))
    }));
}

#[tokio::test]
async fn load_that_comes_back_before_the_commit_takes_it_back_and_nothing_is_left_of_it() {
    let stage = Stage::new("load", 3).await;
    stage.shut_the_gate().await;
    let _operator = stage.world.operator().await;
    stage.autoscale(200.0).await;
    stage.wait_stable("False", reason::GATE_CLOSED).await;
    let text = stage.describe().await;
    assert_contains(&text, "waiting for the gate netsplit to open");
    assert_contains(&text, "the annotation metricautoscaler.dev/abort: ");
    stage.world.set_load(300.0).await;
    stage.wait_stable("True", reason::STABLE).await;
    stage.wait_members(3).await;
    stage.wait_rest().await;
}

#[tokio::test]
async fn m10_a_person_who_scales_down_is_told_of_who_is_missing() {
    let stage = Stage::with_kept_claims("person", 3).await;
    let _operator = stage.world.operator().await;
    stage.autoscale(300.0).await;
    stage.wait_healthy("True", reason::MEMBERS_AGREE).await;
    stage
        .world
        .edit("broker", serde_json::json!({"spec": {"mode": "Paused"}}))
        .await;
    stage.world.wait_condition("broker", "Ready", "True", "Paused").await;
    stage.world.scale_by_hand("StatefulSet", "broker", 2).await;
    stage.wait_pods(2).await;
    stage
        .world
        .edit(
            "broker",
            serde_json::json!({"spec": {"mode": "Active", "maxReplicas": 2}}),
        )
        .await;
    let message = stage.wait_healthy("False", reason::UNDRAINED_REMOVAL).await;
    assert_contains(&message, "VerneMQ@broker-2.");
    // Scaled back, it heals.
    stage
        .world
        .edit("broker", serde_json::json!({"spec": {"maxReplicas": 10}}))
        .await;
    stage.wait_members(3).await;
    stage.wait_healthy("True", reason::MEMBERS_AGREE).await;
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_with_the_binding_that_gives_it() {
    let stage = Stage::without_rights("right", 3).await;
    let _operator = stage.world.operator().await;
    stage.autoscale(200.0).await;
    let message = stage.wait_healthy("False", reason::FORBIDDEN).await;
    assert_contains(&message, "this binding gives it the right, by kubectl apply -f -: {");
    stage.give_rights().await;
    stage.wait_members(2).await;
    stage.wait_rest().await;
}
