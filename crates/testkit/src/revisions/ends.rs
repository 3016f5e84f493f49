//! Answers: when did which pod end? Told by a watch of the pods of a namespace.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, ListParams, WatchParams};

use super::following::{self, Change, Following};
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
pub struct PodEnds(Following<PodEnd>);

impl PodEnds {
    /// Starts watching.
    pub async fn watch(plane: &ControlPlane, namespace: &str) -> Result<Self, kube::Error> {
        let pods: Api<Pod> = Api::namespaced(following::client(plane), namespace);
        let listed = pods.list(&ListParams::default()).await?;
        let version = listed.metadata.resource_version.unwrap_or_default();
        let told = |event: &Change<Pod>| match event {
            Change::Is(_) => None,
            Change::Ended(pod) => Some(PodEnd {
                pod: pod.name_any(),
                at: Timestamp::now(),
            }),
        };
        let (all, before) = (WatchParams::default(), Vec::new());
        Ok(Self(Following::start(pods, all, version, before, told)))
    }

    /// In order. An error says that some may be missing.
    pub fn seen(&self) -> Result<Vec<PodEnd>, String> {
        self.0.seen()
    }
}
