//! The series of every scenario, loaded into a real Prometheus: what `autoscaler-promql` reads there is what the
//! scenarios compute from their notation. So the numbers in the scenario files are those of a real server.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

#[path = "scenarios_against_prometheus/remote_write.rs"]
mod remote_write;
#[path = "scenarios_against_prometheus/time_machine.rs"]
mod time_machine;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use autoscaler_core::{Expected, Reading, Replicas, Seconds};
use autoscaler_promql::{
    OfPods, OwnPods, OwnSeries, PlannedQuery, PodLabels, PodNames, ProbeContext, Prometheus, SourceConfig,
};
use autoscaler_testkit::prometheus::{Prometheus as Server, PrometheusOptions};
use futures::{StreamExt, stream};
use jiff::SignedDuration;
use scenario::scenario::{Entry, Metric, Scenario};
use scenario::{probe, query, time};
use tokio::time::Instant;

use time_machine::TimeMachine;

/// Scenarios are loaded so far apart that none sees the samples of another: probes look back up to six hours, and the
/// longest scenario takes a few. Whole days, because subqueries take their steps at multiples of their length.
const APART: SignedDuration = SignedDuration::from_hours(24);

/// Off the beat of the samples, for the arithmetic between them.
const OFF_BEAT: SignedDuration = SignedDuration::from_secs(7);

/// A scenario with where it is loaded.
struct Loaded {
    name: String,
    scenario: Scenario,
    zero: SignedDuration,
}

/// One question: a metric of a scenario at a time.
struct Question<'a> {
    loaded: &'a Loaded,
    metric: &'a Metric,
    at: SignedDuration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_reads_what_the_scenarios_read() {
    let scenarios = scenarios();
    let server = server().await;
    for loaded in &scenarios {
        remote_write::load(&server.url(), &loaded.scenario.series, loaded.zero).await;
    }
    let machine = TimeMachine::start(server.address()).await;
    let questions: Vec<_> = scenarios.iter().flat_map(questions).collect();
    let answers = stream::iter(&questions)
        .map(|question| question.compare(&machine))
        .buffer_unordered(4);
    let answers: Vec<(Vec<Reading>, Vec<String>)> = answers.collect().await;

    let differences: Vec<&String> = answers.iter().flat_map(|(_, differences)| differences).collect();
    assert!(
        differences.is_empty(),
        "{} differences: {differences:#?}",
        differences.len()
    );
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for reading in answers.iter().flat_map(|(readings, _)| readings) {
        *seen.entry(reading.class().as_str()).or_default() += 1;
    }
    // Every class that an answer of a source that answers can have.
    let classes: Vec<&str> = seen.keys().copied().collect();
    assert_eq!(
        classes,
        [
            "Failed",
            "Fresh",
            "Missing",
            "NotANumber",
            "Partial",
            "Stale",
            "TooMany"
        ],
        "{seen:?}"
    );
    assert!(seen.values().sum::<usize>() > 1000, "{seen:?}");
}

/// A server that takes samples of any time, and keeps them all in its head.
async fn server() -> Server {
    let options = PrometheusOptions::default()
        .with_arg("--web.enable-remote-write-receiver")
        .with_arg("--storage.tsdb.min-block-duration=1000d")
        .with_arg("--storage.tsdb.max-block-duration=1000d");
    Server::start(options).await.unwrap()
}

/// The scenarios of all files that load anything.
fn scenarios() -> Vec<Loaded> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files = Vec::new();
    for topic in fs::read_dir(&directory).unwrap() {
        let topic = topic.unwrap().path();
        if topic.is_dir() {
            files.extend(fs::read_dir(topic).unwrap().map(|file| file.unwrap().path()));
        }
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "scale"));
    files.sort();
    let mut all: Vec<Loaded> = Vec::new();
    for file in files {
        let scenarios = scenario::parse(&fs::read_to_string(&file).unwrap()).unwrap();
        for scenario in scenarios.into_iter().filter(|scenario| !scenario.series.is_empty()) {
            let days = i32::try_from(all.len()).unwrap();
            all.push(Loaded {
                name: format!("{}: {}", file.file_name().unwrap().display(), scenario.title),
                scenario,
                zero: APART * days,
            });
        }
    }
    all
}

/// Each metric at each `at`, and a few seconds later.
fn questions(loaded: &Loaded) -> impl Iterator<Item = Question<'_>> {
    let ats = loaded.scenario.timeline.iter().filter_map(|entry| match entry {
        Entry::At(at) => Some(at.time),
        Entry::Event(_) => None,
    });
    let instants = ats.flat_map(|at| [at, at + OFF_BEAT]);
    let metrics = &loaded.scenario.spec.metrics;
    instants.flat_map(move |at| metrics.iter().map(move |metric| Question { loaded, metric, at }))
}

