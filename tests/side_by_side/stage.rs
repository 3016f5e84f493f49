//! The control plane of the experiment, and on it one target with one `HorizontalPodAutoscaler` for each case.
//!
//! Targets are custom resources: their scale is real, and nobody but the experiment says how many replicas there are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use autoscaler_testkit::metrics_api::{Answer, Asked, Measured, MetricsApi};
use autoscaler_testkit::plane::{ControlPlane, PlaneOptions};
use autoscaler_testkit::wait::eventually;
use futures::stream::{self, StreamExt};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::case::{Case, DOWNSCALE_STABILIZATION, Kind};
use crate::pods::PodLoad;
use crate::series::Sample;

/// How long anything may take before the experiment gives up: generous, since the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

const GROUP: &str = "side-by-side.example.com";

/// Only what the HPA reads of a scale, with the answer.
const AUDIT_POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [
{"level": "RequestResponse", "verbs": ["get"], "users": ["system:serviceaccount:kube-system:horizontal-pod-autoscaler"],
"resources": [{"group": "side-by-side.example.com", "resources": ["workloads/scale"]}]}, {"level": "None"}]}"#;

const WORKLOADS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: workloads.side-by-side.example.com}
spec:
  group: side-by-side.example.com
  scope: Namespaced
  names: {kind: Workload, plural: workloads, singular: workload}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
";

/// So many requests of ours at once.
const CONCURRENCY: usize = 16;

/// The plane with the cases on it.
pub(crate) struct Stage {
    pub(crate) plane: ControlPlane,
    pub(crate) namespace: String,
    pub(crate) metrics: MetricsApi,
}

impl Stage {
    /// Starts a plane whose HPA controller looks every second and tells what it decides.
    pub(crate) async fn set(cases: &[Case]) -> Self {
        let plane = ControlPlane::start(options()).await.unwrap();
        plane.apply(WORKLOADS).await.unwrap();
        let namespace = plane.namespace("twins").await.unwrap();
        let metrics = MetricsApi::start(&plane, source(cases)).await.unwrap();
        let stage = Self {
            plane,
            namespace,
            metrics,
        };
        stage.wait_until_pods_may_be_made().await;
        let build = cases.iter().map(|case| stage.build(case));
        stream::iter(build).buffer_unordered(CONCURRENCY).collect::<()>().await;
        stage
    }

    /// How often the HPA has looked so far, without those looks at which it did not read its first metric.
    pub(crate) fn looks(&self) -> usize {
        self.metrics.count(|served| served.asked.metric.ends_with("-metric-0"))
    }

    async fn wait_until_pods_may_be_made(&self) {
        let accounts: Api<ServiceAccount> = self.api();
        eventually("a default service account", DEADLINE, || accounts.get("default")).await;
    }

    /// An API in the namespace of the experiment, with a client of the caller's own.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.plane.client_as_admin(), &self.namespace)
    }

    /// The targets.
    pub(crate) fn workloads(&self) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, "v1", "Workload"));
        Api::namespaced_with(self.plane.client_as_admin(), &self.namespace, &resource)
    }

    /// Everything of one case; the autoscaler last, for it begins at once.
    async fn build(&self, case: &Case) {
        let workloads = self.workloads();
        let workload = json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": "Workload", "metadata": {"name": case.name},
            "spec": {"replicas": case.start},
        });
        workloads
            .create(&PostParams::default(), &parse(workload))
            .await
            .unwrap();
        let status = json!({"status": {"replicas": case.start, "selector": format!("case={}", case.name)}});
        patch_status(&workloads, &case.name, status).await;
        let pods: Api<Pod> = self.api();
        for index in 0..case.max {
            let name = pod_name(&case.name, index);
            match case.kind {
                Kind::AverageValue => {}
                Kind::Value => {
                    create_pod(&pods, case, &name).await;
                    set_ready(&pods, &name, index < case.start).await;
                }
                Kind::Pods => {
                    create_pod(&pods, case, &name).await;
                    let phase = case.first_state(index).phase();
                    patch_status(&pods, &name, json!({"status": {"phase": phase}})).await;
                }
            }
        }
        let autoscalers: Api<HorizontalPodAutoscaler> = self.api();
        let target = json!({"apiVersion": format!("{GROUP}/v1"), "kind": "Workload", "name": case.name});
        let autoscaler = json!({"metadata": {"name": case.name}, "spec": case.hpa(&target)});
        autoscalers
            .create(&PostParams::default(), &parse(autoscaler))
            .await
            .unwrap();
    }
}

