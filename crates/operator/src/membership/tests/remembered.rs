//! What a status remembers of an operation outlives whatever cannot be read: a spec, a field, a record (M9).

use autoscaler_api::annotations::FINALIZER;
use autoscaler_api::conditions::reason;
use autoscaler_core::membership::{Leave, Work};
use serde_json::json;

use super::stage::{Stage, is_act};
use crate::membership::Held;

#[tokio::test(start_paused = true)]
async fn m9_an_operation_that_a_later_version_has_stored_is_kept_as_it_is() {
    let mut stage = Stage::new(3);
    let record = "2 leave:pondering id=x";
    stage.server.edit("web", |object| {
        let status = json!({"id": "x", "kind": "Leave", "member": "m", "phase": "Pondering", "record": record});
        object["status"] = json!({"operation": status});
    });
    stage.take_over();
    for _ in 0..20 {
        stage.turn(2).await;
    }
    assert_eq!(stage.object()["status"]["operation"]["record"], record);
    assert_eq!(
        stage.subject.membership.told().unwrap().stable.1,
        reason::OPERATION_UNREADABLE
    );
    assert!(!stage.server.done().iter().any(|line| is_act(line)));
}

/// As after the operator was rolled back, or the definition was replaced by a newer one.
#[tokio::test(start_paused = true)]
async fn m9_a_spec_that_cannot_be_read_takes_nothing_of_an_operation_away() {
    let mut stage = Stage::new(3);
    let has_left = |held: &Held| {
        let committed = Work::Leave(Leave::Drained { committed: true });
        matches!(held, Held::Operation(operation) if operation.work == committed)
    };
    stage.until(2, has_left).await;
    stage.server.edit("web", |object| {
        object["spec"]["mode"] = json!("Cautious");
        object["status"]["conditions"] = json!("of another shape");
    });
    let before = stage.object();
    stage.take_over();
    stage.evaluate().await;
    let after = stage.object();
    assert_eq!(after["status"]["conditions"][0]["reason"], reason::INVALID_SPEC);
    for field in ["id", "profile"] {
        assert_eq!(
            after["status"]["operation"][field],
            before["status"]["operation"][field]
        );
    }
    assert_eq!(after["metadata"]["finalizers"], before["metadata"]["finalizers"]);
    // Whoever has left is removed all the same.
    for _ in 0..200 {
        stage.turn(2).await;
    }
    assert_eq!((stage.replicas(), stage.members()), (2, vec![0, 1]));
}

#[tokio::test(start_paused = true)]
async fn m9_a_report_that_comes_before_any_look_keeps_the_profile_and_what_is_remembered() {
    let mut stage = Stage::new(3);
    stage.until(2, |held| matches!(held, Held::Operation(_))).await;
    stage.turn(2).await;
    stage
        .server
        .edit("web", |object| object["status"]["membership"]["aborts"] = json!(2));
    let before = stage.object()["status"].clone();
    assert!(before["operation"]["profile"].is_string(), "{before:#}");
    stage.take_over();
    stage.report_early().await;
    let after = stage.object()["status"].clone();
    assert_ne!(after["conditions"], before["conditions"]);
    assert_eq!(after["operation"]["profile"], before["operation"]["profile"]);
    assert_eq!(after["membership"], before["membership"]);
}

/// Whoever can read it may be about to lead again.
#[tokio::test(start_paused = true)]
async fn m13_an_operation_that_cannot_be_read_holds_a_deleted_autoscaler_for_an_hour() {
    let mut stage = Stage::new(3);
    stage.server.edit("web", |object| {
        let record = "2 leave:pondering id=x";
        let status = json!({"id": "x", "kind": "Leave", "member": "m", "phase": "Pondering", "record": record});
        object["status"] = json!({"operation": status});
        object["metadata"]["finalizers"] = json!([FINALIZER]);
        object["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:00Z");
    });
    stage.take_over();
    let mut held = 0;
    while stage.object()["metadata"]["finalizers"] == json!([FINALIZER]) {
        stage.turn(2).await;
        held += 1;
        assert!(held < 3_700, "it is held for ever");
    }
    assert!(held > 3_500, "{held} s");
}
