//! Many callers, one source; many sources, one process.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_core::{FailureClass, Reading};
use autoscaler_promql::{Outcome, Prometheus, RequestKind, SourceConfig};
use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::fake::{Fake, answer, number};
use crate::{Notes, client, failed, fresh, impatient, patient, query, read, until};

/// A server whose answers wait for a permit each.
async fn gated(gate: &Arc<Semaphore>) -> Fake {
    let gate = Arc::clone(gate);
    Fake::start(move |_| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            answer(200, number("42"))
        }
    })
    .await
}

/// A source with one slot, which another query holds: whoever asks the same meanwhile has all the time to join.
struct Queue {
    gate: Arc<Semaphore>,
    notes: Arc<Notes>,
    server: Fake,
    prometheus: Arc<Prometheus>,
    first: JoinHandle<Reading>,
}

impl Queue {
    async fn new() -> Self {
        let (gate, notes) = (Arc::new(Semaphore::new(0)), Arc::new(Notes::default()));
        let server = gated(&gate).await;
        let config = SourceConfig {
            max_concurrent: 1,
            ..SourceConfig::new(server.url())
        };
        let prometheus = Arc::new(Prometheus::observed(config, Arc::clone(&notes) as _).unwrap());
        let first = read_as_a_task(&prometheus, "first");
        until("the slot is taken", || server.seen().len() == 1).await;
        Self {
            gate,
            notes,
            server,
            prometheus,
            first,
        }
    }

    /// Starts readers of one query, the leader first, and waits until they have joined.
    async fn joined(&self, readers: usize) -> Vec<JoinHandle<Reading>> {
        let readers: Vec<_> = (0..readers).map(|_| read_as_a_task(&self.prometheus, "m")).collect();
        until("all but one have joined", || self.notes.shared() == readers.len() - 1).await;
        readers
    }

    async fn let_the_first_go(&mut self) {
        self.gate.add_permits(1);
        assert_eq!((&mut self.first).await.unwrap(), fresh(42));
        until("the shared query is sent", || self.server.seen().len() == 2).await;
    }
}

fn read_as_a_task(prometheus: &Arc<Prometheus>, text: &'static str) -> JoinHandle<Reading> {
    let prometheus = Arc::clone(prometheus);
    tokio::spawn(async move { prometheus.read(&query(text), patient()).await })
}

#[tokio::test]
async fn one_query_asked_by_fifty_at_once_is_sent_once() {
    let mut queue = Queue::new().await;
    let readers = queue.joined(50).await;
    queue.let_the_first_go().await;
    queue.gate.add_permits(50);
    for reading in join_all(readers).await {
        assert_eq!(reading.unwrap(), fresh(42));
    }
    assert_eq!(queue.server.texts(), ["first", "m"]);
    assert_eq!(queue.notes.finished(), [(RequestKind::Query, Outcome::Answered); 2]);
}

#[tokio::test]
async fn the_reader_that_asked_first_may_be_cancelled_and_the_others_are_answered() {
    let mut queue = Queue::new().await;
    let mut readers = queue.joined(3).await;
    queue.let_the_first_go().await;
    let leader = readers.remove(0);
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    queue.gate.add_permits(1);
    for reading in join_all(readers).await {
        assert_eq!(reading.unwrap(), fresh(42));
    }
    assert_eq!(queue.server.texts(), ["first", "m"]);
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed_and_the_wait_counts_towards_the_deadline() {
    let gate = Arc::new(Semaphore::new(0));
    let server = gated(&gate).await;
    let prometheus = Arc::new(client(SourceConfig {
        max_concurrent: 2,
        ..SourceConfig::new(server.url())
    }));
    let readers: Vec<_> = (0..2)
        .map(|n| {
            let prometheus = Arc::clone(&prometheus);
            tokio::spawn(async move { prometheus.read(&query(&format!("m{n}")), patient()).await })
        })
        .collect();
    until("two requests have arrived", || server.seen().len() == 2).await;
    assert_eq!(
        prometheus.read(&query("third"), impatient()).await,
        failed(FailureClass::Timeout, None)
    );
    assert_eq!(server.seen().len(), 2);
    gate.add_permits(3);
    for reading in join_all(readers).await {
        assert_eq!(reading.unwrap(), fresh(42));
    }
    assert_eq!(prometheus.read(&query("fourth"), patient()).await, fresh(42));
}

/// One user's hanging queries, as many as there are slots.
#[tokio::test]
async fn queries_that_hang_take_half_of_the_slots_at_most_once_they_are_known() {
    let server = Fake::start(|seen| async move {
        if seen.parameters["query"].starts_with("hanging") {
            std::future::pending::<()>().await;
        }
        answer(200, number("42"))
    })
    .await;
    let prometheus = Arc::new(client(SourceConfig {
        max_concurrent: 4,
        ..SourceConfig::new(server.url())
    }));
    let hang = |deadline: Instant| {
        let all = (0..4).map(|n| {
            let prometheus = Arc::clone(&prometheus);
            tokio::spawn(async move { prometheus.read(&query(&format!("hanging{n}")), deadline).await })
        });
        all.collect::<Vec<_>>()
    };
    for reading in join_all(hang(Instant::now() + Duration::from_secs(1))).await {
        assert_eq!(reading.unwrap(), failed(FailureClass::Timeout, None));
    }
    assert_eq!(server.seen().len(), 4);
    let waiting = hang(patient());
    until("two of them are under way", || server.seen().len() == 6).await;
    for text in ["a", "b", "c", "d", "e"] {
        assert_eq!(prometheus.read(&query(text), patient()).await, fresh(42), "{text}");
    }
    assert_eq!(server.seen().len(), 11);
    waiting.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_source_that_hangs_gives_back_its_slots_and_delays_no_other() {
    let hanging = Fake::start(|_| std::future::pending()).await;
    let well = Fake::answering(200, number("42")).await;
    let stuck = Arc::new(client(SourceConfig {
        max_concurrent: 2,
        ..SourceConfig::new(hanging.url())
    }));
    let waiting: Vec<_> = (0..10)
        .map(|n| {
            let stuck = Arc::clone(&stuck);
            tokio::spawn(async move { stuck.read(&query(&format!("m{n}")), patient()).await })
        })
        .collect();
    until("the slots are taken", || hanging.seen().len() == 2).await;
    assert_eq!(read(&well, "m").await, fresh(42));
    waiting.iter().for_each(JoinHandle::abort);
    join_all(waiting).await;
    assert_eq!(
        stuck.read(&query("next"), impatient()).await,
        failed(FailureClass::Timeout, None)
    );
    until("the next got a slot", || hanging.texts().contains(&"next".to_owned())).await;
}
