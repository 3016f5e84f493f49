//! The conditions of a `MetricAutoscaler`: types, statuses, and how one is set.
//!
//! The reasons stand in [`reason`], the one table of them, from which the constants, the reference documentation and the
//! check in [`set_condition`] come. Types and reasons are the HPA's where it has a fitting one
//! (`pkg/controller/podautoscaler/horizontal.go`).

pub mod reason;

use autoscaler_core::explain::whole_seconds;
use autoscaler_core::{Failure, FailureClass, Question, Reading};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::status::MAX_CONDITION_MESSAGE;

/// One aspect of the state. The order is that of the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The spec is valid, the target is found and ours alone, and some metric can be read. Good when True: what `kubectl
    /// wait`, Argo CD and Flux look for.
    Ready,
    /// Metrics are turned into a number of replicas. Good when True.
    ScalingActive,
    /// The target's replicas can be read and written. Good when True.
    AbleToScale,
    /// A bound, a policy or a lock keeps the replicas from what the metrics ask for. Good when False, though True is often
    /// no fault.
    ScalingLimited,
    /// Every member of the cluster that the target is answers, and all are of one mind. Good when True. Only with
    /// `spec.membership`.
    MembershipHealthy,
    /// No member is on its way in or out. Good when True, though False is what a change of size looks like. Only with
    /// `spec.membership`.
    MembershipStable,
}

impl ConditionType {
    /// All of them, in the order of the status.
    pub const ALL: [Self; 6] = [
        Self::Ready,
        Self::ScalingActive,
        Self::AbleToScale,
        Self::ScalingLimited,
        Self::MembershipHealthy,
        Self::MembershipStable,
    ];

    /// Those of every autoscaler, with or without `spec.membership`.
    pub const OF_ALL: [Self; 4] = [
        Self::Ready,
        Self::ScalingActive,
        Self::AbleToScale,
        Self::ScalingLimited,
    ];

    /// The `type` of the condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::ScalingActive => "ScalingActive",
            Self::AbleToScale => "AbleToScale",
            Self::ScalingLimited => "ScalingLimited",
            Self::MembershipHealthy => "MembershipHealthy",
            Self::MembershipStable => "MembershipStable",
        }
    }

    /// What the condition is about, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ready => "The spec is valid, the target is found and ours alone, and some metric can be read.",
            Self::ScalingActive => "Metrics are turned into a number of replicas.",
            Self::AbleToScale => "The target's replicas can be read and written.",
            Self::ScalingLimited => {
                "A bound, a policy or a lock keeps the replicas from what the metrics ask for; often no fault."
            }
            Self::MembershipHealthy => {
                "With `spec.membership`: every member of the cluster answers, and all list exactly those that have pods."
            }
            Self::MembershipStable => {
                "With `spec.membership`: no member is on its way in or out; False is how a change of size looks."
            }
        }
    }

    /// The status when all is well.
    pub const fn good(self) -> Status {
        match self {
            Self::Ready
            | Self::ScalingActive
            | Self::AbleToScale
            | Self::MembershipHealthy
            | Self::MembershipStable => Status::True,
            Self::ScalingLimited => Status::False,
        }
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It is not known.
    Unknown,
}

impl Status {
    /// The `status` of the condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition as found now; [`set_condition`] adds since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which condition.
    pub condition: ConditionType,
    /// Whether it holds.
    pub status: Status,
    /// Why, one of the constants of [`reason`].
    pub reason: &'static str,
    /// The reason with its numbers.
    pub message: String,
    /// Generation of the spec that was judged.
    pub observed_generation: Option<i64>,
}

/// Writes a verdict into the list: in the place of the last one of its type, in the order of [`ConditionType`].
///
/// `lastTransitionTime` moves only when the status changes, not the reason, and has whole seconds like the server's
/// copy, so that memory and what comes back compare equal.
pub fn set_condition(conditions: &mut Vec<Condition>, verdict: Verdict, now: Timestamp) {
    debug_assert!(
        reason::is_documented(verdict.condition, verdict.status, verdict.reason),
        "not in the table of reasons: {verdict:?}"
    );
    let Verdict {
        condition,
        status,
        reason,
        message,
        observed_generation,
    } = verdict;
    let last = conditions
        .iter()
        .position(|present| present.type_ == condition.as_str())
        .map(|at| conditions.remove(at));
    let last_transition_time = match last {
        Some(last) if last.status == status.as_str() => last.last_transition_time,
        Some(_) | None => Time(whole_seconds(now)),
    };
    let rank = |present: &Condition| ConditionType::ALL.iter().position(|of| of.as_str() == present.type_);
    let place = conditions
        .iter()
        .position(|present| rank(present).is_none_or(|rank| rank > condition as usize))
        .unwrap_or(conditions.len());
    let condition = Condition {
        last_transition_time,
        message: clip(message, MAX_CONDITION_MESSAGE),
        observed_generation,
        reason: reason.to_owned(),
        status: status.as_str().to_owned(),
        type_: condition.as_str().to_owned(),
    };
    conditions.insert(place, condition);
}

/// The reason that stands for a reading which is not Fresh.
pub const fn reason_of_reading(reading: &Reading) -> Option<&'static str> {
    match reading {
        Reading::Fresh { .. } => None,
        Reading::Stale { .. } => Some(reason::METRIC_STALE),
        Reading::Missing { .. } => Some(reason::METRIC_MISSING),
        Reading::NotANumber { .. } => Some(reason::METRIC_NOT_A_NUMBER),
        Reading::TooMany { .. } => Some(reason::METRIC_TOO_MANY_SERIES),
        Reading::Partial { .. } => Some(reason::METRIC_PARTIAL),
        Reading::Failed(Failure {
            question: Question::Probe,
            ..
        }) => Some(reason::PROBE_FAILED),
        Reading::Failed(Failure { class, .. }) => Some(reason_of_failure(*class)),
    }
}

/// The reason that stands for a query without a usable answer.
pub const fn reason_of_failure(class: FailureClass) -> &'static str {
    match class {
        FailureClass::SourceNotConfigured => reason::SOURCE_NOT_CONFIGURED,
        FailureClass::Unreachable => reason::SOURCE_UNREACHABLE,
        FailureClass::Timeout => reason::SOURCE_TIMEOUT,
        FailureClass::Unauthorized => reason::SOURCE_UNAUTHORIZED,
        FailureClass::BadQuery => reason::QUERY_REFUSED,
        FailureClass::Execution => reason::QUERY_FAILED,
        FailureClass::Unavailable => reason::SOURCE_UNAVAILABLE,
        FailureClass::HttpStatus => reason::SOURCE_HTTP_ERROR,
        FailureClass::MalformedAnswer => reason::ANSWER_MALFORMED,
        FailureClass::AnswerTooLarge => reason::ANSWER_TOO_LARGE,
        FailureClass::WrongResultType => reason::WRONG_RESULT_TYPE,
        FailureClass::UnknownMetricKind => reason::UNKNOWN_METRIC_KIND,
        FailureClass::PodsUnknown => reason::PODS_UNKNOWN,
        FailureClass::Internal => reason::INTERNAL_ERROR,
    }
}

/// A text of at most so many characters, cut with an ellipsis.
pub fn clip(text: String, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text;
    }
    let mut clipped: String = text.chars().take(limit.saturating_sub(1)).collect();
    clipped.push('…');
    clipped
}

#[cfg(test)]
mod tests;
