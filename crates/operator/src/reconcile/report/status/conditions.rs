//! The conditions. Reasons are those of the table in `autoscaler-api`; messages come from the core's renderer.

use autoscaler_api::conditions::{ConditionType, Status, Verdict, reason, reason_of_reading, set_condition};
use autoscaler_core::decision::{Asked, Rescale};
use autoscaler_core::{Decision, Direction, Limit, LimitCause, explain};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::summary;
use crate::prepared::EffectiveMode;
use crate::reconcile::act::{Acted, Effect};
use crate::reconcile::decide::Decided;
use crate::reconcile::observe::Blocked;
use crate::subject::Subject;
use crate::target::TargetError;

/// A condition that has another status or reason than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConditionChange {
    /// Its type.
    pub condition: ConditionType,
    /// The reason now.
    pub reason: String,
    /// The message now.
    pub message: String,
    /// Whether that is as it should be.
    pub good: bool,
    /// Whether it is worth an event.
    pub is_news: bool,
}

impl ConditionChange {
    /// The conditions that differ in status or reason.
    pub(crate) fn between(before: &[Condition], after: &[Condition]) -> Vec<Self> {
        let changed = |condition: &&Condition| {
            !before.iter().any(|old| {
                old.type_ == condition.type_ && old.status == condition.status && old.reason == condition.reason
            })
        };
        let named = |condition: &Condition| ConditionType::ALL.into_iter().find(|of| of.as_str() == condition.type_);
        let good = |condition: &Condition, of: ConditionType| condition.status == of.good().as_str();
        let is_ready = after
            .iter()
            .any(|condition| named(condition) == Some(ConditionType::Ready) && good(condition, ConditionType::Ready));
        let change = |condition: &Condition| {
            let of = named(condition)?;
            Some(Self {
                condition: of,
                reason: condition.reason.clone(),
                message: condition.message.clone(),
                good: good(condition, of),
                is_news: is_news(of, condition, is_ready),
            })
        };
        after.iter().filter(changed).filter_map(change).collect()
    }
}

/// Readiness either way, a failure to scale, and a metric that blocks shrinking, unless readiness tells that already.
/// A change of size has an event of its own, and limits come and go with the load.
fn is_news(of: ConditionType, condition: &Condition, is_ready: bool) -> bool {
    match of {
        ConditionType::Ready => true,
        // That members could not be asked is over at the next look, as a rule.
        ConditionType::MembershipHealthy => condition.reason != reason::NOT_PROBED,
        ConditionType::AbleToScale => condition.reason == reason::FAILED_UPDATE_SCALE,
        ConditionType::ScalingLimited => is_ready && condition.reason == reason::SCALE_DOWN_BLOCKED_BY_METRIC,
        ConditionType::ScalingActive => false,
        // Phases have events of their own.
        ConditionType::MembershipStable => is_worth_a_look(&condition.reason),
    }
}

/// Whether an operation waits for something that does not end by itself, as a rule.
fn is_worth_a_look(reason: &str) -> bool {
    [
        reason::SHRINK_HELD,
        reason::QUORUM_AT_RISK,
        reason::STALE_CLAIM,
        reason::STEP_STALLED,
        reason::NOBODY_AFFIRMS,
        reason::LEAVER_SERVES_ALONE,
        reason::LEAVER_LINGERS,
        reason::LEFT_AND_STAYS,
        reason::NODE_NOT_LOST,
        reason::JOIN_STALLED,
        reason::TARGET_REPLACED,
        reason::OPERATION_UNREADABLE,
    ]
    .contains(&reason)
}

