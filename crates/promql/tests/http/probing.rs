//! What is asked before a change of size, and before an absence counts as zero.

use autoscaler_core::{Evidence, FailureClass, PartialCause, Quantity, Reading, Replicas, Seconds};
use autoscaler_promql::{PlannedQuery, ProbeContext, SourceConfig};
use jiff::SignedDuration;

use crate::fake::{Fake, answer, number, rows, vector};
use crate::{client, failed, patient, query};

fn context() -> ProbeContext {
    ProbeContext {
        max_sample_age: SignedDuration::from_mins(1),
        replicas: Replicas::new(3),
        replicas_before: Replicas::new(3),
        own_pods: None,
    }
}

/// Answers queries with 42, and probes with what is given.
async fn probed(probe: String) -> Fake {
    Fake::start(move |seen| {
        let is_probe = seen.parameters["query"].contains("\"probe\"");
        let body = if is_probe { probe.clone() } else { number("42") };
        async move { answer(200, body) }
    })
    .await
}

async fn read_and_probe(server: &Fake, text: &str) -> Reading {
    let prometheus = client(SourceConfig::new(server.url()));
    let reading = prometheus.read(&query(text), patient()).await;
    prometheus.probe(&query(text), reading, &context(), patient()).await
}

const WELL: [(&str, f64); 3] = [("age", 12.0), ("now", 3.0), ("before", 3.0)];

#[tokio::test]
async fn r1_a_good_probe_of_each_selector_makes_a_reading_probed() {
    let server = probed(rows(&WELL)).await;
    let reading = read_and_probe(&server, "sum(a) / sum(b)").await;
    assert_eq!(
        reading,
        Reading::Fresh {
            value: Quantity::from_units(42),
            evidence: Evidence::Probed
        }
    );
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn r2_a_probe_that_finds_fewer_series_makes_a_reading_partial() {
    let server = probed(rows(&[("age", 12.0), ("now", 1.0), ("before", 3.0)])).await;
    let cause = PartialCause::FewerSeries { now: 1, before: 3 };
    assert_eq!(
        read_and_probe(&server, "sum(a)").await,
        Reading::Partial {
            value: Quantity::from_units(42),
            cause
        }
    );
}

#[tokio::test]
async fn r3_a_probe_with_a_warning_makes_a_reading_partial() {
    let server = probed(rows(&WELL).replace("{\"status\"", "{\"warnings\":[\"store down\"],\"status\"")).await;
    let value = Quantity::from_units(42);
    assert_eq!(
        read_and_probe(&server, "sum(a)").await,
        Reading::Partial {
            value,
            cause: PartialCause::Warning
        }
    );
}

#[tokio::test]
async fn r1_no_probe_no_change() {
    let server = probed("<html>".to_owned()).await;
    assert_eq!(
        read_and_probe(&server, "sum(a)").await,
        failed(FailureClass::MalformedAnswer, Some(200))
    );
}

#[tokio::test]
async fn what_cannot_be_probed_is_not_probed() {
    let server = probed("<html>".to_owned()).await;
    let reading = read_and_probe(&server, "vector(1)").await;
    assert_eq!(
        reading,
        Reading::Fresh {
            value: Quantity::from_units(42),
            evidence: Evidence::Unprobeable
        }
    );
    assert_eq!(server.texts(), ["vector(1)"]);
}

#[tokio::test]
async fn a_probe_is_asked_anew_each_time() {
    let server = probed(rows(&WELL)).await;
    let prometheus = client(SourceConfig::new(server.url()));
    for _ in 0..3 {
        let reading = prometheus.read(&query("a"), patient()).await;
        prometheus.probe(&query("a"), reading, &context(), patient()).await;
    }
    let probes = server.texts().iter().filter(|text| text.contains("\"probe\"")).count();
    assert_eq!(probes, 3);
}

/// Answers `up` as given, and everything else with nothing.
async fn empty_beside_up(up: String) -> Fake {
    Fake::start(move |seen| {
        let body = if seen.parameters["query"].contains("count(up") {
            up.clone()
        } else {
            vector("")
        };
        async move { answer(200, body) }
    })
    .await
}

/// A look-back of no time has passed as soon as the source has answered once.
fn proving(text: &str, look_back: u32) -> PlannedQuery {
    PlannedQuery::new(text, Some(Seconds::new(look_back))).with_proof_of_absence()
}

#[tokio::test]
async fn r4_an_absence_is_proven_once_the_source_has_answered_and_knows_up() {
    let server = empty_beside_up(number("3")).await;
    let prometheus = client(SourceConfig::new(server.url()));
    let reading = prometheus.read(&proving("m", 0), patient()).await;
    assert_eq!(reading, Reading::Missing { source_proven: true });
}

#[tokio::test]
async fn r4_an_absence_is_not_proven_where_up_is_unknown() {
    let server = empty_beside_up(vector("")).await;
    let reading = client(SourceConfig::new(server.url()))
        .read(&proving("m", 0), patient())
        .await;
    assert_eq!(reading, Reading::Missing { source_proven: false });
}

#[tokio::test]
async fn r4_an_absence_is_not_proven_before_a_look_back_has_passed() {
    let server = empty_beside_up(number("3")).await;
    let reading = client(SourceConfig::new(server.url()))
        .read(&proving("m", 3600), patient())
        .await;
    assert_eq!(reading, Reading::Missing { source_proven: false });
    assert_eq!(server.texts(), ["m"]);
}

#[tokio::test]
async fn r4_an_answer_with_a_warning_proves_no_absence() {
    let warned = vector("").replace("{\"status\"", "{\"warnings\":[\"store down\"],\"status\"");
    let server = Fake::start(move |seen| {
        let body = if seen.parameters["query"].contains("count(up") {
            number("3")
        } else {
            warned.clone()
        };
        async move { answer(200, body) }
    })
    .await;
    let reading = client(SourceConfig::new(server.url()))
        .read(&proving("m", 0), patient())
        .await;
    assert_eq!(reading, Reading::Missing { source_proven: false });
}

#[tokio::test]
async fn r4_the_proof_is_asked_for_only_where_it_is_wanted_and_kept_for_a_while() {
    let server = empty_beside_up(number("3")).await;
    let prometheus = client(SourceConfig::new(server.url()));
    prometheus.read(&query("a"), patient()).await;
    assert_eq!(server.texts(), ["a"]);
    for text in ["b", "c"] {
        prometheus.read(&proving(text, 0), patient()).await;
    }
    assert_eq!(server.texts(), ["a", "b", "count(up) and count(up)", "c"]);
}
