//! From what was read and what the members told to the world as the machine knows it. Pure.

use autoscaler_core::membership::{Fact, Gate, PodState, SubjectState, Wish, World};
use autoscaler_members::{Compiled, Found, Members};

use super::right::MissingBinding;
use super::scene::Scene;

/// What only some operations need.
#[derive(Debug, Clone, Default)]
pub(super) struct Extra {
    /// UID of the pod that the look is about.
    pub uid: Option<String>,
    /// Whether a claim is there for its ordinal.
    pub claim: Option<Fact>,
    /// Disruption budgets.
    pub budgets: Vec<Gate>,
    /// Nothing of a pod that is gone can still run.
    pub is_node_lost: bool,
    /// The namespace is being deleted.
    pub is_namespace_going: bool,
    /// A right without which something of this is not known.
    pub lacks: Option<MissingBinding>,
}

/// Puts everything together.
pub(super) fn world(
    epoch: u64,
    scene: &Scene,
    profile: &Compiled,
    found: Found,
    extra: Extra,
    wish: Wish,
    about: u32,
) -> World {
    let pods: Vec<PodState> = pods(scene, profile);
    let is_ready = pods.iter().any(|pod| pod.ordinal == about && pod.is_ready);
    let mut target = scene.target.clone();
    target.is_going |= extra.is_namespace_going;
    World {
        epoch,
        target,
        pods,
        views: found.views,
        subject: SubjectState {
            uid: extra.uid,
            is_ready,
            is_stopped: found.subject.is_stopped,
            is_leaving: found.subject.is_leaving,
            sessions: found.subject.sessions,
            is_node_lost: extra.is_node_lost,
            has_stale_claim: extra.claim.unwrap_or(Fact::Unknown),
        },
        gates: found.gates.into_iter().chain(extra.budgets).collect(),
        done: found.done,
        residue: found.residue,
        drained: found.drained,
        progress: found.progress,
        wish,
    }
}

fn pods(scene: &Scene, profile: &Compiled) -> Vec<PodState> {
    let state = |pod: &autoscaler_members::Pod| PodState {
        ordinal: pod.ordinal,
        uid: pod.uid.clone(),
        member: Members::name(profile, &scene.cluster, pod.ordinal),
        is_ready: pod.is_ready,
        is_terminating: pod.is_terminating,
    };
    scene.cluster.pods.iter().map(state).collect()
}
