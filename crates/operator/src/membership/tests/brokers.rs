//! Members that leave in two steps, as VerneMQ's do: the first closes the door, the second makes the member leave and stop.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoscaler_core::membership::{Effect, Fact, Operation, Reply, View};
use autoscaler_members::{Cluster, Compiled, Found, Members, Questions, Subject};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::context::simulated::{Server, stateful_set};
use crate::membership::{Broker, MaySend};

/// See the module. Clones are the same members.
#[derive(Debug, Clone)]
pub(super) struct Brokers {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    members: BTreeSet<u32>,
    soft: BTreeSet<u32>,
    stopped: BTreeSet<u32>,
    looks: u32,
    hesitates: Duration,
    /// Pods that do not find the cluster.
    lost: BTreeSet<u32>,
    /// One of them finds it right after the next look.
    finds_it: Option<u32>,
}

impl Brokers {
    pub(super) fn new(server: &Server, count: u32) -> Self {
        let state = State {
            members: (0..count).collect(),
            ..State::default()
        };
        Self {
            server: server.clone(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn members(&self) -> Vec<u32> {
        self.state.lock().unwrap().members.iter().copied().collect()
    }

    /// How often they were asked.
    pub(super) fn looks(&self) -> u32 {
        self.state.lock().unwrap().looks
    }

    /// So long it takes until a request can be sent.
    pub(super) fn hesitate(&self, time: Duration) {
        self.state.lock().unwrap().hesitates = time;
    }

    /// A pod that is still to come does not find the cluster.
    pub(super) fn lose(&self, ordinal: u32) {
        self.state.lock().unwrap().lost.insert(ordinal);
    }

    /// It finds it right after the next look, before anything follows from that.
    pub(super) fn find_after_the_next_look(&self, ordinal: u32) {
        self.state.lock().unwrap().finds_it = Some(ordinal);
    }

    /// A new pod joins; one whose pod is gone is stopped no more.
    pub(super) fn pod(&self, ordinal: u32, is_there: bool) {
        let mut state = self.state.lock().unwrap();
        let is_well = !state.stopped.contains(&ordinal) && !state.soft.contains(&ordinal);
        if is_there && is_well && !state.lost.contains(&ordinal) {
            state.members.insert(ordinal);
        }
        if !is_there {
            state.stopped.remove(&ordinal);
            state.soft.remove(&ordinal);
        }
    }

    /// The kubelet starts the process of a pod again; whoever has left finds nobody, and serves clients alone.
    pub(super) fn start_again(&self, ordinal: u32) {
        let mut state = self.state.lock().unwrap();
        state.stopped.remove(&ordinal);
        state.soft.remove(&ordinal);
    }

    pub(super) fn is_ready(&self, ordinal: u32) -> bool {
        let state = self.state.lock().unwrap();
        !state.soft.contains(&ordinal) && !state.stopped.contains(&ordinal) && !state.lost.contains(&ordinal)
    }

    fn found(&self, profile: &Compiled, cluster: &Cluster, about: u32, steps: usize) -> Found {
        let mut state = self.state.lock().unwrap();
        state.looks += 1;
        let name = |ordinal: u32| Members::name(profile, cluster, ordinal);
        let lists: Vec<String> = state.members.iter().map(|member| name(*member)).collect();
        let view = |ordinal: u32| View {
            ordinal,
            lists: (!state.stopped.contains(&ordinal)).then(|| {
                if state.members.contains(&ordinal) {
                    lists.clone()
                } else {
                    vec![name(ordinal)]
                }
            }),
            is_healthy: if state.stopped.contains(&ordinal) {
                Fact::Unknown
            } else {
                Fact::Yes
            },
        };
        let (is_stopped, is_soft) = (state.stopped.contains(&about), state.soft.contains(&about));
        let drained = Fact::from(!state.members.contains(&about));
        let sessions = if is_soft || state.lost.contains(&about) { 0 } else { 7 };
        let mut done = vec![drained; steps];
        let mut residue = vec![Fact::No; steps];
        if let (Some(done), Some(residue)) = (done.first_mut(), residue.first_mut()) {
            *done = drained.max(is_soft.into());
            *residue = is_soft.into();
        }
        let found = Found {
            views: cluster.pods.iter().map(|pod| view(pod.ordinal)).collect(),
            subject: Subject {
                is_stopped: is_stopped.into(),
                is_leaving: if is_stopped { Fact::Unknown } else { Fact::No },
                sessions: (!is_stopped).then_some(sessions),
            },
            gates: Vec::new(),
            done,
            residue,
            drained,
            progress: None,
            trouble: Vec::new(),
        };
        if let Some(ordinal) = state.finds_it.take() {
            state.lost.remove(&ordinal);
            state.members.insert(ordinal);
            // That its pod is Ready is a new version of the target.
            self.server.touch(&stateful_set("web"));
        }
        found
    }

    fn carry_out(&self, ordinal: u32, effect: Effect) -> Reply {
        let (arrives, answered) = self.server.arrives(&format!("act {effect:?}"));
        if arrives {
            let mut state = self.state.lock().unwrap();
            match effect {
                Effect::Drain(0) => drop(state.soft.insert(ordinal)),
                Effect::Drain(_) => {
                    state.members.remove(&ordinal);
                    state.stopped.insert(ordinal);
                }
                Effect::Undo(_) => drop(state.soft.remove(&ordinal)),
                Effect::Forget => drop(state.members.remove(&ordinal)),
                Effect::Lower { .. } | Effect::Raise { .. } => unreachable!("that is no act on a member"),
            }
        }
        if answered { Reply::Expected } else { Reply::Unclear }
    }
}

impl Broker for Brokers {
    fn look<'a>(
        &'a self,
        profile: &'a Compiled,
        cluster: &'a Cluster,
        about: Option<u32>,
        _: Option<&'a Operation>,
        _: &'a dyn Questions,
    ) -> BoxFuture<'a, Found> {
        let steps = profile.machine().drain.len();
        let found = self.found(profile, cluster, about.unwrap_or_default(), steps);
        std::future::ready(found).boxed()
    }

    fn act<'a>(
        &'a self,
        _: &'a Compiled,
        _: &'a Cluster,
        operation: &'a Operation,
        effect: Effect,
        may_send: MaySend,
    ) -> BoxFuture<'a, Reply> {
        let ordinal = operation.member.ordinal;
        async move {
            let hesitates = self.state.lock().unwrap().hesitates;
            tokio::time::sleep(hesitates).await;
            if may_send(Duration::from_secs(10)) {
                self.carry_out(ordinal, effect)
            } else {
                Reply::Unclear
            }
        }
        .boxed()
    }
}
