//! One node: its state behind a lock, its directory, and its way to the other members.
//!
//! Everything that changes what must outlive the process goes through here, and is on disk before anybody is told.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use tokio::sync::Notify;

use super::options::NodeOptions;
use super::peers::{Message, Peers, Unreachable};
use super::state::{Metadata, State};
use super::store::{Kept, Store};

/// What all handlers and tasks of one node share.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) options: NodeOptions,
    pub(super) peers: Peers,
    state: Mutex<State>,
    store: Store,
    /// Notified when the process is to end.
    pub(super) stop: Notify,
}

impl Node {
    /// As the data directory left it.
    pub(super) fn open(options: NodeOptions) -> io::Result<Arc<Self>> {
        let store = Store::open(&options.data_directory)?;
        let mut state = State::new(&options);
        match store.members()? {
            Some(members) => state.members = members,
            None => store.keep_members(&state.members)?,
        }
        let Kept { has_history, metadata } = store.kept()?;
        (state.has_history, state.metadata) = (has_history, metadata);
        state.queues = store.queues()?;
        let peers = Peers::new(&options)?;
        Ok(Arc::new(Self {
            options,
            peers,
            state: Mutex::new(state),
            store,
            stop: Notify::new(),
        }))
    }

    pub(super) fn name(&self) -> &str {
        &self.options.name
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A time of VerneMQ's, as long as it is here.
    pub(super) async fn sleep(&self, seconds: f64) {
        tokio::time::sleep(self.options.scaled(seconds)).await;
    }

    pub(super) fn members(&self) -> Vec<String> {
        self.state().members.keys()
    }

    /// Whether that node answers. A node always answers itself.
    pub(super) async fn pings(&self, name: &str) -> bool {
        name == self.name() || self.ask(name, &Message::Ping).await.is_ok()
    }

    /// Whether its broker runs, and is not stopping.
    async fn runs(&self, name: &str) -> bool {
        if name == self.name() {
            return !self.state().is_stopping;
        }
        self.ask(name, &Message::Ping).await.is_ok_and(|runs| runs == true)
    }

    /// Asks another node.
    pub(super) async fn ask(&self, name: &str, message: &Message) -> Result<Value, Unreachable> {
        let cut_off = self.state().knobs.unreachable.contains(name);
        if cut_off {
            return Err(Unreachable::cut_off(name));
        }
        self.peers.ask(name, message).await
    }

    /// Tells others, and does not care whether they hear it.
    pub(super) async fn tell(&self, names: &[String], message: &Message) {
        let others = names.iter().filter(|name| *name != self.name());
        join_all(others.map(|name| self.ask(name, message))).await;
    }

    /// Changes the membership list, and what is on disk of it.
    pub(super) fn change_members<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let changed = change(&mut state);
        self.kept(self.store.keep_members(&state.members));
        changed
    }

    /// The next start is that of a lone node; this run still knows its members.
    pub(super) fn forget_members_on_disk(&self) {
        self.kept(self.store.forget_members());
    }

    /// Something of our own is written into the metadata and told to everybody.
    pub(super) async fn write_metadata(&self, change: impl FnOnce(&mut Metadata) -> Metadata) {
        let (news, members) = {
            let mut state = self.state();
            state.has_history = true;
            let news = change(&mut state.metadata);
            self.keep_metadata(&state);
            (news, state.members.keys())
        };
        self.tell(&members, &Message::Metadata(news)).await;
    }

    /// Which node has the queue of this client from now on.
    pub(super) async fn remap(&self, client: &str, to: Option<&str>) {
        self.write_metadata(|metadata| {
            match to {
                Some(node) => metadata.subscribers.put(client, node.to_owned()),
                None => metadata.subscribers.remove(client),
            }
            Metadata {
                subscribers: metadata.subscribers.word_on(client),
                ..Metadata::default()
            }
        })
        .await;
    }

    /// Hears what somebody else has written.
    pub(super) fn hear_metadata(&self, news: Metadata) {
        let mut state = self.state();
        state.metadata.merge(news);
        state.has_history = true;
        self.keep_metadata(&state);
    }

    /// Changes the queue of one client, and what is on disk of it.
    pub(super) fn change_queue<T>(&self, client: &str, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let changed = change(&mut state);
        self.kept(self.store.keep_queue(client, state.queues.get(client)));
        changed
    }

    /// The look of `vmq_cluster:check_ready`: every member is asked whether it runs.
    pub(super) async fn check_ready(&self) {
        let members = self.members();
        let found = members.into_iter().map(|name| async move {
            let runs = self.runs(&name).await;
            (name, runs)
        });
        let found: BTreeMap<String, bool> = join_all(found).await.into_iter().collect();
        let mut state = self.state();
        // Whoever left while we asked does not count.
        let found = found
            .into_iter()
            .filter(|(name, _)| state.members.contains(name))
            .collect();
        state.looked(found);
    }

    fn keep_metadata(&self, state: &State) {
        let kept = Kept {
            has_history: state.has_history,
            metadata: state.metadata.clone(),
        };
        self.kept(self.store.keep(&kept));
    }

    /// A node that cannot write does not go on as if it had.
    fn kept(&self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            panic!("failed to write to {}: {error}", self.options.data_directory.display());
        }
    }

    /// Ends this process after the time that an orderly stop takes.
    pub(super) fn begin_stop(self: &Arc<Self>) {
        let node = Arc::clone(self);
        let seconds = {
            let mut state = node.state();
            state.is_stopping = true;
            state.knobs.stop_seconds
        };
        let delay = self.options.scaled(seconds).max(Duration::from_millis(20));
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            node.stop.notify_one();
        });
    }
}
