use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use rstest::rstest;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::replica::{Journal, LEASE, Replica, settings};
use super::server::{FAST, NAME, NAMESPACE, Network, Server, Way};
use crate::checks::Checks;
use crate::clock::Clock;
use crate::gate::Fence;
use crate::leader::{Elector, Handover, Lost, Term, record};
use crate::run::Stopped;

const FIRST: Term = Term {
    epoch: 1,
    handover: Handover::First,
};

/// An elector and what is around it.
struct Candidate {
    elector: Elector,
    network: Network,
    fence: Fence,
    ready: Checks,
    _health: Checks,
}

impl Candidate {
    fn new(server: &Server, identity: &str) -> Self {
        let (network, health, ready) = (Network::new(), Checks::default(), Checks::default());
        let clock = Clock::simulated(0);
        let fence = Fence::closed(clock.clone());
        let client = server.client(&network);
        let elector = Elector::new(client, clock, fence.clone(), settings(identity), &health, &ready);
        Self {
            elector,
            network,
            fence,
            ready,
            _health: health,
        }
    }

    async fn acquire(&mut self) -> Term {
        self.elector
            .acquire(&CancellationToken::new())
            .await
            .expect("nobody shuts it down")
    }
}

/// A server with the Lease as it is shipped.
fn shipped() -> Server {
    let server = Server::default();
    server.create(record::missing(NAMESPACE, NAME));
    server
}

fn spec(server: &Server) -> LeaseSpec {
    server
        .lease()
        .and_then(|lease| lease.spec)
        .expect("a lease with a spec")
}

fn edit_spec(server: &Server, edit: impl FnOnce(&mut LeaseSpec)) {
    server.edit(|lease| edit(lease.spec.get_or_insert_default()));
}

fn epoch(server: &Server) -> Option<i32> {
    server.lease()?.spec?.lease_transitions
}

fn holder(server: &Server) -> Option<String> {
    server.lease()?.spec?.holder_identity
}

/// So much virtual time goes by until that is so; 10 minutes at most.
async fn until(condition: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_mins(10), "waited for ten minutes");
        sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

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
async fn a_renewal_is_one_request_every_third_of_the_lease() {
    let server = shipped();
    let mut candidate = Candidate::new(&server, "a");
    candidate.acquire().await;
    server.take_requests();
    timeout(Duration::from_secs(305), candidate.elector.keep())
        .await
        .unwrap_err();
    let requests = server.take_requests();
    let count = |kind: &str| requests.iter().filter(|request| *request == kind).count();
    assert_eq!((count("PUT"), count("GET"), count("LIST")), (30, 0, 0));
    assert!(count("WATCH") <= 2, "{requests:?}");
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
async fn the_fence_counts_from_when_a_request_was_sent() {
    let server = shipped();
    let mut leader = Candidate::new(&server, "a");
    let slow = Duration::from_secs(4);
    leader.network.set(FAST, Way::Open(slow));
    leader.acquire().await;
    let open = Duration::from_secs(23).saturating_sub(slow);
    assert!(leader.fence.remaining().unwrap() <= open);
    // The renewal is sent after 10 s and answered after 14; that this was so is seen from here, after 15.
    timeout(Duration::from_secs(11), leader.elector.keep())
        .await
        .unwrap_err();
    let remaining = leader.fence.remaining().unwrap();
    assert!(
        remaining <= open && remaining > Duration::from_secs(17),
        "{remaining:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn b8_a_watch_that_fell_silent_is_noticed_after_the_lease() {
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
async fn renewals_that_fail_are_tried_again_while_the_fence_is_open() {
    let server = shipped();
    let mut leader = Candidate::new(&server, "a");
    leader.acquire().await;
    let began = Instant::now();
    let hiccup = async {
        sleep(Duration::from_secs(8)).await;
        leader.network.set(Way::Held, FAST);
        // The renewal of the 10th second fails at the 15th, and the next finds the way open.
        sleep(Duration::from_secs(6)).await;
        leader.network.set(FAST, FAST);
    };
    let keeping = timeout(Duration::from_mins(1), leader.elector.keep());
    let ((), kept) = tokio::join!(hiccup, keeping);
    assert!(kept.is_err(), "the lease was kept for {:?}", began.elapsed());
    assert!(leader.fence.remaining().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_is_lost_does_not_end_the_term() {
    let server = shipped();
    let mut leader = Candidate::new(&server, "a");
    leader.acquire().await;
    let deaf = async {
        sleep(Duration::from_secs(8)).await;
        leader.network.set(FAST, Way::Held);
        sleep(Duration::from_secs(6)).await;
        leader.network.set(FAST, FAST);
    };
    let ((), kept) = tokio::join!(deaf, timeout(Duration::from_mins(1), leader.elector.keep()));
    assert!(kept.is_err());
    assert_eq!(epoch(&server), Some(1));
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

#[rstest]
#[case::deleted(|server: &Server| server.delete())]
#[case::erased(|server: &Server| edit_spec(server, |spec| spec.holder_identity = None))]
#[case::emptied(|server: &Server| server.edit(|lease| lease.spec = None))]
#[case::shortened(|server: &Server| edit_spec(server, |spec| spec.lease_duration_seconds = Some(1)))]
#[case::replaced(|server: &Server| { server.delete(); server.create(record::missing(NAMESPACE, NAME)); })]
#[tokio::test(start_paused = true)]
async fn d3_a_leader_repairs_its_lease_and_goes_on(#[case] damage: impl Fn(&Server)) {
    let server = shipped();
    let mut leader = Candidate::new(&server, "a");
    leader.acquire().await;
    let damaging = async {
        sleep(Duration::from_secs(3)).await;
        damage(&server);
        sleep(Duration::from_secs(1)).await;
        let spec = spec(&server);
        (spec.holder_identity, spec.lease_transitions)
    };
    let (after_a_second, kept) = tokio::join!(damaging, timeout(Duration::from_mins(1), leader.elector.keep()));
    assert!(kept.is_err(), "the term ended");
    let repaired_at_once = (Some("a".to_owned()), Some(1));
    let ours_all_along = spec(&server).lease_duration_seconds == Some(30);
    assert!(
        ours_all_along && after_a_second == repaired_at_once,
        "{after_a_second:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn d3_a_leader_that_finds_another_name_stops_at_once() {
    let server = shipped();
    let mut leader = Candidate::new(&server, "a");
    leader.acquire().await;
    let began = Instant::now();
    let naming = async {
        sleep(Duration::from_secs(3)).await;
        edit_spec(&server, |spec| spec.holder_identity = Some("b".to_owned()));
    };
    let ((), lost) = tokio::join!(naming, timeout(LEASE, leader.elector.keep()));
    assert_eq!(lost.unwrap(), Lost::Taken { by: "b".to_owned() });
    assert_eq!(leader.fence.remaining(), None);
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_into_the_lease_stays() {
    let server = shipped();
    server.edit(|lease: &mut Lease| {
        lease
            .metadata
            .labels
            .get_or_insert_default()
            .insert("app".to_owned(), "autoscaler".to_owned());
    });
    let mut leader = Candidate::new(&server, "a");
    leader.acquire().await;
    leader.elector.release().await;
    let labels = server.lease().unwrap().metadata.labels.unwrap();
    assert_eq!(labels["app"], "autoscaler");
}

#[tokio::test(start_paused = true)]
async fn d1_a_leader_that_was_stopped_past_its_lease_writes_no_more_in_that_term() {
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
async fn b8_without_a_word_from_the_api_server_a_replica_is_first_unready_and_then_unwell() {
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
