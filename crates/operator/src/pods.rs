//! The pods of one target, for metrics of every pod (R10): watched while there is such a metric and no longer, and of each
//! only what a decision needs is kept.
//!
//! A selector finds pods, ownership decides: those of two workloads may carry the same labels, and a pod that was orphaned
//! keeps its own. A pod is the target's if the target controls it, itself or through `ReplicaSet`s, `StatefulSet`s and
//! Deployments in between; other kinds in between are not looked through.

mod kept;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use autoscaler_core::per_pod::Pod;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::kept::{Controller, Kept};
use crate::clock::BootTime;
use crate::context::Context;
use crate::gate::CallError;
use crate::mirror::{Listing, Mirror};
use crate::resources::dynamic;
use crate::target::MissingRight;

/// How long an evaluation waits for the first list before it goes on without.
const FIRST_LIST: Duration = Duration::from_secs(5);
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
    /// The first list has not arrived.
    #[error("waiting for the first list of the target's pods")]
    NotListed,
    /// The operator has no right to them.
    #[error("{0}")]
    Forbidden(MissingRight),
    /// Whose a pod is could not be found out; the next evaluation tries again.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Whether a controller between pods and target is the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ownership {
    Own,
    Strange { asked: BootTime },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct PodWatch {
    selector: String,
    namespace: String,
    pods: Arc<Mirror<Kept>>,
    /// Whose the controllers of pods are, for the target of this UID.
    owners: HashMap<String, Ownership>,
    target: String,
    _stop: DropGuard,
}

impl PodWatch {
    /// Starts to watch the pods that a selector finds.
    pub(crate) fn start(context: &Context, namespace: &str, selector: &str) -> Self {
        let pods = Arc::new(Mirror::new(Kept::of));
        let api = dynamic(&context.client, &resource(), Some(namespace));
        let (watched, stop) = (pods.clone(), CancellationToken::new());
        let (config, stopped) = (watcher::Config::default().labels(selector), stop.clone());
        tokio::spawn(async move {
            stopped.run_until_cancelled(watched.follow("pods", api, config)).await;
        });
        Self {
            selector: selector.to_owned(),
            namespace: namespace.to_owned(),
            pods,
            owners: HashMap::new(),
            target: String::new(),
            _stop: stop.drop_guard(),
        }
    }

    /// Whether it watches what this selector finds.
    pub(crate) fn is_of(&self, selector: &str) -> bool {
        self.selector == selector
    }

    /// The pods that the target with this UID owns.
    pub(crate) async fn owned_by(&mut self, uid: &str, context: &Context) -> Result<Vec<Pod>, PodsError> {
        match self.pods.settled(FIRST_LIST).await {
            Listing::Done => {}
            Listing::Pending => return Err(PodsError::NotListed),
            Listing::Forbidden => return Err(PodsError::Forbidden(MissingRight::to_read(&resource()))),
        }
        if self.target != uid {
            // Another object of the same name, which may have adopted what the old one left behind.
            self.owners.clear();
            uid.clone_into(&mut self.target);
        }
        let found = self.pods.all(&self.namespace);
        let controllers: HashMap<String, Controller> = found
            .iter()
            .filter_map(|kept| kept.controller.clone())
            .map(|controller| (controller.uid.clone(), controller))
            .collect();
        self.owners.retain(|known, _| controllers.contains_key(known));
        for controller in controllers.into_values() {
            self.find_out(controller, context).await?;
        }
        let is_own = |kept: &Kept| {
            let controller = kept.controller.as_ref();
            controller.is_some_and(|controller| self.owners.get(&controller.uid) == Some(&Ownership::Own))
        };
        Ok(found.into_iter().filter(is_own).map(|kept| kept.pod).collect())
    }

    /// Finds out whose a controller is: once if it is the target's, now and then if it is not.
    async fn find_out(&mut self, controller: Controller, context: &Context) -> Result<(), PodsError> {
        let now = context.clock.boot();
        match self.owners.get(&controller.uid) {
            Some(Ownership::Own) => return Ok(()),
            Some(Ownership::Strange { asked }) if now < asked.plus(STRANGER_FOR) => return Ok(()),
            Some(Ownership::Strange { .. }) | None => {}
        }
        let uid = controller.uid.clone();
        let ownership = if self.is_own(controller, context).await? {
            Ownership::Own
        } else {
            Ownership::Strange { asked: now }
        };
        self.owners.insert(uid, ownership);
        Ok(())
    }

    /// Whether the chain of controllers ends at the target.
    async fn is_own(&self, mut controller: Controller, context: &Context) -> Result<bool, PodsError> {
        for _ in 0..LONGEST_CHAIN {
            if controller.uid == self.target {
                return Ok(true);
            }
            match self.above(&controller, context).await? {
                Some(above) => controller = above,
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Who controls a controller.
    async fn above(&self, controller: &Controller, context: &Context) -> Result<Option<Controller>, PodsError> {
        let Some(resource) = controller.resource() else {
            return Ok(None);
        };
        let api = dynamic(&context.client, &resource, Some(&self.namespace));
        let asked = api.get_metadata_opt(&controller.name);
        let found = context.gate.read("read the owner of a pod", asked).await?;
        // One of the same name may have taken its place.
        let metadata = found
            .map(|found| found.metadata)
            .filter(|metadata| metadata.uid.as_deref() == Some(controller.uid.as_str()));
        Ok(metadata.and_then(|metadata| Controller::of(&metadata)))
    }
}

fn resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"))
}
