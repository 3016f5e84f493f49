//! Asks the API server about the lease, each time with a deadline of its own. Decides nothing.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;

use super::{Contact, Elector};
use crate::gate::CallError;

impl Elector {
    /// Writes the lease as it was seen: with its `resourceVersion`, or as a new one if it was missing.
    pub(super) async fn write(&mut self, what: &'static str, lease: &Lease) -> Result<Lease, CallError> {
        let (api, name, contact) = (&self.api, &self.settings.name, &self.contact);
        let limit = self.settings.timing.request_deadline();
        let parameters = PostParams::default();
        match lease.metadata.resource_version {
            Some(_) => call(contact, limit, what, api.replace(name, &parameters, lease)).await,
            None => call(contact, limit, what, api.create(&parameters, lease)).await,
        }
    }

    /// The lease as it is now, not as a cache has it.
    pub(super) async fn look(&mut self) -> Result<Option<Lease>, CallError> {
        let limit = self.settings.timing.request_deadline();
        let live = self.api.get_opt(&self.settings.name);
        let lease = call(&self.contact, limit, "read the lease", live).await?;
        self.note(lease.clone());
        Ok(lease)
    }
}

async fn call<T>(
    contact: &Contact,
    limit: Duration,
    what: &'static str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CallError> {
    let answer = tokio::time::timeout(limit, request).await;
    let answer = answer.map_err(|_elapsed| CallError::Timeout { what, limit })?;
    let answer = answer.map_err(|source| CallError::Api {
        what,
        source: Box::new(source),
    });
    if answer.as_ref().map_or_else(|error| error.code().is_some(), |_| true) {
        contact.beat();
    }
    answer
}

/// Whether the lease is no longer what it was when we last saw it.
pub(super) fn has_changed(error: &CallError) -> bool {
    matches!(error.code(), Some(404 | 409))
}

pub(super) fn report(error: &CallError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a request about the lease failed"
    );
}
