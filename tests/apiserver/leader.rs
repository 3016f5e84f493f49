//! Two operators, one leader: whatever is done to either of them, to their network or to their Lease.

use autoscaler_testkit::process::{Process, ProcessSpec};
use autoscaler_testkit::tcp_proxy::TcpProxy;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use rstest::rstest;
use serde_json::json;

use crate::shared::{operator_binary, plane};
use crate::world::{DEADLINE, Operator, World, assert_contains};

/// What operators of a world are started with.
const LEASE: SignedDuration = SignedDuration::from_secs(15);

/// A lease so long that nothing in a test can happen because it has expired.
const LONG: &[&str] = &["--lease-duration=3600"];

impl World {
    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn lease(&self) -> LeaseSpec {
        let lease = self.leases().get_opt("metric-autoscaler").await.unwrap();
        lease.and_then(|lease| lease.spec).unwrap_or_default()
    }

    /// Waits until the operator of that name holds the lease, and returns the lease as it is then.
    async fn wait_holder(&self, name: &str) -> LeaseSpec {
        eventually(&format!("{name} holds the lease"), DEADLINE, || async {
            let lease = self.lease().await;
            if is_held_by(&lease, name) {
                Ok(lease)
            } else {
                Err(format!("{lease:?}"))
            }
        })
        .await
    }

    /// A leader `a` and a standby `b`.
    async fn two(&self, flags: &[&str]) -> (Operator, Operator) {
        let leader = self.operator_with("a", flags).await;
        let standby = self.operator_with("b", flags).await;
        (leader, standby)
    }
}

impl Operator {
    async fn leads(&self) -> bool {
        self.metric("metric_autoscaler_leader", "").await > 0.5
    }

    async fn wait_leads(&self, leads: bool) {
        let what = if leads { "it leads" } else { "it leads no more" };
        eventually(what, DEADLINE, || async { self.leads().await == leads }).await;
    }

    async fn scale_writes(&self) -> f64 {
        self.metric("metric_autoscaler_api_requests_total", "resource=\"deployments/scale\"")
            .await
    }
}

fn is_held_by(lease: &LeaseSpec, name: &str) -> bool {
    // The rest of the name is random.
    let holder = lease.holder_identity.as_deref().unwrap_or_default();
    holder.split_once('_').is_some_and(|(before, _)| before == name)
}

fn acquired(lease: &LeaseSpec) -> Timestamp {
    lease.acquire_time.as_ref().unwrap().0
}

fn renewed(lease: &LeaseSpec) -> Timestamp {
    lease.renew_time.as_ref().unwrap().0
}

#[tokio::test]
async fn of_two_operators_one_leads_and_both_are_ready() {
    let world = World::new("leader").await;
    let (leader, standby) = world.two(&[]).await;
    let first = world.wait_holder("a").await;
    assert_eq!(
        (first.lease_duration_seconds, first.lease_transitions),
        (Some(15), Some(1))
    );
    eventually("the lease is renewed", DEADLINE, || async {
        renewed(&world.lease().await) > renewed(&first)
    })
    .await;
    assert_eq!((leader.leads().await, standby.leads().await), (true, false));
    for operator in [&leader, &standby] {
        for path in ["/readyz", "/healthz"] {
            assert_eq!(operator.get(path).await.unwrap(), (200, "ok\n".to_owned()));
        }
        let (status, metrics) = operator.get("/metrics").await.unwrap();
        assert_eq!(status, 200);
        assert_contains(&metrics, "\nmetric_autoscaler_build_info{version=");
        assert_contains(&metrics, "# EOF\n");
    }
}

#[tokio::test]
async fn a_killed_leader_is_followed_after_its_lease() {
    let world = World::new("leader").await;
    let (leader, standby) = world.two(&[]).await;
    world.wait_holder("a").await;
    leader.process.kill();
    let last = world.lease().await;
    let next = world.wait_holder("b").await;
    let gap = acquired(&next).duration_since(renewed(&last));
    // As soon as it may, or at one of the next attempts if the machine is busy; but never before.
    assert!(gap >= LEASE && gap < LEASE * 2, "taken over after {gap:?}");
    assert_eq!(next.lease_transitions, Some(2));
    standby.wait_leads(true).await;
}

