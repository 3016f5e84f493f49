//! The gate that calls to the API server pass: a deadline, a place in line, and for writes a valid lease. All but the watches,
//! and those about the lease, which has deadlines of its own.
//!
//! kube has no read deadline of its own and retries for minutes, so without this a black-holed request would hang an
//! autoscaler, and a queued write could land after leadership is lost.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kube::core::Status;
use tokio::sync::Semaphore;

use crate::clock::{BootTime, Clock};

/// Requests in flight at once. HTTP/1.1 needs a connection each, and 1,000 at once take longer than 16 at a time.
const IN_FLIGHT: usize = 16;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer in time. A write may have happened all the same.
    #[error("failed to {what} within {seconds} s", seconds = .limit.as_secs_f32())]
    Timeout {
        /// What was tried.
        what: &'static str,
        /// The deadline.
        limit: Duration,
    },
    /// Not sent: the lease may have passed to another replica.
    #[error("failed to {what}: this replica may no longer be the leader")]
    NotLeader {
        /// What was not tried.
        what: &'static str,
    },
    /// The API server answered with an error, or could not be reached.
    #[error("failed to {what}: {}", answer(.source))]
    Api {
        /// What was tried.
        what: &'static str,
        /// What came back.
        #[source]
        source: Box<kube::Error>,
    },
}

impl CallError {
    /// The HTTP status, if the API server answered.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Api { source, .. } => match &**source {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            Self::Timeout { .. } | Self::NotLeader { .. } => None,
        }
    }

    /// A short stable name for labels and messages: never a body.
    pub(crate) fn category(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::NotLeader { .. } => "not_leader",
            Self::Api { .. } => match self.code() {
                Some(401) => "unauthorized",
                Some(403) => "forbidden",
                Some(404) => "not_found",
                Some(409) => "conflict",
                Some(422) => "invalid",
                Some(429) => "throttled",
                Some(500..) => "server_error",
                Some(_) => "refused",
                None => "unreachable",
            },
        }
    }

    /// Whether a kind that was to be discovered is not served: of an unknown group the API server says 404, of an unknown
    /// kind in a known group kube does.
    pub(crate) fn is_unknown_kind(&self) -> bool {
        match self {
            Self::Api { source, .. } => matches!(&**source, kube::Error::Discovery(_)) || self.is_not_found(),
            Self::Timeout { .. } | Self::NotLeader { .. } => false,
        }
    }

    /// Whether a write may have been carried out all the same.
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Api { .. } => self.code().is_none_or(|code| code >= 500),
            Self::NotLeader { .. } => false,
        }
    }

    /// Whether we lack the right to `verb`. An admission policy answers 403 as well, but in other words than the
    /// authorizer (`k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go`, `forbiddenMessage`).
    pub(crate) fn lacks_right(&self, verb: &str) -> bool {
        match self {
            Self::Api { source, .. } => match &**source {
                kube::Error::Api(status) => {
                    status.code == 403 && status.message.contains(&format!("cannot {verb} resource"))
                }
                _ => false,
            },
            Self::Timeout { .. } | Self::NotLeader { .. } => false,
        }
    }

    /// Whether the object asked for does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }
}

/// Longest part of an answer, or of another's text, that is shown.
const MAX_SHOWN: usize = 256;

/// What the API server said: why an admission policy or a quota refuses a write is what the person on call needs.
pub(crate) fn answer(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => said(status),
        _ => "the API server could not be reached".to_owned(),
    }
}

/// The same of an error within an answer.
pub(crate) fn said(status: &Status) -> String {
    format!("HTTP {}: {}", status.code, shown(&status.message))
}

/// So much of a text of others as is shown.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

/// Until when this replica may write. Shared between the lease keeper, which extends it, and everybody who writes.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    clock: Clock,
    until: tokio::sync::watch::Sender<Option<BootTime>>,
}

impl Fence {
    /// A closed fence: nobody writes before a lease is held.
    pub(crate) fn closed(clock: Clock) -> Self {
        Self {
            clock,
            until: tokio::sync::watch::Sender::new(None),
        }
    }

    /// Writes may start until then.
    pub(crate) fn open_until(&self, until: BootTime) {
        self.until.send_replace(Some(until));
    }

    /// No more writes.
    pub(crate) fn close(&self) {
        self.until.send_replace(None);
    }

    /// How long writes may still start; none if they may not.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        let until = (*self.until.borrow())?;
        let remaining = until.since(self.clock.boot());
        (!remaining.is_zero()).then_some(remaining)
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    limit: Duration,
    fence: Fence,
    places: Arc<Semaphore>,
}

impl Gate {
    /// A gate with a deadline per call.
    pub(crate) fn new(limit: Duration, fence: Fence) -> Self {
        Self {
            limit,
            fence,
            places: Arc::new(Semaphore::new(IN_FLIGHT)),
        }
    }

    /// The same gate with a line of its own: what waits there takes no place from anybody else.
    #[must_use]
    pub(crate) fn with_own_places(&self, places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            ..self.clone()
        }
    }

    /// Whether a write may be started now: for what goes past the API server, to the members of a cluster (M15).
    pub(crate) fn may_write(&self) -> bool {
        self.fence.remaining().is_some()
    }

    /// A call that changes nothing.
    pub(crate) async fn read<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, CallError> {
        self.within(what, call, || Ok(())).await
    }

    /// A call that changes something: not sent unless the lease is held at that moment.
    pub(crate) async fn write<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, CallError> {
        self.within(what, call, || match self.fence.remaining() {
            Some(_) => Ok(()),
            None => Err(CallError::NotLeader { what }),
        })
        .await
    }

    async fn within<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<T, kube::Error>>,
        allowed: impl FnOnce() -> Result<(), CallError>,
    ) -> Result<T, CallError> {
        let limited = tokio::time::timeout(self.limit, async {
            let _place = self.places.acquire().await.expect("the semaphore is never closed");
            allowed()?;
            call.await.map_err(|source| CallError::Api {
                what,
                source: Box::new(source),
            })
        });
        limited.await.unwrap_or(Err(CallError::Timeout {
            what,
            limit: self.limit,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn never() -> Result<(), kube::Error> {
        std::future::pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_in_a_line_of_its_own_takes_no_place_from_others() {
        const LIMIT: Duration = Duration::from_secs(5);
        let gate = Gate::new(LIMIT, Fence::closed(Clock::simulated(0)));
        let apart = gate.with_own_places(1);
        let began = tokio::time::Instant::now();
        let hanging = (0..2 * IN_FLIGHT).map(|_| apart.read("wait", never()));
        let (_, read) = tokio::join!(futures::future::join_all(hanging), async {
            let read = gate.read("read", std::future::ready(Ok(()))).await;
            (read.is_ok(), began.elapsed())
        });
        assert_eq!(read, (true, Duration::ZERO));
    }
}
