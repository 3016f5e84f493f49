//! Whether a watch keeps failing. One that works says nothing while nothing changes, so only the errors tell: one that is
//! broken has another at least every half a minute, which is as long as the pauses between its attempts become.

use std::fmt;
use std::time::Duration;

use autoscaler_core::explain;
use jiff::SignedDuration;
use tokio::time::Instant;

/// Without an error for so long a watch works: the longest pause, with time for an attempt that hangs.
const QUIET: Duration = Duration::from_secs(90);

/// A watch that has failed for so long is not trusted any more.
const LASTING: Duration = Duration::from_mins(1);

/// Errors of a watch without one that works in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    words: String,
    since: Instant,
    last: Instant,
}

impl Trouble {
    /// One more error, after those before.
    pub(super) fn after(before: Option<&Self>, words: String, now: Instant) -> Self {
        let before = before.filter(|before| !before.is_over(now));
        Self {
            words,
            since: before.map_or(now, |before| before.since),
            last: now,
        }
    }

    /// Whether the watch must be working again.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.last) > QUIET
    }

    /// Whether it has lasted so long that what was seen before is not to be trusted.
    pub(crate) fn is_lasting(&self) -> bool {
        self.last.duration_since(self.since) >= LASTING
    }
}

/// As the end of a sentence.
impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lasts = SignedDuration::try_from(self.last.duration_since(self.since)).unwrap_or_default();
        let (words, lasts) = (&self.words, explain::span(lasts));
        write!(formatter, "it has been failing for {lasts}: {words}")
    }
}
