//! What a user sees: our operator with a real Prometheus beside the HPA controller, on two Deployments with the same
//! specification and the same load.
//!
//! While a load changes the two are apart by as much as a scrape and a look, so what is compared is where each has come to
//! once nothing moves any more.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use autoscaler_testkit::metrics_api::{Answer, MetricsApi};
use autoscaler_testkit::plane::{ControlPlane, PlaneOptions};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use crate::random::Random;
use crate::shared::install;
use crate::world::World;

const MAX: i64 = 12;
const PHASES: usize = 6;

/// Sizes have settled when each side has looked so often since the last change of any: longer than any window or period.
const LOOKS: usize = 8;

/// How long a phase may take: generous, since the machine may be busy.
const PHASE: Duration = Duration::from_mins(3);

const POLL: Duration = Duration::from_millis(250);

/// One specification for two Deployments.
struct Pair {
    name: &'static str,
    value: bool,
    behavior: &'static str,
}

const PAIRS: [Pair; 7] = [
    Pair {
        name: "free",
        value: false,
        behavior: r#"{"scaleDown": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 100, "periodSeconds": 1}]},
            "scaleUp": {"policies": [{"type": "Pods", "value": 100, "periodSeconds": 1}]}}"#,
    },
    Pair {
        name: "windows",
        value: false,
        behavior: r#"{"scaleDown": {"stabilizationWindowSeconds": 4, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]},
            "scaleUp": {"stabilizationWindowSeconds": 2, "policies": [{"type": "Pods", "value": 100, "periodSeconds": 1}]}}"#,
    },
    Pair {
        name: "pods",
        value: false,
        behavior: r#"{"scaleDown": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 2, "periodSeconds": 2}]},
            "scaleUp": {"policies": [{"type": "Pods", "value": 3, "periodSeconds": 3}]}}"#,
    },
    Pair {
        name: "percent",
        value: false,
        behavior: r#"{"scaleDown": {"stabilizationWindowSeconds": 2, "policies": [{"type": "Percent", "value": 50, "periodSeconds": 2}]},
            "scaleUp": {"policies": [{"type": "Percent", "value": 100, "periodSeconds": 3}, {"type": "Pods", "value": 2, "periodSeconds": 3}]}}"#,
    },
    Pair {
        name: "least",
        value: false,
        behavior: r#"{"scaleDown": {"stabilizationWindowSeconds": 0, "selectPolicy": "Min", "policies": [{"type": "Percent", "value": 50, "periodSeconds": 2}, {"type": "Pods", "value": 3, "periodSeconds": 2}]},
            "scaleUp": {"selectPolicy": "Min", "policies": [{"type": "Percent", "value": 50, "periodSeconds": 2}, {"type": "Pods", "value": 3, "periodSeconds": 2}]}}"#,
    },
    Pair {
        name: "tolerant",
        value: false,
        behavior: r#"{"scaleDown": {"stabilizationWindowSeconds": 0, "tolerance": "0.3", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]},
            "scaleUp": {"tolerance": "0.05", "policies": [{"type": "Pods", "value": 100, "periodSeconds": 1}]}}"#,
    },
    Pair {
        name: "ratio",
        value: true,
        behavior: r#"{"scaleDown": {"stabilizationWindowSeconds": 2, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]},
            "scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 2}]}}"#,
    },
];

impl Pair {
    fn series(&self) -> String {
        format!("twin_{}", self.name)
    }

    /// The Deployment of one side, `hpa` or `ours`.
    fn deployment(&self, side: &str) -> String {
        format!("{}-{side}", self.name)
    }

    fn query(&self, world: &World) -> String {
        format!("sum({}{{namespace=\"{}\"}})", self.series(), world.namespace)
    }

    /// The load of a phase; a ratio is near the target more often than a total is.
    fn load(&self, random: &mut Random) -> i64 {
        if self.value {
            random.pick(&[40, 60, 95, 105, 150, 220])
        } else {
            random.between(0, MAX * 105)
        }
    }

    fn hpa(&self, world: &World) -> Value {
        let (name, amount) = if self.value {
            ("Value", "value")
        } else {
            ("AverageValue", "averageValue")
        };
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": self.name, "namespace": world.namespace},
            "spec": {
                "scaleTargetRef": target(&self.deployment("hpa")), "minReplicas": 1, "maxReplicas": MAX,
                "behavior": self.behavior(),
                "metrics": [{"type": "External", "external": {
                    "metric": {"name": self.series()}, "target": {"type": name, amount: 100},
                }}],
            },
        })
    }

    fn autoscaler(&self, world: &World) -> Value {
        let amount = if self.value { "value" } else { "averageValue" };
        json!({
            "apiVersion": "metricautoscaler.dev/v1alpha1", "kind": "MetricAutoscaler",
            "metadata": {"name": self.name, "namespace": world.namespace},
            "spec": {
                "scaleTargetRef": target(&self.deployment("ours")), "minReplicas": 1, "maxReplicas": MAX,
                "intervalSeconds": 1, "behavior": self.behavior(),
                "metrics": [{"name": "load", "prometheus": {"query": self.query(world)}, "target": {amount: 100}}],
            },
        })
    }

    fn behavior(&self) -> Value {
        serde_json::from_str(self.behavior).expect("the behavior is JSON")
    }
}

