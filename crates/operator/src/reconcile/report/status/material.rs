//! Whether a status is worth a write: a decision, a reading's class, a condition, memory; or a value that is off by more
//! than a tenth of the one written, and that one is a minute old. At rest nothing is written (R24).

use autoscaler_api::{MetricAutoscalerStatus, MetricStatus};
use autoscaler_core::Quantity;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// How old a written value must be before a newer one is worth a write.
const VALUE_AGE: SignedDuration = SignedDuration::from_secs(60);

/// How far a value may be off, in tenths of the one written.
const TENTHS: i128 = 1;

/// Whether `next` says something that `written` does not.
pub(crate) fn is_material(written: &MetricAutoscalerStatus, next: &MetricAutoscalerStatus, now: Timestamp) -> bool {
    written.observed_generation != next.observed_generation
        || written.current_replicas != next.current_replicas
        || written.desired_replicas != next.desired_replicas
        || written.last_replicas != next.last_replicas
        || written.last_scale_time != next.last_scale_time
        || written.next_change_time != next.next_change_time
        || written.target_uid != next.target_uid
        || written.history != next.history
        || written.decisions != next.decisions
        || !same_conditions(&written.conditions, &next.conditions)
        || !same_metrics(&written.current_metrics, &next.current_metrics)
        || (is_old(written, now) && any_value_moved(&written.current_metrics, &next.current_metrics))
}

/// Messages carry numbers that move by themselves; status and reason are what changed.
fn same_conditions(written: &[Condition], next: &[Condition]) -> bool {
    let essence = |condition: &Condition| {
        (
            condition.type_.clone(),
            condition.status.clone(),
            condition.reason.clone(),
            condition.observed_generation,
        )
    };
    written.iter().map(essence).eq(next.iter().map(essence))
}

fn same_metrics(written: &[MetricStatus], next: &[MetricStatus]) -> bool {
    fn essence(metric: &MetricStatus) -> (&str, &str, Option<&str>, Option<&str>) {
        let target = (metric.target.as_deref(), metric.target_type.as_deref());
        (&metric.name, &metric.reading, target.0, target.1)
    }
    written.iter().map(essence).eq(next.iter().map(essence))
}

fn is_old(written: &MetricAutoscalerStatus, now: Timestamp) -> bool {
    written
        .observed_at
        .as_ref()
        .is_none_or(|at| now.duration_since(at.0) >= VALUE_AGE)
}

fn any_value_moved(written: &[MetricStatus], next: &[MetricStatus]) -> bool {
    written
        .iter()
        .zip(next)
        .any(|(written, next)| match (quantity(written), quantity(next)) {
            (Some(before), Some(after)) => {
                let off = (after.nanos() - before.nanos()).abs();
                off > before.nanos().abs() * TENTHS / 10
            }
            (before, after) => before != after,
        })
}

fn quantity(metric: &MetricStatus) -> Option<Quantity> {
    metric.value.as_ref()?.parse().ok()
}
