//! A source that asks to be left alone (429 or 503 with `Retry-After`) is, for a while. Asking on would keep it down, and a
//! gateway that counts requests may count those that it refuses.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use autoscaler_core::{Failure, FailureClass};
use tokio::time::Instant;

/// The longest rest that is kept. Who cannot read a metric cannot follow a load that grows, so no source may silence us
/// for an hour.
const LONGEST: Duration = Duration::from_mins(5);

/// The rest of one source.
#[derive(Debug, Default)]
pub(crate) struct Rest(Mutex<Option<Asked>>);

#[derive(Debug, Clone, Copy)]
struct Asked {
    status: u16,
    length: Duration,
    until: Instant,
}

impl Rest {
    /// The source answered with this status and asked for a rest. `None` if it is not one of those that may.
    pub(crate) fn begin(&self, status: u16, wanted: Duration, now: Instant) -> Option<Failure> {
        if !matches!(status, 429 | 503) || wanted.is_zero() {
            return None;
        }
        let length = wanted.min(LONGEST);
        let asked = Asked {
            status,
            length,
            until: now + length,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        Some(asked.failure())
    }

    /// What is answered in place of a source that rests.
    pub(crate) fn failure(&self, now: Instant) -> Option<Failure> {
        let asked = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.filter(|asked| now < asked.until).map(Asked::failure)
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

    #[test]
    fn a_source_rests_for_as_long_as_it_asked() {
        let (rest, now) = (Rest::default(), Instant::now());
        assert_eq!(rest.failure(now), None);
        let said = rest.begin(429, MINUTE, now);
        let expected = Failure::of(FailureClass::Unavailable)
            .with_status(429)
            .because("the source asked to be left alone for 60 s");
        assert_eq!(said, Some(expected.clone()));
        assert_eq!(rest.failure(now + MINUTE - Duration::from_millis(1)), Some(expected));
        assert_eq!(rest.failure(now + MINUTE), None);
    }

    #[test]
    fn no_source_rests_for_more_than_five_minutes() {
        let (rest, now) = (Rest::default(), Instant::now());
        rest.begin(503, Duration::MAX, now);
        assert!(rest.failure(now + LONGEST - MINUTE).is_some());
        assert_eq!(rest.failure(now + LONGEST), None);
    }

    #[test]
    fn only_who_is_overloaded_may_ask_for_a_rest() {
        let (rest, now) = (Rest::default(), Instant::now());
        for status in [200, 301, 400, 500, 502] {
            assert_eq!(rest.begin(status, MINUTE, now), None);
        }
        assert_eq!(rest.begin(503, Duration::ZERO, now), None);
        assert_eq!(rest.failure(now), None);
    }
}
