//! The one file that reads a clock.
//!
//! Time is the wall clock at start plus `CLOCK_BOOTTIME` (R17): it never steps back, and it goes on while the process is
//! stopped or the machine sleeps, which a leader that wakes up late must notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Time since boot, for deadlines: comparable within one machine only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(Duration);

impl BootTime {
    /// A later point.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The clock of one process. Clones share the measured skew.
#[derive(Debug, Clone)]
pub struct Clock {
    wall_at_start: Timestamp,
    boot_at_start: BootTime,
    skew_milliseconds: Arc<AtomicI64>,
}

impl Clock {
    /// Reads the wall clock, once.
    pub fn start() -> Self {
        Self {
            wall_at_start: Timestamp::now(),
            boot_at_start: boot_time(),
            skew_milliseconds: Arc::default(),
        }
    }

    /// The time now, in whole milliseconds as it is stored.
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.boot().since(self.boot_at_start)).unwrap_or(SignedDuration::MAX);
        let now = self.wall_at_start.saturating_add(elapsed).unwrap_or(Timestamp::MAX);
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Time since boot, for deadlines.
    #[expect(clippy::unused_self, reason = "so that only those who were given a clock can ask it")]
    pub fn boot(&self) -> BootTime {
        boot_time()
    }

    /// Notes the `Date` that the API server put on an answer that has just arrived.
    ///
    /// The header has whole seconds, so anything within the second that it names counts as no skew.
    pub fn note_server_date(&self, date: Timestamp) {
        let ahead = self.now().as_millisecond() - date.as_millisecond();
        let skew = if (0..1_000).contains(&ahead) { 0 } else { ahead };
        self.skew_milliseconds.store(skew, Ordering::Relaxed);
    }

    /// How far this clock is ahead of the API server's.
    pub fn skew(&self) -> SignedDuration {
        SignedDuration::from_millis(self.skew_milliseconds.load(Ordering::Relaxed))
    }
}

fn boot_time() -> BootTime {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    BootTime(Duration::new(seconds, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r17_the_clock_never_steps_back_and_counts_milliseconds() {
        let clock = Clock::start();
        let first = clock.now();
        let second = clock.now();
        assert!(second >= first);
        assert_eq!(first.as_nanosecond() % 1_000_000, 0);
    }

    #[test]
    fn r17_a_date_of_the_same_second_is_no_skew() {
        let clock = Clock::start();
        let second = Timestamp::from_second(clock.now().as_second()).unwrap();
        clock.note_server_date(second);
        assert!(clock.skew().abs() < SignedDuration::from_secs(2));
        clock.note_server_date(second - SignedDuration::from_secs(60));
        assert!(clock.skew() >= SignedDuration::from_secs(60));
    }
}
