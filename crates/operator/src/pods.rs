//! The pods of targets, for metrics of every pod (R10): watched once per namespace, while some target there has such a
//! metric and no longer. Kept are only those that the selector of such a target finds.
//!
//! A selector finds pods, ownership decides: those of two workloads may carry the same labels, and a pod that was orphaned
//! keeps its own. A pod is the target's if the target controls it, itself or through `ReplicaSet`s, `StatefulSet`s and
//! Deployments in between; other kinds in between are not looked through.

mod kept;
mod namespace;
mod selector;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use autoscaler_core::Replicas;
use autoscaler_core::per_pod::Pod;
use kube::Client;
use tokio_util::sync::CancellationToken;

use self::kept::{Controller, Kept};
use self::namespace::{Follower, Namespace};
use self::selector::SelectorError;
use crate::clock::{BootTime, Clock};
use crate::gate::{CallError, Gate, shown};
use crate::mirror::Trouble;
use crate::resources::dynamic;
use crate::target::MissingRight;

/// How long it is believed at least whose a controller is: it may be adopted or released.
const BELIEVED: Duration = Duration::from_mins(1);
/// The longest chain of controllers between a pod and its target.
const LONGEST_CHAIN: usize = 4;

/// Why the pods of a target are not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PodsError {
    /// The target tells no selector (`status.selector` of its scale).
    #[error("the scale of the target has no selector to find its pods by")]
    NoSelector,
    /// What the target tells as its selector is none; the API server checks only those of kinds of its own.
    #[error("{selector:?}, the selector in the scale of the target, cannot be read: {error}")]
    BadSelector {
        /// As the target tells it, or how that begins.
        selector: String,
        /// What is wrong with it.
        error: SelectorError,
    },
    /// The first list has not arrived, and why, if that is known.
    #[error("waiting for the first list of pods{}", .0.as_ref().map_or(String::new(), |trouble| format!("; {trouble}")))]
    NotListed(Option<Trouble>),
    /// The watch keeps failing.
    #[error("it is not known any more which pods there are: the watch of them is broken; {0}")]
    Stale(Trouble),
    /// The operator has no right to them.
    #[error("{0}")]
    Forbidden(MissingRight),
    /// Whose a pod is could not be found out; the next evaluation tries again.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The selector finds pods, but only those of others.
    #[error(
        "{} the selector, none is owned by the target, neither directly nor through ReplicaSets, StatefulSets or \
         Deployments: {example}", matching(*.found)
    )]
    NoneOwned {
        /// How many are found.
        found: usize,
        /// Whose one of them is instead.
        example: String,
    },
}

fn matching(pods: usize) -> String {
    match pods {
        1 => "1 pod matches".to_owned(),
        pods => format!("{pods} pods match"),
    }
}

/// All pod watches of one term.
pub(crate) struct Pods {
    client: Client,
    gate: Gate,
    clock: Clock,
    end: CancellationToken,
    namespaces: Mutex<HashMap<String, Weak<Namespace>>>,
}

impl fmt::Debug for Pods {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pods").finish_non_exhaustive()
    }
}

impl Pods {
    /// No watches yet; none outlives `end`.
    pub(crate) fn new(client: Client, gate: Gate, clock: Clock, end: CancellationToken) -> Self {
        Self {
            client,
            gate,
            clock,
            end,
            namespaces: Mutex::default(),
        }
    }

    /// Begins to look after the pods of a target, in a watch that it shares with the other targets of its namespace.
    pub(crate) fn of_target(&self, namespace: &str, uid: &str, selector: &str) -> Result<TargetPods, PodsError> {
        let parsed = selector::parse(selector).map_err(|error| PodsError::BadSelector {
            selector: shown(selector),
            error,
        })?;
        Ok(TargetPods {
            follower: self.namespace(namespace).follow(selector, parsed),
            target: uid.to_owned(),
            owners: HashMap::new(),
        })
    }