#[tokio::test]
async fn a_leader_stopped_past_its_lease_stands_by_when_it_resumes() {
    let world = World::new("leader").await;
    world.set_load(200.0).await;
    world.workload("Deployment", "web", 2).await;
    let (leader, standby) = world.two(&[]).await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.set_load(300.0).await;
    world.wait_wanted("Deployment", "web", 3).await;
    leader.wait_evaluations(2).await;
    let written = leader.scale_writes().await;
    assert!(written > 0.5, "the leader has scaled");

    leader.process.pause().unwrap();
    world.wait_holder("b").await;
    world.set_load(600.0).await;
    world.wait_wanted("Deployment", "web", 6).await;
    leader.process.resume().unwrap();

    leader.wait_leads(false).await;
    leader.wait_ready().await;
    standby.wait_evaluations(3).await;
    assert_eq!(world.replicas("Deployment", "web").await, 6);
    assert!(
        (leader.scale_writes().await - written).abs() < 0.5,
        "it has scaled in a term that was over"
    );
    let lease = world.lease().await;
    assert!(
        is_held_by(&lease, "b") && lease.lease_transitions == Some(2),
        "{lease:?}"
    );
}

#[tokio::test]
async fn a_leader_told_to_end_gives_the_lease_up() {
    let world = World::new("leader").await;
    let (leader, standby) = world.two(LONG).await;
    world.wait_holder("a").await;
    let status = leader.process.terminate(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", leader.process.log_tail(20));
    // Within an hour that would not happen by itself.
    world.wait_holder("b").await;
    standby.wait_leads(true).await;
    let status = standby.process.terminate(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(0));
    let left = world.lease().await;
    assert_eq!((left.holder_identity.as_deref(), left.acquire_time), (Some(""), None));
}

#[tokio::test]
async fn a_standby_told_to_end_leaves_the_lease_alone() {
    let world = World::new("leader").await;
    let (leader, standby) = world.two(&[]).await;
    world.wait_holder("a").await;
    let status = standby.process.terminate(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(is_held_by(&world.lease().await, "a") && leader.leads().await);
}

#[rstest]
#[case::deleted(None)]
#[case::erased(Some(json!({"holderIdentity": ""})))]
#[case::shortened(Some(json!({"leaseDurationSeconds": 1})))]
#[tokio::test]
async fn a_leader_repairs_a_lease_that_a_person_has_damaged(#[case] edit: Option<serde_json::Value>) {
    let world = World::new("leader").await;
    let (leader, standby) = world.two(&["--lease-duration=60"]).await;
    let before = world.wait_holder("a").await;
    let (leases, name) = (world.leases(), "metric-autoscaler");
    match edit {
        Some(spec) => {
            let edit = Patch::Merge(json!({ "spec": spec }));
            leases.patch(name, &PatchParams::default(), &edit).await.unwrap();
        }
        None => drop(leases.delete(name, &DeleteParams::default()).await.unwrap()),
    }
    eventually("the lease is as it was", DEADLINE, || async {
        let after = LeaseSpec {
            renew_time: before.renew_time.clone(),
            ..world.lease().await
        };
        if after == before {
            Ok(())
        } else {
            Err(format!("{after:?}"))
        }
    })
    .await;
    assert_eq!((leader.leads().await, standby.leads().await), (true, false));
}

#[tokio::test]
async fn a_lease_that_names_a_stranger_has_no_leader_until_it_expires() {
    let world = World::new("leader").await;
    let (leader, standby) = world.two(&[]).await;
    world.wait_holder("a").await;
    let edited = Timestamp::now();
    let stranger = Patch::Merge(json!({"spec": {"holderIdentity": "stranger"}}));
    world
        .leases()
        .patch("metric-autoscaler", &PatchParams::default(), &stranger)
        .await
        .unwrap();
    leader.wait_leads(false).await;
    let next = eventually("a replica takes the lease", DEADLINE, || async {
        let lease = world.lease().await;
        (is_held_by(&lease, "a") || is_held_by(&lease, "b")).then_some(lease)
    })
    .await;
    let gap = acquired(&next).duration_since(edited);
    assert!(gap >= LEASE, "taken over after {gap:?}");
    let leaders = (leader.leads().await, standby.leads().await);
    assert!(leaders != (true, true), "both lead");
}

#[derive(Debug, Clone, Copy)]
enum Failure {
    Cut,
    Silent,
}

#[rstest]
#[case(Failure::Cut)]
#[case(Failure::Silent)]
#[tokio::test]
async fn a_leader_cut_off_from_the_api_server_stops_before_another_can_start(#[case] failure: Failure) {
    let world = World::new("leader").await;
    world.set_load(200.0).await;
    world.workload("Deployment", "web", 2).await;
    let network = TcpProxy::start(world.plane.api_server_address());
    let leader = world.start_operator_via(network.address(), "a", &[]).await;
    leader.wait_ready().await;
    let standby = world.operator_with("b", &[]).await;
    world.autoscale("web", "Deployment", "web", "").await;
    world.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    match failure {
        Failure::Cut => network.cut(),
        Failure::Silent => network.black_hole(),
    }
    world.set_load(500.0).await;
    eventually("the standby takes over", DEADLINE, || async {
        let is_taken = is_held_by(&world.lease().await, "b");
        assert!(
            !(is_taken && leader.leads().await),
            "the lease is taken, and the old leader still leads"
        );
        is_taken
    })
    .await;
    world.wait_wanted("Deployment", "web", 5).await;
    eventually("the old leader is not ready", DEADLINE, || async {
        let (status, text) = leader.get("/readyz").await.unwrap();
        if status == 503 { Ok(()) } else { Err(text) }
    })
    .await;
    world.set_load(300.0).await;
    world.wait_wanted("Deployment", "web", 3).await;

    // What the old leader had sent arrives now, if it ever left.
    network.restore();
    leader.wait_ready().await;
    standby.wait_evaluations(3).await;
    assert_eq!(world.replicas("Deployment", "web").await, 3);
    assert!(is_held_by(&world.lease().await, "b"));
    assert_eq!((leader.leads().await, standby.leads().await), (false, true));
}

#[tokio::test]
async fn an_operator_without_an_api_server_says_so_and_lives() {
    let world = World::new("leader").await;
    let network = TcpProxy::start(world.plane.api_server_address());
    network.cut();
    let operator = world.start_operator_via(network.address(), "a", &[]).await;
    let unready = eventually("it answers", DEADLINE, || operator.get("/readyz")).await;
    assert_eq!(unready, (503, "lease: the Lease cannot be watched\n".to_owned()));
    assert_eq!(operator.get("/healthz").await.unwrap(), (200, "ok\n".to_owned()));
    network.restore();
    operator.wait_ready().await;
    world.wait_holder("a").await;
}

#[tokio::test]
async fn a_lease_too_short_for_its_writes_is_refused_at_the_start() {
    let world = World::new("leader").await;
    let operator = world.start_operator("a", &["--lease-duration=3"]).await;
    let status = operator.process.wait_exit(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(1));
    assert_contains(&operator.process.log_tail(5), "make the lease at least 6 s long");
}

#[tokio::test]
async fn an_environment_that_could_redirect_the_operator_is_refused_at_the_start() {
    let directory = plane().await.directory();
    let spec = ProcessSpec::new("redirected", operator_binary(), directory.join("redirected.log"))
        .env("KUBE_RS_DEBUG_OVERRIDE_URL", "http://127.0.0.1:1");
    let process = Process::spawn(&spec).unwrap();
    let status = process.wait_exit(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(1));
    assert_contains(&process.log_tail(5), "KUBE_RS_DEBUG_OVERRIDE_URL is set");
}
