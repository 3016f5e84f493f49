//! The labels of our metrics: enums where the caller chooses, names that never change where a number is read.

use autoscaler_core::membership::{Ended, Operation};
use autoscaler_core::{Decision, Direction, LimitCause};
use prometheus_client::encoding::EncodeLabelSet;

/// How one evaluation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvaluationOutcome {
    /// The size was changed.
    Changed,
    /// The size was left as it is.
    Unchanged,
    /// Nothing may be done: paused, invalid, or somebody else's target.
    Inert,
    /// A change was wanted and could not be made.
    Failed,
    /// It ended early, because the term or the process did.
    Abandoned,
    /// It panicked.
    Panicked,
}

impl EvaluationOutcome {
    pub(super) const ALL: [Self; 6] = [
        Self::Changed,
        Self::Unchanged,
        Self::Inert,
        Self::Failed,
        Self::Abandoned,
        Self::Panicked,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Inert => "inert",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Panicked => "panicked",
        }
    }
}

/// What became of a change of size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScaleWriteOutcome {
    /// The target has the new size.
    Written,
    /// The target was no longer what was decided on.
    Superseded,
    /// It could not be written, or nobody knows whether it was.
    Failed,
}

impl ScaleWriteOutcome {
    pub(super) const ALL: [Self; 3] = [Self::Written, Self::Superseded, Self::Failed];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventOutcome {
    /// It was created.
    Sent,
    /// Its object has had too many.
    Dropped,
    /// It could not be created.
    Failed,
}

impl EventOutcome {
    pub(super) const ALL: [Self; 3] = [Self::Sent, Self::Dropped, Self::Failed];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOutcome {
    pub(super) outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByKind {
    pub(super) kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByQuery {
    pub(super) kind: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByVerb {
    pub(super) verb: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByRequest {
    pub(super) verb: &'static str,
    pub(super) resource: String,
    pub(super) code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOperation {
    operation: &'static str,
    outcome: &'static str,
    cause: &'static str,
}

impl ByOperation {
    const DONE: &str = "done";
    const ABORTED: &str = "aborted";
    const WITHDRAWN: &str = "withdrawn";
    const OVERTAKEN: &str = "overtaken";

    pub(super) const OUTCOMES: [&str; 4] = [Self::DONE, Self::ABORTED, Self::WITHDRAWN, Self::OVERTAKEN];

    pub(super) fn of(operation: &Operation, ended: Ended) -> Self {
        let (outcome, cause) = match ended {
            Ended::Done => (Self::DONE, "none"),
            Ended::Aborted(cause) => (Self::ABORTED, cause.as_str()),
            Ended::Withdrawn => (Self::WITHDRAWN, "none"),
            Ended::Overtaken => (Self::OVERTAKEN, "none"),
        };
        Self {
            operation: operation.work.kind(),
            outcome,
            cause,
        }
    }

    /// One of them, for the reference.
    pub(super) fn done() -> Self {
        Self {
            operation: "Leave",
            outcome: Self::DONE,
            cause: "none",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByDecision {
    direction: &'static str,
    limit: &'static str,
}

impl ByDecision {
    /// Without a limit, in each direction.
    pub(super) fn unlimited() -> [Self; 3] {
        ["none", Direction::Up.as_str(), Direction::Down.as_str()].map(|direction| Self {
            direction,
            limit: "none",
        })
    }

    pub(super) fn of(decision: &Decision) -> Self {
        Self {
            direction: Direction::between(decision.current, decision.desired).map_or("none", Direction::as_str),
            limit: decision.limit().map_or("none", |limit| limit_name(&limit.cause)),
        }
    }
}

fn limit_name(cause: &LimitCause) -> &'static str {
    match cause {
        LimitCause::MetricNotFresh { .. } => "metric_not_fresh",
        LimitCause::Window { .. } => "window",
        LimitCause::Rate { .. } => "rate",
        LimitCause::Disabled { .. } => "disabled",
        LimitCause::Cooldown { .. } => "cooldown",
        LimitCause::Rollout(_) => "rollout",
        LimitCause::ClockSkew { .. } => "clock_skew",
        LimitCause::DataGap { .. } => "data_gap",
        LimitCause::AwaitsSamples { .. } => "awaits_samples",
        LimitCause::Min => "min",
        LimitCause::Max => "max",
    }
}
