//! What the source is sent with every question, and what it is never sent.

use std::fs;

use autoscaler_testkit::fault_proxy::Recorded;
use autoscaler_testkit::wait::eventually;

use super::scene::{ENOUGH, LITTLE, MUCH, Scene, shared};
use crate::world::{DEADLINE, World};

#[tokio::test]
async fn r5_no_time_is_ever_sent() {
    let scene = Scene::shared("timeless").await;
    scene.begin(scene.spec()).await;
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;
    scene.set_load(LITTLE).await;
    scene.wait_replicas(1).await;
    // Of all tests so far: queries, probes and proofs.
    let requests = shared().await.0.proxy.requests();
    let probes = |request: &&Recorded| request.query().is_some_and(|query| query.contains("timestamp("));
    assert!(requests.iter().filter(probes).count() >= 2);
    for request in requests {
        assert_eq!(request.parameter("time"), None, "{request:?}");
        assert_eq!(request.path, "/api/v1/query");
    }
}

#[tokio::test]
async fn credentials_headers_and_parameters_go_with_every_question_and_a_token_is_read_again() {
    let world = World::new("tenant").await;
    let token = world.directory.join("token");
    fs::write(&token, "first-token\n").unwrap();
    let flags = [
        "--prometheus-bearer-token-file",
        &token.display().to_string(),
        "--prometheus-header",
        "X-Scope-OrgID=shop",
        "--prometheus-query-parameter",
        "dedup=true",
    ];
    let operator = world.operator_with("operator", &flags).await;
    let scene = Scene::in_world(world, "tenant");
    scene.begin(scene.spec()).await;
    scene.set_load(MUCH).await;
    scene.wait_replicas(5).await;

    // As the kubelet does it: the new content takes the place of the old one at once.
    let next = scene.world.directory.join("next-token");
    fs::write(&next, "second-token\n").unwrap();
    fs::rename(&next, &token).unwrap();
    let carried = |token: &'static str| {
        let bearer = format!("Bearer {token}");
        move |request: &Recorded| request.header("authorization") == Some(&bearer)
    };
    let latest = || scene.world.proxy.requests().into_iter().next_back();
    eventually("the second token", DEADLINE, async || {
        latest().is_some_and(|request| carried("second-token")(&request))
    })
    .await;
    scene.set_load(ENOUGH).await;
    scene.wait_replicas(3).await;

    let requests = scene.world.proxy.requests();
    let (first, second) = requests.split_at(requests.partition_point(carried("first-token")));
    assert!(
        !first.is_empty() && second.iter().all(carried("second-token")),
        "{requests:#?}"
    );
    for request in requests {
        assert_eq!(request.header("x-scope-orgid"), Some("shop"), "{request:?}");
        assert_eq!(request.parameter("dedup"), Some("true"), "{request:?}");
    }
    let log = fs::read_to_string(operator.process.log_path()).unwrap();
    assert!(!log.contains("first-token") && !log.contains("second-token"), "{log}");
}
