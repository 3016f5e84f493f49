//! The play that most of these tests stage: a Deployment of three replicas whose load asks for exactly three, and a source
//! that begins to lie when the load sinks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use autoscaler_api::{MetricAutoscaler, MetricAutoscalerStatus};
use autoscaler_testkit::fault_proxy::Fault;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::events::v1::Event;
use kube::api::PostParams;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::world::{DEADLINE, LOAD, Operator, World, assert_contains};

/// The size at the beginning.
pub(super) const REPLICAS: u32 = 3;

/// The load that asks for it.
pub(super) const ENOUGH: f64 = 300.0;

/// A load that asks for one replica: whoever believes it shrinks at once.
pub(super) const LITTLE: f64 = 100.0;

/// A load that asks for five.
pub(super) const MUCH: f64 = 500.0;

/// The longest time for a query of the shared operator, in seconds: longer than any test, so that a query may hang for as
/// long as it takes.
const QUERY_TIMEOUT: &str = "600";

/// How many further questions show that nothing happens.
const QUESTIONS: usize = 4;

/// One workload with an autoscaler and a series of its own.
pub(super) struct Scene {
    pub(super) world: World,
    /// Of the Deployment, of the autoscaler, and the label `case` of the series.
    pub(super) name: &'static str,
    /// What the autoscaler asks.
    pub(super) query: String,
}

/// A fault that can be lifted.
pub(super) struct Trouble(Arc<AtomicBool>);

/// The operator whose source troubles single queries, for all tests that need no more.
pub(super) async fn shared() -> &'static (World, Operator) {
    static SHARED: OnceCell<(World, Operator)> = OnceCell::const_new();
    let start = || async {
        let world = World::new("faults").await;
        let operator = world
            .operator_with("operator", &["--query-timeout", QUERY_TIMEOUT])
            .await;
        (world, operator)
    };
    SHARED.get_or_init(start).await
}

impl Scene {
    /// In the shared world.
    pub(super) async fn shared(name: &'static str) -> Self {
        Self::in_world(shared().await.0.for_another_test(), name)
    }

    /// In a world where the whole source can be troubled.
    pub(super) fn in_world(world: World, name: &'static str) -> Self {
        let query = format!("sum({})", selector(&world, name));
        Self { world, name, query }
    }

    /// With another query, made of the selector of the series.
    pub(super) fn asking(mut self, query: impl Fn(&str) -> String) -> Self {
        self.query = query(&selector(&self.world, self.name));
        self
    }

    /// The series of the load, as the exporter names it, with further labels.
    pub(super) fn series(&self, labels: &str) -> String {
        format!("{LOAD}{{case=\"{}\"{labels}}}", self.name)
    }

    /// Sets the load and waits until Prometheus knows.
    pub(super) async fn set_load(&self, value: f64) {
        self.world.exporter.set(&self.series(""), value);
        let sum = format!("sum({})", selector(&self.world, self.name));
        let seen = |seen: f64| (seen - value).abs() < 1e-9 || seen.total_cmp(&value).is_eq();
        self.world.prometheus.wait_for(&sum, seen).await;
    }

