//! One look at a cluster: every question of the profile is asked once, and every fact that the core's world needs of it is
//! read from the answers. Changes nothing.
//!
//! Asking comes first and reading afterwards, so that what the answers mean is a function of them.

mod answers;
mod read;

use std::time::Duration;

use autoscaler_core::membership::{Fact, Gate, Leave, Operation, View, Work};
use futures::future::BoxFuture;

use crate::client::Client;
use crate::cluster::Cluster;
use crate::profile::Compiled;
use crate::scene::Scene;

use answers::Answers;
pub(crate) use answers::ask_member;

/// So long one member has to answer one question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// So long all questions of a look may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(6);

/// So long where the replicas may be lowered on what is found, which must not be older than two seconds then (M2): whoever is
/// slow, or a Prometheus that hangs, must not strand a member that has left (M19).
const PROOF_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Asks Prometheus for one number.
pub trait Questions: Send + Sync {
    /// The answer to an instant query, confined to the namespace of the cluster. None if there is no sample, more than one,
    /// or none that can be known.
    fn ask<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Option<f64>>;
}

/// What a look found: the parts of the core's `World` that a profile knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What each member believes, in the order of the pods.
    pub views: Vec<View>,
    /// What is known of the member that the look is about.
    pub subject: Subject,
    /// The gates of the profile, in its order.
    pub gates: Vec<Gate>,
    /// Of each step of the operation (of the profile, without one) whether it is done.
    pub done: Vec<Fact>,
    /// Of each step whether what its undo takes back is left.
    pub residue: Vec<Fact>,
    /// Whether every survivor affirms that the member is gone.
    pub drained: Fact,
    /// The number that shows a drain going on.
    pub progress: Option<i64>,
    /// Who could not be asked, or what could not be read, one sentence each, for people. By class and code: no body, no
    /// secret.
    pub trouble: Vec<String>,
}

/// The member that a look is about, as far as it can be asked itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The kubelet reports it as not running, and its port refuses connections.
    pub is_stopped: Fact,
    /// It is in the middle of leaving, by its own account.
    pub is_leaving: Fact,
    /// How many clients it serves.
    pub sessions: Option<u64>,
}

pub(crate) async fn look(
    client: &Client,
    profile: &Compiled,
    cluster: &Cluster,
    about: Option<u32>,
    operation: Option<&Operation>,
    questions: &dyn Questions,
) -> Found {
    let named = operation.filter(|operation| Some(operation.member.ordinal) == about);
    let name = named.map(|operation| operation.member.name.as_str());
    let scene = Scene::new(&profile.0, cluster, about, name);
    let answers = Answers::collect(client, &scene, questions, limit(operation)).await;
    read::found(&scene, &answers, profile, operation)
}

fn limit(operation: Option<&Operation>) -> Duration {
    match operation.map(|operation| operation.work) {
        Some(Work::Leave(Leave::Draining { committed: true, .. } | Leave::Drained { .. } | Leave::Patched)) => {
            PROOF_TIMEOUT
        }
        Some(Work::Leave(_) | Work::Join(_) | Work::Forget) | None => LOOK_TIMEOUT,
    }
}
