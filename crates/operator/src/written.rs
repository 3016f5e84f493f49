//! What the API server is known to hold of an autoscaler's status, what is still owed to it, and when to try again. Pure.

use std::time::Duration;

use autoscaler_api::MetricAutoscalerStatus;

use crate::clock::BootTime;

/// Longest pause between attempts to write what the API server keeps refusing.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Written {
    /// The status that the API server last accepted.
    pub status: MetricAutoscalerStatus,
    /// The version of the object that it was accepted at.
    pub resource_version: String,
    /// What is remembered by in a status whose fate nobody told us.
    unanswered: Option<Remembered>,
    owed: bool,
    refusals: u32,
    not_before: BootTime,
}

/// What a status remembers by: the history of decisions, and the operation on a member.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remembered {
    history: Option<String>,
    record: Option<String>,
}

impl Remembered {
    fn of(status: &MetricAutoscalerStatus) -> Self {
        Self {
            history: status.history.clone(),
            record: status.operation.as_ref().map(|operation| operation.record.clone()),
        }
    }
}

/// Why a status was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setback {
    /// It was not stored, and the next one may well be: the version was old, or the lease in doubt.
    Missed,
    /// Nobody knows whether it was stored.
    Unanswered,
    /// The API server does not want it: the right is missing, or a policy denies it. It would say so again.
    Refused,
}

impl Written {
    /// What a watch delivered. Something is owed if more is known of it than it says.
    pub(crate) fn found(status: MetricAutoscalerStatus, resource_version: String, owed: bool) -> Self {
        Self {
            status,
            resource_version,
            unanswered: None,
            owed,
            refusals: 0,
            not_before: BootTime::default(),
        }
    }

    /// Everything that was to be written has been accepted.
    pub(crate) fn is_flushed(&self) -> bool {
        !self.owed
    }

    /// Whether to write now: there is news, or the last attempt came to nothing. A status whose answer was lost may
    /// have been stored, so what equals the last one that was accepted may still be news to the API server.
    pub(crate) fn is_due(&self, news: bool, now: BootTime) -> bool {
        (news || self.owed) && now >= self.not_before
    }

    /// Whether what is found on the API server remembers by what we wrote, or may have written. One without any history was
    /// never written.
    pub(crate) fn is_ours(&self, found: Option<&MetricAutoscalerStatus>) -> bool {
        let found = found.map(Remembered::of);
        let written = Some(Remembered::of(&self.status));
        match &found {
            None => self.status.operation.is_none(),
            Some(Remembered { history: None, record }) => *record == written.and_then(|written| written.record),
            Some(_) => found == written || found == self.unanswered,
        }
    }

    /// Whether an attempt may be made at all: what was refused is not sent again before its pause is over.
    pub(crate) fn may_be_tried(&self, now: BootTime) -> bool {
        now >= self.not_before
    }

    /// The API server holds it.
    pub(crate) fn accept(&mut self, status: MetricAutoscalerStatus, resource_version: String) {
        *self = Self::found(status, resource_version, false);
    }

    /// There is more to be written than what was accepted.
    pub(crate) fn owe(&mut self) {
        self.owed = true;
    }

    /// This status was not accepted. What is refused is tried again after pauses that double, but never
    /// exceed the time that the trouble has lasted by much; everything else at the next evaluation.
    pub(crate) fn set_back(
        &mut self,
        setback: Setback,
        status: &MetricAutoscalerStatus,
        interval: Duration,
        now: BootTime,
    ) {
        self.owed = true;
        match setback {
            Setback::Missed => {}
            Setback::Unanswered => self.unanswered = Some(Remembered::of(status)),
            Setback::Refused => {
                let pause = interval.saturating_mul(1 << self.refusals.min(16)).min(LONGEST_PAUSE);
                // A little less, so that the evaluation that falls on the end of the pause does not miss it.
                self.not_before = now.plus(pause.saturating_sub(interval / 2));
                self.refusals = self.refusals.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use autoscaler_api::OperationStatus;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(15);

    fn at(seconds: u64) -> BootTime {
        BootTime::default().plus(Duration::from_secs(seconds))
    }

    fn written() -> Written {
        let status = MetricAutoscalerStatus {
            history: Some("accepted".to_owned()),
            ..MetricAutoscalerStatus::default()
        };
        Written::found(status, "1".to_owned(), false)
    }

    #[test]
    fn r21_what_was_not_accepted_is_owed_even_when_there_is_no_news() {
        for setback in [Setback::Missed, Setback::Unanswered] {
            let mut written = written();
            assert!(!written.is_due(false, at(1)));
            written.set_back(setback, &MetricAutoscalerStatus::default(), INTERVAL, at(1));
            assert!(written.is_due(false, at(1)) && !written.is_flushed(), "{setback:?}");
            written.accept(MetricAutoscalerStatus::default(), "2".to_owned());
            assert!(!written.is_due(false, at(2)) && written.is_flushed(), "{setback:?}");
        }
    }

    #[test]
    fn what_is_refused_is_tried_again_ever_more_seldom() {
        let mut written = written();
        let mut attempts = Vec::new();
        for evaluation in 0..100 {
            let now = evaluation * INTERVAL.as_secs();
            if written.is_due(true, at(now)) {
                attempts.push(now);
                written.set_back(Setback::Refused, &MetricAutoscalerStatus::default(), INTERVAL, at(now));
            }
        }
        assert_eq!(attempts, [0, 15, 45, 105, 225, 465, 765, 1_065, 1_365]);
        written.accept(MetricAutoscalerStatus::default(), "2".to_owned());
        assert!(written.is_due(true, at(1_366)));
    }

    fn with(history: &str, record: Option<&str>) -> MetricAutoscalerStatus {
        let operation = record.map(|record| OperationStatus {
            record: record.to_owned(),
            ..OperationStatus::default()
        });
        MetricAutoscalerStatus {
            history: Some(history.to_owned()),
            operation,
            ..MetricAutoscalerStatus::default()
        }
    }

    #[test]
    fn a_history_whose_answer_was_lost_is_known_again() {
        let mut written = written();
        written.set_back(Setback::Unanswered, &with("lost", None), INTERVAL, at(1));
        assert!(written.is_ours(None));
        for history in ["accepted", "lost"] {
            assert!(written.is_ours(Some(&with(history, None))), "{history:?}");
        }
        assert!(!written.is_ours(Some(&with("foreign", None))));
    }

    #[test]
    fn m15_an_operation_that_somebody_else_has_stored_or_taken_away_is_noticed() {
        let mut written = Written::found(with("same", Some("gating")), "1".to_owned(), false);
        assert!(written.is_ours(Some(&with("same", Some("gating")))));
        assert!(!written.is_ours(Some(&with("same", Some("draining")))));
        assert!(!written.is_ours(Some(&with("same", None))) && !written.is_ours(None));
        written.set_back(Setback::Unanswered, &with("same", Some("draining")), INTERVAL, at(1));
        assert!(written.is_ours(Some(&with("same", Some("draining")))));
    }
}
