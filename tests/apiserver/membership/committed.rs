//! Something happens while a member is in the middle of leaving for good, which cannot be taken back: it is finished.

use autoscaler_api::conditions::reason;
use autoscaler_testkit::wait::patiently;
use kube::api::{Patch, PatchParams};
use rstest::rstest;
use serde_json::json;

use super::midway::Happens;
use super::walk::point::{HARD, LOWER, REOPEN, effect};
use super::walk::site::{PATIENCE, Site};
use crate::world::{Operator, assert_contains};

/// A client that never reads: its session keeps the member from leaving.
const STAYS: &str = "stays";

impl Site {
    /// Three members, of which the last is in the middle of leaving for good: one of its clients does not go.
    pub(super) async fn leaving_for_good(name: &str) -> (Self, Operator) {
        let site = Self::new(name, 3, 15).await;
        let operator = site.leave_for_good(2).await;
        (site, operator)
    }

    /// The same with more members, of which so many are to stay in the end.
    pub(super) async fn leave_for_good(&self, to: u32) -> Operator {
        let operator = self.operator("operator").await;
        self.autoscale().await;
        let members = self.stage.world.replicas("StatefulSet", "broker").await;
        let leaver = self.broker(members - 1).unwrap();
        leaver.connect(STAYS).await.unwrap();
        leaver.turn(json!({"stuck": [STAYS]})).await.unwrap();
        self.shrink(to).await;
        patiently("it is in the middle of leaving", PATIENCE, || async {
            self.times(HARD) > 0
        })
        .await;
        operator
    }

    /// That client goes.
    pub(super) async fn let_leave(&self, ordinal: u32) {
        self.broker(ordinal).unwrap().disconnect(STAYS).await.unwrap();
    }

    /// Everything is there, with so many members, and each left once at most.
    pub(super) async fn ends_whole(&self, members: u32) {
        let end = self.end(members).await;
        assert_eq!((end.messages, end.residue), (self.published.clone(), Vec::new()));
        assert_eq!(self.broken(), Vec::<String>::new());
    }
}

#[rstest]
#[case::m9_the_minimum_is_raised_too_late(Happens::Bounds, 3)]
#[case::m9_the_profile_is_edited_too_late(Happens::Profile, 2)]
#[case::m9_it_is_paused_too_late(Happens::Pause, 2)]
#[case::m5_the_load_comes_back_too_late(Happens::Load, 3)]
#[case::m12_another_autoscaler_comes_too_late(Happens::Rival, 2)]
#[case::m14a_a_person_takes_it_back_too_late(Happens::Abort, 2)]
#[tokio::test]
async fn what_happens_after_the_commit_finds_it_finished(#[case] what: Happens, #[case] members: u32) {
    let (site, operator) = Site::leaving_for_good("committed").await;
    site.happens(what).await;
    operator.wait_evaluations(3).await;
    let text = site.stage.describe().await;
    assert_contains(
        &text,
        "is being drained, step hard, which cannot be taken back any more",
    );
    assert_eq!((site.times(LOWER), site.times(REOPEN)), (0, 0));
    site.let_leave(2).await;
    site.stage.wait_result("shrank from 3 to 2: VerneMQ@broker-2.").await;
    site.ends_whole(members).await;
    assert_eq!(site.times(HARD), 1);
}

#[tokio::test]
async fn sessions_that_stay_keep_the_pod_and_what_to_do_is_told() {
    let site = Site::new("stays", 3, 15).await;
    site.edit_profile(json!({"times": {"stallSeconds": 3}})).await;
    let operator = site.leave_for_good(2).await;
    let message = site.stage.wait_stable("False", reason::STEP_STALLED).await;
    assert_contains(
        &message,
        "has not moved for longer than the profile allows, and cannot be taken back",
    );
    assert_contains(
        &site.stage.describe().await,
        "restart its container: it is a member again then",
    );
    operator.wait_evaluations(3).await;
    assert_eq!((site.times(HARD), site.times(LOWER)), (1, 0));
    site.let_leave(2).await;
    site.ends_whole(2).await;
}

