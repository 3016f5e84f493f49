//! What one metric told us. Only [`Reading::Fresh`] is a number one may shrink on.
//!
//! KEDA reads an empty answer as 0 and NaN as a large negative number; both have scaled production down. Here every
//! odd answer is a state of its own, with its own reason, and none of them becomes a number by default (R1 to R6).

use std::sync::Arc;

use jiff::SignedDuration;

use crate::{Quantity, Replicas};

/// The outcome of reading one metric once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A number. Whether a change of size may rest on it depends on `evidence`.
    Fresh {
        /// The value, already exact.
        value: Quantity,
        /// What is known about the series behind it.
        evidence: Evidence,
    },
    /// The newest sample behind the answer is older than `limit` (`maxSampleAgeSeconds`).
    Stale {
        /// Age of the newest sample.
        age: SignedDuration,
        /// The largest age allowed.
        limit: SignedDuration,
    },
    /// The query answered with no series at all.
    Missing {
        /// The source has answered for one look-back and knows an `up` series, so the absence can be believed (R4).
        source_proven: bool,
    },
    /// NaN or an infinity.
    NotANumber {
        /// See [`Reading::Missing`].
        source_proven: bool,
    },
    /// Several series where one is due.
    TooMany {
        /// How many series came.
        series: usize,
        /// The pod that they came for, where one for each pod is due.
        pod: Option<Arc<str>>,
    },
    /// A number that covers only part of the load: it may justify growth, never a shrink (R2, R3).
    Partial {
        /// The value of the part that is there.
        value: Quantity,
        /// Why it is only a part.
        cause: PartialCause,
    },
    /// No answer, or one that is not an answer.
    Failed(Failure),
}

/// What is known about the series behind a number (R1, R2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Not asked yet: enough at rest, never for a change of size.
    Unprobed,
    /// Age and coverage were probed and are good.
    Probed,
    /// The query cannot be probed (it does not parse here, or names no series); a timed lock replaces the probe.
    Unprobeable,
}

/// Why a number covers only part of the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartialCause {
    /// The source sent a warning that is not mere advice.
    Warning,
    /// Fewer series than one look-back ago, by more than fewer replicas explain.
    FewerSeries {
        /// Series now.
        now: u64,
        /// Series one look-back ago.
        before: u64,
    },
    /// Scrape targets that had series lately are down, and Prometheus says so (`up` is 0).
    TargetsDown {
        /// How many.
        down: u64,
    },
    /// The series are younger than the look-back of the query, so its rate reads low.
    YoungSeries {
        /// The look-back that they do not fill yet.
        look_back: SignedDuration,
    },
    /// Nobody could tell whether the series fill the range, so the number may read low.
    UnknownFill {
        /// Why not.
        class: FailureClass,
    },
    /// Fewer pods are covered than are Ready.
    FewerPods {
        /// Pods that have a series.
        covered: u64,
        /// Pods that are Ready.
        ready: Replicas,
    },
}

/// A question that got no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class, stable enough for a label.
    pub class: FailureClass,
    /// HTTP status, if the source answered at all.
    pub status: Option<u16>,
    /// Which question it was.
    pub question: Question,
    /// What we know beyond the class, as words for a person. Ours, never a body of the source.
    pub detail: Option<Arc<str>>,
}

impl Failure {
    /// The user's query failed, without an HTTP status.
    pub const fn of(class: FailureClass) -> Self {
        Self {
            class,
            status: None,
            question: Question::Value,
            detail: None,
        }
    }

    /// With an HTTP status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// With words that say more than the class does.
    #[must_use]
    pub fn because(self, detail: impl Into<Arc<str>>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// Of the probe: the user's own query has answered.
    #[must_use]
    pub fn of_the_probe(self) -> Self {
        Self {
            question: Question::Probe,
            ..self
        }
    }
}

/// What a source was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The user's query.
    Value,
    /// Age and coverage of the series behind its number (R1, R2).
    Probe,
}

/// Classes of failure. Error text shown to users has a class and a code, never a body: bodies leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// No source is configured (`--prometheus-url` is unset).
    SourceNotConfigured,
    /// The connection could not be made.
    Unreachable,
    /// No answer within the deadline.
    Timeout,
    /// The source refused our credentials (401 or 403).
    Unauthorized,
    /// The source refuses the query as bad (400, `bad_data`), or it is refused before it is sent.
    BadQuery,
    /// The query failed while it ran (422, `execution`).
    Execution,
    /// The source is overloaded or shutting down (429, 502, 503, 504).
    Unavailable,
    /// Another HTTP error.
    HttpStatus,
    /// The answer is not Prometheus' JSON: HTML from a proxy, a truncated body, an unknown result type.
    MalformedAnswer,
    /// The answer is longer than the cap.
    AnswerTooLarge,
    /// The answer is well-formed, and a histogram, a string or a range: never a number.
    WrongResultType,
    /// The pods of the target are not known, so a metric of every pod says nothing.
    PodsUnknown,
    /// A metric kind this version of the operator does not know.
    UnknownMetricKind,
    /// The operator itself could not do its part; it is tried again.
    Internal,
}

