//! What operations on members need beyond the base role: the roles of `config/rbac/membership_role.yaml`, each rule of them,
//! and nothing else. They are shipped unbound, so the installed operator does not use them: here they are bound as
//! `docs/guide/stateful.md` says. The policies of `config/guard` are in force: they take nothing from it that it needs.

use std::time::Duration;

use autoscaler_testkit::recorder::{Call, Side};
use autoscaler_testkit::rights::Right;
use autoscaler_testkit::wait::eventually;
use kube::api::DeleteParams;

use super::stage::Stage;
use crate::access::rights_in_file;
use crate::manifests::guard;

const PATIENCE: Duration = Duration::from_mins(8);

#[tokio::test]
async fn every_right_to_work_on_members_is_used_and_none_is_missing() {
    let stage = Stage::new("member-rights", 2).await;
    stage.give_rights_to_the_cluster().await;
    let rights = rights_in_file("membership_role.yaml");
    let world = &stage.world;
    world.wait_for_rights(&rights).await;
    guard::enforce(world).await;

    let mark = world.mark();
    let _operator = world.operator().await;
    stage.autoscale(300.0).await;
    guard::wait_lowerable(world, "broker", 1, false).await;
    stage.wait_members(3).await;
    stage.wait_rest().await;
    delete_in_the_middle_of_a_leave(&stage).await;
    stage.wait_members(2).await;
    // Its autoscaler is deleted. Nobody drains it, and its claim goes with it: the other one is made to forget it.
    guard::wait_lowerable(world, "broker", 1, true).await;
    world.scale_by_hand("StatefulSet", "broker", 1).await;
    stage.wait_pods(1).await;
    stage.autoscale(100.0).await;
    let nodes = Right::new("", "nodes", "list");
    eventually("the nodes are asked for", PATIENCE, || async {
        let requests = world.all_requests_since(mark).await;
        let asked = requests.iter().any(|request| nodes.allows(request));
        asked
            .then_some(())
            .ok_or(format!("{:?}", world.status("broker").await.conditions))
    })
    .await;

    let requests = world.all_requests_since(mark).await;
    let refused: Vec<_> = requests.iter().filter(|request| request.code == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let is_used = |right: &Right| requests.iter().any(|request| right.allows(request));
    let unused: Vec<_> = rights.iter().filter(|right| !is_used(right)).collect();
    assert!(unused.is_empty(), "{unused:#?}");
}

/// At the step that cannot be taken back: what holds the autoscaler is looked after until the leave has ended, and whether its
/// namespace is going, too.
async fn delete_in_the_middle_of_a_leave(stage: &Stage) {
    let world = &stage.world;
    let is_leave = |call: &Call| call.path.contains("--kill_sessions");
    let mut leave = stage.kubelet.log().hold(Side::Before, is_leave);
    world.set_load(200.0).await;
    leave.reached(PATIENCE).await.unwrap();
    let autoscalers = world.autoscalers();
    autoscalers.delete("broker", &DeleteParams::default()).await.unwrap();
    leave.release();
    eventually("the autoscaler is let go", PATIENCE, || async {
        let found = autoscalers.get_opt("broker").await.unwrap();
        found.map_or(Ok(()), |found| Err(format!("{:?}", found.metadata.finalizers)))
    })
    .await;
}
