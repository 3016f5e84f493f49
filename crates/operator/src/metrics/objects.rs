//! Gauges that name an object. They are encoded from what is known at the scrape, so that nothing of an object can be
//! left behind when it goes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autoscaler_core::reading::ReadingClass;
use autoscaler_core::{Bounds, Replicas};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::clock::Clock;

/// Which autoscaler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectName {
    fn labels(&self) -> [(&str, &str); 2] {
        [("namespace", &self.namespace), ("name", &self.name)]
    }
}

/// What one autoscaler shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Gauges {
    /// Between which counts it may choose, if its spec can be used.
    pub bounds: Option<Bounds>,
    /// The count found, if the target was read.
    pub current: Option<Replicas>,
    /// The count wanted, if there is a decision.
    pub desired: Option<Replicas>,
    /// What each metric told.
    pub readings: Vec<ReadingGauges>,
    /// Its conditions, as in its status.
    pub conditions: Vec<ConditionGauge>,
}

/// The operation on a member that one autoscaler has under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OperationGauge {
    /// What is done.
    pub kind: &'static str,
    /// How far it is.
    pub phase: &'static str,
    /// When it began.
    pub began: Timestamp,
}

/// What one metric told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadingGauges {
    /// Its name.
    pub metric: String,
    /// Its state.
    pub class: ReadingClass,
    /// What is compared with the target, if there is a number.
    pub value: Option<f64>,
    /// What it is compared with, if the kind of the metric is known.
    pub target: Option<f64>,
}

/// A condition of an autoscaler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConditionGauge {
    /// Its type.
    pub condition: String,
    /// True, False or Unknown.
    pub status: String,
    /// One of the reasons in the table.
    pub reason: String,
}

/// All autoscalers that are looked after.
#[derive(Debug, Default)]
pub(super) struct Objects(Mutex<BTreeMap<ObjectName, Shown>>);

/// What is shown, and the UID of the autoscaler that shows it.
#[derive(Debug)]
struct Shown {
    uid: String,
    gauges: Gauges,
    operation: Option<OperationGauge>,
}

impl Objects {
    pub(super) fn show(&self, object: ObjectName, uid: &str, gauges: Gauges, operation: Option<OperationGauge>) {
        let uid = uid.to_owned();
        self.lock().insert(object, Shown { uid, gauges, operation });
    }

    pub(super) fn show_look(
        &self,
        object: &ObjectName,
        conditions: Vec<ConditionGauge>,
        operation: Option<OperationGauge>,
    ) {
        if let Some(shown) = self.lock().get_mut(object) {
            shown.gauges.conditions = conditions;
            shown.operation = operation;
        }
    }

    pub(super) fn forget(&self, object: &ObjectName, uid: &str) {
        let mut objects = self.lock();
        if objects.get(object).is_some_and(|shown| shown.uid == uid) {
            objects.remove(object);
        }
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectName, Shown>> {
        // One statement per lock: nothing is half done when a holder panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Encodes them at each scrape, and the skew of the clock.
#[derive(Debug)]
pub(super) struct Live {
    objects: Arc<Objects>,
    clock: Clock,
}

impl Live {
    pub(super) fn new(objects: Arc<Objects>, clock: Clock) -> Self {
        Self { objects, clock }
    }
}

impl Collector for Live {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let skew = ConstGauge::new(self.clock.skew().as_secs_f64());
        let help = "How far our clock is ahead of the API server's";
        skew.encode(encoder.encode_descriptor("clock_skew", help, Some(&Unit::Seconds), MetricType::Gauge)?)?;
        let objects = self.objects.lock();
        let known = ConstGauge::new(objects.len());
        known.encode(gauge(
            &mut encoder,
            "autoscalers",
            "Autoscalers that this replica looks after",
        )?)?;
        for (name, help, count) in COUNTS {
            counts(gauge(&mut encoder, name, help)?, &objects, count)?;
        }
        let help = "1 for the state that the reading of a metric is in";
        states(gauge(&mut encoder, "reading_state", help)?, &objects)?;
        let help = "What a metric told, as it is compared with its target; none where it told no number";
        numbers(gauge(&mut encoder, "reading_value", help)?, &objects, |reading| {
            reading.value
        })?;
        let help = "The target that a metric is compared with";
        numbers(gauge(&mut encoder, "reading_target", help)?, &objects, |reading| {
            reading.target
        })?;
        let help = "1 for the status and reason that a condition has";
        conditions(gauge(&mut encoder, "condition", help)?, &objects)?;
        let help = "1 for what an operation on a member does, and how far it is";
        phases(gauge(&mut encoder, "operation_phase", help)?, &objects)?;
        let help = "How long an operation on a member has been under way";
        let unit = Some(&Unit::Seconds);
        ages(
            encoder.encode_descriptor("operation_age", help, unit, MetricType::Gauge)?,
            &objects,
            self.clock.now(),
        )
    }
}

type Count = fn(&Gauges) -> Option<Replicas>;

/// Name, help and value of what counts replicas.
const COUNTS: [(&str, &str, Count); 4] = [
    ("current_replicas", "The target's size", |gauges| gauges.current),
    ("desired_replicas", "The size wanted, after every limit", |gauges| {
        gauges.desired
    }),
    (
        "min_replicas",
        "The least size that the autoscaler may choose",
        |gauges| gauges.bounds.map(Bounds::min),
    ),
    (
        "max_replicas",
        "The largest size that the autoscaler may choose",
        |gauges| gauges.bounds.map(Bounds::max),
    ),
];

fn gauge<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &str,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)
}

