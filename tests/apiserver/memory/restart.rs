//! One operator ends, and another takes its place.

use autoscaler_core::history::Changes;
use autoscaler_core::{ChangeCause, History, Replicas};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use rstest::rstest;
use serde_json::json;

use super::End;
use crate::world::{World, assert_contains};

#[rstest]
#[case(End::Told)]
#[case(End::Killed)]
#[tokio::test]
async fn a_cooldown_goes_on_as_if_nothing_had_happened(#[case] end: End) {
    let world = World::new("cooldown").await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 1).await;
    let first = world.operator_with("first", &[]).await;
    let cooldown = "  cooldown: {scaleDownSeconds: 600}\n";
    world.autoscale("web", "Deployment", "web", cooldown).await;
    world.wait_wanted("Deployment", "web", 3).await;
    world.set_load(100.0).await;
    let (until, changes) = cooling_down(&world).await;
    end.of(first).await;

    let mark = world.mark();
    let second = world.operator_with("second", &[]).await;
    second.wait_evaluations(4).await;
    assert_eq!(cooling_down(&world).await, (until, changes));
    assert_eq!(world.scale_writes_since(mark).await, []);
}

/// Until when, and after which changes: of one status, for on a busy machine a metric may go unanswered at any time.
async fn cooling_down(world: &World) -> (Time, Changes) {
    world
        .wait_status("web", "it cools down", |status| {
            let limited = status
                .conditions
                .iter()
                .find(|condition| condition.type_ == "ScalingLimited")?;
            let until = status
                .next_change_time
                .clone()
                .filter(|_| limited.reason == "CoolingDown")?;
            let history = History::decode(status.history.as_ref()?).ok()?;
            Some((until, history.changes))
        })
        .await
}

#[tokio::test]
async fn a_cooldown_that_spans_a_restart_ends_when_it_is_over() {
    const SECONDS: u32 = 10;
    let world = World::new("short").await;
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 1).await;
    let first = world.operator_with("first", &[]).await;
    let cooldown = format!("  cooldown: {{scaleDownSeconds: {SECONDS}}}\n");
    world.autoscale("web", "Deployment", "web", &cooldown).await;
    world.wait_wanted("Deployment", "web", 3).await;
    End::Killed.of(first).await;
    world.set_load(100.0).await;
    let _second = world.operator_with("second", &[]).await;
    world.wait_wanted("Deployment", "web", 1).await;
    world
        .wait_status("web", "the shrink is remembered", |status| {
            (status.last_replicas == Some(1)).then_some(())
        })
        .await;
    let changes = world.history("web").await.changes;
    let last = |to: u32| {
        let made = changes.as_slice().iter().rfind(|change| change.to == Replicas::new(to));
        made.unwrap().at
    };
    let rested = last(1).duration_since(last(3));
    assert!(rested >= SignedDuration::from_secs(SECONDS.into()), "{changes:?}");
}

#[rstest]
#[case(End::Told)]
#[case(End::Killed)]
#[tokio::test]
async fn a_count_set_by_hand_while_no_operator_ran_is_kept_for_a_window(#[case] end: End) {
    let world = World::new("absent").await;
    let first = world.operator_with("first", &[]).await;
    world.settle_at_five().await;
    end.of(first).await;
    world.scale_by_hand("Deployment", "web", 8).await;

    let mark = world.mark();
    let second = world.operator_with("second", &[]).await;
    let status = world
        .wait_status("web", "the count set by hand is known", |status| {
            (status.current_replicas == Some(8)).then(|| status.clone())
        })
        .await;
    assert_contains(&status.decisions.join("\n"), "5 -> 8 by somebody else (kubectl)");
    second.wait_evaluations(3).await;
    let foreign = world.history("web").await.changes.as_slice().last().copied().unwrap();
    assert_eq!(
        (foreign.from.get(), foreign.to.get(), foreign.cause),
        (5, 8, ChangeCause::Foreign)
    );
    assert_eq!(world.scale_writes_since(mark).await, []);
    assert_eq!(world.replicas("Deployment", "web").await, 8);
}

#[tokio::test]
async fn a_memory_that_cannot_be_read_is_lost_and_not_empty() {
    let world = World::new("garbled").await;
    let first = world.operator_with("first", &[]).await;
    world.settle_at_five().await;
    End::Told.of(first).await;
    let garbled = Patch::Merge(json!({"status": {"history": "9 of a later version"}}));
    let parameters = PatchParams::default();
    let api = world.autoscalers();
    api.patch_status("web", &parameters, &garbled).await.unwrap();
    world.set_load(100.0).await;

    let mark = world.mark();
    let second = world.operator_with("second", &[]).await;
    let message = world
        .wait_condition("web", "ScalingLimited", "True", "HistoryUncertain")
        .await;
    assert_contains(&message, "history is uncertain after an interruption");
    second.wait_evaluations(3).await;
    assert_eq!(world.scale_writes_since(mark).await, []);
}

