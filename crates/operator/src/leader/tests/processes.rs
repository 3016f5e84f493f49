//! Whole processes: stopped and resumed, told to end, failing, cut off.

use std::time::Duration;

use rstest::rstest;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::candidate::{epoch, holder, shipped, until};
use super::replica::{Journal, LEASE, Replica};
use super::server::{FAST, Way};
use crate::leader::Term;
use crate::run::Stopped;

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_stopped_past_its_lease_writes_no_more_in_that_term() {
    let (server, journal) = (shipped(), Journal::default());
    let leader = Replica::start(&server, &journal, "a", 0);
    until(|| holder(&server).as_deref() == Some("a")).await;
    let standby = Replica::start(&server, &journal, "b", 0);
    sleep(Duration::from_secs(5)).await;
    leader.freeze();
    until(|| holder(&server).as_deref() == Some("b")).await;
    let resumed = Instant::now();
    leader.thaw();
    sleep(LEASE * 4).await;
    assert_eq!(journal.overlap(), None);
    let late: Vec<_> = journal
        .writes()
        .into_iter()
        .filter(|write| write.by == "a" && write.from >= resumed)
        .collect();
    assert_eq!(late, []);
    assert_eq!(leader.ready.failures(), Vec::<String>::new());
    assert_eq!(standby.health.failures(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_replica_told_to_end_finishes_its_write_and_gives_the_lease_up() {
    let (server, journal) = (shipped(), Journal::default());
    let leader = Replica::start(&server, &journal, "a", 0);
    until(|| journal.writes().len() > 3).await;
    leader.terminate();
    leader.ended().await;
    assert_eq!(holder(&server).as_deref(), Some(""));
    assert!(journal.writes().iter().all(|write| write.until <= Instant::now()));
}

#[rstest]
#[case::some_writes_had_no_answer(Duration::from_secs(1), false)]
#[case::work_does_not_end(Duration::from_hours(1), true)]
#[tokio::test(start_paused = true)]
async fn the_lease_is_left_to_expire_unless_all_work_is_known_to_be_done(
    #[case] takes: Duration,
    #[case] flushed: bool,
) {
    let server = shipped();
    let leader = Replica::start_with(&server, "a", 0, move |_, _, stop: CancellationToken| async move {
        stop.cancelled().await;
        sleep(takes).await;
        Stopped { flushed }
    });
    until(|| holder(&server).as_deref() == Some("a")).await;
    leader.terminate();
    let told = Instant::now();
    leader.ended().await;
    assert!(told.elapsed() <= Duration::from_secs(15), "{:?}", told.elapsed());
    assert_eq!(holder(&server).as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_term_but_not_the_process() {
    let server = shipped();
    let _leader = Replica::start_with(&server, "a", 0, |_, term: Term, _| async move {
        assert!(term.epoch > 1, "the work of the first term fails");
        std::future::pending().await
    });
    until(|| epoch(&server) == Some(1)).await;
    let next = until(|| epoch(&server) == Some(2)).await;
    assert!(
        next >= LEASE && next < LEASE + Duration::from_secs(2),
        "the next term began after {next:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_word_from_the_api_server_a_replica_is_first_unready_and_then_unwell() {
    let (server, journal) = (shipped(), Journal::default());
    let leader = Replica::start(&server, &journal, "a", 0);
    until(|| holder(&server).as_deref() == Some("a")).await;
    leader.network.set(Way::Held, Way::Held);
    let unready = until(|| !leader.ready.failures().is_empty()).await;
    assert!(unready >= LEASE * 2 && unready < LEASE * 3, "{unready:?}");
    let unwell = unready + until(|| !leader.health.failures().is_empty()).await;
    assert!(unwell >= LEASE * 10 && unwell < LEASE * 11, "{unwell:?}");
    leader.network.set(FAST, FAST);
    until(|| leader.ready.failures().is_empty() && leader.health.failures().is_empty()).await;
}
