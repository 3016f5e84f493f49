//! What is drawn for one pair of twins: a specification that both sides can be given, and the world it acts in.

use std::time::Duration;

use autoscaler_api::MetricAutoscalerSpec;
use autoscaler_core::{Policy, Seconds};
use serde_json::{Value, json};

use crate::pods::{self, Habits, PodLoad, PodState};
use crate::random::Random;
use crate::series::{self, Flaws, Sample, Shape};

/// `--horizontal-pod-autoscaler-downscale-stabilization` of the experiment: the window where `behavior` names none.
pub(crate) const DOWNSCALE_STABILIZATION: u32 = 10;

/// Thousandths of the target's amount in one thousandth of load: each target is 100.
const UNIT: i64 = 100;

/// How the metrics of a case are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Value,
    AverageValue,
    /// One series for each pod, with an `averageValue` target.
    Pods,
}

/// In which of the HPA's words a metric of one number is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    External,
    /// A metric of the target itself.
    Object,
}

/// One pair of twins.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// The count when the autoscaler begins.
    pub(crate) start: u32,
    /// As it is written in either resource; none means none.
    pub(crate) behavior: Option<Value>,
    /// The series of each metric.
    pub(crate) metrics: Vec<Vec<Sample>>,
    /// What each pod is worth at each sample of the only metric; empty unless each is measured.
    pub(crate) loads: Vec<Vec<PodLoad>>,
    pub(crate) habits: Habits,
    /// How long after a change of size the status and the pods follow.
    pub(crate) lag: Duration,
    /// How often somebody changes the size by hand, if ever.
    pub(crate) meddling: Option<Duration>,
    /// What decides when and how somebody meddles.
    pub(crate) random: Random,
}

impl Case {
    /// Draws case number `index` of an experiment.
    pub(crate) fn draw(random: &mut Random, index: usize) -> Self {
        let kind = if index.is_multiple_of(5) {
            Kind::Pods
        } else if random.percent(25) {
            Kind::Value
        } else {
            Kind::AverageValue
        };
        let max = match kind {
            Kind::Value => random.between(5, 12),
            Kind::Pods => random.between(4, 10),
            // Round numbers, for percentages of those are what floats miss.
            Kind::AverageValue => 10 * random.between(1, 15),
        };
        let min = random.pick(&[1, 1, 2, 3]);
        let tolerances = (random.pick(&TOLERANCES), random.pick(&TOLERANCES));
        let behavior = (!random.percent(8)).then(|| behavior(random, tolerances));
        let tolerances = behavior.as_ref().map_or((100, 100), |_| tolerances);
        let lagging = random.percent(if kind == Kind::AverageValue { 25 } else { 60 });
        let lag = if lagging {
            400 + 1000 * random.between(1, 3)
        } else {
            150
        };
        let meddling = random.percent(8).then(|| random.between(4, 12));
        let (max, metrics) = (narrow(max), metrics(random, kind, max, tolerances));
        let loads = match kind {
            Kind::Value | Kind::AverageValue => Vec::new(),
            Kind::Pods => pods::draw(random, &metrics[0], max),
        };
        Self {
            name: format!("case-{index}"),
            kind,
            source: random.pick(&[Source::External, Source::External, Source::External, Source::Object]),
            min: narrow(min),
            max,
            start: narrow(random.between(min, max.into())),
            behavior,
            metrics,
            loads,
            habits: Habits::draw(random),
            lag: Duration::from_millis(u64::from(narrow(lag))),
            meddling: meddling.map(|seconds| Duration::from_secs(u64::from(narrow(seconds)))),
            random: random.fork(),
        }
    }

    /// The name of one of its metrics.
    pub(crate) fn metric(&self, index: usize) -> String {
        format!("{}-metric-{index}", self.name)
    }

    /// What the served API answers to a load, in thousandths.
    pub(crate) const fn quantity(load: i64) -> i64 {
        load * UNIT
    }

    /// What each pod is worth at the n-th reading of the metric; the last one stays.
    pub(crate) fn loads(&self, reading: usize) -> &[PodLoad] {
        self.loads.get(reading).or(self.loads.last()).map_or(&[], Vec::as_slice)
    }

    /// What a pod is when the autoscaler begins.
    pub(crate) const fn first_state(&self, index: u32) -> PodState {
        if index < self.start {
            PodState::Running
        } else {
            PodState::Failed
        }
    }

    fn target(&self) -> Value {
        match self.kind {
            Kind::Value => json!({"value": UNIT}),
            Kind::AverageValue | Kind::Pods => json!({"averageValue": UNIT}),
        }
    }

