//! Keeps the lease: renews it in time, and notices when it is somebody else's.

use k8s_openapi::api::coordination::v1::Lease;

use super::record::{self, Holder};
use super::requests::{has_changed, report};
use super::{Elector, Lost, pause};
use crate::clock::BootTime;
use crate::gate::CallError;

/// Why a renewal did not succeed.
enum NotRenewed {
    /// To be tried again.
    Failed(CallError),
    /// For good.
    Lost(Lost),
}

impl Elector {
    pub(super) async fn renew_until_lost(&mut self) -> Lost {
        let timing = self.settings.timing;
        let Some(mut tried) = self.held.as_ref().map(|held| held.renewed) else {
            return Lost::Expired;
        };
        let mut due = tried.plus(timing.renew_after());
        let mut failures = 0_u32;
        loop {
            let Some(left) = self.fence.remaining() else {
                return Lost::Expired;
            };
            let now = self.clock.boot();
            if now < due {
                let seen = tokio::time::timeout(left.min(due.since(now)), self.watch.next()).await;
                if seen.is_ok_and(|lease| !self.note_own(lease)) {
                    due = due.min(tried.plus(timing.retry_after()));
                }
                continue;
            }
            tried = now;
            due = match tokio::time::timeout(left, self.renew()).await {
                Ok(Ok(sent)) => {
                    failures = 0;
                    sent.plus(timing.renew_after())
                }
                Ok(Err(NotRenewed::Lost(lost))) => return lost,
                Ok(Err(NotRenewed::Failed(error))) => {
                    report(&error);
                    failures = failures.saturating_add(1);
                    let of = (&self.settings.identity, failures);
                    self.clock.boot().plus(pause(timing.retry_after(), 1, of))
                }
                Err(_elapsed) => return Lost::Expired,
            };
        }
    }

    /// Keeps what the watch showed, and says whether the lease is still ours by it. It may be late: only a renewal tells.
    fn note_own(&mut self, lease: Option<Lease>) -> bool {
        let is_own = lease.as_ref().map(record::holder) == Some(Holder::Named(self.settings.identity.clone()));
        self.note(lease);
        is_own
    }

    /// Renews the lease and extends the fence; says when the renewal was sent.
    async fn renew(&mut self) -> Result<BootTime, NotRenewed> {
        match self.send_renewal().await {
            Err(error) if has_changed(&error) => {}
            Err(error) => return Err(NotRenewed::Failed(error)),
            Ok(sent) => return Ok(sent),
        }
        // Somebody edited or deleted it, or an earlier renewal of ours was carried out without an answer.
        let live = self.look().await.map_err(NotRenewed::Failed)?;
        match live.as_ref().map(record::holder) {
            Some(Holder::Named(by)) if by != self.settings.identity => Err(NotRenewed::Lost(Lost::Taken { by })),
            None | Some(Holder::Named(_) | Holder::Never | Holder::Released { .. } | Holder::Unknown) => {
                // Nobody else can have led since our last renewal: that takes a whole lease unchanged.
                self.adopt(live);
                self.send_renewal().await.map_err(NotRenewed::Failed)
            }
        }
    }

    fn adopt(&mut self, live: Option<Lease>) {
        let missing = || record::missing(&self.settings.namespace, &self.settings.name);
        let lease = live.unwrap_or_else(missing);
        if let Some(held) = &mut self.held {
            held.lease = lease;
        }
    }

    async fn send_renewal(&mut self) -> Result<BootTime, CallError> {
        const WHAT: &str = "renew the lease";
        let held = self.held.as_ref().ok_or(CallError::NotLeader { what: WHAT })?;
        let (timing, now, sent) = (self.settings.timing, self.clock.now(), self.clock.boot());
        let wanted = held.hold.write(held.lease.clone(), &timing, now);
        let lease = self.write(WHAT, &wanted).await?;
        self.fence.open_until(timing.fence_until(sent));
        if let Some(held) = &mut self.held {
            held.lease = lease;
            held.renewed = sent;
        }
        Ok(sent)
    }
}
