//! Answers: when did which pod end? Told by a watch of the pods of a namespace.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{AGAIN, is_busy};
use crate::background::kubelets;
use crate::plane::ControlPlane;

/// A pod's object is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodEnd {
    /// Its name.
    pub pod: String,
    /// When the watch told of it.
    pub at: Timestamp,
}

/// All ends from now on. Dropping it ends the watch.
#[derive(Debug)]
pub struct PodEnds {
    seen: Arc<Mutex<Vec<PodEnd>>>,
    watching: JoinHandle<()>,
}

impl PodEnds {
    /// Starts watching.
    pub async fn watch(plane: &ControlPlane, namespace: &str) -> Result<Self, kube::Error> {
        let client = {
            let _background = kubelets().enter();
            plane.client_as_admin()
        };
        let pods: Api<Pod> = Api::namespaced(client, namespace);
        let listed = pods.list(&ListParams::default()).await?;
        let version = listed.metadata.resource_version.unwrap_or_default();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let telling = Arc::clone(&seen);
        let watching = kubelets().spawn(async move { follow(&pods, version, &telling).await });
        Ok(Self { seen, watching })
    }

    /// In order. An error says that some may be missing.
    pub fn seen(&self) -> Result<Vec<PodEnd>, String> {
        if self.watching.is_finished() {
            return Err("the watch has ended".to_owned());
        }
        Ok(lock(&self.seen).clone())
    }
}

impl Drop for PodEnds {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Until a watch could miss something.
async fn follow(pods: &Api<Pod>, mut version: String, seen: &Mutex<Vec<PodEnd>>) {
    loop {
        let events = match pods.watch(&WatchParams::default(), &version).await {
            Ok(events) => events,
            Err(error) if is_busy(&error) => {
                sleep(AGAIN).await;
                continue;
            }
            Err(_) => return,
        };
        let mut events = std::pin::pin!(events);
        while let Some(Ok(event)) = events.next().await {
            match event {
                WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
                    version = pod.resource_version().unwrap_or_default();
                }
                WatchEvent::Deleted(pod) => {
                    version = pod.resource_version().unwrap_or_default();
                    let end = PodEnd {
                        pod: pod.name_any(),
                        at: Timestamp::now(),
                    };
                    lock(seen).push(end);
                }
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(_) => return,
            }
        }
    }
}

fn lock(seen: &Mutex<Vec<PodEnd>>) -> MutexGuard<'_, Vec<PodEnd>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