/// Status, reason and message of one condition.
pub(crate) type Finding = (Status, &'static str, String);

/// Sets those of every autoscaler.
pub(super) fn judge(conditions: &mut Vec<Condition>, subject: &Subject, acted: &Acted, now: Timestamp) {
    let findings = match acted {
        Acted::Blocked(blocked) => blocked_findings(blocked),
        Acted::Decided { decided, effect } => [
            (ConditionType::Ready, ready(decided)),
            (ConditionType::ScalingActive, scaling_active(decided)),
            (ConditionType::AbleToScale, able_to_scale(subject, decided, effect)),
            (ConditionType::ScalingLimited, scaling_limited(decided)),
        ],
    };
    for (condition, (status, reason, message)) in findings {
        let observed_generation = Some(subject.snapshot.generation);
        set_condition(
            conditions,
            Verdict {
                condition,
                status,
                reason,
                message,
                observed_generation,
            },
            now,
        );
    }
}

/// Sets those of the members of a cluster, or takes them away where there are none.
pub(super) fn judge_membership(conditions: &mut Vec<Condition>, subject: &Subject, now: Timestamp) {
    let Some(told) = subject.membership.told() else {
        let of_membership = [ConditionType::MembershipHealthy, ConditionType::MembershipStable];
        conditions.retain(|condition| of_membership.iter().all(|of| of.as_str() != condition.type_));
        return;
    };
    let both = [
        (ConditionType::MembershipHealthy, told.healthy.clone()),
        (ConditionType::MembershipStable, told.stable.clone()),
    ];
    for (condition, (status, reason, message)) in both {
        let observed_generation = Some(subject.snapshot.generation);
        let verdict = Verdict {
            condition,
            status,
            reason,
            message,
            observed_generation,
        };
        set_condition(conditions, verdict, now);
    }
}

fn blocked_findings(blocked: &Blocked) -> [(ConditionType, Finding); 4] {
    let stands = |condition, status| reason::is_documented(condition, status, blocked.reason);
    let finding = |condition| {
        let found = [Status::False, Status::True, Status::Unknown]
            .into_iter()
            .find(|status| stands(condition, *status));
        match found {
            Some(status) => (condition, (status, blocked.reason, blocked.message.clone())),
            None => (
                condition,
                (
                    Status::Unknown,
                    reason::NOT_EVALUATED,
                    "see the condition Ready".to_owned(),
                ),
            ),
        }
    };
    ConditionType::OF_ALL.map(finding)
}

fn ready(decided: &Decided) -> Finding {
    let message = summary(decided);
    if decided.decision.is_disabled() {
        return (Status::True, reason::SCALING_DISABLED, message);
    }
    match unreadable(&decided.decision) {
        Some(reason) => (Status::False, reason, message),
        None if decided.seen.mode == EffectiveMode::DryRun => (Status::True, reason::DRY_RUN, message),
        None => (Status::True, reason::VALID_METRIC_FOUND, message),
    }
}

fn scaling_active(decided: &Decided) -> Finding {
    let decision = &decided.decision;
    if decision.is_disabled() {
        return (Status::False, reason::SCALING_DISABLED, summary(decided));
    }
    let message = explain::metrics(decision);
    match unreadable(decision) {
        Some(reason) => (Status::False, reason, message),
        None if decided.seen.mode == EffectiveMode::DryRun => (Status::False, reason::DRY_RUN, message),
        None => (Status::True, reason::VALID_METRIC_FOUND, message),
    }
}

/// The reason of the first metric, if none can be read.
fn unreadable(decision: &Decision) -> Option<&'static str> {
    match decision.trail.asked {
        Asked::Unread { .. } => {
            // A metric that the spec leaves out when it is missing is not what is wrong.
            let mut blocking = decision.metrics().filter(|step| step.blocks_since().is_some());
            blocking.find_map(|step| reason_of_reading(&step.reading))
        }
        Asked::Merged { .. } | Asked::Nothing | Asked::Disabled => None,
    }
}

fn able_to_scale(subject: &Subject, decided: &Decided, effect: &Effect) -> Finding {
    let decision = &decided.decision;
    match effect {
        Effect::Scaled { from: _, to } => {
            return (
                Status::True,
                reason::SUCCEEDED_RESCALE,
                explain::rescaled(decision, *to),
            );
        }
        Effect::Failed(error @ TargetError::Forbidden(_)) => {
            return (Status::False, reason::FORBIDDEN, error.to_string());
        }
        Effect::Failed(error) => return (Status::False, reason::FAILED_UPDATE_SCALE, error.to_string()),
        Effect::Superseded => {
            let message = "the target kept changing while it was decided on; decided again at the next evaluation";
            return (Status::False, reason::FAILED_UPDATE_SCALE, message.to_owned());
        }
        Effect::Held => {}
    }
    let window = decision.limits().find_map(|limit| match limit.cause {
        LimitCause::Window { direction, .. } => Some((direction, limit)),
        _ => None,
    });
    match window {
        Some((Direction::Down, limit)) => (Status::True, reason::SCALE_DOWN_STABILIZED, explain::limit(limit)),
        Some((Direction::Up, limit)) => (Status::True, reason::SCALE_UP_STABILIZED, explain::limit(limit)),
        // What the last change was stays readable until there is something else to say.
        None => match rescaled(subject) {
            Some(message) => (Status::True, reason::SUCCEEDED_RESCALE, message),
            None => (
                Status::True,
                reason::READY_FOR_NEW_SCALE,
                "no stabilization window holds the replicas".to_owned(),
            ),
        },
    }
}

