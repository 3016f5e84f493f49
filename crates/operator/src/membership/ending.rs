//! How an operation comes to its end: done, taken back, or given up. First that is stored, then it is forgotten and the
//! autoscaler released (M13).

use autoscaler_api::conditions::{Status, reason};
use autoscaler_core::explain::membership as explain;
use autoscaler_core::membership::{AbortCause, Ended, Operation};
use jiff::{SignedDuration, Timestamp};

use super::steps::{look_soon, store};
use super::told::Told;
use super::{Held, finalizer};
use crate::context::Context;
use crate::events::Happening;
use crate::subject::Subject;

/// So long a deleted autoscaler is held where its profile is not known.
const LONGEST_HELD: SignedDuration = SignedDuration::from_hours(1);

/// One that is at its end.
pub(super) async fn end(
    context: &Context,
    subject: &mut Subject,
    operation: &Operation,
    ended: Ended,
    now: Timestamp,
    told: &mut Told,
) {
    let generation = subject.snapshot.generation;
    let before = subject.membership.memory.clone();
    subject.membership.memory.ends(operation, ended, generation, now);
    subject.membership.held = Held::Operation(Box::new(operation.clone()));
    if !store(context, subject, None).await {
        subject.membership.memory = before;
        told.stable.2 = format!("{}; its end could not be stored yet", told.stable.2);
        return;
    }
    subject.membership.rest();
    context.metrics.operation_ended(operation, ended);
    let sentence = explain::ended(operation, ended);
    let (reason, is_warning) = match ended {
        Ended::Done => (reason::OPERATION_DONE, false),
        Ended::Aborted(_) => (reason::OPERATION_ABORTED, true),
        Ended::Withdrawn | Ended::Overtaken => (reason::OPERATION_DONE, true),
    };
    told.happenings
        .push(Happening::operation(reason, is_warning, sentence.clone()));
    told.doing = None;
    told.stable = (Status::True, reason::STABLE, sentence);
    finalizer::release(context, subject).await;
    look_soon(context, subject);
}

/// The target is gone, and so is whatever was to be done about its members (M13).
pub(super) async fn end_without_target(context: &Context, subject: &mut Subject, now: Timestamp) -> Told {
    let mut told = Told::unknown("the StatefulSet does not exist any more");
    if let Some(operation) = subject.membership.operation().cloned() {
        let gone = Ended::Aborted(AbortCause::TargetGoing);
        end(context, subject, &operation, gone, now, &mut told).await;
    }
    told
}

/// An autoscaler that is being deleted is not held for ever: at a deadline it is let go whatever became of its operation
/// (M13).
pub(super) async fn overdue(context: &Context, subject: &mut Subject, now: Timestamp) -> Option<Told> {
    let deleted = subject.snapshot.deleted.filter(|_| subject.membership.is_busy())?;
    let known = subject.membership.profile.clone();
    let total = known.map_or(LONGEST_HELD, |known| known.compiled.machine().times.total.duration());
    let ends = deleted.saturating_add(total).ok()?;
    if now < ends {
        return None;
    }
    abandon(context, subject).await;
    Some(Told::unknown(
        "the autoscaler is deleted, and its operation was given up at the deadline",
    ))
}

/// Gives an operation up, with an event on the target: the autoscaler will not be there to be asked.
async fn abandon(context: &Context, subject: &mut Subject) {
    let what = match &subject.membership.held {
        Held::Nothing => return,
        Held::Operation(operation) => explain::operation(operation),
        Held::Unreadable { why, .. } => why.clone(),
    };
    let note = format!(
        "the MetricAutoscaler {} was deleted while an operation was under way, which is given up: {what}; look whether every \
         pod is a member and every member has a pod",
        subject.snapshot.name
    );
    if !store(context, subject, None).await {
        return;
    }
    let now = subject.now(&context.clock);
    let happening = Happening::operation(reason::OPERATION_ABANDONED, true, note);
    if let Some(reference) = subject.membership.reference.clone() {
        let events = &context.events;
        events
            .send_on_target(&context.metrics, &subject.snapshot, &reference, happening, now)
            .await;
    }
    subject.membership.rest();
    finalizer::release(context, subject).await;
}
