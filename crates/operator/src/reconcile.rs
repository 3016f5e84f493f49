//! One evaluation of one autoscaler: observe, decide, act, report.
//!
//! Each step is a file, with a type between each two, so that what is reported can only come from what was done:
//! [`observe`](observe::observe) -> `Observed` -> [`decide`](decide::decide) -> `Plan` -> [`act`](act::act) -> `Acted`
//! -> [`report`](report::report).

pub(crate) mod act;
pub(crate) mod decide;
pub(crate) mod observe;
pub(crate) mod report;

use crate::context::Context;
use crate::membership;
use crate::metrics::EvaluationOutcome;
use crate::subject::Subject;
use act::{Acted, Effect};
use observe::Observed;
use tokio_util::sync::CancellationToken;

/// How often one evaluation may start over because the target changed under it.
const ATTEMPTS: usize = 3;

/// What it is time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// An evaluation.
    Evaluate,
    /// A look at the members of the target, between two evaluations.
    Look,
}

/// Evaluates, or looks. Boxed by the worker.
pub(crate) async fn take_turn(
    context: &Context,
    subject: &mut Subject,
    turn: Turn,
    stop: &CancellationToken,
) -> EvaluationOutcome {
    match turn {
        Turn::Evaluate => reconcile(context, subject, stop).await,
        Turn::Look => {
            membership::tend_between(context, subject).await;
            report::report_look(context, subject).await;
            EvaluationOutcome::Unchanged
        }
    }
}

/// Evaluates once. When the term ends before anything is written, the evaluation is abandoned; what has begun to be
/// written is finished and reported.
async fn reconcile(context: &Context, subject: &mut Subject, stop: &CancellationToken) -> EvaluationOutcome {
    subject.carried_out = None;
    for attempt in 1..=ATTEMPTS {
        subject.catch_up();
        let planned = stop.run_until_cancelled(Box::pin(async {
            let observed = observe::observe(context, subject).await;
            recognize(subject, &observed);
            decide::decide(context, subject, observed).await
        }));
        let Some(plan) = planned.await else {
            return EvaluationOutcome::Abandoned;
        };
        match act::act(context, subject, plan).await {
            Acted::Decided {
                effect: Effect::Superseded,
                ..
            } if attempt < ATTEMPTS => {}
            acted => {
                membership::tend(context, subject, &acted).await;
                return report::report(context, subject, acted).await;
            }
        }
    }
    unreachable!("the last attempt is reported whatever came of it")
}

/// A change that we tried to make, and whose answer was lost, is ours if that is what is found now.
fn recognize(subject: &mut Subject, observed: &Observed) {
    let Observed::Seen(seen) = observed else {
        return;
    };
    let Some(attempt) = subject.attempt.take() else {
        return;
    };
    let (known, found) = (subject.history.last_replicas, seen.observation.replicas);
    match attempt.carried_out(&seen.target.uid, known, seen.now, found) {
        Some(change) => {
            subject.history.record_change(change, &seen.prepared.policy);
            subject.carried_out = Some(attempt);
        }
        // It may still happen.
        None if known == Some(found) && !attempt.is_over(seen.now) => subject.attempt = Some(attempt),
        None => {}
    }
}
