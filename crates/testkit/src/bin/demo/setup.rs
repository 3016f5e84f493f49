//! Answers: how does one come from nothing to a cluster with the operator and two examples in it?

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::plane::{Component, ControlPlane, PlaneOptions};
use autoscaler_testkit::ports::free_address;
use autoscaler_testkit::process::{Process, ProcessError, ProcessSpec};
use autoscaler_testkit::prometheus::{Prometheus, PrometheusOptions};
use autoscaler_testkit::wait::within;
use serde_json::{Deserializer, Value, json};

use crate::load::NAMESPACE;
use crate::screen::{Screen, Tone};
use crate::story::wait_at_floor;
use crate::time_lapse::{quicken, spell_out};

/// Where the operator lives, as in `config/rbac`.
const HOME: &str = "metric-autoscaler";

/// Directories below `examples`.
const EXAMPLES: [&str; 2] = ["vernemq-publish-rate", "fake-load"];

/// The second Deployment of `fake-load`, which follows the same number: it would only double the lines.
const LEFT_OUT: &str = "nginx";

/// How long anything may take: generous, since the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(90);

/// How often another port is tried when somebody takes the operator's.
const ATTEMPTS: usize = 3;

/// The servers, and the exporters that speak for the pods.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) plane: ControlPlane,
    pub(crate) prometheus: Prometheus,
    pub(crate) apps: Exporter,
    pub(crate) brokers: Exporter,
}

/// No broker runs in the pods, so none could be asked to leave.
fn leave_members_out(autoscaler: &mut Value) {
    if let Some(spec) = autoscaler["spec"].as_object_mut() {
        spec.remove("membership");
    }
}

/// The running operator.
#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// The servers, started.
pub(crate) async fn servers(screen: &Screen) -> anyhow::Result<Servers> {
    screen.line(Tone::Title, "Setting up")?;
    let plane = Box::pin(ControlPlane::start(PlaneOptions::default().with_ready_pods()));
    let what = "etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and kwok as the node";
    let plane = screen.step(what, plane).await?;
    screen
        .step(
            "Prometheus, and the exporters for the pods",
            Box::pin(monitoring(plane)),
        )
        .await
}

/// The operator in the cluster, as a person would install it.
pub(crate) async fn operator(screen: &Screen, servers: &Servers) -> anyhow::Result<Operator> {
    let what = explained("kubectl apply -k config/crd", "the kind MetricAutoscaler (mas)");
    screen.step(&what, servers.install_definition()).await?;
    let commands = "kubectl create namespace metric-autoscaler && kubectl apply -k config/rbac";
    let what = explained(commands, "the operator's rights");
    screen.step(&what, servers.grant_rights()).await?;
    let what = explained("metric-autoscaler", "the operator starts");
    screen.step(&what, servers.start_operator()).await
}

/// Both examples, at rest without load.
pub(crate) async fn examples(screen: &Screen, servers: &Servers) -> anyhow::Result<()> {
    for example in EXAMPLES {
        let file = format!("{example}/workload.yaml");
        screen
            .step(&format!("kubectl apply -f examples/{file}"), servers.apply(&file))
            .await?;
    }
    screen
        .step("Prometheus has the metrics of both", servers.wait_for_metrics())
        .await?;
    for example in EXAMPLES {
        let file = format!("{example}/autoscaler.yaml");
        screen
            .step(
                &format!("kubectl apply -f examples/{file}"),
                servers.apply_faster(&file),
            )
            .await?;
    }
    let what = explained(
        "kubectl wait --for=condition=Ready mas --all",
        "both metrics can be read",
    );
    screen.step(&what, servers.wait_at_rest()).await
}

fn explained(command: &str, comment: &str) -> String {
    format!("{command:74}  # {comment}")
}

/// Prometheus, with the exporters under scrape. As in the examples' scrape configuration the labels `job` and `namespace`
/// come from the scrape, and `pod` tells the pods apart.
async fn monitoring(plane: ControlPlane) -> anyhow::Result<Servers> {
    let prometheus = Prometheus::start(PrometheusOptions::default()).await?;
    let (apps, brokers) = (Exporter::start(), Exporter::start());
    for (job, exporter) in [("metrics-app", &apps), ("vernemq", &brokers)] {
        prometheus.add_target(job, exporter.address(), &[("namespace", NAMESPACE)])?;
    }
    Ok(Servers {
        plane,
        prometheus,
        apps,
        brokers,
    })
}

impl Servers {
    /// The definition of our kind, served.
    async fn install_definition(&self) -> anyhow::Result<()> {
        let directory = repository().join("config/crd");
        self.run(&["apply", "-k", &directory.display().to_string()]).await?;
        // Established comes a moment before it is served.
        let served = within(DEADLINE, || async {
            self.run(&["get", "mas", "-A"])
                .await
                .map_err(|error| format!("{error:#}"))
        });
        served
            .await
            .map(drop)
            .map_err(|last| anyhow::anyhow!("the kind MetricAutoscaler is not served: {last}"))
    }

    /// The service account of the operator and its rights.
    async fn grant_rights(&self) -> anyhow::Result<()> {
        self.run(&["create", "namespace", HOME]).await?;
        let directory = repository().join("config/rbac");
        self.run(&["apply", "-k", &directory.display().to_string()])
            .await
            .map(drop)
    }

    /// A file of an example as it is.
    async fn apply(&self, file: &str) -> anyhow::Result<()> {
        let objects = self.objects(file).await?;
        self.apply_all(objects).await
    }

