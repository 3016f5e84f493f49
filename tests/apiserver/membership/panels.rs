//! The panels of the dashboard that are about members, while one is to leave.

use autoscaler_api::conditions::reason;

use super::stage::Stage;
use crate::manifests::dashboard::{MEMBERS, all_show_something, queries};

#[tokio::test]
async fn every_panel_of_members_shows_something_while_one_is_to_leave() {
    let stage = Stage::new("panels", 3).await;
    stage.shut_the_gate().await;
    let world = &stage.world;
    let operator = world.operator().await;
    world.prometheus.add_target("panels", operator.address, &[]).unwrap();
    stage.autoscale(200.0).await;
    stage.wait_stable("False", reason::GATE_CLOSED).await;
    let mut queries = queries();
    queries.retain(|query| query.row == MEMBERS);
    assert!(queries.len() > 5);
    all_show_something(world, &queries).await;
}
