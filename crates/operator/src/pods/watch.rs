//! One watch of those pods of a namespace that some selectors match. The selectors are fixed when it begins: what it did
//! not keep, only a new list can tell.
//!
//! The API server has no selector that is one of several, so it tells of all pods of the namespace that have not ended,
//! and what is kept of them is chosen here: at a list as at each event, for labels may change.

use std::collections::HashMap;
use std::sync::Arc;

use kube::Client;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, Selector, SelectorExt};
use kube::runtime::watcher;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::PodsError;
use super::kept::Kept;
use crate::mirror::{Listing, Mirror};
use crate::resources::dynamic;
use crate::target::MissingRight;

/// Pods that have ended count for nothing (R10), and what Jobs leave behind may be many.
const NOT_ENDED: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Selectors by their text.
pub(super) type Selectors = HashMap<String, Selector>;

/// See the module. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct PodWatch {
    namespace: String,
    selectors: Arc<Selectors>,
    begun: Instant,
    pods: Arc<Mirror<Kept>>,
    _end: DropGuard,
}

impl PodWatch {
    /// Begins to watch, until it is dropped or `end`.
    pub(super) fn begin(client: &Client, namespace: &str, selectors: Selectors, end: CancellationToken) -> Self {
        let selectors = Arc::new(selectors);
        let sought = selectors.clone();
        let pods = Arc::new(Mirror::new(move |pod| kept(pod, &sought)));
        let api = dynamic(client, &resource(), Some(namespace));
        let config = watcher::Config::default().fields(NOT_ENDED);
        let (watched, ended) = (pods.clone(), end.clone());
        tokio::spawn(async move {
            ended.run_until_cancelled(watched.follow("pods", api, config)).await;
        });
        Self {
            namespace: namespace.to_owned(),
            selectors,
            begun: Instant::now(),
            pods,
            _end: end.drop_guard(),
        }
    }

    /// When it began.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// The texts of the selectors whose pods it keeps.
    pub(super) fn selectors(&self) -> impl Iterator<Item = &str> {
        self.selectors.keys().map(String::as_str)
    }

    /// Whether it keeps the pods of a selector.
    pub(super) fn covers(&self, selector: &str) -> bool {
        self.selectors.contains_key(selector)
    }

    /// Whether its first list has arrived.
    pub(super) fn has_listed(&self) -> bool {
        match self.pods.listing() {
            Listing::Done | Listing::Stale(_) => true,
            Listing::Pending(_) | Listing::Forbidden => false,
        }
    }

    /// Waits for the first list, but not beyond `deadline`.
    pub(super) async fn listed(&self, deadline: Instant) -> Result<(), PodsError> {
        match self.settled(deadline).await {
            Listing::Done | Listing::Stale(_) => Ok(()),
            Listing::Pending(trouble) => Err(PodsError::NotListed(trouble)),
            Listing::Forbidden => Err(forbidden()),
        }
    }

    /// The pods that a selector finds, of those it keeps.
    pub(super) async fn find(&self, selector: &Selector, deadline: Instant) -> Result<Vec<Kept>, PodsError> {
        match self.settled(deadline).await {
            Listing::Done => Ok(self.pods.select(&self.namespace, |kept| selector.matches(&kept.labels))),
            Listing::Pending(trouble) => Err(PodsError::NotListed(trouble)),
            Listing::Stale(trouble) => Err(PodsError::Stale(trouble)),
            Listing::Forbidden => Err(forbidden()),
        }
    }

    async fn settled(&self, deadline: Instant) -> Listing {
        let limit = deadline.duration_since(Instant::now());
        self.pods.settled(limit).await
    }

    /// How many pods are kept.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.pods.select(&self.namespace, |_| true).len()
    }
}

/// What is kept of a pod, if any of the selectors matches it.
fn kept(pod: &DynamicObject, selectors: &Selectors) -> Option<Kept> {
    let kept = Kept::of(pod)?;
    selectors
        .values()
        .any(|selector| selector.matches(&kept.labels))
        .then_some(kept)
}

fn forbidden() -> PodsError {
    PodsError::Forbidden(MissingRight::to_read(&resource()))
}

fn resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"))
}
