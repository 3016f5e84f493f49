//! When the lease is taken, and what it costs to wait for it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::candidate::{Candidate, edit_spec, holder, shipped, spec};
use super::replica::LEASE;
use super::server::{FAST, Server, Way};
use crate::leader::{Handover, Lost, Term};

const FIRST: Term = Term {
    epoch: 1,
    handover: Handover::First,
};

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_never_held_is_taken_at_once_and_opens_the_fence() {
    let server = shipped();
    let mut candidate = Candidate::new(&server, "a");
    assert_eq!(candidate.ready.failures(), ["lease: the Lease cannot be watched"]);
    let began = Instant::now();
    assert_eq!(candidate.acquire().await, FIRST);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(candidate.ready.failures(), Vec::<String>::new());
    let spec = spec(&server);
    assert_eq!(spec.holder_identity.as_deref(), Some("a"));
    assert_eq!(
        (spec.lease_duration_seconds, spec.lease_transitions),
        (Some(30), Some(1))
    );
    let open = candidate.fence.remaining().unwrap();
    assert!(
        open <= Duration::from_secs(23) && open > Duration::from_secs(22),
        "{open:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_lease_is_created_and_taken_after_its_duration() {
    let server = Server::default();
    let mut candidate = Candidate::new(&server, "a");
    let began = Instant::now();
    let term = candidate.acquire().await;
    assert_eq!(term.handover, Handover::TakenOver);
    assert!(began.elapsed() >= LEASE && began.elapsed() < LEASE + Duration::from_secs(1));
    assert_eq!(holder(&server).as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_standby_asks_for_nothing_but_its_watch() {
    let server = shipped();
    let mut leader = Candidate::new(&server, "a");
    leader.acquire().await;
    let mut standby = Candidate::new(&server, "b");
    let both = async {
        tokio::join!(leader.elector.keep(), standby.acquire());
    };
    timeout(Duration::from_secs(1_000), both).await.unwrap_err();
    let requests = server.take_requests();
    let count = |kind: &str| requests.iter().filter(|request| *request == kind).count();
    // Of each of the two: one list, and a watch every 290 s.
    assert_eq!((count("LIST"), count("GET")), (2, 0));
    assert!(count("WATCH") <= 8, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_up_is_taken_at_once() {
    let server = shipped();
    let mut leader = Candidate::new(&server, "a");
    leader.acquire().await;
    let mut standby = Candidate::new(&server, "b");
    let shutdown = CancellationToken::new();
    let waiting = async { standby.elector.acquire(&shutdown).await };
    let leaving = async {
        let _ = timeout(Duration::from_secs(15), leader.elector.keep()).await;
        leader.elector.release().await;
        assert_eq!(leader.fence.remaining(), None);
        (Instant::now(), spec(&server))
    };
    let (term, (released, given_up)) = tokio::join!(waiting, leaving);
    assert!(released.elapsed() < Duration::from_secs(1));
    let at = given_up.renew_time.unwrap().0;
    let handover = Handover::Released { at };
    assert_eq!(term, Some(Term { epoch: 2, handover }));
}

#[tokio::test(start_paused = true)]
async fn a_silent_leader_is_followed_after_the_lease_and_stops_before() {
    let server = shipped();
    let mut leader = Candidate::new(&server, "a");
    leader.acquire().await;
    let mut standby = Candidate::new(&server, "b");
    leader.network.set(Way::Held, Way::Held);
    let began = Instant::now();
    let cut_off = async {
        assert_eq!(leader.elector.keep().await, Lost::Expired);
        (began.elapsed(), leader.fence.remaining())
    };
    let (term, (stopped, fence)) = tokio::join!(standby.acquire(), cut_off);
    let taken = began.elapsed();
    assert_eq!(
        term,
        Term {
            epoch: 2,
            handover: Handover::TakenOver
        }
    );
    assert_eq!(fence, None);
    assert!(stopped <= Duration::from_secs(23), "stopped after {stopped:?}");
    assert!(
        taken >= LEASE && taken < LEASE + Duration::from_secs(2),
        "taken after {taken:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_fell_silent_is_noticed_after_the_lease() {
    let server = shipped();
    let mut leader = Candidate::new(&server, "a");
    leader.acquire().await;
    let mut standby = Candidate::new(&server, "b");
    let leading = async {
        let _ = timeout(Duration::from_secs(5), leader.elector.keep()).await;
        server.silence_watches();
        let _ = timeout(LEASE * 2, leader.elector.keep()).await;
        leader.elector.release().await;
        Instant::now()
    };
    let (term, released) = tokio::join!(standby.acquire(), leading);
    assert!(matches!(term.handover, Handover::Released { .. }), "{term:?}");
    assert!(released.elapsed() < Duration::from_secs(1), "{:?}", released.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_take_over_whose_answer_is_lost_is_made_again_after_the_lease() {
    let server = shipped();
    edit_spec(&server, |spec| spec.holder_identity = Some("gone".to_owned()));
    let mut candidate = Candidate::new(&server, "a");
    let network = candidate.network.clone();
    let began = Instant::now();
    let deaf = async {
        sleep(Duration::from_secs(29)).await;
        network.set(FAST, Way::Held);
        sleep(Duration::from_secs(8)).await;
        assert_eq!(holder(&server).as_deref(), Some("a"), "the request itself has arrived");
        network.set(FAST, FAST);
    };
    let (term, ()) = tokio::join!(candidate.acquire(), deaf);
    assert_eq!(term.handover, Handover::TakenOver);
    let took = began.elapsed();
    assert!(took > LEASE * 2 && took < LEASE * 3, "{took:?}");
}
