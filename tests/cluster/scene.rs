//! What one test acts in: a namespace with workloads of real pods, and a load. What goes wrong in it is kept as files.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;

use autoscaler_testkit::audit::{Mark, Request};
use autoscaler_testkit::node::keep_logs;
use autoscaler_testkit::wait::eventually;
use futures::FutureExt;
use serde_json::Value;

use crate::installation::{DEADLINE, Installation, installation, installed};

/// Who the operator is to the API server.
pub(crate) const OPERATOR: &str = "system:serviceaccount:metric-autoscaler:metric-autoscaler";

/// See the module.
pub(crate) struct Scene {
    pub(crate) installation: &'static Installation,
    pub(crate) namespace: String,
    /// Who the operator is to the API server: [`OPERATOR`], but for the one that looks after a namespace alone.
    operator: String,
    began: Mark,
}

/// Runs a test in a namespace of its own, with this version of the operator installed. Nothing that the operator asks may be
/// refused for want of a right. Of a failure everything that the cluster knows is kept.
pub(crate) async fn scene(name: &'static str, test: impl AsyncFnOnce(&Scene)) {
    let checked = async |scene: &Scene| {
        test(scene).await;
        scene.nothing_was_forbidden();
    };
    last_scene(name, checked).await;
}

/// The same for a test that takes the operator's rights away in the end, and checks them before.
pub(crate) async fn last_scene(name: &'static str, test: impl AsyncFnOnce(&Scene)) {
    let acts = async {
        let installation = installation().await;
        installation.install().await;
        let scene = Scene {
            namespace: installation.cluster.plane.namespace(name).await.unwrap(),
            operator: OPERATOR.to_owned(),
            began: installation.audit.mark().unwrap(),
            installation,
        };
        test(&scene).await;
        scene.end().await;
    };
    if let Err(failure) = AssertUnwindSafe(Box::pin(acts)).catch_unwind().await {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster").join(name);
        keep(&directory).await.unwrap();
        eprintln!(
            "what there is to know of the cluster is kept in {}",
            directory.display()
        );
        resume_unwind(failure);
    }
}

async fn keep(directory: &Path) -> io::Result<()> {
    let _ = fs::remove_dir_all(directory);
    match installed() {
        Some(installation) => installation.cluster.keep_state(directory).await,
        None => keep_logs(directory),
    }
}

