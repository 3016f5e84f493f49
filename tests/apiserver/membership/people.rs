//! What people do by hand while members come and go: they scale, evict, annotate, and stop everything.

use std::collections::BTreeSet;

use autoscaler_api::conditions::reason;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams};

use super::walk::point::{COMMIT, HARD, SOFT, effect};
use super::walk::site::Site;
use crate::world::assert_contains;

impl Site {
    /// Whom survivors were told to forget.
    fn forgotten(&self) -> Vec<String> {
        let calls = self.stage.operators_calls().into_iter();
        let leaves = calls.filter(|call| call.path.starts_with("/api/v1/cluster/leave"));
        let others = leaves.filter(|call| !call.path.contains(&call.callee.pod));
        others
            .map(|call| format!("{}: {}", call.callee.pod, call.path))
            .collect()
    }

    /// Claims by name and UID.
    async fn claims(&self) -> BTreeSet<String> {
        let world = &self.stage.world;
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(world.client.clone(), &world.namespace);
        let claims = claims.list(&ListParams::default()).await.unwrap();
        let named = |claim: PersistentVolumeClaim| format!("{} {}", claim.name_any(), claim.uid().unwrap_or_default());
        claims.items.into_iter().map(named).collect()
    }
}

#[tokio::test]
async fn m10_a_person_scales_five_to_two_while_a_member_leaves_and_scaling_back_heals() {
    let site = Site::of("hasty", 5, 15, |options| options.when_scaled = "Retain").await;
    let operator = site.leave_for_good(2).await;
    let claims = site.claims().await;
    let world = &site.stage.world;
    world.scale_by_hand("StatefulSet", "broker", 2).await;
    site.stage.wait_pods(2).await;
    let message = site.stage.wait_healthy("False", reason::UNDRAINED_REMOVAL).await;
    assert_contains(
        &message,
        "was removed without a drain and is still a member; what it holds is in its claim",
    );
    let text = site.stage.describe().await;
    assert_contains(
        &text,
        "or forget it for good with the annotation metricautoscaler.dev/forget: VerneMQ@broker-",
    );
    operator.wait_evaluations(3).await;
    assert_eq!(site.forgotten(), Vec::<String>::new());
    assert_eq!(site.claims().await, claims);
    assert_eq!(site.times(HARD), 1);

    world.set_load(500.0).await;
    let end = site.end(5).await;
    assert_eq!((end.messages, end.residue), (site.published.clone(), Vec::new()));
    assert_eq!(site.claims().await, claims);
    assert_eq!(site.forgotten(), Vec::<String>::new());
    site.stage.wait_healthy("True", reason::MEMBERS_AGREE).await;
}

#[tokio::test]
async fn m14a_a_person_takes_an_operation_back_and_begins_it_again_by_annotations() {
    let site = Site::new("annotated", 3, 15).await;
    let _operator = site.operator("operator").await;
    site.before_the_commit().await;
    let id = site.stage.world.status("broker").await.operation.unwrap().id;
    assert_contains(
        &site.stage.describe().await,
        &format!("the annotation metricautoscaler.dev/abort: {id} takes it back"),
    );
    site.stage.annotate("metricautoscaler.dev/abort=at-another-time").await;
    let ignored = "the annotation metricautoscaler.dev/abort: at-another-time is ignored";
    site.stage.wait_describe(ignored).await;
    site.stage.annotate(&format!("metricautoscaler.dev/abort={id}")).await;
    let message = site.stage.wait_stable("True", reason::BACKING_OFF).await;
    assert_contains(&message, "a person asked for it");
    assert_contains(
        &message,
        &format!("the last one was taken back; the annotation metricautoscaler.dev/retry: {id} begins at once"),
    );
    assert_eq!(site.listeners_that_do_not_run(3).await, Vec::<String>::new());
    site.stage.kubelet.log().clear();
    site.stage.annotate(&format!("metricautoscaler.dev/retry={id}")).await;
    site.ends_whole(2).await;
    assert_eq!((site.times(SOFT), site.times(HARD)), (2, 1));
}

#[tokio::test]
async fn m9_replicas_that_a_person_raises_before_the_commit_take_it_back() {
    let site = Site::new("raised", 3, 15).await;
    let _operator = site.operator("operator").await;
    site.before_the_commit().await;
    site.stage.world.scale_by_hand("StatefulSet", "broker", 4).await;
    site.stage.wait_result("somebody changed the replicas").await;
    site.ends_whole(4).await;
    assert_eq!((site.tried(COMMIT) > 0, site.times(HARD)), (true, 0));
}

#[tokio::test]
async fn m11_a_cluster_that_a_person_stops_is_left_alone_until_all_members_are_back() {
    let site = Site::of("stopped", 3, 15, |options| options.when_scaled = "Retain").await;
    let operator = site.operator("operator").await;
    site.before_the_commit().await;
    let claims = site.claims().await;
    let world = &site.stage.world;
    world.scale_by_hand("StatefulSet", "broker", 0).await;
    site.stage.wait_pods(0).await;
    site.stage.kubelet.log().clear();
    operator.wait_evaluations(3).await;
    assert_eq!(world.replicas("StatefulSet", "broker").await, 0);
    world.set_load(300.0).await;
    world.scale_by_hand("StatefulSet", "broker", 3).await;
    let end = site.end(3).await;
    assert_eq!((end.messages, end.residue), (site.published.clone(), Vec::new()));
    assert_eq!((site.claims().await, site.times(HARD)), (claims, 0));
    assert_eq!(site.forgotten(), Vec::<String>::new());
}

#[tokio::test]
async fn a_pod_that_is_evicted_or_cut_off_while_nothing_is_under_way_is_no_shrink() {
    let site = Site::new("evicted", 3, 15).await;
    let operator = site.operator("operator").await;
    site.autoscale().await;
    site.stage.wait_healthy("True", reason::MEMBERS_AGREE).await;
    let parameters = DeleteParams::default();
    site.stage.pods().delete("broker-2", &parameters).await.unwrap();
    operator.wait_evaluations(3).await;
    site.ends_whole(3).await;

    // Its node is lost, and then fewer members would do.
    site.stage.kubelet.lose().await.unwrap();
    site.shrink(2).await;
    operator.wait_evaluations(3).await;
    let stable = site.stage.wait_stable("False", reason::MEMBERS_DISAGREE).await;
    assert_contains(&stable, "VerneMQ@broker-2.");
    assert_contains(
        &stable,
        "would leave, and nothing has been done yet; waiting until every pod is Ready",
    );
    site.stage.wait_healthy("False", reason::MEMBER_SILENT).await;
    let acts = site.stage.operators_calls();
    assert!(
        acts.iter().all(|call| !call.path.starts_with("/api/v1/cluster/leave")),
        "{acts:?}"
    );
    assert_eq!(site.stage.world.replicas("StatefulSet", "broker").await, 3);
    assert!(
        acts.iter()
            .filter_map(effect)
            .all(|effect| !effect.starts_with("intend"))
    );
    site.stage.kubelet.heal().await.unwrap();
    site.ends_whole(2).await;
}
