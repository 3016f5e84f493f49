//! A local copy of what some kind of object says, kept current by a watch and reduced to what is needed of it.

mod trouble;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use kube::api::Api;
use kube::core::DynamicObject;
use kube::runtime::watcher::{self, Event};
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use trouble::Trouble;

use crate::gate::{answer, said};
use crate::watched::Watched;

type ByNamespace<V> = HashMap<String, HashMap<String, V>>;
type Projection<V> = Box<dyn Fn(&DynamicObject) -> Option<V> + Send + Sync>;

/// Where a watch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listing {
    /// The first list has not arrived, and why, if that is known.
    Pending(Option<Trouble>),
    /// The copy can be relied on.
    Done,
    /// The watch has been failing for so long that the copy may be old.
    Stale(Trouble),
    /// The API server refuses the watch.
    Forbidden,
}

/// What the first list came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Pending,
    Done,
    Forbidden,
}

/// See the module.
pub(crate) struct Mirror<V> {
    project: Projection<V>,
    first: watch::Sender<First>,
    listed: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
    objects: RwLock<ByNamespace<V>>,
}

impl<V> fmt::Debug for Mirror<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Mirror")
            .field("first", &*self.first.borrow())
            .finish_non_exhaustive()
    }
}

impl<V: Clone> Mirror<V> {
    /// An empty copy; `project` says what is kept of an object, if anything.
    pub(crate) fn new(project: impl Fn(&DynamicObject) -> Option<V> + Send + Sync + 'static) -> Self {
        Self {
            project: Box::new(project),
            first: watch::Sender::new(First::Pending),
            listed: AtomicBool::default(),
            trouble: Mutex::default(),
            objects: RwLock::default(),
        }
    }

    /// Where the watch stands. One that was refused after its first list goes on without a word once it may.
    pub(crate) fn listing(&self) -> Listing {
        let (first, trouble) = (*self.first.borrow(), self.trouble());
        match (first, trouble) {
            (First::Pending, trouble) => Listing::Pending(trouble),
            (First::Forbidden, None) if self.listed.load(Ordering::Relaxed) => Listing::Done,
            (First::Forbidden, _) => Listing::Forbidden,
            (First::Done, Some(trouble)) if trouble.is_lasting() => Listing::Stale(trouble),
            (First::Done, _) => Listing::Done,
        }
    }

    /// What the watch has been failing with, unless it works.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        let now = Instant::now();
        self.latest_trouble().clone().filter(|trouble| !trouble.is_over(now))
    }

    /// What is kept is all there is for now, although no watch has said so.
    pub(crate) fn complete(&self) {
        self.first.send_replace(First::Done);
    }

    /// Waits until the first list has arrived or was refused, but not longer than `limit`.
    pub(crate) async fn settled(&self, limit: Duration) -> Listing {
        let mut first = self.first.subscribe();
        let settled = first.wait_for(|first| *first != First::Pending);
        let _ = tokio::time::timeout(limit, settled).await;
        self.listing()
    }

    /// What is kept of one object; what is in no namespace has an empty one.
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

    /// All objects of a namespace that fit.
    pub(crate) fn select(&self, namespace: &str, fits: impl Fn(&V) -> bool) -> Vec<V> {
        let objects = self.read();
        let values = objects.get(namespace).into_iter().flat_map(HashMap::values);
        values.filter(|value| fits(value)).cloned().collect()
    }

    /// There is no such kind, and so there are no objects.
    pub(crate) fn clear(&self) {
        self.write().clear();
        self.works();
        self.complete();
    }

    /// Follows the watch for ever.
    pub(crate) async fn follow(&self, what: &str, api: Api<DynamicObject>, config: watcher::Config) {
        self.follow_until(what, api, config, |_| false).await;
    }

    /// Follows the watch until the API server does not know the kind any more, and keeps what was seen of it.
    pub(crate) async fn follow_while_served(&self, what: &str, api: Api<DynamicObject>, config: watcher::Config) {
        let is_unknown = |error: &watcher::Error| code(error) == Some(404);
        self.follow_until(what, api, config, is_unknown).await;
    }

    async fn follow_until(
        &self,
        what: &str,
        api: Api<DynamicObject>,
        config: watcher::Config,
        is_last: impl Fn(&watcher::Error) -> bool,
    ) {
        let mut events = Watched::new(api, config);
        let mut listed = ByNamespace::new();
        loop {
            match events.next().await {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => self.keep(&mut listed, &object),
                Ok(Event::InitDone) => {
                    if events.is_well() {
                        self.works();
                    }
                    self.listed.store(true, Ordering::Relaxed);
                    *self.write() = std::mem::take(&mut listed);
                    self.complete();
                }
                Ok(Event::Apply(object)) => {
                    self.works();
                    self.keep(&mut self.write(), &object);
                }
                Ok(Event::Delete(object)) => {
                    self.works();
                    if let Some((namespace, name)) = key(&object) {
                        self.remove(&namespace, &name);
                    }
                }
                Err(error) => {
                    self.note_error(what, &error);
                    if is_last(&error) {
                        return;
                    }
                }
            }
        }
    }

    /// Nothing can be watched for now, and why.
    pub(crate) fn note(&self, words: String) {
        let mut trouble = self.latest_trouble();
        *trouble = Some(Trouble::after(trouble.as_ref(), words, Instant::now()));
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

    fn works(&self) {
        *self.latest_trouble() = None;
    }

    fn note_error(&self, what: &str, error: &watcher::Error) {
        let forbidden = code(error) == Some(403);
        tracing::warn!(what, forbidden, %error, "failed to watch");
        if let watcher::Error::WatchFailed(_) = error {
            // It had begun, so it has told all there was: something on the way may cut what is silent for long.
            self.works();
        }
        self.note(words(error));
        if forbidden {
            self.first.send_replace(First::Forbidden);
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
    let namespace = object.metadata.namespace.clone().unwrap_or_default();
    Some((namespace, object.metadata.name.clone()?))
}

fn remove<V>(objects: &mut ByNamespace<V>, namespace: &str, name: &str) {
    if let Some(names) = objects.get_mut(namespace) {
        names.remove(name);
        if names.is_empty() {
            objects.remove(namespace);
        }
    }
}

/// The HTTP status that a watch failed with.
fn code(error: &watcher::Error) -> Option<u16> {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return None;
    };
    Some(status.code)
}

/// What a watch failed with, for people.
fn words(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => answer(error),
        watcher::Error::WatchError(status) => said(status),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}
