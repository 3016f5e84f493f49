//! What changes between a look and what follows from it, and what a watch has not told yet (M3, M8, M13).

use autoscaler_core::membership::{Join, Operation, Work};

use super::stage::Stage;
use crate::membership::Held;

fn works_at(work: Work) -> impl Fn(&Held) -> bool {
    move |held| matches!(held, Held::Operation(operation) if operation.work == work)
}

/// A patch that tests the count alone would remove it undrained.
#[tokio::test(start_paused = true)]
async fn m8_a_pod_that_joins_after_the_look_is_not_withdrawn() {
    let mut stage = Stage::new(3);
    stage.lose(3);
    stage.until(4, works_at(Work::Join(Join::Patched))).await;
    stage.turn(4).await;
    stage.until(3, works_at(Work::Join(Join::Withdrawing))).await;
    stage.find_after_the_next_look(3);
    stage.until_rest(3).await;
    let done = stage.server.done();
    let at = |wanted: &str| done.iter().position(|line| line == wanted);
    assert!(
        at("act Drain(1)") < at("scale 4 > 3") && at("act Drain(1)").is_some(),
        "{done:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn m8_a_pod_that_never_joins_is_withdrawn() {
    let mut stage = Stage::new(3);
    stage.lose(3);
    stage.until(4, works_at(Work::Join(Join::Patched))).await;
    stage.turn(4).await;
    stage.until_rest(3).await;
    let done = stage.server.done();
    assert!(
        done.contains(&"scale 4 > 3".to_owned()) && !done.iter().any(|line| line.starts_with("act ")),
        "{done:#?}"
    );
}

/// Between two members of one goal the finalizer is off for a moment, and a watch that is slow still shows it.
#[tokio::test(start_paused = true)]
async fn m13_the_second_of_two_members_is_not_begun_on_the_finalizer_of_the_first() {
    let mut stage = Stage::new(4);
    let is_sent = |held: &Held| matches!(held, Held::Operation(operation) if operation.sent.is_some());
    stage.until(2, is_sent).await;
    stage.turn(2).await;
    assert!(stage.subject.snapshot.has_finalizer);
    stage.silence_the_watch();
    let first = stage
        .subject
        .membership
        .operation()
        .map(|operation| operation.id.clone());
    let is_second = |operation: &Operation| Some(&operation.id) != first.as_ref() && operation.sent.is_some();
    stage
        .until(
            2,
            |held| matches!(held, Held::Operation(operation) if is_second(operation)),
        )
        .await;
    let done = stage.server.done();
    let last = |start: &str| done.iter().rposition(|line| line.starts_with(start)).unwrap();
    assert!(stage.subject.snapshot.has_finalizer, "the watch has told");
    assert!(last("finalizers [\"") > last("finalizers []"), "{done:#?}");
    assert!(last("act Drain(0)") > last("finalizers [\""), "{done:#?}");
}