#[tokio::test]
async fn m18_where_a_lower_pod_is_not_available_the_pod_of_a_member_that_has_left_stays_and_that_is_told() {
    let site = Site::new("lingers", 3, 15).await;
    site.edit_profile(json!({"times": {"stallSeconds": 3}})).await;
    let operator = site.leave_for_good(2).await;
    let available_after = async |seconds: u32| {
        let patch = Patch::Merge(json!({"spec": {"minReadySeconds": seconds}}));
        let sets = site.stage.world.api("StatefulSet");
        sets.patch("broker", &PatchParams::default(), &patch).await.unwrap();
    };
    available_after(1_000_000).await;
    site.let_leave(2).await;
    let message = site.stage.wait_stable("False", reason::LEAVER_LINGERS).await;
    assert_contains(
        &message,
        "the StatefulSet controller waits until every lower pod is available",
    );
    // And nobody else is made to leave.
    site.shrink(1).await;
    operator.wait_evaluations(3).await;
    assert_eq!((site.times(HARD), site.times(LOWER)), (1, 1));
    available_after(0).await;
    site.stage.wait_result("shrank from 3 to 2: VerneMQ@broker-2.").await;
    site.ends_whole(1).await;
}

#[tokio::test]
async fn m13_a_member_in_the_middle_of_leaving_is_found_although_the_status_is_lost() {
    let (site, operator) = Site::leaving_for_good("wiped").await;
    operator.process.kill();
    site.wipe_the_status().await;
    site.let_lease_expire().await;
    let _next = site.operator("next").await;
    patiently("it is gone on with", PATIENCE, || async {
        let status = site.stage.world.status("broker").await;
        let doing = status.operation.map(|operation| format!("{operation:?}"));
        doing
            .filter(|doing| doing.contains("committed"))
            .ok_or_else(|| format!("{:?}", status.conditions))
    })
    .await;
    site.let_leave(2).await;
    site.ends_whole(2).await;
    assert_eq!(site.times(HARD), 1);
}

#[tokio::test]
async fn m14_an_operation_goes_on_with_a_set_that_was_orphaned_and_made_anew() {
    let (site, operator) = Site::leaving_for_good("orphaned").await;
    let world = &site.stage.world;
    let kubectl = async |arguments: &[&str], input: &str| {
        let arguments = [arguments, &["-n", &world.namespace]].concat();
        let done = world.plane.kubectl_with_input(&arguments, input).await.unwrap();
        assert!(done.success, "{}", done.stderr);
        done.stdout
    };
    let set = kubectl(&["get", "statefulset", "broker", "-o", "json"], "").await;
    kubectl(&["delete", "statefulset", "broker", "--cascade=orphan"], "").await;
    let mut set: serde_json::Value = serde_json::from_str(&set).unwrap();
    set["status"] = json!({});
    let metadata = set["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| field == "name" || field == "namespace");
    kubectl(&["create", "-f", "-"], &set.to_string()).await;
    operator.wait_evaluations(3).await;
    site.let_leave(2).await;
    site.stage.wait_result("shrank from 3 to 2: VerneMQ@broker-2.").await;
    site.stage.wait_members(2).await;
    assert_eq!(site.times(HARD), 1);
}

#[tokio::test]
async fn m14_a_member_that_a_rollout_makes_anew_before_it_has_left_is_one_again_and_leaves_after_it() {
    let (site, _operator) = Site::leaving_for_good("rolled").await;
    let before = site.stage.pods().get("broker-2").await.unwrap().metadata.uid;
    site.happens(Happens::Rollout).await;
    site.stage.wait_result("shrank from 3 to 2: VerneMQ@broker-2.").await;
    site.ends_whole(2).await;
    let calls = site.stage.operators_calls().into_iter();
    let told = calls.filter(|call| effect(call).as_deref() == Some(HARD));
    let told: Vec<String> = told.map(|call| call.callee.uid).collect();
    // Each pod once, and never again the one that was made anew.
    assert_eq!((told.len(), told.first()), (2, before.as_ref()), "{told:?}");
    assert_ne!(told[0], told[1]);
}
