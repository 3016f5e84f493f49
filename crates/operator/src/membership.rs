//! The operator carries out operations on the members of a cluster: what a decision asks for is never written directly for
//! an autoscaler with `spec.membership`, but is the wish of the machine in `autoscaler_core::membership`.
//!
//! One look reads the target, its pods and the members live; the machine says what to store and then do; what it says is
//! stored in `status.operation`, with its resourceVersion, before anything is done, and a write that is lost means that
//! nothing is done ([`tend`](tend::tend)). Looks come with every evaluation that needs one, and about every second while an
//! operation is under way. At rest nobody is asked but every five minutes (M14b), and nothing is written.

mod act;
mod broker;
mod credentials;
mod ending;
mod finalizer;
mod intent;
mod look;
mod memory;
mod profiles;
mod questions;
mod right;
mod scene;
mod steps;
mod takeover;
mod tend;
mod told;
mod world;

use std::sync::Arc;

use autoscaler_api::conditions::clip;
use autoscaler_api::status::MAX_DOING;
use autoscaler_api::{MembershipStatus, MetricAutoscalerStatus, OperationStatus, ScaleTargetRef};
use autoscaler_core::Replicas;
use autoscaler_core::explain::whole_seconds;
use autoscaler_core::membership::{Join, Leave, Operation, Reply, Work};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio_util::task::AbortOnDropHandle;

use crate::clock::BootTime;
pub(crate) use broker::Broker;
#[cfg(test)]
pub(crate) use broker::MaySend;
pub(crate) use intent::Intent;
use memory::Memory;
use profiles::Known;
pub(crate) use profiles::Profiles;
use takeover::Takeover;
pub(crate) use tend::{tend, tend_between};
pub(crate) use told::Told;

/// What is held of an operation: at least as new as what is stored.
#[derive(Debug)]
pub(crate) enum Held {
    /// None is under way.
    Nothing,
    /// This one is.
    Operation(Box<Operation>),
    /// One that this version cannot read: it is kept as it is, and nothing is done (M9).
    Unreadable {
        /// As it is stored.
        status: Box<OperationStatus>,
        /// What made no sense.
        why: String,
    },
}

/// What was found the last time, as far as it says when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Looked {
    at: BootTime,
    replicas: Replicas,
    is_well: bool,
}

/// What one autoscaler knows of the members of its target.
#[derive(Debug)]
pub(crate) struct Keeper {
    held: Held,
    memory: Memory,
    /// The profile of the operation under way, as it was when it began.
    profile: Option<Arc<Known>>,
    /// The same as the last term has stored it, whether or not anybody has read it yet.
    stored_profile: Option<String>,
    /// What the last decision asks for.
    intent: Option<Intent>,
    /// It has not been seen by any look yet.
    is_new: bool,
    /// The target, for as long as the spec cannot be read.
    reference: Option<ScaleTargetRef>,
    /// When to look next, apart from evaluations.
    due: Option<BootTime>,
    looked: Option<Looked>,
    /// An act that was sent, and has not been answered.
    flight: Option<AbortOnDropHandle<Reply>>,
    told: Option<Told>,
    has_finalizer: bool,
    /// The last look found it stuck.
    is_stuck: bool,
    takeover: Takeover,
}

impl Keeper {
    /// What a status remembers.
    pub(crate) fn found(status: &MetricAutoscalerStatus) -> Self {
        Self {
            held: Held::of(status.operation.as_ref()),
            memory: Memory::of(status.membership.as_ref()),
            profile: None,
            stored_profile: status
                .operation
                .as_ref()
                .and_then(|operation| operation.profile.clone()),
            intent: None,
            is_new: false,
            reference: None,
            due: None,
            looked: None,
            flight: None,
            told: None,
            has_finalizer: false,
            is_stuck: false,
            takeover: Takeover::default(),
        }
    }

    /// Nothing is under way any more.
    fn rest(&mut self) {
        (self.held, self.flight, self.looked) = (Held::Nothing, None, None);
        (self.profile, self.stored_profile) = (None, None);
        self.takeover = Takeover::default();
    }

