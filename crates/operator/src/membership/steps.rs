//! What follows from one look: an operation begins, or goes on. What is intended is stored before it is done; a write
//! that is lost means that nothing is done (M15).

use std::time::Duration;

use autoscaler_api::ScaleTargetRef;
use autoscaler_api::conditions::{Status, reason};
use autoscaler_api::status::MAX_RECORD;
use autoscaler_core::explain::membership as explain;
use autoscaler_core::explain::whole_seconds;
use autoscaler_core::membership::{
    Effect, Event, Idle, Leave, Operation, Then, Work, adopt, begin as core_begin, step,
};
use autoscaler_core::{Change, ChangeCause, Replicas};
use autoscaler_members::Members;
use jiff::Timestamp;

use super::act::{self, Sized};
use super::ending::end;
use super::intent::Intent;
use super::look::{Look, reader};
use super::right::MissingBinding;
use super::scene::SceneError;
use super::told::{self, Told};
use super::{Held, finalizer};
use crate::attempt::Attempt;
use crate::clock::BootTime;
use crate::context::Context;
use crate::events::Happening;
use crate::gate::CallError;
use crate::reconcile::report::write;
use crate::subject::Subject;

/// Where the next look only confirms what this one found.
const SOON: Duration = Duration::from_millis(100);

/// What a stored operation that cannot be read is told as.
pub(super) fn unreadable(why: &str) -> Told {
    let message = format!("{why}: it was written by another version of the operator, and nothing is done about it");
    let finding = (Status::Unknown, reason::OPERATION_UNREADABLE, message.clone());
    let mut told = Told::new((Status::Unknown, reason::NOT_PROBED, message), finding);
    told.doing = None;
    told
}

/// Which operation begins, if any.
pub(super) fn begin(context: &Context, subject: &mut Subject, look: &Look, intent: &Intent, now: Timestamp) -> Told {
    let healthy = told::healthy(&look.world, None, look.undrained.as_deref(), &look.trouble);
    let machine = look.known.compiled.machine();
    let name = |ordinal| Members::name(&look.known.compiled, &look.scene.cluster, ordinal);
    let replicas = look.world.target.replicas;
    let wanted = intent.desired(replicas, subject.membership.memory.goal);
    let id = id_of(replicas, now);
    let retry = subject.membership.memory.retry(intent.cooldown, now);
    let at_rest = |subject: &Subject, idle: &Idle| {
        let wants_shrink = wanted < replicas;
        let memory = &subject.membership.memory;
        told::at_rest(idle, memory, retry, wants_shrink, &subject.snapshot.requests)
    };
    if !intent.may_begin() {
        let idle = intent.idle();
        return Told::new(healthy, at_rest(subject, &idle));
    }
    let ceiling = intent.bounds.map_or(replicas, |(_, ceiling)| ceiling);
    let adopted = adopt(&look.world, machine, look.about, name, &id, now);
    let begun = adopted.map_or_else(|| core_begin(&look.world, machine, ceiling, name, &id, now), Ok);
    let operation = match begun {
        Ok(operation) => operation,
        Err(idle) => {
            if idle == Idle::AtGoal {
                subject.membership.memory.goal = None;
            }
            return Told::new(healthy, at_rest(subject, &idle));
        }
    };
    let is_shrink = operation.work == Work::Leave(Leave::Gating);
    if is_shrink && retry != autoscaler_core::membership::Retry::Now {
        return Told::new(healthy, at_rest(subject, &Idle::AtGoal));
    }
    if operation.encode().len() > MAX_RECORD {
        let why = "the cluster has more members than can be remembered, so no operation begins";
        return Told::new(healthy, (Status::Unknown, reason::NOT_PROBED, why.to_owned()));
    }
    let keeper = &mut subject.membership;
    keeper.memory.begins(&operation);
    keeper.profile = Some(look.known.clone());
    let (stable, doing) = told::under_way(&operation, None, &subject.snapshot.requests);
    let mut told = Told::new(healthy, stable);
    told.happenings
        .push(Happening::operation(reason::OPERATION_BEGUN, false, doing.clone()));
    told.doing = Some(doing);
    keeper.held = Held::Operation(Box::new(operation));
    look_soon(context, subject);
    told
}

