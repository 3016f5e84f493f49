//! What happens to targets besides the HPA: their status and pods follow their size, late for some, and for some somebody
//! changes the size by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams, WatchEvent, WatchParams};
use kube::core::DynamicObject;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::case::{Case, Kind};
use crate::stage::{Stage, patch_status, pod_name, set_ready};

/// Between two deliveries of a watch's end and its next beginning.
const RESTART: Duration = Duration::from_millis(100);

/// How many pods of a case were ready from some time on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Readiness {
    /// When the request was sent that made it so.
    pub(crate) sent: Timestamp,
    /// When it was answered.
    pub(crate) answered: Timestamp,
    pub(crate) ready: u32,
}

/// Everything about pods, by case.
pub(crate) type Ledger = Arc<Mutex<BTreeMap<String, Vec<Readiness>>>>;

/// The world around the targets, until it is dropped.
pub(crate) struct Keeper {
    ledger: Ledger,
    _tasks: JoinSet<()>,
}

impl Keeper {
    pub(crate) fn start(stage: &Stage, cases: &[Case]) -> Self {
        let mut tasks = JoinSet::new();
        let ledger = Ledger::default();
        let mut followers = BTreeMap::new();
        for case in cases {
            let (sender, sizes) = unbounded_channel();
            followers.insert(case.name.clone(), sender);
            let follower = Follower {
                workloads: stage.workloads(),
                pods: stage.api(),
                ledger: Arc::clone(&ledger),
                case: case.clone(),
            };
            tasks.spawn(follower.follow(sizes));
            if let Some(pause) = case.meddling {
                tasks.spawn(meddle(stage.workloads(), case.clone(), pause));
            }
        }
        tasks.spawn(watch(stage.workloads(), followers));
        Self { ledger, _tasks: tasks }
    }

    /// What is known about the pods of each case.
    pub(crate) fn readiness(&self) -> BTreeMap<String, Vec<Readiness>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Tells each follower about each size of its target.
async fn watch(workloads: Api<DynamicObject>, followers: BTreeMap<String, UnboundedSender<(Instant, u32)>>) {
    let mut seen = BTreeMap::new();
    loop {
        let Ok(events) = workloads.watch(&WatchParams::default(), "0").await else {
            sleep(RESTART).await;
            continue;
        };
        let mut events = events.boxed();
        while let Ok(Some(event)) = events.try_next().await {
            let (WatchEvent::Added(workload) | WatchEvent::Modified(workload)) = event else {
                continue;
            };
            let name = workload.metadata.name.unwrap_or_default();
            let size = workload.data["spec"]["replicas"].as_u64().unwrap_or(0);
            let size = u32::try_from(size).unwrap_or(u32::MAX);
            if seen.insert(name.clone(), size) != Some(size)
                && let Some(follower) = followers.get(&name)
            {
                // The follower of a case ends only with the experiment.
                let _ = follower.send((Instant::now(), size));
            }
        }
    }
}

struct Follower {
    workloads: Api<DynamicObject>,
    pods: Api<Pod>,
    ledger: Ledger,
    case: Case,
}

impl Follower {
    /// Gives the target each of its sizes as its status, and as many ready pods, once its lag is over.
    async fn follow(self, mut sizes: UnboundedReceiver<(Instant, u32)>) {
        let mut ready = self.case.start;
        self.note(Timestamp::UNIX_EPOCH, ready);
        while let Some((since, size)) = sizes.recv().await {
            sleep_until(since + self.case.lag).await;
            patch_status(&self.workloads, &self.case.name, json!({"status": {"replicas": size}})).await;
            if self.case.kind == Kind::Value {
                self.make_ready(&mut ready, size.min(self.case.max)).await;
            }
        }
    }

    async fn make_ready(&self, ready: &mut u32, wanted: u32) {
        while *ready != wanted {
            let grows = *ready < wanted;
            let index = if grows { *ready } else { *ready - 1 };
            let sent = Timestamp::now();
            set_ready(&self.pods, &pod_name(&self.case.name, index), grows).await;
            *ready = if grows { *ready + 1 } else { *ready - 1 };
            self.note(sent, *ready);
        }
    }

    fn note(&self, sent: Timestamp, ready: u32) {
        let answered = if sent == Timestamp::UNIX_EPOCH {
            sent
        } else {
            Timestamp::now()
        };
        let known = Readiness { sent, answered, ready };
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.entry(self.case.name.clone()).or_default().push(known);
    }
}

/// Changes the size from time to time: mostly within the bounds, sometimes beyond, sometimes to zero and back.
async fn meddle(workloads: Api<DynamicObject>, mut case: Case, pause: Duration) {
    let mut zero = false;
    loop {
        sleep(pause).await;
        let size = match case.random.between(0, 9) {
            0 if !zero => 0,
            1 => case.max + 3,
            _ => u32::try_from(case.random.between(case.min.into(), case.max.into())).unwrap_or(case.max),
        };
        zero = size == 0;
        let patch = Patch::Merge(json!({"spec": {"replicas": size}}));
        let patched = workloads.patch_scale(&case.name, &PatchParams::default(), &patch).await;
        patched.unwrap();
    }
}
