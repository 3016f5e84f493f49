//! Whether a status is worth a write: a decision, a reading's class, a condition, memory; or a value that is off by more
//! than a tenth of the one written, and that one is a minute old. At rest nothing is written (R24).

use autoscaler_api::{MetricAutoscalerStatus, MetricStatus};
use autoscaler_core::Quantity;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// How old a written value must be before a newer one is worth a write.
const VALUE_AGE: SignedDuration = SignedDuration::from_secs(60);

/// Whether `next` says something that `written` does not.
pub(crate) fn is_material(written: &MetricAutoscalerStatus, next: &MetricAutoscalerStatus, now: Timestamp) -> bool {
    essence(written) != essence(next)
        || (is_old(written, now) && any_value_moved(&written.current_metrics, &next.current_metrics))
}

/// A status without what moves by itself. Whoever adds a field decides here whether it is worth a write.
fn essence(status: &MetricAutoscalerStatus) -> MetricAutoscalerStatus {
    let MetricAutoscalerStatus {
        conditions,
        current_metrics,
        current_replicas,
        decisions,
        desired_replicas,
        history,
        last_replicas,
        last_scale_time,
        next_change_time,
        observed_at: _,
        observed_generation,
        summary: _,
        target_uid,
        targets: _,
    } = status;
    MetricAutoscalerStatus {
        conditions: conditions.iter().map(essence_of_condition).collect(),
        current_metrics: current_metrics.iter().map(essence_of_metric).collect(),
        current_replicas: *current_replicas,
        decisions: decisions.clone(),
        desired_replicas: *desired_replicas,
        history: history.clone(),
        last_replicas: *last_replicas,
        last_scale_time: last_scale_time.clone(),
        next_change_time: next_change_time.clone(),
        observed_at: None,
        observed_generation: *observed_generation,
        summary: None,
        target_uid: target_uid.clone(),
        targets: None,
    }
}

/// Messages carry numbers that move by themselves; status and reason are what changed.
fn essence_of_condition(condition: &Condition) -> Condition {
    let Condition {
        last_transition_time: _,
        message: _,
        observed_generation,
        reason,
        status,
        type_,
    } = condition;
    Condition {
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
        message: String::new(),
        observed_generation: *observed_generation,
        reason: reason.clone(),
        status: status.clone(),
        type_: type_.clone(),
    }
}

/// What a metric counts, and not how much: values have a rule of their own.
fn essence_of_metric(metric: &MetricStatus) -> MetricStatus {
    let MetricStatus {
        name,
        proposal: _,
        reading,
        reason: _,
        since: _,
        target,
        target_type,
        value: _,
    } = metric;
    MetricStatus {
        name: name.clone(),
        proposal: None,
        reading: reading.clone(),
        reason: None,
        since: None,
        target: target.clone(),
        target_type: target_type.clone(),
        value: None,
    }
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
                let off = after.nanos().saturating_sub(before.nanos()).saturating_abs();
                off.saturating_mul(10) > before.nanos().saturating_abs()
            }
            (before, after) => before != after,
        })
}

fn quantity(metric: &MetricStatus) -> Option<Quantity> {
    metric.value.as_ref()?.parse().ok()
}
