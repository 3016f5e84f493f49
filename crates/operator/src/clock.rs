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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct BootTime(Duration);

impl BootTime {
    /// A later point.
    #[must_use]
    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The clock of one process. Clones share the measured skew.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    source: Source,
    wall_at_start: Timestamp,
    boot_at_start: BootTime,
    skew_milliseconds: Arc<AtomicI64>,
}

/// Where time comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// `CLOCK_BOOTTIME`.
    Boot,
    /// Tokio's clock, which a test can pause and move, running fast or slow by so many parts in a thousand.
    #[cfg(test)]
    Simulated {
        origin: tokio::time::Instant,
        permille: i32,
    },
}

impl Clock {
    /// Reads the wall clock, once.
    pub(crate) fn start() -> Self {
        let (wall_at_start, boot_at_start) = same_moment();
        Self {
            source: Source::Boot,
            wall_at_start,
            boot_at_start,
            skew_milliseconds: Arc::default(),
        }
    }

    /// A clock for tests that follows tokio's, faster or slower by so many parts in a thousand.
    #[cfg(test)]
    pub(crate) fn simulated(permille: i32) -> Self {
        let source = Source::Simulated {
            origin: tokio::time::Instant::now(),
            permille,
        };
        Self {
            source,
            wall_at_start: Timestamp::UNIX_EPOCH,
            boot_at_start: source.read(),
            skew_milliseconds: Arc::default(),
        }
    }

    /// The time now, in whole milliseconds as it is stored.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.boot().since(self.boot_at_start)).unwrap_or(SignedDuration::MAX);
        let now = self.wall_at_start.saturating_add(elapsed).unwrap_or(Timestamp::MAX);
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// When the process started.
    pub(crate) fn started(&self) -> Timestamp {
        self.wall_at_start
    }

    /// Time since boot, for deadlines.
    pub(crate) fn boot(&self) -> BootTime {
        self.source.read()
    }

    /// Notes the `Date` that the API server put on an answer that has just arrived.
    ///
    /// The header has whole seconds, so anything within the second that it names counts as no skew.
    pub(crate) fn note_server_date(&self, date: Timestamp) {
        let ahead = self.now().as_millisecond() - date.as_millisecond();
        let skew = if (0..1_000).contains(&ahead) { 0 } else { ahead };
        self.skew_milliseconds.store(skew, Ordering::Relaxed);
    }

    /// How far this clock is ahead of the API server's.
    pub(crate) fn skew(&self) -> SignedDuration {
        SignedDuration::from_millis(self.skew_milliseconds.load(Ordering::Relaxed))
    }
}

/// What is taken off our clock to have the API server's time: what is stored outlasts this process, and is read by others
/// whose clocks may be right (ADR 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Correction(SignedDuration);

impl Correction {
    /// Follows the measured skew, but only where the corrected clock would be off by more than is allowed: a `Date` has
    /// whole seconds and took a while to come, and time must not jump to and fro with it.
    pub(crate) fn follow(&mut self, skew: SignedDuration, allowed: SignedDuration) {
        if skew.saturating_sub(self.0).abs() > allowed {
            self.0 = skew;
        }
    }

    /// A time of our clock, corrected.
    pub(crate) fn apply(self, time: Timestamp) -> Timestamp {
        time.saturating_sub(self.0).unwrap_or(time)
    }
}

impl Source {
    fn read(self) -> BootTime {
        match self {
            Self::Boot => boot_time(),
            #[cfg(test)]
            Self::Simulated { origin, permille } => {
                let elapsed = origin.elapsed();
                let drift = elapsed * permille.unsigned_abs() / 1_000;
                BootTime(if permille < 0 {
                    elapsed.saturating_sub(drift)
                } else {
                    elapsed + drift
                })
            }
        }
    }
}

/// Both clocks at once: if the process is held up between the two readings, it is behind for good. The quickest of a few
/// attempts was not held up.
fn same_moment() -> (Timestamp, BootTime) {
    const ATTEMPTS: usize = 5;
    let attempt = |_| {
        let before = boot_time();
        let wall = Timestamp::now();
        (boot_time().since(before), wall, before)
    };
    let quickest = (0..ATTEMPTS).map(attempt).min_by_key(|(took, ..)| *took);
    let (_, wall, boot) = quickest.expect("there is more than one attempt");
    (wall, boot)
}

/// What this process has used of the CPUs.
pub(crate) fn cpu_time() -> Duration {
    read(ClockId::ProcessCPUTime)
}

fn boot_time() -> BootTime {
    BootTime(read(ClockId::Boottime))
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r17_the_clock_counts_milliseconds() {
        assert_eq!(Clock::start().now().as_nanosecond() % 1_000_000, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn r17_the_clock_goes_on_with_the_time_since_boot_whatever_the_wall_clock_does() {
        let clock = Clock::simulated(0);
        let began = clock.now();
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(clock.now().duration_since(began), SignedDuration::from_hours(1));
    }

    #[tokio::test(start_paused = true)]
    async fn r17_a_date_of_the_same_second_is_no_skew() {
        let clock = Clock::simulated(0);
        let second = clock.now();
        let skew_after = async |wait: u64, date: Timestamp| {
            tokio::time::advance(Duration::from_millis(wait)).await;
            clock.note_server_date(date);
            clock.skew()
        };
        assert_eq!(skew_after(999, second).await, SignedDuration::ZERO);
        assert_eq!(skew_after(1, second).await, SignedDuration::from_secs(1));
        let ahead = second + SignedDuration::from_secs(61);
        assert_eq!(skew_after(0, ahead).await, SignedDuration::from_secs(-60));
    }

    #[test]
    fn r17_a_correction_follows_the_skew_but_not_its_jitter() {
        const HOUR: i64 = 3_600_000;
        let allowed = SignedDuration::from_secs(5);
        let mut correction = Correction::default();
        let mut corrected = |skew: i64| {
            correction.follow(SignedDuration::from_millis(skew), allowed);
            correction.apply(Timestamp::UNIX_EPOCH).as_millisecond()
        };
        // Within what is allowed our own clock is as good.
        assert_eq!([0, 4_900, -4_900, 1_000].map(&mut corrected), [0; 4]);
        // An hour ahead, measured by dates of whole seconds.
        let jitter = [HOUR, HOUR + 999, HOUR + 1_700, HOUR - 300, HOUR + 4_999];
        assert_eq!(jitter.map(&mut corrected), [-HOUR; 5]);
        // The clocks are set right.
        assert_eq!([400, -200].map(&mut corrected), [-400; 2]);
    }
}
