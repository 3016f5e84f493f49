//! What all tests share: a cluster of two nodes, a Prometheus in a pod, and the operator, installed by the words of
//! `docs/guide/install.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use autoscaler_testkit::audit::AuditLog;
use autoscaler_testkit::binaries::{Program, locate};
use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::node::{Cluster, Image, PROGRAM_ADDRESS};
use autoscaler_testkit::wait::eventually;
use tokio::sync::OnceCell;

/// How long anything may take before the test gives up: generous, since the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_mins(5);

/// The image of `make image`, by the name that it has without IMG.
const IMAGE: &str = concat!("localhost/metric-autoscaler:", env!("CARGO_PKG_VERSION"));

/// The image of the version before this one.
pub(crate) const PREVIOUS: &str = "localhost/metric-autoscaler:previous";

const PROMETHEUS: &str = include_str!("manifests/prometheus.yaml");

/// See the module.
pub(crate) struct Installation {
    pub(crate) cluster: Cluster,
    /// What the pods of no test export: the load of most tests.
    pub(crate) exporter: Exporter,
    pub(crate) audit: AuditLog,
    /// A clone of the repository with `mine/` in it, as the guide has it.
    clone: PathBuf,
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
            Image::of_archive(IMAGE, built("dist/image.tar")),
            Image::of_archive(PREVIOUS, built("dist/previous/image.tar")),
            Image::of_program("localhost/prometheus", locate(Program::Prometheus).unwrap()),
            python(),
        ];
        let cluster = Box::pin(Cluster::start(&images)).await.unwrap();
        let clone = cluster.directory().join("clone");
        let installation = Self {
            exporter: Exporter::start_at(PROGRAM_ADDRESS.parse().unwrap()),
            audit: AuditLog::new(cluster.plane.audit_log_path()),
            clone,
            cluster,
        };
        installation.start_prometheus().await;
        installation.clone_repository();
        installation.install().await;
        installation.wait_told().await;
        installation
    }

    /// "One of the two replicas says".
    async fn wait_told(&self) {
        let page = guide();
        let said = "this replica leads";
        assert!(
            page.contains(&format!("One of the two replicas says `{said}`")),
            "the guide no longer says so"
        );
        let logs = "kubectl -n metric-autoscaler logs -l app.kubernetes.io/name=metric-autoscaler";
        assert!(page.contains(logs), "the guide no longer says {logs}");
        eventually("one of the replicas says that it leads", DEADLINE, || async {
            let arguments: Vec<&str> = logs.split(' ').skip(1).collect();
            let log = self.kubectl(&arguments).await;
            if log.contains(said) { Ok(()) } else { Err(log) }
        })
        .await;
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
        let jobs = [block("yaml\n# scrape_configs"), example, exported, POD_JOB.to_owned()].concat();
        let indented: Vec<String> = jobs.lines().map(|line| format!("    {line}")).collect();
        self.apply(&PROMETHEUS.replace("    # JOBS", &indented.join("\n")))
            .await;
        self.cluster
            .wait_rollout("monitoring", "deployment/prometheus")
            .await
            .unwrap();
    }

    /// "You need a clone of this repository", and "one directory of your own beside `config/`".
    fn clone_repository(&self) {
        let mine = self.clone.join("mine");
        fs::create_dir_all(&mine).unwrap();
        for directory in ["config", "crds"] {
            let from = repository().join(directory);
            let copied = Command::new("cp")
                .arg("--recursive")
                .arg(from)
                .arg(&self.clone)
                .status();
            assert!(copied.unwrap().success());
        }
        let overlay = block("yaml\n# kustomization.yaml");
        // The one thing in it that is the reader's own.
        let own = overlay.replace("registry.example.com/metric-autoscaler", "localhost/metric-autoscaler");
        assert_ne!(own, overlay);
        fs::write(mine.join("kustomization.yaml"), own).unwrap();
    }

    /// "Apply it". Once more changes nothing.
    pub(crate) async fn install(&self) {
        let commands = block("sh\nkubectl apply -k mine");
        let waiting = "rollout status deployment/metric-autoscaler";
        assert!(commands.contains(waiting), "the guide no longer says {waiting}");
        self.apply_directory(&self.clone.join("mine")).await;
        self.cluster
            .wait_rollout("metric-autoscaler", "deployment/metric-autoscaler")
            .await
            .unwrap();
    }

    /// "Uninstall", its last line.
    pub(crate) async fn uninstall(&self) {
        let mine = self.clone.join("mine").display().to_string();
        self.kubectl(&["delete", "--kustomize", &mine]).await;
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

    /// The number that the Prometheus in its pod answers with, by way of its Service.
    pub(crate) async fn ask(&self, query: &str) -> Result<f64, String> {
        let get = [
            "get",
            "service",
            "prometheus",
            "--namespace=monitoring",
            "--output=jsonpath={.spec.clusterIP}",
        ];
        let address = self.kubectl(&get).await;
        let url = format!("http://{address}:9090/api/v1/query");
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

/// The example's program runs as it stands, on this machine's Python.
fn python() -> Image {
    let version = Command::new("/usr/bin/python3").arg("--version").output();
    let version = version.expect("python3 is missing: run `make node-packages`").stdout;
    let version = String::from_utf8(version).unwrap();
    let (major, minor) = version
        .trim()
        .trim_start_matches("Python ")
        .rsplit_once('.')
        .unwrap()
        .0
        .split_once('.')
        .unwrap();
    let paths = [
        format!("/usr/bin/python{major}.{minor}"),
        format!("/usr/lib/python{major}.{minor}"),
    ];
    let entrypoint = vec![paths[0].clone()];
    Image::of_files("localhost/python:1", paths.map(PathBuf::from).to_vec(), entrypoint)
        .with_link("/usr/bin/python", &format!("python{major}.{minor}"))
}

/// The block of the guide that begins so.
pub(crate) fn block(begin: &str) -> String {
    let page = guide();
    let fence = format!("```{begin}");
    let (_, rest) = page
        .split_once(&fence)
        .unwrap_or_else(|| panic!("no block {begin} in the guide"));
    let (first, rest) = rest.split_once('\n').unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let command = begin.split_once('\n').map_or("", |(_, line)| line);
    let first = format!("{command}{first}\n");
    if first.starts_with('#') {
        block.to_owned()
    } else {
        first + block
    }
}

fn guide() -> String {
    fs::read_to_string(repository().join("docs/guide/install.md")).unwrap()
}

fn built(file: &str) -> PathBuf {
    let path = repository().join(file);
    assert!(path.exists(), "{} is missing: run `make test-cluster`", path.display());
    path
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