/// The size, and the time in milliseconds: unique, and short enough for an annotation.
fn id_of(replicas: Replicas, now: Timestamp) -> String {
    format!("at-{replicas}-{:x}", now.as_millisecond())
}

/// An operation goes on.
pub(super) async fn advance(
    context: &Context,
    subject: &mut Subject,
    look: &Look,
    before: Operation,
    reference: &ScaleTargetRef,
    now: Timestamp,
) -> Told {
    let machine = look.known.compiled.machine();
    let next = step(&before, &Event::Looked(Box::new(look.world.clone())), machine, now);
    let after = next.operation;
    let wait = match &next.then {
        Then::Wait(wait) => Some(wait.clone()),
        Then::Act(_) | Then::Look | Then::End(_) => None,
    };
    let (stable, doing) = told::under_way(&after, wait.as_ref(), &subject.snapshot.requests);
    let healthy = told::healthy(&look.world, Some(&after), look.undrained.as_deref(), &look.trouble);
    let mut told = Told::new(healthy, stable);
    if let Some(right) = &look.lacks {
        told.healthy = (Status::False, reason::FORBIDDEN, right.to_string());
    }
    told.doing = Some(doing);
    told.happenings.extend(told::advanced(&before, &after));
    let is_stuck = wait.as_ref().is_some_and(told::is_stalled);
    let was_stuck = std::mem::replace(&mut subject.membership.is_stuck, is_stuck);
    if is_stuck && !was_stuck {
        context.metrics.operation_stalled();
    }
    match next.then {
        Then::Wait(_) => subject.membership.held = Held::Operation(Box::new(after)),
        Then::Look => {
            subject.membership.held = Held::Operation(Box::new(after));
            look_soon(context, subject);
        }
        Then::End(ended) => end(context, subject, &after, ended, now, &mut told).await,
        Then::Act(effect) => store_and_act(context, subject, look, &after, effect, (reference, now), &mut told).await,
    }
    told
}

/// What is intended is stored, and then done.
pub(super) async fn store_and_act(
    context: &Context,
    subject: &mut Subject,
    look: &Look,
    intended: &Operation,
    effect: Effect,
    (reference, now): (&ScaleTargetRef, Timestamp),
    told: &mut Told,
) {
    let before = subject.membership.operation().cloned();
    let ready = take_finalizer(context, subject, intended).await;
    // It may be under way from now on: looking, and what came before this, took their time.
    let (stamped, stored_at) = (subject.now(&context.clock), context.clock.boot());
    let intended = &intended.sent_at(stamped);
    let ready = match ready {
        Ok(()) => store_intent(context, subject, intended, told).await,
        Err(why) => Err(why),
    };
    if let Err(why) = ready {
        // Nothing is intended, but what was seen counts, such as load that has come back (M5); unless somebody else's is held now.
        if let Some(before) = before.filter(|before| subject.membership.operation() == Some(before)) {
            subject.membership.held = Held::Operation(Box::new(before.having_seen(intended)));
        }
        // What is told is what is held, which may still be taken back, and not what was intended.
        if let Some(held) = subject.membership.operation() {
            let (stable, doing) = told::under_way(held, None, &subject.snapshot.requests);
            (told.stable, told.doing) = (stable, Some(doing));
        }
        if let NotReady::Forbidden(right) = &why {
            told.healthy = (Status::False, reason::FORBIDDEN, right.to_string());
        }
        told.stable.2 = format!("{}; {why}", told.stable.2);
        told.happenings.clear();
        return;
    }
    subject.membership.held = Held::Operation(Box::new(intended.clone()));
    let at = (now, stored_at);
    carry_out(context, subject, look, intended, effect, (reference, at), told).await;
}

/// Why an act is not done yet.
#[derive(Debug, thiserror::Error)]
enum NotReady {
    /// Our finalizer could not be put on.
    #[error("{0}")]
    Forbidden(MissingBinding),
    /// Likewise, for another reason.
    #[error(transparent)]
    Call(CallError),
    /// Somebody else wrote the status.
    #[error("the autoscaler was changed by somebody else meanwhile, and is looked at anew")]
    Changed,
    /// What is intended is not stored, or nobody knows.
    #[error("what is intended could not be stored, so nothing was done")]
    NotStored,
}

