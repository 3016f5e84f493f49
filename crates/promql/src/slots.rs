//! Who may have how many of a source's requests under way: queries that hang must not take the others' turns.
//!
//! A text whose last request got no answer shares half of the slots with its like, until one of them is answered or a
//! while has passed. So twenty queries that hang delay the others once, for one deadline, and never again.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// A request given up earlier says nothing of its query: somebody changed their mind.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
/// How long a text is remembered that got no answer.
const REMEMBERED: Duration = Duration::from_mins(5);
/// The memory is not swept before it holds so many.
const SMALLEST_SWEEP: usize = 64;

/// The slots of one source.
#[derive(Debug)]
pub(crate) struct Slots {
    all: Semaphore,
    /// Half of them, for those that got no answer lately.
    for_laggards: Semaphore,
    laggards: Mutex<Laggards>,
    hasher: RandomState,
}

/// Hashes of texts, and until when each is remembered. Two texts of one hash only share a fate.
#[derive(Debug, Default)]
struct Laggards {
    until: HashMap<u64, Instant>,
    sweep_at: usize,
}

/// The right to have one request under way.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    _among_laggards: Option<SemaphorePermit<'a>>,
    _among_all: SemaphorePermit<'a>,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            all: Semaphore::new(count),
            for_laggards: Semaphore::new((count / 2).max(1)),
            laggards: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Waits for a slot.
    pub(crate) async fn acquire(&self, text: &str) -> Slot<'_> {
        let among_laggards = if self.lags(text) {
            Some(acquire(&self.for_laggards).await)
        } else {
            None
        };
        Slot {
            _among_laggards: among_laggards,
            _among_all: acquire(&self.all).await,
        }
    }

    /// The source has answered this text, whatever it said.
    pub(crate) fn answered(&self, text: &str) {
        let hash = self.hasher.hash_one(text);
        self.lock().until.remove(&hash);
    }

    /// A request with this text got no answer in so much time.
    pub(crate) fn silent(&self, text: &str, after: Duration) {
        if after < LEAST_PATIENCE {
            return;
        }
        let (hash, now) = (self.hasher.hash_one(text), Instant::now());
        let mut laggards = self.lock();
        laggards.sweep(now);
        laggards.until.insert(hash, now + REMEMBERED);
    }

    fn lags(&self, text: &str) -> bool {
        let hash = self.hasher.hash_one(text);
        self.lock()
            .until
            .get(&hash)
            .is_some_and(|until| Instant::now() < *until)
    }

    fn lock(&self) -> MutexGuard<'_, Laggards> {
        self.laggards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Laggards {
    fn sweep(&mut self, now: Instant) {
        if self.until.len() >= self.sweep_at.max(SMALLEST_SWEEP) {
            self.until.retain(|_, until| now < *until);
            self.sweep_at = 2 * self.until.len();
        }
    }
}

async fn acquire(slots: &Semaphore) -> SemaphorePermit<'_> {
    slots.acquire().await.expect("the slots are never closed")
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn what_got_no_answer_has_half_of_the_slots_and_leaves_the_rest_to_the_others() {
        let slots = Slots::new(4);
        for text in ["a", "b", "c"] {
            slots.silent(text, LONG);
        }
        let held: Vec<_> = ["a", "b"].map(|text| slots.acquire(text).now_or_never()).into();
        assert!(held.iter().all(Option::is_some));
        assert!(slots.acquire("c").now_or_never().is_none());
        let others: Vec<_> = ["x", "y"].map(|text| slots.acquire(text).now_or_never()).into();
        assert!(others.iter().all(Option::is_some));
        assert!(slots.acquire("z").now_or_never().is_none());
    }

    #[test]
    fn an_answer_puts_a_query_right_again() {
        let slots = Slots::new(2);
        for text in ["a", "b"] {
            slots.silent(text, LONG);
        }
        let _held = slots.acquire("a").now_or_never().unwrap();
        assert!(slots.acquire("b").now_or_never().is_none());
        slots.answered("b");
        assert!(slots.acquire("b").now_or_never().is_some());
    }

    #[test]
    fn who_gives_up_at_once_says_nothing_of_the_query() {
        let slots = Slots::new(2);
        slots.silent("a", Duration::from_millis(499));
        assert!(!slots.lags("a"));
        slots.silent("a", LEAST_PATIENCE);
        assert!(slots.lags("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_is_given_another_chance_after_a_while() {
        let slots = Slots::new(2);
        slots.silent("a", LONG);
        tokio::time::advance(Duration::from_secs(299)).await;
        assert!(slots.lags("a"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!slots.lags("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_does_not_grow_without_bound() {
        let slots = Slots::new(2);
        for round in 0..100 {
            for text in 0..10 {
                slots.silent(&format!("{round} {text}"), LONG);
            }
            tokio::time::advance(REMEMBERED).await;
        }
        assert!(slots.lock().until.len() <= SMALLEST_SWEEP);
    }

    #[test]
    fn a_source_with_one_slot_still_asks_what_got_no_answer() {
        let slots = Slots::new(1);
        slots.silent("a", LONG);
        assert!(slots.acquire("a").now_or_never().is_some());
    }
}
