//! Answers: what does the API server hear of a pod? Written down at once, told as soon as it can be told.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Duration, sleep};

/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(100);

/// What a container does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Container {
    Waiting {
        reason: String,
        message: String,
    },
    Running {
        since: Timestamp,
    },
    Terminated {
        code: i32,
        since: Timestamp,
        at: Timestamp,
        id: String,
    },
}

impl Container {
    fn state(&self) -> Value {
        match self {
            Self::Waiting { reason, message } => json!({"waiting": {"reason": reason, "message": message}}),
            Self::Running { since } => json!({"running": {"startedAt": Time(*since)}}),
            Self::Terminated { code, since, at, id } => {
                let reason = if *code == 0 { "Completed" } else { "Error" };
                json!({"terminated": {
                    "exitCode": code, "reason": reason, "startedAt": Time(*since), "finishedAt": Time(*at), "containerID": id,
                }})
            }
        }
    }
}

/// All that is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Status {
    pub(super) phase: &'static str,
    pub(super) address: Ipv4Addr,
    pub(super) started: Timestamp,
    pub(super) is_ready: bool,
    pub(super) ready_changed: Timestamp,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) restarts: i32,
    pub(super) id: String,
    pub(super) now: Container,
    pub(super) before: Option<Container>,
}

impl Status {
    fn json(&self) -> Value {
        let condition = |kind: &str, holds: bool, since: Timestamp| {
            let status = if holds { "True" } else { "False" };
            json!({"type": kind, "status": status, "lastTransitionTime": Time(since)})
        };
        let has_started = matches!(self.now, Container::Running { .. });
        json!({
            "phase": self.phase,
            "hostIP": "127.0.0.1",
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": Time(self.started),
            "conditions": [
                condition("PodReadyToStartContainers", true, self.started),
                condition("Initialized", true, self.started),
                condition("ContainersReady", self.is_ready, self.ready_changed),
                condition("Ready", self.is_ready, self.ready_changed),
            ],
            "containerStatuses": [{
                "name": self.name,
                "image": self.image,
                "imageID": "",
                "containerID": self.id,
                "ready": self.is_ready,
                "started": has_started,
                "restartCount": self.restarts,
                "state": self.now.state(),
                "lastState": self.before.as_ref().map_or_else(|| json!({}), Container::state),
            }],
        })
    }
}

/// A pod of this name and UID, and of no other.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) pods: Api<Pod>,
    pub(super) name: String,
    pub(super) uid: String,
}

impl Object {
    /// Tells the latest status, each time it changes and the API server can be reached, until nobody changes it any more.
    pub(super) async fn tell(self, mut statuses: watch::Receiver<Option<Status>>, reach: watch::Receiver<bool>) {
        while statuses.changed().await.is_ok() {
            loop {
                until(reach.clone(), true).await;
                let status = statuses.borrow_and_update().clone();
                let Some(status) = status else { break };
                let patch = json!({"metadata": {"uid": self.uid}, "status": status.json()});
                let told = self
                    .pods
                    .patch_status(&self.name, &PatchParams::default(), &Patch::Strategic(patch))
                    .await;
                match told {
                    // It is gone, or another one has its name.
                    Ok(_) | Err(kube::Error::Api(_)) => break,
                    Err(_) => sleep(AGAIN).await,
                }
            }
        }
    }

    /// Removes the object: its process is gone.
    pub(super) async fn remove(&self, reach: watch::Receiver<bool>) {
        let parameters = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions {
                uid: Some(self.uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        loop {
            until(reach.clone(), true).await;
            match self.pods.delete(&self.name, &parameters).await {
                Ok(_) | Err(kube::Error::Api(_)) => return,
                Err(_) => sleep(AGAIN).await,
            }
        }
    }
}

/// Waits until it has this value, or for ever when nobody can give it any more.
pub(super) async fn until(mut receiver: watch::Receiver<bool>, value: bool) {
    if receiver.wait_for(|now| *now == value).await.is_err() {
        std::future::pending::<()>().await;
    }
}