fn options() -> PlaneOptions {
    let policy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("side-by-side-audit-policy.json");
    std::fs::write(&policy, AUDIT_POLICY).unwrap();
    PlaneOptions::default()
        .with_api_server_arg(format!("--audit-policy-file={}", policy.display()))
        .with_controller_manager_arg("--horizontal-pod-autoscaler-sync-period=1s")
        .with_controller_manager_arg(format!(
            "--horizontal-pod-autoscaler-downscale-stabilization={DOWNSCALE_STABILIZATION}s"
        ))
        .with_controller_manager_arg("--concurrent-horizontal-pod-autoscaler-syncs=20")
        // It deletes terminating pods without a node once more, by name only (`gcUnscheduledTerminating` of
        // `pkg/controller/podgc`), and so now and then the next pod of that name.
        .with_controller_manager_arg("--controllers=*,-pod-garbage-collector-controller")
        // What it proposes and decides is logged at level 4, with the instant; see `record`.
        .with_controller_manager_arg("--v=4")
        .with_controller_manager_arg("--logging-format=json")
}

/// The n-th question about a metric is answered by the n-th sample of its series.
fn source(cases: &[Case]) -> impl Fn(&Asked) -> Answer + Send + Sync + 'static {
    let series = cases.iter().flat_map(|case| {
        let metrics = 0..case.metrics.len();
        metrics.map(|index| (case.metric(index), (case.clone(), index)))
    });
    let series: BTreeMap<String, (Case, usize)> = series.collect();
    let asked = Mutex::new(BTreeMap::<String, usize>::new());
    move |question| {
        let Some((case, index)) = series.get(&question.metric) else {
            return Answer::Failure(StatusCode::NOT_FOUND);
        };
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let count = asked.entry(question.metric.clone()).or_default();
        let samples = &case.metrics[*index];
        let sample = samples[(*count).min(samples.len() - 1)];
        let loads = case.loads(*count);
        *count += 1;
        match case.kind {
            Kind::Pods => answer(sample, |_| Answer::Values(measured(case, loads))),
            Kind::Value | Kind::AverageValue => answer(sample, |load| Answer::value(quantity(load))),
        }
    }
}

fn answer(sample: Sample, values: impl FnOnce(i64) -> Answer) -> Answer {
    match sample.number() {
        Some(load) => values(load),
        None if sample == Sample::Empty => Answer::Values(Vec::new()),
        None => Answer::Failure(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn measured(case: &Case, loads: &[PodLoad]) -> Vec<Measured> {
    let measured = loads.iter().map(|load| Measured {
        name: pod_name(&case.name, load.pod),
        quantity: quantity(load.load),
    });
    measured.collect()
}

fn quantity(load: i64) -> String {
    format!("{}m", Case::quantity(load))
}

/// A pod that nobody runs: what it is the experiment says. Where each matters, it can be seen terminating.
pub(crate) async fn create_pod(pods: &Api<Pod>, case: &Case, name: &str) {
    let finalizers = match case.kind {
        Kind::Pods => json!([format!("{GROUP}/held")]),
        Kind::Value | Kind::AverageValue => json!([]),
    };
    let pod = json!({
        "metadata": {"name": name, "labels": {"case": case.name}, "finalizers": finalizers},
        "spec": {"containers": [{"name": "main", "image": "none"}]},
    });
    pods.create(&PostParams::default(), &parse(pod)).await.unwrap();
}

pub(crate) fn pod_name(case: &str, index: u32) -> String {
    format!("{case}-{index}")
}

pub(crate) async fn set_ready(pods: &Api<Pod>, name: &str, ready: bool) {
    let ready = if ready { "True" } else { "False" };
    let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
    patch_status(pods, name, status).await;
}

pub(crate) async fn patch_status<K>(api: &Api<K>, name: &str, status: Value)
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(status))
        .await
        .unwrap();
}

fn parse<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).expect("the object is written here")
}
