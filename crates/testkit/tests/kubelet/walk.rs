//! What a crash walk stands on: calls to members and to the API server in one log, held at either side, and joined with every
//! revision of the set.

use autoscaler_testkit::recorder::{Call, Held, RecordedApi, Side};
use autoscaler_testkit::revisions::{Revisions, broken_rules};
use autoscaler_testkit::vernemq::reading;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use crate::scene::{SOON, Scene, plane};

/// Somebody who shrinks a cluster by hand, as an operator does.
struct Hand<'a> {
    scene: &'a Scene,
    client: Client,
    _api: RecordedApi,
}

impl<'a> Hand<'a> {
    async fn of(scene: &'a Scene) -> Self {
        let plane = plane().await;
        let api = RecordedApi::start(plane, scene.kubelet.log().clone());
        let mut config = plane.config_for_token(plane.admin_token());
        config.cluster_url = format!("https://{}", api.address()).parse().unwrap();
        let client = Client::try_from(config).unwrap();
        Self {
            scene,
            client,
            _api: api,
        }
    }

    fn sets(&self) -> Api<StatefulSet> {
        Api::namespaced(self.client.clone(), &self.scene.namespace)
    }

    async fn replicas(&self) -> Option<i32> {
        self.sets().get("broker").await.unwrap().spec.unwrap().replicas
    }

    async fn leave(&self, ordinal: u32) {
        let member = format!("VerneMQ@{}", self.scene.options(0).host(ordinal));
        let said = self
            .scene
            .broker(&format!("broker-{ordinal}"))
            .leave(&member)
            .await
            .unwrap();
        assert_eq!(said.json["text"], "Done");
    }

    /// Asks the survivors, and lowers the size when they agree.
    async fn lower(&self, to: u32) -> Result<(), kube::Error> {
        for survivor in 0..to {
            self.scene
                .wait_members(&format!("broker-{survivor}"), usize::try_from(to).unwrap())
                .await;
        }
        let patch = Patch::Merge(json!({"spec": {"replicas": to}}));
        self.sets()
            .patch_scale("broker", &PatchParams::default(), &patch)
            .await
            .map(|_| ())
    }

    fn hold_patch(&self, side: Side) -> Held {
        self.scene
            .kubelet
            .log()
            .hold(side, |call| call.method == "PATCH" && call.path.contains("/scale"))
    }

    /// Once every revision of the shrink to this size has come.
    async fn broken(&self, revisions: &Revisions, size: u32) -> Vec<String> {
        let last = || async { revisions.seen().unwrap().last().map(|last| last.replicas) == Some(size) };
        eventually("the last revision", SOON, last).await;
        let calls = self.scene.kubelet.log().calls();
        broken_rules("broker", 0, &revisions.seen().unwrap(), &calls, &reading())
    }
}

#[tokio::test]
async fn a_shrink_in_the_right_order_breaks_no_rule_at_any_revision_and_one_without_proof_does() {
    let scene = Scene::new("walk").await;
    scene.brokers(&scene.options(3)).await;
    scene.wait_members("broker-0", 3).await;
    let hand = Hand::of(&scene).await;
    let revisions = Revisions::watch(plane().await, &scene.namespace, "broker")
        .await
        .unwrap();
    hand.leave(2).await;
    hand.lower(2).await.unwrap();
    scene.wait_ready(2).await;
    assert_eq!(hand.broken(&revisions, 2).await, Vec::<String>::new());
    // The calls to the API server are in the same log.
    let is_patch = |call: &Call| call.callee.pod == "kube-apiserver" && call.sent.contains(r#""replicas":2"#);
    assert!(scene.kubelet.log().calls().iter().any(is_patch));

    scene.scale(1).await;
    let broken = hand.broken(&revisions, 1).await;
    assert!(
        broken
            .iter()
            .any(|rule| rule.contains("broker-1") && rule.contains("never told to leave")),
        "{broken:?}"
    );
    assert!(
        broken.iter().any(|rule| rule.contains("broker-0 still listed it")),
        "{broken:?}"
    );
}

#[tokio::test]
async fn whoever_is_killed_before_a_write_has_not_written_and_after_it_has() {
    let scene = Scene::new("sides").await;
    scene.brokers(&scene.options(3)).await;
    scene.wait_members("broker-0", 3).await;
    let hand = Hand::of(&scene).await;
    hand.leave(2).await;
    for (side, replicas) in [(Side::Before, 3), (Side::After, 2)] {
        let mut held = hand.hold_patch(side);
        {
            let lowering = hand.lower(2);
            tokio::pin!(lowering);
            tokio::select! {
                outcome = &mut lowering => panic!("not held: {outcome:?}"),
                call = held.reached(SOON) => assert_eq!(call.unwrap().method, "PATCH"),
            }
            // Dropped here, as a killed process drops its connection.
        }
        assert_eq!(hand.replicas().await, Some(replicas));
    }
}
