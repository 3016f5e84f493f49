//! Step 4: what was done becomes status, events, metrics and one line of log.

pub(crate) mod status;
pub(crate) mod write;

use autoscaler_api::MetricAutoscalerStatus;
use autoscaler_core::decision::MetricStep;
use autoscaler_core::{Decision, explain};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::act::{Acted, Effect};
use crate::attempt::Attempt;
use crate::context::Context;
use crate::events::Happening;
use crate::metrics::{ConditionGauge, EvaluationOutcome, Gauges, ObjectName, OperationGauge, ReadingGauges};
use crate::subject::Subject;
use status::ConditionChange;
use write::Unsaid;

/// Reports.
pub(crate) async fn report(context: &Context, subject: &mut Subject, acted: Acted) -> EvaluationOutcome {
    let now = acted.at();
    let next = status::after(subject, &acted, now);
    let changes = news(subject, &next);
    log(subject, &acted, &changes);
    gauge(context, subject, &acted, &next.conditions);
    // First what is to be remembered.
    let refusal = write::write(context, subject, &next, now).await;
    tell(context, subject, &acted, &changes, now).await;
    if let Some(Unsaid) = refusal {
        write::say_refused(context, subject, now).await;
    }
    outcome(&acted)
}

/// Reports a look at the members between two evaluations.
pub(crate) async fn report_look(context: &Context, subject: &mut Subject) {
    let now = subject.now(&context.clock);
    let next = status::after_look(subject, now);
    let changes = news(subject, &next);
    log_changes(subject, &changes);
    let conditions = next.conditions.iter().map(condition).collect();
    context
        .metrics
        .show_look(&name(subject), conditions, operation(subject));
    let refusal = write::write(context, subject, &next, now).await;
    tell_all(context, subject, happenings(subject, &changes), now).await;
    if let Some(Unsaid) = refusal {
        write::say_refused(context, subject, now).await;
    }
}

/// What is to be told in log and events: each change once, whether or not the status can be written.
fn news(subject: &mut Subject, next: &MetricAutoscalerStatus) -> Vec<ConditionChange> {
    let changes = ConditionChange::between(&subject.told, &next.conditions);
    subject.told.clone_from(&next.conditions);
    changes
}

fn outcome(acted: &Acted) -> EvaluationOutcome {
    match acted {
        Acted::Blocked(_) => EvaluationOutcome::Inert,
        Acted::Decided { effect, .. } => match effect {
            Effect::Held => EvaluationOutcome::Unchanged,
            Effect::Scaled { .. } => EvaluationOutcome::Changed,
            Effect::Superseded | Effect::Failed(_) => EvaluationOutcome::Failed,
        },
    }
}

/// One line for every act and every change of a condition; nothing at rest.
fn log(subject: &Subject, acted: &Acted, changes: &[ConditionChange]) {
    let (namespace, name) = (&subject.snapshot.namespace, &subject.snapshot.name);
    if let Some(Attempt { from, to, why, .. }) = &subject.carried_out {
        tracing::info!(%namespace, %name, %from, %to, %why, "scaled, although no answer had come");
    }
    if let Acted::Decided { decided, effect } = acted {
        let decision = &decided.decision;
        match effect {
            Effect::Held => tracing::debug!(%namespace, %name, summary = %explain::summary(decision), "held"),
            Effect::Scaled { from, to } => {
                tracing::info!(%namespace, %name, %from, %to, why = %explain::why(decision, *to), "scaled");
            }
            Effect::Failed(error) => {
                tracing::warn!(%namespace, %name, to = %decision.desired, %error, "failed to scale");
            }
            Effect::Superseded => {}
        }
    }
    log_changes(subject, changes);
}

fn log_changes(subject: &Subject, changes: &[ConditionChange]) {
    let (namespace, name) = (&subject.snapshot.namespace, &subject.snapshot.name);
    for happening in subject.membership.told().into_iter().flat_map(|told| &told.happenings) {
        tracing::info!(%namespace, %name, what = happening.note(), "members");
    }
    for change in changes {
        let (condition, reason, detail) = (change.condition.as_str(), &change.reason, &change.message);
        if change.good {
            tracing::info!(%namespace, %name, condition, %reason, "condition changed");
        } else {
            tracing::warn!(%namespace, %name, condition, %reason, %detail, "condition changed");
        }
    }
}

