//! What all tests share: a cluster of two nodes, a Prometheus in a pod, and the operator, installed by the words of
//! `docs/guide/install.md`.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoscaler_testkit::audit::AuditLog;
use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::node::{Cluster, Image, PROGRAM_ADDRESS};
use autoscaler_testkit::wait::eventually;
use tokio::sync::OnceCell;

use crate::page::{Content, blocks, section};
use crate::reader::Reader;

/// How long anything may take before the test gives up: generous, since the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_mins(5);

/// The image of the version before this one.
pub(crate) const PREVIOUS: &str = "localhost/metric-autoscaler:previous";

/// What is followed.
pub(crate) const GUIDE: &str = "docs/guide/install.md";

/// See the module.
pub(crate) struct Installation {
    pub(crate) cluster: Cluster,
    /// What the pods of no test export: the load of most tests.
    pub(crate) exporter: Exporter,
    pub(crate) audit: AuditLog,
    /// Who has installed it.
    pub(crate) reader: Reader,
}

static INSTALLATION: OnceCell<Installation> = OnceCell::const_new();

/// The installation, made by whoever asks first.
pub(crate) async fn installation() -> &'static Installation {
    INSTALLATION.get_or_init(|| Box::pin(Installation::make())).await
}

/// The installation, if it could be made.
pub(crate) fn installed() -> Option<&'static Installation> {
    INSTALLATION.get()
}

impl Installation {
    async fn make() -> Self {
        let images = [
            Image::of_archive(PREVIOUS, built("dist/previous/image.tar")),
            Image::python().unwrap(),
        ];
        let cluster = Box::pin(Cluster::start(&images)).await.unwrap();
        let installation = Self {
            exporter: Exporter::start_at(PROGRAM_ADDRESS.parse().unwrap()),
            audit: AuditLog::new(cluster.plane.audit_log_path()),
            reader: Reader::new(&cluster),
            cluster,
        };
        installation.start_prometheus().await;
        installation.reader.follow(&section(GUIDE, "1. The image")).await;
        installation.install().await;
        installation.wait_told().await;
        installation
    }

    /// With the scrape job of the guide, that of the example, and one for what tests export.
    async fn start_prometheus(&self) {
        let exported = format!(
            "- job_name: exporter\n  honor_labels: true\n  static_configs:\n  - targets: ['{}']\n",
            self.exporter.address()
        );
        let example = fs::read_to_string(repository().join("examples/fake-load/scrape-config.yaml")).unwrap();
        let example = example
            .split_once("scrape_configs:\n")
            .unwrap()
            .1
            .replace("scrape_interval: 30s", "scrape_interval: 1s");
        let jobs = [guides_job(), example, exported, POD_JOB.to_owned()].concat();
        self.cluster.start_prometheus(&jobs).await.unwrap();
    }

    /// "What is yours", and "Apply it". Once more changes nothing.
    pub(crate) async fn install(&self) {
        self.reader.follow(&section(GUIDE, "2. What is yours")).await;
        self.reader.follow(&section(GUIDE, "3. Apply it")).await;
    }

    /// "One of the two replicas says".
    async fn wait_told(&self) {
        let page = fs::read_to_string(repository().join(GUIDE)).unwrap();
        let said = "this replica leads";
        assert!(
            page.contains(&format!("One of the two replicas says `{said}`")),
            "the guide no longer says so"
        );
        let logs = "kubectl -n metric-autoscaler logs -l app.kubernetes.io/name=metric-autoscaler --tail=-1";
        assert!(page.contains(logs), "the guide no longer says {logs}");
        eventually("one of the replicas says that it leads", DEADLINE, || async {
            let log = self.reader.run(logs).await;
            if log.contains(said) { Ok(()) } else { Err(log) }
        })
        .await;
    }

    /// `kubectl apply -k`.
    pub(crate) async fn apply_directory(&self, directory: &Path) {
        self.kubectl(&["apply", "--kustomize", &directory.display().to_string()])
            .await;
    }

    /// `kubectl apply -f -`, without a word of complaint.
    pub(crate) async fn apply(&self, yaml: &str) {
        let output = self
            .cluster
            .plane
            .kubectl_with_input(&["apply", "--filename", "-"], yaml)
            .await
            .unwrap();
        assert!(output.success, "{}", output.stderr);
        assert_eq!(output.stderr, "", "a warning");
    }

    /// What kubectl prints; fails where it does.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.cluster.plane.kubectl(arguments).await.unwrap();
        assert!(output.success, "kubectl {}: {}", arguments.join(" "), output.stderr);
        output.stdout
    }

    /// Where the Prometheus in its pod is, from outside of the cluster too: the address of its Service.
    pub(crate) async fn prometheus_address(&self) -> SocketAddr {
        let service = self.object("Service", "monitoring", "prometheus").await.unwrap();
        let address: IpAddr = service["spec"]["clusterIP"].as_str().unwrap().parse().unwrap();
        (address, 9090).into()
    }

    /// The number that the Prometheus in its pod answers with, by way of its Service.
    pub(crate) async fn ask(&self, query: &str) -> Result<f64, String> {
        let url = format!("http://{}/api/v1/query", self.prometheus_address().await);
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let answer = client
            .get(url)
            .query(&[("query", query)])
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let answer: serde_json::Value = answer.json().await.map_err(|error| error.to_string())?;
        let number = answer["data"]["result"][0]["value"][1]
            .as_str()
            .and_then(|text| text.parse().ok());
        number.ok_or_else(|| answer.to_string())
    }

    /// Waits until Prometheus answers so.
    pub(crate) async fn wait_answer(&self, query: &str, fits: impl Fn(f64) -> bool) {
        eventually(query, DEADLINE, || async {
            let number = self.ask(query).await?;
            if fits(number) { Ok(()) } else { Err(number.to_string()) }
        })
        .await;
    }
}

/// Every pod that has a port of this name: what a metric of every pod is made of.
const POD_JOB: &str = "- job_name: pods
  # A web server of files does not say what they are, and Prometheus 3 does not guess.
  fallback_scrape_protocol: PrometheusText0.0.4
  kubernetes_sd_configs:
  - role: pod
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: own-load, action: keep}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
";

/// The guide's own scrape job.
fn guides_job() -> String {
    let all = blocks(GUIDE).into_iter().map(|block| block.content);
    let mut jobs = all.filter_map(|content| match content {
        Content::File { name, text, .. } if name == "prometheus.yml" => Some(text),
        Content::File { .. } | Content::Commands(_) => None,
    });
    jobs.next().expect("the guide has a scrape job")
}

/// What `make` has made.
pub(crate) fn built(file: &str) -> PathBuf {
    let path = repository().join(file);
    assert!(path.exists(), "{} is missing: run `make test-cluster`", path.display());
    path
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