    /// The operation under way.
    pub(crate) fn operation(&self) -> Option<&Operation> {
        match &self.held {
            Held::Operation(operation) => Some(operation),
            Held::Nothing | Held::Unreadable { .. } => None,
        }
    }

    /// Whether an operation is under way, readable or not: nobody else may write the size.
    pub(crate) fn is_busy(&self) -> bool {
        !matches!(self.held, Held::Nothing)
    }

    /// The size that operations are on the way to: its pace was allowed when the first of them began (M20).
    pub(crate) fn goal(&self) -> Option<Replicas> {
        self.operation().map(|operation| operation.goal).or(self.memory.goal)
    }

    /// When to look, apart from evaluations.
    pub(crate) fn due(&self) -> Option<BootTime> {
        self.due
    }

    /// What is to be told of the members; none without `spec.membership`.
    pub(crate) fn told(&self) -> Option<&Told> {
        self.told.as_ref()
    }

    /// A change of size by the operation that was stored last, whose fate is not known: found, it is ours (R14).
    pub(crate) fn unfinished_change(&self) -> Option<(Replicas, Replicas)> {
        let operation = self.operation()?;
        let Operation { from, to, .. } = *operation;
        match operation.work {
            Work::Leave(Leave::Patched) | Work::Join(Join::Patched) => Some((from, to)),
            Work::Join(Join::Withdrawing) => Some((to, from)),
            Work::Leave(_) | Work::Join(_) | Work::Forget => None,
        }
    }

    /// Somebody else wrote the status. What is held is newer, unless another term has gone on with it (M15).
    pub(crate) fn compare(&mut self, present: &MetricAutoscalerStatus) {
        let other = Held::of(present.operation.as_ref());
        let is_newer = match (&self.held, &other) {
            (Held::Operation(ours), Held::Operation(theirs)) => theirs.epoch > ours.epoch,
            (Held::Nothing | Held::Unreadable { .. }, Held::Operation(_) | Held::Unreadable { .. }) => true,
            (_, Held::Nothing) | (Held::Operation(_), Held::Unreadable { .. }) => false,
        };
        if is_newer {
            *self = Self::found(present);
        }
        // A status that was lost tells nothing of what may have been going on before it (M13).
        self.looked = None;
    }

    /// For `status.operation`.
    pub(crate) fn operation_status(&self) -> Option<OperationStatus> {
        match &self.held {
            Held::Nothing => None,
            Held::Unreadable { status, .. } => Some(OperationStatus::clone(status)),
            Held::Operation(operation) => {
                let doing = self.told().and_then(|told| told.doing.clone());
                Some(self.status_of(operation, doing))
            }
        }
    }

    /// For `status.operation`, of an operation that is about to be stored.
    fn status_of(&self, operation: &Operation, doing: Option<String>) -> OperationStatus {
        let time = |at| Some(Time(whole_seconds(at)));
        OperationStatus {
            began: time(operation.started),
            doing: doing.map(|doing| clip(doing, MAX_DOING)),
            id: operation.id.clone(),
            kind: operation.work.kind().to_owned(),
            member: operation.member.name.clone(),
            phase: operation.work.phase().to_owned(),
            profile: match &self.profile {
                Some(known) => Some(known.text.clone()),
                None => self.stored_profile.clone(),
            },
            record: operation.encode(),
            since: time(operation.since),
        }
    }

    /// For `status.membership`.
    pub(crate) fn memory_status(&self) -> Option<MembershipStatus> {
        self.memory.status()
    }

    /// Nothing is known of any members any more.
    fn forget(&mut self) {
        *self = Self {
            has_finalizer: self.has_finalizer,
            ..Self::found(&MetricAutoscalerStatus::default())
        };
    }
}

impl Held {
    fn of(stored: Option<&OperationStatus>) -> Self {
        let Some(stored) = stored else {
            return Self::Nothing;
        };
        match Operation::decode(&stored.record) {
            Ok(operation) => Self::Operation(Box::new(operation)),
            Err(error) => Self::Unreadable {
                status: Box::new(stored.clone()),
                why: error.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
