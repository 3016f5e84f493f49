//! An elector that a test holds in its hand, and what a test asks of the server.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::replica::settings;
use super::server::{NAME, NAMESPACE, Network, Server};
use crate::checks::Checks;
use crate::clock::Clock;
use crate::gate::Fence;
use crate::leader::{Elector, Term, record};

/// An elector and what is around it.
pub(super) struct Candidate {
    pub(super) elector: Elector,
    pub(super) network: Network,
    pub(super) fence: Fence,
    pub(super) ready: Checks,
    _health: Checks,
}

impl Candidate {
    pub(super) fn new(server: &Server, identity: &str) -> Self {
        let (network, health, ready) = (Network::new(), Checks::default(), Checks::default());
        let clock = Clock::simulated(0);
        let fence = Fence::closed(clock.clone());
        let client = server.client(&network);
        let elector = Elector::new(client, clock, fence.clone(), settings(identity), &health, &ready);
        Self {
            elector,
            network,
            fence,
            ready,
            _health: health,
        }
    }

    pub(super) async fn acquire(&mut self) -> Term {
        self.elector
            .acquire(&CancellationToken::new())
            .await
            .expect("nobody shuts it down")
    }
}

/// A server with the Lease as it is shipped.
pub(super) fn shipped() -> Server {
    let server = Server::default();
    server.create(record::missing(NAMESPACE, NAME));
    server
}

pub(super) fn spec(server: &Server) -> LeaseSpec {
    server
        .lease()
        .and_then(|lease| lease.spec)
        .expect("a lease with a spec")
}

pub(super) fn edit_spec(server: &Server, edit: impl FnOnce(&mut LeaseSpec)) {
    server.edit(|lease| edit(lease.spec.get_or_insert_default()));
}

pub(super) fn epoch(server: &Server) -> Option<i32> {
    server.lease()?.spec?.lease_transitions
}

pub(super) fn holder(server: &Server) -> Option<String> {
    server.lease()?.spec?.holder_identity
}

/// So much virtual time goes by until that is so; 10 minutes at most.
pub(super) async fn until(condition: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_mins(10), "waited for ten minutes");
        sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}