fn rescaled(subject: &Subject) -> Option<String> {
    let conditions = &subject.written.status.conditions;
    let last = conditions
        .iter()
        .find(|condition| condition.type_ == ConditionType::AbleToScale.as_str())?;
    (last.reason == reason::SUCCEEDED_RESCALE).then(|| last.message.clone())
}

fn scaling_limited(decided: &Decided) -> Finding {
    let decision = &decided.decision;
    if decision.is_disabled() {
        return (
            Status::Unknown,
            reason::NOT_EVALUATED,
            "the target is scaled to 0".to_owned(),
        );
    }
    if let Asked::Unread { floor: Some(_), .. } = decision.trail.asked {
        return (Status::True, reason::FALLBACK_ACTIVE, explain::summary(decision));
    }
    // A metric that blocks scaling down is never silent (R4).
    if let Some(message) = explain::blocking(decision) {
        return (Status::True, reason::SCALE_DOWN_BLOCKED_BY_METRIC, message);
    }
    // Beyond a bound that a window does not let the target come near, nothing is limited by the bound yet.
    let is_stabilized = decision.limits().any(|limit| limit.cause.is_stabilization());
    let telling = |limit: &&Limit| !(is_stabilized && limit.cause.is_bound());
    let mut limits = decision.limits().filter(telling).rev();
    if let Some((reason, limit)) = limits.find_map(|limit| Some((limit_reason(limit)?, limit))) {
        return (Status::True, reason, explain::limit(limit));
    }
    if let Some(finding) = corrected(decision) {
        return finding;
    }
    if let Some(step) = decision.metrics().find(|step| step.awaits_replicas()) {
        return (Status::True, reason::AWAITING_REPLICAS, explain::metric(step));
    }
    (Status::False, reason::DESIRED_WITHIN_RANGE, explain::asked(decision))
}

fn corrected(decision: &Decision) -> Option<Finding> {
    let Rescale { from, to } = decision.trail.corrected?;
    let reason = if from > to {
        reason::TOO_MANY_REPLICAS
    } else {
        reason::TOO_FEW_REPLICAS
    };
    Some((Status::True, reason, explain::reason(decision).unwrap_or_default()))
}

/// The reason of a limit; a stabilization window is told by `AbleToScale`, unless it holds for lost memory.
fn limit_reason(limit: &Limit) -> Option<&'static str> {
    match &limit.cause {
        LimitCause::MetricNotFresh { .. } => Some(reason::SCALE_DOWN_BLOCKED_BY_METRIC),
        LimitCause::Window { uncertain: true, .. } | LimitCause::DataGap { uncertain: true, .. } => {
            Some(reason::HISTORY_UNCERTAIN)
        }
        LimitCause::Window { uncertain: false, .. } => None,
        LimitCause::Rate { direction } | LimitCause::Disabled { direction } => Some(match direction {
            Direction::Up => reason::SCALE_UP_LIMIT,
            Direction::Down => reason::SCALE_DOWN_LIMIT,
        }),
        LimitCause::Cooldown { .. } => Some(reason::COOLING_DOWN),
        LimitCause::Rollout(_) => Some(reason::ROLLOUT_IN_PROGRESS),
        LimitCause::ClockSkew { .. } => Some(reason::CLOCK_SKEW),
        LimitCause::DataGap { uncertain: false, .. } => Some(reason::DATA_GAP),
        LimitCause::AwaitsSamples { .. } => Some(reason::AWAITING_SAMPLES),
        LimitCause::Min => Some(reason::TOO_FEW_REPLICAS),
        LimitCause::Max => Some(reason::TOO_MANY_REPLICAS),
    }
}
