//! Answers: how long is everything about a lease? The one place with its arithmetic. Reads no clock.
//!
//! With a lease of 30 s and writes of at most 5 s:
//!
//! ```text
//! sent                  +10 s     +15 s     +20 s   +23 s                       +30 s
//!  |---------------------|---------|---------|-------|---------------------------|
//!  a renewal that        renew     deadline  again   the fence closes:           the earliest moment at which
//!  succeeds is sent                                  no write starts any more    another replica may take over
//! ```

use std::time::Duration;

use crate::clock::BootTime;

/// A renewal is due after a third of the lease, so that one may fail and the next still comes in time.
const RENEWALS_PER_LEASE: u32 = 3;

/// One request about the lease may take a sixth of it: 5 s of 30 s.
const REQUESTS_PER_LEASE: u32 = 6;

/// Between two attempts lies a thirtieth of the lease: 1 s of 30 s.
const RETRIES_PER_LEASE: u32 = 30;

/// The share of the lease that is left for what we cannot see: a write that the API server still carries out after we
/// gave up waiting for it, and two clocks that differ by 1 in 1,000. 2 s of 30 s, of which 30 ms are for the clocks.
const LATENESS_PER_LEASE: u32 = 15;

/// Why a lease cannot protect writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "failed to fit writes of up to {} s into a lease of {} s: make the lease at least {} s long",
    .longest_write.as_secs_f32(), .lease.as_secs(), .shortest.as_secs()
)]
pub struct TimingError {
    lease: Duration,
    longest_write: Duration,
    shortest: Duration,
}

/// The durations of one lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    seconds: i32,
    lease: Duration,
    longest_write: Duration,
}

impl Timing {
    /// A lease is written in whole seconds, so a fraction is rounded up.
    ///
    /// Writes may start for at least half of it, or a single renewal that is late would end the term:
    /// write + lease/15 <= lease/2, so lease >= write x 30/13.
    pub(crate) fn new(lease: Duration, longest_write: Duration) -> Result<Self, TimingError> {
        let lease = whole_seconds(lease);
        let shortest = whole_seconds(longest_write * 30 / 13).max(Duration::from_secs(1));
        let seconds = i32::try_from(lease.as_secs()).ok().filter(|_| lease >= shortest);
        let seconds = seconds.ok_or(TimingError {
            lease,
            longest_write,
            shortest,
        })?;
        Ok(Self {
            seconds,
            lease,
            longest_write,
        })
    }

    /// How long nobody else may take the lease after a renewal.
    pub(crate) fn lease(&self) -> Duration {
        self.lease
    }

    /// The same, as it is written in the lease.
    pub(crate) fn lease_seconds(&self) -> i32 {
        self.seconds
    }

    /// From the sending of a renewal that succeeded to the next.
    pub(crate) fn renew_after(&self) -> Duration {
        self.lease / RENEWALS_PER_LEASE
    }

    /// Between two attempts.
    pub(crate) fn retry_after(&self) -> Duration {
        self.lease / RETRIES_PER_LEASE
    }

    /// The longest time for one request about the lease. No longer than the margin, so that no answer is accepted after
    /// the moment at which another replica could have taken over.
    pub(crate) fn request_deadline(&self) -> Duration {
        (self.lease / REQUESTS_PER_LEASE).min(self.margin())
    }

    /// Until when writes may start, given when the last renewal that succeeded was sent.
    ///
    /// Whoever takes over has watched the lease unchanged for its whole duration, and cannot have seen the renewal
    /// before it was sent: at `sent + lease`, a write started at the last moment is over.
    pub(crate) fn fence_until(&self, sent: BootTime) -> BootTime {
        sent.plus(self.lease.saturating_sub(self.margin()))
    }

    fn margin(&self) -> Duration {
        self.longest_write + self.lease / LATENESS_PER_LEASE
    }

    /// How late the API server may carry out a write that we gave up on.
    #[cfg(test)]
    pub(crate) fn lateness(&self) -> Duration {
        self.lease / LATENESS_PER_LEASE
    }
}

fn whole_seconds(duration: Duration) -> Duration {
    let fraction = u64::from(duration.subsec_nanos() > 0);
    Duration::from_secs(duration.as_secs().saturating_add(fraction))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::clock::Clock;

    #[rstest]
    #[case::the_defaults(30.0, 5.0, 23.0)]
    #[case::a_fraction_is_rounded_up(29.2, 5.0, 23.0)]
    #[case::the_longest_write_that_fits(30.0, 13.0, 15.0)]
    #[case::short_leases_for_tests(3.0, 0.5, 2.3)]
    fn the_fence_closes_before_the_lease_ends(#[case] lease: f64, #[case] write: f64, #[case] open: f64) {
        let timing = Timing::new(Duration::from_secs_f64(lease), Duration::from_secs_f64(write)).unwrap();
        let sent = Clock::start().boot();
        assert_eq!(timing.fence_until(sent).since(sent), Duration::from_secs_f64(open));
    }

    #[rstest]
    #[case(
        30.0,
        13.1,
        "failed to fit writes of up to 13.1 s into a lease of 30 s: make the lease at least 31 s long"
    )]
    #[case(
        1.0,
        0.5,
        "failed to fit writes of up to 0.5 s into a lease of 1 s: make the lease at least 2 s long"
    )]
    fn a_lease_that_cannot_protect_writes_is_refused(#[case] lease: f64, #[case] write: f64, #[case] message: &str) {
        let error = Timing::new(Duration::from_secs_f64(lease), Duration::from_secs_f64(write)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn a_renewal_may_fail_once_within_the_fence() {
        for (lease, write) in [(30, 5_000), (30, 13_000), (3, 500), (3, 1_300), (2, 500)] {
            let timing = Timing::new(Duration::from_secs(lease), Duration::from_millis(write)).unwrap();
            let sent = Clock::start().boot();
            let first_failed = timing.renew_after() + timing.request_deadline();
            assert!(first_failed <= timing.fence_until(sent).since(sent), "{timing:?}");
        }
    }
}
