//! One autoscaler with members on the simulated server, a controller that makes and removes pods, and a leader that can be
//! replaced.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::conditions::reason;
use autoscaler_core::{Replicas, Seconds};
use kube::core::DynamicObject;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::brokers::Brokers;
use crate::context::Context;
use crate::context::simulated::{Cut, Server, pods, stateful_set};
use crate::membership::{Held, Intent, tend_between};
use crate::reconcile::act::Acted;
use crate::reconcile::observe::Blocked;
use crate::reconcile::report::{report, report_look};
use crate::reconcile::{Turn, take_turn};
use crate::snapshot::Snapshot;
use crate::subject::Subject;

/// See the module.
pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) subject: Subject,
    brokers: Brokers,
    context: Context,
    newest: watch::Sender<Arc<Snapshot>>,
    epoch: u64,
    turns: u64,
    is_watch_silent: bool,
}

/// Whether a line of what was done is about a member or a size.
pub(super) fn is_act(line: &str) -> bool {
    line.starts_with("act ") || line.starts_with("scale ")
}

/// What a stored operation does: the second word of its record.
pub(super) fn work_of(line: &str) -> String {
    line.split(' ').nth(2).unwrap_or_default().to_owned()
}

impl Stage {
    pub(super) fn new(replicas: u32) -> Self {
        let server = Server::default();
        let brokers = Brokers::new(&server, replicas);
        let context = server.context_with(Arc::new(brokers.clone()), 1);
        server.put("web", "StatefulSet", &json!({"membership": {"profileName": "vernemq"}}));
        server.serve(&stateful_set("web"), target(replicas));
        let none = json!({"metadata": {}, "items": []});
        server.serve("/apis/policy/v1/namespaces/default/poddisruptionbudgets", none);
        let (subject, newest) = server.take_up("web", &context.clock);
        let stage = Self {
            server,
            subject,
            brokers,
            context,
            newest,
            epoch: 1,
            turns: 0,
            is_watch_silent: false,
        };
        stage.control();
        stage
    }