/// Our finalizer is on before an act.
async fn take_finalizer(context: &Context, subject: &mut Subject, intended: &Operation) -> Result<(), NotReady> {
    let needs_finalizer = matches!(intended.work, Work::Leave(_) | Work::Forget);
    // What the watch has told may be of the operation before this one, whose finalizer is off again.
    let has_finalizer = subject.membership.has_finalizer;
    if needs_finalizer && !has_finalizer && !subject.snapshot.terminating {
        match finalizer::set(context, subject, true).await {
            Ok(true) => {}
            Ok(false) => return Err(NotReady::Changed),
            Err(SceneError::Forbidden(right)) => return Err(NotReady::Forbidden(right)),
            Err(SceneError::Call(error)) => return Err(NotReady::Call(error)),
        }
    }
    Ok(())
}

/// What is intended is stored.
async fn store_intent(
    context: &Context,
    subject: &mut Subject,
    intended: &Operation,
    told: &Told,
) -> Result<(), NotReady> {
    let operation = Some(subject.membership.status_of(intended, told.doing.clone()));
    let is_stored = store(context, subject, operation).await;
    is_stored.then_some(()).ok_or(NotReady::NotStored)
}

pub(super) async fn store(
    context: &Context,
    subject: &mut Subject,
    operation: Option<autoscaler_api::OperationStatus>,
) -> bool {
    let next = autoscaler_api::MetricAutoscalerStatus {
        operation,
        membership: subject.membership.memory.status(),
        ..subject.written.status.clone()
    };
    write::store(context, subject, &next).await
}

async fn carry_out(
    context: &Context,
    subject: &mut Subject,
    look: &Look,
    intended: &Operation,
    effect: Effect,
    (reference, (now, stored_at)): (&ScaleTargetRef, (Timestamp, BootTime)),
    told: &mut Told,
) {
    let sized = match effect {
        Effect::Drain(_) | Effect::Undo(_) | Effect::Forget => {
            let reader = reader(context, subject, reference);
            let flight = act::send(context, look, &reader, intended, effect, stored_at).await;
            subject.membership.flight = flight;
            return;
        }
        Effect::Lower { from, to } => (from, to, act::lower(context, look, intended, from, to).await),
        Effect::Raise { from, to } => (from, to, act::raise(context, look, to).await),
    };
    let (from, to, sized) = sized;
    let replied = step(
        intended,
        &Event::Replied(sized.reply()),
        look.known.compiled.machine(),
        now,
    );
    subject.membership.held = Held::Operation(Box::new(replied.operation));
    let why = explain::operation(intended);
    let line = format!("{}: {from} -> {to}: {why}", whole_seconds(now));
    match sized {
        Sized::Written(stored) if stored != from => {
            record(subject, from, stored, now);
            told.happenings.push(Happening::rescaled(from, stored, &why));
            told.line = Some(line);
        }
        Sized::Unknown => {
            subject.attempt = Some(Attempt {
                target_uid: look.scene.target.uid.clone(),
                from,
                to,
                at: now,
                why,
                line,
            });
        }
        // Told, and tried again at the usual pace: what refuses it is not gone in a moment.
        Sized::Refused(why) => {
            told.stable.2 = format!("{}; {why}", told.stable.2);
            told.doing = told.doing.take().map(|doing| format!("{doing}; {why}"));
            return;
        }
        Sized::NotSent => {
            let why = "what was seen was too old to change the replicas on it: somebody answers slowly";
            told.stable.2 = format!("{}; {why}", told.stable.2);
            return;
        }
        Sized::Written(_) => {}
    }
    look_soon(context, subject);
}

/// When the next look is due that only confirms what this one found.
pub(super) fn look_soon(context: &Context, subject: &mut Subject) {
    subject.membership.due = Some(context.clock.boot().plus(SOON));
}

/// A change of ours is no change by somebody else (R14).
fn record(subject: &mut Subject, from: Replicas, to: Replicas, at: Timestamp) {
    if let Ok(prepared) = &subject.prepared {
        let cause = ChangeCause::Ours;
        subject
            .history
            .record_change(Change { from, to, at, cause }, &prepared.policy);
    }
}
