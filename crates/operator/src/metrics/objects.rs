//! Gauges that name an object. They are encoded from what is known at the scrape, so that nothing of an object can be
//! left behind when it goes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autoscaler_core::Replicas;
use autoscaler_core::reading::ReadingClass;
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

/// What one autoscaler shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Gauges {
    /// The count found, if the target was read.
    pub current: Option<Replicas>,
    /// The count wanted, if there is a decision.
    pub desired: Option<Replicas>,
    /// The state of each metric, by its name.
    pub readings: Vec<(String, ReadingClass)>,
}

/// All autoscalers that are looked after.
#[derive(Debug, Default)]
pub(super) struct Objects(Mutex<BTreeMap<ObjectName, Shown>>);

/// What is shown, and the UID of the autoscaler that shows it.
#[derive(Debug)]
struct Shown {
    uid: String,
    gauges: Gauges,
}

impl Objects {
    pub(super) fn show(&self, object: ObjectName, uid: &str, gauges: Gauges) {
        let uid = uid.to_owned();
        self.lock().insert(object, Shown { uid, gauges });
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
        counts(
            gauge(&mut encoder, "current_replicas", "The target's size")?,
            &objects,
            |gauges| gauges.current,
        )?;
        counts(
            gauge(&mut encoder, "desired_replicas", "The size wanted, after every limit")?,
            &objects,
            |gauges| gauges.desired,
        )?;
        let help = "1 for the state that the reading of a metric is in";
        readings(gauge(&mut encoder, "reading_state", help)?, &objects)
    }
}

fn gauge<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &str,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Gauge)
}

fn counts(
    mut encoder: MetricEncoder<'_>,
    objects: &BTreeMap<ObjectName, Shown>,
    count: impl Fn(&Gauges) -> Option<Replicas>,
) -> fmt::Result {
    for (object, shown) in objects {
        if let Some(count) = count(&shown.gauges) {
            let labels = [("namespace", object.namespace.as_str()), ("name", object.name.as_str())];
            encoder.encode_family(&labels)?.encode_gauge(&count.get())?;
        }
    }
    Ok(())
}

fn readings(mut encoder: MetricEncoder<'_>, objects: &BTreeMap<ObjectName, Shown>) -> fmt::Result {
    for (object, shown) in objects {
        for (metric, class) in &shown.gauges.readings {
            let labels = [
                ("namespace", object.namespace.as_str()),
                ("name", object.name.as_str()),
                ("metric", metric.as_str()),
                ("state", state(*class)),
            ];
            encoder.encode_family(&labels)?.encode_gauge(&1_u32)?;
        }
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
