//! A replica of the operator that does nothing but write all the time while it may, and the journal of these writes.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::server::{NAME, NAMESPACE, Network, Server};
use crate::checks::Checks;
use crate::clock::Clock;
use crate::gate::Fence;
use crate::leader::{Elector, Settings, Term, Timing};
use crate::metrics::Metrics;
use crate::run::{Stopped, terms};

pub(super) const LEASE: Duration = Duration::from_secs(30);
pub(super) const LONGEST_WRITE: Duration = Duration::from_secs(5);

/// Between two writes.
const PAUSE: Duration = Duration::from_millis(40);

pub(super) fn timing() -> Timing {
    Timing::new(LEASE, LONGEST_WRITE).unwrap()
}

/// From the start of a write to the last moment at which the API server may carry it out. The clocks may have drifted
/// apart by 1 in 1,000 each way during a lease.
fn worst() -> Duration {
    (LONGEST_WRITE + timing().lateness()).saturating_sub(LEASE * 2 / 1_000)
}

/// One write, from when it was sent until it can no longer have any effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) by: String,
    pub(super) term: Term,
    pub(super) from: Instant,
    pub(super) until: Instant,
}

/// All writes of all replicas.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Vec<Write>>>);

impl Journal {
    pub(super) fn writes(&self) -> Vec<Write> {
        self.0.lock().unwrap().clone()
    }

    /// Writes of two terms never interleave. Says which do.
    pub(super) fn overlap(&self) -> Option<(Write, Write)> {
        let mut writes = self.writes();
        writes.sort_by_key(|write| write.from);
        let mut terms: Vec<Write> = Vec::new();
        for write in writes {
            let is_same = |term: &Write| term.by == write.by && term.term == write.term;
            if let Some(other) = terms.iter().find(|term| !is_same(term) && term.until > write.from) {
                return Some((other.clone(), write));
            }
            match terms.iter_mut().find(|term| is_same(term)) {
                Some(term) => term.until = term.until.max(write.until),
                None => terms.push(write),
            }
        }
        None
    }

    fn begin(&self, by: &str, term: Term) -> usize {
        let from = Instant::now();
        let mut writes = self.0.lock().unwrap();
        writes.push(Write {
            by: by.to_owned(),
            term,
            from,
            until: from + worst(),
        });
        writes.len() - 1
    }

    /// Its answer has come: no need to assume the worst.
    fn end(&self, index: usize) {
        let write = &mut self.0.lock().unwrap()[index];
        write.until = write.until.min(Instant::now());
    }
}

/// A process.
pub(super) struct Replica {
    pub(super) identity: String,
    pub(super) network: Network,
    pub(super) health: Checks,
    pub(super) ready: Checks,
    freezer: Freezer,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Replica {
    /// Starts a process whose clock is fast or slow by so many parts in a thousand.
    pub(super) fn start(server: &Server, journal: &Journal, identity: &str, permille: i32) -> Self {
        Self::start_with(server, identity, permille, {
            let (journal, identity) = (journal.clone(), identity.to_owned());
            move |fence, term, stop| write_until(fence, journal.clone(), identity.clone(), term, stop)
        })
    }

    /// Starts a process that does that work while it leads.
    pub(super) fn start_with<Leading>(
        server: &Server,
        identity: &str,
        permille: i32,
        lead: impl Fn(Fence, Term, CancellationToken) -> Leading + Send + Sync + 'static,
    ) -> Self
    where
        Leading: Future<Output = Stopped> + Send,
    {
        let (network, health, ready) = (Network::new(), Checks::default(), Checks::default());
        let clock = Clock::simulated(permille);
        let fence = Fence::closed(clock.clone());
        let settings = settings(identity);
        let (client, shutdown) = (server.client(&network), CancellationToken::new());
        let (metrics, _registry) = Metrics::new(&clock);
        let elector = Elector::new(client, clock, fence.clone(), settings, &health, &ready);
        let told = shutdown.clone();
        let process = async move {
            terms::hold(elector, &metrics, &told, |term, stop| lead(fence.clone(), term, stop)).await;
        };
        let freezer = Freezer::default();
        Self {
            identity: identity.to_owned(),
            network,
            health,
            ready,
            task: tokio::spawn(freezer.freezable(process)),
            freezer,
            shutdown,
        }
    }

    /// SIGSTOP.
    pub(super) fn freeze(&self) {
        self.freezer.0.lock().unwrap().is_frozen = true;
    }

    /// SIGCONT.
    pub(super) fn thaw(&self) {
        let mut state = self.freezer.0.lock().unwrap();
        state.is_frozen = false;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// SIGKILL.
    pub(super) fn kill(&self) {
        self.task.abort();
    }

    /// SIGTERM.
    pub(super) fn terminate(&self) {
        self.shutdown.cancel();
    }

    /// Waits for the process to end.
    pub(super) async fn ended(self) {
        self.task.await.unwrap();
    }
}

pub(super) fn settings(identity: &str) -> Settings {
    Settings {
        namespace: NAMESPACE.to_owned(),
        name: NAME.to_owned(),
        identity: identity.to_owned(),
        timing: timing(),
    }
}

/// Writes one thing after another, each taking a different part of the longest time, and lets the last one finish.
async fn write_until(fence: Fence, journal: Journal, by: String, term: Term, stop: CancellationToken) -> Stopped {
    for count in 1_u32.. {
        if stop.is_cancelled() {
            break;
        }
        if fence.remaining().is_some() {
            let write = journal.begin(&by, term);
            tokio::time::sleep(LONGEST_WRITE * (count * 7 % 11) / 11).await;
            journal.end(write);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Stopped { flushed: true }
}

/// Keeps a future from being polled.
#[derive(Clone, Default)]
struct Freezer(Arc<Mutex<Frozen>>);

#[derive(Default)]
struct Frozen {
    is_frozen: bool,
    waker: Option<Waker>,
}

impl Freezer {
    fn freezable<F: Future>(&self, inner: F) -> Freezable<F> {
        Freezable {
            freezer: self.clone(),
            inner: Box::pin(inner),
        }
    }
}

struct Freezable<F> {
    freezer: Freezer,
    inner: Pin<Box<F>>,
}

impl<F: Future> Future for Freezable<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        {
            let mut state = self.freezer.0.lock().unwrap();
            if state.is_frozen {
                state.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        self.inner.as_mut().poll(context)
    }
}
