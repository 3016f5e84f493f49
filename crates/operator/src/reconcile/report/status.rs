//! From what was done to the status that a user reads. Pure: what to write, and whether it is worth a write.

mod conditions;
mod material;

use autoscaler_api::conditions::{clip, whole_seconds};
use autoscaler_api::status::{MAX_DECISION, MAX_DECISIONS, MAX_METRIC_REASON, MAX_SUMMARY, MAX_TARGETS};
use autoscaler_api::{MetricAutoscalerStatus, MetricStatus};
use autoscaler_core::decision::{MetricStep, Part};
use autoscaler_core::{Decision, Direction, Reading, Step, TargetKind, explain};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub use conditions::ConditionChange;
pub use material::is_material;

use crate::prepared::EffectiveMode;
use crate::reconcile::act::{Acted, Effect};
use crate::reconcile::decide::Decided;
use crate::reconcile::observe::{Blocked, Seen};
use crate::subject::Subject;

/// The status after an evaluation.
pub fn after(subject: &Subject, acted: &Acted, now: Timestamp) -> MetricAutoscalerStatus {
    let mut status = match acted {
        Acted::Blocked(blocked) => blocked_status(subject, blocked),
        Acted::Decided { decided, effect } => decided_status(subject, decided, effect),
    };
    conditions::judge(&mut status.conditions, subject, acted, now);
    status.observed_generation = Some(subject.snapshot.generation);
    status.observed_at = Some(time(now));
    status.history = Some(subject.history.encode());
    status.last_replicas = subject.history.last_replicas.map(autoscaler_core::Replicas::as_i32);
    status.target_uid.clone_from(&subject.target_uid);
    status
}

fn decided_status(subject: &Subject, decided: &Decided, effect: &Effect) -> MetricAutoscalerStatus {
    let decision = &decided.decision;
    let written = &subject.written.status;
    let scaled = matches!(effect, Effect::Scaled { .. });
    MetricAutoscalerStatus {
        conditions: written.conditions.clone(),
        current_metrics: decision.metrics().map(|step| metric(&decided.seen, step)).collect(),
        current_replicas: Some(decision.current.as_i32()),
        decisions: decisions(subject, decided, effect),
        desired_replicas: Some(decision.desired.as_i32()),
        last_scale_time: if scaled {
            Some(time(decision.at))
        } else {
            written.last_scale_time.clone()
        },
        next_change_time: decision.next_change.map(time),
        summary: Some(clip(summary(decided), MAX_SUMMARY)),
        targets: Some(clip(explain::targets(decision), MAX_TARGETS)),
        ..MetricAutoscalerStatus::default()
    }
}

/// Nothing was decided: what was known stays, under a summary that says why nothing new is.
fn blocked_status(subject: &Subject, blocked: &Blocked) -> MetricAutoscalerStatus {
    let replicas = blocked.target.as_ref().and_then(|target| target.replicas);
    MetricAutoscalerStatus {
        current_metrics: Vec::new(),
        current_replicas: replicas
            .map(autoscaler_core::Replicas::as_i32)
            .or(subject.written.status.current_replicas),
        next_change_time: None,
        summary: Some(clip(blocked.message.clone(), MAX_SUMMARY)),
        targets: None,
        ..subject.written.status.clone()
    }
}

/// The one sentence, with what is particular to this installation.
pub fn summary(decided: &Decided) -> String {
    let mut text = explain::summary(&decided.decision);
    if decided.seen.mode == EffectiveMode::DryRun {
        text.insert_str(0, "dry run, nothing is written: ");
    }
    if decided.seen.prepared.clamped {
        let seconds = decided.seen.prepared.interval.as_secs_f32();
        let note = format!("; intervalSeconds is below the operator's minimum: evaluated every {seconds} s");
        text.push_str(&note);
    }
    text
}

