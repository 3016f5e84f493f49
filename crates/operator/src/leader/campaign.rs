//! Gets the lease: follows the steps of `candidacy.rs` until one of them succeeds.

use k8s_openapi::api::coordination::v1::Lease;

use super::candidacy::{Sighting, Step};
use super::record::{self, Hold};
use super::requests::{has_changed, is_unknown, report};
use super::{Elector, Handover, Held, Term, pause};
use crate::gate::CallError;

impl Elector {
    pub(super) async fn campaign(&mut self) -> Term {
        loop {
            match self.step() {
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
        self.attempted = self
            .attempted
            .take()
            .filter(|(hold, _)| self.may_have_begun(hold, lease.as_ref()));
        let (own, now) = (self.settings.timing.lease(), self.clock.boot());
        self.sighting = Some(match self.sighting.take() {
            Some(sighting) => sighting.then(lease, own, now),
            None => Sighting::first(lease, own, now),
        });
    }

    /// Whether a take-over without an answer may have been carried out: not once the lease has become something else, for
    /// then the version that it was sent with is gone.
    fn may_have_begun(&self, hold: &Hold, lease: Option<&Lease>) -> bool {
        let before = self.sighting.as_ref().and_then(Sighting::lease);
        before.map(record::version) == lease.map(record::version) || lease.is_some_and(|lease| hold.began(lease))
    }

    fn step(&self) -> Option<Step> {
        let sighting = self.sighting.as_ref()?;
        match (&self.attempted, sighting.lease()) {
            (Some((hold, handover)), Some(lease)) if hold.began(lease) => Some(Step::Take(*handover)),
            (Some(_) | None, _) => Some(sighting.step(self.clock.boot())),
        }
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
        let hold = self.next_hold(sighting.epoch().saturating_add(1));
        let (now, sent) = (self.clock.now(), self.clock.boot());
        let wanted = hold.write(sighting.lease()?.clone(), &self.settings.timing, now);
        match self.write("take the lease", &wanted).await {
            Ok(lease) => {
                (self.attempted, self.failures) = (None, 0);
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
                if is_unknown(&error) {
                    self.attempted = Some((hold, handover));
                }
                if handover == Handover::TakenOver && has_changed(&error) {
                    // The watch should have told us long ago.
                    self.watch.restart();
                }
                self.stumble(&error).await;
                None
            }
        }
    }

    /// The next term; the same again if its beginning has had no answer yet.
    fn next_hold(&self, epoch: i32) -> Hold {
        match &self.attempted {
            Some((hold, _)) if hold.epoch == epoch => hold.clone(),
            Some(_) | None => Hold {
                identity: self.settings.identity.clone(),
                epoch,
                acquired: self.clock.now(),
            },
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
