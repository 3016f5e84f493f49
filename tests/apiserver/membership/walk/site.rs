//! Where a walk goes on: a cluster of which some are to go, one after the other, and operators whose every call is recorded.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use autoscaler_api::MembershipProfile;
use autoscaler_testkit::kubelet::sets::SetOptions;
use autoscaler_testkit::recorder::{Call, Callee, Held, RecordedApi};
use autoscaler_testkit::vernemq::Broker;
use autoscaler_testkit::wait::patiently;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::numbers::{Measured, Record};
use super::super::stage::Stage;
use super::point::{END, Point, SOFT, VERIFYING, effect};
use crate::shared::repository;
use crate::world::Operator;

pub(in super::super) const PATIENCE: Duration = Duration::from_mins(5);

/// So many at once: whoever is there mostly waits.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, usize::from);
    Semaphore::new(4 * cores)
});

/// See the module.
pub(in super::super) struct Site {
    pub(in super::super) stage: Stage,
    api: RecordedApi,
    record: Record,
    /// What was acknowledged.
    pub(in super::super) published: Vec<String>,
    _turn: SemaphorePermit<'static>,
}

impl Site {
    /// So many members, each with a session; what is sent may be under way for so many seconds.
    pub(in super::super) async fn new(name: &str, members: u32, in_flight: u32) -> Self {
        Self::of(name, members, in_flight, |_| ()).await
    }

    /// The same with a set that differs.
    pub(in super::super) async fn of(
        name: &str,
        members: u32,
        in_flight: u32,
        differ: impl Fn(&mut SetOptions<'_>),
    ) -> Self {
        let turn = TURNS.acquire().await.unwrap();
        // The chart has 90: long enough for another replica to take over before the node that left serves clients alone (M2).
        let slow = |options: &mut SetOptions<'_>| {
            options.ready_after = 60;
            differ(options);
        };
        let stage = Stage::of(name, members, slow).await;
        install_profile(&stage, in_flight).await;
        let api = RecordedApi::start(stage.world.plane, stage.kubelet.log().clone());
        let mut site = Self {
            api,
            record: Record::of(&stage).await,
            stage,
            published: Vec::new(),
            _turn: turn,
        };
        for ordinal in site.stage.ordinals(members) {
            site.publish(ordinal).await;
        }
        site
    }

    /// A session at this member with messages that wait for it.
    async fn publish(&mut self, ordinal: u32) {
        let client = format!("client-{ordinal}");
        let messages: Vec<String> = (0..3).map(|number| format!("{client}-{number}")).collect();
        let broker = self.broker(ordinal).unwrap();
        broker.connect(&client).await.unwrap();
        broker.disconnect(&client).await.unwrap();
        broker.publish(&client, &messages).await.unwrap();
        self.published.extend(messages);
    }

    pub(in super::super) fn broker(&self, ordinal: u32) -> Option<Broker> {
        let (namespace, pod) = (&self.stage.world.namespace, format!("broker-{ordinal}"));
        let address = self.stage.kubelet.address(namespace, &pod);
        address.map(|address| Broker::at(address.into()))
    }

    /// Its lease is long enough for a busy machine, and short enough to be waited for.
    pub(in super::super) async fn operator(&self, name: &str) -> Operator {
        let world = &self.stage.world;
        let flags = ["--lease-duration", "15"];
        world.start_operator_via(self.api.address(), name, &flags).await
    }

    /// The same once it has the lease.
    pub(super) async fn operator_that_leads(&self, name: &str) -> Operator {
        let operator = self.operator(name).await;
        let leases: Api<Lease> = Api::namespaced(self.stage.world.client.clone(), &self.stage.world.namespace);
        patiently(&format!("{name} leads"), PATIENCE, || async {
            let lease = leases
                .get("metric-autoscaler")
                .await
                .map_err(|error| error.to_string())?;
            let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
            // A suffix tells processes of one name apart.
            holder.starts_with(&format!("{name}_")).then_some(()).ok_or(holder)
        })
        .await;
        operator
    }

    /// The lease of a leader that was killed ends in a second: nobody is left who would count on it.
    pub(in super::super) async fn let_lease_expire(&self) {
        let world = &self.stage.world;
        let leases: Api<Lease> = Api::namespaced(world.client.clone(), &world.namespace);
        let soon = Patch::Merge(json!({"spec": {"leaseDurationSeconds": 1}}));
        leases
            .patch("metric-autoscaler", &PatchParams::default(), &soon)
            .await
            .unwrap();
    }

    /// An autoscaler that wants what there is, by a profile whose times are short.
    pub(in super::super) async fn autoscale(&self) {
        let world = &self.stage.world;
        let members = world.replicas("StatefulSet", "broker").await;
        self.shrink(members).await;
        let more = format!("  membership: {{profileName: {}}}\n", world.namespace);
        world.autoscale("broker", "StatefulSet", "broker", &more).await;
    }

    /// Asks for so many.
    pub(in super::super) async fn shrink(&self, to: u32) {
        self.stage.world.set_load(f64::from(to) * 100.0).await;
    }

    /// Waits until there are so many, and nothing is under way.
    pub(in super::super) async fn rests_with(&self, members: u32) {
        self.stage.wait_members(members).await;
        self.stage.wait_rest().await;
        patiently("no finalizer", PATIENCE, || async {
            self.stage.finalizers().await.is_empty()
        })
        .await;
    }