    /// A file of an example, with its time running faster.
    pub(crate) async fn apply_faster(&self, file: &str) -> anyhow::Result<()> {
        let mut objects = self.objects(file).await?;
        for object in &mut objects {
            if object["kind"] == "MetricAutoscaler" {
                leave_members_out(object);
                spell_out(object);
            }
            quicken(object);
        }
        self.apply_all(objects).await
    }

    async fn apply_all(&self, objects: Vec<Value>) -> anyhow::Result<()> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.plane.apply(&list.to_string()).await?;
        Ok(())
    }

    /// The objects in a file of an example, except [`LEFT_OUT`].
    async fn objects(&self, file: &str) -> anyhow::Result<Vec<Value>> {
        let path = repository().join("examples").join(file).display().to_string();
        let read = self
            .run(&["create", "--dry-run=client", "--output=json", "--filename", &path])
            .await?;
        let objects = Deserializer::from_str(&read)
            .into_iter::<Value>()
            .collect::<Result<Vec<_>, _>>();
        let mut objects = objects.with_context(|| format!("failed to read {path}"))?;
        objects.retain(|object| object["metadata"]["name"] != LEFT_OUT);
        Ok(objects)
    }

    /// Starts the operator as its service account, and waits until it leads.
    async fn start_operator(&self) -> anyhow::Result<Operator> {
        let lifetime = Duration::from_hours(24);
        let token = self.plane.service_account_token(HOME, HOME, lifetime).await?;
        let kubeconfig = self.plane.directory().join("operator.kubeconfig");
        self.plane.write_kubeconfig(&kubeconfig, &token)?;
        let mut attempt = 1;
        loop {
            match self.try_start_operator(&kubeconfig).await {
                Err(error) if error.is_port_taken() && attempt < ATTEMPTS => attempt += 1,
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn try_start_operator(&self, kubeconfig: &Path) -> Result<Operator, ProcessError> {
        let address = free_address();
        let log = self.plane.directory().join("metric-autoscaler.log");
        let mut spec = ProcessSpec::new("metric-autoscaler", operator_binary(), log)
            .args(["--kubeconfig", &kubeconfig.display().to_string()])
            .args(["--prometheus-url", &self.prometheus.url()])
            .args(["--listen-address", &address.to_string()])
            .args(["--min-interval", "1"]);
        // Every flag is also an environment variable: what the caller has set for an operator of theirs is not for this one.
        for (name, _) in std::env::vars_os() {
            spec = spec.without_env(name.to_string_lossy());
        }
        let process = Process::spawn(&spec)?;
        process
            .wait_ready(DEADLINE, || answers(format!("http://{address}/readyz")))
            .await?;
        Ok(Operator { process, address })
    }

    /// Waits until Prometheus knows enough of each pod for the queries of the examples.
    async fn wait_for_metrics(&self) -> anyhow::Result<()> {
        for query in ["sum(fake_load)", "sum(rate(vernemq_mqtt_publish_received[4s]))"] {
            let known = within(DEADLINE, || self.prometheus.value(query)).await;
            known.map_err(|last| anyhow::anyhow!("Prometheus has no answer to {query} ({last})"))?;
        }
        Ok(())
    }

    /// Waits until every autoscaler has read its metric and its target has the size that it has without load.
    async fn wait_at_rest(&self) -> anyhow::Result<()> {
        let wait = ["wait", "--for=condition=Ready", "--timeout=90s", "mas", "--all"];
        self.run(&wait).await?;
        wait_at_floor(self, DEADLINE).await
    }

    /// What kubectl prints, if it is content.
    pub(crate) async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.plane.kubectl(arguments).await.context("failed to run kubectl")?;
        if !output.success {
            bail!("kubectl {}: {}", arguments.join(" "), output.stderr.trim());
        }
        Ok(output.stdout)
    }

    /// Returns when a server has ended, which none should.
    pub(crate) async fn failure(&self, operator: &Operator) -> anyhow::Error {
        loop {
            let ended = self.components().into_iter().find(|component| !component.is_running());
            if let Some(component) = ended {
                return anyhow::anyhow!(
                    "a server has ended by itself; its log: {}",
                    component.log_path().display()
                );
            }
            if let Some(status) = operator.process.exit_status() {
                let tail = operator.process.log_tail(12);
                return anyhow::anyhow!("the operator has ended by itself ({status}); its last lines:\n{tail}");
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    fn components(&self) -> Vec<&Component> {
        let plane = &self.plane;
        let always = [
            &plane.etcd,
            &plane.api_server,
            &plane.controller_manager,
            &self.prometheus.server,
        ];
        always.into_iter().chain(&plane.scheduler).chain(&plane.kwok).collect()
    }

    /// Copies the logs to where they stay.
    pub(crate) fn keep_logs(&self) -> io::Result<PathBuf> {
        let kept = tempfile::TempDir::with_prefix("metric-autoscaler-demo-")?.keep();
        let operator = self.plane.directory().join("metric-autoscaler.log");
        let logs = self.components().into_iter().map(Component::log_path).chain([operator]);
        for log in logs.filter(|log| log.exists()) {
            if let Some(name) = log.file_name() {
                std::fs::copy(&log, kept.join(name))?;
            }
        }
        Ok(kept)
    }
}

async fn answers(url: String) -> Result<(), String> {
    autoscaler_testkit::install_crypto_provider();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(Duration::from_secs(5))
        .build();
    let request = client.map_err(|error| error.to_string())?.get(url);
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("{status}: {text}"))
    }
}

/// Built next to this program by `make programs`.
pub(crate) fn operator_binary() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name("metric-autoscaler")
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
