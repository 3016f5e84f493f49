//! Something happens while a member leaves: before the commit, with its listeners closed already, the operation is taken back
//! and nothing is left of it; after it, it is finished.

use autoscaler_testkit::recorder::Loss;
use autoscaler_testkit::wait::patiently;
use kube::api::{DeleteParams, Patch, PatchParams};
use rstest::rstest;
use serde_json::json;

use super::numbers;
use super::walk::point::{COMMIT, LOWER, REOPEN, SOFT, effect};
use super::walk::site::{PATIENCE, Site};

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happens {
    Rollout,
    /// The pod of the member is made anew.
    Eviction,
    Deletion,
    Bounds,
    Profile,
    Pause,
    Load,
    /// An HPA for the same set.
    Rival,
    /// A person annotates it.
    Abort,
}

impl Site {
    /// An operation that has closed the listeners of its member, and cannot store that it will make it leave for good.
    pub(super) async fn before_the_commit(&self) {
        let log = self.stage.kubelet.log();
        log.lose(Loss::Request, u32::MAX, |call| effect(call).as_deref() == Some(COMMIT));
        self.autoscale().await;
        self.shrink(2).await;
        patiently("it would commit", PATIENCE, || async { self.tried(COMMIT) > 0 }).await;
        assert!(!self.listeners_that_do_not_run(3).await.is_empty());
    }

    pub(super) async fn happens(&self, what: Happens) {
        let world = &self.stage.world;
        let template = json!({"metadata": {"annotations": {"rolled": "out"}}});
        match what {
            Happens::Rollout => {
                let patch = Patch::Merge(json!({"spec": {"template": template}}));
                let sets = world.api("StatefulSet");
                sets.patch("broker", &PatchParams::default(), &patch).await.unwrap();
            }
            Happens::Eviction => {
                let pods = self.stage.pods();
                pods.delete("broker-2", &DeleteParams::default()).await.unwrap();
            }
            Happens::Deletion => self.delete().await,
            Happens::Bounds => world.edit("broker", json!({"spec": {"minReplicas": 3}})).await,
            Happens::Profile => self.edit_profile(json!({"times": {"stallSeconds": 299}})).await,
            Happens::Pause => world.edit("broker", json!({"spec": {"mode": "Paused"}})).await,
            Happens::Load => world.set_load(300.0).await,
            Happens::Rival => world.create(&self.rival()).await,
            Happens::Abort => {
                let id = world.status("broker").await.operation.unwrap().id;
                self.stage.annotate(&format!("metricautoscaler.dev/abort={id}")).await;
            }
        }
    }

    fn rival(&self) -> String {
        let namespace = &self.stage.world.namespace;
        let hpa = json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "theirs", "namespace": namespace},
            "spec": {
                "maxReplicas": 10,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "broker"},
            },
        });
        hpa.to_string()
    }

    /// What no operator keeps anywhere else.
    pub(super) async fn wipe_the_status(&self) {
        let nothing = Patch::Merge(json!({"status": {"operation": null, "membership": null}}));
        let autoscalers = self.stage.world.autoscalers();
        autoscalers
            .patch_status("broker", &PatchParams::default(), &nothing)
            .await
            .unwrap();
    }

    async fn delete(&self) {
        let autoscalers = self.stage.world.autoscalers();
        autoscalers.delete("broker", &DeleteParams::default()).await.unwrap();
    }

    async fn wait_gone(&self) {
        patiently("the autoscaler is gone", PATIENCE, || async {
            let found = self.stage.world.autoscalers().get_opt("broker").await;
            found.is_ok_and(|found| found.is_none())
        })
        .await;
    }
}

#[rstest]
#[case::m9_a_rollout_begins(Happens::Rollout)]
#[case::m3_the_pod_is_made_anew(Happens::Eviction)]
#[case::m13_the_autoscaler_is_deleted(Happens::Deletion)]
#[case::m9_the_minimum_is_raised(Happens::Bounds)]
#[case::m9_the_profile_is_edited(Happens::Profile)]
#[case::m9_it_is_paused(Happens::Pause)]
#[case::m5_the_load_comes_back(Happens::Load)]
#[case::m12_another_autoscaler_comes(Happens::Rival)]
#[case::m14a_a_person_takes_it_back(Happens::Abort)]
#[tokio::test]
async fn what_happens_before_the_commit_takes_a_closed_door_back(#[case] what: Happens) {
    let site = Site::new("midway", 3, 15).await;
    let _operator = site.operator("operator").await;
    site.before_the_commit().await;
    site.happens(what).await;
    if what == Happens::Deletion {
        site.wait_gone().await;
    } else {
        site.stage.wait_rest().await;
    }
    site.stage.wait_members(3).await;
    assert_eq!(site.listeners_that_do_not_run(3).await, Vec::<String>::new());
    assert_eq!(site.stage.world.replicas("StatefulSet", "broker").await, 3);
    assert_eq!((site.times(LOWER), site.stage.calls("--kill_sessions")), (0, 0));
    assert_eq!(site.broken(), Vec::<String>::new());
    if what != Happens::Deletion {
        assert_eq!(site.stage.finalizers().await, Vec::<String>::new());
    }
    // A pod that is made anew has new listeners.
    let is_made_anew = matches!(what, Happens::Rollout | Happens::Eviction);
    assert!(is_made_anew || site.times(REOPEN) > 0, "{what:?}");
    assert!(site.times(SOFT) == 1, "{what:?}");
    let mut aborted = site.measured();
    aborted.aborts = 1;
    numbers::tell("aborted", aborted);
}

#[tokio::test]
async fn m13_an_autoscaler_that_is_deleted_after_the_commit_removes_the_member_first() {
    let site = Site::new("deleted", 3, 15).await;
    let log = site.stage.kubelet.log();
    log.lose(Loss::Request, u32::MAX, |call| effect(call).as_deref() == Some(LOWER));
    let _operator = site.operator("operator").await;
    site.autoscale().await;
    site.shrink(2).await;
    patiently("it would lower the replicas", PATIENCE, || async {
        site.tried(LOWER) > 0
    })
    .await;
    site.delete().await;
    site.stage.kubelet.log().clear();
    site.wait_gone().await;
    site.stage.wait_members(2).await;
    assert_eq!(site.broken(), Vec::<String>::new());
}

#[tokio::test]
async fn m13_what_is_left_of_an_operation_is_found_and_taken_back_although_the_status_is_lost() {
    let site = Site::new("forgotten", 3, 15).await;
    let operator = site.operator("operator").await;
    site.before_the_commit().await;
    operator.process.kill();
    site.wipe_the_status().await;
    // Nobody wants another one after it.
    site.shrink(3).await;
    site.let_lease_expire().await;
    let _next = site.operator("next").await;
    site.stage
        .wait_result("something of an operation was found that no status tells of")
        .await;
    site.ends_whole(3).await;
    assert!(site.times(REOPEN) > 0);
    assert_eq!((site.times(LOWER), site.stage.calls("--kill_sessions")), (0, 0));
}
