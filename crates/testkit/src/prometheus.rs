//! Answers PromQL: a real Prometheus server that scrapes what a test tells it to.
//!
//! Targets come and go at run time through files that it watches. Past samples can be given at the start, so that nobody waits
//! for a `rate(…[5m])` to fill.

mod history;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::binaries::{BinaryError, Program, locate_all};
use crate::component::{Component, Probe};
use crate::http::client;
use crate::ports::free_address;
use crate::process::{ProcessError, ProcessSpec};
use crate::scratch::Scratch;
use crate::wait::eventually;
use history::History;

/// How often other ports are tried when somebody takes one between our looking and the child's binding.
const ATTEMPTS: usize = 3;

/// For [`Prometheus::wait_for`]: many scrapes of one second.
const DEADLINE: Duration = Duration::from_secs(30);

/// Why there is no Prometheus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrometheusError {
    /// A program is missing.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// It did not come up: its last lines say what is wrong with the configuration.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its files could not be written, or promtool not be run.
    #[error("failed to set up Prometheus")]
    File(#[from] io::Error),
    /// promtool refused the past samples.
    #[error("failed to write past samples: {0}")]
    History(String),
}

/// What a server scrapes and knows from the start.
#[derive(Debug, Clone)]
pub struct PrometheusOptions {
    scrape_interval: Duration,
    configuration: Option<String>,
    arguments: Vec<String>,
    history: Vec<History>,
}

impl Default for PrometheusOptions {
    fn default() -> Self {
        let (configuration, arguments, history) = Default::default();
        Self {
            scrape_interval: Duration::from_secs(1),
            configuration,
            arguments,
            history,
        }
    }
}

impl PrometheusOptions {
    /// Instead of one second. Whole milliseconds.
    #[must_use]
    pub fn with_scrape_interval(mut self, interval: Duration) -> Self {
        self.scrape_interval = interval;
        self
    }

    /// A complete configuration file instead of ours. Then [`Prometheus::add_target`] has no effect.
    #[must_use]
    pub fn with_configuration(mut self, text: impl Into<String>) -> Self {
        self.configuration = Some(text.into());
        self
    }

    /// One more argument, such as `--query.lookback-delta=10s`.
    #[must_use]
    pub fn with_arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Past samples of one series, from `ago` until now, one every `step`; `value` is given the time since the first one.
    #[must_use]
    pub fn with_history(
        self,
        series: impl Into<String>,
        ago: Duration,
        step: Duration,
        value: impl Fn(Duration) -> f64,
    ) -> Self {
        self.with_history_until(series, (ago, Duration::ZERO), step, value)
    }

    /// Past samples that end some time ago, without a staleness marker: what an outage of Prometheus itself leaves behind.
    #[must_use]
    pub fn with_history_until(
        mut self,
        series: impl Into<String>,
        (ago, until): (Duration, Duration),
        step: Duration,
        value: impl Fn(Duration) -> f64,
    ) -> Self {
        self.history
            .push(History::sampled(series.into(), (ago, until), step, value));
        self
    }
}

/// A running server. Dropping it, or the end of the process, ends it and removes its data.
#[derive(Debug)]
pub struct Prometheus {
    /// To stop, pause, kill and restart it, on the same port and with the same data.
    pub server: Component,
    address: SocketAddr,
    targets: PathBuf,
    _scratch: Scratch,
}