fn metric(seen: &Seen, step: &MetricStep) -> MetricStatus {
    let (told, since) = match step.part {
        Part::Counts => (None, None),
        Part::AssumedZero | Part::Ignored => (Some(explain::metric(step)), None),
        Part::BlocksShrink { since } => (Some(explain::reading(&step.reading)), Some(time(since))),
    };
    let told: Vec<String> = told.into_iter().chain(unprobeable(seen, step)).collect();
    let reason = (!told.is_empty()).then(|| clip(told.join("; "), MAX_METRIC_REASON));
    MetricStatus {
        name: step.metric.clone(),
        proposal: step.proposal.map(|proposal| proposal.replicas.as_i32()),
        reading: step.reading.class().as_str().to_owned(),
        reason,
        since,
        target: step.target.amount().to_string(),
        target_type: match step.target.kind() {
            TargetKind::Value => "Value".to_owned(),
            TargetKind::AverageValue => "AverageValue".to_owned(),
        },
        value: step.proposal.map(|proposal| proposal.compared.to_string()),
    }
}

/// Why age and coverage of a metric are never known, if so: nothing but a timed lock protects it from shrinking (R2).
fn unprobeable(seen: &Seen, step: &MetricStep) -> Option<String> {
    /// The sentence may name a selector of any length.
    const MAX_SENTENCE: usize = 256;
    let metric = seen.prepared.metrics.iter().find(|metric| metric.name == step.metric)?;
    let query = metric.query.as_ref()?;
    let why = clip(query.plan().err()?.to_string(), MAX_SENTENCE);
    match step.reading {
        // A text that is not sent has said why.
        Reading::Failed(_) => None,
        Reading::Fresh { .. } => Some(format!(
            "cannot be probed: {why}; scaling down locks for {} after a gap",
            explain::span(query.look_back())
        )),
        Reading::Stale { .. }
        | Reading::Missing { .. }
        | Reading::NotANumber { .. }
        | Reading::TooMany { .. }
        | Reading::Partial { .. } => Some(format!("cannot be probed: {why}")),
    }
}

/// The last decisions that changed something, one line each.
fn decisions(subject: &Subject, decided: &Decided, effect: &Effect) -> Vec<String> {
    let mut lines = subject.written.status.decisions.clone();
    let decision = &decided.decision;
    let at = explain::time(decision.at);
    if let Some((from, to)) = foreign_change(decision) {
        let by = decided
            .seen
            .target
            .last_set_by
            .as_deref()
            .map_or(String::new(), |by| format!(" ({by})"));
        lines.push(clip(format!("{at} {from} -> {to} by somebody else{by}"), MAX_DECISION));
    }
    let would = decided.seen.mode == EffectiveMode::DryRun
        && decision.change().is_some()
        && subject.written.status.desired_replicas != Some(decision.desired.as_i32());
    if would || matches!(effect, Effect::Scaled { .. }) {
        let how = if would { " (dry run)" } else { "" };
        lines.push(clip(
            format!(
                "{at} {} -> {}{how}: {}",
                decision.current,
                decision.desired,
                why(decision)
            ),
            MAX_DECISION,
        ));
    }
    let surplus = lines.len().saturating_sub(MAX_DECISIONS);
    lines.drain(..surplus);
    lines
}

/// A change by somebody else that this evaluation noticed.
pub fn foreign_change(decision: &Decision) -> Option<(autoscaler_core::Replicas, autoscaler_core::Replicas)> {
    decision.trail.iter().find_map(|step| match step {
        Step::ForeignChange { from, to } => Some((*from, *to)),
        _ => None,
    })
}

/// What asked for a change, and what cut it short.
pub fn why(decision: &Decision) -> String {
    let mut text = explain::reason(decision).unwrap_or_default();
    let cut = decision
        .limits()
        .rev()
        .find(|limit| Direction::between(decision.current, limit.wanted).is_some());
    if let Some(limit) = cut {
        text.push_str("; ");
        text.push_str(&explain::limit(limit));
    }
    text
}

fn time(at: Timestamp) -> Time {
    Time(whole_seconds(at))
}

#[cfg(test)]
mod tests;
