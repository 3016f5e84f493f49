//! The pods of targets, for metrics of every pod (R10): watched once per namespace, while some target there has such a
//! metric and no longer.
//!
//! A selector finds pods, ownership decides: those of two workloads may carry the same labels, and a pod that was orphaned
//! keeps its own. A pod is the target's if the target controls it, itself or through `ReplicaSet`s, `StatefulSet`s and
//! Deployments in between; other kinds in between are not looked through.

mod kept;
mod selector;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use autoscaler_core::Replicas;
use autoscaler_core::per_pod::Pod;
use kube::Client;
use kube::core::Selector;
use tokio_util::sync::CancellationToken;

use self::kept::{Controller, Kept};
use self::selector::SelectorError;
use self::watch::PodWatch;
use crate::clock::{BootTime, Clock};
use crate::gate::{CallError, Gate};
use crate::mirror::Trouble;
use crate::target::MissingRight;

/// How long it is believed that a controller is not the target's: it may be adopted.
const STRANGER_FOR: Duration = Duration::from_mins(1);
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
        /// As the target tells it.
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
    watches: Mutex<HashMap<String, Weak<PodWatch>>>,
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
            watches: Mutex::default(),
        }
    }

    /// Begins to look after the pods of a target, in a watch that it shares with the other targets of its namespace.
    pub(crate) fn of_target(&self, namespace: &str, uid: &str, selector: &str) -> Result<TargetPods, PodsError> {
        let parsed = selector::parse(selector).map_err(|error| PodsError::BadSelector {
            selector: selector.to_owned(),
            error,
        })?;
        Ok(TargetPods {
            watch: self.watch(namespace),
            target: uid.to_owned(),
            text: selector.to_owned(),
            selector: parsed,
            owners: HashMap::new(),
        })
    }

    /// The pods that a target owns, of so many that it should have.
    pub(crate) async fn owned(&self, target: &mut TargetPods, replicas: Replicas) -> Result<Vec<Pod>, PodsError> {
        let found = target.watch.find(&target.selector).await?;
        let controllers: HashMap<&str, &Controller> = found
            .iter()
            .filter_map(|kept| kept.controller.as_ref())
            .map(|controller| (controller.uid.as_str(), controller))
            .collect();
        target
            .owners
            .retain(|known, _| controllers.contains_key(known.as_str()));
        let own = found.iter().filter(|kept| target.owns(kept)).count();
        // One that has all its pods waits for nobody that it may adopt.
        let misses = u32::try_from(own).is_ok_and(|own| own < replicas.get());
        for controller in controllers.into_values() {
            if !target.knows(controller, misses, self.clock.boot()) {
                let ownership = self.ownership(target, controller).await?;
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

    /// The watch of a namespace: that of the targets which have one already, or a new one.
    fn watch(&self, namespace: &str) -> Arc<PodWatch> {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = watches.get(namespace).and_then(Weak::upgrade) {
            return watch;
        }
        watches.retain(|_, watch| watch.strong_count() > 0);
        let watch = Arc::new(PodWatch::begin(&self.client, namespace, self.end.child_token()));
        watches.insert(namespace.to_owned(), Arc::downgrade(&watch));
        watch
    }

    /// Whether the chain of controllers ends at the target.
    async fn ownership(&self, target: &TargetPods, controller: &Controller) -> Result<Ownership, PodsError> {
        let asked = self.clock.boot();
        let mut controller = controller.clone();
        for _ in 0..LONGEST_CHAIN {
            if controller.uid == target.target {
                return Ok(Ownership::Own);
            }
            match target.watch.above(&controller, (&self.client, &self.gate)).await? {
                Some(above) => controller = above,
                None => break,
            }
        }
        Ok(Ownership::Strange { asked })
    }
}

/// Whether a controller of pods is the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ownership {
    Own,
    Strange { asked: BootTime },
}

/// The pods of one target. The watch behind them ends with the last of its namespace.
#[derive(Debug)]
pub(crate) struct TargetPods {
    watch: Arc<PodWatch>,
    /// The UID of the target.
    target: String,
    text: String,
    selector: Selector,
    /// Whose the controllers of pods are, by UID.
    owners: HashMap<String, Ownership>,
}

impl TargetPods {
    /// Whether they are those of the target with this UID and this selector. Another target of the same name may have
    /// adopted what the old one left behind.
    pub(crate) fn are_of(&self, uid: &str, selector: &str) -> bool {
        self.target == uid && self.text == selector
    }

    fn owns(&self, kept: &Kept) -> bool {
        let controller = kept.controller.as_ref();
        controller.is_some_and(|controller| self.owners.get(&controller.uid) == Some(&Ownership::Own))
    }

    /// Whether it need not be asked whose a controller is: it is the target's, or it was a stranger's lately, or it was one
    /// and nothing `misses` it.
    fn knows(&self, controller: &Controller, misses: bool, now: BootTime) -> bool {
        match self.owners.get(&controller.uid) {
            Some(Ownership::Own) => true,
            Some(Ownership::Strange { asked }) => !misses || now < asked.plus(STRANGER_FOR),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