    /// The next call that does that is held at that side.
    pub(super) fn hold(&self, point: Point) -> Held {
        // A status that tells how the operation before this one has ended is not its end.
        let has_begun = AtomicBool::new(point.effect != END);
        let is_it = move |call: &Call| {
            let effect = effect(call).unwrap_or_default();
            has_begun.fetch_or(effect == VERIFYING, Ordering::SeqCst);
            effect == point.effect && has_begun.load(Ordering::SeqCst)
        };
        self.stage.kubelet.log().hold(point.side, is_it)
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.stage.operators_calls()
    }

    /// How often this was sent, whether or not it arrived.
    pub(in super::super) fn tried(&self, wanted: &str) -> usize {
        let is_it = |call: &&Call| effect(call).as_deref() == Some(wanted);
        self.calls().iter().filter(is_it).count()
    }

    /// How often this arrived.
    pub(in super::super) fn times(&self, wanted: &str) -> usize {
        let is_it = |call: &&Call| call.is_passed_on && effect(call).as_deref() == Some(wanted);
        self.calls().iter().filter(is_it).count()
    }

    /// Listeners of so many pods that are closed, or suspended.
    pub(in super::super) async fn listeners_that_do_not_run(&self, pods: u32) -> Vec<String> {
        let mut found = Vec::new();
        for ordinal in self.stage.ordinals(pods) {
            let inside = self.broker(ordinal).unwrap().inside().await.unwrap();
            let rows = inside.listeners.iter().filter(|row| row["status"] != "running");
            found.extend(rows.map(|row| format!("broker-{ordinal}: {row}")));
        }
        found
    }

    /// Edits the profile of this site, as its admin does.
    pub(in super::super) async fn edit_profile(&self, spec: Value) {
        let world = &self.stage.world;
        let profiles: Api<MembershipProfile> = Api::all(world.client.clone());
        let patch = Patch::Merge(json!({"spec": spec}));
        profiles
            .patch(&world.namespace, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// Whether this very call has been answered, or its pod is gone.
    pub(super) fn is_over(&self, call: &Call) -> bool {
        let is_it = |known: &&Call| (known.at, &known.path, &known.caller) == (call.at, &call.path, &call.caller);
        let is_answered = self.calls().iter().filter(is_it).any(|known| known.answered.is_some());
        let Callee { namespace, pod, .. } = &call.callee;
        let is_gone = pod.starts_with("broker-") && self.stage.kubelet.address(namespace, pod).is_none();
        is_answered || is_gone
    }

    /// How often an operator asked the first member whom it lists.
    pub(super) fn looks(&self) -> usize {
        let is_look = |call: &&Call| call.callee.pod == "broker-0" && call.path.starts_with("/api/v1/cluster/show");
        self.calls().iter().filter(is_look).count()
    }

    /// What no final state shows.
    pub(in super::super) fn broken(&self) -> Vec<String> {
        let mut broken = self.record.broken(&self.stage);
        // What may be repeated is, at most once for a crash; to leave for good is `broken_rules`' own.
        let too_often = self.soft_leaves().into_iter().filter(|(_, times)| *times > 2);
        broken.extend(too_often.map(|(pod, times)| format!("{pod} was made to leave softly {times} times")));
        broken
    }

    /// How often each pod was made to leave softly.
    fn soft_leaves(&self) -> BTreeMap<String, usize> {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        let calls = self.calls().into_iter();
        for call in calls.filter(|call| call.is_passed_on && effect(call).as_deref() == Some(SOFT)) {
            *times.entry(call.callee.pod).or_default() += 1;
        }
        times
    }

    /// What was stored and done, in order: when, by whom, and whether it arrived.
    pub(super) fn story(&self) -> Vec<String> {
        let told = |call: Call| {
            let effect = effect(&call)?;
            let Call { at, caller, callee, .. } = call;
            let (passed, heard) = (call.is_passed_on, call.heard);
            Some(format!(
                "{at} {caller} > {}: {effect}; arrived {passed}, heard {heard:?}",
                callee.pod
            ))
        };
        self.calls().into_iter().filter_map(told).collect()
    }

    /// What this operation adds to the numbers.
    pub(in super::super) fn measured(&self) -> Measured {
        let mut measured = self.record.measured(&self.stage);
        let most = self.soft_leaves().into_values().max().unwrap_or(0);
        measured.most_repeats = most.saturating_sub(1);
        measured
    }
}

/// VerneMQ's own profile, for a cluster whose times are a twentieth of VerneMQ's.
async fn install_profile(stage: &Stage, in_flight: u32) {
    let namespace = &stage.world.namespace;
    let shipped = std::fs::read_to_string(repository().join("config/profiles/vernemq.yaml")).unwrap();
    let mut profile = shipped;
    for (slow, quick) in [
        ("  name: vernemq\nspec:", format!("  name: {namespace}\nspec:")),
        ("gossipSeconds: 30", "gossipSeconds: 2".to_owned()),
        ("retrySeconds: 30", "retrySeconds: 2".to_owned()),
        ("inFlightSeconds: 90", format!("inFlightSeconds: {in_flight}")),
        ("settleSeconds: 30", "settleSeconds: 2".to_owned()),
        // A client that does not go is waited for as long as the test wants.
        ("value: \"300\"", "value: \"100000\"".to_owned()),
    ] {
        assert!(profile.contains(slow), "{slow}");
        profile = profile.replace(slow, &quick);
    }
    stage.world.create(&profile).await;
}