    /// The pods that a target owns, of so many that it should have.
    pub(crate) async fn owned(&self, target: &mut TargetPods, replicas: Replicas) -> Result<Vec<Pod>, PodsError> {
        let found = target.follower.find().await?;
        let controllers: HashMap<&str, &Controller> = found
            .iter()
            .filter_map(|kept| kept.controller.as_ref())
            .map(|controller| (controller.uid.as_str(), controller))
            .collect();
        target
            .owners
            .retain(|known, _| controllers.contains_key(known.as_str()));
        let own = found.iter().filter(|kept| target.owns(kept)).count();
        let misses = u32::try_from(own).is_ok_and(|own| own < replicas.get());
        let (known, new): (Vec<_>, Vec<_>) = controllers
            .into_values()
            .partition(|controller| target.owners.contains_key(&controller.uid));
        let doubt = Doubt {
            of_own: !new.is_empty(),
            of_strange: misses,
        };
        let now = self.clock.boot();
        // The new ones last: until they are known, they are reason to ask about the others.
        for controller in known.into_iter().chain(new) {
            if !target.knows(controller, doubt, now) {
                let is_own = self.is_own(target, controller).await?;
                let ownership = Ownership { is_own, asked: now };
                target.owners.insert(controller.uid.clone(), ownership);
            }
        }
        match found.iter().min_by(|one, other| one.pod.name.cmp(&other.pod.name)) {
            Some(first) if !found.iter().any(|kept| target.owns(kept)) => Err(PodsError::NoneOwned {
                found: found.len(),
                example: first.whose(),
            }),
            Some(_) | None => {
                let own = found.into_iter().filter(|kept| target.owns(kept));
                Ok(own.map(|kept| kept.pod).collect())
            }
        }
    }

    /// A namespace: that of the targets which are there already, or a new one.
    fn namespace(&self, name: &str) -> Arc<Namespace> {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = namespaces.get(name).and_then(Weak::upgrade) {
            return namespace;
        }
        namespaces.retain(|_, namespace| namespace.strong_count() > 0);
        let namespace = Arc::new(Namespace::new(name, self.client.clone(), self.end.clone()));
        namespaces.insert(name.to_owned(), Arc::downgrade(&namespace));
        namespace
    }

    /// Whether the chain of controllers ends at the target.
    async fn is_own(&self, target: &TargetPods, controller: &Controller) -> Result<bool, PodsError> {
        let mut controller = controller.clone();
        for _ in 0..LONGEST_CHAIN {
            if controller.uid == target.target {
                return Ok(true);
            }
            match self.above(target.follower.namespace(), &controller).await? {
                Some(above) => controller = above,
                None => break,
            }
        }
        Ok(false)
    }

    /// Who controls a controller of pods.
    async fn above(&self, namespace: &str, controller: &Controller) -> Result<Option<Controller>, PodsError> {
        let Some(resource) = controller.resource() else {
            return Ok(None);
        };
        let api = dynamic(&self.client, &resource, Some(namespace));
        let asked = api.get_metadata_opt(&controller.name);
        let found = self.gate.read("read the owner of a pod", asked).await?;
        // One of the same name may have taken its place.
        let metadata = found
            .map(|found| found.metadata)
            .filter(|metadata| metadata.uid.as_deref() == Some(controller.uid.as_str()));
        Ok(metadata.and_then(|metadata| Controller::of(&metadata)))
    }
}

/// Whether a controller of pods is the target's.
#[derive(Debug, Clone, Copy)]
struct Ownership {
    is_own: bool,
    asked: BootTime,
}

/// Reasons to ask again whose the controllers of pods are.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    /// There is a new one, which may be in the place of one that the target has released.
    of_own: bool,
    /// The target has fewer pods than it should: it may have adopted some.
    of_strange: bool,
}

/// The pods of one target. The watch behind them ends with the last that follows it.
#[derive(Debug)]
pub(crate) struct TargetPods {
    /// What its selector finds.
    follower: Follower,
    /// The UID of the target.
    target: String,
    /// Whose the controllers of pods are, by UID.
    owners: HashMap<String, Ownership>,
}

impl TargetPods {
    /// Whether they are those of the target with this UID and this selector. Another target of the same name may have
    /// adopted what the old one left behind.
    pub(crate) fn are_of(&self, uid: &str, selector: &str) -> bool {
        self.target == uid && self.follower.selector() == selector
    }

    fn owns(&self, kept: &Kept) -> bool {
        let controller = kept.controller.as_ref();
        let ownership = controller.and_then(|controller| self.owners.get(&controller.uid));
        ownership.is_some_and(|ownership| ownership.is_own)
    }

    /// Whether it need not be asked whose a controller is: that was asked lately, or nothing has come up since.
    fn knows(&self, controller: &Controller, doubt: Doubt, now: BootTime) -> bool {
        let Some(Ownership { is_own, asked }) = self.owners.get(&controller.uid) else {
            return false;
        };
        let is_in_doubt = if *is_own { doubt.of_own } else { doubt.of_strange };
        !is_in_doubt || now < asked.plus(BELIEVED)
    }
}

#[cfg(test)]
mod tests;
