//! A watch that is followed from one version on, until it could miss something. It ends by itself after minutes, and goes on
//! where it was.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use kube::api::{Api, WatchEvent, WatchParams};
use kube::{Client, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::background::kubelets;
use crate::plane::ControlPlane;

const AGAIN: Duration = Duration::from_millis(100);

/// What a watch tells of one object.
pub(super) enum Change<K> {
    /// It is there, new or changed.
    Is(K),
    /// It is gone.
    Ended(K),
}

/// What was told so far. Dropping it ends the watch.
#[derive(Debug)]
pub(super) struct Following<T> {
    seen: Arc<Mutex<Vec<T>>>,
    watching: JoinHandle<()>,
}

/// A client whose connections outlive the runtime of one test.
pub(super) fn client(plane: &ControlPlane) -> Client {
    let _background = kubelets().enter();
    plane.client_as_admin()
}

impl<T: Clone + Send + 'static> Following<T> {
    /// From this version on, after what is known of it; `told` says what is kept of a change, if anything.
    pub(super) fn start<K>(
        api: Api<K>,
        params: WatchParams,
        version: String,
        known: Vec<T>,
        told: impl Fn(&Change<K>) -> Option<T> + Send + Sync + 'static,
    ) -> Self
    where
        K: kube::Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let seen = Arc::new(Mutex::new(known));
        let telling = Arc::clone(&seen);
        let watching = kubelets().spawn(async move { follow(&api, &params, version, told, &telling).await });
        Self { seen, watching }
    }

    /// In order. An error says that some may be missing.
    pub(super) fn seen(&self) -> Result<Vec<T>, String> {
        if self.watching.is_finished() {
            return Err("the watch has ended".to_owned());
        }
        Ok(lock(&self.seen).clone())
    }
}

impl<T> Drop for Following<T> {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn follow<K, T>(
    api: &Api<K>,
    params: &WatchParams,
    mut version: String,
    told: impl Fn(&Change<K>) -> Option<T>,
    seen: &Mutex<Vec<T>>,
) where
    K: kube::Resource + Clone + Debug + DeserializeOwned,
{
    loop {
        let events = match api.watch(params, &version).await {
            Ok(events) => events,
            Err(error) if is_busy(&error) => {
                sleep(AGAIN).await;
                continue;
            }
            Err(_) => return,
        };
        let mut events = std::pin::pin!(events);
        while let Some(Ok(event)) = events.next().await {
            let change = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => Change::Is(object),
                WatchEvent::Deleted(object) => Change::Ended(object),
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(_) => return,
            };
            let (Change::Is(object) | Change::Ended(object)) = &change;
            version = object.resource_version().unwrap_or_default();
            lock(seen).extend(told(&change));
        }
    }
}

/// Whether the API server may answer next time: not if it has forgotten what came since (410), or refuses.
fn is_busy(error: &kube::Error) -> bool {
    !matches!(error, kube::Error::Api(status) if (400..429).contains(&status.code))
}

fn lock<T>(seen: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
