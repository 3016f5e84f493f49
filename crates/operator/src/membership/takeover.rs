//! The beginning of a term: what the last one has sent to members may still arrive, so nobody is sent anything, and the operation
//! stays where it is (M15). One act is not kept waiting: the patch that removes the pod of a member that has left (M2).
//!
//! It is nothing that a member is told, and it rests on nothing but a look of this very term; the API server refuses it unless the
//! target still is what was looked at. And it is urgent: VerneMQ stops when it has left, and the kubelet starts it again under
//! the same UID. Once that is Ready it serves clients alone, and its pod cannot be removed any more without cutting them off.

use autoscaler_api::ScaleTargetRef;
use autoscaler_core::membership::{Effect, Event, Leave, Operation, Then, Wait, Work, step};
use jiff::Timestamp;

use super::Held;
use super::look::Look;
use super::profiles::Known;
use super::steps::{look_soon, store_and_act};
use super::told::{self, Told};
use crate::context::Context;
use crate::subject::Subject;

/// What is known of an operation that another term has begun.
#[derive(Debug, Default)]
pub(super) struct Takeover {
    /// Until then what that term has sent may arrive.
    arrives: Option<Timestamp>,
    /// How far the looks of this term have led: it counts from when the wait is over.
    ahead: Option<Operation>,
}

/// Whether what another term has sent may still be on its way. This term's own acts do not end the wait.
pub(super) fn must_wait(context: &Context, subject: &mut Subject, known: &Known, now: Timestamp) -> bool {
    let keeper = &mut subject.membership;
    let others = keeper.operation().filter(|operation| operation.epoch < context.epoch);
    if let Some(sent) = others.and_then(|operation| operation.sent) {
        let in_flight = known.compiled.machine().times.in_flight.duration();
        keeper.takeover.arrives = sent.saturating_add(in_flight).ok();
    }
    let must_wait = keeper.takeover.arrives.is_some_and(|arrives| now < arrives);
    if !must_wait && let Some(ahead) = std::mem::take(&mut keeper.takeover).ahead {
        keeper.held = Held::Operation(Box::new(ahead));
    }
    must_wait
}

/// Looks where the operation would be by now, and lowers the replicas if it would; everything else waits.
pub(super) async fn look_ahead(
    context: &Context,
    subject: &mut Subject,
    look: &Look,
    held: &Operation,
    reference: &ScaleTargetRef,
    now: Timestamp,
) -> Told {
    let mut told = waiting(subject, held);
    told.healthy = told::healthy(&look.world, Some(held), look.undrained.as_deref(), &look.trouble);
    let ahead = subject.membership.takeover.ahead.take();
    let before = ahead.unwrap_or_else(|| held.clone());
    let looked = Event::Looked(Box::new(look.world.clone()));
    let next = step(&before, &looked, look.known.compiled.machine(), now);
    let after = next.operation;
    let is_removal = after.work == Work::Leave(Leave::Patched);
    let ahead = match next.then {
        Then::Act(effect @ Effect::Lower { .. }) if is_removal => {
            told.happenings.extend(told::advanced(held, &after));
            store_and_act(context, subject, look, &after, effect, (reference, now), &mut told).await;
            return told;
        }
        Then::Look => {
            look_soon(context, subject);
            after
        }
        Then::Wait(_) => after,
        Then::Act(_) | Then::End(_) => before.having_seen(&after),
    };
    subject.membership.takeover.ahead = Some(ahead);
    told
}

fn waiting(subject: &Subject, held: &Operation) -> Told {
    let why = "another replica of the operator led until now: what it sent may still arrive";
    let mut told = Told::unknown(why);
    let (mut stable, doing) = told::under_way(held, Some(&Wait::UnderWay), &subject.snapshot.requests);
    stable.2 = format!("{}; {why}", stable.2);
    (told.stable, told.doing) = (stable, Some(doing));
    told
}
