//! What is asked before a change of size, and before an absence counts as zero.

use autoscaler_core::{Evidence, Failure, FailureClass, PartialCause, Quantity, Reading, Replicas, Seconds};
use autoscaler_promql::{PlannedQuery, ProbeContext, SourceConfig};
use jiff::SignedDuration;

use crate::fake::{Fake, answer, number, rows, vector};
use crate::{client, patient, query};

fn context() -> ProbeContext {
    ProbeContext {
        max_sample_age: SignedDuration::from_mins(1),
        replicas: Replicas::new(3),
        replicas_before: Replicas::new(3),
        own_pods: None,
        namespace: None,
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
    let failure = Failure::of(FailureClass::MalformedAnswer).with_status(200);
    assert_eq!(
        read_and_probe(&server, "sum(a)").await,
        Reading::Failed(failure.of_the_probe())
    );
}

/// The question about the fill reads whole ranges, so it is the first to fail. Then growth goes on, and shrinking does not.
#[tokio::test]
async fn r2_a_fill_that_cannot_be_asked_for_leaves_a_part() {
    let server = Fake::start(|seen| async move {
        match &seen.parameters["query"] {
            fill if fill.contains("count_over_time") => answer(
                422,
                r#"{"status":"error","errorType":"execution","error":"too many samples"}"#,
            ),
            probe if probe.contains("\"probe\"") => answer(200, rows(&WELL)),
            _ => answer(200, number("42")),
        }
    })
    .await;
    let class = FailureClass::Execution;
    assert_eq!(
        read_and_probe(&server, "sum(rate(a[1m]))").await,
        Reading::Partial {
            value: Quantity::from_units(42),
            cause: PartialCause::UnknownFill { class }
        }
    );
    assert_eq!(server.seen().len(), 3);
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

/// A scrape that fails looks like a load that is gone.
#[tokio::test]
async fn r4_an_absence_is_not_proven_while_a_target_that_had_the_series_is_down() {
    let table = [
        (200, number("1"), false),
        (503, String::new(), false),
        (
            200,
            vector("").replace("{\"status\"", "{\"warnings\":[\"store down\"],\"status\""),
            false,
        ),
        (200, vector(""), true),
    ];
    for (status, down, source_proven) in table {
        let said = down.clone();
        let server = Fake::start(move |seen| {
            let (status, body) = match &seen.parameters["query"] {
                text if text.contains("up == 0") => (status, down.clone()),
                text if text.contains("count(up") => (200, number("3")),
                _ => (200, vector("")),
            };
            async move { answer(status, body) }
        })
        .await;
        let prometheus = client(SourceConfig::new(server.url()));
        let reading = prometheus.read(&proving("sum(a) + sum(b)", 0), patient()).await;
        assert_eq!(reading, Reading::Missing { source_proven }, "{status} {said}");
    }
}

#[tokio::test]
async fn r4_an_absence_is_not_proven_where_nobody_can_say_whose_series_are_absent() {
    let server = empty_beside_up(number("3")).await;
    let prometheus = client(SourceConfig::new(server.url()));
    let reading = prometheus.read(&proving("sum({job=\"a\"})", 0), patient()).await;
    assert_eq!(reading, Reading::Missing { source_proven: false });
    assert_eq!(server.texts(), ["sum({job=\"a\"})"]);
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
    let down = |metric: &str| {
        let offsets = [60, 120, 300, 600, 1200, 2400, 4800, 9600, 21600];
        let had = offsets.map(|ago| format!(" or {metric} offset {ago}s")).concat();
        format!("count((up == 0) and on (job, instance) ({metric}{had}))")
    };
    let expected = ["a", "b", "count(up) and count(up)", &down("b"), "c", &down("c")];
    assert_eq!(server.texts(), expected);
}
