//! One term of leadership after another. Knows when work must end and whether the lease may be given up, not what the
//! work is.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::Stopped;
use crate::leader::{Elector, LONGEST_RELEASE, Lost, Term};
use crate::metrics::Metrics;

/// How long work may take to end.
const GRACE: Duration = Duration::from_secs(15);

/// Kubernetes ends a pod by force after so long (the default of `terminationGracePeriodSeconds`).
const PATIENCE: Duration = Duration::from_secs(30);

const _: () = assert!(
    GRACE.as_secs() + LONGEST_RELEASE.as_secs() < PATIENCE.as_secs(),
    "a process that is ended by force may still be writing while another replica leads"
);

/// How a term ended.
#[derive(Debug)]
enum End {
    /// Work ended, as it was told to.
    Finished,
    /// Work ended, but some writes have had no answer.
    Unanswered,
    /// Work did not end in time.
    Overdue,
    /// The lease is gone.
    Lost(Lost),
    /// Work ended without being told to.
    Deserted,
    /// Work panicked.
    Panicked(String),
}

/// Leads whenever it may, until shut down.
pub(crate) async fn hold<Leading: Future<Output = Stopped>>(
    mut elector: Elector,
    metrics: &Metrics,
    shutdown: &CancellationToken,
    lead: impl Fn(Term, CancellationToken) -> Leading,
) {
    while let Some(term) = elector.acquire(shutdown).await {
        tracing::info!(epoch = term.epoch, handover = ?term.handover, "this replica leads");
        metrics.leads(true);
        let end = serve(&mut elector, shutdown, |stop| lead(term, stop)).await;
        metrics.leads(false);
        finish(&mut elector, term, end).await;
    }
}

/// Works and keeps the lease. Whatever ends first, the other is dropped before this returns.
async fn serve<Leading: Future<Output = Stopped>>(
    elector: &mut Elector,
    shutdown: &CancellationToken,
    lead: impl FnOnce(CancellationToken) -> Leading,
) -> End {
    let work = AssertUnwindSafe(async { lead(shutdown.child_token()).await }).catch_unwind();
    let grace = async {
        shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        lost = elector.keep() => End::Lost(lost),
        result = work => match result {
            Ok(_) if !shutdown.is_cancelled() => End::Deserted,
            Ok(Stopped { flushed: true }) => End::Finished,
            Ok(Stopped { flushed: false }) => End::Unanswered,
            Err(panic) => End::Panicked(message(&*panic)),
        },
        () = grace => End::Overdue,
    }
}

/// The lease is given up only if nothing of this term can still be on its way.
async fn finish(elector: &mut Elector, term: Term, end: End) {
    let epoch = term.epoch;
    match end {
        End::Finished => {
            elector.release().await;
            tracing::info!(epoch, "the term has ended in order");
            return;
        }
        End::Unanswered => tracing::warn!(epoch, "some writes had no answer: the lease is left to expire"),
        End::Overdue => tracing::warn!(epoch, "work did not end in time: the lease is left to expire"),
        End::Lost(Lost::Expired) => tracing::warn!(epoch, "the lease could not be renewed in time"),
        End::Lost(Lost::Taken { by }) => tracing::warn!(epoch, by, "the lease is held by another replica"),
        End::Deserted => tracing::error!(epoch, "work ended without being told to: the lease is left to expire"),
        End::Panicked(detail) => tracing::error!(epoch, detail, "work panicked: the lease is left to expire"),
    }
    elector.abandon();
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
