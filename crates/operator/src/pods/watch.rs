//! The pods of one namespace, watched once for all targets there.
//!
//! The cost: of every pod of the namespace that has not ended a name, its labels and a few facts are kept, about a
//! kilobyte, whether or not it is one of a target's, and each evaluation compares a selector with the labels of all. A
//! watch for each selector would keep less, but be a connection, and a request every five minutes, for each target (R24).

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::core::{ApiResource, GroupVersionKind, Selector, SelectorExt};
use kube::runtime::watcher;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::PodsError;
use super::kept::{Controller, Kept};
use crate::gate::Gate;
use crate::mirror::{Listing, Mirror};
use crate::resources::dynamic;
use crate::target::MissingRight;

/// How long an evaluation waits for the first list before it goes on without.
const FIRST_LIST: Duration = Duration::from_secs(5);

/// Pods that have ended count for nothing (R10), and what Jobs leave behind may be many.
const NOT_ENDED: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// See the module. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct PodWatch {
    namespace: String,
    pods: Arc<Mirror<Kept>>,
    _end: DropGuard,
}

impl PodWatch {
    /// Begins to watch, until it is dropped or `end`.
    pub(super) fn begin(client: &Client, namespace: &str, end: CancellationToken) -> Self {
        let pods = Arc::new(Mirror::new(Kept::of));
        let api = dynamic(client, &resource(), Some(namespace));
        let config = watcher::Config::default().fields(NOT_ENDED);
        let (watched, ended) = (pods.clone(), end.clone());
        tokio::spawn(async move {
            ended.run_until_cancelled(watched.follow("pods", api, config)).await;
        });
        Self {
            namespace: namespace.to_owned(),
            pods,
            _end: end.drop_guard(),
        }
    }

    /// The pods that a selector finds.
    pub(super) async fn find(&self, selector: &Selector) -> Result<Vec<Kept>, PodsError> {
        match self.pods.settled(FIRST_LIST).await {
            Listing::Done => Ok(self.pods.select(&self.namespace, |kept| selector.matches(&kept.labels))),
            Listing::Pending(trouble) => Err(PodsError::NotListed(trouble)),
            Listing::Stale(trouble) => Err(PodsError::Stale(trouble)),
            Listing::Forbidden => Err(PodsError::Forbidden(MissingRight::to_read(&resource()))),
        }
    }

    /// Who controls a controller of pods.
    pub(super) async fn above(
        &self,
        controller: &Controller,
        (client, gate): (&Client, &Gate),
    ) -> Result<Option<Controller>, PodsError> {
        let Some(resource) = controller.resource() else {
            return Ok(None);
        };
        let api = dynamic(client, &resource, Some(&self.namespace));
        let asked = api.get_metadata_opt(&controller.name);
        let found = gate.read("read the owner of a pod", asked).await?;
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
