//! Whether a status is worth a write: a decision, a reading's class, a condition, memory. Or, once what is written is a
//! minute old: a value that is off by more than a tenth of the one written, and other words about a trouble whose reason
//! stays. At rest nothing is written (R24).

use autoscaler_api::conditions::ConditionType;
use autoscaler_api::{MetricAutoscalerStatus, MetricStatus};
use autoscaler_core::Quantity;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// How old a written value must be before a newer one is worth a write.
const VALUE_AGE: SignedDuration = SignedDuration::from_secs(60);

/// Whether `next` says something that `written` does not.
pub(crate) fn is_material(written: &MetricAutoscalerStatus, next: &MetricAutoscalerStatus, now: Timestamp) -> bool {
    essence(written) != essence(next)
        || (is_old(written, now)
            && (any_value_moved(&written.current_metrics, &next.current_metrics)
                || any_trouble_reworded(written, next)))
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
        membership,
        next_change_time,
        observed_at: _,
        observed_generation,
        operation,
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
        membership: membership.clone(),
        next_change_time: next_change_time.clone(),
        observed_at: None,
        observed_generation: *observed_generation,
        operation: operation.clone(),
        summary: None,
        target_uid: target_uid.clone(),
        targets: None,
    }
}

/// Messages carry numbers that move by themselves: they have a rule of their own.
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

/// What a metric counts, and not how much: values and words have rules of their own.
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
            (Some(before), Some(after)) => is_off(before, after),
            (before, after) => before != after,
        })
}

fn is_off(before: Quantity, after: Quantity) -> bool {
    let off = after.nanos().saturating_sub(before.nanos()).saturating_abs();
    off.saturating_mul(10) > before.nanos().saturating_abs()
}

fn quantity(metric: &MetricStatus) -> Option<Quantity> {
    metric.value.as_ref()?.parse().ok()
}

/// Whether something that is not well is told in other words than before: another rival, another right that lacks, what
/// the API server says now. What is well is told with nothing but numbers.
fn any_trouble_reworded(written: &MetricAutoscalerStatus, next: &MetricAutoscalerStatus) -> bool {
    let conditions = written.conditions.iter().zip(&next.conditions);
    let mut troubles = conditions.filter(|(_, next)| is_trouble(next));
    let metrics = written.current_metrics.iter().zip(&next.current_metrics);
    let reason = |metric: &MetricStatus| metric.reason.clone().unwrap_or_default();
    troubles.any(|(written, next)| is_reworded(&written.message, &next.message))
        || metrics
            .into_iter()
            .any(|(written, next)| is_reworded(&reason(written), &reason(next)))
}

fn is_trouble(condition: &Condition) -> bool {
    let of = ConditionType::ALL.into_iter().find(|of| of.as_str() == condition.type_);
    of.is_none_or(|of| of.good().as_str() != condition.status)
}

/// Numbers are compared like values: an age that grows by itself is told ever more seldom.
fn is_reworded(written: &str, next: &str) -> bool {
    let (mut before, mut after) = (written.split_whitespace(), next.split_whitespace());
    loop {
        match (before.next(), after.next()) {
            (None, None) => return false,
            (Some(before), Some(after)) if before == after => {}
            (Some(before), Some(after)) => match (amount(before), amount(after)) {
                (Some(before), Some(after)) if !is_off(before, after) => {}
                _ => return true,
            },
            (Some(_), None) | (None, Some(_)) => return true,
        }
    }
}

fn amount(word: &str) -> Option<Quantity> {
    let ends = |character: char| matches!(character, '(' | ')' | ',' | ';' | ':' | '.');
    word.trim_matches(ends).parse().ok()
}
