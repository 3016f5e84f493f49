use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::time::{advance, timeout};

use super::*;

const HALF: Duration = Duration::from_millis(500);
const QUERY: Sharing = Sharing {
    answered: Some(HALF),
    under_way: HALF,
};
const PROBE: Sharing = Sharing {
    answered: None,
    under_way: HALF,
};

/// A source that counts what it is asked, and answers when it is told to.
#[derive(Clone, Default)]
struct Source {
    asked: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    go: Arc<Notify>,
}

struct CountsDrop(Arc<AtomicUsize>);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Source {
    fn ask(&self, share: &Arc<Share<usize>>, question: &str, sharing: Sharing) -> Asked<usize> {
        let source = self.clone();
        share.ask(
            &question.into(),
            sharing,
            |_| true,
            move |sent| async move {
                let _dropped = CountsDrop(source.dropped);
                sent.now();
                let number = source.asked.fetch_add(1, Ordering::SeqCst) + 1;
                source.go.notified().await;
                number
            },
        )
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn answer(&self) {
        self.go.notify_one();
    }
}

/// Lets a flight start; the paused clock stands still meanwhile.
fn poll_once(asked: &Asked<usize>) {
    assert!(asked.answer.clone().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn one_question_asked_by_many_at_once_is_sent_once() {
    let (share, source) = (Share::new(), Source::default());
    let asked: Vec<_> = (0..100).map(|_| source.ask(&share, "q", QUERY)).collect();
    assert_eq!(asked.iter().filter(|asked| !asked.joined).count(), 1);
    source.answer();
    let answers = futures::future::join_all(asked.into_iter().map(|asked| asked.answer)).await;
    assert_eq!(answers, vec![1; 100]);
    assert_eq!(source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_question_is_another_request() {
    let (share, source) = (Share::new(), Source::default());
    let (a, b) = (source.ask(&share, "a", QUERY), source.ask(&share, "b", QUERY));
    poll_once(&a);
    poll_once(&b);
    assert_eq!(source.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_again_while_its_request_is_young() {
    let (share, source) = (Share::new(), Source::default());
    source.answer();
    assert_eq!(source.ask(&share, "q", QUERY).answer.await, 1);
    advance(HALF).await;
    assert_eq!(source.ask(&share, "q", QUERY).answer.await, 1);
    advance(Duration::from_millis(1)).await;
    source.answer();
    assert_eq!(source.ask(&share, "q", QUERY).answer.await, 2);
}

#[tokio::test(start_paused = true)]
async fn the_age_of_an_answer_counts_from_its_request() {
    let (share, source) = (Share::new(), Source::default());
    let first = source.ask(&share, "q", QUERY);
    poll_once(&first);
    advance(HALF + Duration::from_millis(1)).await;
    source.answer();
    assert_eq!(first.answer.await, 1);
    source.answer();
    assert_eq!(source.ask(&share, "q", QUERY).answer.await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_been_under_way_for_long_is_not_joined() {
    let (share, source) = (Share::new(), Source::default());
    let first = source.ask(&share, "q", QUERY);
    poll_once(&first);
    advance(HALF + Duration::from_millis(1)).await;
    let second = source.ask(&share, "q", QUERY);
    assert!(!second.joined);
    poll_once(&second);
    assert_eq!(source.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_still_waits_for_its_turn_is_joined_however_long() {
    let share: Arc<Share<usize>> = Share::new();
    let first = share.ask(&"q".into(), QUERY, |_| true, |_| std::future::pending());
    poll_once(&first);
    advance(Duration::from_mins(1)).await;
    assert!(
        share
            .ask(&"q".into(), QUERY, |_| true, |_| std::future::pending())
            .joined
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_joins_a_request_under_way_and_takes_no_earlier_answer() {
    let (share, source) = (Share::new(), Source::default());
    let (first, second) = (source.ask(&share, "q", PROBE), source.ask(&share, "q", PROBE));
    assert!(second.joined);
    source.answer();
    assert_eq!((first.answer.await, second.answer.await), (1, 1));
    assert!(!source.ask(&share, "q", PROBE).joined);
}

#[tokio::test(start_paused = true)]
async fn the_first_to_ask_may_leave_and_the_others_are_answered() {
    let (share, source) = (Share::new(), Source::default());
    let leader = source.ask(&share, "q", QUERY);
    let follower = source.ask(&share, "q", QUERY);
    assert!(timeout(HALF, leader.answer).await.is_err());
    source.answer();
    assert_eq!(follower.answer.await, 1);
    assert_eq!(source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_cancelled_while_a_follower_sleeps_wakes_the_follower_for_the_answer() {
    let (share, source) = (Share::new(), Source::default());
    let leader = tokio::spawn(source.ask(&share, "q", QUERY).answer);
    tokio::task::yield_now().await;
    let follower = tokio::spawn(source.ask(&share, "q", QUERY).answer);
    tokio::task::yield_now().await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    source.answer();
    assert_eq!(timeout(HALF, follower).await.unwrap().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn work_that_nobody_waits_for_stops() {
    let (share, source) = (Share::new(), Source::default());
    let (a, b) = (source.ask(&share, "q", QUERY), source.ask(&share, "q", QUERY));
    poll_once(&a);
    drop(a);
    assert_eq!(source.dropped.load(Ordering::SeqCst), 0);
    drop(b);
    assert_eq!(source.dropped.load(Ordering::SeqCst), 1);
    assert!(!source.ask(&share, "q", QUERY).joined);
}

#[tokio::test(start_paused = true)]
async fn an_answer_not_worth_keeping_is_not_given_again() {
    let share = Share::new();
    let ask = || share.ask(&"q".into(), QUERY, |_| false, |_| std::future::ready(7));
    assert_eq!(ask().answer.await, 7);
    assert!(!ask().joined);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_bounded_and_swept() {
    let share = Share::new();
    let ask = |n: usize| {
        share
            .ask(&n.to_string().into(), QUERY, |_| true, |_| std::future::ready(7))
            .answer
    };
    for n in 0..3 * MAX_ENTRIES {
        ask(n).await;
    }
    assert!(
        share.lock().entries.len() <= MAX_ENTRIES + 1,
        "{}",
        share.lock().entries.len()
    );
    advance(HALF * 2).await;
    for n in 0..3 * MAX_ENTRIES {
        drop(ask(n));
    }
    assert!(
        share.lock().entries.len() <= 2 * SMALLEST_SWEEP,
        "{}",
        share.lock().entries.len()
    );
}