impl Scene {
    /// The same installation and time, in another namespace.
    pub(crate) fn of(&self, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            operator: self.operator.clone(),
            ..*self
        }
    }

    /// The same in a namespace with an operator of its own.
    pub(crate) fn of_its_own(&self, namespace: &str) -> Self {
        Self {
            operator: format!("system:serviceaccount:{namespace}:metric-autoscaler"),
            ..self.of(namespace)
        }
    }

    /// The requests of the operator since the scene began.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let all = self.installation.audit.since(self.began).unwrap();
        all.into_iter()
            .filter(|request| request.user == self.operator)
            .collect()
    }

    /// Asserts that no right was missing since the scene began.
    pub(crate) fn nothing_was_forbidden(&self) {
        let mut forbidden = self.requests();
        forbidden.retain(|request| request.is_forbidden);
        assert!(forbidden.is_empty(), "{forbidden:#?}");
    }

    /// The counts that the operator has written to a workload since the scene began, in their order.
    pub(crate) fn sizes(&self, workload: &str) -> Vec<u32> {
        let own = |request: &Request| {
            (request.namespace == self.namespace && request.name == workload).then_some(request.replicas)
        };
        let written = self
            .requests()
            .into_iter()
            .filter(|request| request.subresource == "scale" && request.code == 200);
        written.filter_map(|request| own(&request)?).collect()
    }

    /// `sum(load)` of this namespace, from outside of the cluster, once Prometheus knows it.
    pub(crate) async fn load(&self, value: f64) {
        self.load_unseen(value);
        let fits = |seen: f64| (seen - value).abs() < 1e-9;
        self.installation.wait_answer(&self.query(), fits).await;
    }

    /// The same, seen or not.
    pub(crate) fn load_unseen(&self, value: f64) {
        self.installation
            .exporter
            .set(&format!("load{{namespace=\"{}\"}}", self.namespace), value);
    }

    fn query(&self) -> String {
        format!("sum(load{{namespace=\"{}\"}})", self.namespace)
    }

    /// A workload of busybox's web server whose pods each show a load of their own.
    pub(crate) async fn workload(&self, kind: &str, name: &str, replicas: u32) {
        let manifest = include_str!("manifests/workload.yaml")
            .replace("KIND", kind)
            .replace("NAMESPACE", &self.namespace)
            .replace("NAME", name)
            .replace("REPLICAS", &replicas.to_string());
        let service = if kind == "StatefulSet" {
            &format!("serviceName: {name}")
        } else {
            ""
        };
        self.installation.apply(&manifest.replace("# SERVICE", service)).await;
    }

    /// An autoscaler on the load: 100 for each replica, 1 to 8, no windows.
    pub(crate) async fn autoscale(&self, kind: &str, name: &str) {
        self.autoscale_by(kind, name, &format!("query: '{}'", self.query()))
            .await;
    }

    /// The same by another metric.
    pub(crate) async fn autoscale_by(&self, kind: &str, name: &str, prometheus: &str) {
        let manifest = include_str!("manifests/autoscaler.yaml")
            .replace("KIND", kind)
            .replace("NAMESPACE", &self.namespace)
            .replace("NAME", name)
            .replace("PROMETHEUS", prometheus);
        self.installation.apply(&manifest).await;
    }

    /// A `StatefulSet` `web` that follows a load of so many hundreds, and is where it should be.
    pub(crate) async fn followed(&self, hundreds: u32) {
        self.load(100.0 * f64::from(hundreds)).await;
        self.workload("StatefulSet", "web", 1).await;
        self.autoscale("StatefulSet", "web").await;
        self.wait_ready("StatefulSet", "web", hundreds).await;
        self.wait_condition("web", "Ready", "True").await;
    }

    /// More load for what [`Scene::followed`] has made, and its pods.
    pub(crate) async fn grow_to(&self, hundreds: u32) {
        self.load(100.0 * f64::from(hundreds)).await;
        self.wait_ready("StatefulSet", "web", hundreds).await;
    }

    /// An object of this namespace.
    pub(crate) async fn get(&self, kind: &str, name: &str) -> Value {
        self.installation.object(kind, &self.namespace, name).await.unwrap()
    }

    /// Waits until so many pods of a workload are wanted, run and are ready, and no others are left.
    pub(crate) async fn wait_ready(&self, kind: &str, name: &str, replicas: u32) {
        eventually(&format!("{kind} {name} has {replicas} pods"), DEADLINE, || async {
            let object = self.get(kind, name).await;
            let counts = ["/spec/replicas", "/status/replicas", "/status/readyReplicas"];
            let counts = counts.map(|path| object.pointer(path).and_then(Value::as_u64).unwrap_or(0));
            let (running, all) = self.pods(name).await;
            let fits = counts == [u64::from(replicas); 3] && (running, all) == (replicas, replicas);
            fits.then_some(())
                .ok_or_else(|| format!("{counts:?}, {running} of {all} pods run"))
        })
        .await;
    }

    /// How many pods of a workload the kubelets run, and how many there are.
    async fn pods(&self, name: &str) -> (u32, u32) {
        let pods = self
            .installation
            .objects("Pod", &self.namespace, &format!("app={name}"))
            .await;
        let runs = |pod: &&Value| pod.pointer("/status/containerStatuses/0/state/running").is_some();
        let count = |number: usize| u32::try_from(number).unwrap();
        (count(pods.iter().filter(runs).count()), count(pods.len()))
    }

    /// Waits until a condition of an autoscaler has a status, and returns its reason.
    pub(crate) async fn wait_condition(&self, name: &str, condition: &str, status: &str) -> String {
        eventually(&format!("{condition} of {name} is {status}"), DEADLINE, || async {
            let object = self.get("metricautoscaler", name).await;
            let found = object["status"]["conditions"].as_array().into_iter().flatten();
            let mut found = found.filter(|found| found["type"] == condition && found["status"] == status);
            let reason = found.next().map(|found| found["reason"].as_str().unwrap().to_owned());
            reason.ok_or_else(|| object["status"].to_string())
        })
        .await
    }

    /// Takes the namespace away, so that the next test has the nodes for itself.
    async fn end(&self) {
        let delete = ["delete", "namespace", &self.namespace, "--wait=false"];
        self.installation.kubectl(&delete).await;
    }
}
