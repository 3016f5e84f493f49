//! What a new leader may do before everything that the last one sent has arrived: lower the replicas of who has left, and
//! nothing else.

use super::stage::{Stage, is_act, work_of};
use crate::context::simulated::Cut;

/// Less than what was sent may be under way, by the built-in profile.
const WHILE_IT_WAITS: usize = 80;

/// What a run does that nobody disturbs.
async fn undisturbed() -> Vec<String> {
    let mut stage = Stage::new(3);
    stage.until_rest(2).await;
    stage.server.done()
}

/// VerneMQ stops when it has left, and is started again under the same UID: a leader that comes too late finds it serving clients
/// alone, and only a person can go on from there.
#[tokio::test(start_paused = true)]
async fn m2_a_member_that_has_left_is_removed_before_it_serves_alone_whoever_was_killed() {
    let done = Box::pin(undisturbed()).await;
    let at = |wanted: &str| done.iter().position(|line| line.starts_with(wanted)).unwrap();
    let (commit, patch) = (at("act Drain(1)"), at("scale 3 > 2"));
    assert!(commit < patch, "{done:#?}");
    let cuts = (commit..patch).flat_map(|index| [Cut::After(index), Cut::Before(index + 1)]);
    for cut in cuts {
        let mut stage = Stage::new(3);
        stage.until_taken_over(2, cut).await;
        for _ in 0..10 {
            stage.turn(2).await;
        }
        assert_eq!(stage.replicas(), 2, "{cut:?}: {:#?}", stage.server.done());
        stage.start_again(2);
        stage.until_rest(2).await;
        assert_eq!(stage.members(), [0, 1], "{cut:?}: {:#?}", stage.server.done());
    }
}

#[tokio::test(start_paused = true)]
async fn m15_nothing_but_that_patch_is_done_before_what_the_last_leader_sent_has_arrived() {
    let done = Box::pin(undisturbed()).await;
    let acts: Vec<usize> = (0..done.len()).filter(|index| is_act(&done[*index])).collect();
    assert_eq!(acts.len(), 3, "{done:#?}");
    for cut in acts.into_iter().flat_map(|act| [Cut::Before(act), Cut::After(act)]) {
        let mut stage = Stage::new(3);
        stage.until_taken_over(2, cut).await;
        let before = stage.server.done();
        let stored = before.iter().rfind(|line| line.starts_with("status ")).unwrap();
        for _ in 0..WHILE_IT_WAITS {
            stage.turn(2).await;
        }
        let done = stage.server.done();
        for line in &done[before.len()..] {
            let is_as_it_was = line.starts_with("status ") && work_of(line) == work_of(stored);
            let is_removal = line == "scale 3 > 2" || work_of(line) == "leave:patched";
            assert!(is_as_it_was || is_removal, "{cut:?}: {line}: {done:#?}");
        }
        stage.until_rest(2).await;
        assert_eq!((stage.replicas(), stage.members()), (2, vec![0, 1]), "{cut:?}");
    }
}

/// A member that the last leader had not made to leave for good can still be kept: nothing is decided about it yet.
#[tokio::test(start_paused = true)]
async fn m15_an_operation_is_not_taken_back_before_what_the_last_leader_sent_has_arrived() {
    let done = Box::pin(undisturbed()).await;
    let soft = done.iter().position(|line| line == "act Drain(0)").unwrap();
    let mut stage = Stage::new(3);
    stage.until_taken_over(2, Cut::After(soft)).await;
    let before = stage.server.done().len();
    for _ in 0..WHILE_IT_WAITS {
        stage.turn(3).await;
    }
    let done = stage.server.done();
    assert!(!done[before..].iter().any(|line| is_act(line)), "{done:#?}");
    stage.until_rest(3).await;
    assert_eq!((stage.replicas(), stage.members()), (3, vec![0, 1, 2]));
    assert!(
        stage.server.done().contains(&"act Undo(0)".to_owned()),
        "{:#?}",
        stage.server.done()
    );
}
