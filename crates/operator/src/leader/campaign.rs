//! Gets the lease: follows the steps of `candidacy.rs` until one of them succeeds.

use k8s_openapi::api::coordination::v1::Lease;

use super::candidacy::{Sighting, Step};
use super::record::{self, Hold};
use super::requests::{has_changed, report};
use super::{Elector, Handover, Held, Term, pause};
use crate::gate::CallError;

impl Elector {
    pub(super) async fn campaign(&mut self) -> Term {
        loop {
            match self.sighting.as_ref().map(|sighting| sighting.step(self.clock.boot())) {
                None => self.see().await,
                Some(Step::Wait(until)) => {
                    // In short waits: tokio's clock stands still while the machine sleeps, and ours does not.
                    let left = until.since(self.clock.boot()).min(self.settings.timing.renew_after());
                    // Whether it changed or the time is up: the next step depends on both.
                    let _ = tokio::time::timeout(left, self.see()).await;
                }
                Some(Step::Create) => self.create().await,
                Some(Step::Take(handover)) => {
                    if let Some(term) = self.take(handover).await {
                        return term;
                    }
                }
            }
        }
    }

    /// Keeps what the API server showed.
    pub(super) fn note(&mut self, lease: Option<Lease>) {
        self.contact.beat();
        let (own, now) = (self.settings.timing.lease(), self.clock.boot());
        self.sighting = Some(match self.sighting.take() {
            Some(sighting) => sighting.then(lease, own, now),
            None => Sighting::first(lease, own, now),
        });
    }

    async fn see(&mut self) {
        let lease = self.watch.next().await;
        self.note(lease);
    }

    async fn create(&mut self) {
        let epoch = self.sighting.as_ref().map_or(0, Sighting::epoch);
        let missing = record::missing(&self.settings.namespace, &self.settings.name);
        let lease = record::in_doubt(missing, epoch, &self.settings.timing, self.clock.now());
        match self.write("create the lease", &lease).await {
            Ok(lease) => {
                let seconds = self.settings.timing.lease_seconds();
                tracing::info!(
                    seconds,
                    "the lease was missing: created it, and wait in case somebody believes to hold it"
                );
                self.note(Some(lease));
            }
            Err(error) => self.stumble(&error).await,
        }
    }

    async fn take(&mut self, handover: Handover) -> Option<Term> {
        let sighting = self.sighting.as_ref()?;
        let hold = Hold {
            identity: self.settings.identity.clone(),
            epoch: sighting.epoch().saturating_add(1),
            acquired: self.clock.now(),
        };
        let wanted = hold.write(sighting.lease()?.clone(), &self.settings.timing, hold.acquired);
        let sent = self.clock.boot();
        match self.write("take the lease", &wanted).await {
            Ok(lease) => {
                self.failures = 0;
                self.fence.open_until(self.settings.timing.fence_until(sent));
                let epoch = hold.epoch;
                self.held = Some(Held {
                    hold,
                    lease,
                    renewed: sent,
                });
                Some(Term { epoch, handover })
            }
            Err(error) => {
                if handover == Handover::TakenOver && has_changed(&error) {
                    // The watch should have told us long ago.
                    self.watch.restart();
                }
                self.stumble(&error).await;
                None
            }
        }
    }

    /// After a request that did not succeed: look at the lease if it has changed, else wait a little.
    async fn stumble(&mut self, error: &CallError) {
        if has_changed(error) && self.look().await.is_ok() {
            return;
        }
        report(error);
        self.failures = self.failures.saturating_add(1);
        let retry_after = self.settings.timing.retry_after();
        tokio::time::sleep(pause(retry_after, self.failures, &self.settings.identity)).await;
    }
}
