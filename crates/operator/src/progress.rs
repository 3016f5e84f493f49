//! Whether a leader gets on: what its checks behind `/readyz` and `/healthz` look at.
//!
//! A process that answers while nothing moves is not healthy. But a restart costs every autoscaler its certainty (R16),
//! so it must not be asked for by the few that are slow for reasons of their own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{BootTime, Clock};
use crate::snapshot::Key;

/// An evaluation may be late by so many intervals, and by at least [`LEAST`].
const INTERVALS: u32 = 3;

/// Whatever the interval: queries, probes and writes all have deadlines of seconds.
const LEAST: Duration = Duration::from_mins(1);

/// How long the watch of autoscalers may fail before edits, such as `mode: Paused`, must be believed to go unseen.
const BLIND: Duration = Duration::from_mins(1);

/// Failures further apart are no row. A failing watch is begun anew after at most a minute, and may take half a minute to
/// fail (`client.rs`); one that has come back may have nothing to deliver for hours.
const APART: Duration = Duration::from_mins(2);

/// See the module.
#[derive(Debug)]
pub(crate) struct Progress {
    clock: Clock,
    synced: AtomicBool,
    failing: Mutex<Option<Row>>,
    paces: Mutex<HashMap<Key, Arc<Pace>>>,
}

/// Failures in a row.
#[derive(Debug, Clone, Copy)]
struct Row {
    first: BootTime,
    last: BootTime,
}

impl Progress {
    /// Of a term that begins now.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            synced: AtomicBool::default(),
            failing: Mutex::default(),
            paces: Mutex::default(),
        }
    }

    /// The first list of autoscalers has arrived.
    pub(crate) fn note_synced(&self) {
        self.synced.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub(crate) fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Relaxed)
    }

    /// The watch of autoscalers has delivered something.
    pub(crate) fn note_watched(&self) {
        *lock(&self.failing) = None;
    }

    /// The watch of autoscalers has failed once more.
    pub(crate) fn note_watch_failed(&self) {
        let last = self.clock.boot();
        let mut failing = lock(&self.failing);
        let first = failing
            .filter(|row| last.since(row.last) < APART)
            .map_or(last, |row| row.first);
        *failing = Some(Row { first, last });
    }

    /// Whether autoscalers are seen as they are.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        if !self.is_synced() {
            return Err("the first list of autoscalers has not arrived".to_owned());
        }
        let now = self.clock.boot();
        match *lock(&self.failing) {
            Some(row) if now.since(row.last) < APART && now.since(row.first) >= BLIND => Err(format!(
                "the watch of autoscalers has been failing for {} s: edits are not seen",
                now.since(row.first).as_secs()
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether most evaluations keep up.
    pub(crate) fn health(&self) -> Result<(), String> {
        let now = self.clock.boot();
        let paces = lock(&self.paces);
        let overdue = || paces.iter().filter(|(_, pace)| !pace.overdue(now).is_zero());
        let count = overdue().count();
        let longest = overdue().max_by_key(|(_, pace)| pace.overdue(now));
        match longest {
            Some(((namespace, name), pace)) if count * 2 > paces.len() => Err(format!(
                "{count} of {} evaluations are overdue, that of {namespace}/{name} by {} s",
                paces.len(),
                pace.overdue(now).as_secs()
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// One more autoscaler, which must be evaluated for the first time soon.
    pub(crate) fn begin(&self, key: Key) -> Arc<Pace> {
        let pace = Arc::new(Pace {
            latest: AtomicU64::new(milliseconds(self.clock.boot().plus(LEAST))),
        });
        lock(&self.paces).insert(key, pace.clone());
        pace
    }

    /// One less.
    pub(crate) fn end(&self, key: &Key) {
        lock(&self.paces).remove(key);
    }
}

/// When one autoscaler must have been evaluated again.
#[derive(Debug)]
pub(crate) struct Pace {
    latest: AtomicU64,
}

impl Pace {
    /// It is due then.
    pub(crate) fn due(&self, at: BootTime, interval: Duration) {
        let latest = at.plus(LEAST.max(interval.saturating_mul(INTERVALS)));
        self.latest.store(milliseconds(latest), Ordering::Relaxed);
    }

    fn overdue(&self, now: BootTime) -> Duration {
        Duration::from_millis(milliseconds(now).saturating_sub(self.latest.load(Ordering::Relaxed)))
    }
}

fn milliseconds(at: BootTime) -> u64 {
    u64::try_from(at.since(BootTime::default()).as_millis()).unwrap_or(u64::MAX)
}

/// What is behind these locks is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    fn key(name: &str) -> Key {
        ("shop".to_owned(), name.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn one_slow_autoscaler_is_no_reason_to_restart_the_leader_and_most_of_them_are() {
        let clock = Clock::simulated(0);
        let progress = Progress::new(clock.clone());
        let paces = ["a", "b", "c", "d"].map(|name| progress.begin(key(name)));
        pass(59).await;
        assert_eq!(progress.health(), Ok(()));
        for pace in &paces[2..] {
            pace.due(clock.boot().plus(Duration::from_mins(5)), Duration::from_secs(15));
        }
        pass(11).await;
        assert_eq!(progress.health(), Ok(()));
        progress.end(&key("d"));
        assert_eq!(
            progress.health().unwrap_err().split(", ").next(),
            Some("2 of 3 evaluations are overdue")
        );
        paces[0].due(clock.boot(), Duration::from_secs(15));
        assert_eq!(progress.health(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_fails_for_a_minute_is_not_ready_until_it_delivers_or_is_silent() {
        let progress = Progress::new(Clock::simulated(0));
        assert!(progress.readiness().is_err());
        progress.note_synced();
        let fail_for_a_minute = async || {
            for _ in 0..2 {
                assert_eq!(progress.readiness(), Ok(()));
                progress.note_watch_failed();
                pass(30).await;
            }
        };
        fail_for_a_minute().await;
        assert_eq!(
            progress.readiness().unwrap_err(),
            "the watch of autoscalers has been failing for 60 s: edits are not seen"
        );
        progress.note_watched();
        fail_for_a_minute().await;
        assert!(progress.readiness().is_err());
        // The watch was begun anew, and there is nothing to deliver.
        pass(90).await;
        assert_eq!(progress.readiness(), Ok(()));
    }
}
