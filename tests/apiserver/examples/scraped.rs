//! A real Prometheus under the scrape configuration of an example.
//!
//! Replaced are the service discovery, by what it would have found; the way to the targets (`proxy_url` for `scheme` and
//! credentials); and the interval, by one that a test can wait for. All else is the file's: relabelling, paths,
//! parameters, honoring of labels.

use std::collections::BTreeSet;

use autoscaler_core::{Evidence, Reading, Replicas};
use autoscaler_promql::{OwnPods, PlannedQuery, PodNames, ProbeContext, Prometheus as Source, SourceConfig};
use autoscaler_testkit::prometheus::{Prometheus, PrometheusOptions};
use autoscaler_testkit::wait::eventually;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::discovery::Discovery;
use super::example::Example;
use super::exported::Exported;
use super::service_monitor;
use crate::world::DEADLINE;

/// How far an answer may be from the rate that was set. Scrapes are not exactly a second apart.
const TOLERANCE: f64 = 0.03;

/// The usual rule for the window of a rate: it still has two samples when a scrape fails, and the next is late.
const SCRAPES_IN_A_WINDOW: i64 = 4;

/// A Prometheus under `scrape-config.yaml` that knows the past of every series, and goes on with it.
pub(super) async fn by_configuration(example: &Example, exported: &Exported, discovery: &Discovery) -> Prometheus {
    let options = exported.with_past(PrometheusOptions::default());
    let prometheus = started(options, plain_jobs(example), exported, discovery).await;
    for (name, count) in exported.counts() {
        continue_their_past(&prometheus, name, count).await;
    }
    prometheus
}

/// A Prometheus as the Prometheus Operator would configure it from `scrape.yaml`. It knows no past.
pub(super) async fn by_service_monitors(example: &Example, exported: &Exported, discovery: &Discovery) -> Prometheus {
    started(
        PrometheusOptions::default(),
        monitored_jobs(example),
        exported,
        discovery,
    )
    .await
}

/// The query answers with one number, this one; it rests on whole and fresh series by our own client's probes; and its
/// windows suit the scrape intervals of both files.
pub(super) async fn answers(
    example: &Example,
    prometheus: &Prometheus,
    query: &str,
    expected: f64,
    own: &(PodNames, u32),
) {
    prometheus.wait_for(query, |value| is_close(value, expected)).await;
    let planned = PlannedQuery::new(query, None);
    let plan = planned
        .plan()
        .unwrap_or_else(|error| panic!("{query} cannot be probed: {error}"));
    for job in plain_jobs(example).iter().chain(&monitored_jobs(example)) {
        let interval = seconds(job["scrape_interval"].as_str().unwrap());
        for range in plan.leaves.iter().filter_map(|leaf| leaf.range) {
            assert!(
                range.as_secs() >= SCRAPES_IN_A_WINDOW * interval,
                "{query} at {interval} s"
            );
        }
    }
    let source = Source::new(SourceConfig::new(prometheus.url())).unwrap();
    let (names, replicas) = (own.0.clone(), Replicas::new(own.1));
    let namespace = example.world.namespace.clone();
    let context = ProbeContext {
        max_sample_age: planned.look_back(),
        replicas,
        replicas_before: replicas,
        own_pods: Some(OwnPods {
            ready: replicas,
            namespace,
            names,
        }),
        namespace: None,
    };
    eventually("the reading is fresh, by the probes", DEADLINE, || async {
        let deadline = Instant::now() + DEADLINE;
        let reading = source.read(&planned, deadline).await;
        match source.probe(&planned, reading, &context, deadline).await {
            Reading::Fresh {
                evidence: Evidence::Probed,
                ..
            } => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

/// The same query over as short a window as a young server has.
pub(super) async fn answers_soon(prometheus: &Prometheus, query: &str, expected: f64) {
    let query = query.replace("[1m]", "[5s]").replace("[2m]", "[5s]");
    prometheus.wait_for(&query, |value| is_close(value, expected)).await;
}

/// Every series of this name is there once: what is scraped goes on under the labels that its past was written with.
async fn continue_their_past(prometheus: &Prometheus, name: &str, count: u32) {
    let found = prometheus.value(&format!("count({name})")).await;
    let series = prometheus.query(name).await;
    assert!(
        found.is_some_and(|found| is_close(found, f64::from(count))),
        "{count} series are due: {series:#}"
    );
}

fn plain_jobs(example: &Example) -> Vec<Value> {
    let documents = example.documents("scrape-config.yaml");
    let [document] = documents.as_slice() else {
        panic!("one document is due");
    };
    document["scrape_configs"].as_array().unwrap().clone()
}

fn monitored_jobs(example: &Example) -> Vec<Value> {
    let monitors = example.documents("scrape.yaml");
    let jobs = monitors.iter();
    jobs.flat_map(|monitor| service_monitor::scrape_configs(monitor, &example.world.namespace))
        .collect()
}

/// A server under these jobs that has scraped exactly the targets that export something.
async fn started(
    options: PrometheusOptions,
    jobs: Vec<Value>,
    exported: &Exported,
    discovery: &Discovery,
) -> Prometheus {
    let jobs: Vec<Value> = jobs
        .into_iter()
        .map(|job| localized(job, exported, discovery))
        .collect();
    let configuration = json!({"scrape_configs": jobs}).to_string();
    let prometheus = Prometheus::start(options.with_configuration(configuration))
        .await
        .unwrap();
    eventually("every target is up", DEADLINE, || async {
        let strangers = exported.network.strangers();
        assert_eq!(strangers, BTreeSet::new(), "scraped without being a target");
        let up = prometheus.value("sum(up)").await.unwrap_or_default();
        let due = u32::try_from(exported.len()).map(f64::from).unwrap();
        if is_close(up, due) {
            Ok(())
        } else {
            Err(format!("{up} of {due}"))
        }
    })
    .await;
    prometheus
}

fn localized(mut job: Value, exported: &Exported, discovery: &Discovery) -> Value {
    let fields = job.as_object_mut().unwrap();
    let role = match fields.remove("kubernetes_sd_configs") {
        Some(Value::Array(configs)) if configs.len() == 1 => configs[0]["role"].as_str().unwrap().to_owned(),
        other => panic!("one kubernetes_sd_configs is due, not {other:?}"),
    };
    for field in [
        "scheme",
        "authorization",
        "bearer_token_file",
        "tls_config",
        "scrape_timeout",
    ] {
        fields.remove(field);
    }
    fields.insert("static_configs".to_owned(), discovery.static_configs(&role));
    fields.insert("proxy_url".to_owned(), json!(exported.network.url()));
    fields.insert("scrape_interval".to_owned(), json!("1s"));
    job
}

fn is_close(value: f64, expected: f64) -> bool {
    (value - expected).abs() <= TOLERANCE * expected
}

fn seconds(duration: &str) -> i64 {
    let number = duration
        .strip_suffix('s')
        .unwrap_or_else(|| panic!("{duration} is not in seconds"));
    number.parse().unwrap()
}