impl FailureClass {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::SourceNotConfigured,
        Self::Unreachable,
        Self::Timeout,
        Self::Unauthorized,
        Self::BadQuery,
        Self::Execution,
        Self::Unavailable,
        Self::HttpStatus,
        Self::MalformedAnswer,
        Self::AnswerTooLarge,
        Self::WrongResultType,
        Self::PodsUnknown,
        Self::UnknownMetricKind,
        Self::Internal,
    ];

    /// The stable name used in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceNotConfigured => "source_not_configured",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::BadQuery => "bad_query",
            Self::Execution => "execution",
            Self::Unavailable => "unavailable",
            Self::HttpStatus => "http_status",
            Self::MalformedAnswer => "malformed_answer",
            Self::AnswerTooLarge => "answer_too_large",
            Self::WrongResultType => "wrong_result_type",
            Self::PodsUnknown => "pods_unknown",
            Self::UnknownMetricKind => "unknown_metric_kind",
            Self::Internal => "internal",
        }
    }

    /// The words for a person, behind a colon.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::SourceNotConfigured => "no source is configured",
            Self::Unreachable => "the source cannot be reached",
            Self::Timeout => "no answer in time",
            Self::Unauthorized => "the source refuses the operator's credentials",
            Self::BadQuery => "the source refuses the query",
            Self::Execution => "the query fails while it runs",
            Self::Unavailable => "the source is overloaded or shutting down",
            Self::HttpStatus => "the source answers with an error",
            Self::MalformedAnswer => "the answer is not Prometheus' JSON",
            Self::AnswerTooLarge => "the answer is longer than allowed",
            Self::WrongResultType => "the query answers with a histogram, a string or a range, not with a number",
            Self::PodsUnknown => "the pods of the target are not known",
            Self::UnknownMetricKind => "this version of the operator does not know its kind",
            Self::Internal => "the operator could not do its part, and tries again",
        }
    }
}

/// The name of a reading's state, stable enough for a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadingClass {
    /// See [`Reading::Fresh`].
    Fresh,
    /// See [`Reading::Stale`].
    Stale,
    /// See [`Reading::Missing`].
    Missing,
    /// See [`Reading::NotANumber`].
    NotANumber,
    /// See [`Reading::TooMany`].
    TooMany,
    /// See [`Reading::Partial`].
    Partial,
    /// See [`Reading::Failed`].
    Failed,
}

impl ReadingClass {
    /// The stable name used in labels and in status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "Fresh",
            Self::Stale => "Stale",
            Self::Missing => "Missing",
            Self::NotANumber => "NotANumber",
            Self::TooMany => "TooMany",
            Self::Partial => "Partial",
            Self::Failed => "Failed",
        }
    }
}

impl Reading {
    /// The state without its numbers.
    pub const fn class(&self) -> ReadingClass {
        match self {
            Self::Fresh { .. } => ReadingClass::Fresh,
            Self::Stale { .. } => ReadingClass::Stale,
            Self::Missing { .. } => ReadingClass::Missing,
            Self::NotANumber { .. } => ReadingClass::NotANumber,
            Self::TooMany { .. } => ReadingClass::TooMany,
            Self::Partial { .. } => ReadingClass::Partial,
            Self::Failed(_) => ReadingClass::Failed,
        }
    }

    /// The number it carries, whole or partial.
    pub const fn value(&self) -> Option<Quantity> {
        match self {
            Self::Fresh { value, .. } | Self::Partial { value, .. } => Some(*value),
            Self::Stale { .. }
            | Self::Missing { .. }
            | Self::NotANumber { .. }
            | Self::TooMany { .. }
            | Self::Failed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FailureClass;

    #[test]
    fn each_class_of_failure_has_a_label_of_its_own() {
        let labels: BTreeSet<&str> = FailureClass::ALL.into_iter().map(FailureClass::as_str).collect();
        assert_eq!(labels.len(), FailureClass::ALL.len());
        for label in labels {
            let is_snake_case = label.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            assert!(is_snake_case && !label.is_empty(), "{label:?}");
        }
    }
}
