//! The client against servers that misbehave in every way we know, over real connections.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Mutex;
use std::time::Duration;

use autoscaler_core::{Evidence, Failure, FailureClass, Quantity, Reading};
use autoscaler_promql::{Observer, Outcome, PlannedQuery, Prometheus, RequestKind, SourceConfig};
use tokio::time::Instant;

#[path = "http/answers.rs"]
mod answers;
#[path = "http/fake.rs"]
mod fake;
#[path = "http/probing.rs"]
mod probing;
#[path = "http/requests.rs"]
mod requests;
#[path = "http/sharing.rs"]
mod sharing;

use fake::Fake;

/// Long enough for any machine; no test waits for it to pass.
fn patient() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// Passes at once where nothing answers anyway.
fn impatient() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

fn query(text: &str) -> PlannedQuery {
    PlannedQuery::new(text, None)
}

fn fresh(units: i64) -> Reading {
    Reading::Fresh {
        value: Quantity::from_units(units),
        evidence: Evidence::Unprobed,
    }
}

fn failed(class: FailureClass, status: Option<u16>) -> Reading {
    Reading::Failed(Failure {
        status,
        ..Failure::of(class)
    })
}

fn client(config: SourceConfig) -> Prometheus {
    Prometheus::new(config).unwrap()
}

async fn read(server: &Fake, text: &str) -> Reading {
    client(SourceConfig::new(server.url()))
        .read(&query(text), patient())
        .await
}

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Notes {
    finished: Mutex<Vec<(RequestKind, Outcome)>>,
    shared: Mutex<Vec<RequestKind>>,
}

impl Observer for Notes {
    fn finished(&self, kind: RequestKind, outcome: Outcome, _: Duration) {
        self.finished.lock().unwrap().push((kind, outcome));
    }

    fn shared(&self, kind: RequestKind) {
        self.shared.lock().unwrap().push(kind);
    }
}

impl Notes {
    fn finished(&self) -> Vec<(RequestKind, Outcome)> {
        self.finished.lock().unwrap().clone()
    }

    fn shared(&self) -> usize {
        self.shared.lock().unwrap().len()
    }
}

/// Waits until something holds, by letting others run.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = patient();
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come to hold");
        tokio::task::yield_now().await;
    }
}
