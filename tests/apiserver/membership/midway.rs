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
enum Happens {
    Rollout,
    Deletion,
    Bounds,
    Profile,
    Pause,
    Load,
}

impl Site {
    /// An operation that has closed the listeners of its member, and cannot store that it will make it leave for good.
    async fn before_the_commit(&self) {
        let log = self.stage.kubelet.log();
        log.lose(Loss::Request, u32::MAX, |call| effect(call).as_deref() == Some(COMMIT));
        self.autoscale().await;
        self.shrink(2).await;
        patiently("it would commit", PATIENCE, || async { self.tried(COMMIT) > 0 }).await;
        assert!(!self.listeners_that_do_not_run(3).await.is_empty());
    }

    async fn happens(&self, what: Happens) {
        let world = &self.stage.world;
        let template = json!({"metadata": {"annotations": {"rolled": "out"}}});
        match what {
            Happens::Rollout => {
                let patch = Patch::Merge(json!({"spec": {"template": template}}));
                let sets = world.api("StatefulSet");
                sets.patch("broker", &PatchParams::default(), &patch).await.unwrap();
            }
            Happens::Deletion => self.delete().await,
            Happens::Bounds => world.edit("broker", json!({"spec": {"minReplicas": 3}})).await,
            Happens::Profile => self.edit_profile(json!({"times": {"stallSeconds": 299}})).await,
            Happens::Pause => world.edit("broker", json!({"spec": {"mode": "Paused"}})).await,
            Happens::Load => world.set_load(300.0).await,
        }
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
#[case::m13_the_autoscaler_is_deleted(Happens::Deletion)]
#[case::m9_the_minimum_is_raised(Happens::Bounds)]
#[case::m9_the_profile_is_edited(Happens::Profile)]
#[case::m9_it_is_paused(Happens::Pause)]
#[case::m5_the_load_comes_back(Happens::Load)]
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
    // The rollout makes the pod anew, and its listeners with it.
    assert!(what == Happens::Rollout || site.times(REOPEN) > 0, "{what:?}");
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
