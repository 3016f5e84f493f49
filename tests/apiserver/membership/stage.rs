//! A world with a broker of so many members on a node of its own.

use std::path::Path;
use std::time::Duration;

use autoscaler_testkit::kubelet::Kubelet;
use autoscaler_testkit::kubelet::sets::{SetOptions, vernemq};
use autoscaler_testkit::recorder::Call;
use autoscaler_testkit::vernemq::{Broker, TEST};
use autoscaler_testkit::wait::patiently;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use crate::shared::operator_binary;
use crate::world::World;

/// An operation takes as long as its profile says, and the machine may be busy.
pub(super) const PATIENCE: Duration = Duration::from_mins(15);

/// See the module.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) kubelet: Kubelet,
    /// `spec.ordinals.start`.
    pub(super) first: u32,
}

impl Stage {
    pub(super) async fn new(name: &str, members: u32) -> Self {
        Self::of(name, members, |_| ()).await
    }

    /// The same, and claims are kept.
    pub(super) async fn with_kept_claims(name: &str, members: u32) -> Self {
        Self::of(name, members, |options| options.when_scaled = "Retain").await
    }

    /// The same without the role that operations need.
    pub(super) async fn without_rights(name: &str, members: u32) -> Self {
        let stage = Self::brokers(name, members, |_| ()).await;
        stage.world.rights_are_missing();
        stage
    }

