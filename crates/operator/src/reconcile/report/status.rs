//! From what was done to the status that a user reads. Pure: what to write, and whether it is worth a write.

mod conditions;
mod material;

use autoscaler_api::conditions::clip;
use autoscaler_api::status::{MAX_DECISION, MAX_DECISIONS, MAX_METRIC_REASON, MAX_SUMMARY, MAX_TARGETS};
use autoscaler_api::{MetricAutoscalerStatus, MetricStatus};
use autoscaler_core::decision::{MetricStep, Part};
use autoscaler_core::{Reading, TargetKind, explain};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub(crate) use conditions::{ConditionChange, Finding};
pub(crate) use material::is_material;

use crate::prepared::EffectiveMode;
use crate::reconcile::act::{Acted, Effect};
use crate::reconcile::decide::Decided;
use crate::reconcile::observe::{Blocked, Seen};
use crate::subject::Subject;

/// The status after an evaluation.
pub(crate) fn after(subject: &Subject, acted: &Acted, now: Timestamp) -> MetricAutoscalerStatus {
    let mut status = match acted {
        Acted::Blocked(blocked) => blocked_status(subject, blocked),
        Acted::Decided { decided, effect } => decided_status(subject, decided, effect),
    };
    conditions::judge(&mut status.conditions, subject, acted, now);
    of_membership(&mut status, subject, now);
    status.observed_generation = Some(subject.snapshot.generation);
    status.observed_at = Some(time(now));
    status.history = Some(subject.history.encode());
    status.last_replicas = subject.history.last_replicas.map(autoscaler_core::Replicas::as_i32);
    status.target_uid.clone_from(&subject.target_uid);
    status
}

/// The status after a look at the members between two evaluations: nothing else is new.
pub(crate) fn after_look(subject: &Subject, now: Timestamp) -> MetricAutoscalerStatus {
    let mut status = subject.written.status.clone();
    of_membership(&mut status, subject, now);
    status.history = Some(subject.history.encode());
    status.last_replicas = subject.history.last_replicas.map(autoscaler_core::Replicas::as_i32);
    status
}

/// What concerns the members of a cluster.
fn of_membership(status: &mut MetricAutoscalerStatus, subject: &Subject, now: Timestamp) {
    conditions::judge_membership(&mut status.conditions, subject, now);
    status.operation = subject.membership.operation_status();
    status.membership = subject.membership.memory_status();
    if let Some(line) = subject.membership.told().and_then(|told| told.line.clone()) {
        status.decisions.push(clip(line, MAX_DECISION));
        let surplus = status.decisions.len().saturating_sub(MAX_DECISIONS);
        status.decisions.drain(..surplus);
        status.last_scale_time = Some(time(now));
        status.current_replicas = subject.history.last_replicas.map(autoscaler_core::Replicas::as_i32);
    }
}

fn decided_status(subject: &Subject, decided: &Decided, effect: &Effect) -> MetricAutoscalerStatus {
    let decision = &decided.decision;
    let written = &subject.written.status;
    let scaled = matches!(effect, Effect::Scaled { .. }) || subject.carried_out.is_some();
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
pub(crate) fn summary(decided: &Decided) -> String {
    let mut text = match decided.seen.mode {
        EffectiveMode::DryRun => explain::dry_run(&decided.decision),
        EffectiveMode::Active | EffectiveMode::Paused => explain::summary(&decided.decision),
    };
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
        target: step.target.map(|target| target.amount().to_string()),
        target_type: step.target.map(|target| match target.kind() {
            TargetKind::Value => "Value".to_owned(),
            TargetKind::AverageValue => "AverageValue".to_owned(),
            TargetKind::Utilization => "Utilization".to_owned(),
        }),
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
    if let Some(foreign) = decision.trail.foreign_change {
        let by = decided.seen.target.last_set_by.as_deref();
        lines.push(explain::foreign_change(foreign, decision.at, by));
    }
    lines.extend(subject.carried_out.iter().map(|attempt| attempt.line.clone()));
    let would = decided.seen.mode == EffectiveMode::DryRun
        && decision.change().is_some()
        && subject.written.status.desired_replicas != Some(decision.desired.as_i32());
    if would {
        lines.push(explain::change_of_dry_run(decision));
    }
    if let Effect::Scaled { from: _, to } = effect {
        lines.push(explain::change(decision, *to));
    }
    let surplus = lines.len().saturating_sub(MAX_DECISIONS);
    lines.drain(..surplus);
    lines.into_iter().map(|line| clip(line, MAX_DECISION)).collect()
}

fn time(at: Timestamp) -> Time {
    Time(explain::whole_seconds(at))
}

#[cfg(test)]
mod tests;
