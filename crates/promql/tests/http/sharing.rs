//! Many callers, one source; many sources, one process.

use std::sync::Arc;

use autoscaler_core::FailureClass;
use autoscaler_promql::{Outcome, Prometheus, RequestKind, SourceConfig};
use futures::future::join_all;
use tokio::sync::Semaphore;

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

#[tokio::test]
async fn one_query_asked_by_fifty_at_once_is_sent_once() {
    let (gate, notes) = (Arc::new(Semaphore::new(0)), Arc::new(Notes::default()));
    let server = gated(&gate).await;
    let prometheus = Arc::new(Prometheus::observed(SourceConfig::new(server.url()), Arc::clone(&notes) as _).unwrap());
    let readers: Vec<_> = (0..50)
        .map(|_| {
            let prometheus = Arc::clone(&prometheus);
            tokio::spawn(async move { prometheus.read(&query("m"), patient()).await })
        })
        .collect();
    until("all but one have joined", || notes.shared() == 49).await;
    gate.add_permits(50);
    for reading in join_all(readers).await {
        assert_eq!(reading.unwrap(), fresh(42));
    }
    assert_eq!(server.seen().len(), 1);
    assert_eq!(notes.finished(), [(RequestKind::Query, Outcome::Answered)]);
}

#[tokio::test]
async fn the_reader_that_asked_first_may_be_cancelled_and_the_others_are_answered() {
    let (gate, notes) = (Arc::new(Semaphore::new(0)), Arc::new(Notes::default()));
    let server = gated(&gate).await;
    let prometheus = Arc::new(Prometheus::observed(SourceConfig::new(server.url()), Arc::clone(&notes) as _).unwrap());
    let start = || {
        let prometheus = Arc::clone(&prometheus);
        tokio::spawn(async move { prometheus.read(&query("m"), patient()).await })
    };
    let leader = start();
    until("the leader has asked", || server.seen().len() == 1).await;
    let followers = [start(), start()];
    until("the followers have joined", || notes.shared() == 2).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    for reading in join_all(followers).await {
        assert_eq!(reading.unwrap(), fresh(42));
    }
    assert_eq!(server.seen().len(), 1);
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
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    join_all(waiting).await;
    assert_eq!(
        stuck.read(&query("next"), impatient()).await,
        failed(FailureClass::Timeout, None)
    );
    until("the next got a slot", || hanging.texts().contains(&"next".to_owned())).await;
}