fn target(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name})
}

/// A plane whose pods become ready and whose HPA controller looks every second.
async fn plane() -> &'static ControlPlane {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    let start = || async {
        let options = PlaneOptions::default()
            .with_ready_pods()
            .with_controller_manager_arg("--horizontal-pod-autoscaler-sync-period=1s");
        let plane = ControlPlane::start(options).await.unwrap();
        install(&plane).await;
        plane
    };
    PLANE.get_or_init(start).await
}

/// Both sides under way.
struct Twins {
    world: World,
    metrics: MetricsApi,
    deployments: Api<Deployment>,
}

impl Twins {
    async fn start() -> Self {
        let plane = plane().await;
        let world = World::on(plane, "twins").await;
        let exporter = Arc::clone(&world.exporter);
        let metrics = MetricsApi::start(plane, move |asked| match exporter.value(&asked.metric) {
            Some(value) => Answer::value(format!("{value}")),
            None => Answer::Values(Vec::new()),
        });
        let twins = Self {
            metrics: metrics.await.unwrap(),
            deployments: Api::namespaced(world.client.clone(), &world.namespace),
            world,
        };
        for pair in &PAIRS {
            twins.world.exporter.set(&pair.series(), 100.0);
            twins.world.workload("Deployment", &pair.deployment("hpa"), 1).await;
            twins.world.workload("Deployment", &pair.deployment("ours"), 1).await;
        }
        twins
    }

    /// Sizes by Deployment, once all of their pods are ready.
    async fn sizes(&self) -> Option<BTreeMap<String, i32>> {
        let deployments = self.deployments.list(&ListParams::default()).await.unwrap();
        let sizes = deployments.items.into_iter().map(|deployment| {
            let size = deployment.spec?.replicas?;
            let ready = deployment.status?.ready_replicas.unwrap_or(0);
            (size == ready).then_some((deployment.metadata.name?, size))
        });
        sizes.collect()
    }

    /// How often each side has looked at each load.
    fn looks(&self) -> Vec<usize> {
        let queries = self.world.proxy.queries();
        let looks = PAIRS.iter().flat_map(|pair| {
            let (series, query) = (pair.series(), pair.query(&self.world));
            let hpa = self.metrics.count(|served| served.asked.metric == series);
            let ours = queries.iter().filter(|asked| **asked == query).count();
            [hpa, ours]
        });
        looks.collect()
    }

    /// The sizes once nothing moves any more.
    async fn settled(&self) -> BTreeMap<String, i32> {
        let deadline = Instant::now() + PHASE;
        let (mut last, mut since) = (None, self.looks());
        loop {
            assert!(Instant::now() < deadline, "sizes never settled: {last:?}");
            let sizes = self.sizes().await;
            let looks = self.looks();
            if sizes.is_none() || sizes != last {
                (last, since) = (sizes, looks);
            } else if looks.iter().zip(&since).all(|(now, then)| now - then >= LOOKS)
                && let Some(sizes) = sizes
            {
                return sizes;
            }
            sleep(POLL).await;
        }
    }
}

/// Where a pair has come to at the end of a phase.
pub(crate) struct End {
    pair: &'static str,
    phase: usize,
    load: i64,
    hpa: i32,
    ours: i32,
}

impl End {
    pub(crate) const fn is_apart(&self) -> bool {
        self.hpa != self.ours
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pair,
            phase,
            load,
            hpa,
            ours,
        } = self;
        write!(
            formatter,
            "phase {phase}, {pair:>8} at {load:>4}: HPA {hpa:>2}, ours {ours:>2}"
        )
    }
}

/// Runs all phases.
pub(crate) async fn run(seed: u64) -> Vec<End> {
    let twins = Twins::start().await;
    let _operator = twins.world.operator().await;
    for pair in &PAIRS {
        twins.world.create(&pair.hpa(&twins.world).to_string()).await;
        twins.world.create(&pair.autoscaler(&twins.world).to_string()).await;
    }
    let mut random = Random::new(seed);
    let mut ends = Vec::new();
    for phase in 0..PHASES {
        let loads = PAIRS.each_ref().map(|pair| pair.load(&mut random));
        for (pair, load) in PAIRS.iter().zip(loads) {
            let load = f64::from(i32::try_from(load).expect("a small load"));
            twins.world.exporter.set(&pair.series(), load);
        }
        let sizes = twins.settled().await;
        ends.extend(PAIRS.iter().zip(loads).map(|(pair, load)| End {
            pair: pair.name,
            phase,
            load,
            hpa: sizes[&pair.deployment("hpa")],
            ours: sizes[&pair.deployment("ours")],
        }));
    }
    ends
}