impl Prometheus {
    /// Starts a server and returns when it answers queries.
    pub async fn start(options: PrometheusOptions) -> Result<Self, PrometheusError> {
        let mut attempt = 1;
        loop {
            match Self::try_start(&options).await {
                Err(PrometheusError::Process(error)) if error.is_port_taken() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn try_start(options: &PrometheusOptions) -> Result<Self, PrometheusError> {
        let [prometheus, promtool] = locate_all([Program::Prometheus, Program::Promtool]).await?;
        let scratch = Scratch::new("testkit-prometheus-")?;
        let directory = scratch.path();
        let (data, targets) = (directory.join("data"), directory.join("targets"));
        fs::create_dir(&targets)?;
        history::write(&promtool, directory, &data, &options.history).await?;
        let configuration = options
            .configuration
            .clone()
            .unwrap_or_else(|| configuration(options, &targets));
        fs::write(directory.join("prometheus.yml"), configuration)?;

        let address = free_address();
        let spec = ProcessSpec::new("prometheus", prometheus, directory.join("prometheus.log")).args([
            format!("--config.file={}", directory.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", data.display()),
            format!("--web.listen-address={address}"),
            // Hidden, and 5 s by default: how long a new target may have to wait (cmd/prometheus/main.go).
            "--scrape.discovery-reload-interval=100ms".to_owned(),
        ]);
        // Its own flags name its directory: proof that not a stranger on the same port is talking.
        let request = client(None).get(format!("http://{address}/api/v1/status/flags"));
        let probe = Probe {
            request,
            contains: data.display().to_string(),
        };
        let server = Component::spawn(spec.args(&options.arguments), probe)?;
        server.wait_ready().await?;
        Ok(Self {
            server,
            address,
            targets,
            _scratch: scratch,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to give the operator as `--prometheus-url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Scrapes `target` from now on (a file watch, so within the next interval), with `job` and further labels on every series.
    /// Labels of the exporter's own win over these (`honor_labels`), so one exporter can speak for many pods.
    pub fn add_target(&self, job: &str, target: SocketAddr, labels: &[(&str, &str)]) -> io::Result<()> {
        let mut all = serde_json::Map::new();
        for (name, value) in [("job", job)].iter().chain(labels) {
            all.insert((*name).to_owned(), json!(value));
        }
        let path = self.target_file(job, target);
        // Written aside first: Prometheus must not read half a file.
        let aside = path.with_extension("new");
        fs::write(
            &aside,
            json!([{"targets": [target.to_string()], "labels": all}]).to_string(),
        )?;
        fs::rename(aside, path)
    }

    /// No longer scrapes it: its series go stale.
    pub fn remove_target(&self, job: &str, target: SocketAddr) -> io::Result<()> {
        fs::remove_file(self.target_file(job, target))
    }

    /// The whole answer to an instant query, an error answer too. `Err` when there is none.
    pub async fn try_query(&self, promql: &str) -> Result<Value, String> {
        let request = client(None)
            .get(format!("{}/api/v1/query", self.url()))
            .query(&[("query", promql)]);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        answer.json().await.map_err(|error| error.to_string())
    }

    /// The whole answer to an instant query.
    ///
    /// # Panics
    ///
    /// When the server does not answer in JSON.
    pub async fn query(&self, promql: &str) -> Value {
        self.try_query(promql)
            .await
            .expect("a running Prometheus answers in JSON")
    }

    /// The number, if the answer is exactly one.
    pub async fn value(&self, promql: &str) -> Option<f64> {
        number(&self.try_query(promql).await.ok()?)
    }

    /// Waits until `promql` gives exactly one number, and that number satisfies `predicate`; returns it.
    ///
    /// # Panics
    ///
    /// When that takes more than half a minute.
    pub async fn wait_for(&self, promql: &str, predicate: impl Fn(f64) -> bool) -> f64 {
        let attempt = async || {
            let answer = self.try_query(promql).await?;
            number(&answer)
                .filter(|value| predicate(*value))
                .ok_or_else(|| answer.to_string())
        };
        eventually(promql, DEADLINE, attempt).await
    }

    fn target_file(&self, job: &str, target: SocketAddr) -> PathBuf {
        self.targets.join(format!("{job}-{}.json", target.port()))
    }
}

fn configuration(options: &PrometheusOptions, targets: &Path) -> String {
    let interval = format!("{}ms", options.scrape_interval.as_millis());
    // JSON is YAML.
    json!({
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "scrape_configs": [{
            "job_name": "testkit",
            "honor_labels": true,
            "file_sd_configs": [{"files": [targets.join("*.json")], "refresh_interval": "1s"}],
        }],
    })
    .to_string()
}

/// Of a scalar, or of a vector with one element.
fn number(answer: &Value) -> Option<f64> {
    let data = &answer["data"];
    let sample = match data["resultType"].as_str()? {
        "scalar" => &data["result"],
        _ => match data["result"].as_array()?.as_slice() {
            [only] => &only["value"],
            _ => return None,
        },
    };
    sample[1].as_str()?.parse().ok()
}
