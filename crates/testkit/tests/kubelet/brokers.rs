//! What happens to pods whose process is a node of VerneMQ's double.

use std::fs;

use autoscaler_testkit::kubelet::sets::SetOptions;
use autoscaler_testkit::process::Signal;
use autoscaler_testkit::recorder::Heard;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};

use crate::scene::{SOON, Scene};

#[tokio::test]
async fn a_set_comes_up_in_order_and_its_processes_find_each_other() {
    let scene = Scene::new("order").await;
    scene.brokers(&scene.options(3)).await;
    scene.wait_members("broker-2", 3).await;
    let mut last = None;
    for ordinal in 0..3 {
        let pod = scene.pods().get(&format!("broker-{ordinal}")).await.unwrap();
        let status = pod.status.clone().unwrap();
        let address = status.pod_ip.unwrap();
        assert!(address.starts_with("127."), "{address}");
        let ready = status
            .conditions
            .unwrap()
            .into_iter()
            .find(|condition| condition.type_ == "Ready")
            .unwrap();
        let created = pod.metadata.creation_timestamp.clone().unwrap();
        assert!(
            last.is_none_or(|last| created.0.as_second() >= last),
            "broker-{ordinal} was made too early"
        );
        last = Some(ready.last_transition_time.unwrap().0.as_second());
    }
    // What was asked just now was written down, and the probes were not.
    let calls = scene.kubelet.log().calls();
    assert!(
        calls
            .iter()
            .any(|call| call.callee.pod == "broker-2" && call.heard == Heard::Status(200))
    );
    assert!(
        calls.iter().all(|call| call.path == "/api/v1/cluster/show"),
        "{calls:?}"
    );
}

#[tokio::test]
async fn a_process_that_ends_is_started_again_under_the_same_uid_on_the_same_data() {
    let scene = Scene::new("restart").await;
    scene.brokers(&scene.options(2)).await;
    scene.wait_members("broker-0", 2).await;
    let uid = scene.pods().get("broker-1").await.unwrap().uid();
    let before = scene.container("broker-1").await;
    assert_eq!(before.restart_count, 0);

    let member = format!("VerneMQ@{}", scene.options(2).host(1));
    scene.broker("broker-1").connect("client").await.unwrap();
    assert_eq!(
        scene.broker("broker-1").leave(&member).await.unwrap().json["text"],
        "Done"
    );
    let after = eventually("a second container", SOON, || async {
        let container = scene.container("broker-1").await;
        (container.restart_count == 1 && container.ready).then_some(container)
    })
    .await;
    assert_eq!(scene.pods().get("broker-1").await.unwrap().uid(), uid);
    assert_ne!(after.container_id, before.container_id);
    assert_eq!(after.last_state.unwrap().terminated.unwrap().exit_code, 0);
    // Ready, and alone: its old data keep it out.
    scene.wait_members("broker-0", 1).await;
    scene.wait_members("broker-1", 1).await;

    scene
        .kubelet
        .signal(&scene.namespace, "broker-1", Signal::KILL)
        .unwrap();
    let killed = eventually("a third container", SOON, || async {
        let container = scene.container("broker-1").await;
        (container.restart_count == 2).then_some(container)
    });
    assert_eq!(killed.await.last_state.unwrap().terminated.unwrap().exit_code, 137);
}

#[tokio::test]
async fn a_shrink_waits_for_the_lower_ordinals_and_ends_the_process_in_order() {
    let scene = Scene::new("shrink").await;
    let options = SetOptions {
        leaves_in_pre_stop: true,
        ..scene.options(3)
    };
    scene.brokers(&options).await;
    scene.wait_members("broker-0", 3).await;
    scene
        .kubelet
        .signal(&scene.namespace, "broker-0", Signal::STOP)
        .unwrap();
    eventually("broker-0 not ready", SOON, || async {
        !scene.container("broker-0").await.ready
    })
    .await;
    scene.scale(2).await;
    // The controller has seen the new count, and leaves the pod alone.
    let sets: Api<StatefulSet> = Api::namespaced(scene.client.clone(), &scene.namespace);
    eventually("the count seen", SOON, || async {
        let set = sets.get("broker").await.unwrap();
        set.status.unwrap().observed_generation == set.metadata.generation
    })
    .await;
    assert!(
        scene
            .pods()
            .get("broker-2")
            .await
            .unwrap()
            .metadata
            .deletion_timestamp
            .is_none()
    );
    scene
        .kubelet
        .signal(&scene.namespace, "broker-0", Signal::CONT)
        .unwrap();
    scene.gone("broker-2").await;
    // The hook has left the cluster before the process ended: no dead member.
    scene.wait_members("broker-0", 2).await;
    scene.wait_members("broker-1", 2).await;
}

#[tokio::test]
async fn a_claim_that_is_kept_poisons_regrowth_and_one_that_is_deleted_does_not() {
    for (policy, grown) in [("Retain", 1), ("Delete", 2)] {
        let scene = Scene::new("claims").await;
        let options = SetOptions {
            when_scaled: policy,
            ..scene.options(2)
        };
        scene.brokers(&options).await;
        scene.wait_members("broker-0", 2).await;
        let claim = scene.claims().get("data-broker-1").await.unwrap().uid().unwrap();
        assert!(fs::read_dir(scene.kubelet.claim_directory(&claim)).unwrap().count() > 0);

        let member = format!("VerneMQ@{}", options.host(1));
        scene.broker("broker-1").connect("client").await.unwrap();
        scene.broker("broker-1").leave(&member).await.unwrap();
        scene.scale(1).await;
        scene.gone("broker-1").await;
        if policy == "Delete" {
            let claims = scene.claims();
            eventually("the claim gone", SOON, || async {
                claims.get_opt("data-broker-1").await.unwrap().is_none()
            })
            .await;
        }
        scene.scale(2).await;
        scene.wait_ready(2).await;
        let again = scene.claims().get("data-broker-1").await.unwrap().uid().unwrap();
        assert_eq!(again == claim, policy == "Retain");
        scene.wait_members("broker-1", grown).await;
    }
}

#[tokio::test]
async fn a_pod_that_is_deleted_by_force_runs_on_where_nobody_hears_it() {
    let scene = Scene::new("force").await;
    scene.brokers(&scene.options(1)).await;
    let uid = scene.pods().get("broker-0").await.unwrap().uid();
    let broker = scene.broker("broker-0");
    scene.kubelet.partition().await.unwrap();
    scene
        .pods()
        .delete("broker-0", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    eventually("a new pod", SOON, || async {
        scene
            .pods()
            .get_opt("broker-0")
            .await
            .unwrap()
            .is_some_and(|pod| pod.uid() != uid)
    })
    .await;
    assert!(broker.get("/health/ping").await.is_ok());
    scene.kubelet.heal().await.unwrap();
    eventually("the old process gone", SOON, || async {
        broker.get("/health/ping").await.is_err()
    })
    .await;
    scene.wait_ready(1).await;
}

#[tokio::test]
async fn with_its_node_a_process_is_lost_and_its_pod_is_not() {
    let scene = Scene::new("lost").await;
    scene.brokers(&scene.options(1)).await;
    let broker = scene.broker("broker-0");
    scene.kubelet.lose().await.unwrap();
    assert!(broker.get("/health/ping").await.is_err());
    let pod = scene.pods().get("broker-0").await.unwrap();
    scene.kubelet.heal().await.unwrap();
    eventually("its process again", SOON, || async {
        let container = scene.container("broker-0").await;
        container.ready && container.restart_count == 1
    })
    .await;
    assert_eq!(scene.pods().get("broker-0").await.unwrap().uid(), pod.uid());
}
