//! What one test acts in: a namespace of its own, an exporter, a Prometheus behind a proxy, and operators that run as a
//! service account with exactly the rules of `config/rbac`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use autoscaler_api::{MetricAutoscaler, MetricAutoscalerStatus};
use autoscaler_testkit::audit::{AuditLog, Mark};
use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::fault_proxy::FaultProxy;
use autoscaler_testkit::plane::ControlPlane;
use autoscaler_testkit::prometheus::{Prometheus, PrometheusOptions};
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::json;
use tokio::sync::OnceCell;

pub(crate) use crate::operator::Operator;
use crate::shared::{plane, rbac_file};

/// How long anything may take before the test gives up: generous, since the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// The name of the one metric that most tests use.
pub(crate) const LOAD: &str = "load";

/// See the module.
pub(crate) struct World {
    pub(crate) plane: &'static ControlPlane,
    pub(crate) namespace: String,
    pub(crate) client: kube::Client,
    pub(crate) exporter: Arc<Exporter>,
    pub(crate) prometheus: Arc<Prometheus>,
    pub(crate) proxy: Arc<FaultProxy>,
    /// What operators are given as `--prometheus-url`: the proxy.
    pub(crate) source: Option<String>,
    pub(crate) directory: PathBuf,
    /// In the audit log.
    pub(crate) began: Mark,
    /// Rights were taken away, or were never given, on purpose: see [`World::rights_are_missing`].
    pub(crate) lacks_rights: Arc<AtomicBool>,
}

/// The Prometheus that all tests share; each sees its own series by their label `namespace`.
async fn prometheus() -> Arc<Prometheus> {
    static PROMETHEUS: OnceCell<Arc<Prometheus>> = OnceCell::const_new();
    let start = || async { Arc::new(Prometheus::start(PrometheusOptions::default()).await.unwrap()) };
    PROMETHEUS.get_or_init(start).await.clone()
}

impl World {
    /// A fresh namespace with the operator's service account and rights in it, and an exporter under scrape.
    pub(crate) async fn new(name: &str) -> Self {
        Self::over(plane().await, name, prometheus().await).await
    }

    /// The same on another plane.
    pub(crate) async fn on(plane: &'static ControlPlane, name: &str) -> Self {
        Self::over(plane, name, prometheus().await).await
    }

    /// The same with a Prometheus of its own, to be killed or to know another past.
    pub(crate) async fn with_prometheus(name: &str, options: PrometheusOptions) -> Self {
        let own = Arc::new(Prometheus::start(options).await.unwrap());
        Self::over(plane().await, name, own).await
    }

    async fn over(plane: &'static ControlPlane, name: &str, prometheus: Arc<Prometheus>) -> Self {
        let namespace = plane.namespace(name).await.unwrap();
        let exporter = Arc::new(Exporter::start());
        prometheus
            .add_target(&namespace, exporter.address(), &[("namespace", &namespace)])
            .unwrap();
        let directory = plane.directory().join(&namespace);
        std::fs::create_dir_all(&directory).unwrap();
        let proxy = Arc::new(FaultProxy::start(prometheus.address()));
        let world = Self {
            client: plane.client_as_admin(),
            source: Some(proxy.url()),
            proxy,
            plane,
            namespace,
            exporter,
            prometheus,
            directory,
            began: AuditLog::new(plane.audit_log_path()).mark().unwrap(),
            lacks_rights: Arc::default(),
        };
        world.grant_rights().await;
        world
    }

    /// The same world for another test, which needs a client of its own: connections die with the runtime that made them.
    pub(crate) fn for_another_test(&self) -> Self {
        Self {
            plane: self.plane,
            namespace: self.namespace.clone(),
            client: self.plane.client_as_admin(),
            exporter: self.exporter.clone(),
            prometheus: self.prometheus.clone(),
            proxy: self.proxy.clone(),
            source: self.source.clone(),
            directory: self.directory.clone(),
            began: self.audit_log().mark().unwrap(),
            lacks_rights: self.lacks_rights.clone(),
        }
    }

    /// The files of `config/rbac`, with the namespace replaced: each test has leases and rights of its own. The roles of
    /// the whole cluster are the plane's.
    async fn grant_rights(&self) {
        let files = [
            "operator_role_binding.yaml",
            "service_account.yaml",
            "lease.yaml",
            "leader_role.yaml",
            "leader_role_binding.yaml",
        ];
        let own_namespace = format!("namespace: {}", self.namespace);
        let own_binding = format!("kind: ClusterRoleBinding\nmetadata:\n  name: {}\n", self.cluster_name());
        let own = |file| {
            rbac_file(file)
                .replace("namespace: metric-autoscaler", &own_namespace)
                .replace(
                    "kind: ClusterRoleBinding\nmetadata:\n  name: metric-autoscaler\n",
                    &own_binding,
                )
        };
        for manifest in files.map(own) {
            self.create(&manifest).await;
        }
        self.wait_for_own_rights().await;
    }