/// As many ready as wanted; and a shrink that explains fewer series, of a kind that does not tell who is ready.
fn expectations(metric: &Metric) -> [Expected; 2] {
    let of = |replicas, replicas_before, ready: Option<u32>| Expected {
        max_sample_age: metric.max_sample_age,
        replicas: Replicas::new(replicas),
        replicas_before: Replicas::new(replicas_before),
        ready: ready.filter(|_| !metric.per_pod).map(Replicas::new),
    };
    [of(3, 3, Some(3)), of(1, 4, None)]
}

impl Question<'_> {
    /// What the scenario reads, plainly and probed, and where the server differs.
    async fn compare(&self, machine: &TimeMachine) -> (Vec<Reading>, Vec<String>) {
        let Self { loaded, metric, at } = self;
        let (query, series) = (&metric.query, &loaded.scenario.series);
        let look_back = metric
            .look_back
            .map(|given| Seconds::new(u32::try_from(given.as_secs()).unwrap()));
        let planned = PlannedQuery::new(&query.text, look_back);
        let client = Prometheus::new(SourceConfig::new(machine.at(loaded.zero + *at))).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);

        let (own, theirs) = self.read(&client, &planned, deadline).await;
        let amounts = (own.amounts != theirs.amounts).then(|| (own.amounts.clone(), theirs.amounts.clone()));
        let mut readings = vec![own.reading];
        let mut found = vec![theirs.reading];
        for expected in expectations(metric) {
            readings.push(probe(metric, series, *at, readings[0].clone(), &expected));
            found.push(
                client
                    .probe(&planned, found[0].clone(), &context(metric, &expected), deadline)
                    .await,
            );
        }
        let mut differences: Vec<String> = readings
            .iter()
            .zip(&found)
            .filter(|(reading, found)| reading != found)
            .map(|(reading, found)| self.difference(&format!("{reading:?}"), &format!("{found:?}")))
            .collect();
        differences.extend(amounts.map(|(own, theirs)| self.difference(&format!("{own:?}"), &format!("{theirs:?}"))));
        if planned.look_back() != metric.policy.look_back.duration() {
            let (ours, theirs) = (metric.policy.look_back, planned.look_back());
            differences.push(self.difference(&format!("look-back {ours}"), &format!("{theirs:?}")));
        }
        (readings, differences)
    }

    /// The plain reading, with what each pod tells of a metric of every pod: computed, and of the server.
    async fn read(&self, client: &Prometheus, planned: &PlannedQuery, deadline: Instant) -> (OfPods, OfPods) {
        let Self { loaded, metric, at } = self;
        let (query, series) = (&metric.query, &loaded.scenario.series);
        if metric.per_pod {
            let query::OfPods { reading, amounts } = query.read_pods(series, *at, &pods());
            return (OfPods { reading, amounts }, read_pods(client, planned, deadline).await);
        }
        let theirs = client.read(planned, deadline).await;
        (query.read(series, *at).into(), theirs.into())
    }

    fn difference(&self, computed: &str, found: &str) -> String {
        let Self { loaded, metric, at } = self;
        let (name, text) = (&loaded.name, &metric.query.text);
        format!(
            "{name}, {text} at {}: computed {computed}, Prometheus {found}",
            time::text(*at)
        )
    }
}

/// The pods whose series a metric of every pod is read from.
fn pods() -> BTreeSet<String> {
    let name = |ordinal| format!("{}-{ordinal}", scenario::STATEFUL_SET);
    (0..20).map(name).collect()
}

async fn read_pods(client: &Prometheus, planned: &PlannedQuery, deadline: Instant) -> OfPods {
    let (labels, pods) = (pod_labels(), pods());
    let own = OwnSeries {
        labels: &labels,
        namespace: scenario::NAMESPACE,
        pods: &pods.iter().map(String::as_str).collect(),
    };
    let mut found = client.read_pods(planned, own, deadline).await;
    if let Reading::Failed(failure) = &mut found.reading {
        // Words for a person, which a scenario does not tell.
        failure.detail = None;
    }
    found
}

fn pod_labels() -> PodLabels {
    PodLabels {
        pod: "pod".to_owned(),
        namespace: "namespace".to_owned(),
    }
}

/// The same for the real probe.
fn context(metric: &Metric, expected: &Expected) -> ProbeContext {
    let Expected {
        max_sample_age,
        replicas,
        replicas_before,
        ready,
    } = *expected;
    ProbeContext {
        max_sample_age,
        replicas,
        replicas_before,
        own_pods: ready.map(|ready| OwnPods {
            ready,
            namespace: scenario::NAMESPACE.to_owned(),
            names: PodNames::of_stateful_set(scenario::STATEFUL_SET),
        }),
        namespace: metric
            .per_pod
            .then(|| (pod_labels().namespace, scenario::NAMESPACE.to_owned())),
    }
}
