//! Whether evaluations keep up: what `/healthz` of a leader looks at. A process that answers while nothing moves is not
//! healthy.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{BootTime, Clock};

/// An evaluation may be late by so many intervals, and by at least [`LEAST`].
const INTERVALS: u32 = 3;

/// Whatever the interval: queries, probes and writes all have deadlines of seconds.
const LEAST: Duration = Duration::from_mins(1);

/// When one autoscaler must have been evaluated again.
#[derive(Debug)]
pub struct Pace {
    latest: AtomicU64,
}

impl Pace {
    /// Must be evaluated for the first time soon.
    pub fn new(clock: &Clock) -> Self {
        Self {
            latest: AtomicU64::new(milliseconds(clock.boot().plus(LEAST))),
        }
    }

    /// It is due then.
    pub fn due(&self, at: BootTime, interval: Duration) {
        let latest = at.plus(LEAST.max(interval.saturating_mul(INTERVALS)));
        self.latest.store(milliseconds(latest), Ordering::Relaxed);
    }

    /// How long it has been overdue.
    pub fn overdue(&self, now: BootTime) -> Duration {
        Duration::from_millis(milliseconds(now).saturating_sub(self.latest.load(Ordering::Relaxed)))
    }
}

fn milliseconds(at: BootTime) -> u64 {
    u64::try_from(at.since(BootTime::default()).as_millis()).unwrap_or(u64::MAX)
}
