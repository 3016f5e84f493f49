//! Answers: is this process well, and is it ready? Named conditions behind `/healthz` and `/readyz`.
//!
//! A check lives as long as its guard, so a term that ends takes its checks with it. Health is progress: a loop that
//! still runs but gets nothing done must fail its check.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{BootTime, Clock};

type Verdict = dyn Fn() -> Result<(), String> + Send + Sync;

/// A set of checks. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Checks {
    entries: Arc<Mutex<Entries>>,
}

#[derive(Default)]
struct Entries {
    next: u64,
    present: BTreeMap<u64, (String, Arc<Verdict>)>,
}

impl Checks {
    /// Adds a check: nothing if all is well, else a sentence that says what is not.
    pub(crate) fn add(
        &self,
        name: impl Into<String>,
        verdict: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Check {
        let mut entries = self.lock();
        let key = entries.next;
        entries.next += 1;
        entries.present.insert(key, (name.into(), Arc::new(verdict)));
        Check {
            checks: self.clone(),
            key,
        }
    }

    /// Adds a check that fails when a loop has made no progress for longer than `allowed`.
    pub(crate) fn heartbeat(&self, clock: &Clock, name: impl Into<String>, allowed: Duration) -> Heartbeat {
        let last = Arc::new(Mutex::new(clock.boot()));
        let (heard, of) = (Arc::clone(&last), clock.clone());
        let check = self.add(name, move || {
            let silent = of.boot().since(*lock(&heard));
            if silent <= allowed {
                return Ok(());
            }
            Err(format!(
                "no progress for {} s, allowed are {} s",
                silent.as_secs(),
                allowed.as_secs()
            ))
        });
        Heartbeat {
            clock: clock.clone(),
            last,
            _check: check,
        }
    }

    /// A line for each check that fails.
    pub(crate) fn failures(&self) -> Vec<String> {
        // Not under the lock: a verdict may take its time, or end a check.
        let present: Vec<_> = self.lock().present.values().cloned().collect();
        let failing = |(name, verdict): (String, Arc<Verdict>)| verdict().err().map(|why| format!("{name}: {why}"));
        present.into_iter().filter_map(failing).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        lock(&self.entries)
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.lock().present.values().map(|(name, _)| name.clone()).collect();
        formatter.debug_tuple("Checks").field(&names).finish()
    }
}

/// Keeps a check in force until it is dropped.
#[derive(Debug)]
#[must_use = "the check ends when this is dropped"]
pub(crate) struct Check {
    checks: Checks,
    key: u64,
}

impl Drop for Check {
    fn drop(&mut self) {
        self.checks.lock().present.remove(&self.key);
    }
}

/// By which a loop shows that it gets on. Its check ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    clock: Clock,
    last: Arc<Mutex<BootTime>>,
    _check: Check,
}

impl Heartbeat {
    /// There was progress now.
    pub(crate) fn beat(&self) {
        *lock(&self.last) = self.clock.boot();
    }
}

/// What is behind these locks is whole after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_counts_until_its_guard_is_dropped() {
        let checks = Checks::default();
        let watch = checks.add("watch", || Err("not synced".to_owned()));
        let _fine = checks.add("fine", || Ok(()));
        assert_eq!(checks.failures(), ["watch: not synced"]);
        drop(watch);
        assert_eq!(checks.failures(), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_falls_silent_fails_until_it_beats_again() {
        let (checks, clock) = (Checks::default(), Clock::simulated(0));
        let heartbeat = checks.heartbeat(&clock, "loop", Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(checks.failures(), Vec::<String>::new());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(checks.failures(), ["loop: no progress for 12 s, allowed are 10 s"]);
        heartbeat.beat();
        assert_eq!(checks.failures(), Vec::<String>::new());
    }
}