    /// A set of brokers that differs from a usual one.
    pub(super) async fn of(name: &str, members: u32, differ: impl Fn(&mut SetOptions<'_>)) -> Self {
        let stage = Self::brokers(name, members, differ).await;
        stage.give_rights().await;
        stage
    }

    async fn brokers(name: &str, members: u32, differ: impl Fn(&mut SetOptions<'_>)) -> Self {
        let program = operator_binary().with_file_name("vernemq-double");
        let set = |options: &SetOptions<'_>, _: &Path| {
            let mut options = options.clone();
            // As the chart has it, at our pace: who has left and was started again is not Ready at once.
            options.ready_after = 6;
            differ(&mut options);
            vernemq(&options, &program)
        };
        let stage = Box::pin(Self::raise(name, members, "Delete", set)).await;
        stage.set_netsplits(0.0).await;
        stage.wait_members(members).await;
        stage
    }

    /// A world with this set, whose pods are ready. What the pods have mounted elsewhere lies in the directory that `set` is
    /// given.
    pub(super) async fn raise(
        name: &str,
        members: u32,
        when_scaled: &str,
        set: impl Fn(&SetOptions<'_>, &Path) -> Value,
    ) -> Self {
        let world = World::new(name).await;
        let kubelet = Kubelet::start(world.plane, &world.namespace).await.unwrap();
        let mut options = SetOptions::new("broker", &world.namespace, kubelet.node(), members);
        options.when_scaled = when_scaled;
        let set = set(&options, &kubelet.directory().join("files"));
        let set: StatefulSet = serde_json::from_value(set).unwrap();
        let ordinals = set.spec.as_ref().and_then(|spec| spec.ordinals.as_ref());
        let first = ordinals.and_then(|ordinals| ordinals.start).unwrap_or_default();
        let sets: Api<StatefulSet> = Api::namespaced(world.client.clone(), &world.namespace);
        sets.create(&PostParams::default(), &set).await.unwrap();
        let first = u32::try_from(first).unwrap();
        let stage = Self { world, kubelet, first };
        stage.wait_pods(members).await;
        stage
    }

    /// What `docs/guide/stateful.md` says to bind.
    pub(super) async fn give_rights(&self) {
        self.world.give_rights_to_members().await;
    }

    /// And for what is in no namespace.
    pub(super) async fn give_rights_to_the_cluster(&self) {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("{}-membership", self.world.cluster_name())},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "metric-autoscaler-membership-cluster",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "metric-autoscaler", "namespace": self.world.namespace}],
        });
        self.world.plane.apply(&binding.to_string()).await.unwrap();
    }

    /// An autoscaler with 100 of this load per member.
    pub(super) async fn autoscale(&self, load: f64) {
        self.autoscale_by("vernemq", load).await;
    }

    /// The same by another profile.
    pub(super) async fn autoscale_by(&self, profile: &str, load: f64) {
        self.world.set_load(load).await;
        let more = format!("  membership: {{profileName: {profile}}}\n");
        self.world.autoscale("broker", "StatefulSet", "broker", &more).await;
    }

    /// A netsplit was seen a moment ago.
    pub(super) async fn shut_the_gate(&self) {
        self.set_netsplits(1.0).await;
        let query = format!(
            "sum(increase(vernemq_netsplit_detected{{namespace=\"{}\",pod=~\"broker-[0-9]+\"}}[5m]))",
            self.world.namespace
        );
        self.world.prometheus.wait_for(&query, |seen| seen > 0.0).await;
    }

    async fn set_netsplits(&self, count: f64) {
        let series = "vernemq_netsplit_detected{pod=\"broker-0\"}";
        self.world.exporter.set(series, count);
        let query = format!("vernemq_netsplit_detected{{namespace=\"{}\"}}", self.world.namespace);
        self.world
            .prometheus
            .wait_for(&query, |seen| (seen - count).abs() < 1e-9)
            .await;
    }

    /// Those of so many pods.
    pub(super) fn ordinals(&self, count: u32) -> std::ops::Range<u32> {
        self.first..self.first + count
    }

    pub(super) async fn wait_pods(&self, count: u32) {
        let sets: Api<StatefulSet> = Api::namespaced(self.world.client.clone(), &self.world.namespace);
        patiently(&format!("{count} ready pods"), PATIENCE, || async {
            let status = sets.get("broker").await.unwrap().status.unwrap_or_default();
            let seen = (status.replicas, status.ready_replicas.unwrap_or_default());
            let wanted = i32::try_from(count).unwrap();
            (seen == (wanted, wanted)).then_some(()).ok_or(format!("{seen:?}"))
        })
        .await;
    }

    /// Waits until every pod lists exactly so many members, all running.
    pub(super) async fn wait_members(&self, count: u32) {
        self.wait_pods(count).await;
        for ordinal in self.ordinals(count) {
            let name = format!("broker-{ordinal}");
            patiently(&format!("{name} lists {count} members"), PATIENCE, || async {
                let address = self.kubelet.address(&self.world.namespace, &name);
                let address = address.ok_or_else(|| "it does not run".to_owned())?;
                // What it knows, and not what its API tells: that may want a key.
                let members = Broker::at(address.into()).inside().await?.members;
                let is_whole = members.len() == usize::try_from(count).unwrap() && members.values().all(|runs| *runs);
                is_whole.then_some(()).ok_or(format!("{members:?}"))
            })
            .await;
        }
    }

    /// Waits until no operation is under way.
    pub(super) async fn wait_rest(&self) {
        patiently("no operation is under way", PATIENCE, || async {
            let status = self.world.status("broker").await;
            let stable = status.conditions.iter().find(|found| found.type_ == "MembershipStable");
            let rests = status.operation.is_none() && stable.is_some_and(|stable| stable.status == "True");
            rests.then_some(()).ok_or(format!("{:?} {stable:?}", status.operation))
        })
        .await;
    }

    pub(super) async fn wait_stable(&self, status: &str, reason: &str) -> String {
        self.wait("MembershipStable", status, reason).await
    }

    pub(super) async fn wait_healthy(&self, status: &str, reason: &str) -> String {
        self.wait("MembershipHealthy", status, reason).await
    }

    async fn wait(&self, condition: &str, status: &str, reason: &str) -> String {
        patiently(&format!("{condition}={status}/{reason}"), PATIENCE, || async {
            let found = self.world.status("broker").await.conditions;
            let of = found.iter().find(|found| found.type_ == condition);
            let fits = of.filter(|found| found.status == status && found.reason == reason);
            fits.map(|found| found.message.clone()).ok_or(format!("{of:?}"))
        })
        .await
    }

    /// Waits until `kubectl describe` tells this.
    pub(super) async fn wait_describe(&self, sentence: &str) {
        patiently(&format!("it is told: {sentence}"), PATIENCE, || async {
            let text = self.describe().await;
            text.contains(sentence).then_some(()).ok_or(text)
        })
        .await;
    }

    pub(super) async fn describe(&self) -> String {
        let namespace = &self.world.namespace;
        let described = self
            .world
            .plane
            .kubectl(&["describe", "mas", "broker", "-n", namespace])
            .await;
        described.unwrap().stdout
    }

    /// `kubectl annotate` of the autoscaler.
    pub(super) async fn annotate(&self, annotation: &str) {
        let arguments = [
            "annotate",
            "mas",
            "broker",
            "-n",
            &self.world.namespace,
            "--overwrite",
            annotation,
        ];
        let annotated = self.world.plane.kubectl(&arguments).await.unwrap();
        assert!(annotated.success, "{}", annotated.stderr);
    }

    /// Waits until an operation has ended so.
    pub(super) async fn wait_result(&self, beginning: &str) {
        patiently(&format!("an operation ends: {beginning}"), PATIENCE, || async {
            let status = self.world.status("broker").await;
            let last = status
                .membership
                .and_then(|membership| membership.last_result)
                .unwrap_or_default();
            let why = format!("{last:?}, {:?}", status.conditions);
            last.contains(beginning).then_some(()).ok_or(why)
        })
        .await;
    }

    pub(super) async fn finalizers(&self) -> Vec<String> {
        let autoscaler = self.world.autoscalers().get("broker").await.unwrap();
        autoscaler.metadata.finalizers.unwrap_or_default()
    }

    /// How often the members were asked to do this, as they saw it.
    pub(super) fn calls(&self, of: &str) -> usize {
        self.kubelet
            .log()
            .calls()
            .iter()
            .filter(|call| call.path.contains(of))
            .count()
    }

    /// What operators asked and told members, and the API server where it is recorded; tests ask members too.
    pub(super) fn operators_calls(&self) -> Vec<Call> {
        let mut calls = self.kubelet.log().calls();
        calls.retain(|call| call.caller != TEST);
        calls
    }

    pub(super) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.world.client.clone(), &self.world.namespace)
    }
}
