//! The driver: when to look, and what follows from a look. The order is the point: look, step, store, act.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::ScaleTargetRef;
use autoscaler_core::membership::{Event, step};
use jiff::Timestamp;
use tokio_util::task::AbortOnDropHandle;

use super::intent::Intent;
use super::look::{self, Look, Obstacle};
use super::profiles::{Known, ProfileError};
use super::told::Told;
use super::{Held, Looked, ending, finalizer, steps, takeover};
use crate::context::Context;
use crate::reconcile::act::Acted;
use crate::subject::Subject;

/// Between two looks while an operation is under way.
const PACE: Duration = Duration::from_secs(1);
/// Between two looks at rest (M14b).
const SELDOM: Duration = Duration::from_mins(5);

/// After an evaluation: what it asks for is the wish.
pub(crate) async fn tend(context: &Context, subject: &mut Subject, acted: &Acted) {
    let intent = Intent::of(subject, acted);
    let keeper = &mut subject.membership;
    (keeper.intent, keeper.is_new) = (Some(intent), true);
    if let Some(reference) = &subject.snapshot.parsed.reference {
        keeper.reference = Some(reference.clone());
    }
    let retry = subject.snapshot.requests.retry.as_deref();
    keeper.memory.let_retry(subject.snapshot.generation, retry);
    tend_between(context, subject).await;
}

/// Between two evaluations: the wish is that of the last one.
pub(crate) async fn tend_between(context: &Context, subject: &mut Subject) {
    let keeper = &mut subject.membership;
    keeper.due = None;
    if let Some(told) = &mut keeper.told {
        (told.happenings, told.line) = (Vec::new(), None);
    }
    let is_wanted = subject.snapshot.spec().map(|spec| spec.membership.is_some());
    match &keeper.held {
        Held::Nothing => {
            if subject.snapshot.has_finalizer || subject.membership.has_finalizer {
                finalizer::release(context, subject).await;
            }
            match is_wanted {
                Some(true) => {}
                Some(false) => return subject.membership.forget(),
                // Nothing can be looked at, and what is remembered is kept.
                None => return subject.membership.told = None,
            }
        }
        Held::Unreadable { why, .. } => {
            keeper.told = Some(steps::unreadable(why));
            let now = subject.now(&context.clock);
            // Whoever can read it may be about to lead again.
            if let Some(told) = ending::overdue(context, subject, now).await {
                subject.membership.told = Some(told);
            }
            return;
        }
        Held::Operation(_) => {}
    }
    let now = subject.now(&context.clock);
    take_reply(subject, now).await;
    if is_due(context, subject) {
        let told = turn(context, subject, now).await;
        let keeper = &mut subject.membership;
        keeper.is_new = false;
        keeper.told = Some(told);
    }
    if subject.membership.is_busy() && subject.membership.due.is_none() {
        subject.membership.due = Some(context.clock.boot().plus(PACE));
    }
}

/// The answer to an act, if it has come: it is kept, and only looks say what came of the act.
async fn take_reply(subject: &mut Subject, now: Timestamp) {
    let keeper = &mut subject.membership;
    if !keeper.flight.as_ref().is_some_and(AbortOnDropHandle::is_finished) {
        return;
    }
    let Some(flight) = keeper.flight.take() else { return };
    let (Ok(reply), Held::Operation(operation), Some(known)) = (flight.await, &keeper.held, &keeper.profile) else {
        return;
    };
    let kept = step(operation, &Event::Replied(reply), known.compiled.machine(), now).operation;
    keeper.held = Held::Operation(Box::new(kept));
}

/// At rest nobody is asked but every five minutes, when something is to be done, and while something is wrong.
fn is_due(context: &Context, subject: &Subject) -> bool {
    let keeper = &subject.membership;
    let (Some(looked), Held::Nothing) = (&keeper.looked, &keeper.held) else {
        return true;
    };
    let known = subject.history.last_replicas;
    let wants = keeper.intent.as_ref().filter(|intent| intent.may_begin());
    let wanted = wants.map(|intent| intent.desired(looked.replicas, keeper.memory.goal));
    !looked.is_well
        || context.clock.boot().since(looked.at) >= SELDOM
        || known.is_some_and(|known| known != looked.replicas)
        || wanted.is_some_and(|wanted| wanted != looked.replicas)
}