#[tokio::test]
async fn r17_a_memory_of_the_future_holds_for_a_window_and_stops_no_growth() {
    const TEN_YEARS: i64 = 10 * 365 * 86_400_000;
    let world = World::new("future").await;
    let first = world.operator_with("first", &[]).await;
    world.settle_at_five().await;
    world.set_load(600.0).await;
    world
        .wait_status("web", "a growth is remembered", |status| {
            (status.last_replicas == Some(6)).then_some(())
        })
        .await;
    End::Told.of(first).await;
    // As a leader whose clock was that much ahead leaves it.
    let remembered = world.status("web").await.history.unwrap();
    let status = json!({"status": {"history": later(&remembered, TEN_YEARS)}});
    let (api, parameters) = (world.autoscalers(), PatchParams::default());
    api.patch_status("web", &parameters, &Patch::Merge(status))
        .await
        .unwrap();
    world.set_load(100.0).await;

    let _second = world.operator_with("second", &[]).await;
    world
        .wait_condition("web", "ScalingLimited", "True", "HistoryUncertain")
        .await;
    world.set_load(900.0).await;
    world.wait_wanted("Deployment", "web", 9).await;
    let status = world
        .wait_status("web", "the growth is reported", |status| {
            (status.last_replicas == Some(9)).then(|| status.clone())
        })
        .await;
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Ready")
        .unwrap();
    assert_eq!(
        (ready.status.as_str(), ready.reason.as_str()),
        ("True", "ValidMetricFound")
    );
    let newest = world.history("web").await.newest_time().unwrap();
    assert!(newest <= Timestamp::now() + SignedDuration::from_secs(1), "{newest}");
}

/// A stored history with all its times moved: they are the only numbers of 13 digits.
fn later(history: &str, milliseconds: i64) -> String {
    let mut moved = String::new();
    for part in history.split_inclusive(|character: char| !character.is_ascii_digit()) {
        let digits = part.trim_end_matches(|character: char| !character.is_ascii_digit());
        match digits.parse::<i64>() {
            Ok(time) if digits.len() == 13 => moved += &(time + milliseconds).to_string(),
            _ => moved += digits,
        }
        moved += &part[digits.len()..];
    }
    assert_ne!(moved, history);
    moved
}

#[tokio::test]
async fn an_autoscaler_that_begins_to_act_begins_with_a_rest() {
    let world = World::new("begins").await;
    world.set_load(100.0).await;
    world.workload("Deployment", "web", 3).await;
    let operator = world.operator().await;
    let dry = "  mode: DryRun\n  cooldown: {scaleDownSeconds: 600}\n";
    world.autoscale("web", "Deployment", "web", dry).await;
    world
        .wait_status("web", "it would shrink", |status| {
            (status.desired_replicas == Some(1)).then_some(())
        })
        .await;
    world.edit("web", json!({"spec": {"mode": "Active"}})).await;
    world
        .wait_condition("web", "ScalingLimited", "True", "CoolingDown")
        .await;
    operator.wait_evaluations(3).await;
    let activated = world.history("web").await.changes.as_slice().last().copied().unwrap();
    assert_eq!(activated.cause, ChangeCause::Activation);
    assert_eq!(world.replicas("Deployment", "web").await, 3);
}

#[tokio::test]
async fn a_status_that_somebody_else_wrote_is_mended_and_nothing_shrinks_for_a_window() {
    let world = World::new("meddled").await;
    let _operator = world.operator().await;
    world.settle_at_five().await;
    let meddled = Patch::Merge(json!({"status": {"history": "1 acting", "summary": "all is well"}}));
    let (api, parameters) = (world.autoscalers(), PatchParams::default());
    api.patch_status("web", &parameters, &meddled).await.unwrap();
    world.set_load(100.0).await;
    world
        .wait_condition("web", "ScalingLimited", "True", "HistoryUncertain")
        .await;
    world.wait_evaluations(3).await;
    assert_eq!(world.replicas("Deployment", "web").await, 5);
    assert_contains(&world.status("web").await.summary.unwrap(), "holding at 5, wants 1");
}
