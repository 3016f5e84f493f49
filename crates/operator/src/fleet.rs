//! All autoscalers of one term: watched leniently, one worker each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use autoscaler_core::Continuity;
use kube::core::DynamicObject;
use kube::runtime::watcher::{Config, Event};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::leader::Handover;
use crate::prepared::EffectiveMode;
use crate::progress::Progress;
use crate::resources;
use crate::rivals::Contender;
use crate::snapshot::{Key, Snapshot};
use crate::subject::Subject;
use crate::watched::Watched;
use crate::worker;

/// The worker of one autoscaler, as the fleet holds it.
#[derive(Debug)]
struct Worker {
    uid: String,
    newest: watch::Sender<Arc<Snapshot>>,
    stop: CancellationToken,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Fleet {
    context: Context,
    handover: Handover,
    progress: Arc<Progress>,
    stop: CancellationToken,
    workers: HashMap<Key, Worker>,
    tasks: JoinSet<bool>,
    /// Everything still to be seen in a list that is under way.
    listed: HashSet<Key>,
}

impl Fleet {
    /// No autoscalers yet.
    pub(crate) fn new(context: Context, handover: Handover, progress: Arc<Progress>, stop: CancellationToken) -> Self {
        let (workers, tasks, listed) = (HashMap::new(), JoinSet::new(), HashSet::new());
        Self {
            context,
            handover,
            progress,
            stop,
            workers,
            tasks,
            listed,
        }
    }

    /// Looks after all autoscalers until the term ends, then waits for those that are writing. Returns whether every
    /// status was accepted.
    pub(crate) async fn run(mut self) -> bool {
        let namespace = self.context.settings.namespace.as_deref();
        let api = resources::autoscalers(&self.context.client, namespace);
        let mut events = Watched::new(api, Config::default());
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                event = events.next() => match event {
                    Ok(event) => {
                        if events.is_well() {
                            self.progress.note_watched();
                        }
                        self.take(event);
                    }
                    Err(error) => {
                        self.progress.note_watch_failed();
                        tracing::warn!(%error, "failed to watch autoscalers");
                    }
                },
                Some(_) = self.tasks.join_next() => {}
            }
        }
        let mut flushed = true;
        while let Some(ended) = self.tasks.join_next().await {
            flushed &= ended.unwrap_or(false);
        }
        flushed
    }

    fn take(&mut self, event: Event<DynamicObject>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => {
                if let Some(key) = self.apply(&object) {
                    self.listed.insert(key);
                }
            }
            Event::InitDone => {
                let gone: Vec<Key> = self
                    .workers
                    .keys()
                    .filter(|key| !self.listed.contains(*key))
                    .cloned()
                    .collect();
                for key in &gone {
                    self.end(key);
                }
                self.listed.clear();
                self.context.rivals.complete();
                self.progress.note_synced();
            }
            Event::Apply(object) => drop(self.apply(&object)),
            Event::Delete(object) => {
                if let Some(snapshot) = Snapshot::of(&object) {
                    self.end(&snapshot.key());
                }
            }
        }
    }

    fn apply(&mut self, object: &DynamicObject) -> Option<Key> {
        let snapshot = Arc::new(Snapshot::of(object)?);
        let key = snapshot.key();
        self.contend(&snapshot);
        match self.workers.get(&key) {
            Some(worker) if worker.uid == snapshot.uid => drop(worker.newest.send_replace(snapshot)),
            // Deleted and created again under the same name while we were not looking.
            Some(_) => {
                self.end(&key);
                self.contend(&snapshot);
                self.start(key.clone(), snapshot);
            }
            None => self.start(key.clone(), snapshot),
        }
        Some(key)
    }

    /// Tells the others of its kind whether this one wants to act on its target.
    fn contend(&self, snapshot: &Snapshot) {
        let rivals = &self.context.rivals;
        let acting = snapshot.spec().filter(|spec| {
            let mode = EffectiveMode::of(spec.mode, self.context.settings.max_mode);
            mode == EffectiveMode::Active && !snapshot.terminating
        });
        match acting {
            Some(spec) => {
                let contender = Contender::of(snapshot, &spec.scale_target_ref);
                rivals.enter(&snapshot.namespace, &snapshot.name, contender);
            }
            None => rivals.leave(&snapshot.namespace, &snapshot.name),
        }
    }

    fn start(&mut self, key: Key, snapshot: Arc<Snapshot>) {
        let clock = &self.context.clock;
        let uid = snapshot.uid.clone();
        let continuity = self.continuity(&snapshot);
        let (newest, receiver) = watch::channel(snapshot);
        let subject = Subject::resume(receiver, self.context.settings.min_interval, continuity, clock);
        let (stop, pace) = (self.stop.child_token(), self.progress.begin(key.clone()));
        self.tasks
            .spawn(worker::run(self.context.clone(), subject, pace, stop.clone()));
        self.workers.insert(key, Worker { uid, newest, stop });
    }

    /// Evaluations were missed unless the lease was given up on purpose less than one interval ago (R16).
    fn continuity(&self, snapshot: &Snapshot) -> Continuity {
        let released = match &self.handover {
            Handover::Released { at } if !self.progress.is_synced() => *at,
            Handover::Released { .. } | Handover::First | Handover::TakenOver => return Continuity::Broken,
        };
        let seconds = snapshot.spec().map_or(0, |spec| spec.interval_seconds);
        let interval = jiff::SignedDuration::from_secs(i64::from(seconds));
        let since = self.context.clock.now().duration_since(released);
        // The time is that of another clock: one that is far ahead of ours tells nothing either.
        if since.abs() <= interval {
            Continuity::Unbroken
        } else {
            Continuity::Broken
        }
    }

    fn end(&mut self, key: &Key) {
        let Some(worker) = self.workers.remove(key) else {
            return;
        };
        worker.stop.cancel();
        self.progress.end(key);
        self.context.rivals.leave(&key.0, &key.1);
        self.context.events.forget(&worker.uid);
    }
}
