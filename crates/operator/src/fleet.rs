//! All autoscalers of one term: watched leniently, one worker each.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use autoscaler_core::Continuity;
use futures::{StreamExt, TryStreamExt};
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::context::Context;
use crate::leader::Handover;
use crate::pace::Pace;
use crate::prepared::EffectiveMode;
use crate::resources;
use crate::rivals::Contender;
use crate::snapshot::Snapshot;
use crate::subject::Subject;
use crate::worker;

type Key = (String, String);

/// An autoscaler that is being looked after.
#[derive(Debug)]
struct Charge {
    uid: String,
    newest: watch::Sender<Arc<Snapshot>>,
    stop: CancellationToken,
}

/// What the health checks of a term look at.
#[derive(Debug, Default)]
pub struct Vitals {
    synced: std::sync::atomic::AtomicBool,
    paces: Mutex<HashMap<Key, Arc<Pace>>>,
}

impl Vitals {
    /// Whether the first list of autoscalers has arrived.
    pub fn is_synced(&self) -> bool {
        self.synced.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The autoscaler that has been overdue the longest, if any is.
    pub fn most_overdue(&self, clock: &Clock) -> Option<(String, Duration)> {
        let now = clock.boot();
        let paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = paces
            .iter()
            .map(|((namespace, name), pace)| (format!("{namespace}/{name}"), pace.overdue(now)));
        overdue
            .filter(|(_, overdue)| !overdue.is_zero())
            .max_by_key(|(_, overdue)| *overdue)
    }

    fn paces(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Pace>>> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Fleet {
    context: Context,
    handover: Handover,
    vitals: Arc<Vitals>,
    stop: CancellationToken,
    charges: HashMap<Key, Charge>,
    workers: JoinSet<bool>,
    /// Everything still to be seen in a list that is under way.
    listed: HashSet<Key>,
}

impl Fleet {
    /// No autoscalers yet.
    pub fn new(context: Context, handover: Handover, vitals: Arc<Vitals>, stop: CancellationToken) -> Self {
        let (charges, workers, listed) = (HashMap::new(), JoinSet::new(), HashSet::new());
        Self {
            context,
            handover,
            vitals,
            stop,
            charges,
            workers,
            listed,
        }
    }

    /// Looks after all autoscalers until the term ends, then waits for those that are writing. Returns whether every
    /// status was accepted.
    pub async fn run(mut self) -> bool {
        let namespace = self.context.settings.namespace.as_deref();
        let api = resources::autoscalers(&self.context.client, namespace);
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                event = events.try_next() => match event {
                    Ok(Some(event)) => self.take(event),
                    Ok(None) => break,
                    Err(error) => tracing::warn!(%error, "failed to watch autoscalers"),
                },
                Some(_) = self.workers.join_next() => {}
            }
        }
        let mut flushed = true;
        while let Some(ended) = self.workers.join_next().await {
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
                    .charges
                    .keys()
                    .filter(|key| !self.listed.contains(*key))
                    .cloned()
                    .collect();
                for key in &gone {
                    self.dismiss(key);
                }
                self.listed.clear();
                self.context.rivals.complete();
                self.vitals.synced.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            Event::Apply(object) => drop(self.apply(&object)),
            Event::Delete(object) => {
                if let Some(snapshot) = Snapshot::of(&object) {
                    self.dismiss(&(snapshot.namespace, snapshot.name));
                }
            }
        }
    }

    fn apply(&mut self, object: &DynamicObject) -> Option<Key> {
        let snapshot = Arc::new(Snapshot::of(object)?);
        let key = (snapshot.namespace.clone(), snapshot.name.clone());
        self.contend(&snapshot);
        match self.charges.get(&key) {
            Some(charge) if charge.uid == snapshot.uid => drop(charge.newest.send_replace(snapshot)),
            // Deleted and created again under the same name while we were not looking.
            Some(_) => {
                self.dismiss(&key);
                self.contend(&snapshot);
                self.take_on(key.clone(), snapshot);
            }
            None => self.take_on(key.clone(), snapshot),
        }
        Some(key)
    }

    /// Tells the others of its kind whether this one wants to act on its target.
    fn contend(&self, snapshot: &Snapshot) {
        let rivals = &self.context.rivals;
        let acting = snapshot.autoscaler().filter(|autoscaler| {
            let mode = EffectiveMode::of(autoscaler.spec.mode, self.context.settings.max_mode);
            mode == EffectiveMode::Active && !snapshot.terminating
        });
        match acting {
            Some(autoscaler) => {
                let contender = Contender::of(snapshot, &autoscaler.spec.scale_target_ref);
                rivals.enter(&snapshot.namespace, &snapshot.name, contender);
            }
            None => rivals.leave(&snapshot.namespace, &snapshot.name),
        }
    }

    fn take_on(&mut self, key: Key, snapshot: Arc<Snapshot>) {
        let clock = &self.context.clock;
        let uid = snapshot.uid.clone();
        let continuity = self.continuity(&snapshot);
        let (newest, receiver) = watch::channel(snapshot);
        let subject = Subject::resume(receiver, self.context.settings.min_interval, continuity, clock);
        let (stop, pace) = (self.stop.child_token(), Arc::new(Pace::new(clock)));
        self.vitals.paces().insert(key.clone(), pace.clone());
        self.workers
            .spawn(worker::run(self.context.clone(), subject, pace, stop.clone()));
        self.charges.insert(key, Charge { uid, newest, stop });
    }

    /// Evaluations were missed unless the lease was given up on purpose less than one interval ago (R16).
    fn continuity(&self, snapshot: &Snapshot) -> Continuity {
        let released = match &self.handover {
            Handover::Released { at } if !self.vitals.is_synced() => *at,
            Handover::Released { .. } | Handover::First | Handover::TakenOver => return Continuity::Broken,
        };
        let seconds = snapshot
            .autoscaler()
            .map_or(0, |autoscaler| autoscaler.spec.interval_seconds);
        let interval = jiff::SignedDuration::from_secs(i64::from(seconds));
        let since = self.context.clock.now().duration_since(released);
        // The time is that of another clock: one that is far ahead of ours tells nothing either.
        if since.abs() <= interval {
            Continuity::Unbroken
        } else {
            Continuity::Broken
        }
    }

    fn dismiss(&mut self, key: &Key) {
        let Some(charge) = self.charges.remove(key) else {
            return;
        };
        charge.stop.cancel();
        self.vitals.paces().remove(key);
        self.context.rivals.leave(&key.0, &key.1);
        self.context.events.forget(&charge.uid);
    }
}
