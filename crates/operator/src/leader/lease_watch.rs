//! Answers: what has become of the lease? A watch of one object that starts afresh after every failure.
//!
//! kube's own recovery would go on with the `resourceVersion` it has when the API server refuses the start of a watch
//! with 410, and so for ever; a new list costs one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::runtime::watcher::{self, watch_object};
use tokio::time::Instant;

use super::pause;
use crate::checks::{Check, Checks};

/// The watch.
pub(super) struct LeaseWatch {
    api: Api<Lease>,
    name: String,
    retry_after: Duration,
    stream: Option<BoxStream<'static, watcher::Result<Option<Lease>>>>,
    failures: u32,
    resume_at: Instant,
    is_up: Arc<AtomicBool>,
    _ready: Check,
}

impl LeaseWatch {
    pub(super) fn new(api: Api<Lease>, name: String, retry_after: Duration, ready: &Checks) -> Self {
        let is_up = Arc::new(AtomicBool::new(false));
        let up = Arc::clone(&is_up);
        let ready = ready.add("lease", move || {
            let is_up = up.load(Ordering::Relaxed);
            is_up
                .then_some(())
                .ok_or_else(|| "the Lease cannot be watched".to_owned())
        });
        Self {
            api,
            name,
            retry_after,
            stream: None,
            failures: 0,
            resume_at: Instant::now(),
            is_up,
            _ready: ready,
        }
    }

    /// The lease after its next change, or as it is when the watch begins; none if it does not exist.
    ///
    /// May be abandoned at any point and called again.
    pub(super) async fn next(&mut self) -> Option<Lease> {
        loop {
            tokio::time::sleep_until(self.resume_at).await;
            let stream = self
                .stream
                .get_or_insert_with(|| watch_object(self.api.clone(), &self.name).boxed());
            match stream.next().await {
                Some(Ok(lease)) => {
                    self.is_up.store(true, Ordering::Relaxed);
                    self.failures = 0;
                    return lease;
                }
                Some(Err(error)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the watch of the lease failed"
                    );
                    self.is_up.store(false, Ordering::Relaxed);
                    self.failures = self.failures.saturating_add(1);
                    self.resume_at = Instant::now() + pause(self.retry_after, self.failures, &self.name);
                    self.stream = None;
                }
                None => self.stream = None,
            }
        }
    }

    /// Begins again: what this watch shows is out of date.
    pub(super) fn restart(&mut self) {
        self.stream = None;
    }
}
