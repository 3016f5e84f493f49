//! Answers: may this replica act? Leader election on a Lease, with a fence that closes before anybody else may act.
//!
//! The lease is renewed by a PUT with `resourceVersion` every third of its duration. A renewal that succeeds opens the
//! fence until some time after it was *sent* ([`Timing::fence_until`]); without renewals the fence closes by itself, on
//! `CLOCK_BOOTTIME`, also while the process is stopped. When others may take over is in `candidacy.rs`. This module
//! decides nothing about workloads, and writes nothing but its Lease.
//!
//! What it cannot promise: an API server that carries out a request later than [`Timing`] allows for, or a person who
//! replaces the Lease of a running leader by one that looks as if it had never been held (the leader sees it at once and
//! takes it back, unless a replica that has just started was faster). Writes therefore also carry preconditions (R20, R21).

mod campaign;
mod candidacy;
mod lease_watch;
mod record;
mod renewal;
mod requests;
mod timing;

use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

pub(crate) use self::candidacy::Handover;
use self::candidacy::Sighting;
use self::lease_watch::LeaseWatch;
use self::record::{Hold, Holder};
pub(crate) use self::timing::{Timing, TimingError};
use crate::checks::{Checks, Heartbeat};
use crate::clock::{BootTime, Clock};
use crate::gate::Fence;

/// Without a word from the API server for ten leases (5 minutes), a restart is the better hope.
const SILENT_LEASES_UNTIL_UNWELL: u32 = 10;

/// Without a word for two leases, this replica does not do its part. One lease may pass before a standby has to ask.
const SILENT_LEASES_UNTIL_UNREADY: u32 = 2;

/// A lease that is given up is given up in so many attempts, or left to expire.
const RELEASE_ATTEMPTS: usize = 3;

/// All of these attempts together take no longer than that.
pub(crate) const LONGEST_RELEASE: Duration = Duration::from_secs(10);

/// Which lease, and who we are.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Our name in it; see [`identity`].
    pub identity: String,
    /// Its durations.
    pub timing: Timing,
}

/// A name that no other process has: that of the pod or the host, and a random number.
pub(crate) fn identity(pod: Option<&str>) -> String {
    let host = rustix::system::uname();
    let name = pod.map_or_else(|| host.nodename().to_string_lossy(), Into::into);
    // The keys of a RandomState are random, whatever is hashed.
    let random = RandomState::new().hash_one(std::process::id());
    format!("{name}_{random:016x}")
}

/// A time during which this replica is the leader, as long as its fence is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    /// Grows from term to term, whoever leads (`leaseTransitions`).
    pub epoch: i32,
    /// What went before.
    pub handover: Handover,
}

/// Why a term has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lost {
    /// No renewal succeeded in time.
    Expired,
    /// Somebody else is named in the lease.
    Taken {
        /// Who.
        by: String,
    },
}

/// Takes part in the election for this process.
pub(crate) struct Elector {
    api: Api<Lease>,
    clock: Clock,
    fence: Fence,
    settings: Settings,
    watch: LeaseWatch,
    contact: Contact,
    sighting: Option<Sighting>,
    held: Option<Held>,
    failures: u32,
}

/// Shows when the API server was last heard of.
struct Contact {
    health: Heartbeat,
    ready: Heartbeat,
}

impl Contact {
    fn new(clock: &Clock, lease: Duration, health: &Checks, ready: &Checks) -> Self {
        let name = "api server";
        Self {
            health: health.heartbeat(clock, name, lease * SILENT_LEASES_UNTIL_UNWELL),
            ready: ready.heartbeat(clock, name, lease * SILENT_LEASES_UNTIL_UNREADY),
        }
    }

    fn beat(&self) {
        self.health.beat();
        self.ready.beat();
    }
}

/// The lease in hand.
struct Held {
    hold: Hold,
    /// As the API server last showed it.
    lease: Lease,
    /// When the last renewal that succeeded was sent.
    renewed: BootTime,
}

impl Elector {
    /// `client` should be this elector's own: a renewal must not queue behind other requests.
    pub(crate) fn new(
        client: Client,
        clock: Clock,
        fence: Fence,
        settings: Settings,
        health: &Checks,
        ready: &Checks,
    ) -> Self {
        let api: Api<Lease> = Api::namespaced(client, &settings.namespace);
        let retry_after = settings.timing.retry_after();
        let contact = Contact::new(&clock, settings.timing.lease(), health, ready);
        Self {
            watch: LeaseWatch::new(api.clone(), settings.name.clone(), retry_after, ready),
            contact,
            api,
            clock,
            fence,
            settings,
            sighting: None,
            held: None,
            failures: 0,
        }
    }

    /// Waits until this replica is the leader; none if shut down before. The fence is then open.
    pub(crate) async fn acquire(&mut self, shutdown: &CancellationToken) -> Option<Term> {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            term = self.campaign() => Some(term),
        }
    }

    /// Renews the lease until it is lost. The fence is then closed.
    ///
    /// May be abandoned at any point, to [`release`](Self::release) the lease or to call this again.
    pub(crate) async fn keep(&mut self) -> Lost {
        let lost = self.renew_until_lost().await;
        self.abandon();
        lost
    }

    /// Ends the term and leaves the lease to expire.
    pub(crate) fn abandon(&mut self) {
        self.fence.close();
        self.held = None;
    }

    /// Ends the term and gives the lease up, so that another replica takes it at once.
    ///
    /// Only after all writes have ended: the next leader does not wait for them. Takes [`LONGEST_RELEASE`] at most.
    pub(crate) async fn release(&mut self) {
        self.fence.close();
        let Some(held) = self.held.take() else { return };
        if tokio::time::timeout(LONGEST_RELEASE, self.give_up(held)).await.is_err() {
            tracing::warn!("the lease could not be given up in time: it is left to expire");
        }
    }

    async fn give_up(&mut self, mut held: Held) {
        for _ in 0..RELEASE_ATTEMPTS {
            let released = held
                .hold
                .release(held.lease.clone(), &self.settings.timing, self.clock.now());
            match self.write("give the lease up", &released).await {
                Ok(_) => return,
                Err(error) => requests::report(&error),
            }
            match self.look().await {
                Ok(Some(lease)) if record::holder(&lease) == Holder::Named(held.hold.identity.clone()) => {
                    held.lease = lease;
                }
                Ok(_) => return,
                Err(error) => requests::report(&error),
            }
        }
    }
}

impl Drop for Elector {
    fn drop(&mut self) {
        self.fence.close();
    }
}

impl fmt::Debug for Elector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = self.held.as_ref().map(|held| held.hold.epoch);
        let mut elector = formatter.debug_struct("Elector");
        elector.field("settings", &self.settings).field("epoch", &epoch);
        elector.finish_non_exhaustive()
    }
}

/// How long to wait after so many failures: growing to five times `base`, and up to half more or less than that, lest
/// replicas that failed together try again together.
fn pause(base: Duration, failures: u32, of: impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    (of, failures).hash(&mut hasher);
    let permille = u32::try_from(hasher.finish() % 1_000).unwrap_or_default();
    base * failures.clamp(1, 5) * (500 + permille) / 1_000
}

#[cfg(test)]
mod tests;
