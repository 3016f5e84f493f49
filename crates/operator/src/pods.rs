//! The pods of one target, for metrics of every pod (R10): watched while there is such a metric and no longer, and of each
//! only what a decision needs is kept.
//!
//! A selector finds pods, ownership decides: those of two workloads may carry the same labels, and a pod that was orphaned
//! keeps its own.

mod kept;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use autoscaler_core::per_pod::Pod;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::kept::{Controller, Kept};
use crate::context::Context;
use crate::gate::CallError;
use crate::mirror::{Listing, Mirror};
use crate::resources::dynamic;
use crate::target::MissingRight;

/// How long an evaluation waits for the first list before it goes on without.
const FIRST_LIST: Duration = Duration::from_secs(5);

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

/// See the module.
#[derive(Debug)]
pub(crate) struct PodWatch {
    selector: String,
    namespace: String,
    pods: Arc<Mirror<Kept>>,
    /// By the UID of a controller between pods and target: the controller above it.
    above: HashMap<String, Option<String>>,
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
            above: HashMap::new(),
            _stop: stop.drop_guard(),
        }
    }

    /// Whether it watches what this selector finds.
    pub(crate) fn is_of(&self, selector: &str) -> bool {
        self.selector == selector
    }

    /// The pods that the target owns, itself or through a `ReplicaSet` or a `StatefulSet`.
    pub(crate) async fn owned_by(&mut self, uid: &str, context: &Context) -> Result<Vec<Pod>, PodsError> {
        match self.pods.settled(FIRST_LIST).await {
            Listing::Done => {}
            Listing::Pending => return Err(PodsError::NotListed),
            Listing::Forbidden => return Err(PodsError::Forbidden(MissingRight::to_read(&resource()))),
        }
        let found = self.pods.all(&self.namespace);
        let between = |kept: &Kept| kept.controller.clone().filter(|controller| controller.uid != uid);
        let unknown: Vec<Controller> = found.iter().filter_map(between).collect();
        self.above
            .retain(|known, _| unknown.iter().any(|controller| controller.uid == *known));
        for controller in unknown {
            self.look_above(controller, context).await?;
        }
        let is_own = |kept: &Kept| {
            kept.controller.as_ref().is_some_and(|controller| {
                let above = self.above.get(&controller.uid).and_then(Option::as_deref);
                controller.uid == uid || above == Some(uid)
            })
        };
        Ok(found
            .into_iter()
            .filter(|kept| is_own(kept))
            .map(|kept| kept.pod)
            .collect())
    }

    /// Finds out who controls a controller: asked once for each.
    async fn look_above(&mut self, controller: Controller, context: &Context) -> Result<(), PodsError> {
        if self.above.contains_key(&controller.uid) {
            return Ok(());
        }
        let above = match controller.resource() {
            Some(resource) => {
                let api = dynamic(&context.client, &resource, Some(&self.namespace));
                let asked = api.get_metadata_opt(&controller.name);
                let metadata = context.gate.read("read the owner of a pod", asked).await?;
                // One of the same name may have taken its place.
                metadata
                    .map(|found| found.metadata)
                    .filter(|metadata| metadata.uid.as_deref() == Some(controller.uid.as_str()))
                    .and_then(|metadata| Controller::of(&metadata))
            }
            None => None,
        };
        self.above.insert(controller.uid, above.map(|above| above.uid));
        Ok(())
    }
}

fn resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"))
}
