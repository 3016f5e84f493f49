//! A local copy of what some kind of object says, kept current by a watch and reduced to what is needed of it.

mod trouble;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::api::Api;
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use trouble::Trouble;

type ByNamespace<V> = HashMap<String, HashMap<String, V>>;
type Projection<V> = Box<dyn Fn(&DynamicObject) -> Option<V> + Send + Sync>;

/// Where a watch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// The first list has not arrived.
    Pending,
    /// The copy can be relied on.
    Done,
    /// The API server refuses the watch.
    Forbidden,
}

/// See the module.
pub(crate) struct Mirror<V> {
    project: Projection<V>,
    listing: watch::Sender<Listing>,
    listed: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
    objects: RwLock<ByNamespace<V>>,
}

impl<V> fmt::Debug for Mirror<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Mirror")
            .field("listing", &*self.listing.borrow())
            .finish_non_exhaustive()
    }
}

impl<V: Clone> Mirror<V> {
    /// An empty copy; `project` says what is kept of an object, if anything.
    pub(crate) fn new(project: impl Fn(&DynamicObject) -> Option<V> + Send + Sync + 'static) -> Self {
        Self {
            project: Box::new(project),
            listing: watch::Sender::new(Listing::Pending),
            listed: AtomicBool::default(),
            trouble: Mutex::default(),
            objects: RwLock::default(),
        }
    }

    /// Where the watch stands. One that was refused after its first list goes on without a word once it may.
    pub(crate) fn listing(&self) -> Listing {
        let listing = *self.listing.borrow();
        let goes_on = || self.listed.load(Ordering::Relaxed) && self.trouble().is_none();
        if listing == Listing::Forbidden && goes_on() {
            return Listing::Done;
        }
        listing
    }

    /// What the watch has been failing with, unless it works.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        let now = Instant::now();
        self.latest_trouble().clone().filter(|trouble| !trouble.is_over(now))
    }

    /// What is kept is all there is for now, although no watch has said so.
    pub(crate) fn complete(&self) {
        self.listing.send_replace(Listing::Done);
    }

    /// Waits until the first list has arrived or was refused, but not longer than `limit`.
    pub(crate) async fn settled(&self, limit: Duration) -> Listing {
        let mut listing = self.listing.subscribe();
        let settled = listing.wait_for(|listing| *listing != Listing::Pending);
        let _ = tokio::time::timeout(limit, settled).await;
        self.listing()
    }

    /// What is kept of one object.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<V> {
        self.read().get(namespace)?.get(name).cloned()
    }

    /// The first object of a namespace, by name, that fits.
    pub(crate) fn find(&self, namespace: &str, fits: impl Fn(&V) -> bool) -> Option<String> {
        let objects = self.read();
        objects
            .get(namespace)?
            .iter()
            .filter(|(_, value)| fits(value))
            .map(|(name, _)| name.clone())
            .min()
    }

    /// Keeps what no watch tells.
    pub(crate) fn put(&self, namespace: &str, name: &str, value: V) {
        self.write()
            .entry(namespace.to_owned())
            .or_default()
            .insert(name.to_owned(), value);
    }

    /// Overrides what the watch has said of an object, if that is older. What the watch does not know is not kept: it may
    /// have been deleted since it was asked for.
    pub(crate) fn update(&self, namespace: &str, name: &str, value: &V, is_older: impl FnOnce(&V) -> bool) {
        let mut objects = self.write();
        let known = objects.get_mut(namespace).and_then(|names| names.get_mut(name));
        if let Some(known) = known.filter(|known| is_older(known)) {
            *known = value.clone();
        }
    }

    /// Forgets one object.
    pub(crate) fn remove(&self, namespace: &str, name: &str) {
        remove(&mut self.write(), namespace, name);
    }

    /// All objects of a namespace.
    pub(crate) fn all(&self, namespace: &str) -> Vec<V> {
        let objects = self.read();
        objects
            .get(namespace)
            .into_iter()
            .flat_map(HashMap::values)
            .cloned()
            .collect()
    }

    /// Follows the watch for ever.
    pub(crate) async fn follow(&self, what: &str, api: Api<DynamicObject>, config: watcher::Config) {
        let mut events = watcher(api, config).default_backoff().boxed();
        let mut listed = ByNamespace::new();
        loop {
            match events.try_next().await {
                Ok(Some(Event::Init)) => listed.clear(),
                Ok(Some(Event::InitApply(object))) => self.keep(&mut listed, &object),
                Ok(Some(Event::InitDone)) => {
                    *self.latest_trouble() = None;
                    self.listed.store(true, Ordering::Relaxed);
                    *self.write() = std::mem::take(&mut listed);
                    self.listing.send_replace(Listing::Done);
                }
                Ok(Some(Event::Apply(object))) => self.keep(&mut self.write(), &object),
                Ok(Some(Event::Delete(object))) => {
                    if let Some((namespace, name)) = key(&object) {
                        self.remove(&namespace, &name);
                    }
                }
                Ok(None) => return,
                Err(error) => self.note(what, &error),
            }
        }
    }

    fn keep(&self, objects: &mut ByNamespace<V>, object: &DynamicObject) {
        let Some((namespace, name)) = key(object) else {
            return;
        };
        match (self.project)(object) {
            Some(value) => drop(objects.entry(namespace).or_default().insert(name, value)),
            None => remove(objects, &namespace, &name),
        }
    }

    fn note(&self, what: &str, error: &watcher::Error) {
        let forbidden = is_forbidden(error);
        tracing::warn!(what, forbidden, %error, "failed to watch");
        let mut trouble = self.latest_trouble();
        *trouble = Some(Trouble::after(trouble.as_ref(), error, Instant::now()));
        drop(trouble);
        if forbidden {
            self.listing.send_replace(Listing::Forbidden);
        }
    }

    fn latest_trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, ByNamespace<V>> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, ByNamespace<V>> {
        self.objects.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(object: &DynamicObject) -> Option<(String, String)> {
    Some((object.metadata.namespace.clone()?, object.metadata.name.clone()?))
}

fn remove<V>(objects: &mut ByNamespace<V>, namespace: &str, name: &str) {
    if let Some(names) = objects.get_mut(namespace) {
        names.remove(name);
        if names.is_empty() {
            objects.remove(namespace);
        }
    }
}

/// Whether a watch failed for want of rights.
fn is_forbidden(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return false;
    };
    status.code == 403
}
