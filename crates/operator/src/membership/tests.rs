//! The driver against a simulated API server and simulated members: the order of writes, and every point at which the operator
//! can be killed.

mod brokers;
mod races;
mod remembered;
mod stage;
mod takeover;

use std::time::Duration;

use autoscaler_api::conditions::reason;
use autoscaler_core::membership::{Leave, Operation, Work};
use serde_json::json;

use super::Held;
use crate::context::simulated::Cut;
use stage::{Stage, is_act, work_of};

#[tokio::test(start_paused = true)]
async fn m15_what_is_intended_is_stored_before_anything_is_done() {
    let mut stage = Stage::new(3);
    stage.until_rest(2).await;
    assert_eq!((stage.replicas(), stage.members()), (2, vec![0, 1]));
    let done = stage.server.done();
    let acts: Vec<&String> = done.iter().filter(|line| is_act(line)).collect();
    assert_eq!(acts, ["act Drain(0)", "act Drain(1)", "scale 3 > 2"]);
    for (index, line) in done.iter().enumerate().filter(|(_, line)| is_act(line)) {
        let stored = work_of(&done[index - 1]);
        let intended = match line.as_str() {
            "act Drain(0)" => "leave:draining:0",
            "act Drain(1)" => "leave:draining:1:committed",
            _ => "leave:patched",
        };
        assert_eq!(stored, intended, "before {line}: {done:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn m13_the_finalizer_is_held_from_before_the_first_act_until_after_the_last_status() {
    let mut stage = Stage::new(3);
    stage.until_rest(2).await;
    let done = stage.server.done();
    let at = |wanted: &str| done.iter().position(|line| line.starts_with(wanted)).unwrap();
    assert!(at("finalizers [\"") < at("act Drain(0)"), "{done:#?}");
    let last_status = done.iter().rposition(|line| line.starts_with("status 1 ")).unwrap();
    assert!(at("finalizers []") > last_status, "{done:#?}");
}

#[tokio::test(start_paused = true)]
async fn m15_a_write_that_is_lost_means_that_nothing_is_done() {
    let mut stage = Stage::new(3);
    stage.server.refuse_writes("/status", 500);
    for _ in 0..20 {
        stage.turn(2).await;
    }
    assert!(
        !stage.server.done().iter().any(|line| is_act(line)),
        "{:#?}",
        stage.server.done()
    );
    assert_eq!((stage.replicas(), stage.members()), (3, vec![0, 1, 2]));
}

#[tokio::test(start_paused = true)]
async fn m5_decisions_count_while_nothing_can_be_stored() {
    let mut stage = Stage::new(3);
    let committed = false;
    let would_commit = Work::Leave(Leave::Draining { step: 1, committed });
    stage
        .until(
            2,
            |held| matches!(held, Held::Operation(operation) if operation.work == would_commit),
        )
        .await;
    stage.server.refuse_writes("/status", 500);
    for _ in 0..12 {
        stage.turn(3).await;
    }
    stage.server.cut(None);
    stage.until_rest(3).await;
    let done = stage.server.done();
    assert!(done.contains(&"act Undo(0)".to_owned()), "{done:#?}");
    assert!(!done.contains(&"act Drain(1)".to_owned()), "{done:#?}");
}

#[tokio::test(start_paused = true)]
async fn m15_whoever_leads_no_more_does_nothing() {
    let mut stage = Stage::new(3);
    stage.turn(2).await;
    stage.depose();
    let before = stage.server.done();
    for _ in 0..20 {
        stage.turn(2).await;
    }
    assert_eq!(stage.server.done(), before);
}

/// VerneMQ's profile says that an act is over after 90 s; here its reply is waited for at most 10 s of them.
#[tokio::test(start_paused = true)]
async fn m15_an_act_that_could_go_on_after_its_time_is_not_sent() {
    for (seconds, is_sent) in [(79, true), (82, false)] {
        let mut stage = Stage::new(3);
        let committed = false;
        let would_commit = Work::Leave(Leave::Draining { step: 1, committed });
        stage
            .until(
                2,
                |held| matches!(held, Held::Operation(operation) if operation.work == would_commit),
            )
            .await;
        stage.hesitate(Duration::from_secs(seconds));
        for _ in 0..85 {
            stage.turn(2).await;
        }
        let done = stage.server.done();
        assert_eq!(
            done.contains(&"act Drain(1)".to_owned()),
            is_sent,
            "after {seconds} s: {done:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn m15_an_operation_that_another_term_has_gone_on_with_is_left_to_it() {
    let mut stage = Stage::new(3);
    stage
        .until(
            2,
            |held| matches!(held, Held::Operation(operation) if operation.work == Work::Leave(Leave::Gating)),
        )
        .await;
    let mut other = stage.subject.membership.operation().unwrap().clone();
    (other.epoch, other.id) = (9, "theirs".to_owned());
    stage.server.edit("web", |object| {
        object["status"]["operation"]["record"] = json!(other.encode());
    });
    for _ in 0..20 {
        stage.turn(2).await;
    }
    assert_eq!(stage.subject.membership.operation().unwrap().id, "theirs");
    assert!(
        !stage.server.done().iter().any(|line| is_act(line)),
        "{:#?}",
        stage.server.done()
    );
}

/// Named by what is done there, each point is hit: the run without a cut says which there are.
#[tokio::test(start_paused = true)]
async fn wherever_the_operator_is_killed_it_ends_as_if_it_had_not_been() {
    let mut whole = Stage::new(3);
    whole.until_rest(2).await;
    let points = points(&whole.server.done());
    assert!(points.len() > 8, "{:#?}", whole.server.done());
    for at in points {
        for cut in [Cut::Before(at), Cut::After(at)] {
            let mut stage = Stage::new(3);
            stage.until_taken_over(2, cut).await;
            stage.until_rest(2).await;
            let done = stage.server.done();
            assert_eq!(
                (stage.replicas(), stage.members()),
                (2, vec![0, 1]),
                "{cut:?}: {done:#?}"
            );
            let commits = done.iter().filter(|line| *line == "act Drain(1)").count();
            assert_eq!(commits, 1, "a commit is sent once: {cut:?}: {done:#?}");
            assert_eq!(stage.object()["metadata"]["finalizers"], json!([]), "{cut:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_grows_one_member_at_a_time_without_a_rest_between_them() {
    let mut stage = Stage::new(3);
    stage.until_rest(6).await;
    let done = stage.server.done();
    let scales: Vec<&String> = done.iter().filter(|line| line.starts_with("scale")).collect();
    assert_eq!(scales, ["scale 3 > 4", "scale 4 > 5", "scale 5 > 6"]);
}

#[tokio::test(start_paused = true)]
async fn r24_at_rest_nothing_is_written() {
    let mut stage = Stage::new(3);
    stage.until_rest(3).await;
    let before = stage.server.done().len();
    for _ in 0..1_000 {
        stage.turn(3).await;
    }
    assert_eq!(stage.server.done().len(), before, "{:#?}", stage.server.done());
}

#[tokio::test(start_paused = true)]
async fn m14b_members_are_asked_at_once_and_then_every_five_minutes() {
    let mut stage = Stage::new(3);
    stage.turn(3).await;
    assert!(stage.looks() > 0, "not first when a member is to leave");
    stage.until_rest(3).await;
    for _ in 0..3 {
        let before = stage.looks();
        let mut turns = 0;
        while stage.looks() == before {
            stage.turn(3).await;
            turns += 1;
            assert!(turns <= 305, "nobody was asked");
        }
        // The first of them began before it was counted.
        assert!(turns > 280, "asked after {turns} s");
    }
}

#[tokio::test(start_paused = true)]
async fn m14a_an_annotation_takes_back_the_operation_that_it_names_and_no_other() {
    let mut stage = Stage::new(3);
    stage
        .until(
            2,
            |held| matches!(held, Held::Operation(operation) if operation.reached == 1),
        )
        .await;
    let id = stage.subject.membership.operation().unwrap().id.clone();
    stage.annotate("abort", "another");
    stage.turn(2).await;
    let told = stage.subject.membership.told().unwrap().stable.2.clone();
    assert!(
        told.contains("the annotation metricautoscaler.dev/abort: another is ignored"),
        "{told}"
    );
    let is_draining = |work| matches!(work, Work::Leave(Leave::Draining { .. }));
    // The soft step alone can be taken back: the members are slow to leave.
    if stage.subject.membership.operation().is_some_and(Operation::can_abort) {
        assert!(is_draining(stage.subject.membership.operation().unwrap().work));
        stage.annotate("abort", &id);
        stage.until(2, |held| matches!(held, Held::Nothing)).await;
        assert_eq!(stage.members(), [0, 1, 2]);
        let (_, reason, message) = &stage.subject.membership.told().unwrap().stable;
        assert_eq!(*reason, reason::STABLE, "{message}");
        // Not again before five minutes have passed (M6), unless asked to.
        for _ in 0..60 {
            stage.turn(2).await;
        }
        assert_eq!(stage.subject.membership.told().unwrap().stable.1, reason::BACKING_OFF);
        stage.annotate("retry", &id);
        stage.until_rest(2).await;
        assert_eq!((stage.replicas(), stage.members()), (2, vec![0, 1]));
    }
}

#[tokio::test(start_paused = true)]
async fn m10_a_member_that_was_removed_without_a_drain_is_told_of_and_kept() {
    let mut stage = Stage::new(3);
    stage.turn(3).await;
    stage.scale_by_hand(2);
    let claim = "/api/v1/namespaces/default/persistentvolumeclaims/data-web-2";
    stage.server.serve(claim, json!({"metadata": {"name": "data-web-2"}}));
    for _ in 0..20 {
        stage.turn(2).await;
    }
    let (_, reason, message) = &stage.subject.membership.told().unwrap().healthy;
    assert_eq!(*reason, reason::UNDRAINED_REMOVAL);
    assert!(
        message.contains("metricautoscaler.dev/forget: VerneMQ@web-2"),
        "{message}"
    );
    assert_eq!(stage.members(), [0, 1, 2]);
    assert!(!stage.server.done().iter().any(|line| is_act(line)));
}

/// Every act, and every status that stores another phase than the one before it.
fn points(done: &[String]) -> Vec<usize> {
    let mut stored = String::new();
    let is_new = |(index, line): (usize, &String)| {
        let is_status = line.starts_with("status ");
        let is_new = !is_status || work_of(line) != stored;
        if is_status {
            stored = work_of(line);
        }
        is_new.then_some(index)
    };
    done.iter().enumerate().filter_map(is_new).collect()
}

/// By a webhook, a policy or a missing right: whoever has left may serve clients alone meanwhile.
#[tokio::test(start_paused = true)]
async fn a_size_that_the_api_server_refuses_is_told_in_its_words_and_not_hammered() {
    let mut stage = Stage::new(3);
    stage.server.refuse_writes("/scale", 403);
    let is_patched =
        |held: &Held| matches!(held, Held::Operation(operation) if operation.work == Work::Leave(Leave::Patched));
    stage.until(2, is_patched).await;
    for _ in 0..5 {
        stage.turn(2).await;
    }
    let told = stage.stable();
    assert!(
        told.ends_with("failed to write the scale of the target: HTTP 403: x"),
        "{told}"
    );
    assert!(!stage.is_in_a_hurry());
}
