//! Brokers as people install them: claims that are kept, ordinals that begin elsewhere, a management API that wants a key, and
//! a preStop hook of their own.

use std::fs;

use autoscaler_api::conditions::reason;
use autoscaler_testkit::kubelet::sets::SetOptions;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, DeleteParams};
use serde_json::json;

use super::walk::point::{HARD, SOFT, effect};
use super::walk::site::Site;
use crate::world::assert_contains;

const KEY: &str = "a-key-of-a-test";

#[tokio::test]
async fn m16_five_members_become_three_on_kept_claims_and_five_again_once_a_person_has_deleted_these() {
    let site = Site::of("kept", 5, 15, |options| options.when_scaled = "Retain").await;
    let _operator = site.operator("operator").await;
    site.autoscale().await;
    site.shrink(3).await;
    site.rests_with(3).await;
    let world = &site.stage.world;
    world.set_load(500.0).await;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(world.client.clone(), &world.namespace);
    for (ordinal, members) in [(3, 4), (4, 5)] {
        let message = site.stage.wait_stable("False", reason::STALE_CLAIM).await;
        assert_contains(
            &message,
            &format!("a claim of an earlier member is left at ordinal {ordinal}"),
        );
        assert_contains(
            &site.stage.describe().await,
            "delete it if nothing on it is needed, or set",
        );
        // Nobody was started on it.
        assert_eq!(world.replicas("StatefulSet", "broker").await, ordinal);
        let name = format!("data-broker-{ordinal}");
        claims.delete(&name, &DeleteParams::default()).await.unwrap();
        site.stage.wait_members(members).await;
    }
    let end = site.end(5).await;
    assert_eq!((end.messages, end.residue), (site.published.clone(), Vec::new()));
    assert_eq!(site.broken(), Vec::<String>::new());
}

#[tokio::test]
async fn where_ordinals_begin_at_ten_the_highest_one_leaves_and_comes_again() {
    let site = Site::of("ten", 3, 15, |options| options.start = 10).await;
    let _operator = site.operator("operator").await;
    site.autoscale().await;
    site.shrink(2).await;
    site.rests_with(2).await;
    assert_contains(&site.stage.describe().await, "shrank from 3 to 2: VerneMQ@broker-12.");
    for act in [SOFT, HARD] {
        let calls = site.stage.operators_calls().into_iter();
        let told: Vec<_> = calls
            .filter(|call| effect(call).as_deref() == Some(act))
            .map(|call| call.callee.pod)
            .collect();
        assert_eq!(told, ["broker-12"], "{act}");
    }
    site.shrink(3).await;
    let end = site.end(3).await;
    assert_eq!((end.messages, end.residue), (site.published.clone(), Vec::new()));
    assert_eq!(site.broken(), Vec::<String>::new());
}

#[tokio::test]
async fn a_key_that_is_missing_or_wrong_is_told_and_nobody_leaves_before_the_right_one_is_mounted() {
    let differ = |options: &mut SetOptions<'_>| options.flags.push("--auth-mode=apikey".to_owned());
    let site = Site::of("key", 3, 15, differ).await;
    let world = &site.stage.world;
    // After all have joined: a key is data.
    let add = ["api-key", "add", &format!("key={KEY}")].map(str::to_owned);
    site.broker(0).unwrap().vmq_admin(&add).await.unwrap();
    let needed = json!({"member": {"credential": {"optional": false}}});
    site.edit_profile(needed).await;
    let directory = world.directory.join("credentials");
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join(format!("{}.vernemq-api-key", world.namespace));
    let flags = ["--credentials-dir", &directory.display().to_string()];
    let operator = world.operator_with("operator", &flags).await;

    site.autoscale().await;
    site.shrink(2).await;
    let message = site.stage.wait_healthy("False", reason::CREDENTIAL_MISSING).await;
    assert_contains(&message, &format!("there is no file {}", file.display()));
    assert_contains(
        &site.stage.describe().await,
        "the profile needs the credential vernemq-api-key",
    );
    fs::write(&file, "another-key").unwrap();
    let message = site.stage.wait_healthy("False", reason::MEMBER_SILENT).await;
    assert_contains(&message, "401");
    operator.wait_evaluations(3).await;
    assert_eq!(site.stage.calls("/api/v1/cluster/leave"), 0);
    assert_eq!(world.replicas("StatefulSet", "broker").await, 3);

    fs::write(&file, KEY).unwrap();
    site.rests_with(2).await;
    let said = site.stage.describe().await + &fs::read_to_string(world.directory.join("operator.log")).unwrap();
    assert!(!said.contains(KEY) && !said.contains("another-key"), "a key was told");
}

#[tokio::test]
async fn a_hook_that_leaves_the_cluster_finds_nothing_to_do() {
    let site = Site::of("hook", 3, 15, |options| options.leaves_in_pre_stop = true).await;
    let _operator = site.operator("operator").await;
    site.autoscale().await;
    site.shrink(2).await;
    let end = site.end(2).await;
    assert_eq!((end.messages, end.residue), (site.published.clone(), Vec::new()));
    site.shrink(3).await;
    let end = site.end(3).await;
    assert_eq!((end.messages, end.residue), (site.published.clone(), Vec::new()));
    assert_eq!(site.stage.calls("--kill_sessions"), 1);
    assert_eq!(site.broken(), Vec::<String>::new());
}
