//! Answers: has it happened yet? Polls a condition under a deadline, so that no test ever sleeps for a guessed time.
//!
//! May not decide what a condition means: the last observation is only quoted in the panic message.

use std::fmt::Display;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// How long to rest between two attempts: short beside anything a control plane does, long enough not to be load.
const TICK: Duration = Duration::from_millis(25);

/// The same where many wait at once for what takes minutes: their looking must not be the load.
const SLOW_TICK: Duration = Duration::from_millis(500);

/// What one attempt may return: `Some`, `Ok` and `true` end the wait; an `Err` is quoted when time runs out.
pub trait Attempt {
    /// What the wait yields when it succeeds.
    type Value;

    /// The value, or what was seen instead.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl<T> Attempt for Option<T> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "not yet".to_owned())
    }
}

impl<T, E: Display> Attempt for Result<T, E> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

impl Attempt for bool {
    type Value = ();

    fn outcome(self) -> Result<(), String> {
        self.then_some(()).ok_or_else(|| "false".to_owned())
    }
}

/// Polls `attempt` until it succeeds.
///
/// # Panics
///
/// When `deadline` has passed: the message says what was waited for, where, and what was seen last.
#[track_caller]
pub fn eventually<O, F, Fut>(what: &str, deadline: Duration, attempt: F) -> impl Future<Output = O::Value>
where
    O: Attempt,
    F: FnMut() -> Fut,
    Fut: Future<Output = O>,
{
    wait(what.to_owned(), deadline, TICK, Location::caller(), attempt)
}

/// The same for what takes minutes: it looks twice a second.
///
/// # Panics
///
/// As [`eventually`] does.
#[track_caller]
pub fn patiently<O, F, Fut>(what: &str, deadline: Duration, attempt: F) -> impl Future<Output = O::Value>
where
    O: Attempt,
    F: FnMut() -> Fut,
    Fut: Future<Output = O>,
{
    wait(what.to_owned(), deadline, SLOW_TICK, Location::caller(), attempt)
}

async fn wait<O, F, Fut>(
    what: String,
    deadline: Duration,
    tick: Duration,
    caller: &'static Location<'static>,
    attempt: F,
) -> O::Value
where
    O: Attempt,
    F: FnMut() -> Fut,
    Fut: Future<Output = O>,
{
    match every(tick, deadline, attempt).await {
        Ok(value) => value,
        Err(last) => panic!("waited {deadline:?} in vain for {what} (at {caller}); last seen: {last}"),
    }
}

/// Polls `attempt` until it succeeds, or returns what was seen last when `deadline` has passed.
pub async fn within<O, F, Fut>(deadline: Duration, attempt: F) -> Result<O::Value, String>
where
    O: Attempt,
    F: FnMut() -> Fut,
    Fut: Future<Output = O>,
{
    every(TICK, deadline, attempt).await
}

async fn every<O, F, Fut>(tick: Duration, deadline: Duration, mut attempt: F) -> Result<O::Value, String>
where
    O: Attempt,
    F: FnMut() -> Fut,
    Fut: Future<Output = O>,
{
    let end = Instant::now() + deadline;
    let mut last = "nothing".to_owned();
    loop {
        match timeout_at(end, attempt()).await.map(Attempt::outcome) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(seen)) => last = seen,
            Err(_) => return Err(format!("{last}; the attempt after that never finished")),
        }
        if Instant::now() + tick >= end {
            return Err(last);
        }
        sleep(tick).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_value_of_the_first_attempt_that_succeeds_is_returned() {
        let mut attempts = 0;
        let value = eventually("the third attempt", Duration::from_secs(5), || {
            attempts += 1;
            let seen = (attempts == 3).then_some(attempts);
            async move { seen }
        });
        assert_eq!(value.await, 3);
    }

    #[tokio::test]
    async fn when_time_runs_out_the_last_observation_is_quoted() {
        let seen = within(Duration::from_millis(60), || async { Err::<(), _>("2 of 3 pods") }).await;
        assert_eq!(seen, Err("2 of 3 pods".to_owned()));
    }

    #[tokio::test]
    async fn an_attempt_that_never_finishes_does_not_outlast_the_deadline() {
        let seen = within(Duration::from_millis(60), std::future::pending::<Option<()>>).await;
        assert_eq!(seen, Err("nothing; the attempt after that never finished".to_owned()));
    }

    #[tokio::test]
    #[should_panic(expected = "waited 60ms in vain for pods")]
    async fn the_panic_says_what_was_waited_for() {
        eventually("pods", Duration::from_millis(60), || async { false }).await;
    }
}