    /// The `HorizontalPodAutoscaler`, from `spec` down.
    pub(crate) fn hpa(&self, workload: &Value) -> Value {
        let metric = |index| {
            let mut target = self.target();
            target["type"] = match self.kind {
                Kind::Value => json!("Value"),
                Kind::AverageValue | Kind::Pods => json!("AverageValue"),
            };
            let metric = json!({"name": self.metric(index)});
            match self.source {
                _ if self.kind == Kind::Pods => json!({"type": "Pods", "pods": {"metric": metric, "target": target}}),
                Source::External => json!({"type": "External", "external": {"metric": metric, "target": target}}),
                Source::Object => json!({
                    "type": "Object", "object": {"metric": metric, "target": target, "describedObject": workload},
                }),
            }
        };
        let mut spec = json!({
            "scaleTargetRef": workload, "minReplicas": self.min, "maxReplicas": self.max,
            "metrics": (0..self.metrics.len()).map(metric).collect::<Vec<_>>(),
        });
        if let Some(behavior) = &self.behavior {
            spec["behavior"] = behavior.clone();
        }
        spec
    }

    /// The `MetricAutoscaler` of the twin, from `spec` down.
    pub(crate) fn autoscaler(&self, target: &Value) -> Value {
        let metric = |index| {
            let query = self.metric(index).replace('-', "_");
            let mut prometheus = json!({"query": query});
            if self.kind == Kind::Pods {
                prometheus["perPod"] = json!({});
            }
            json!({"name": self.metric(index), "prometheus": prometheus, "target": self.target()})
        };
        let mut spec = json!({
            "scaleTargetRef": target, "minReplicas": self.min, "maxReplicas": self.max, "intervalSeconds": 1,
            "metrics": (0..self.metrics.len()).map(metric).collect::<Vec<_>>(),
        });
        if let Some(behavior) = &self.behavior {
            spec["behavior"] = behavior.clone();
        }
        spec
    }

    /// What our core is given for that `MetricAutoscaler`.
    pub(crate) fn policy(&self) -> Policy {
        let spec = self.autoscaler(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name}));
        let spec: MetricAutoscalerSpec = serde_json::from_value(spec).expect("the specification is one of ours");
        let mut policy = autoscaler_api::convert::policy(&spec, |_| Seconds::new(60)).expect("it is valid");
        if self.behavior.is_none() {
            policy.scale_down.window = Seconds::new(DOWNSCALE_STABILIZATION);
        }
        policy
    }
}

const SHAPES: [Shape; 6] = [
    Shape::Steps,
    Shape::Ramps,
    Shape::Walk,
    Shape::Walk,
    Shape::Walk,
    Shape::Threshold,
];

/// In thousandths.
const TOLERANCES: [i64; 7] = [100, 100, 100, 0, 0, 50, 300];

const SELECT: [&str; 8] = ["Max", "Max", "Max", "Max", "Min", "Min", "Min", "Disabled"];

fn metrics(random: &mut Random, kind: Kind, max: i64, tolerances: (i64, i64)) -> Vec<Vec<Sample>> {
    let flaws = Flaws {
        gaps: if random.percent(20) { 8 } else { 0 },
        doubts: if random.percent(8) { 8 } else { 0 },
        negative: if random.percent(4) { 4 } else { 0 },
    };
    let (loads, count) = match kind {
        // A ratio; with a mean near one, else every size ends at a bound. The HPA counts ready pods once for each metric:
        // with two of them it may see two counts in one look.
        Kind::Value | Kind::Pods => ((350, 1800), 1),
        Kind::AverageValue => ((0, max * 1150), random.pick(&[1, 1, 1, 2])),
    };
    let metrics = (0..count).map(|_| {
        let shape = random.pick(&SHAPES);
        series::draw(random, shape, loads, tolerances, flaws)
    });
    metrics.collect()
}

const FREE: (bool, bool) = (false, false);

/// Most cases follow their metrics freely; the others are held by windows, by policies, or by both.
fn behavior(random: &mut Random, (down, up): (i64, i64)) -> Value {
    let (windows, policies) = random.pick(&[FREE, FREE, FREE, FREE, (true, false), (false, true), (true, true)]);
    json!({
        "scaleUp": rules(random, up, windows.then_some(&[0, 0, 2, 4, 8]), policies),
        "scaleDown": rules(random, down, windows.then_some(&[2, 3, 5, 12, 25]), policies),
    })
}

fn rules(random: &mut Random, tolerance: i64, windows: Option<&[i64; 5]>, limited: bool) -> Value {
    let policies = if limited {
        (0..random.between(1, 2)).map(|_| rate(random)).collect()
    } else {
        vec![json!({"type": "Pods", "value": 1000, "periodSeconds": 1})]
    };
    json!({
        "stabilizationWindowSeconds": windows.map_or(0, |windows| random.pick(windows)), "policies": policies,
        "tolerance": format!("{tolerance}m"),
        "selectPolicy": if limited { random.pick(&SELECT) } else { "Max" },
    })
}

fn rate(random: &mut Random) -> Value {
    let period = random.pick(&[1, 1, 1, 3, 6, 12]);
    if random.percent(50) {
        json!({"type": "Pods", "value": random.between(1, 20), "periodSeconds": period})
    } else {
        json!({"type": "Percent", "value": random.pick(&[10, 20, 30, 50, 80, 80, 90, 100, 200]), "periodSeconds": period})
    }
}

fn narrow(number: i64) -> u32 {
    u32::try_from(number).expect("a small number that is not negative")
}
