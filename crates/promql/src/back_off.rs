//! A source that asks to be left alone (429 or 503 with `Retry-After`) is, for a while. Asking on would keep it down, and a
//! gateway that counts requests may count those that it refuses.
//!
//! A gateway may as well refuse one query that is too expensive. So at first only the query that was answered so rests; all
//! do while several different ones have been.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use autoscaler_core::{Failure, FailureClass};
use tokio::time::Instant;

/// The longest that is honoured. Who cannot read a metric cannot follow a load that grows, so no source may silence us
/// for an hour.
const LONGEST: Duration = Duration::from_mins(5);

/// So many different queries at rest mean the source, and not the queries.
const SEVERAL: usize = 3;

/// What of one source is left alone.
#[derive(Debug, Default)]
pub(crate) struct BackOff(Mutex<BTreeMap<String, Asked>>);

#[derive(Debug, Clone, Copy)]
struct Asked {
    status: u16,
    length: Duration,
    until: Instant,
}

impl BackOff {
    /// The source answered this query with this status and asked for a rest. `None` if it is not one of those that may.
    pub(crate) fn begin(&self, text: &str, status: u16, wanted: Duration, now: Instant) -> Option<Failure> {
        if !matches!(status, 429 | 503) || wanted.is_zero() {
            return None;
        }
        let length = wanted.min(LONGEST);
        let asked = Asked {
            status,
            length,
            until: now + length,
        };
        self.at(now).insert(text.to_owned(), asked);
        Some(asked.failure())
    }

    /// What is answered to this query in place of a source that rests.
    pub(crate) fn failure(&self, text: &str, now: Instant) -> Option<Failure> {
        let resting = self.at(now);
        let own = resting.get(text);
        let all = || resting.values().max_by_key(|asked| asked.until);
        own.or_else(|| all().filter(|_| resting.len() >= SEVERAL))
            .map(|asked| asked.failure())
    }

    /// The queries that rest now.
    fn at(&self, now: Instant) -> MutexGuard<'_, BTreeMap<String, Asked>> {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain(|_, asked| now < asked.until);
        resting
    }
}

impl Asked {
    /// Always the same words, so that a status which tells them does not change by itself (R24).
    fn failure(self) -> Failure {
        let seconds = self.length.as_secs();
        Failure::of(FailureClass::Unavailable)
            .with_status(self.status)
            .because(format!("the source asked to be left alone for {seconds} s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn left_alone(status: u16, seconds: u64) -> Failure {
        let words = format!("the source asked to be left alone for {seconds} s");
        let failure = Failure::of(FailureClass::Unavailable);
        failure.with_status(status).because(words)
    }

    #[test]
    fn a_query_rests_for_as_long_as_the_source_asked() {
        let (back_off, now) = (BackOff::default(), Instant::now());
        assert_eq!(back_off.failure("a", now), None);
        assert_eq!(back_off.begin("a", 429, MINUTE, now), Some(left_alone(429, 60)));
        let last = now + MINUTE - Duration::from_millis(1);
        assert_eq!(back_off.failure("a", last), Some(left_alone(429, 60)));
        assert_eq!(back_off.failure("a", now + MINUTE), None);
    }

    #[test]
    fn one_query_that_is_answered_so_again_and_again_silences_no_other() {
        let (back_off, now) = (BackOff::default(), Instant::now());
        for second in 0..600 {
            let now = now + Duration::from_secs(second);
            back_off.begin("expensive", 429, MINUTE, now);
            assert_eq!(back_off.failure("cheap", now), None);
        }
    }

    #[test]
    fn all_rest_while_several_different_queries_have_been_answered_so() {
        let (back_off, now) = (BackOff::default(), Instant::now());
        back_off.begin("a", 503, MINUTE, now);
        back_off.begin("b", 503, 2 * MINUTE, now);
        assert_eq!(back_off.failure("d", now), None);
        back_off.begin("c", 503, 3 * MINUTE, now);
        assert_eq!(back_off.failure("d", now), Some(left_alone(503, 180)));
        assert_eq!(back_off.failure("a", now), Some(left_alone(503, 60)));
        assert_eq!(back_off.failure("d", now + MINUTE), None);
        assert_eq!(back_off.failure("c", now + MINUTE), Some(left_alone(503, 180)));
    }

    #[test]
    fn no_query_rests_for_more_than_five_minutes() {
        let (back_off, now) = (BackOff::default(), Instant::now());
        back_off.begin("a", 503, Duration::MAX, now);
        assert!(back_off.failure("a", now + LONGEST - MINUTE).is_some());
        assert_eq!(back_off.failure("a", now + LONGEST), None);
    }

    #[test]
    fn only_who_is_overloaded_may_ask_for_a_rest() {
        let (back_off, now) = (BackOff::default(), Instant::now());
        for status in [200, 301, 400, 500, 502] {
            assert_eq!(back_off.begin("a", status, MINUTE, now), None);
        }
        assert_eq!(back_off.begin("a", 503, Duration::ZERO, now), None);
        assert_eq!(back_off.failure("a", now), None);
    }
}