/// One look, and what follows from it.
async fn turn(context: &Context, subject: &mut Subject, now: Timestamp) -> Told {
    if let Some(told) = ending::overdue(context, subject, now).await {
        return told;
    }
    let prepared = match prepare(context, subject).await {
        Ok(prepared) => prepared,
        Err(obstacle) => return hindered(subject, &obstacle),
    };
    let (reference, known, intent) = prepared;
    let must_wait = takeover::must_wait(context, subject, &known, now);
    let looked = look::look(context, subject, &reference, known, &intent).await;
    let look = match looked {
        Ok(look) => look,
        Err(Obstacle::NoTarget(_)) if subject.snapshot.terminating && subject.membership.is_busy() && !must_wait => {
            return ending::end_without_target(context, subject, now).await;
        }
        Err(obstacle) => return hindered(subject, &obstacle),
    };
    let told = match subject.membership.operation().cloned() {
        Some(operation) if must_wait => {
            takeover::look_ahead(context, subject, &look, &operation, &reference, now).await
        }
        Some(operation) => steps::advance(context, subject, &look, operation, &reference, now).await,
        None => steps::begin(context, subject, &look, &intent, now),
    };
    note(subject, &look, &told);
    told
}

/// What a look needs: whose members, by which profile, and what is wished for.
async fn prepare(context: &Context, subject: &mut Subject) -> Result<(ScaleTargetRef, Arc<Known>, Intent), Obstacle> {
    let reference = subject.membership.reference.clone().ok_or(Obstacle::NoReference)?;
    let intent = subject.membership.intent.clone().ok_or(Obstacle::NoReference)?;
    let name = subject.snapshot.spec().and_then(|spec| spec.membership.clone());
    let Some(operation) = subject.membership.operation().cloned() else {
        let name = name.ok_or(Obstacle::NoReference)?.profile_name;
        return Ok((reference, context.profiles.get(&name).await?, intent));
    };
    let known = match &subject.membership.profile {
        Some(known) => known.clone(),
        None => match (kept(subject), &name) {
            (Ok(known), _) => Arc::new(known),
            // Whoever took the text away took nothing but the text: steps are known by their names.
            (Err(_), Some(name)) => context.profiles.get(&name.profile_name).await?,
            (Err(error), None) => return Err(error.into()),
        },
    };
    subject.membership.profile = Some(known.clone());
    // The operation goes on by the profile that it began with; that there is another one now takes it back where that is
    // still possible (M9).
    let present = match (name, subject.membership.is_new) {
        (Some(name), true) => Some(context.profiles.get(&name.profile_name).await),
        (None, _) | (_, false) => None,
    };
    let is_changed = match present {
        Some(Ok(present)) => present.compiled.machine().digest != operation.plan.digest,
        Some(Err(ProfileError::NotFound { .. } | ProfileError::NotAccepted { .. })) => true,
        Some(Err(ProfileError::Unknown(_))) | None => false,
    };
    if is_changed {
        let changed = intent.and_profile_changed();
        subject.membership.intent = Some(changed.clone());
        return Ok((reference, known, changed));
    }
    Ok((reference, known, intent))
}

/// The profile that the stored operation keeps.
fn kept(subject: &Subject) -> Result<Known, ProfileError> {
    let text = subject.membership.stored_profile.as_deref();
    Known::stored(text.unwrap_or_default())
}

/// Nothing could be seen: what is under way stays as it is.
fn hindered(subject: &mut Subject, obstacle: &Obstacle) -> Told {
    subject.membership.looked = None;
    let mut told = obstacle.told();
    if let Some(operation) = subject.membership.operation() {
        let (stable, doing) = super::told::under_way(operation, None, &subject.snapshot.requests);
        told.stable = (stable.0, stable.1, format!("{}; {obstacle}", stable.2));
        told.doing = Some(format!("{doing}; {obstacle}"));
    }
    told
}

fn note(subject: &mut Subject, look: &Look, told: &Told) {
    subject.membership.looked = Some(Looked {
        at: look.at,
        replicas: look.world.target.replicas,
        is_well: told.healthy.0 == autoscaler_api::conditions::Status::True,
    });
}
