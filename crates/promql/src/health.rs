//! Since when a source has been answering: half of the proof that an absence can be believed (R4).

use std::sync::{Mutex, PoisonError};

use autoscaler_core::FailureClass;
use jiff::SignedDuration;
use tokio::time::Instant;

/// The record of one source.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    /// The oldest request since which no gap is known.
    answering_since: Option<Instant>,
    /// The newest request that was answered.
    newest_answered: Option<Instant>,
}

impl Health {
    /// A request sent at `asked` was answered.
    pub(crate) fn answered(&self, asked: Instant) {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.answering_since.get_or_insert(asked);
        record.newest_answered = record.newest_answered.max(Some(asked));
    }

    /// A request sent at `asked` failed.
    pub(crate) fn failed(&self, asked: Instant, class: FailureClass) {
        match class {
            // The source has spoken; it is the query that is at fault.
            FailureClass::BadQuery
            | FailureClass::Execution
            | FailureClass::AnswerTooLarge
            | FailureClass::WrongResultType => self.answered(asked),
            FailureClass::Timeout => self.silent(asked),
            FailureClass::SourceNotConfigured
            | FailureClass::Unreachable
            | FailureClass::Unauthorized
            | FailureClass::Unavailable
            | FailureClass::HttpStatus
            | FailureClass::MalformedAnswer
            | FailureClass::UnknownMetricKind
            | FailureClass::PodsUnknown
            | FailureClass::Internal => self.gap(),
        }
    }

    /// Nobody waits any longer for the answer to a request sent at `asked`. If the source has meanwhile answered one
    /// sent later, that query was slow; otherwise it is the source.
    pub(crate) fn silent(&self, asked: Instant) {
        let newest_answered = self.0.lock().unwrap_or_else(PoisonError::into_inner).newest_answered;
        if newest_answered.is_none_or(|newest| newest <= asked) {
            self.gap();
        }
    }

    /// Whether the source has answered without a gap for so long.
    pub(crate) fn has_answered_for(&self, look_back: SignedDuration, now: Instant) -> bool {
        let since = self.0.lock().unwrap_or_else(PoisonError::into_inner).answering_since;
        since.is_some_and(|since| look_back.unsigned_abs() <= now.saturating_duration_since(since))
    }

    fn gap(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answering_since = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: SignedDuration = SignedDuration::from_mins(1);

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn r4_a_source_has_answered_for_a_look_back_only_when_that_has_passed() {
        let (health, start) = (Health::default(), Instant::now());
        assert!(!health.has_answered_for(MINUTE, start));
        health.answered(start);
        health.answered(after(start, 30));
        assert!(!health.has_answered_for(MINUTE, after(start, 59)));
        assert!(health.has_answered_for(MINUTE, after(start, 60)));
    }

    #[test]
    fn r4_an_outage_starts_the_look_back_anew() {
        for class in [
            FailureClass::Unreachable,
            FailureClass::Unavailable,
            FailureClass::MalformedAnswer,
        ] {
            let (health, start) = (Health::default(), Instant::now());
            health.answered(start);
            health.failed(after(start, 70), class);
            health.answered(after(start, 80));
            assert!(!health.has_answered_for(MINUTE, after(start, 139)), "{class:?}");
            assert!(health.has_answered_for(MINUTE, after(start, 140)), "{class:?}");
        }
    }

    #[test]
    fn a_query_that_fails_by_its_own_fault_is_an_answer_of_the_source() {
        for class in [
            FailureClass::BadQuery,
            FailureClass::Execution,
            FailureClass::AnswerTooLarge,
        ] {
            let (health, start) = (Health::default(), Instant::now());
            health.answered(start);
            health.failed(after(start, 50), class);
            assert!(health.has_answered_for(MINUTE, after(start, 60)), "{class:?}");
        }
    }

    #[test]
    fn one_slow_query_is_no_gap_while_later_ones_are_answered() {
        let (health, start) = (Health::default(), Instant::now());
        health.answered(start);
        health.answered(after(start, 55));
        health.silent(after(start, 50));
        assert!(health.has_answered_for(MINUTE, after(start, 60)));
        health.silent(after(start, 58));
        assert!(!health.has_answered_for(MINUTE, after(start, 60)));
    }
}
