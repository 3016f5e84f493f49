//! Carries out what the machine of the core asks for, in the words of a profile: HTTP and CEL, no Kubernetes client.
//!
//! - [`Compiled`]: a `MembershipProfile` whose templates and expressions are compiled, under bounds; every fault is told
//!   with its field.
//! - [`Members::look`]: asks the members, each at its own IP, and finds the facts of the core's `World`.
//! - [`Members::act`]: sends one act, and reads its reply.
//! - [`built_in`], [`choose`]: the shipped profiles, and which one counts.
//!
//! It decides nothing, stores nothing, and reads no clock. What is not known is never taken for a yes.

mod act;
mod client;
mod cluster;
mod compile;
mod expression;
mod look;
mod profile;
mod scene;
mod shipped;
mod template;

pub use client::MembersError;
pub use cluster::{Cluster, Container, Credential, CredentialError, Pod};
pub use look::{Found, Questions, Subject};
pub use profile::Compiled;
pub use shipped::{BUILT_IN, built_in};

use std::time::Duration;

use autoscaler_core::membership::{Effect, Operation, Reply};
use client::Client;

/// Asks members and sends them acts.
#[derive(Debug, Clone)]
pub struct Members(Client);

impl Members {
    /// One client for all clusters.
    pub fn new() -> Result<Self, MembersError> {
        Client::new().map(Self)
    }

    /// What a cluster calls the member of an ordinal, there or not.
    pub fn name(profile: &Compiled, cluster: &Cluster, ordinal: u32) -> String {
        scene::who(&profile.0, cluster, ordinal).name
    }

    /// One look. `about` is the ordinal of the member that an operation is about, or that may be left over from one; with an
    /// operation, `done` and `residue` are about its steps, which may be those of an older profile (M9).
    pub async fn look(
        &self,
        profile: &Compiled,
        cluster: &Cluster,
        about: Option<u32>,
        operation: Option<&Operation>,
        questions: &dyn Questions,
    ) -> Found {
        look::look(&self.0, profile, cluster, about, operation, questions).await
    }

    /// Carries out one effect on a member: a step of the drain, its undo, or forgetting. `may_send` is asked just before each
    /// request, with the time for which its reply is waited for: whether this replica still leads, and the request cannot be under way
    /// any more when nobody waits for it (M15). What was not sent is `Unclear`, too.
    pub async fn act(
        &self,
        profile: &Compiled,
        cluster: &Cluster,
        operation: &Operation,
        effect: Effect,
        may_send: impl Fn(Duration) -> bool + Send + Sync,
    ) -> Reply {
        act::act(&self.0, profile, cluster, operation, effect, may_send).await
    }
}
