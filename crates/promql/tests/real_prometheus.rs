//! What a real Prometheus says about data that is old, young, halved or whole (R1, R2, R4).
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

use std::time::Duration;

use autoscaler_core::{Evidence, Failure, FailureClass, PartialCause, Reading, Replicas, Seconds};
use autoscaler_promql::probe::Probe;
use autoscaler_promql::{OwnPods, PlannedQuery, PodNames, ProbeContext, Prometheus, QueryPlan, SourceConfig};
use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::prometheus::{Prometheus as Server, PrometheusOptions};
use jiff::SignedDuration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
const TEN_MINUTES: Duration = Duration::from_mins(10);

/// The counter of a pod that serves 100 requests a second.
fn requests(pod: &str) -> String {
    format!(r#"requests_total{{job="web",instance="{pod}",namespace="shop",pod="{pod}"}}"#)
}

fn steadily(age: Duration) -> f64 {
    100.0 * age.as_secs_f64()
}

/// A server that knows the last six minutes of these pods, at one sample a second: enough for a range of five, and before
/// it so little that on a slow machine, where a minute may pass until the first question, the range does not seem to have
/// been better filled then.
fn knowing(pods: &[&str]) -> PrometheusOptions {
    pods.iter().fold(PrometheusOptions::default(), |options, pod| {
        options.with_history(requests(pod), Duration::from_mins(6), SECOND, steadily)
    })
}

async fn start(options: PrometheusOptions) -> Server {
    Server::start(options).await.unwrap()
}

fn query(text: &str) -> PlannedQuery {
    PlannedQuery::new(text, None)
}

/// Looks back long enough for a slow machine: the history ends when the server is made.
const PER_SECOND: &str = "sum(rate(requests_total[5m]))";
/// For what shows within a short look-back only.
const BRIEFLY: &str = "sum(rate(requests_total[1m]))";

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn context() -> ProbeContext {
    ProbeContext {
        max_sample_age: SignedDuration::from_mins(1),
        replicas: Replicas::new(2),
        replicas_before: Replicas::new(2),
        own_pods: None,
        namespace: None,
    }
}

async fn read_and_probe(server: &Server, query: &PlannedQuery, context: &ProbeContext) -> Reading {
    let prometheus = Prometheus::new(SourceConfig::new(server.url())).unwrap();
    let reading = prometheus.read(query, deadline()).await;
    prometheus.probe(query, reading, context, deadline()).await
}

/// The cause of a partial reading.
fn cause(reading: Reading) -> PartialCause {
    match reading {
        Reading::Partial { cause, .. } => cause,
        other => panic!("not partial but {other:?}"),
    }
}

#[tokio::test]
async fn r1_r2_whole_and_fresh_series_are_probed() {
    let server = start(knowing(&["web-0", "web-1"])).await;
    let Reading::Fresh { value, evidence } = read_and_probe(&server, &query(PER_SECOND), &context()).await else {
        panic!("not fresh");
    };
    assert_eq!(evidence, Evidence::Probed);
    assert!((100.0..=210.0).contains(&value.as_f64()), "{value}");
}

/// Scraped live on top of the history, so that the series end as series of a real target do: with a staleness marker.
#[tokio::test]
async fn r2_half_the_targets_no_longer_scraped_are_fewer_series_at_once() {
    let server = start(knowing(&["web-0", "web-1"])).await;
    let exporter = Exporter::start();
    for pod in ["web-0", "web-1"] {
        exporter.set_rate(&requests(pod), 100.0);
    }
    server.add_target("web", exporter.address(), &[]).unwrap();
    server.wait_for("sum(up)", |up| up > 0.5).await;
    exporter.remove(&requests("web-1"));
    server.wait_for("count(requests_total)", |count| count < 1.5).await;
    let reading = read_and_probe(&server, &query(PER_SECOND), &context()).await;
    assert_eq!(cause(reading), PartialCause::FewerSeries { now: 1, before: 2 });
}

/// After one look-back the lesser count is what there was before; but Prometheus still knows the target, and cannot
/// scrape it.
#[tokio::test]
async fn r2_a_loss_that_outlasts_the_look_back_is_still_a_loss() {
    let gone = (Duration::from_mins(30), Duration::from_mins(12));
    let options = knowing(&["web-0"]).with_history_until(requests("web-1"), gone, SECOND, steadily);
    let server = start(options).await;
    let reading = read_and_probe(&server, &query(PER_SECOND), &context()).await;
    assert!(
        matches!(
            reading,
            Reading::Fresh {
                evidence: Evidence::Probed,
                ..
            }
        ),
        "no target is known: {reading:?}"
    );

    let exporter = Exporter::start();
    exporter.fail(true);
    server
        .add_target("web", exporter.address(), &[("instance", "web-1")])
        .unwrap();
    server
        .wait_for(r#"count(up{instance="web-1"} == 0)"#, |down| down > 0.5)
        .await;
    let reading = read_and_probe(&server, &query(PER_SECOND), &context()).await;
    assert_eq!(cause(reading), PartialCause::TargetsDown { down: 1 });
}

/// Samples that carry their own timestamps, as those of cAdvisor do, get no staleness marker: an instant selector goes
/// on counting them for five minutes, while the range has long lost them.
#[tokio::test]
async fn r2_series_that_end_without_a_marker_are_missed_too() {
    let gone = (TEN_MINUTES, Duration::from_secs(90));
    let server = start(knowing(&["web-0"]).with_history_until(requests("web-1"), gone, SECOND, steadily)).await;
    assert_eq!(server.value("count(requests_total)").await, Some(2.0));
    let reading = read_and_probe(&server, &query(BRIEFLY), &context()).await;
    assert_eq!(cause(reading), PartialCause::FewerSeries { now: 1, before: 2 });
}

#[tokio::test]
async fn r2_fewer_replicas_explain_fewer_series() {
    let gone = (TEN_MINUTES, Duration::from_secs(270));
    let server = start(knowing(&["web-0"]).with_history_until(requests("web-1"), gone, SECOND, steadily)).await;
    let context = ProbeContext {
        replicas: Replicas::new(1),
        ..context()
    };
    let reading = read_and_probe(&server, &query("sum(rate(requests_total[4m]))"), &context).await;
    assert!(
        matches!(
            reading,
            Reading::Fresh {
                evidence: Evidence::Probed,
                ..
            }
        ),
        "{reading:?}"
    );
}

#[tokio::test]
async fn r2_series_younger_than_the_look_back_are_young() {
    let young = Duration::from_secs(15);
    let server = start(PrometheusOptions::default().with_history(requests("web-0"), young, SECOND, steadily)).await;
    let reading = read_and_probe(&server, &query(PER_SECOND), &context()).await;
    let look_back = SignedDuration::from_mins(5);
    assert_eq!(cause(reading), PartialCause::YoungSeries { look_back });
}

/// After an outage of less than five minutes an instant selector with an offset still finds the samples from before
/// it, so nothing seems to be missing; but the range holds a few seconds of samples, and its rate is far too low.
#[tokio::test]
async fn r2_a_prometheus_that_has_just_returned_is_not_believed() {
    let outage = (TEN_MINUTES, Duration::from_secs(150));
    let options = PrometheusOptions::default().with_history_until(requests("web-0"), outage, SECOND, steadily);
    let server = start(options).await;
    let exporter = Exporter::start();
    exporter.set_rate(&requests("web-0"), 100.0);
    server.add_target("web", exporter.address(), &[]).unwrap();
    let low = server.wait_for(BRIEFLY, |rate| rate > 0.0).await;
    assert!(low < 50.0, "{low}");
    assert_eq!(server.value("count(requests_total offset 1m)").await, Some(1.0));
    let reading = read_and_probe(&server, &query(BRIEFLY), &context()).await;
    let look_back = SignedDuration::from_mins(1);
    assert_eq!(cause(reading), PartialCause::YoungSeries { look_back });
}

/// A pod was replaced by another, with two minutes between them: as many series as ever, and a rate a fifth too low.
#[tokio::test]
async fn r2_a_range_that_lacks_more_than_a_tenth_of_its_samples_is_not_believed() {
    let minutes = Duration::from_mins;
    let options = PrometheusOptions::default()
        .with_history_until(requests("web-0"), (minutes(15), minutes(6)), SECOND, steadily)
        .with_history(requests("web-1"), minutes(4), SECOND, steadily);
    let server = start(options).await;
    assert_eq!(server.value("count(requests_total offset 5m)").await, Some(1.0));
    let rate = server.value(PER_SECOND).await.unwrap();
    assert!((70.0..90.0).contains(&rate), "{rate}");
    let reading = read_and_probe(&server, &query(PER_SECOND), &context()).await;
    let look_back = SignedDuration::from_mins(5);
    assert_eq!(cause(reading), PartialCause::YoungSeries { look_back });
}

/// A metric of six minutes is old enough for a range of five, whatever the query reads beside it.
#[tokio::test]
async fn r2_a_selector_is_young_by_its_own_look_back() {
    let options = knowing(&["web-0"]).with_history("jobs", Duration::from_hours(2), Duration::from_secs(15), |_| 1.0);
    let server = start(options).await;
    let mixed = query(&format!("{PER_SECOND} + sum(max_over_time(jobs[1h]))"));
    let reading = read_and_probe(&server, &mixed, &context()).await;
    let probed = Evidence::Probed;
    assert!(
        matches!(reading, Reading::Fresh { evidence, .. } if evidence == probed),
        "{reading:?}"
    );
}

#[tokio::test]
async fn r1_samples_older_than_allowed_are_stale() {
    let old = (TEN_MINUTES, Duration::from_mins(2));
    let server = start(PrometheusOptions::default().with_history_until("queue_depth", old, SECOND, |_| 7.0)).await;
    let Reading::Stale { age, limit } = read_and_probe(&server, &query("sum(queue_depth)"), &context()).await else {
        panic!("not stale");
    };
    assert_eq!(limit, SignedDuration::from_mins(1));
    assert!((120..290).contains(&age.as_secs()), "{age:?}");
}

#[tokio::test]
async fn r1_the_age_of_a_shifted_selector_is_its_age_back_then() {
    let server = start(PrometheusOptions::default().with_history("queue_depth", TEN_MINUTES, SECOND, |_| 7.0)).await;
    let reading = read_and_probe(&server, &query("sum(queue_depth offset 3m)"), &context()).await;
    assert!(
        matches!(
            reading,
            Reading::Fresh {
                evidence: Evidence::Probed,
                ..
            }
        ),
        "{reading:?}"
    );
}

#[tokio::test]
async fn r2_fewer_of_the_targets_own_pods_than_are_ready_are_fewer_pods() {
    // The last one is of a DaemonSet `web-agent`.
    let series = ["web-0", "web-1", "ingress-7d9f8b6c5d-x2x5b", "web-agent-x2x5b"];
    let server = start(knowing(&series)).await;
    let ready = Replicas::new(3);
    let pods = |names| ProbeContext {
        own_pods: Some(OwnPods {
            ready,
            namespace: "shop".into(),
            names,
        }),
        namespace: None,
        ..context()
    };
    let own = read_and_probe(&server, &query(PER_SECOND), &pods(PodNames::of_stateful_set("web"))).await;
    assert_eq!(cause(own), PartialCause::FewerPods { covered: 2, ready });
    let own = read_and_probe(&server, &query(PER_SECOND), &pods(PodNames::of_deployment("ingress"))).await;
    assert_eq!(cause(own), PartialCause::FewerPods { covered: 1, ready });
    let others = read_and_probe(&server, &query(PER_SECOND), &pods(PodNames::of_deployment("web"))).await;
    assert!(
        matches!(
            others,
            Reading::Fresh {
                evidence: Evidence::Probed,
                ..
            }
        ),
        "{others:?}"
    );
}

#[tokio::test]
async fn r4_what_rests_on_no_series_is_missing_and_proven_where_targets_are_up() {
    let server = start(PrometheusOptions::default()).await;
    let proving = |text| PlannedQuery::new(text, Some(Seconds::ZERO)).with_proof_of_absence();
    let or_zero = proving("sum(rate(requests_total[1m])) or vector(0)");
    let unproven = Reading::Missing { source_proven: false };
    assert_eq!(read_and_probe(&server, &or_zero, &context()).await, unproven);
    let exporter = Exporter::start();
    server.add_target("web", exporter.address(), &[]).unwrap();
    server.wait_for("sum(up)", |up| up > 0.5).await;
    let proven = Reading::Missing { source_proven: true };
    assert_eq!(read_and_probe(&server, &or_zero, &context()).await, proven);
    assert_eq!(read_and_probe(&server, &proving(PER_SECOND), &context()).await, proven);
}

/// The scrape of the workload fails, while that of everything else goes on.
#[tokio::test]
async fn r4_an_absence_is_not_believed_while_the_targets_that_had_the_series_are_down() {
    let server = start(knowing(&["web-0"])).await;
    let (web, other) = (Exporter::start(), Exporter::start());
    web.set_rate(&requests("web-0"), 100.0);
    let instance = [("instance", "web-0")];
    server.add_target("web", web.address(), &instance).unwrap();
    server.add_target("other", other.address(), &[]).unwrap();
    server.wait_for("count(up offset 1s == 1)", |up| up > 1.5).await;
    // A look-back of a second, so that all that happens here lies behind it soon.
    let query = PlannedQuery::new("sum(requests_total)", Some(Seconds::new(1))).with_proof_of_absence();
    let prometheus = Prometheus::new(SourceConfig::new(server.url())).unwrap();
    let read = async || prometheus.read(&query, deadline()).await;
    assert!(matches!(read().await, Reading::Fresh { .. }));

    web.fail(true);
    server.wait_for("count(up == 0)", |down| down > 0.5).await;
    server.wait_for("count(up offset 3s == 0)", |down| down > 0.5).await;
    let absent = |source_proven| Reading::Missing { source_proven };
    assert_eq!(read().await, absent(false));

    // The workload is there again, and has nothing to say.
    web.clear();
    web.fail(false);
    server.wait_for("count(up == 1)", |up| up > 1.5).await;
    assert_eq!(read().await, absent(true));
}

#[tokio::test]
async fn r3_r4_a_real_server_answers_as_the_rules_expect() {
    let options = knowing(&["web-0", "web-1"]).with_history("load", TEN_MINUTES, SECOND, steadily);
    let server = start(options).await;
    let prometheus = Prometheus::new(SourceConfig::new(server.url())).unwrap();
    let read = async |text: &str| prometheus.read(&query(text), deadline()).await;
    // `rate()` of what is not named as a counter comes with an info, which is advice.
    assert!(!server.query("sum(rate(load[1m]))").await["infos"].is_null());
    assert!(matches!(read("sum(rate(load[1m]))").await, Reading::Fresh { .. }));
    // A quantile without buckets comes with a warning.
    let warned = read("histogram_quantile(0.9, requests_total) or sum(requests_total)").await;
    assert!(
        matches!(
            warned,
            Reading::Partial {
                cause: PartialCause::Warning,
                ..
            }
        ),
        "{warned:?}"
    );
    assert_eq!(read("requests_total").await, Reading::TooMany { series: 2, pod: None });
    assert_eq!(read("nothing").await, Reading::Missing { source_proven: false });
    assert_eq!(read("0 / 0").await, Reading::NotANumber { source_proven: false });
    assert!(matches!(
        read("scalar(count(requests_total))").await,
        Reading::Fresh { .. }
    ));
    assert_eq!(
        read("requests_total[1m]").await,
        Reading::Failed(Failure::of(FailureClass::WrongResultType))
    );
    let failed = |class, status| Reading::Failed(Failure::of(class).with_status(status));
    assert_eq!(read("sum(").await, failed(FailureClass::BadQuery, 400));
    let twice = "requests_total * on (job) requests_total";
    assert_eq!(read(twice).await, failed(FailureClass::Execution, 422));
}

/// Whatever is planned must be probed with a text that Prometheus accepts, and that gives no warning.
#[tokio::test]
async fn every_probe_of_the_corpus_is_accepted() {
    let server = start(knowing(&["web-0", "web-1"])).await;
    let own_pods = OwnPods {
        ready: Replicas::new(2),
        namespace: "shop".into(),
        names: PodNames::of_stateful_set("web.0"),
    };
    let corpus = include_str!("corpus.promql").lines();
    let queries = corpus.filter(|line| !line.is_empty() && !line.starts_with(['#', ' ']));
    let plans: Vec<_> = queries.filter_map(|query| QueryPlan::of(query).ok()).collect();
    assert!(plans.len() > 40, "{}", plans.len());
    for leaf in plans.iter().flat_map(|plan| &plan.leaves) {
        for look_back in [leaf.look_back, SignedDuration::from_millis(1500)] {
            let probe = Probe::new(leaf, look_back, Some(&own_pods));
            for text in [probe.text(), probe.absence_text()]
                .into_iter()
                .chain(probe.fill_text())
            {
                let answer = server.query(&text).await;
                assert_eq!(answer["status"], "success", "{text}: {answer}");
                assert!(
                    answer["warnings"].is_null() && answer["infos"].is_null(),
                    "{text}: {answer}"
                );
            }
        }
    }
}
