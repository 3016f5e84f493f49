//! The pods of one namespace that targets there look for: one watch for all of them, which keeps no others.
//!
//! A watch is made for a fixed set of selectors, so a newcomer's needs a new list. As in a group commit, newcomers wait
//! until the watch before has its first list, and then one more begins for everybody: a thousand autoscalers make a few
//! lists. Until it has its own, the others go on with the one before, so nobody is without pods because somebody else
//! came. A watch that keeps the pods of somebody who has gone is replaced in the same way, but not at once: that is about
//! memory alone. There are two watches at most, and they end with the last that looks for pods.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kube::Client;
use kube::core::Selector;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::PodsError;
use super::kept::Kept;
use super::watch::{PodWatch, Selectors};

/// How long an evaluation waits for a first list before it goes on without.
const FIRST_LIST: Duration = Duration::from_secs(5);

/// How long after one watch the next may begin: newcomers rarely come alone.
const GATHERING: Duration = Duration::from_secs(2);

/// How often it is looked whether the watch keeps what nobody looks for any more.
const REVIEW: Duration = Duration::from_mins(1);

/// See the module.
pub(super) struct Namespace {
    name: String,
    client: Client,
    end: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What is read.
    current: Option<Arc<PodWatch>>,
    /// What will be read instead, once it has its first list.
    next: Option<Arc<PodWatch>>,
    /// What is looked for, by the text of its selector.
    sought: HashMap<String, Weak<Sought>>,
    reviewed: Instant,
}

/// What targets with the same selector look for.
#[derive(Debug)]
struct Sought {
    text: String,
    selector: Selector,
}

/// One target that looks for pods.
#[derive(Debug)]
pub(super) struct Follower {
    namespace: Arc<Namespace>,
    sought: Arc<Sought>,
}

/// What a follower has to do.
enum Turn {
    Read(Arc<PodWatch>),
    /// Until another watch may begin after this one, which does not keep what is sought.
    Wait(Arc<PodWatch>),
}

impl fmt::Debug for Namespace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Namespace")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Namespace {
    /// No watches yet; none outlives `end`.
    pub(super) fn new(name: &str, client: Client, end: CancellationToken) -> Self {
        Self {
            name: name.to_owned(),
            client,
            end,
            state: Mutex::new(State {
                current: None,
                next: None,
                sought: HashMap::new(),
                reviewed: Instant::now(),
            }),
        }
    }

    /// One more that looks for pods.
    pub(super) fn follow(self: Arc<Self>, text: &str, selector: Selector) -> Follower {
        let sought = self.edit(|state| {
            let same = state.sought.get(text).and_then(Weak::upgrade);
            same.unwrap_or_else(|| {
                let text = text.to_owned();
                let sought = Arc::new(Sought { text, selector });
                state.sought.insert(sought.text.clone(), Arc::downgrade(&sought));
                sought
            })
        });
        Follower {
            namespace: self,
            sought,
        }
    }

    fn edit<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        edit(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A watch for everything that is sought.
    fn begin(&self, state: &mut State) -> Arc<PodWatch> {
        state.sought.retain(|_, sought| sought.strong_count() > 0);
        let sought = state.sought.values().filter_map(Weak::upgrade);
        let selectors: Selectors = sought
            .map(|sought| (sought.text.clone(), sought.selector.clone()))
            .collect();
        state.reviewed = Instant::now();
        let end = self.end.child_token();
        Arc::new(PodWatch::begin(&self.client, &self.name, selectors, end))
    }

    fn turn(&self, sought: &str) -> Turn {
        self.edit(|state| {
            state.move_on();
            let Some(current) = state.current.clone() else {
                let first = self.begin(state);
                return Turn::Read(state.current.insert(first).clone());
            };
            if current.covers(sought) {
                if state.next.is_none() && state.is_wasteful(&current) {
                    state.next = Some(self.begin(state));
                }
                return Turn::Read(current);
            }
            match state.next.clone() {
                Some(next) if next.covers(sought) => Turn::Read(next),
                Some(next) => Turn::Wait(next),
                None if current.may_be_followed() => {
                    let next = self.begin(state);
                    Turn::Read(state.next.insert(next).clone())
                }
                None => Turn::Wait(current),
            }
        })
    }
}

impl State {
    /// Ends the watch that is read, if the next one has its first list.
    fn move_on(&mut self) {
        if let Some(next) = self.next.take_if(|next| next.has_listed()) {
            self.current = Some(next);
        }
    }

    /// Whether a watch keeps what nobody looks for any more, if it is time to see to that.
    fn is_wasteful(&mut self, watch: &PodWatch) -> bool {
        let now = Instant::now();
        if now < self.reviewed + REVIEW || !watch.has_listed() {
            return false;
        }
        self.reviewed = now;
        let is_sought = |text: &str| self.sought.get(text).is_some_and(|sought| sought.strong_count() > 0);
        watch.selectors().any(|text| !is_sought(text))
    }
}

impl PodWatch {
    /// Whether another watch may begin after this one.
    fn may_be_followed(&self) -> bool {
        self.has_listed() && Instant::now() >= self.begun() + GATHERING
    }
}

impl Follower {
    /// The text of the selector.
    pub(super) fn selector(&self) -> &str {
        &self.sought.text
    }

    /// Where the pods are.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace.name
    }

    /// The pods that the selector finds.
    pub(super) async fn find(&self) -> Result<Vec<Kept>, PodsError> {
        let deadline = Instant::now() + FIRST_LIST;
        loop {
            match self.namespace.turn(self.selector()) {
                Turn::Read(watch) => {
                    let found = watch.find(&self.sought.selector, deadline).await;
                    // The next evaluation of anybody may be an hour away.
                    self.namespace.edit(State::move_on);
                    return found;
                }
                Turn::Wait(before) => {
                    before.listed(deadline).await?;
                    tokio::time::sleep_until(before.begun() + GATHERING).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
