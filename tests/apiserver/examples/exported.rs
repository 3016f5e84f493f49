//! What the targets of an example export, and what Prometheus should have made of it: every series under the labels that
//! the case's own relabelling gives it. Its past is written under exactly these labels, so a label that comes out
//! otherwise shows as a second series.

use std::collections::BTreeMap;
use std::time::Duration;

use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::prometheus::PrometheusOptions;

use super::pod_network::PodNetwork;

/// Longer than any look-back of the examples twice, so that what is asked about the past has an answer.
const PAST: Duration = Duration::from_mins(15);

/// One sample a second, as the servers of these tests scrape.
const STEP: Duration = Duration::from_secs(1);

type Labels = Vec<(String, String)>;

/// All targets of an example.
#[derive(Debug)]
pub(super) struct Exported {
    pub(super) network: PodNetwork,
    targets: Vec<Target>,
}

/// One target.
#[derive(Debug)]
pub(super) struct Target {
    exporter: Exporter,
    labels: Labels,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    name: String,
    labels: Labels,
    load: Load,
}

#[derive(Debug, Clone, Copy)]
enum Load {
    Gauge(f64),
    Counter(f64),
}

impl Exported {
    pub(super) async fn new() -> Self {
        Self {
            network: PodNetwork::start().await,
            targets: Vec::new(),
        }
    }

    /// A target that is scraped at `url`, and whose series get these labels by the plain configuration.
    pub(super) fn target(&mut self, url: &str, labels: &[(&str, &str)]) -> &mut Target {
        let exporter = Exporter::start();
        self.network.route(url, exporter.address());
        self.targets.push(Target {
            exporter,
            labels: owned(labels),
            series: Vec::new(),
        });
        self.targets.last_mut().unwrap()
    }

    /// How many targets there are.
    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }

    /// How many series of each name there are.
    pub(super) fn counts(&self) -> BTreeMap<&str, u32> {
        let mut counts = BTreeMap::new();
        for series in self.targets.iter().flat_map(|target| &target.series) {
            *counts.entry(series.name.as_str()).or_default() += 1;
        }
        counts
    }

    /// The counters start again from zero, and the server knows how they came to be there: the fall of the number is a
    /// restart to Prometheus, so that a rate over past and present is the rate.
    pub(super) fn with_past(&self, options: PrometheusOptions) -> PrometheusOptions {
        let mut options = options;
        for target in &self.targets {
            for series in &target.series {
                let exposed = text(&series.name, &series.labels);
                target.exporter.remove(&exposed);
                expose(&target.exporter, &exposed, series.load);
                let load = series.load;
                options = options.with_history(target.stored(series), PAST, STEP, move |age| match load {
                    Load::Gauge(value) => value,
                    Load::Counter(per_second) => per_second * age.as_secs_f64(),
                });
            }
        }
        options
    }

    /// All series of this name show ten times as much from now on.
    pub(super) fn raise(&mut self, name: &str) {
        for target in &mut self.targets {
            for series in target.series.iter_mut().filter(|series| series.name == name) {
                series.load = match series.load {
                    Load::Gauge(value) => Load::Gauge(10.0 * value),
                    Load::Counter(per_second) => Load::Counter(10.0 * per_second),
                };
                expose(&target.exporter, &text(&series.name, &series.labels), series.load);
            }
        }
    }
}

impl Target {
    pub(super) fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, labels, Load::Gauge(value));
    }

    pub(super) fn counter(&mut self, name: &str, labels: &[(&str, &str)], per_second: f64) {
        self.add(name, labels, Load::Counter(per_second));
    }

    fn add(&mut self, name: &str, labels: &[(&str, &str)], load: Load) {
        let labels = owned(labels);
        expose(&self.exporter, &text(name, &labels), load);
        self.series.push(Series {
            name: name.to_owned(),
            labels,
            load,
        });
    }

    /// The series as Prometheus stores it: with the target's labels, and where one of its own has such a name, that one is
    /// kept as `exported_…` (`honor_labels` in Prometheus' configuration).
    fn stored(&self, series: &Series) -> String {
        let targets_own = |name: &str| self.labels.iter().any(|(own, _)| own == name);
        let own = series.labels.iter().map(|(name, value)| {
            let prefix = if targets_own(name) { "exported_" } else { "" };
            (format!("{prefix}{name}"), value.clone())
        });
        text(&series.name, &own.chain(self.labels.clone()).collect())
    }
}

fn expose(exporter: &Exporter, series: &str, load: Load) {
    match load {
        Load::Gauge(value) => exporter.set(series, value),
        Load::Counter(per_second) => exporter.set_rate(series, per_second),
    }
}

fn owned(labels: &[(&str, &str)]) -> Labels {
    labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn text(name: &str, labels: &Labels) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!(r#"{name}="{value}""#))
        .collect();
    format!("{name}{{{}}}", labels.join(","))
}