    /// One metric that asks this scene's query, 1 to 10 replicas, every second, free of windows.
    pub(super) fn spec(&self) -> Value {
        let at_once = json!([{"type": "Pods", "value": 100, "periodSeconds": 1}]);
        json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name},
            "minReplicas": 1,
            "maxReplicas": 10,
            "intervalSeconds": 1,
            "behavior": {
                "scaleUp": {"policies": at_once},
                "scaleDown": {"policies": at_once, "stabilizationWindowSeconds": 0},
            },
            "metrics": [metric(LOAD, &self.query)],
        })
    }

    /// Creates the workload and the autoscaler.
    pub(super) async fn create(&self, spec: Value) {
        self.world.workload("Deployment", self.name, REPLICAS).await;
        self.autoscale(self.name, &spec).await;
    }

    /// Creates an autoscaler.
    pub(super) async fn autoscale(&self, name: &str, spec: &Value) {
        let metadata = json!({"name": name, "namespace": self.world.namespace});
        let group = format!("{}/{}", autoscaler_api::GROUP, autoscaler_api::VERSION);
        let object = json!({"apiVersion": group, "kind": autoscaler_api::KIND, "metadata": metadata, "spec": spec});
        let object: MetricAutoscaler = serde_json::from_value(object).unwrap();
        self.world
            .autoscalers()
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    }

    /// The beginning of most plays: everything is well, and the size is what the load asks for.
    pub(super) async fn begin(&self, spec: Value) {
        self.set_load(ENOUGH).await;
        self.create(spec).await;
        self.is_well().await;
    }

    /// The size follows the metrics.
    pub(super) async fn is_well(&self) {
        let reason = "ValidMetricFound";
        self.world
            .wait_condition(self.name, "ScalingActive", "True", reason)
            .await;
        self.world.wait_condition(self.name, "Ready", "True", reason).await;
    }

    /// The source meets questions about this scene with a fault.
    pub(super) fn trouble(&self, fault: Fault) -> Trouble {
        let case = self.case();
        self.trouble_where(move |query| query.contains(&case), fault)
    }

    /// The source meets what is asked of it before a change of size with a fault.
    pub(super) fn trouble_for_probes(&self, fault: Fault) -> Trouble {
        let case = self.case();
        self.trouble_where(
            move |query| query.contains(&case) && query.contains("timestamp("),
            fault,
        )
    }

    /// The source meets certain questions with a fault.
    pub(super) fn trouble_where(&self, meets: impl Fn(&str) -> bool + Send + Sync + 'static, fault: Fault) -> Trouble {
        let on = Arc::new(AtomicBool::new(true));
        let trouble = Trouble(on.clone());
        let meets = move |query: &str| on.load(Ordering::Relaxed) && meets(query);
        self.world
            .proxy
            .inject_where(move |request| request.query().is_some_and(&meets), fault);
        trouble
    }

    /// What is in every question about this scene.
    fn case(&self) -> String {
        format!("case=\"{}\"", self.name)
    }

    /// How often the query of this scene has been asked.
    pub(super) fn asked(&self) -> usize {
        self.world
            .proxy
            .queries()
            .iter()
            .filter(|query| **query == self.query)
            .count()
    }

    /// Waits until it has been asked so many times more.
    pub(super) async fn wait_asked(&self, count: usize) {
        let before = self.asked();
        eventually(
            &format!("{}: {count} further questions", self.name),
            DEADLINE,
            || async {
                let since = self.asked() - before;
                if since >= count {
                    Ok(())
                } else {
                    Err(format!("{since} so far"))
                }
            },
        )
        .await;
    }

    /// Waits until the workload has this size.
    pub(super) async fn wait_replicas(&self, replicas: u32) {
        self.world.wait_replicas("Deployment", self.name, replicas).await;
    }

    /// Over several further evaluations the size is this one, and not even touched.
    pub(super) async fn is_held(&self, replicas: u32) {
        self.is_held_during(self.wait_asked(QUESTIONS), replicas).await;
    }

    /// The same, for where evaluations are counted otherwise. Every write of the size would make a new generation.
    pub(super) async fn is_held_during(&self, several_evaluations: impl Future<Output = ()>, replicas: u32) {
        let size = async || {
            let deployment = self.world.api("Deployment").get(self.name).await.unwrap();
            (
                deployment.data["spec"]["replicas"].as_u64(),
                deployment.metadata.generation,
            )
        };
        let before = size().await;
        assert_eq!(before.0, Some(u64::from(replicas)), "the size of {}", self.name);
        several_evaluations.await;
        assert_eq!(size().await, before, "the size of {} and its generation", self.name);
    }

    /// No metric can be read: the conditions say so with this reason and text, and one event does.
    pub(super) async fn wait_unread(&self, reason: &str, class: &str, text: &str) {
        self.world.wait_condition(self.name, "Ready", "False", reason).await;
        let message = self
            .world
            .wait_condition(self.name, "ScalingActive", "False", reason)
            .await;
        assert_contains(&message, text);
        let message = self
            .world
            .wait_condition(self.name, "ScalingLimited", "True", "ScaleDownBlockedByMetric")
            .await;
        assert_contains(&message, "blocks scaling down since ");
        let status = self.status().await;
        assert_eq!(status.current_metrics[0].reading, class);
        assert_eq!(status.current_metrics[0].value, None);
        assert!(status.current_metrics[0].since.is_some(), "{status:#?}");
        self.wait_warning(reason, text).await;
    }

    /// Waits for exactly one event of type Warning with this reason, which has this text in its note.
    pub(super) async fn wait_warning(&self, reason: &str, text: &str) {
        let what = format!("{}: one event {reason}", self.name);
        let one = || async {
            let events = self.world.events(self.name, reason).await;
            <[Event; 1]>::try_from(events).map_err(|events| format!("{events:#?}"))
        };
        let [event] = eventually(&what, DEADLINE, one).await;
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        assert_contains(&event.note.unwrap_or_default(), text);
    }

    /// The status as it is.
    pub(super) async fn status(&self) -> MetricAutoscalerStatus {
        self.world.status(self.name).await
    }
}

impl Trouble {
    /// Ends it.
    pub(super) fn lift(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// One metric of a spec, with a target of 100 per replica.
pub(super) fn metric(name: &str, query: &str) -> Value {
    json!({"name": name, "prometheus": {"query": query}, "target": {"averageValue": 100}})
}

fn selector(world: &World, name: &str) -> String {
    format!("{LOAD}{{namespace=\"{}\",case=\"{name}\"}}", world.namespace)
}
