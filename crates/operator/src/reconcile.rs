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
use crate::metrics::EvaluationOutcome;
use crate::subject::Subject;
use act::{Acted, Effect};
use tokio_util::sync::CancellationToken;

/// How often one evaluation may start over because the target changed under it.
const ATTEMPTS: usize = 3;

/// Evaluates once. When the term ends before anything is written, the evaluation is abandoned; what has begun to be
/// written is finished and reported.
pub(crate) async fn reconcile(context: &Context, subject: &mut Subject, stop: &CancellationToken) -> EvaluationOutcome {
    for attempt in 1..=ATTEMPTS {
        subject.catch_up();
        let planned = stop.run_until_cancelled(Box::pin(async {
            let observed = observe::observe(context, subject).await;
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
            acted => return report::report(context, subject, acted).await,
        }
    }
    unreachable!("the last attempt is reported whatever came of it")
}
