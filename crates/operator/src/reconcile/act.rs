//! Step 3: the one thing this operator does to the world: it writes the size of a target.

use autoscaler_core::{Change, ChangeCause, Replicas};

use super::decide::{Decided, Plan};
use super::observe::Blocked;
use crate::context::Context;
use crate::metrics::ScaleWriteOutcome;
use crate::subject::{EffectiveMode, Subject};
use crate::target::{ScaleOutcome, TargetError};

/// What was done.
#[derive(Debug)]
pub enum Acted {
    /// Nothing was to be done, or we merely report.
    Held(Box<Decided>),
    /// The size was written.
    Scaled {
        /// The decision.
        decided: Box<Decided>,
        /// The size before.
        from: Replicas,
        /// The size after.
        to: Replicas,
    },
    /// The target is no longer what was decided on: observe again.
    Superseded {
        /// The decision that was dropped.
        decided: Box<Decided>,
    },
    /// The size could not be written.
    Failed {
        /// The decision.
        decided: Box<Decided>,
        /// What came back.
        error: TargetError,
    },
    /// Nothing could be decided.
    Blocked(Box<Blocked>),
}

/// Carries the plan out.
pub async fn act(context: &Context, subject: &mut Subject, plan: Plan) -> Acted {
    let decided = match plan {
        Plan::Follow(decided) => decided,
        Plan::Blocked(blocked) => return Acted::Blocked(blocked),
    };
    let Some((from, to)) = decided.decision.change() else {
        return Acted::Held(decided);
    };
    if decided.seen.mode != EffectiveMode::Active {
        return Acted::Held(decided);
    }
    match write(context, subject, &decided, to).await {
        Ok(ScaleOutcome::Written { .. }) => {
            context.metrics.scale_write(ScaleWriteOutcome::Written);
            let change = Change {
                from,
                to,
                at: decided.seen.now,
                cause: ChangeCause::Ours,
            };
            subject.history.record_change(change, &decided.seen.prepared.policy);
            Acted::Scaled { decided, from, to }
        }
        Ok(ScaleOutcome::Superseded) => {
            context.metrics.scale_write(ScaleWriteOutcome::Refused);
            Acted::Superseded { decided }
        }
        Err(error) => {
            context.metrics.scale_write(ScaleWriteOutcome::Failed);
            Acted::Failed { decided, error }
        }
    }
}

/// Reads the target live, and writes only if it is still what was decided on (R20).
async fn write(
    context: &Context,
    subject: &Subject,
    decided: &Decided,
    to: Replicas,
) -> Result<ScaleOutcome, TargetError> {
    let (reference, namespace) = (&decided.seen.reference, &subject.snapshot.namespace);
    let live = context.targets.live(reference, namespace).await?;
    let seen = &decided.seen.target;
    let same = live.uid == seen.uid
        && live.replicas == seen.replicas
        && live.owner == seen.owner
        && live.applied_by == seen.applied_by
        && !live.terminating;
    if !same || subject.is_outdated() {
        return Ok(ScaleOutcome::Superseded);
    }
    context.targets.scale(reference, namespace, &live, to).await
}
