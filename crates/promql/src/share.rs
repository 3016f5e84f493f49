//! One identical question at one instant is asked once, whoever asks.
//!
//! A question under way is joined while it is young, and an answer is handed out again while it is young: how young
//! is the caller's choice. Age counts from when the request was sent, not from when its answer came, so nobody is
//! given a number older than they allow. Callers may leave at any moment: the work goes on while one of them waits,
//! and stops, giving back its slot, when none does.

use std::collections::HashMap;
use std::fmt;
use std::future::{self, Future};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use tokio::time::Instant;

/// Entries beyond which no further answer is kept. Questions under way are as many as there are callers waiting.
const MAX_ENTRIES: usize = 1024;
/// The map is not swept before it holds so many.
const SMALLEST_SWEEP: usize = 64;

/// Work that several callers wait for.
type Flight<A> = Shared<BoxFuture<'static, A>>;

/// Questions under way and answers just given.
#[derive(Debug)]
pub(crate) struct Share<A: Clone>(Mutex<Kept<A>>);

#[derive(Debug)]
struct Kept<A: Clone> {
    entries: HashMap<Arc<str>, Entry<A>>,
    /// The size at which the map is swept next: twice what the last sweep left, so that each question pays for a
    /// bounded share of it.
    sweep_at: usize,
}

#[derive(Debug)]
struct Entry<A: Clone> {
    sent: Sent,
    state: State<A>,
}

enum State<A: Clone> {
    UnderWay(WeakShared<BoxFuture<'static, A>>),
    Answered { answer: A, until: Instant },
}

/// When a question was sent; not yet while it waits for a slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent(Arc<OnceLock<Instant>>);

/// What a caller accepts of others, and leaves to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// How old an answer may be; `None`: it must be under way still.
    pub(crate) answered: Option<Duration>,
    /// How long ago a question under way may have been sent.
    pub(crate) under_way: Duration,
}

/// An answer to come, and whether it comes by another's request.
pub(crate) struct Asked<A: Clone> {
    pub(crate) answer: Flight<A>,
    pub(crate) joined: bool,
}

impl<A: Clone + Send + Sync + 'static> Share<A> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Kept {
            entries: HashMap::new(),
            sweep_at: SMALLEST_SWEEP,
        })))
    }

    /// Asks, or joins who has asked. `work` is polled by those who wait for it and by nothing else. `keep` says
    /// whether an answer may be handed out again.
    pub(crate) fn ask<W>(
        self: &Arc<Self>,
        question: &Arc<str>,
        sharing: Sharing,
        keep: fn(&A) -> bool,
        work: impl FnOnce(Sent) -> W,
    ) -> Asked<A>
    where
        W: Future<Output = A> + Send + 'static,
    {
        let mut kept = self.lock();
        if let Some(answer) = kept.entries.get(question).and_then(|entry| entry.usable(sharing)) {
            return Asked { answer, joined: true };
        }
        let sent = Sent::default();
        let answer = self.flight(question, &sent, sharing, keep, work(sent.clone()));
        kept.sweep();
        if let Some(under_way) = answer.downgrade() {
            kept.entries.insert(
                Arc::clone(question),
                Entry {
                    sent,
                    state: State::UnderWay(under_way),
                },
            );
        }
        Asked { answer, joined: false }
    }

    fn flight(
        self: &Arc<Self>,
        question: &Arc<str>,
        sent: &Sent,
        sharing: Sharing,
        keep: fn(&A) -> bool,
        work: impl Future<Output = A> + Send + 'static,
    ) -> Flight<A> {
        let (share, question, sent) = (Arc::clone(self), Arc::clone(question), sent.clone());
        let landing = async move {
            let answer = work.await;
            let kept = keep(&answer).then(|| answer.clone()).zip(sharing.answered);
            share.lock().land(&question, &sent, kept);
            answer
        };
        landing.boxed().shared()
    }

    fn lock(&self) -> MutexGuard<'_, Kept<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Clone + Send + Sync + 'static> Kept<A> {
    /// Keeps an answer for as long as callers of its kind accept it, or forgets the question.
    fn land(&mut self, question: &Arc<str>, sent: &Sent, answer: Option<(A, Duration)>) {
        let room = self.entries.len() <= MAX_ENTRIES;
        let Some(entry) = self.entries.get_mut(question).filter(|entry| entry.sent.is(sent)) else {
            return;
        };
        match answer.filter(|_| room) {
            Some((answer, age)) => {
                entry.state = State::Answered {
                    answer,
                    until: sent.now() + age,
                }
            }
            None => drop(self.entries.remove(question)),
        }
    }

    /// Drops what nobody can use any longer.
    fn sweep(&mut self) {
        if self.entries.len() >= self.sweep_at {
            let now = Instant::now();
            self.entries.retain(|_, entry| entry.is_alive(now));
            self.sweep_at = (2 * self.entries.len()).max(SMALLEST_SWEEP);
        }
    }
}

impl<A: Clone + Send + Sync + 'static> Entry<A> {
    fn usable(&self, sharing: Sharing) -> Option<Flight<A>> {
        match &self.state {
            State::UnderWay(flight) if self.sent.is_within(sharing.under_way) => flight.upgrade(),
            State::Answered { answer, until: _ } if self.sent.is_within(sharing.answered?) => {
                Some(future::ready(answer.clone()).boxed().shared())
            }
            State::UnderWay(_) | State::Answered { .. } => None,
        }
    }

    fn is_alive(&self, now: Instant) -> bool {
        match &self.state {
            State::UnderWay(flight) => flight.upgrade().is_some(),
            State::Answered { answer: _, until } => now <= *until,
        }
    }
}

impl Sent {
    /// The request goes out now.
    pub(crate) fn now(&self) -> Instant {
        *self.0.get_or_init(Instant::now)
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn is_within(&self, age: Duration) -> bool {
        self.0.get().is_none_or(|sent| sent.elapsed() <= age)
    }
}

impl<A: Clone> fmt::Debug for State<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnderWay(_) => "UnderWay",
            Self::Answered { .. } => "Answered",
        })
    }
}

#[cfg(test)]
mod tests;