    /// One look, a decision every third time, and whatever the controller and the watch do meanwhile.
    pub(super) async fn turn(&mut self, desired: u32) {
        self.control();
        self.deliver();
        let is_decision = self.turns.is_multiple_of(3);
        self.turns += 1;
        let keeper = &mut self.subject.membership;
        let wanted = Intent::wanting(
            Replicas::new(desired),
            (Replicas::new(1), Replicas::new(9)),
            Seconds::ZERO,
        );
        keeper.intent = Some(wanted);
        keeper.is_new |= is_decision;
        keeper.reference.clone_from(&self.subject.snapshot.parsed.reference);
        let retry = self.subject.snapshot.requests.retry.clone();
        let generation = self.subject.snapshot.generation;
        keeper.memory.let_retry(generation, retry.as_deref());
        tend_between(&self.context, &mut self.subject).await;
        report_look(&self.context, &mut self.subject).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    /// A whole evaluation, of what the spec itself asks for.
    pub(super) async fn evaluate(&mut self) {
        let (turn, stop) = (Turn::Evaluate, CancellationToken::new());
        take_turn(&self.context, &mut self.subject, turn, &stop).await;
    }

    /// Reports an evaluation that panicked before anybody was looked at.
    pub(super) async fn report_early(&mut self) {
        let blocked = Blocked {
            reason: reason::INTERNAL_ERROR,
            message: "x".to_owned(),
            target: None,
            now: self.subject.now(&self.context.clock),
        };
        let acted = Acted::Blocked(Box::new(blocked));
        report(&self.context, &mut self.subject, acted).await;
    }

    /// Until nothing is left to do for a while.
    pub(super) async fn until_rest(&mut self, desired: u32) {
        let mut quiet = 0;
        for _ in 0..3_000 {
            self.turn(desired).await;
            let rests = !self.subject.membership.is_busy() && self.replicas() == desired;
            quiet = if rests { quiet + 1 } else { 0 };
            if quiet > 5 {
                return;
            }
        }
        panic!("no rest: {}", self.tells());
    }

    /// Until what is held fits.
    pub(super) async fn until(&mut self, desired: u32, fits: impl Fn(&Held) -> bool) {
        for _ in 0..3_000 {
            if fits(&self.subject.membership.held) {
                return;
            }
            self.turn(desired).await;
        }
        panic!("never: {}", self.tells());
    }

    /// What is held, what was told, and what was done last.
    fn tells(&self) -> String {
        let keeper = &self.subject.membership;
        let done = self.server.done();
        let last = &done[done.len().saturating_sub(20)..];
        format!("{:?}\n{:?}\n{last:#?}", keeper.held, keeper.told())
    }

    /// What `MembershipStable` says.
    pub(super) fn stable(&self) -> &str {
        &self.subject.membership.told().unwrap().stable.2
    }

    /// Whether the next look is to come sooner than about a second after the last one.
    pub(super) fn is_in_a_hurry(&self) -> bool {
        let due = self.subject.membership.due.unwrap();
        self.context.clock.boot().since(due) > Duration::from_millis(500)
    }

    /// The operator is gone, and another one leads.
    pub(super) fn take_over(&mut self) {
        self.server.cut(None);
        self.epoch += 1;
        self.context = self.server.context_with(Arc::new(self.brokers.clone()), self.epoch);
        (self.subject, self.newest) = self.server.take_up("web", &self.context.clock);
    }

    /// Until the operator is cut off there, and another one leads.
    pub(super) async fn until_taken_over(&mut self, desired: u32, cut: Cut) {
        self.server.cut(Some(cut));
        for _ in 0..200 {
            self.turn(desired).await;
            if self.server.is_cut() {
                return self.take_over();
            }
        }
        panic!("{cut:?} is never reached: {}", self.tells());
    }

    /// The kubelet starts the process of a pod again that has ended, if the pod is there.
    pub(super) fn start_again(&self, ordinal: u32) {
        self.brokers.start_again(ordinal);
    }

    /// So long it takes until an act can be sent to a member.
    pub(super) fn hesitate(&self, time: Duration) {
        self.brokers.hesitate(time);
    }

    /// A pod that is still to come does not find the cluster.
    pub(super) fn lose(&self, ordinal: u32) {
        self.brokers.lose(ordinal);
    }

    /// It finds it right after the next look, before anything follows from that.
    pub(super) fn find_after_the_next_look(&self, ordinal: u32) {
        self.brokers.find_after_the_next_look(ordinal);
    }

    /// The watch says nothing for a while.
    pub(super) fn silence_the_watch(&mut self) {
        self.is_watch_silent = true;
    }

    /// The lease is lost.
    pub(super) fn depose(&mut self) {
        self.context = self.server.deposed(Arc::new(self.brokers.clone()));
    }

    pub(super) fn looks(&self) -> u32 {
        self.brokers.looks()
    }

    pub(super) fn members(&self) -> Vec<u32> {
        self.brokers.members()
    }

    pub(super) fn replicas(&self) -> u32 {
        let target = self.server.found(&stateful_set("web")).unwrap();
        u32::try_from(target["spec"]["replicas"].as_u64().unwrap()).unwrap()
    }

    pub(super) fn object(&self) -> Value {
        self.server.object("web")
    }

    pub(super) fn annotate(&self, name: &str, value: &str) {
        let name = format!("metricautoscaler.dev/{name}");
        self.server
            .edit("web", |object| object["metadata"]["annotations"] = json!({name: value}));
    }

    /// Somebody else sets the size.
    pub(super) fn scale_by_hand(&self, replicas: u32) {
        self.server.serve(&stateful_set("web"), target(replicas));
    }

    /// The controller of the target: as many pods as there are to be.
    fn control(&self) {
        let replicas = self.replicas();
        let items: Vec<Value> = (0..replicas).map(|ordinal| self.pod(ordinal)).collect();
        for ordinal in 0..10 {
            let path = format!("{}/web-{ordinal}", pods());
            let is_there = ordinal < replicas;
            self.brokers.pod(ordinal, is_there);
            if is_there {
                self.server.serve(&path, self.pod(ordinal));
            } else {
                self.server.unserve(&path);
            }
        }
        self.server.serve(&pods(), json!({"metadata": {}, "items": items}));
    }

    fn pod(&self, ordinal: u32) -> Value {
        let ready = if self.brokers.is_ready(ordinal) {
            "True"
        } else {
            "False"
        };
        json!({
            "metadata": {
                "name": format!("web-{ordinal}"), "namespace": "default", "uid": format!("uid-{ordinal}"),
                "labels": {"app": "web"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "t-1", "controller": true}],
            },
            "spec": {"containers": []},
            "status": {"podIP": format!("10.0.0.{ordinal}"), "conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    /// The watch delivers the newest version.
    fn deliver(&mut self) {
        if self.is_watch_silent {
            return;
        }
        let object: DynamicObject = serde_json::from_value(self.object()).unwrap();
        self.newest.send_replace(Arc::new(Snapshot::of(&object).unwrap()));
        self.subject.catch_up();
    }
}

fn target(replicas: u32) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "t-1", "resourceVersion": "1", "generation": 1},
        "spec": {
            "replicas": replicas, "serviceName": "web", "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}],
        },
        "status": {"observedGeneration": 1, "currentRevision": "a", "updateRevision": "a", "replicas": replicas},
    })
}
