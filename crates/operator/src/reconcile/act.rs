//! Step 3: the one thing this operator does to the world: it writes the size of a target.

use autoscaler_core::{Change, ChangeCause, Replicas, explain};
use jiff::Timestamp;

use super::decide::{Decided, Plan};
use super::observe::Blocked;
use crate::attempt::Attempt;
use crate::context::Context;
use crate::metrics::ScaleWriteOutcome;
use crate::prepared::EffectiveMode;
use crate::subject::Subject;
use crate::target::{ScaleOutcome, TargetError};

/// What was done.
#[derive(Debug)]
pub(crate) enum Acted {
    /// A decision was made.
    Decided {
        /// The decision.
        decided: Box<Decided>,
        /// What came of it.
        effect: Effect,
    },
    /// Nothing could be decided.
    Blocked(Box<Blocked>),
}

/// What came of a decision.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Nothing was to be done, or we merely report.
    Held,
    /// The size was written.
    Scaled {
        /// The size before.
        from: Replicas,
        /// The size after, as the API server has stored it.
        to: Replicas,
    },
    /// The target is no longer what was decided on: observe again.
    Superseded,
    /// The size could not be written.
    Failed(TargetError),
}

impl Acted {
    /// The time of the evaluation.
    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Decided { decided, .. } => decided.seen.now,
            Self::Blocked(blocked) => blocked.now,
        }
    }

    /// The decision, if there is one.
    pub(crate) fn decided(&self) -> Option<&Decided> {
        match self {
            Self::Decided { decided, .. } => Some(decided),
            Self::Blocked(_) => None,
        }
    }
}

/// Carries the plan out.
pub(crate) async fn act(context: &Context, subject: &mut Subject, plan: Plan) -> Acted {
    let decided = match plan {
        Plan::Follow(decided) => decided,
        Plan::Blocked(blocked) => return Acted::Blocked(blocked),
    };
    let effect = match decided.decision.change() {
        // Of a cluster the count is a wish: members go and come one at a time.
        Some(_) if subject.has_members() => Effect::Held,
        Some((from, to)) if decided.seen.mode == EffectiveMode::Active => {
            change(context, subject, &decided, from, to).await
        }
        Some(_) | None => Effect::Held,
    };
    Acted::Decided { decided, effect }
}

async fn change(context: &Context, subject: &mut Subject, decided: &Decided, from: Replicas, to: Replicas) -> Effect {
    let (outcome, effect) = match write(context, subject, decided, to).await {
        Ok(ScaleOutcome::Written { replicas: stored, .. }) => {
            subject.attempt = None;
            if stored == from {
                let undone = TargetError::Undone { wanted: to, stored };
                (ScaleWriteOutcome::Failed, Effect::Failed(undone))
            } else {
                let change = Change {
                    from,
                    to: stored,
                    at: decided.seen.now,
                    cause: ChangeCause::Ours,
                };
                subject.history.record_change(change, &decided.seen.prepared.policy);
                (ScaleWriteOutcome::Written, Effect::Scaled { from, to: stored })
            }
        }
        Ok(ScaleOutcome::Superseded) => (ScaleWriteOutcome::Superseded, Effect::Superseded),
        Err(error) => {
            if let TargetError::Unanswered(_) = error {
                subject.attempt = Some(attempt(decided, from, to));
            }
            (ScaleWriteOutcome::Failed, Effect::Failed(error))
        }
    };
    context.metrics.scale_write(outcome);
    effect
}

fn attempt(decided: &Decided, from: Replicas, to: Replicas) -> Attempt {
    let Decided { decision, seen, .. } = decided;
    Attempt {
        target_uid: seen.target.uid.clone(),
        from,
        to,
        at: seen.now,
        why: explain::why(decision, to),
        line: explain::change(decision, to),
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