    /// Creates an object. Much faster than `kubectl apply`, and most tests need no more.
    pub(crate) async fn create(&self, manifest: &str) {
        let object: DynamicObject = serde_saphyr::from_str(manifest).unwrap();
        let kind = GroupVersionKind::try_from(object.types.clone().unwrap()).unwrap();
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    /// What things of this world that have no namespace are called.
    pub(crate) fn cluster_name(&self) -> String {
        format!("metric-autoscaler-{}", self.namespace)
    }

    /// The query of the metric that most tests use: one gauge of this namespace.
    pub(crate) fn load(&self) -> String {
        format!("sum({LOAD}{{namespace=\"{}\"}})", self.namespace)
    }

    /// Sets that gauge and waits until Prometheus answers it.
    pub(crate) async fn set_load(&self, value: f64) {
        self.exporter.set(LOAD, value);
        self.prometheus
            .wait_for(&self.load(), |seen| (seen - value).abs() < 1e-9)
            .await;
    }

    /// A Deployment, `StatefulSet` or `ReplicaSet` whose pods become Ready at once.
    pub(crate) async fn workload(&self, kind: &str, name: &str, replicas: u32) {
        self.create_workload(kind, name, replicas).await;
        self.wait_replicas(kind, name, replicas).await;
    }

    /// The same without waiting for its pods.
    pub(crate) async fn create_workload(&self, kind: &str, name: &str, replicas: u32) {
        self.create(&self.workload_manifest(kind, name, replicas)).await;
    }

    /// As it is applied.
    pub(crate) fn workload_manifest(&self, kind: &str, name: &str, replicas: u32) -> String {
        let service = if kind == "StatefulSet" {
            format!("\n  serviceName: {name}")
        } else {
            String::new()
        };
        format!(
            "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {}}}\nspec:\n  replicas: \
             {replicas}{service}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: \
             {{app: {name}}}}}\n    spec: {{containers: [{{name: main, image: none}}]}}\n",
            self.namespace
        )
    }

    /// An autoscaler of 1 to 10 replicas with a target of 100 per replica on [`LOAD`], evaluated every second, free of
    /// windows; `more` is further YAML of the spec.
    pub(crate) async fn autoscale(&self, name: &str, kind: &str, target: &str, more: &str) {
        self.apply_autoscaler(name, kind, target, &self.default_spec(more))
            .await;
    }

    /// The part of the spec below `scaleTargetRef`.
    pub(crate) fn default_spec(&self, more: &str) -> String {
        Self::spec_of(LOAD, &format!("query: '{}'", self.load())) + more
    }

    /// The same for another metric, with what stands under `prometheus`.
    pub(crate) fn spec_of(metric: &str, prometheus: &str) -> String {
        format!(
            "  minReplicas: 1\n  maxReplicas: 10\n  intervalSeconds: 1\n  behavior: {{scaleDown: \
             {{stabilizationWindowSeconds: 0, policies: [{{type: Pods, value: 100, periodSeconds: 1}}]}}, scaleUp: \
             {{policies: [{{type: Pods, value: 100, periodSeconds: 1}}]}}}}\n  metrics:\n  - name: {metric}\n    \
             prometheus: {{{prometheus}}}\n    target: {{averageValue: 100}}\n"
        )
    }

    /// An autoscaler with the given YAML below `scaleTargetRef`.
    pub(crate) async fn apply_autoscaler(&self, name: &str, kind: &str, target: &str, spec: &str) {
        self.create(&self.autoscaler_manifest(name, kind, target, spec)).await;
    }

    /// As it is applied.
    pub(crate) fn autoscaler_manifest(&self, name: &str, kind: &str, target: &str, spec: &str) -> String {
        let api_version = api_version(kind);
        format!(
            "apiVersion: metricautoscaler.dev/v1alpha1\nkind: MetricAutoscaler\nmetadata: {{name: {name}, namespace: \
             {}}}\nspec:\n  scaleTargetRef: {{apiVersion: {api_version}, kind: {kind}, name: {target}}}\n{spec}",
            self.namespace
        )
    }

    /// The API of a kind in this namespace.
    pub(crate) fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version(kind).split_once('/').unwrap_or(("", "v1"));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Our own API in this namespace.
    pub(crate) fn autoscalers(&self) -> Api<MetricAutoscaler> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// `spec.replicas` of a scale; 0 is left out on the wire.
    pub(crate) async fn replicas(&self, kind: &str, name: &str) -> u32 {
        let scale: Scale = self.api(kind).get_scale(name).await.unwrap();
        u32::try_from(scale.spec.unwrap_or_default().replicas.unwrap_or(0)).unwrap()
    }

    /// Waits until a workload has so many replicas wanted and, for built-in kinds, ready.
    pub(crate) async fn wait_replicas(&self, kind: &str, name: &str, replicas: u32) {
        eventually(
            &format!("{kind} {name} has {replicas} replicas, all ready"),
            DEADLINE,
            || async {
                let object = self.api(kind).get(name).await.map_err(|error| error.to_string())?;
                let wanted = object
                    .data
                    .pointer("/spec/replicas")
                    .and_then(serde_json::Value::as_u64)
                    .unwrap_or(0);
                let ready = object
                    .data
                    .pointer("/status/readyReplicas")
                    .and_then(serde_json::Value::as_u64)
                    .unwrap_or(0);
                if wanted == u64::from(replicas) && (kind == "Broker" || ready == wanted) {
                    return Ok(());
                }
                let status = self.autoscalers().list(&kube::api::ListParams::default()).await;
                let said = status.map(|list| list.items.into_iter().filter_map(|item| item.status?.summary).collect());
                Err(format!(
                    "{wanted} wanted, {ready} ready; said: {:?}",
                    said.unwrap_or_else(|_| Vec::new())
                ))
            },
        )
        .await;
    }

    /// Waits until a workload has so many replicas wanted, ready or not.
    pub(crate) async fn wait_wanted(&self, kind: &str, name: &str, replicas: u32) {
        eventually(
            &format!("{kind} {name} wants {replicas} replicas"),
            DEADLINE,
            || async {
                let wanted = self.replicas(kind, name).await;
                (wanted == replicas).then_some(()).ok_or(format!("{wanted}"))
            },
        )
        .await;
    }

    /// `kubectl scale`, as a person would.
    pub(crate) async fn scale_by_hand(&self, kind: &str, name: &str, replicas: u32) {
        let parameters = PatchParams {
            field_manager: Some("kubectl".to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        self.api(kind).patch_scale(name, &parameters, &patch).await.unwrap();
    }

    /// The status of an autoscaler as it is now, whatever its spec looks like.
    pub(crate) async fn status(&self, name: &str) -> MetricAutoscalerStatus {
        let resource = ApiResource::erase::<MetricAutoscaler>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        let status = api.get(name).await.unwrap().data["status"].take();
        serde_json::from_value::<Option<_>>(status).unwrap().unwrap_or_default()
    }

    /// Waits until the status of an autoscaler fits.
    pub(crate) async fn wait_status<T>(
        &self,
        name: &str,
        what: &str,
        fits: impl Fn(&MetricAutoscalerStatus) -> Option<T>,
    ) -> T {
        eventually(&format!("{name}: {what}"), DEADLINE, || async {
            let status = self.status(name).await;
            fits(&status).ok_or_else(|| format!("{status:#?}"))
        })
        .await
    }

    /// Waits until a condition has a status and a reason, and returns its message.
    pub(crate) async fn wait_condition(&self, name: &str, condition: &str, status: &str, reason: &str) -> String {
        self.wait_status(name, &format!("{condition}={status}/{reason}"), |found| {
            let found = found.conditions.iter().find(|found| found.type_ == condition)?;
            (found.status == status && found.reason == reason).then(|| found.message.clone())
        })
        .await
    }

    /// The events about an autoscaler that have this reason.
    pub(crate) async fn events(&self, name: &str, reason: &str) -> Vec<Event> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let selected = kube::api::ListParams::default().fields(&format!("regarding.name={name},reason={reason}"));
        api.list(&selected).await.unwrap().items
    }

    /// Edits an autoscaler by a merge patch.
    pub(crate) async fn edit(&self, name: &str, patch: serde_json::Value) {
        self.autoscalers()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// Waits until so many further queries of the metric have been answered: time passes for the operator, whatever the
    /// clock of the test machine does.
    pub(crate) async fn wait_evaluations(&self, count: usize) {
        let asked = || self.proxy.queries().iter().filter(|query| query.contains(LOAD)).count();
        let before = asked();
        eventually(&format!("{count} further evaluations"), DEADLINE, || async {
            let since = asked() - before;
            if since >= count {
                Ok(())
            } else {
                Err(format!("{since} so far"))
            }
        })
        .await;
    }
}

/// Where a kind belongs.
fn api_version(kind: &str) -> &'static str {
    match kind {
        "Broker" => "example.com/v1",
        "Job" => "batch/v1",
        "Dragon" | "Planet" | "Moon" => "example.net/v1",
        "DaemonSet" | "Deployment" | "Gizmo" | "ReplicaSet" | "StatefulSet" => "apps/v1",
        other => panic!("where does {other} belong?"),
    }
}

/// Asserts with the whole value shown.
pub(crate) fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} is not in {text:?}");
}