fn gauge(context: &Context, subject: &Subject, acted: &Acted, conditions: &[Condition]) {
    let decision = acted.decided().map(|decided| &decided.decision);
    if let Some(decision) = decision {
        context.metrics.decided(decision);
    }
    let gauges = Gauges {
        bounds: subject.prepared.as_ref().ok().map(|prepared| prepared.policy.bounds),
        current: decision.map(|decision| decision.current),
        desired: decision.map(|decision| decision.desired),
        readings: decision.into_iter().flat_map(Decision::metrics).map(reading).collect(),
        conditions: conditions.iter().map(condition).collect(),
    };
    let (name, uid) = (name(subject), &subject.snapshot.uid);
    context.metrics.show(name, uid, gauges, operation(subject));
}

fn name(subject: &Subject) -> ObjectName {
    ObjectName {
        namespace: subject.snapshot.namespace.clone(),
        name: subject.snapshot.name.clone(),
    }
}

fn operation(subject: &Subject) -> Option<OperationGauge> {
    subject.membership.operation().map(|operation| OperationGauge {
        kind: operation.work.kind(),
        phase: operation.work.phase(),
        began: operation.started,
    })
}

fn reading(step: &MetricStep) -> ReadingGauges {
    ReadingGauges {
        metric: step.metric.clone(),
        class: step.reading.class(),
        value: step.proposal.map(|proposal| proposal.compared.as_f64()),
        target: step.target.map(|target| target.amount().as_f64()),
    }
}

fn condition(of: &Condition) -> ConditionGauge {
    ConditionGauge {
        condition: of.type_.clone(),
        status: of.status.clone(),
        reason: of.reason.clone(),
    }
}

/// Events for a change of size, and for conditions that people wait for.
async fn tell(context: &Context, subject: &Subject, acted: &Acted, changes: &[ConditionChange], now: Timestamp) {
    let mut happenings = happenings(subject, changes);
    if let Some(Attempt { from, to, why, .. }) = &subject.carried_out {
        happenings.push(Happening::rescaled(*from, *to, why));
    }
    if let Acted::Decided {
        decided,
        effect: Effect::Scaled { from, to },
    } = acted
    {
        happenings.push(Happening::rescaled(*from, *to, &explain::why(&decided.decision, *to)));
    }
    tell_all(context, subject, happenings, now).await;
}

/// Conditions that people wait for, and what happened to members.
fn happenings(subject: &Subject, changes: &[ConditionChange]) -> Vec<Happening> {
    let news = changes.iter().filter(|change| change.is_news);
    let of_conditions =
        news.map(|change| Happening::condition(change.good, change.reason.clone(), change.message.clone()));
    let told = subject.membership.told();
    let of_members = told.into_iter().flat_map(|told| told.happenings.iter().cloned());
    of_members.chain(of_conditions).collect()
}

async fn tell_all(context: &Context, subject: &Subject, happenings: Vec<Happening>, now: Timestamp) {
    let snapshot = &subject.snapshot;
    let related = snapshot.spec().map(|spec| &spec.scale_target_ref);
    for happening in happenings {
        context
            .events
            .send(&context.metrics, snapshot, related, happening, now)
            .await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use autoscaler_api::conditions::{ConditionType, Status, Verdict, reason, set_condition};
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::context::simulated::Server;
    use crate::metrics::Metrics;

    #[tokio::test(start_paused = true)]
    async fn a_look_between_two_evaluations_shows_the_conditions_that_it_writes() {
        let server = Server::default();
        let context = server.context();
        let (metrics, registry) = Metrics::new(&context.clock);
        let context = Context {
            metrics: Arc::new(metrics),
            ..context
        };
        let (mut subject, _newest) = server.create("web", &context.clock);
        let (name, uid) = (name(&subject), subject.snapshot.uid.clone());
        context.metrics.show(name, &uid, Gauges::default(), None);
        let verdict = Verdict {
            condition: ConditionType::AbleToScale,
            status: Status::True,
            reason: reason::READY_FOR_NEW_SCALE,
            message: "it is".to_owned(),
            observed_generation: None,
        };
        let now = subject.now(&context.clock);
        set_condition(&mut subject.written.status.conditions, verdict, now);
        report_look(&context, &mut subject).await;
        let mut shown = String::new();
        encode(&mut shown, &registry).unwrap();
        let series = r#"metric_autoscaler_condition{namespace="default",name="web",type="AbleToScale",status="True""#;
        assert!(shown.contains(series), "{shown}");
    }
}