fn counts(mut encoder: MetricEncoder<'_>, objects: &BTreeMap<ObjectName, Shown>, count: Count) -> fmt::Result {
    for (object, shown) in objects {
        if let Some(count) = count(&shown.gauges) {
            encoder.encode_family(&object.labels())?.encode_gauge(&count.get())?;
        }
    }
    Ok(())
}

fn states(mut encoder: MetricEncoder<'_>, objects: &BTreeMap<ObjectName, Shown>) -> fmt::Result {
    for (object, shown) in objects {
        let [namespace, name] = object.labels();
        for ReadingGauges { metric, class, .. } in &shown.gauges.readings {
            let labels = [namespace, name, ("metric", metric), ("state", state(*class))];
            encoder.encode_family(&labels)?.encode_gauge(&1_u32)?;
        }
    }
    Ok(())
}

fn numbers(
    mut encoder: MetricEncoder<'_>,
    objects: &BTreeMap<ObjectName, Shown>,
    number: fn(&ReadingGauges) -> Option<f64>,
) -> fmt::Result {
    for (object, shown) in objects {
        let [namespace, name] = object.labels();
        for reading in &shown.gauges.readings {
            if let Some(number) = number(reading) {
                let labels = [namespace, name, ("metric", &*reading.metric)];
                encoder.encode_family(&labels)?.encode_gauge(&number)?;
            }
        }
    }
    Ok(())
}

fn conditions(mut encoder: MetricEncoder<'_>, objects: &BTreeMap<ObjectName, Shown>) -> fmt::Result {
    for (object, shown) in objects {
        let [namespace, name] = object.labels();
        for ConditionGauge {
            condition,
            status,
            reason,
        } in &shown.gauges.conditions
        {
            let labels = [
                namespace,
                name,
                ("type", condition),
                ("status", status),
                ("reason", reason),
            ];
            encoder.encode_family(&labels)?.encode_gauge(&1_u32)?;
        }
    }
    Ok(())
}

fn operations(objects: &BTreeMap<ObjectName, Shown>) -> impl Iterator<Item = (&ObjectName, &OperationGauge)> {
    objects
        .iter()
        .filter_map(|(object, shown)| Some((object, shown.operation.as_ref()?)))
}

fn phases(mut encoder: MetricEncoder<'_>, objects: &BTreeMap<ObjectName, Shown>) -> fmt::Result {
    for (object, operation) in operations(objects) {
        let [namespace, name] = object.labels();
        let labels = [
            namespace,
            name,
            ("operation", operation.kind),
            ("phase", operation.phase),
        ];
        encoder.encode_family(&labels)?.encode_gauge(&1_u32)?;
    }
    Ok(())
}

fn ages(mut encoder: MetricEncoder<'_>, objects: &BTreeMap<ObjectName, Shown>, now: Timestamp) -> fmt::Result {
    for (object, operation) in operations(objects) {
        let age = now.duration_since(operation.began).as_secs_f64().max(0.0);
        encoder.encode_family(&object.labels())?.encode_gauge(&age)?;
    }
    Ok(())
}

/// As a label, in the form of all our labels; a status has the same words as Kubernetes writes reasons.
fn state(class: ReadingClass) -> &'static str {
    match class {
        ReadingClass::Fresh => "fresh",
        ReadingClass::Stale => "stale",
        ReadingClass::Missing => "missing",
        ReadingClass::NotANumber => "not_a_number",
        ReadingClass::TooMany => "too_many",
        ReadingClass::Partial => "partial",
        ReadingClass::Failed => "failed",
    }
}
