//! What happens to targets besides the HPA: their status and pods follow their size, late for some, and for some somebody
//! changes the size by hand.

mod crew;

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
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::case::{Case, Kind};
use crate::pods::Pods;
use crate::stage::{Stage, patch_status, pod_name, set_ready};

use crew::Crew;

/// Between two deliveries of a watch's end and its next beginning.
const RESTART: Duration = Duration::from_millis(100);

/// How long a size stays before anything else happens to pods.
const REST: Duration = Duration::from_millis(700);

/// What the pods of a case were from some time on.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// When the request was sent that made it so.
    pub(crate) sent: Timestamp,
    /// When it was answered.
    pub(crate) answered: Timestamp,
    pub(crate) pods: Pods,
}

/// Everything about pods, by case.
pub(crate) type Ledger = Arc<Mutex<BTreeMap<String, Vec<Known>>>>;

/// The part of one case in it.
#[derive(Clone)]
struct Notes {
    ledger: Ledger,
    case: String,
}

impl Notes {
    /// What was so before anybody looked.
    fn begin(&self, pods: Pods) {
        let (sent, answered) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        self.push(Known { sent, answered, pods });
    }

    /// What is so now, by a request that was sent then.
    fn add(&self, sent: Timestamp, pods: Pods) {
        let answered = Timestamp::now();
        self.push(Known { sent, answered, pods });
    }

    fn push(&self, known: Known) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.entry(self.case.clone()).or_default().push(known);
    }
}

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
                notes: Notes {
                    ledger: Arc::clone(&ledger),
                    case: case.name.clone(),
                },
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
    pub(crate) fn known(&self) -> BTreeMap<String, Vec<Known>> {
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
    notes: Notes,
    case: Case,
}

impl Follower {
    /// Gives the target each of its sizes as its status, and as many pods, once its lag is over.
    async fn follow(self, sizes: UnboundedReceiver<(Instant, u32)>) {
        match self.case.kind {
            Kind::Pods => self.follow_with_each(sizes).await,
            Kind::Value | Kind::AverageValue => self.follow_with_ready(sizes).await,
        }
    }

    /// Only how many are ready matters, if that.
    async fn follow_with_ready(self, mut sizes: UnboundedReceiver<(Instant, u32)>) {
        let mut ready = self.case.start;
        self.notes.begin(Pods::ready(ready));
        while let Some(size) = sizes.recv().await {
            let size = self.come_to(size).await;
            if self.case.kind == Kind::Value {
                self.make_ready(&mut ready, size.min(self.case.max)).await;
            }
        }
    }

    /// Each of them matters.
    async fn follow_with_each(self, mut sizes: UnboundedReceiver<(Instant, u32)>) {
        let mut crew = Crew::new(self.pods.clone(), self.notes.clone(), self.case.clone());
        loop {
            match timeout(REST, sizes.recv()).await {
                Ok(Some(size)) => {
                    let size = self.come_to(size).await;
                    crew.follow(size).await;
                }
                Ok(None) => return,
                Err(_) => crew.go_on().await,
            }
        }
    }

    async fn come_to(&self, (since, size): (Instant, u32)) -> u32 {
        sleep_until(since + self.case.lag).await;
        patch_status(&self.workloads, &self.case.name, json!({"status": {"replicas": size}})).await;
        size
    }

    async fn make_ready(&self, ready: &mut u32, wanted: u32) {
        while *ready != wanted {
            let grows = *ready < wanted;
            let index = if grows { *ready } else { *ready - 1 };
            let sent = Timestamp::now();
            set_ready(&self.pods, &pod_name(&self.case.name, index), grows).await;
            *ready = if grows { *ready + 1 } else { *ready - 1 };
            self.notes.add(sent, Pods::ready(*ready));
        }
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
